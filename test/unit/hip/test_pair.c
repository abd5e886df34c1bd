/* SPDX-License-Identifier: MIT */
/* The edge's memory of pairs: bounded, fair, short. */
#include "test/unit/run.h"

#include "usage/hip/hip_pair.h"

static struct now at_ms(uint64_t ms)
{
	return (struct now){ .mono = { 1000000 + ms * 1000 } };
}

static struct hit hit_of(uint32_t number)
{
	struct hit hit = { { 0x20, 0x01, 0x00, 0x21 } };

	for (int i = 0; i < 4; i++)
		hit.bytes[12 + i] = (uint8_t)(number >> (24 - 8 * i));
	return hit;
}

static struct hip_path node(uint8_t number)
{
	struct hip_path p = { .channel = HIP_CHANNEL_OVERLAY };

	p.node.bytes[0] = number;
	return p;
}

static void ask(struct hip_pair *p, uint8_t number)
{
	struct hip_path path = node(number);

	hip_pair_asked(p, &path.node);
}

static bool was_asked(struct hip_pair *p, uint8_t number)
{
	struct hip_path path = node(number);

	return hip_pair_was_asked(p, &path.node);
}

static struct hip_path udp(uint8_t number, uint16_t port)
{
	return (struct hip_path){ .channel = HIP_CHANNEL_UDP,
				  .remote = { .type = ADDRESS_IPV4, .bytes = { 192, 0, 2, number }, .port = port } };
}

START_TEST(pair_is_found_from_both_ends_and_forgotten_when_idle)
{
	struct hip_pairs *t = hip_pairs_new(1);
	struct hit a = hit_of(1), b = hit_of(2);
	struct hip_path path = node(1);
	struct hip_pair *p = hip_pair_touch(t, at_ms(0), &b, &a, &path);

	ck_assert_ptr_eq(hip_pair_find(t, at_ms(1), &a, &b), p);
	ck_assert_ptr_eq(hip_pair_find(t, at_ms(1), &b, &a), p);
	ck_assert(hit_equal(&hip_pair_end(p, &b)->hit, &b));
	ck_assert_uint_eq(p->initiator, 1);
	ck_assert_ptr_eq(hip_pair_touch(t, at_ms(HIP_PAIR_IDLE_S * 1000 - 1), &a, &b, &path), p);
	ck_assert_ptr_nonnull(hip_pair_find(t, at_ms(2 * HIP_PAIR_IDLE_S * 1000 - 2), &a, &b));
	ck_assert_ptr_null(hip_pair_find(t, at_ms(2 * HIP_PAIR_IDLE_S * 1000 - 1), &a, &b));
	ck_assert_uint_eq(hip_pairs_count(t), 0);
	hip_pairs_free(t);
}
END_TEST

START_TEST(i1_is_repeated_within_a_second)
{
	struct hip_pairs *t = hip_pairs_new(1);
	struct hit a = hit_of(1), b = hit_of(2);
	struct hip_path first = udp(1, 10500), second = node(1);
	struct hip_pair *p = hip_pair_touch(t, at_ms(0), &a, &b, &first);

	ck_assert(hip_pair_admit_i1(p, at_ms(0), &a, &first));
	ck_assert(!hip_pair_admit_i1(p, at_ms(60), &a, &second));
	ck_assert(!hip_pair_admit_i1(p, at_ms(HIP_REPEAT_SAME_MS - 1), &a, &first));
	ck_assert(!hip_pair_admit_i1(p, at_ms(HIP_REPEAT_MS - 1), &a, &second));
	ck_assert(hip_pair_admit_i1(p, at_ms(HIP_REPEAT_MS - 1), &a, &first));
	/* The other end's own attempt is another matter. */
	ck_assert(hip_pair_admit_i1(p, at_ms(HIP_REPEAT_MS), &b, &second));
	hip_pairs_free(t);
}
END_TEST

START_TEST(r1_is_expected_once_from_each_edge_asked)
{
	struct hip_pairs *t = hip_pairs_new(1);
	struct hit a = hit_of(1), b = hit_of(2);
	struct hip_path path = udp(1, 10500);
	struct hip_pair *p = hip_pair_touch(t, at_ms(0), &a, &b, &path);

	ck_assert(!was_asked(p, 1));
	for (uint8_t i = 1; i <= HIP_ASKED_MAX + 1; i++)
		ask(p, i);
	ck_assert(!was_asked(p, 1)); /* gave way */
	ck_assert(was_asked(p, 2));
	ck_assert(!was_asked(p, 2));
	ask(p, 2);
	ck_assert(was_asked(p, 2));
	ck_assert(was_asked(p, HIP_ASKED_MAX + 1));
	hip_pairs_free(t);
}
END_TEST

START_TEST(source_that_begins_many_loses_its_own)
{
	struct hip_pairs *t = hip_pairs_new(1);
	struct hit r = hit_of(0), honest = hit_of(1);
	struct hip_path bad = node(1), good = udp(1, 10500);

	(void)hip_pair_touch(t, at_ms(0), &honest, &r, &good);
	for (uint32_t i = 0; i < 20000; i++) {
		struct hit forged = hit_of(100 + i);

		(void)hip_pair_touch(t, at_ms(1 + i / 100), &forged, &r, &bad);
	}
	ck_assert_uint_eq(hip_pairs_count(t), 1 + HIP_PAIRS_SOURCE_MAX);
	ck_assert_ptr_nonnull(hip_pair_find(t, at_ms(300), &honest, &r));
	hip_pairs_free(t);
}
END_TEST

START_TEST(table_is_bounded_whatever_the_sources)
{
	struct hip_pairs *t = hip_pairs_new(1);
	struct hit r = hit_of(0);

	for (uint32_t i = 0; i < HIP_PAIRS_MAX + 1000; i++) {
		struct hit a = hit_of(1 + i);
		struct hip_path path = udp((uint8_t)i, 1);

		path.remote.bytes[1] = (uint8_t)(i >> 8);
		(void)hip_pair_touch(t, at_ms(0), &a, &r, &path);
	}
	ck_assert_uint_eq(hip_pairs_count(t), HIP_PAIRS_MAX);
	hip_pairs_free(t);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip pair", pair_is_found_from_both_ends_and_forgotten_when_idle,
			 i1_is_repeated_within_a_second,
			 r1_is_expected_once_from_each_edge_asked, source_that_begins_many_loses_its_own,
			 table_is_bounded_whatever_the_sources);
}
