/* SPDX-License-Identifier: MIT */
/* Tests of hip_packet.c: RFC 7401 Appendix C, the header, the walk, HITs as text. */
#include "overlay/wire/hip_packet.h"

#include "overlay/base/invariant.h"
#include "overlay/wire/hip_parameter.h"
#include "test/unit/run.h"

static struct hit hit_of(const char *text)
{
	struct hit x;

	ck_assert_int_eq(hit_parse(text, &x), 0);
	return x;
}

/* The I1 of Appendix C.1 and C.2. */
static struct slice build_i1(uint8_t out[HIP_PACKET_MAX])
{
	struct writer w = writer_of(out, HIP_PACKET_MAX);
	struct hit sender = hit_of("2001:20::1"), receiver = hit_of("2001:20::2");
	struct hip_list groups = { .items = { 3, 4, 8 }, .count = 3 };

	hip_packet_begin(&w, HIP_I1, 0, &sender, &receiver);
	hip_dh_group_list_put(&w, &groups);
	hip_packet_end(&w);
	ck_assert_int_eq(w.err, 0);
	return writer_slice(&w);
}

static struct address address_of(const char *text)
{
	struct address a;

	ck_assert_int_eq(address_parse(text, 0, &a), 0);
	return a;
}

START_TEST(i1_is_the_one_of_appendix_c)
{
	static const uint8_t expected[] = {
		59, 5, 1, 0x21, 0x1a, 0x5e, 0, 0,
		0x20, 1, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		0x20, 1, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
		1, 0xff, 0, 3, 3, 4, 8, 0,
	};
	struct address a = address_of("2001:db8::1"), b = address_of("2001:db8::2");
	struct address c = address_of("192.0.2.1"), d = address_of("192.0.2.2");
	uint8_t out[HIP_PACKET_MAX];
	struct slice i1 = build_i1(out);

	ck_assert_uint_eq(hip_checksum(&a, &b, i1), 0x1a5e);
	ck_assert_uint_eq(hip_checksum(&c, &d, i1), 0xf1ce);
	hip_checksum_set(out, hip_checksum(&a, &b, i1));
	ck_assert_uint_eq(i1.len, sizeof(expected));
	ck_assert_mem_eq(out, expected, sizeof(expected));
	/* The field itself counts as zero. */
	ck_assert_uint_eq(hip_checksum(&a, &b, i1), 0x1a5e);
	ck_assert_uint_ne(hip_checksum(&b, &c, i1), 0x1a5e);
}
END_TEST

START_TEST(packet_gives_header_and_parameters)
{
	uint8_t out[HIP_PACKET_MAX];
	struct slice i1 = build_i1(out);
	struct hip_parameter p;
	struct hip_packet x;
	size_t cursor = 0;

	hip_checksum_set(out, 0xbeef);
	out[7] = HIP_CONTROL_ANONYMOUS;
	ck_assert_int_eq(hip_packet_get(i1, &x), 0);
	ck_assert_uint_eq(x.type, HIP_I1);
	ck_assert_uint_eq(x.version, 2);
	ck_assert_uint_eq(x.checksum, 0xbeef);
	ck_assert_uint_eq(x.controls, HIP_CONTROL_ANONYMOUS);
	ck_assert_uint_eq(x.sender.bytes[15], 1);
	ck_assert_uint_eq(x.receiver.bytes[15], 2);
	ck_assert(hip_parameter_next(&x, &cursor, &p));
	ck_assert_uint_eq(p.type, HIP_PARAMETER_DH_GROUP_LIST);
	ck_assert_uint_eq(p.contents.len, 3);
	ck_assert_uint_eq(p.whole.len, 8);
	ck_assert_uint_eq(p.at, HIP_HEADER_LENGTH);
	ck_assert(!hip_parameter_next(&x, &cursor, &p));
	ck_assert(hip_parameter_find(&x, HIP_PARAMETER_DH_GROUP_LIST, &p));
	ck_assert(!hip_parameter_find(&x, HIP_PARAMETER_PUZZLE, &p));
}
END_TEST

START_TEST(packet_without_parameters_is_one)
{
	uint8_t out[HIP_PACKET_MAX];
	struct writer w = writer_of(out, sizeof(out));
	struct hit zero = { { 0 } };
	struct hip_parameter p;
	struct hip_packet x;
	size_t cursor = 0;

	hip_packet_begin(&w, HIP_NOTIFY, 0, &zero, &zero);
	hip_packet_end(&w);
	ck_assert_int_eq(hip_packet_get(writer_slice(&w), &x), 0);
	ck_assert(hit_is_zero(&x.receiver));
	ck_assert(!hip_parameter_next(&x, &cursor, &p));
}
END_TEST

