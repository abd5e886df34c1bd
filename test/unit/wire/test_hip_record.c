/* SPDX-License-Identifier: MIT */
/* Tests of hip_record.c. */
#include "overlay/wire/hip_record.h"

#include "test/unit/wire/codec.h"

ROUND_TRIP(hip_record)

static void *carry_get(struct reader *r, struct arena *a)
{
	struct hip_carry *x = arena_alloc(a, sizeof(*x));

	invariant(x != NULL);
	hip_carry_get(r, x);
	return reader_finish(r) == 0 ? x : NULL;
}

static void carry_put(struct writer *w, const void *x)
{
	hip_carry_put(w, x);
}

static const struct round_trip record_codec = ROUND_TRIP_ROW(hip_record, false);
static const struct round_trip carry_codec = { carry_get, carry_put, false };

#define HIT 0x20, 1, 0, 0x22, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
#define FIXED 1, HIT, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 120
#define NODE 0, 18, 1, 16, ID(7)
#define LOCATOR 1, 6, 192, 0, 2, 1, 0x29, 0x04
#define HEADER 59, 4, 1, 0x21, 0, 0, 0, 0, ID(1), ID(2)

START_TEST(record_encodes_as_described)
{
	CODEC_CHECK(&record_codec, FIXED, NODE, 0, 8, LOCATOR, 1, 0, 0, 0, 0);
	CODEC_CHECK(&record_codec, FIXED, NODE, 0, 0, 2, 0, 3, 1, 2, 3, 0, 2, 4, 5);
	CODEC_CHECK(&record_codec, FIXED, 0, 0, 0, 0, 3, 0, 0, 0, 0);
}
END_TEST

START_TEST(record_gives_its_fields)
{
	static const uint8_t bytes[] = { FIXED, NODE, 0, 16, LOCATOR, LOCATOR, 2, 0, 3, 1, 2, 3, 0, 2, 4, 5 };
	struct reader r = reader_of(slice_of(bytes, sizeof(bytes)));
	struct hip_record x;
	struct arena a;

	arena_init(&a, 1000);
	ck_assert_int_eq(hip_record_get(&r, &a, &x), 0);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(hit_suite(&x.hit), 2);
	ck_assert_uint_eq(x.flags, HIP_RECORD_RVS | HIP_RECORD_RELAY | HIP_RECORD_OWN);
	ck_assert_uint_eq(x.sequence, 9);
	ck_assert_uint_eq(x.lifetime_s, 120);
	ck_assert_uint_eq(x.destinations.count, 1);
	ck_assert_uint_eq(x.locator_count, 2);
	ck_assert_uint_eq(x.locators[0].port, HIP_UDP_PORT);
	ck_assert_uint_eq(x.proof, HIP_PROOF_REGISTRATION);
	ck_assert_uint_eq(x.proof_host_id.len, 3);
	ck_assert_uint_eq(x.proof_packet.len, 2);
	arena_free(&a);
}
END_TEST

START_TEST(record_of_another_version_or_proof_is_refused)
{
	CODEC_REFUSES(&record_codec, ERR_UNSUPPORTED, 2, HIT, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 120, 0, 0, 0, 0, 3, 0,
		      0, 0, 0);
	CODEC_REFUSES(&record_codec, ERR_UNSUPPORTED, FIXED, NODE, 0, 0, 0, 0, 0, 0, 0);
	CODEC_REFUSES(&record_codec, ERR_UNSUPPORTED, FIXED, NODE, 0, 0, 4, 0, 0, 0, 0);
	CODEC_REFUSES(&record_codec, ERR_LIMIT, FIXED, NODE, 0, 72, LOCATOR, LOCATOR, LOCATOR, LOCATOR, LOCATOR,
		      LOCATOR, LOCATOR, LOCATOR, LOCATOR, 1, 0, 0, 0, 0);
	CODEC_REFUSES(&record_codec, ERR_MALFORMED, FIXED, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0);
}
END_TEST

START_TEST(record_skips_locators_of_unknown_type)
{
	static const uint8_t bytes[] = { FIXED, NODE, 0, 12, 9, 2, 0xaa, 0xbb, LOCATOR, 1, 0, 0, 0, 0 };
	struct reader r = reader_of(slice_of(bytes, sizeof(bytes)));
	struct hip_record x;
	struct arena a;

	arena_init(&a, 1000);
	ck_assert_int_eq(hip_record_get(&r, &a, &x), 0);
	ck_assert_uint_eq(x.locator_count, 1);
	ck_assert_uint_eq(x.locators[0].type, ADDRESS_IPV4);
	arena_free(&a);
}
END_TEST

START_TEST(carry_encodes_as_described)
{
	CODEC_CHECK(&carry_codec, 1, 4, 17, LOCATOR, 1, 2, 3, 4, 5, 6, 7, 8, 0, 40, HEADER);
	CODEC_CHECK(&carry_codec, 1, 4, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 40, HEADER);
}
END_TEST

START_TEST(carry_refuses_versions_protocols_and_short_packets)
{
	CODEC_REFUSES(&carry_codec, ERR_UNSUPPORTED, 2, 4, 17, LOCATOR, 1, 2, 3, 4, 5, 6, 7, 8, 0, 40, HEADER);
	CODEC_REFUSES(&carry_codec, ERR_MALFORMED, 1, 4, 6, LOCATOR, 1, 2, 3, 4, 5, 6, 7, 8, 0, 40, HEADER);
	CODEC_REFUSES(&carry_codec, ERR_MALFORMED, 1, 4, 17, LOCATOR, 1, 2, 3, 4, 5, 6, 7, 8, 0, 3, 59, 4, 1);
}
END_TEST

START_TEST(carry_answer_round_trips)
{
	for (unsigned outcome = HIP_CARRY_DELIVERED; outcome <= HIP_CARRY_SUPPRESSED; outcome++) {
		uint8_t out[2], got = 0;
		struct writer w = writer_of(out, sizeof(out));
		struct reader r;

		hip_carry_answer_put(&w, (uint8_t)outcome);
		r = reader_of(writer_slice(&w));
		ck_assert_int_eq(hip_carry_answer_get(&r, &got), 0);
		ck_assert_uint_eq(got, outcome);
		r = reader_of(slice_of(out, 1));
		ck_assert_int_eq(hip_carry_answer_get(&r, &got), ERR_TRUNCATED);
	}
}
END_TEST

START_TEST(carry_answer_refuses_other_versions)
{
	struct reader r = reader_of(slice_of("\2\1", 2));
	uint8_t outcome;

	ck_assert_int_eq(hip_carry_answer_get(&r, &outcome), ERR_UNSUPPORTED);
	r = reader_of(slice_of("\1\0", 2));
	ck_assert_int_eq(hip_carry_answer_get(&r, &outcome), ERR_MALFORMED);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip_record", record_encodes_as_described, record_gives_its_fields,
			 record_of_another_version_or_proof_is_refused, record_skips_locators_of_unknown_type,
			 carry_encodes_as_described, carry_refuses_versions_protocols_and_short_packets,
			 carry_answer_round_trips, carry_answer_refuses_other_versions);
}
