/* SPDX-License-Identifier: MIT */
/* Tests of hip_parameter.c and hip_parameter_address.c: every parameter by one table of contents. */
#include "overlay/wire/hip_parameter.h"

#include "test/fuzz/hip_codecs.h"
#include "test/unit/wire/codec.h"

#define BYTES(...) { (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }) }
#define HASH ID(1), ID(2)          /* 32 bytes */
#define V4(last) 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, last
#define V6(last) 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last

/* Contents as the RFCs draw them, and which shorter ones are also well-formed. */
static const struct {
	uint16_t type;
	struct slice contents;
	size_t shortest; /* bytes of the fixed part and, with step, of whole items after it */
	size_t step;     /* 0: only the full length is well-formed */
} samples[] = {
	{ HIP_PARAMETER_ESP_INFO, BYTES(0, 0, 0, 64, 0, 0, 0, 1, 0xca, 0xfe, 0xba, 0xbe), 12, 0 },
	{ HIP_PARAMETER_R1_COUNTER, BYTES(0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7), 12, 0 },
	{ HIP_PARAMETER_LOCATOR_SET, BYTES(0, 0, 4, 1, 0, 0, 0, 60, V4(1)), 0, 24 },
	{ HIP_PARAMETER_LOCATOR_SET, BYTES(2, 1, 5, 0, 0, 0, 1, 0, 1, 2, 3, 4, V6(9)), 0, 28 },
	{ HIP_PARAMETER_LOCATOR_SET,
	  BYTES(1, 2, 7, 1, 0, 0, 1, 0, 0x29, 4, 17, 0, 0, 0, 0, 0, 1, 2, 3, 4, V4(9)), 0, 36 },
	{ HIP_PARAMETER_PUZZLE, BYTES(10, 38, 0xab, 0xcd, HASH), 5, 1 },
	{ HIP_PARAMETER_SOLUTION, BYTES(10, 0, 0xab, 0xcd, HASH, ID(3), ID(4)), 6, 2 },
	{ HIP_PARAMETER_SEQ, BYTES(0, 0, 1, 0), 4, 0 },
	{ HIP_PARAMETER_ACK, BYTES(0, 0, 1, 0, 0, 0, 1, 1), 4, 4 },
	{ HIP_PARAMETER_DH_GROUP_LIST, BYTES(3, 4, 8), 0, 1 },
	{ HIP_PARAMETER_DIFFIE_HELLMAN, BYTES(7, 0, 3, 1, 2, 3), 6, 0 },
	{ HIP_PARAMETER_HIP_CIPHER, BYTES(0, 4, 0, 2), 0, 2 },
	{ HIP_PARAMETER_NAT_TRAVERSAL_MODE, BYTES(0, 0, 0, 1, 0, 3), 2, 2 },
	{ HIP_PARAMETER_TRANSACTION_PACING, BYTES(0, 0, 0, 20), 4, 0 },
	{ HIP_PARAMETER_ENCRYPTED, BYTES(0, 0, 0, 0, ID(5), ID(6)), 20, 1 },
	{ HIP_PARAMETER_HOST_ID, BYTES(0, 5, 0x20, 3, 0, 7, 0, 1, 9, 9, 9, 'a', '@', 'b'), 14, 0 },
	{ HIP_PARAMETER_HIT_SUITE_LIST, BYTES(0x20, 0x10), 0, 1 },
	{ HIP_PARAMETER_CERT, BYTES(1, 1, 1, 1, 0x30, 0x82), 4, 1 },
	{ HIP_PARAMETER_NOTIFICATION, BYTES(0, 0, 0, 24, 1, 2, 3), 4, 1 },
	{ HIP_PARAMETER_ECHO_REQUEST_SIGNED, BYTES(1, 2, 3), 0, 1 },
	{ HIP_PARAMETER_REG_INFO, BYTES(64, 151, 1, 2), 2, 1 },
	{ HIP_PARAMETER_REG_REQUEST, BYTES(119, 1, 2), 1, 1 },
	{ HIP_PARAMETER_REG_RESPONSE, BYTES(119, 2), 1, 1 },
	{ HIP_PARAMETER_REG_FAILED, BYTES(1, 3), 1, 1 },
	{ HIP_PARAMETER_REG_FROM, BYTES(0x29, 4, 17, 0, V4(7)), 20, 0 },
	{ HIP_PARAMETER_ECHO_RESPONSE_SIGNED, BYTES(4, 5), 0, 1 },
	{ HIP_PARAMETER_TRANSPORT_FORMAT_LIST, BYTES(0x0f, 0xff), 0, 2 },
	{ HIP_PARAMETER_ESP_TRANSFORM, BYTES(0, 0, 0, 8, 0, 12), 2, 2 },
	{ HIP_PARAMETER_PADDING, BYTES(0, 0, 0, 0, 0), 0, 1 },
	{ HIP_PARAMETER_HIP_MAC, BYTES(HASH), 0, 1 },
	{ HIP_PARAMETER_HIP_MAC_2, BYTES(HASH), 0, 1 },
	{ HIP_PARAMETER_HIP_SIGNATURE_2, BYTES(0, 7, ID(1)), 3, 1 },
	{ HIP_PARAMETER_HIP_SIGNATURE, BYTES(0, 5, ID(1)), 3, 1 },
	{ HIP_PARAMETER_ECHO_RESPONSE_UNSIGNED, BYTES(6), 0, 1 },
	{ HIP_PARAMETER_ECHO_REQUEST_UNSIGNED, BYTES(7, 8, 9, 10), 0, 1 },
	{ HIP_PARAMETER_RELAY_FROM, BYTES(0x29, 4, 17, 0, V6(7)), 20, 0 },
	{ HIP_PARAMETER_RELAY_TO, BYTES(0, 0, 0, 0, V4(8)), 20, 0 },
	{ HIP_PARAMETER_FROM, BYTES(V4(3)), 16, 0 },
	{ HIP_PARAMETER_RVS_HMAC, BYTES(HASH), 0, 1 },
	{ HIP_PARAMETER_VIA_RVS, BYTES(V4(3), V6(4)), 16, 16 },
	{ HIP_PARAMETER_RELAY_HMAC, BYTES(HASH), 0, 1 },
};
#define SAMPLE_COUNT (sizeof(samples) / sizeof(samples[0]))

