/* SPDX-License-Identifier: MIT */
/* Bounded big-endian input with a sticky error. A failed read gives zeroes and moves to the end, so
 * that loops over lists stop; reader_finish() is asked once. No other code counts input lengths. */
#ifndef OVERLAY_BASE_READER_H
#define OVERLAY_BASE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "overlay/base/error.h"
#include "overlay/base/slice.h"

struct reader {
	const uint8_t *at;
	const uint8_t *end;
	int err; /* 0, or the first ERR_* met */
	const uint8_t *stopped; /* where in the input that was; only for messages to people */
};

static inline struct reader reader_of(struct slice bytes)
{
	return (struct reader){ bytes.data, bytes.len == 0 ? bytes.data : bytes.data + bytes.len, 0, NULL };
}

static inline size_t reader_left(const struct reader *r) { return (size_t)(r->end - r->at); }

/* True while bytes are left and nothing failed: the condition of a list loop. */
static inline bool reader_more(const struct reader *r) { return r->at != r->end; }

/* Notes `err` unless an earlier one is noted, and moves to the end. Returns r->err. */
int reader_fail(struct reader *r, int err);

uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u24(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);

/* RFC 6940 6.3.1.1 Boolean: anything but 0 and 1 is ERR_MALFORMED. */
bool reader_bool(struct reader *r);

/* `len` raw bytes, borrowed from the input; empty after a failure. */
struct slice reader_bytes(struct reader *r, size_t len);

/* Copies exactly `len` bytes to `out` (zeroes after a failure). */
void reader_copy(struct reader *r, void *out, size_t len);

/* opaque<..> with a length prefix of 1, 2, 3 or 4 bytes. Borrowed from the input. */
struct slice reader_opaque8(struct reader *r);
struct slice reader_opaque16(struct reader *r);
struct slice reader_opaque24(struct reader *r);
struct slice reader_opaque32(struct reader *r);

/* A reader for the bytes behind a length prefix. The outer reader moves past them. When the outer one
 * fails, the inner one is empty and carries the same error. The inner one's errors do not reach the
 * outer: join them with reader_join(). */
struct reader reader_sub8(struct reader *r);
struct reader reader_sub16(struct reader *r);
struct reader reader_sub24(struct reader *r);
struct reader reader_sub32(struct reader *r);

/* Ends a sub-reader: its error, or ERR_TRAILING when it has bytes left, becomes the outer one's. */
void reader_join(struct reader *outer, struct reader *inner);

/* 0 when all went well and nothing is left; the first error, or ERR_TRAILING. */
int MUST_CHECK reader_finish(struct reader *r);

#endif
