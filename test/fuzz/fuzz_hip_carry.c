/* SPDX-License-Identifier: MIT */
/* The bodies of HIP_CARRY. */
#include "overlay/wire/hip_record.h"

#include "test/fuzz/round_trip.h"

static void *round_trip_get_carry(struct reader *r, struct arena *a)
{
	struct hip_carry *x = arena_alloc(a, sizeof(*x));

	invariant(x != NULL);
	hip_carry_get(r, x);
	return reader_finish(r) == 0 ? x : NULL;
}

static void round_trip_put_carry(struct writer *w, const void *x)
{
	hip_carry_put(w, x);
}

static void *round_trip_get_answer(struct reader *r, struct arena *a)
{
	uint8_t *x = arena_alloc(a, sizeof(*x));

	invariant(x != NULL);
	hip_carry_answer_get(r, x);
	return reader_finish(r) == 0 ? x : NULL;
}

static void round_trip_put_answer(struct writer *w, const void *x)
{
	hip_carry_answer_put(w, *(const uint8_t *)x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct round_trip codecs[] = {
		ROUND_TRIP_ROW(carry, false),
		ROUND_TRIP_ROW(answer, true),
	};

	return round_trip_choose(codecs, sizeof(codecs) / sizeof(codecs[0]), data, size);
}
