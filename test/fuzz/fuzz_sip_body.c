/* SPDX-License-Identifier: MIT */
/* Where a message's session description stands: put back in its own place the message is the same, and another one is
 * found where it was put. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/sip/sip_body.h"
#include "usage/sip/sip_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The message with `description` in the place of its own. */
static void replace(const struct sip_message *m, struct slice own, struct slice description, struct sip_text *out)
{
	size_t at = (size_t)(own.data - m->body.data), behind = at + own.len;
	struct sip_text body = { 0 };
	struct sip_edit e;

	sip_text_bytes(&body, slice_of(m->body.data, at));
	sip_text_bytes(&body, description);
	sip_text_bytes(&body, slice_of(m->body.data + behind, m->body.len - behind));
	sip_edit_begin(&e, m);
	sip_edit_body(&e, sip_text_slice(&body));
	invariant(sip_edit_finish(&e, out) == 0);
	sip_text_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char other[] = "v=0\r\n";
	struct sip_message *m = memory_alloc(sizeof(*m)), *again = memory_alloc(sizeof(*again));
	struct slice description = SLICE_EMPTY, found = SLICE_EMPTY;
	struct sip_text out = { 0 };

	sip_message_setup();
	if (sip_message_parse(m, slice_of(data, size), false) == 0 &&
	    sip_body_find(m, &description) == SIP_BODY_DESCRIPTION) {
		replace(m, description, slice_text(other), &out);
		invariant(sip_message_parse(again, sip_text_slice(&out), true) == 0);
		invariant(again->content_length == (int64_t)again->body.len);
		invariant(again->body.len == m->body.len - description.len + sizeof(other) - 1);
		invariant(sip_body_find(again, &found) == SIP_BODY_DESCRIPTION);
		invariant(slice_equal(found, slice_text(other)));
	}
	sip_text_free(&out);
	free(m);
	free(again);
	return 0;
}
