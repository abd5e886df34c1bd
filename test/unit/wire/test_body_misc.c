/* SPDX-License-Identifier: MIT */
/* Tests of body_misc.c: bytes worked out from the RFC. Random bodies are in test_method_map.c. */
#include "overlay/wire/body_misc.h"

#include "test/unit/wire/codec.h"

ROUND_TRIP(ping_req)
ROUND_TRIP(ping_ans)
ROUND_TRIP(probe_req)
ROUND_TRIP(probe_ans)
ROUND_TRIP(config_update_req)
ROUND_TRIP(inspect_ans)
ROUND_TRIP(turn_server)

START_TEST(ping_encodes_as_in_the_rfc)
{
	static const struct round_trip request = ROUND_TRIP_ROW(ping_req, true),
				       answer = ROUND_TRIP_ROW(ping_ans, true);

	CODEC_CHECK(&request, 0, 0);
	CODEC_CHECK(&request, 0, 3, 1, 2, 3);
	CODEC_CHECK(&answer, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00);
}
END_TEST

START_TEST(probe_encodes_as_in_the_rfc)
{
	static const struct round_trip request = ROUND_TRIP_ROW(probe_req, true),
				       answer = ROUND_TRIP_ROW(probe_ans, true);

	CODEC_CHECK(&request, 3, 1, 2, 3);
	CODEC_CHECK(&request, 0);
	CODEC_CHECK(&answer, 0, 12, 1, 4, 0x0e, 0xe6, 0xb2, 0x80, 3, 4, 0, 0, 0, 60);
	/* An unknown type is kept by its length; a known one has four bytes. */
	CODEC_CHECK(&answer, 0, 5, 99, 3, 1, 2, 3);
	CODEC_REFUSES(&answer, ERR_TRUNCATED, 0, 5, 1, 3, 1, 2, 3);
	CODEC_REFUSES(&answer, ERR_TRAILING, 0, 7, 1, 5, 1, 2, 3, 4, 5);
}
END_TEST

START_TEST(config_update_encodes_as_in_the_rfc)
{
	static const struct round_trip codec = ROUND_TRIP_ROW(config_update_req, true);

	CODEC_CHECK(&codec, 1, 0, 0, 0, 7, 0, 0, 4, '<', 'o', '/', '>');
	CODEC_CHECK(&codec, 2, 0, 0, 0, 10, 0, 0, 7, 0, 1, 'k', 0, 2, 'k', 'b');
	CODEC_CHECK(&codec, 9, 0, 0, 0, 2, 0xaa, 0xbb);
	CODEC_REFUSES(&codec, ERR_TRAILING, 1, 0, 0, 0, 8, 0, 0, 4, '<', 'o', '/', '>', 0);
	CODEC_REFUSES(&codec, ERR_TRUNCATED, 1, 0, 0, 0, 6, 0, 0, 4, '<', 'o', '/', '>');
}
END_TEST

START_TEST(inspect_keeps_four_addresses_and_passes_over_more)
{
	static const struct round_trip codec = ROUND_TRIP_ROW(inspect_ans, false);
	uint8_t bytes[128] = { 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 5 * 8 };
	static const uint8_t address[] = { 1, 6, 10, 0, 0, 1, 0x17, 0xc4 };
	struct inspect_ans x;
	struct reader r;
	struct arena a;

	CODEC_CHECK(&codec, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 8, 1, 6, 10, 0, 0, 1, 0x17, 0xc4,
		    0, 16, ID(1), 0,
		    0, 2, 'v', '1');
	CODEC_REFUSES(&codec, ERR_MALFORMED, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 2, 0, 0, 0, 0, 0, 0);
	for (size_t i = 0; i < 5; i++)
		memcpy(bytes + 14 + 8 * i, address, sizeof(address));
	r = reader_of(slice_of(bytes, 14 + 40 + 5));
	arena_init(&a, 1000);
	ck_assert_int_eq(inspect_ans_get(&r, &a, &x), 0);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(x.address_count, 4);
	ck_assert_uint_eq(x.values, 3);
	arena_free(&a);
}
END_TEST

START_TEST(turn_server_encodes_as_in_the_rfc)
{
	static const struct round_trip codec = ROUND_TRIP_ROW(turn_server, false);

	CODEC_CHECK(&codec, 3, 1, 6, 192, 0, 2, 1, 0x0d, 0x96);
}
END_TEST

int main(void)
{
	return RUN_TESTS("body_misc", ping_encodes_as_in_the_rfc, probe_encodes_as_in_the_rfc,
			 config_update_encodes_as_in_the_rfc,
			 inspect_keeps_four_addresses_and_passes_over_more,
			 turn_server_encodes_as_in_the_rfc);
}
