/* SPDX-License-Identifier: MIT */
/* Tests of forwarding_header.c. */
#include "overlay/wire/forwarding_header.h"

#include "test/unit/wire/codec.h"

static void *get_header(struct reader *r, struct arena *a)
{
	struct forwarding_header *h = arena_alloc(a, sizeof(*h));

	forwarding_header_get(r, h);
	return reader_finish(r) == 0 ? h : NULL;
}

static void put_header(struct writer *w, const void *x)
{
	forwarding_header_put(w, x);
}

static void *get_option(struct reader *r, struct arena *a)
{
	struct forwarding_option *o = arena_alloc(a, sizeof(*o));

	forwarding_option_get(r, o);
	return reader_finish(r) == 0 ? o : NULL;
}

static void put_option(struct writer *w, const void *x)
{
	forwarding_option_put(w, x);
}

static const struct round_trip codec = { get_header, put_header, true };
static const struct round_trip option_codec = { get_option, put_option, true };

/* RFC 6940 6.3.2, field by field. */
static const uint8_t header_bytes[] = {
	0xd2, 0x45, 0x4c, 0x4f,                         /* relo_token */
	0x11, 0x22, 0x33, 0x44,                         /* overlay */
	0x00, 0x16,                                     /* configuration_sequence */
	0x0a,                                           /* version */
	0x64,                                           /* ttl */
	0xc0, 0x00, 0x00, 0x00,                         /* fragment */
	0x00, 0x00, 0x01, 0x2c,                         /* length */
	0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, /* transaction_id */
	0x00, 0x00, 0x20, 0x00,                         /* max_response_length */
	0x00, 0x02,                                     /* via_list_length */
	0x00, 0x12,                                     /* destination_list_length */
	0x00, 0x05,                                     /* options_length */
	0x80, 0x01,                                     /* via_list: two-byte opaque ID */
	0x01, 0x10, ID(0x5a),                           /* destination_list: a Node-ID */
	0x09, 0x05, 0x00, 0x01, 0xee,                   /* options: type 9, flags, length 1 */
};

START_TEST(forwarding_header_decodes_every_field)
{
	struct reader r = reader_of(slice_of(header_bytes, sizeof(header_bytes)));
	struct forwarding_header h;

	forwarding_header_get(&r, &h);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(h.relo_token, RELO_TOKEN);
	ck_assert_uint_eq(h.overlay, 0x11223344);
	ck_assert_uint_eq(h.configuration_sequence, 22);
	ck_assert_uint_eq(h.version, RELOAD_VERSION);
	ck_assert_uint_eq(h.ttl, 100);
	ck_assert_uint_eq(h.fragment, FRAGMENT_WHOLE);
	ck_assert_uint_eq(h.length, 300);
	ck_assert_uint_eq(h.transaction_id, 0x0123456789abcdef);
	ck_assert_uint_eq(h.max_response_length, 8192);
	ck_assert_uint_eq(h.via_list.len, 2);
	ck_assert_uint_eq(h.destination_list.len, 18);
	ck_assert_uint_eq(h.options.len, 5);
	ck_assert_ptr_eq(h.via_list.data, header_bytes + FORWARDING_HEADER_FIXED);
	ck_assert_uint_eq(forwarding_header_size(&h), sizeof(header_bytes));
}
END_TEST

START_TEST(forwarding_header_round_trips)
{
	codec_check(&codec, slice_of(header_bytes, sizeof(header_bytes)));
}
END_TEST

START_TEST(forwarding_header_of_zeroes_is_given_after_a_failure)
{
	struct reader r = reader_of(slice_of(header_bytes, FORWARDING_HEADER_FIXED - 1));
	struct forwarding_header h;

	forwarding_header_get(&r, &h);
	ck_assert_int_eq(r.err, ERR_TRUNCATED);
	ck_assert_uint_eq(h.relo_token, 0);
	ck_assert_uint_eq(h.via_list.len + h.destination_list.len + h.options.len, 0);
}
END_TEST

START_TEST(forwarding_header_put_rejects_lists_too_long_to_count)
{
	static uint8_t bytes[70000], out[70000];
	struct forwarding_header h = { .via_list = slice_of(bytes, 65536) };
	struct writer w = writer_of(out, sizeof(out));

	forwarding_header_put(&w, &h);
	ck_assert_int_eq(w.err, ERR_LIMIT);
}
END_TEST

START_TEST(forwarding_option_round_trips)
{
	CODEC_CHECK(&option_codec, 9, FORWARD_CRITICAL | RESPONSE_COPY, 0, 3, 1, 2, 3);
	CODEC_CHECK(&option_codec, 255, 0, 0, 0);
}
END_TEST

int main(void)
{
	return RUN_TESTS("forwarding_header", forwarding_header_decodes_every_field,
			 forwarding_header_round_trips, forwarding_header_of_zeroes_is_given_after_a_failure,
			 forwarding_header_put_rejects_lists_too_long_to_count,
			 forwarding_option_round_trips);
}
