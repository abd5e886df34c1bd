/* SPDX-License-Identifier: MIT */
/* Most writes fit into the socket's buffer: they cost one system call and no copy. */
#include "node/stream_write.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"

/* What the socket did not take at once. */
struct stream_rest {
	uv_write_t request; /* first: freed by its address */
	uint8_t bytes[];
};

int stream_write(uv_stream_t *stream, struct slice bytes, uv_write_cb written)
{
	uv_buf_t buffer = { (char *)bytes.data, bytes.len };
	struct stream_rest *rest;
	int n = uv_try_write(stream, &buffer, 1);

	if (n == (int)bytes.len)
		return 0;
	if (n < 0 && n != UV_EAGAIN)
		return n;
	if (n > 0)
		bytes = slice_of(bytes.data + n, bytes.len - (size_t)n);
	rest = malloc(sizeof(*rest) + bytes.len);
	invariant(rest != NULL);
	memcpy(rest->bytes, bytes.data, bytes.len);
	buffer = (uv_buf_t){ (char *)rest->bytes, bytes.len };
	n = uv_write(&rest->request, stream, &buffer, 1, written);
	if (n != 0)
		free(rest);
	return n;
}
