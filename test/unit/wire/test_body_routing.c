/* SPDX-License-Identifier: MIT */
/* Tests of body_routing.c: bytes worked out from the RFC. Random bodies are in test_method_map.c. */
#include "overlay/wire/body_routing.h"

#include "test/unit/wire/codec.h"

ROUND_TRIP(ice_candidate)
ROUND_TRIP(attach)
ROUND_TRIP(app_attach)
ROUND_TRIP(join_req)
ROUND_TRIP(leave_req)
ROUND_TRIP(route_query_req)
ROUND_TRIP(route_query_ans)
ROUND_TRIP(chord_update)
ROUND_TRIP(chord_leave)

static const struct round_trip candidate_codec = ROUND_TRIP_ROW(ice_candidate, false);
static const struct round_trip attach_codec = ROUND_TRIP_ROW(attach, false);
static const struct round_trip app_attach_codec = ROUND_TRIP_ROW(app_attach, false);
static const struct round_trip join_codec = ROUND_TRIP_ROW(join_req, true);
static const struct round_trip leave_codec = ROUND_TRIP_ROW(leave_req, true);
static const struct round_trip route_query_codec = ROUND_TRIP_ROW(route_query_req, true);
static const struct round_trip route_query_ans_codec = ROUND_TRIP_ROW(route_query_ans, true);
static const struct round_trip update_codec = ROUND_TRIP_ROW(chord_update, true);
static const struct round_trip chord_leave_codec = ROUND_TRIP_ROW(chord_leave, true);

/* 192.0.2.1:6084 over TLS-TCP-FH-NO-ICE, foundation "1", priority 2130706431, host, no extensions: 18
 * bytes. */
#define HOST_CANDIDATE 1, 6, 192, 0, 2, 1, 0x17, 0xc4, 4, 1, '1', 0x7e, 0xff, 0xff, 0xff, 1, 0, 0

START_TEST(ice_candidate_has_a_related_address_unless_host)
{
	CODEC_CHECK(&candidate_codec, HOST_CANDIDATE);
	CODEC_CHECK(&candidate_codec, 1, 6, 192, 0, 2, 1, 0x17, 0xc4, 1, 0, 0, 0, 0, 1,
		    /* srflx */ 2, 1, 6, 10, 0,
		    0, 1, 0, 9, 0, 6, 0, 1, 'n', 0, 1, 'v');
	CODEC_CHECK(&candidate_codec, 1, 6, 192, 0, 2, 1, 0x17, 0xc4, 1, 0, 0, 0, 0, 1,
		    /* relay */ 4, 1, 6, 10, 0,
		    0, 1, 0, 9, 0, 0);
	CODEC_REFUSES(&candidate_codec, ERR_MALFORMED, 1, 6, 192, 0, 2, 1, 0x17, 0xc4, 1, 0, 0, 0,
		      0, 1, 0, 0, 0);
	CODEC_REFUSES(&candidate_codec, ERR_MALFORMED, 1, 6, 192, 0, 2, 1, 0x17, 0xc4, 1, 0, 0, 0,
		      0, 1, 5, 0, 0);
}
END_TEST

START_TEST(attach_encodes_as_in_the_rfc)
{
	static const uint8_t bytes[] = { 1, 'u', 2, 'p', 'w', 7, 'p', 'a', 's', 's', 'i', 'v', 'e',
					 0, 18, HOST_CANDIDATE, 1 };
	struct reader r = reader_of(slice_of(bytes, sizeof(bytes)));
	struct attach x;
	struct arena a;

	arena_init(&a, 10000);
	ck_assert_int_eq(attach_get(&r, &a, &x), 0);
	ck_assert(slice_equal(x.ufrag, slice_text("u")));
	ck_assert(slice_equal(x.password, slice_text("pw")));
	ck_assert(slice_equal(x.role, slice_text("passive")));
	ck_assert_uint_eq(x.candidate_count, 1);
	ck_assert_uint_eq(x.candidates[0].priority, 2130706431);
	ck_assert_uint_eq(x.candidates[0].overlay_link, OVERLAY_LINK_TLS_TCP_FH_NO_ICE);
	ck_assert(x.send_update);
	arena_free(&a);
	codec_check(&attach_codec, slice_of(bytes, sizeof(bytes)));
	CODEC_CHECK(&attach_codec, 0, 0, 0, 0, 0, 0);
	CODEC_REFUSES(&attach_codec, ERR_MALFORMED, 0, 0, 0, 0, 0, 2);
	CODEC_CHECK(&app_attach_codec, 1, 'u', 2, 'p', 'w', 0x13, 0xc4, 6, 'a', 'c', 't', 'i', 'v',
		    'e', 0, 18,
		    HOST_CANDIDATE);
}
END_TEST

