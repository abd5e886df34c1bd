/* SPDX-License-Identifier: MIT */
/* Tests of address.c. */
#include "overlay/wire/address.h"

#include "test/unit/wire/codec.h"

static void *get_address(struct reader *r, struct arena *a)
{
	struct address *x = arena_alloc(a, sizeof(*x));

	address_get(r, x);
	return reader_finish(r) == 0 ? x : NULL;
}

static void put_address(struct writer *w, const void *x)
{
	address_put(w, x);
}

static const struct round_trip codec = { get_address, put_address, false };

START_TEST(address_encodes_as_in_the_rfc)
{
	/* RFC 6940 6.3.1.1: 192.0.2.1 port 6084 */
	CODEC_CHECK(&codec, 0x01, 0x06, 0xc0, 0x00, 0x02, 0x01, 0x17, 0xc4);
	CODEC_CHECK(&codec, 0x02, 0x12, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x17,
		    0xc4);
	CODEC_CHECK(&codec, 0x00, 0x00);
	CODEC_REFUSES(&codec, ERR_MALFORMED, 0x01, 0x05, 0xc0, 0x00, 0x02, 0x01, 0x17);
	CODEC_REFUSES(&codec, ERR_MALFORMED, 0x01, 0x07, 0xc0, 0x00, 0x02, 0x01, 0x17, 0xc4, 0);
	CODEC_REFUSES(&codec, ERR_MALFORMED, 0x02, 0x06, 0xc0, 0x00, 0x02, 0x01, 0x17, 0xc4);
}
END_TEST

START_TEST(address_of_unknown_type_is_skipped)
{
	static const uint8_t bytes[] = { 0x09, 0x03, 1, 2, 3, 0x01, 0x06, 127, 0, 0, 1, 0, 80 };
	struct reader r = reader_of(slice_of(bytes, sizeof(bytes)));
	struct address a;

	address_get(&r, &a);
	ck_assert_int_eq(r.err, 0);
	ck_assert_uint_eq(a.type, ADDRESS_NONE);
	address_get(&r, &a);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(a.port, 80);
	ck_assert(address_is_loopback(&a));
}
END_TEST

/* Each pair: what is read, and how it is written (RFC 5952). */
static const char *const texts[][2] = {
	{ "192.0.2.1:6084", "192.0.2.1:6084" },
	{ "192.0.2.1", "192.0.2.1:99" },
	{ "0.0.0.0:0", "0.0.0.0:0" },
	{ "255.255.255.255:65535", "255.255.255.255:65535" },
	{ "[2001:db8::1]:6084", "[2001:db8::1]:6084" },
	{ "2001:db8::1", "[2001:db8::1]:99" },
	{ "[::]", "[::]:99" },
	{ "::1", "[::1]:99" },
	{ "1::", "[1::]:99" },
	{ "[::1]:1", "[::1]:1" },
	/* RFC 5952 4.1 to 4.3: no leading zeroes, the longest run, the first of equals, not a single group,
	 * lower case. */
	{ "2001:0DB8:0000:0000:0000:0000:0002:0001", "[2001:db8::2:1]:99" },
	{ "2001:db8:0:0:1:0:0:1", "[2001:db8::1:0:0:1]:99" },
	{ "2001:0:0:1:0:0:0:1", "[2001:0:0:1::1]:99" },
	{ "2001:db8:0:1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]:99" },
	{ "2001:db8::1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]:99" },
	{ "0:0:0:1:2:3:4:5", "[::1:2:3:4:5]:99" },
	{ "1:2:3:4:5:0:0:0", "[1:2:3:4:5::]:99" },
	{ "::ffff:192.0.2.1", "[::ffff:192.0.2.1]:99" },
	{ "::ffff:c000:201", "[::ffff:192.0.2.1]:99" },
	{ "64:ff9b::192.0.2.33", "[64:ff9b::c000:221]:99" },
	{ "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
	{ "[::ffff:255.255.255.255]:65535", "[::ffff:255.255.255.255]:65535" },
};

START_TEST(address_text_is_canonical)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[ADDRESS_TEXT_SIZE];
		struct address a, again;

		ck_assert_msg(address_parse(texts[i][0], 99, &a) == 0, "not parsed: %s", texts[i][0]);
		ck_assert_str_eq(address_text(&a, text), texts[i][1]);
		ck_assert_int_eq(address_parse(text, 0, &again), 0);
		ck_assert(address_equal(&a, &again));
	}
}
END_TEST

START_TEST(address_parse_rejects_what_is_not_an_address)
{
	static const char *const wrong[] = {
		"", ":", "::1:", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.04", "1.2.3.4:",
		"1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:1x", "1.2.3.4 ", " 1.2.3.4", "localhost",
		"example.org:80", "[::1", "[::1]:", "[::1]x", "[::1]:99999", "[1.2.3.4]:5", ":::",
		"1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8:9", "12345::",
		"g::", "::1.2.3", "::1.2.3.4.5", "1:2:3:4:5:6:7:1.2.3.4", "::1%lo", "[]", "[]:1",
		"1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7", "::1.2.3.4:5", "1::2:3:4:5:6:7:8",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct address a = { .port = 7 };

		ck_assert_msg(address_parse(wrong[i], 99, &a) == ERR_MALFORMED, "parsed: %s", wrong[i]);
		ck_assert_uint_eq(a.port, 7);
	}
}
END_TEST

START_TEST(address_predicates_know_both_families)
{
	static const struct {
		const char *text;
		bool loopback, any;
	} cases[] = {
		{ "127.0.0.1", true, false },	       { "127.9.9.9", true, false },
		{ "128.0.0.1", false, false },	       { "0.0.0.0", false, true },
		{ "::", false, true },		       { "::1", true, false },
		{ "::2", false, false },	       { "::ffff:127.0.0.1", true, false },
		{ "::ffff:192.0.2.1", false, false },
	};
	struct address none = { .type = ADDRESS_NONE };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address a;

		ck_assert_int_eq(address_parse(cases[i].text, 1, &a), 0);
		ck_assert_int_eq(address_is_loopback(&a), cases[i].loopback);
		ck_assert_int_eq(address_is_any(&a), cases[i].any);
	}
	ck_assert(!address_is_any(&none));
	ck_assert(!address_is_loopback(&none));
}
END_TEST

START_TEST(address_equal_compares_type_bytes_and_port)
{
	struct address a, b;
	char text[ADDRESS_TEXT_SIZE];

	ck_assert_int_eq(address_parse("192.0.2.1:1", 0, &a), 0);
	ck_assert_int_eq(address_parse("192.0.2.1:2", 0, &b), 0);
	ck_assert(!address_equal(&a, &b));
	b.port = 1;
	ck_assert(address_equal(&a, &b));
	b.bytes[15] = 1; /* beyond an IPv4 address: not part of it */
	ck_assert(address_equal(&a, &b));
	b.bytes[3] = 9;
	ck_assert(!address_equal(&a, &b));
	a.type = ADDRESS_NONE;
	ck_assert_str_eq(address_text(&a, text), "none");
}
END_TEST

int main(void)
{
	return RUN_TESTS("address", address_encodes_as_in_the_rfc, address_of_unknown_type_is_skipped,
			 address_text_is_canonical, address_parse_rejects_what_is_not_an_address,
			 address_predicates_know_both_families, address_equal_compares_type_bytes_and_port);
}