START_TEST(packet_refuses_every_other_length)
{
	uint8_t out[HIP_PACKET_MAX];
	struct slice i1 = build_i1(out);
	struct hip_packet x;

	for (size_t len = 0; len < i1.len; len++) {
		uint8_t *block = memory_alloc(len);

		memcpy(block, out, len);
		ck_assert_int_eq(hip_packet_get(slice_of(block, len), &x), ERR_TRUNCATED);
		ck_assert_int_eq(hip_packet_peek(slice_of(block, len), &x), ERR_TRUNCATED);
		free(block);
	}
	out[i1.len] = 0;
	ck_assert_int_eq(hip_packet_get(slice_of(out, i1.len + 1), &x), ERR_TRAILING);
	/* Trailing data is ignored behind a next header that nobody implements (5.1). */
	out[0] = 6;
	ck_assert_int_eq(hip_packet_get(slice_of(out, i1.len + 1), &x), 0);
	ck_assert_uint_eq(x.bytes.len, i1.len);
	out[0] = 59;
	out[1] = 3;
	ck_assert_int_eq(hip_packet_get(slice_of(out, i1.len), &x), ERR_MALFORMED);
}
END_TEST

START_TEST(packet_refuses_other_versions_but_shows_them_to_an_edge)
{
	uint8_t out[HIP_PACKET_MAX];
	struct slice i1 = build_i1(out);
	struct hip_packet x;

	out[3] = 0x11;
	ck_assert_int_eq(hip_packet_get(i1, &x), ERR_UNSUPPORTED);
	ck_assert_int_eq(hip_packet_peek(i1, &x), 0);
	ck_assert_uint_eq(x.version, 1);
	/* Fixed and reserved bits are not looked at (5.1). */
	out[3] = 0x2e;
	out[2] = 0x80 | HIP_I1;
	ck_assert_int_eq(hip_packet_get(i1, &x), 0);
	ck_assert_uint_eq(x.type, HIP_I1);
}
END_TEST

START_TEST(parameters_must_ascend_and_stay_inside)
{
	uint8_t out[HIP_PACKET_MAX];
	struct writer w = writer_of(out, sizeof(out));
	struct hit a = hit_of("2001:20::1"), b = hit_of("2001:20::2");
	struct hip_packet x;
	size_t second;

	hip_packet_begin(&w, HIP_UPDATE, 0, &a, &b);
	hip_seq_put(&w, 1);
	second = w.len;
	hip_seq_put(&w, 2);
	hip_packet_end(&w);
	ck_assert_int_eq(hip_packet_get(writer_slice(&w), &x), 0);
	out[second + 1] ^= 1; /* 384 after 385 */
	ck_assert_int_eq(hip_packet_get(writer_slice(&w), &x), ERR_MALFORMED);
	ck_assert_int_eq(hip_packet_peek(writer_slice(&w), &x), 0);
	out[second + 1] ^= 1;
	out[second + 3] = 5; /* 4 + 5 bytes need 16 */
	ck_assert_int_eq(hip_packet_get(writer_slice(&w), &x), ERR_MALFORMED);
	out[second + 2] = 0xff;
	out[second + 3] = 0xff;
	ck_assert_int_eq(hip_packet_get(writer_slice(&w), &x), ERR_MALFORMED);
	out[second + 2] = 0;
	out[second + 3] = 4;
	out[HIP_HEADER_LENGTH + 2] = 1; /* the first one, too long */
	ck_assert_int_eq(hip_packet_get(writer_slice(&w), &x), ERR_MALFORMED);
}
END_TEST

START_TEST(unknown_critical_parameters_are_found)
{
	uint8_t out[HIP_PACKET_MAX];
	struct writer w = writer_of(out, sizeof(out));
	struct hit a = hit_of("2001:20::1"), b = hit_of("2001:20::2");
	struct hip_packet x;

	hip_packet_begin(&w, HIP_UPDATE, 0, &a, &b);
	hip_seq_put(&w, 1);
	hip_bytes_put(&w, 4600, slice_text("even"));
	hip_packet_end(&w);
	ck_assert_int_eq(hip_packet_get(writer_slice(&w), &x), 0);
	ck_assert_uint_eq(hip_packet_unknown_critical(&x), 0);
	hip_bytes_put(&w, 4601, slice_text("odd"));
	hip_packet_end(&w);
	ck_assert_int_eq(hip_packet_get(writer_slice(&w), &x), 0);
	ck_assert_uint_eq(hip_packet_unknown_critical(&x), 4601);
	ck_assert(hip_parameter_is_critical(4601));
	ck_assert(!hip_parameter_is_critical(4600));
}
END_TEST

