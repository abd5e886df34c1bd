/* SPDX-License-Identifier: MIT */
/* Tests of security_block.c. */
#include "overlay/wire/security_block.h"

#include "test/unit/wire/codec.h"
#include "test/unit/wire/sample.h"

static void *get_block(struct reader *r, struct arena *a)
{
	struct security_block *b = arena_alloc(a, sizeof(*b));

	security_block_get(r, a, b);
	return reader_finish(r) == 0 ? b : NULL;
}

static void put_block(struct writer *w, const void *x)
{
	security_block_put(w, x);
}

static void *get_signature(struct reader *r, struct arena *a)
{
	struct signature *s = arena_alloc(a, sizeof(*s));

	signature_get(r, s);
	return reader_finish(r) == 0 ? s : NULL;
}

static void put_signature(struct writer *w, const void *x)
{
	signature_put(w, x);
}

static const struct round_trip codec = { get_block, put_block, false };
static const struct round_trip signature_codec = { get_signature, put_signature, true };

/* SHA-256 with RSA, identity cert_hash (SHA-256, two bytes), value of three bytes. */
#define SIGNATURE_BYTES 4, 1, 1, 0, 4, 4, 2, 0xaa, 0xbb, 0, 3, 1, 2, 3

START_TEST(signature_encodes_algorithm_identity_value)
{
	static const uint8_t bytes[] = { SIGNATURE_BYTES };
	struct reader r = reader_of(slice_of(bytes, sizeof(bytes)));
	struct signature s;

	signature_get(&r, &s);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(s.hash, HASH_SHA256);
	ck_assert_uint_eq(s.algorithm, SIGNATURE_RSA);
	ck_assert_uint_eq(s.identity.type, SIGNER_CERT_HASH);
	ck_assert_uint_eq(s.identity.hash_alg, HASH_SHA256);
	ck_assert_uint_eq(s.identity.hash.len, 2);
	ck_assert_uint_eq(s.value.len, 3);
	CODEC_CHECK(&signature_codec, SIGNATURE_BYTES);
	CODEC_CHECK(&signature_codec, 4, 3, 2, 0, 3, 4, 1, 9, 0, 0);
}
END_TEST

START_TEST(signature_none_is_all_zeroes_with_identity_none)
{
	/* RFC 6940 7.4.2.2 */
	static const uint8_t bytes[] = { 0, 0, 3, 0, 0, 0, 0 };
	uint8_t out[16];
	struct writer w = writer_of(out, sizeof(out));
	struct signature none = signature_none(), other = none;

	signature_put(&w, &none);
	ck_assert(slice_equal(writer_slice(&w), slice_of(bytes, sizeof(bytes))));
	CODEC_CHECK(&signature_codec, 0, 0, 3, 0, 0, 0, 0);
	ck_assert(signature_is_none(&none));
	other.hash = HASH_SHA256;
	ck_assert(!signature_is_none(&other));
	other = none;
	other.value = slice_text("x");
	ck_assert(!signature_is_none(&other));
}
END_TEST

START_TEST(signer_identity_rejects_unknown_types_and_wrong_lengths)
{
	CODEC_REFUSES(&signature_codec, ERR_MALFORMED, 4, 1, 0, 0, 0, 0, 0);
	CODEC_REFUSES(&signature_codec, ERR_MALFORMED, 4, 1, 4, 0, 0, 0, 0);
	CODEC_REFUSES(&signature_codec, ERR_TRAILING, 4, 1, 3, 0, 1, 0, 0, 0);
	CODEC_REFUSES(&signature_codec, ERR_TRAILING, 4, 1, 1, 0, 3, 4, 0, 9, 0, 0);
	CODEC_REFUSES(&signature_codec, ERR_TRUNCATED, 4, 1, 1, 0, 1, 4, 0, 0);
}
END_TEST

START_TEST(signature_put_rejects_an_unknown_identity)
{
	uint8_t out[32];
	struct writer w = writer_of(out, sizeof(out));

	signature_put(&w, &(struct signature){ .identity.type = 9 });
	ck_assert_int_eq(w.err, ERR_MALFORMED);
}
END_TEST

START_TEST(security_block_keeps_x509_and_passes_over_other_certificates)
{
	static const uint8_t bytes[] = { 0, 14, 0, 0, 2, 0x30, 0x00, 1, 0, 1, 0xff, 0, 0, 2, 0x30, 0x01,
					 SIGNATURE_BYTES };
	struct reader r = reader_of(slice_of(bytes, sizeof(bytes)));
	struct security_block b;
	struct arena a;

	arena_init(&a, 10000);
	ck_assert_int_eq(security_block_get(&r, &a, &b), 0);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(b.certificates.count, 2);
	ck_assert_uint_eq(b.certificates.items[0].data[1], 0);
	ck_assert_uint_eq(b.certificates.items[1].data[1], 1);
	arena_free(&a);
	CODEC_CHECK(&codec, 0, 5, 0, 0, 2, 0x30, 0x00, SIGNATURE_BYTES);
	CODEC_CHECK(&codec, 0, 0, SIGNATURE_BYTES);
}
END_TEST

START_TEST(security_block_limits_certificates)
{
	uint8_t bytes[2 + 3 * 65 + 7] = { 0, 3 * 64 };
	uint8_t none[] = { 0, 0, 3, 0, 0, 0, 0 };

	memcpy(bytes + 2 + 3 * 64, none, sizeof(none));
	codec_check(&codec, slice_of(bytes, 2 + 3 * 64 + 7));
	bytes[1] = 3 * 65;
	memset(bytes + 2 + 3 * 64, 0, 3);
	memcpy(bytes + 2 + 3 * 65, none, sizeof(none));
	codec_refuses(&codec, slice_of(bytes, sizeof(bytes)), ERR_LIMIT);
}
END_TEST

int main(void)
{
	return RUN_TESTS("security_block", signature_encodes_algorithm_identity_value,
			 signature_none_is_all_zeroes_with_identity_none,
			 signer_identity_rejects_unknown_types_and_wrong_lengths,
			 signature_put_rejects_an_unknown_identity,
			 security_block_keeps_x509_and_passes_over_other_certificates,
			 security_block_limits_certificates);
}