static const struct hip_codec *codec_of(uint16_t type)
{
	for (size_t i = 0; i < HIP_CODEC_COUNT; i++)
		if (hip_codecs[i].type == type)
			return &hip_codecs[i];
	ck_abort_msg("no codec of %u", type);
	return NULL;
}

/* The bytes as contents, put again as a parameter. */
static struct slice put_again(const struct hip_codec *codec, struct slice contents, uint8_t *out, size_t cap)
{
	struct reader r = reader_of(contents);
	struct writer w = writer_of(out, cap);
	struct arena a;
	void *x;

	arena_init(&a, ROUND_TRIP_ARENA_CAP);
	x = codec->get(&r, &a);
	ck_assert_msg(x != NULL, "%s: %s", hip_parameter_name(codec->type), error_text(r.err));
	codec->put(&w, x);
	arena_free(&a);
	return writer_slice(&w);
}

START_TEST(parameters_are_all_in_the_table)
{
	size_t known = 0;

	for (unsigned type = 0; type <= UINT16_MAX; type++)
		known += hip_parameter_is_known((uint16_t)type);
	ck_assert_uint_eq(known, HIP_CODEC_COUNT);
	for (size_t i = 0; i < HIP_CODEC_COUNT; i++) {
		bool sampled = false;

		ck_assert(hip_parameter_is_known(hip_codecs[i].type));
		ck_assert_str_ne(hip_parameter_name(hip_codecs[i].type), "unknown");
		for (size_t j = 0; j < SAMPLE_COUNT; j++)
			sampled = sampled || samples[j].type == hip_codecs[i].type;
		ck_assert_msg(sampled, "%s has no sample", hip_parameter_name(hip_codecs[i].type));
		if (i > 0)
			ck_assert_uint_lt(hip_codecs[i - 1].type, hip_codecs[i].type);
	}
	ck_assert_str_eq(hip_parameter_name(64), "unknown");
	ck_assert_str_eq(hip_parameter_name(65), "ESP_INFO");
}
END_TEST

START_TEST(parameters_round_trip_with_length_and_zero_padding)
{
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		struct slice contents = samples[i].contents, whole;
		uint8_t out[256];

		memset(out, 0xff, sizeof(out));
		whole = put_again(codec_of(samples[i].type), contents, out, sizeof(out));
		/* 5.2.1: total length = 11 + length - (length + 3) % 8. */
		ck_assert_uint_eq(whole.len, 11 + contents.len - (contents.len + 3) % 8);
		ck_assert_uint_eq(out[0] << 8 | out[1], samples[i].type);
		ck_assert_uint_eq(out[2] << 8 | out[3], contents.len);
		ck_assert_mem_eq(out + 4, contents.data, contents.len);
		for (size_t j = 4 + contents.len; j < whole.len; j++)
			ck_assert_uint_eq(out[j], 0);
		for (size_t cap = 0; cap < whole.len; cap++)
			ck_assert_uint_eq(put_again(codec_of(samples[i].type), contents, out, cap).len, 0);
	}
}
END_TEST

