/* SPDX-License-Identifier: MIT */
/* Bounded big-endian output with a sticky error, into a buffer that the caller owns. */
#ifndef OVERLAY_BASE_WRITER_H
#define OVERLAY_BASE_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "overlay/base/error.h"
#include "overlay/base/slice.h"

struct writer {
	uint8_t *data;
	size_t len; /* bytes written */
	size_t cap; /* bytes there are */
	int err;    /* 0, or ERR_LIMIT once something did not fit, or ERR_MALFORMED */
};

static inline struct writer writer_of(void *buffer, size_t cap)
{
	return (struct writer){ buffer, 0, cap, 0 };
}

/* What has been written, borrowed from the buffer. Empty after an error. */
static inline struct slice writer_slice(const struct writer *w)
{
	return w->err == 0 ? slice_of(w->data, w->len) : SLICE_EMPTY;
}

void writer_fail(struct writer *w, int err);

void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u24(struct writer *w, uint32_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);
void writer_bool(struct writer *w, bool v);
void writer_bytes(struct writer *w, struct slice bytes);

/* opaque<..>: length prefix of 1, 2, 3 or 4 bytes, then the bytes. ERR_LIMIT when the length does not
 * fit its prefix. */
void writer_opaque8(struct writer *w, struct slice bytes);
void writer_opaque16(struct writer *w, struct slice bytes);
void writer_opaque24(struct writer *w, struct slice bytes);
void writer_opaque32(struct writer *w, struct slice bytes);

/* A length prefix whose value is known only later: begin reserves it and returns its place, end writes
 * the number of bytes written since. ERR_LIMIT when that number does not fit. */
size_t writer_begin8(struct writer *w);
size_t writer_begin16(struct writer *w);
size_t writer_begin24(struct writer *w);
size_t writer_begin32(struct writer *w);
void writer_end8(struct writer *w, size_t place);
void writer_end16(struct writer *w, size_t place);
void writer_end24(struct writer *w, size_t place);
void writer_end32(struct writer *w, size_t place);

/* Overwrites four bytes written before, for a length that covers the whole message. */
void writer_patch_u32(struct writer *w, size_t place, uint32_t v);

#endif
