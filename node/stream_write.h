/* SPDX-License-Identifier: MIT */
/* Bytes to a TCP connection: at once as far as the socket takes them, the rest copied and written later. */
#ifndef NODE_STREAM_WRITE_H
#define NODE_STREAM_WRITE_H

#include <uv.h>

#include "overlay/base/slice.h"

/* 0, or libuv's negative error. `written` is called only for what could not be written at once; it frees the
 * request with free(). */
int stream_write(uv_stream_t *stream, struct slice bytes, uv_write_cb written);

#endif