START_TEST(parameters_refuse_every_other_length)
{
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		const struct hip_codec *codec = codec_of(samples[i].type);
		const struct round_trip plain = { codec->get, codec->put, false };
		struct slice contents = samples[i].contents;

		for (size_t len = 0; len <= contents.len; len++) {
			bool fits = len == contents.len ||
				    (samples[i].step != 0 && len >= samples[i].shortest &&
				     (len - samples[i].shortest) % samples[i].step == 0);

			ck_assert_msg(codec_accepts(&plain, contents, len, 0) == fits, "%s of %zu bytes",
				      hip_parameter_name(codec->type), len);
		}
		if (samples[i].step != 1)
			ck_assert_msg(!codec_accepts(&plain, contents, contents.len, 1), "%s and one byte",
				      hip_parameter_name(codec->type));
	}
}
END_TEST

START_TEST(locators_of_other_types_are_skipped)
{
	static const uint8_t contents[] = {
		0, 9, 1, 0, 0, 0, 0, 1, 1, 2, 3, 4, /* unknown */
		0, 2, 7, 0, 0, 0, 0, 1, 0x29, 4, 6, 0, 0, 0, 0, 0, 0, 0, 0, 1, V4(1), /* over TCP */
		2, 2, 7, 1, 0, 0, 0, 1, 0x29, 5, 17, 0, 9, 9, 9, 9, 0, 0, 0, 1, V4(2),
	};
	struct reader r = reader_of(slice_of(contents, sizeof(contents)));
	struct hip_locator_set x;

	hip_locator_set_get(&r, &x);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(x.count, 1);
	ck_assert_uint_eq(x.items[0].traffic, 2);
	ck_assert_uint_eq(x.items[0].spi, 1);
	ck_assert(x.items[0].preferred);
	ck_assert_uint_eq(x.items[0].address.type, ADDRESS_IPV4);
	ck_assert_uint_eq(x.items[0].address.bytes[3], 2);
	ck_assert_uint_eq(x.items[0].address.port, 10501);
}
END_TEST

START_TEST(locators_beyond_eight_or_of_wrong_length_are_refused)
{
	static const uint8_t wrong[] = { 0, 0, 5, 0, 0, 0, 0, 1, V4(1), 1, 2, 3, 4 };
	static const uint8_t one[] = { 0, 0, 4, 0, 0, 0, 0, 1, V4(1) };
	uint8_t many[9 * sizeof(one)];
	struct hip_locator_set x;
	struct reader r;

	for (size_t i = 0; i < 9; i++)
		memcpy(many + i * sizeof(one), one, sizeof(one));
	r = reader_of(slice_of(many, 8 * sizeof(one)));
	hip_locator_set_get(&r, &x);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(x.count, 8);
	r = reader_of(slice_of(many, sizeof(many)));
	hip_locator_set_get(&r, &x);
	ck_assert_int_eq(r.err, ERR_LIMIT);
	r = reader_of(slice_of(wrong, sizeof(wrong)));
	hip_locator_set_get(&r, &x);
	ck_assert_int_eq(r.err, ERR_MALFORMED);
}
END_TEST

START_TEST(lists_are_cut_at_their_limit)
{
	uint8_t bytes[64] = { 0 };
	struct hip_list x;
	struct reader r;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i + 1);
	r = reader_of(slice_of(bytes, sizeof(bytes)));
	hip_dh_group_list_get(&r, &x);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(x.count, HIP_LIST_MAX);
	/* Six ciphers are taken, the rest is dropped (5.2.8); transforms may be more (RFC 7402 5.1.2). */
	r = reader_of(slice_of(bytes, 16));
	hip_cipher_get(&r, &x);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(x.count, 6);
	r = reader_of(slice_of(bytes, 20));
	hip_esp_transform_get(&r, &x);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(x.count, 9);
}
END_TEST

START_TEST(lists_beyond_six_are_not_put)
{
	struct hip_list x = { .items = { 1, 2, 3, 4, 5, 6, 7 }, .count = 7 };
	uint8_t out[64];
	struct writer w = writer_of(out, sizeof(out));

	hip_cipher_put(&w, &x);
	ck_assert_int_eq(w.err, ERR_LIMIT);
	w = writer_of(out, sizeof(out));
	hip_esp_transform_put(&w, &x);
	ck_assert_int_eq(w.err, ERR_LIMIT);
	w = writer_of(out, sizeof(out));
	x.items[0] = 256;
	hip_dh_group_list_put(&w, &x);
	ck_assert_int_eq(w.err, ERR_MALFORMED);
}
END_TEST

