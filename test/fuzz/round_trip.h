/* SPDX-License-Identifier: MIT */
/* The oracle of the codec targets: what was decoded is encoded again, and must give the same bytes, or,
 * where several encodings mean the same, bytes that decode and encode to themselves. */
#ifndef TEST_FUZZ_ROUND_TRIP_H
#define TEST_FUZZ_ROUND_TRIP_H

#include <stdint.h>

#include "overlay/base/arena.h"
#include "overlay/base/invariant.h"
#include "overlay/base/reader.h"
#include "overlay/base/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads one structure to the end of `r` into memory of `a`; NULL when it is not one. */
typedef void *round_trip_get_fn(struct reader *r, struct arena *a);
typedef void round_trip_put_fn(struct writer *w, const void *x);

struct round_trip {
	round_trip_get_fn *get;
	round_trip_put_fn *put;
	bool canonical; /* only one encoding exists */
};

/* Defines get and put of a structure `struct name` whose codec is name_get and name_put. */
#define ROUND_TRIP(name)                                                                           \
	static void *round_trip_get_##name(struct reader *r, struct arena *a)                      \
	{                                                                                          \
		struct name *x = arena_alloc(a, sizeof(*x));                                       \
                                                                                                   \
		invariant(x != NULL);                                                              \
		name##_get(r, a, x);                                                               \
		return reader_finish(r) == 0 ? x : NULL;                                           \
	}                                                                                          \
	static void round_trip_put_##name(struct writer *w, const void *x)                         \
	{                                                                                          \
		name##_put(w, x);                                                                  \
	}

#define ROUND_TRIP_ROW(name, is_canonical)                                                         \
	{                                                                                          \
		round_trip_get_##name, round_trip_put_##name, is_canonical                         \
	}

#define ROUND_TRIP_ARENA_CAP (1u << 24) /* bytes */

static inline void round_trip_run(const struct round_trip *codec, struct slice bytes)
{
	/* An unknown address may grow by nothing, an absent list by its prefix: twice the size is plenty. */
	size_t room = 2 * bytes.len + 4096;
	uint8_t *first = memory_alloc(room), *second = memory_alloc(room);
	struct writer w = writer_of(first, room), again = writer_of(second, room);
	struct reader r = reader_of(bytes);
	struct arena a;
	void *x;

	arena_init(&a, ROUND_TRIP_ARENA_CAP);
	x = codec->get(&r, &a);
	if (x != NULL) {
		codec->put(&w, x);
		invariant(w.err == 0);
		if (codec->canonical)
			invariant(slice_equal(writer_slice(&w), bytes));
		r = reader_of(writer_slice(&w));
		x = codec->get(&r, &a);
		invariant(x != NULL);
		codec->put(&again, x);
		invariant(again.err == 0 && slice_equal(writer_slice(&w), writer_slice(&again)));
	}
	arena_free(&a);
	free(first);
	free(second);
}

/* The first byte of an input chooses the structure. */
static inline int round_trip_choose(const struct round_trip *codecs, size_t count, const uint8_t *data,
				    size_t size)
{
	struct reader r = reader_of(slice_of(data, size));
	uint8_t choice = reader_u8(&r);

	if (r.err == 0)
		round_trip_run(&codecs[choice % count], reader_bytes(&r, reader_left(&r)));
	return 0;
}

#endif
