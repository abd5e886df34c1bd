/* SPDX-License-Identifier: MIT */
/* Tests of sip_registration.c. */
#include "overlay/wire/sip_registration.h"

#include "test/unit/wire/codec.h"

ROUND_TRIP(sip_registration)

static const struct round_trip codec = ROUND_TRIP_ROW(sip_registration, true);

START_TEST(sip_registration_encodes_as_in_the_rfc)
{
	/* RFC 7904 3.2: type, length of the rest, then an AOR, or contact preferences and destinations. */
	CODEC_CHECK(&codec, 1, 0, 7, 0, 5, 'a', '@', 'b', '.', 'c');
	CODEC_CHECK(&codec, 2, 0, 24, 0, 2, '(', ')', 0, 18, 1, 16, ID(7));
	CODEC_CHECK(&codec, 2, 0, 6, 0, 0, 0, 2, 0x80, 0x01);
	CODEC_CHECK(&codec, 9, 0, 2, 0xaa, 0xbb);
}
END_TEST

START_TEST(sip_registration_gives_fields_by_type)
{
	static const uint8_t route[] = { 2, 0, 24, 0, 2, '(', ')', 0, 18, 1, 16, ID(7) };
	struct reader r = reader_of(slice_of(route, sizeof(route)));
	struct sip_registration x;
	struct arena a;

	arena_init(&a, 1000);
	ck_assert_int_eq(sip_registration_get(&r, &a, &x), 0);
	ck_assert_uint_eq(x.type, SIP_REGISTRATION_ROUTE);
	ck_assert(slice_equal(x.contact_prefs, slice_text("()")));
	ck_assert_uint_eq(x.destinations.count, 1);
	ck_assert_uint_eq(x.destinations.items[0].id.node.bytes[15], 7);
	ck_assert_uint_eq(x.uri.len, 0);
	arena_free(&a);
}
END_TEST

START_TEST(sip_registration_rejects_empty_routes_and_wrong_lengths)
{
	CODEC_REFUSES(&codec, ERR_MALFORMED, 2, 0, 4, 0, 0, 0, 0);
	CODEC_REFUSES(&codec, ERR_TRUNCATED, 2, 0, 5, 0, 0, 0, 1, 0x80);
	CODEC_REFUSES(&codec, ERR_TRAILING, 1, 0, 4, 0, 1, 'a', 'b');
	CODEC_REFUSES(&codec, ERR_TRUNCATED, 1, 0, 2, 0, 1, 'a');
	CODEC_REFUSES(&codec, ERR_TRUNCATED, 1, 0, 9, 0, 5, 'a', '@', 'b', '.', 'c');
}
END_TEST

START_TEST(sip_registration_put_rejects_an_empty_route)
{
	uint8_t out[64];
	struct writer w = writer_of(out, sizeof(out));

	sip_registration_put(&w, &(struct sip_registration){ .type = SIP_REGISTRATION_ROUTE });
	ck_assert_int_eq(w.err, ERR_MALFORMED);
}
END_TEST

int main(void)
{
	return RUN_TESTS("sip_registration", sip_registration_encodes_as_in_the_rfc,
			 sip_registration_gives_fields_by_type,
			 sip_registration_rejects_empty_routes_and_wrong_lengths,
			 sip_registration_put_rejects_an_empty_route);
}