START_TEST(packet_grows_to_its_limit_and_no_further)
{
	static uint8_t out[HIP_PACKET_MAX + 64], filling[HIP_PACKET_MAX];
	struct writer w = writer_of(out, sizeof(out));
	struct hit a = hit_of("2001:20::1"), b = hit_of("2001:20::2");
	struct hip_packet x;

	hip_packet_begin(&w, HIP_I2, 0, &a, &b);
	hip_bytes_put(&w, HIP_PARAMETER_ECHO_RESPONSE_UNSIGNED, slice_of(filling, 2004));
	hip_packet_end(&w);
	ck_assert_int_eq(w.err, 0);
	ck_assert_uint_eq(w.len, HIP_PACKET_MAX);
	ck_assert_uint_eq(out[1], 255);
	ck_assert_int_eq(hip_packet_get(writer_slice(&w), &x), 0);
	hip_seq_put(&w, 1);
	hip_packet_end(&w);
	ck_assert_int_eq(w.err, ERR_LIMIT);
	w = writer_of(out, sizeof(out));
	hip_packet_begin(&w, HIP_I2, 0, &a, &b);
	hip_bytes_put(&w, HIP_PARAMETER_ECHO_RESPONSE_UNSIGNED, slice_of(filling, 2005));
	ck_assert_int_eq(w.err, ERR_LIMIT);
}
END_TEST

START_TEST(hit_text_has_all_groups_and_reads_back)
{
	static const char *const same[] = {
		"2001:24:0:0:0:0:ab:1", "2001:24::ab:1", "2001:0024::00AB:0001",
		"20010024000000000000000000ab0001", "2001:24::0.171.0.1",
	};
	char text[HIT_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct hit x = hit_of(same[i]);

		ck_assert_str_eq(hit_text(&x, text), same[0]);
	}
	ck_assert_str_eq(hit_text(&(struct hit){ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
						   0xff, 0xff, 0xff, 0xff, 0xff } }, text),
			 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}
END_TEST

START_TEST(hit_parse_refuses_what_is_no_address)
{
	static const char *const wrong[] = {
		"", ":", "1.2.3.4", "[2001:24::1]", "[2001:24::1]:10500", "2001:24::1:10500:1:2:3:4:5",
		"2001:24::g", "2001:24::1::2", "2001002400000000000000000000000", "2001:24::1 ",
		"200100240000000000000000000000011", "2001002400000000000000000000000g",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct hit x;

		ck_assert_msg(hit_parse(wrong[i], &x) == ERR_MALFORMED, "takes \"%s\"", wrong[i]);
	}
}
END_TEST

START_TEST(hit_prefix_tells_version_and_suite)
{
	struct hit x = hit_of("2001:21::1");

	ck_assert_uint_eq(hit_suite(&x), 1);
	x = hit_of("2001:2f:ffff::1");
	ck_assert_uint_eq(hit_suite(&x), 15);
	ck_assert(!hit_is_version_1(&x));
	x = hit_of("2001:11::1");
	ck_assert_uint_eq(hit_suite(&x), 0);
	ck_assert(hit_is_version_1(&x));
	x = hit_of("2001:121::1");
	ck_assert_uint_eq(hit_suite(&x), 0);
	ck_assert(!hit_is_version_1(&x));
}
END_TEST

START_TEST(hits_compare_as_numbers)
{
	struct hit small = hit_of("2001:22:7fff::"), large = hit_of("2001:22:8000::");

	ck_assert_int_lt(hit_compare(&small, &large), 0);
	ck_assert_int_gt(hit_compare(&large, &small), 0);
	ck_assert(hit_equal(&small, &small));
}
END_TEST

START_TEST(packet_types_have_names)
{
	ck_assert_str_eq(hip_packet_type_name(HIP_I1), "I1");
	ck_assert_str_eq(hip_packet_type_name(HIP_CLOSE_ACK), "CLOSE_ACK");
	ck_assert_str_eq(hip_packet_type_name(99), "unknown");
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip_packet", i1_is_the_one_of_appendix_c, packet_gives_header_and_parameters,
			 packet_without_parameters_is_one, packet_refuses_every_other_length,
			 packet_refuses_other_versions_but_shows_them_to_an_edge,
			 parameters_must_ascend_and_stay_inside, unknown_critical_parameters_are_found,
			 packet_grows_to_its_limit_and_no_further, hit_text_has_all_groups_and_reads_back,
			 hit_parse_refuses_what_is_no_address, hit_prefix_tells_version_and_suite,
			 hits_compare_as_numbers, packet_types_have_names);
}