START_TEST(attach_limits_candidates_and_extensions)
{
	uint8_t bytes[600] = { 0, 0, 0 };
	static const uint8_t one[] = { HOST_CANDIDATE };
	static uint8_t many[200] = { 0, 0, 1, 0, 0, 0, 0, 0, 1 };

	for (size_t i = 0; i < 17; i++)
		memcpy(bytes + 5 + i * sizeof(one), one, sizeof(one));
	bytes[3] = 16 * sizeof(one) >> 8;
	bytes[4] = (uint8_t)(16 * sizeof(one));
	bytes[5 + 16 * sizeof(one)] = 0;
	codec_check(&attach_codec, slice_of(bytes, 6 + 16 * sizeof(one)));
	memcpy(bytes + 5 + 16 * sizeof(one), one, sizeof(one));
	bytes[3] = 17 * sizeof(one) >> 8;
	bytes[4] = (uint8_t)(17 * sizeof(one));
	codec_refuses(&attach_codec, slice_of(bytes, 6 + 17 * sizeof(one)), ERR_LIMIT);

	/* An address of no type, then 16 and 17 empty extensions. */
	many[8] = 1;
	many[10] = 16 * 4;
	codec_check(&candidate_codec, slice_of(many, 11 + 16 * 4));
	many[10] = 17 * 4;
	codec_refuses(&candidate_codec, slice_of(many, 11 + 17 * 4), ERR_LIMIT);
}
END_TEST

START_TEST(join_leave_and_route_query_encode_as_in_the_rfc)
{
	CODEC_CHECK(&join_codec, ID(3), 0, 2, 0xca, 0xfe);
	CODEC_CHECK(&leave_codec, ID(3), 0, 0);
	CODEC_REFUSES(&join_codec, ERR_MALFORMED, ID(0), 0, 0);
	CODEC_CHECK(&route_query_codec, 1, 1, 16, ID(3), 0, 0);
	CODEC_CHECK(&route_query_codec, 0, 2, 3, 2, 'a', 'b', 0, 0);
	CODEC_REFUSES(&route_query_codec, ERR_MALFORMED, 7, 2, 3, 2, 'a', 'b', 0, 0);
	CODEC_CHECK(&route_query_ans_codec, ID(9));
}
END_TEST

START_TEST(chord_update_carries_lists_by_type)
{
	CODEC_CHECK(&update_codec, 0, 0, 0x0e, 0x10, 1);
	CODEC_CHECK(&update_codec, 0, 0, 0x0e, 0x10, 2, 0, 16, ID(1), 0, 32, ID(2), ID(3));
	CODEC_CHECK(&update_codec, 0, 0, 0x0e, 0x10, 3, 0, 0, 0, 0, 0, 16, ID(4));
	CODEC_REFUSES(&update_codec, ERR_MALFORMED, 0, 0, 0x0e, 0x10, 0);
	CODEC_REFUSES(&update_codec, ERR_MALFORMED, 0, 0, 0x0e, 0x10, 4, 0, 0, 0, 0, 0, 0);
	CODEC_REFUSES(&update_codec, ERR_TRAILING, 0, 0, 0x0e, 0x10, 2, 0, 0, 0, 0, 0, 0);
}
END_TEST

START_TEST(chord_leave_carries_one_list)
{
	CODEC_CHECK(&chord_leave_codec, 1, 0, 32, ID(1), ID(2));
	CODEC_CHECK(&chord_leave_codec, 2, 0, 0);
	CODEC_REFUSES(&chord_leave_codec, ERR_MALFORMED, 3, 0, 0);
}
END_TEST

int main(void)
{
	return RUN_TESTS("body_routing", ice_candidate_has_a_related_address_unless_host,
			 attach_encodes_as_in_the_rfc, attach_limits_candidates_and_extensions,
			 join_leave_and_route_query_encode_as_in_the_rfc,
			 chord_update_carries_lists_by_type, chord_leave_carries_one_list);
}
