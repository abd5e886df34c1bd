/* SPDX-License-Identifier: MIT */
/* Puzzles: what is searched for is what is checked. */
#include "crypto/host_provider.h"
#include "test/unit/run.h"
#include "usage/hip/hip_puzzle.h"

static struct host_provider *provider;
static struct host_security security;

static void begin(void)
{
	ck_assert_int_eq(host_provider_generate(&provider, HIT_SUITE_ECDSA), 0);
	security = host_provider_port(provider);
}

static struct hip_solution solve(struct hip_puzzle_search *s, enum hit_suite suite, uint8_t k, const struct hit *i,
				 const struct hit *r)
{
	static const uint8_t bytes[HIP_RHASH_MAX] = { 1, 2, 3, 4, 5 };

	hip_puzzle_search_begin(s, &security, suite, k, slice_of(bytes, host_digest_length(suite)), i, r);
	while (!hip_puzzle_search_step(s, &security, 1000))
		continue;
	return (struct hip_solution){ k, 0, slice_of(s->i, s->len), slice_of(s->j, s->len) };
}

START_TEST(solution_is_accepted_for_its_hosts_only)
{
	static const enum hit_suite suites[] = { HIT_SUITE_RSA, HIT_SUITE_ECDSA };
	const struct hit i = { { 1 } }, r = { { 2 } };
	struct hip_puzzle_search s;
	struct hip_solution x;

	begin();
	for (size_t n = 0; n < 2; n++) {
		x = solve(&s, suites[n], 12, &i, &r);
		ck_assert(hip_puzzle_is_solved(&security, suites[n], &x, &i, &r));
		ck_assert(!hip_puzzle_is_solved(&security, suites[n], &x, &r, &i));
		ck_assert(!hip_puzzle_is_solved(&security, suites[1 - n], &x, &i, &r));
		x.k = 60;
		ck_assert(!hip_puzzle_is_solved(&security, suites[n], &x, &i, &r));
		x.k = 11;
		ck_assert(hip_puzzle_is_solved(&security, suites[n], &x, &i, &r));
		s.j[s.len - 1] ^= 1;
		x.k = 12;
		ck_assert(!hip_puzzle_is_solved(&security, suites[n], &x, &i, &r));
		x.j.len--;
		x.k = 0;
		ck_assert(!hip_puzzle_is_solved(&security, suites[n], &x, &i, &r));
	}
	host_provider_free(provider);
}
END_TEST

START_TEST(low_order_bits_are_the_last_ones)
{
	const struct hit i = { { 1 } }, r = { { 2 } };
	struct hip_puzzle_search s;
	struct hip_solution x;
	struct slice parts[4];
	uint8_t digest[HOST_DIGEST_MAX];

	begin();
	x = solve(&s, HIT_SUITE_RSA, 9, &i, &r);
	parts[0] = x.i;
	parts[1] = slice_of(i.bytes, HIT_LENGTH);
	parts[2] = slice_of(r.bytes, HIT_LENGTH);
	parts[3] = x.j;
	ck_assert_uint_eq(security.ops->digest(security.ctx, HIT_SUITE_RSA, parts, 4, digest), 32);
	ck_assert_uint_eq(digest[31], 0);
	ck_assert_uint_eq(digest[30] & 1, 0);
	host_provider_free(provider);
}
END_TEST

START_TEST(step_stops_after_its_attempts)
{
	static const uint8_t bytes[HIP_RHASH_MAX];
	const struct hit i = { { 1 } }, r = { { 2 } };
	struct hip_puzzle_search s;
	uint8_t first[HIP_RHASH_MAX];

	begin();
	hip_puzzle_search_begin(&s, &security, HIT_SUITE_RSA, 200, slice_of(bytes, 32), &i, &r);
	memset(s.j, 0xff, 32); /* the next one is zero */
	ck_assert(!hip_puzzle_search_step(&s, &security, 1));
	memset(first, 0, sizeof(first));
	ck_assert_mem_eq(s.j, first, 32);
	ck_assert(!hip_puzzle_search_step(&s, &security, 300));
	ck_assert_uint_eq(s.j[30], 1);
	ck_assert_uint_eq(s.j[31], 300 - 256);
	host_provider_free(provider);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip puzzle", solution_is_accepted_for_its_hosts_only, low_order_bits_are_the_last_ones,
			 step_stops_after_its_attempts);
}
