/* SPDX-License-Identifier: MIT */
/* Tests of prng.c. */
#include "overlay/base/prng.h"

#include "test/unit/run.h"

START_TEST(prng_follows_xoshiro256_starstar)
{
	/* The first outputs from the state {1, 2, 3, 4}, worked out by hand from the definition:
	 * rotl(2 * 5, 7) * 9 = 11520, then s[1] = 1 ^ 2 ^ 3 = 0 gives 0. */
	struct prng p = { { 1, 2, 3, 4 } };

	ck_assert_uint_eq(prng_next(&p), 11520);
	ck_assert_uint_eq(prng_next(&p), 0);
	ck_assert_uint_eq(prng_next(&p), 1509978240);
	ck_assert_uint_eq(prng_next(&p), 1215971899390074240);
}
END_TEST

START_TEST(prng_repeats_for_the_same_seed)
{
	struct prng a, b, c;

	prng_seed(&a, 1);
	prng_seed(&b, 1);
	prng_seed(&c, 2);
	for (int i = 0; i < 100; i++) {
		uint64_t v = prng_next(&a);

		ck_assert_uint_eq(v, prng_next(&b));
		ck_assert_uint_ne(v, prng_next(&c));
	}
}
END_TEST

START_TEST(prng_below_stays_below_and_reaches_all)
{
	struct prng p;
	unsigned seen[7] = { 0 };

	prng_seed(&p, 3);
	for (int i = 0; i < 7000; i++)
		seen[prng_below(&p, 7)]++;
	for (int i = 0; i < 7; i++)
		ck_assert_uint_gt(seen[i], 800);
	ck_assert_uint_eq(prng_below(&p, 1), 0);
	ck_assert_uint_lt(prng_below(&p, UINT64_MAX), UINT64_MAX);
}
END_TEST

int main(void)
{
	return RUN_TESTS("prng", prng_follows_xoshiro256_starstar, prng_repeats_for_the_same_seed,
			 prng_below_stays_below_and_reaches_all);
}