START_TEST(list_choice_follows_the_own_preference)
{
	struct hip_list own = { .items = { 7, 8, 3 }, .count = 3 };
	struct hip_list theirs = { .items = { 3, 4, 8 }, .count = 3 }, none = { .items = { 9 }, .count = 1 };

	ck_assert_uint_eq(hip_list_choose(&own, &theirs), 8);
	ck_assert_uint_eq(hip_list_choose(&own, &none), 0);
	ck_assert(hip_list_has(&theirs, 4));
	ck_assert(!hip_list_has(&theirs, 7));
}
END_TEST

START_TEST(puzzles_longer_than_any_hash_are_refused)
{
	uint8_t contents[4 + 2 * HIP_RHASH_MAX + 2] = { 1 };
	struct hip_puzzle puzzle;
	struct hip_solution solution;
	struct reader r = reader_of(slice_of(contents, 4 + HIP_RHASH_MAX));

	hip_puzzle_get(&r, &puzzle);
	ck_assert_int_eq(reader_finish(&r), 0);
	r = reader_of(slice_of(contents, 4 + HIP_RHASH_MAX + 1));
	hip_puzzle_get(&r, &puzzle);
	ck_assert_int_eq(r.err, ERR_MALFORMED);
	r = reader_of(slice_of(contents, 4 + 2 * HIP_RHASH_MAX));
	hip_solution_get(&r, &solution);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(solution.i.len, HIP_RHASH_MAX);
	ck_assert_uint_eq(solution.j.len, HIP_RHASH_MAX);
	r = reader_of(slice_of(contents, 4 + 2 * HIP_RHASH_MAX + 2));
	hip_solution_get(&r, &solution);
	ck_assert_int_eq(r.err, ERR_MALFORMED);
	r = reader_of(slice_of(contents, 4 + 33));
	hip_solution_get(&r, &solution);
	ck_assert_int_eq(r.err, ERR_MALFORMED);
}
END_TEST

START_TEST(host_id_identity_holds_algorithm_and_key)
{
	static const uint8_t contents[] = { 0, 3, 0x10, 2, 0, 5, 1, 2, 3, 'h', 'i' };
	struct reader r = reader_of(slice_of(contents, sizeof(contents)));
	struct hip_host_id x;

	hip_host_id_get(&r, &x);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(x.algorithm, 5);
	ck_assert(slice_equal(x.identity, slice_of(contents + 4, 5)));
	ck_assert_uint_eq(x.domain_type, 1);
	ck_assert(slice_equal(x.domain, slice_text("hi")));
}
END_TEST

START_TEST(lifetimes_are_coded_as_exponents)
{
	/* RFC 8003 4.1: 2^((v - 64) / 8) seconds, 0 is none. */
	ck_assert_uint_eq(hip_lifetime_s(0), 0);
	ck_assert_uint_eq(hip_lifetime_s(63), 0);
	ck_assert_uint_eq(hip_lifetime_s(64), 1);
	ck_assert_uint_eq(hip_lifetime_s(72), 2);
	ck_assert_uint_eq(hip_lifetime_s(91), 10);
	ck_assert_uint_eq(hip_lifetime_s(119), 117);
	ck_assert_uint_eq(hip_lifetime_s(120), 128);
	ck_assert_uint_eq(hip_lifetime_s(255), 15384774);
	ck_assert_uint_eq(hip_lifetime_code(0), 0);
	ck_assert_uint_eq(hip_lifetime_code(1), 64);
	ck_assert_uint_eq(hip_lifetime_code(120), 119);
	ck_assert_uint_eq(hip_lifetime_code(UINT32_MAX), 255);
	for (uint32_t s = 1; s < 100000; s += 7)
		ck_assert_uint_le(hip_lifetime_s(hip_lifetime_code(s)), s);
}
END_TEST

START_TEST(addresses_without_a_type_are_not_put)
{
	struct address none = { 0 };
	uint8_t out[64];
	struct writer w = writer_of(out, sizeof(out));

	hip_from_put(&w, &none);
	ck_assert_int_eq(w.err, ERR_MALFORMED);
	w = writer_of(out, sizeof(out));
	hip_via_rvs_put(&w, &(struct hip_via_rvs){ .count = 0 });
	ck_assert_int_eq(w.err, ERR_MALFORMED);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip_parameter", parameters_are_all_in_the_table,
			 parameters_round_trip_with_length_and_zero_padding, parameters_refuse_every_other_length,
			 locators_of_other_types_are_skipped, locators_beyond_eight_or_of_wrong_length_are_refused,
			 lists_are_cut_at_their_limit, lists_beyond_six_are_not_put,
			 list_choice_follows_the_own_preference, puzzles_longer_than_any_hash_are_refused,
			 host_id_identity_holds_algorithm_and_key, lifetimes_are_coded_as_exponents,
			 addresses_without_a_type_are_not_put);
}
