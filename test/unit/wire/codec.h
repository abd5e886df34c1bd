/* SPDX-License-Identifier: MIT */
/* What every codec must do with the bytes of one of its structures. */
#ifndef TEST_UNIT_WIRE_CODEC_H
#define TEST_UNIT_WIRE_CODEC_H

#include "test/fuzz/round_trip.h"
#include "test/unit/run.h"

/* Decoding the first `len` of `bytes`, from a block of just that size, with `extra` bytes added. */
static inline bool codec_accepts(const struct round_trip *codec, struct slice bytes, size_t len, size_t extra)
{
	uint8_t *block = memory_alloc(len + extra);
	struct reader r = reader_of(slice_of(block, len + extra));
	struct arena a;
	bool accepted;

	if (len > 0)
		memcpy(block, bytes.data, len);
	arena_init(&a, ROUND_TRIP_ARENA_CAP);
	accepted = codec->get(&r, &a) != NULL;
	arena_free(&a);
	free(block);
	return accepted;
}

/* `bytes` decode and encode to the same bytes; each shorter prefix and one byte more fail; encoding fails
 * in every smaller buffer. */
static inline void codec_check(const struct round_trip *codec, struct slice bytes)
{
	struct reader r = reader_of(bytes);
	uint8_t *out = memory_alloc(bytes.len);
	struct writer w = writer_of(out, bytes.len);
	struct arena a;
	void *x;

	arena_init(&a, ROUND_TRIP_ARENA_CAP);
	x = codec->get(&r, &a);
	ck_assert_msg(x != NULL, "does not decode: %s", error_text(r.err));
	codec->put(&w, x);
	ck_assert_int_eq(w.err, 0);
	ck_assert(slice_equal(writer_slice(&w), bytes));
	for (size_t cap = 0; cap < bytes.len; cap++) {
		w = writer_of(out, cap);
		codec->put(&w, x);
		ck_assert_int_eq(w.err, ERR_LIMIT);
	}
	for (size_t len = 0; len < bytes.len; len++)
		ck_assert_msg(!codec_accepts(codec, bytes, len, 0), "accepts %zu of %zu bytes", len,
			      bytes.len);
	ck_assert(!codec_accepts(codec, bytes, bytes.len, 1));
	arena_free(&a);
	free(out);
}

/* `bytes` must be refused, with `err` unless it is 0. */
static inline void codec_refuses(const struct round_trip *codec, struct slice bytes, int err)
{
	struct reader r = reader_of(bytes);
	struct arena a;

	arena_init(&a, ROUND_TRIP_ARENA_CAP);
	ck_assert_ptr_null(codec->get(&r, &a));
	if (err != 0)
		ck_assert_int_eq(r.err, err);
	arena_free(&a);
}

#define CODEC_CHECK(codec, ...)                                                                    \
	codec_check(codec, slice_of((const uint8_t[]){ __VA_ARGS__ },                              \
				    sizeof((const uint8_t[]){ __VA_ARGS__ })))
#define CODEC_REFUSES(codec, err, ...)                                                             \
	codec_refuses(codec, slice_of((const uint8_t[]){ __VA_ARGS__ },                            \
				      sizeof((const uint8_t[]){ __VA_ARGS__ })), err)

/* 16 bytes that all are `b`: a Node-ID in a hand-written vector. */
#define ID(b) b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b

#endif
