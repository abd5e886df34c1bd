/* SPDX-License-Identifier: MIT */
/* Fuzz target of tools/enroll_form: the first line is a Content-Type, the rest a body of that type. */
#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "tools/enroll_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
	struct slice input = slice_of(data, size), body = SLICE_EMPTY, boundary;
	struct enroll_form form;
	char type[256];

	if (end == NULL)
		return 0;
	snprintf(type, sizeof(type), "%.*s", (int)(end - data), (const char *)data);
	body = slice_of(end + 1, input.len - (size_t)(end + 1 - data));
	(void)form_accepts(type, "application/pkix-cert");
	if (form_boundary(type, &boundary) != 0 || form_parse(body, boundary, &form) != 0)
		return 0;
	invariant(strlen(form.username) < sizeof(form.username) && strlen(form.password) < sizeof(form.password));
	invariant(form.node_ids < 1000 && form.device < 1000);
	invariant(form.csr.len == 0 ||
		  (form.csr.data >= body.data && form.csr.data + form.csr.len <= body.data + body.len));
	return 0;
}
