/* SPDX-License-Identifier: MIT */
/* Tests of host_provider.c, host_identity.c and overlay/host_security.c: Host Identities, HITs, signatures. */
#include "crypto/host_provider.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "crypto/host_identity.h"
#include "test/unit/crypto/fixture.h"
#include "test/unit/crypto/hex.h"
#include "test/unit/run.h"

static const enum hit_suite suites[] = { HIT_SUITE_RSA, HIT_SUITE_ECDSA };

static struct slice own_identity(const struct host_security *s)
{
	return s->ops->own_identity(s->ctx);
}

START_TEST(hit_of_known_bytes)
{
	/* RFC 7343 2 with the Context ID of RFC 7401 3.2, computed apart: the middle 96 bits of SHA-256 and SHA-384. */
	struct hex_bytes rsa_hit = hex("200100212b2efd211a3114f888a5aca9");
	struct hex_bytes ecdsa_hit = hex("200100226a34ec5dbea94e8a15a5c969");
	uint8_t rsa[2 + 4 + 256] = { 0, HOST_ALGORITHM_RSA, 3, 1, 0, 1 };
	uint8_t ecdsa[2 + 3 + 64] = { 0, HOST_ALGORITHM_ECDSA, 0, 1, 4 };
	struct hit hit;

	for (size_t i = 0; i < 256; i++)
		rsa[6 + i] = (uint8_t)i;
	for (size_t i = 0; i < 64; i++)
		ecdsa[5 + i] = (uint8_t)i;
	ck_assert_int_eq(host_identity_hit(slice_of(rsa, sizeof(rsa)), &hit), 0);
	ck_assert_mem_eq(hit.bytes, rsa_hit.bytes, HIT_LENGTH);
	ck_assert_int_eq(host_identity_hit(slice_of(ecdsa, sizeof(ecdsa)), &hit), 0);
	ck_assert_mem_eq(hit.bytes, ecdsa_hit.bytes, HIT_LENGTH);
}
END_TEST

/* The steps of RFC 7343 2 by hand. */
static struct hit orchid(struct slice identity, bool is_rsa)
{
	struct hex_bytes input = hex("F0EF F02F BFF4 3D0F E793 0C3C 6E61 74EA");
	uint8_t bytes[16 + HOST_IDENTITY_MAX], hash[48];
	struct hit hit = { { 0x20, 0x01, 0x00, is_rsa ? 0x21 : 0x22 } };

	memcpy(bytes, input.bytes, 16);
	memcpy(bytes + 16, identity.data + 2, identity.len - 2);
	if (is_rsa)
		SHA256(bytes, 16 + identity.len - 2, hash);
	else
		SHA384(bytes, 16 + identity.len - 2, hash);
	/* 256 bits less 96 are twice 80; 384 less 96 twice 144. */
	memcpy(hit.bytes + 4, hash + (is_rsa ? 10 : 18), 12);
	return hit;
}

START_TEST(own_identity_has_the_form_of_the_rfc)
{
	for (size_t i = 0; i < 2; i++) {
		bool is_rsa = suites[i] == HIT_SUITE_RSA;
		struct host_provider *p;
		struct host_security s;
		struct hit hit, wanted;
		struct slice id;

		ck_assert_int_eq(host_provider_generate(&p, suites[i]), 0);
		s = host_provider_port(p);
		id = own_identity(&s);
		if (is_rsa) {
			/* RFC 3110 2: one byte of length, the exponent 65537, the modulus. */
			ck_assert_mem_eq(id.data, "\0\5\3\1\0\1", 6);
			ck_assert_uint_eq(id.len, 2 + 4 + 256);
			ck_assert_uint_ge(id.data[6], 0x80);
		} else {
			ck_assert_mem_eq(id.data, "\0\7\0\1\4", 5);
			ck_assert_uint_eq(id.len, 2 + 2 + 1 + 64);
		}
		ck_assert_uint_eq(host_identity_suite(id), suites[i]);
		ck_assert_int_eq(host_hit(&s, id, &hit), 0);
		wanted = orchid(id, is_rsa);
		ck_assert_mem_eq(hit.bytes, wanted.bytes, HIT_LENGTH);
		host_provider_free(p);
	}
}
END_TEST

START_TEST(identity_survives_a_round_trip)
{
	EVP_PKEY *keys[] = { EVP_RSA_gen(2048), EVP_RSA_gen(3072), EVP_EC_gen("P-256"), EVP_EC_gen("P-384") };

	for (size_t i = 0; i < 4; i++) {
		uint8_t identity[HOST_IDENTITY_MAX];
		EVP_PKEY *read;
		size_t len;

		ck_assert_int_eq(host_identity_of_key(keys[i], identity, &len), 0);
		ck_assert_int_eq(host_identity_parse(slice_of(identity, len), &read), 0);
		ck_assert_int_eq(EVP_PKEY_eq(keys[i], read), 1);
		EVP_PKEY_free(read);
		/* x|y without the 04 is the same key. */
		if (i >= 2) {
			memmove(identity + 4, identity + 5, len - 5);
			ck_assert_int_eq(host_identity_parse(slice_of(identity, len - 1), &read), 0);
			ck_assert_int_eq(EVP_PKEY_eq(keys[i], read), 1);
			EVP_PKEY_free(read);
		}
		EVP_PKEY_free(keys[i]);
	}
}
END_TEST

START_TEST(identity_cut_short_is_refused)
{
	for (size_t i = 0; i < 2; i++) {
		struct host_provider *p;
		struct host_security s;
		struct slice id;
		EVP_PKEY *key;

		ck_assert_int_eq(host_provider_generate(&p, suites[i]), 0);
		s = host_provider_port(p);
		id = own_identity(&s);
		for (size_t len = 0; len < id.len; len++) {
			int err = host_identity_parse(slice_of(id.data, len), &key);

			/* A modulus has no length of its own: cut short it may be just another one. */
			if (err == 0) {
				ck_assert_int_eq(suites[i], HIT_SUITE_RSA);
				EVP_PKEY_free(key);
				continue;
			}
			ck_assert(err == ERR_MALFORMED || err == ERR_UNSUPPORTED);
			ck_assert_ptr_null(key);
		}
		host_provider_free(p);
	}
}
END_TEST

static int parse_bytes(const uint8_t *bytes, size_t len)
{
	EVP_PKEY *key;
	int err = host_identity_parse(slice_of(bytes, len), &key);

	EVP_PKEY_free(key);
	return err;
}

START_TEST(unusable_identities_are_refused)
{
	uint8_t rsa[HOST_IDENTITY_MAX + 1] = { 0, HOST_ALGORITHM_RSA, 3, 1, 0, 1 }, copy[HOST_IDENTITY_MAX];
	uint8_t ecdsa[2 + 3 + 64] = { 0, HOST_ALGORITHM_ECDSA, 0, 1, 4 };
	struct hit hit;

	memset(rsa + 6, 0xc1, sizeof(rsa) - 6);
	ck_assert_int_eq(parse_bytes(rsa, 6 + 256), 0);
	ck_assert_int_eq(parse_bytes(rsa, 6 + 128), ERR_UNSUPPORTED); /* 1,024 bits */
	ck_assert_int_eq(parse_bytes(rsa, 6 + 513), ERR_UNSUPPORTED); /* more than 4,096 */
	ck_assert_int_eq(parse_bytes(rsa, sizeof(rsa)), ERR_MALFORMED);
	memcpy(copy, rsa, sizeof(copy));
	copy[2] = 0; /* an exponent of more than 255 bytes */
	ck_assert_int_eq(parse_bytes(copy, 6 + 256), ERR_MALFORMED);
	memcpy(copy, rsa, sizeof(copy));
	copy[3] = 0; /* a zero in front */
	ck_assert_int_eq(parse_bytes(copy, 6 + 256), ERR_MALFORMED);
	copy[2] = 1;
	copy[3] = 1; /* exponent 1: the signature would be the digest */
	copy[4] = 0xc1;
	copy[5] = 0xc1;
	ck_assert_int_eq(parse_bytes(copy, 6 + 254), ERR_MALFORMED);
	memcpy(copy, rsa, sizeof(copy));
	copy[5] = 2; /* even */
	ck_assert_int_eq(parse_bytes(copy, 6 + 256), ERR_MALFORMED);
	memcpy(copy, rsa, sizeof(copy));
	copy[2] = 9; /* a long exponent costs whoever verifies */
	ck_assert_int_eq(parse_bytes(copy, 12 + 256), ERR_UNSUPPORTED);
	ck_assert_int_eq(parse_bytes(ecdsa, sizeof(ecdsa)), ERR_MALFORMED); /* (0, 0) */
	ecdsa[3] = 3;
	ck_assert_int_eq(parse_bytes(ecdsa, sizeof(ecdsa)), ERR_UNSUPPORTED);
	/* DSA and ECDSA_LOW have no keys and no HITs here. */
	for (uint8_t algorithm = 0; algorithm < 12; algorithm++) {
		if (algorithm == HOST_ALGORITHM_RSA || algorithm == HOST_ALGORITHM_ECDSA)
			continue;
		rsa[1] = algorithm;
		ck_assert_int_eq(parse_bytes(rsa, 6 + 256), ERR_UNSUPPORTED);
		ck_assert_int_eq(host_identity_hit(slice_of(rsa, 6 + 256), &hit), ERR_UNSUPPORTED);
		ck_assert_uint_eq(host_identity_suite(slice_of(rsa, 6 + 256)), 0);
	}
	ck_assert_int_eq(host_identity_hit(slice_of(rsa, 2), &hit), ERR_MALFORMED);
	ck_assert_int_eq(host_identity_hit(SLICE_EMPTY, &hit), ERR_MALFORMED);
	ck_assert_uint_eq(host_identity_suite(SLICE_EMPTY), 0);
}
END_TEST

START_TEST(signature_verifies_and_changed_bytes_do_not)
{
	for (size_t i = 0; i < 2; i++) {
		const struct slice parts[] = { slice_text("header"), SLICE_EMPTY, slice_text("parameters") };
		const struct slice whole = slice_text("headerparameters"), other = slice_text("headerparameterz");
		uint8_t value[HOST_SIGNATURE_MAX + 1], identity[HOST_IDENTITY_MAX];
		struct host_provider *p, *q;
		struct host_security s, t;
		size_t len, id_len;

		ck_assert_int_eq(host_provider_generate(&p, suites[i]), 0);
		ck_assert_int_eq(host_provider_generate(&q, suites[i]), 0);
		s = host_provider_port(p);
		t = host_provider_port(q);
		ck_assert_int_eq(s.ops->sign(s.ctx, parts, 3, value, &len), 0);
		ck_assert_uint_eq(len, suites[i] == HIT_SUITE_RSA ? 256 : 64);
		id_len = own_identity(&s).len;
		memcpy(identity, own_identity(&s).data, id_len);
		ck_assert_int_eq(t.ops->verify(t.ctx, slice_of(identity, id_len), &whole, 1, slice_of(value, len)), 0);
		ck_assert_int_eq(t.ops->verify(t.ctx, slice_of(identity, id_len), &other, 1, slice_of(value, len)),
				 ERR_SIGNATURE);
		ck_assert_int_eq(t.ops->verify(t.ctx, own_identity(&t), &whole, 1, slice_of(value, len)),
				 ERR_SIGNATURE);
		for (size_t at = 0; at < len; at++) {
			value[at] ^= 0x10;
			ck_assert_int_eq(t.ops->verify(t.ctx, slice_of(identity, id_len), &whole, 1,
						       slice_of(value, len)), ERR_SIGNATURE);
			value[at] ^= 0x10;
		}
		for (size_t n = 0; n <= len + 1; n++)
			if (n != len)
				ck_assert_int_eq(t.ops->verify(t.ctx, slice_of(identity, id_len), &whole, 1,
							       slice_of(value, n)), ERR_SIGNATURE);
		identity[1] = HOST_ALGORITHM_DSA;
		ck_assert_int_eq(t.ops->verify(t.ctx, slice_of(identity, id_len), &whole, 1, slice_of(value, len)),
				 ERR_UNSUPPORTED);
		ck_assert_int_eq(t.ops->verify(t.ctx, SLICE_EMPTY, &whole, 1, slice_of(value, len)), ERR_MALFORMED);
		host_provider_free(p);
		host_provider_free(q);
	}
}
END_TEST

START_TEST(raw_signature_keeps_leading_zeroes)
{
	const struct slice part = slice_text("part");
	struct host_provider *p;
	struct host_security s;
	uint8_t value[HOST_SIGNATURE_MAX];
	unsigned zero_r = 0, zero_s = 0;
	size_t len;

	ck_assert_int_eq(host_provider_generate(&p, HIT_SUITE_ECDSA), 0);
	s = host_provider_port(p);
	/* One in 256 has such an r, one in 256 such an s. */
	for (unsigned i = 0; i < 20000 && (zero_r == 0 || zero_s == 0); i++) {
		ck_assert_int_eq(s.ops->sign(s.ctx, &part, 1, value, &len), 0);
		ck_assert_uint_eq(len, 64);
		if (value[0] != 0 && value[32] != 0)
			continue;
		zero_r += value[0] == 0;
		zero_s += value[32] == 0;
		ck_assert_int_eq(s.ops->verify(s.ctx, own_identity(&s), &part, 1, slice_of(value, len)), 0);
	}
	ck_assert_uint_gt(zero_r, 0);
	ck_assert_uint_gt(zero_s, 0);
	memset(value, 0, sizeof(value));
	ck_assert_int_eq(s.ops->verify(s.ctx, own_identity(&s), &part, 1, slice_of(value, 64)), ERR_SIGNATURE);
	memset(value, 0xff, sizeof(value));
	ck_assert_int_eq(s.ops->verify(s.ctx, own_identity(&s), &part, 1, slice_of(value, 64)), ERR_SIGNATURE);
	host_provider_free(p);
}
END_TEST

/* A signature over "part" with another key and other parameters. */
static size_t sign_otherwise(EVP_PKEY *key, const char *digest, int padding, int salt, uint8_t *value)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *options;
	size_t len = HOST_SIGNATURE_MAX;

	ck_assert_int_eq(EVP_DigestSignInit_ex(ctx, &options, digest, NULL, NULL, key, NULL), 1);
	ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_padding(options, padding), 0);
	if (padding == RSA_PKCS1_PSS_PADDING)
		ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, salt), 0);
	ck_assert_int_eq(EVP_DigestSign(ctx, value, &len, (const unsigned char *)"part", 4), 1);
	EVP_MD_CTX_free(ctx);
	return len;
}

START_TEST(pss_with_any_salt_verifies_and_nothing_else)
{
	static const int salts[] = { 0, 20, 32, 222 };
	const struct slice part = slice_text("part");
	uint8_t identity[HOST_IDENTITY_MAX], value[HOST_SIGNATURE_MAX];
	EVP_PKEY *key = EVP_RSA_gen(2048);
	size_t id_len, len;

	ck_assert_int_eq(host_identity_of_key(key, identity, &id_len), 0);
	for (size_t i = 0; i < 4; i++) {
		len = sign_otherwise(key, "SHA2-256", RSA_PKCS1_PSS_PADDING, salts[i], value);
		ck_assert_int_eq(host_identity_verify(slice_of(identity, id_len), &part, 1, slice_of(value, len)), 0);
	}
	len = sign_otherwise(key, "SHA2-256", RSA_PKCS1_PADDING, 0, value);
	ck_assert_int_eq(host_identity_verify(slice_of(identity, id_len), &part, 1, slice_of(value, len)),
			 ERR_SIGNATURE);
	len = sign_otherwise(key, "SHA1", RSA_PKCS1_PSS_PADDING, 20, value);
	ck_assert_int_eq(host_identity_verify(slice_of(identity, id_len), &part, 1, slice_of(value, len)),
			 ERR_SIGNATURE);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(provider_of_a_keystore_has_the_hit_of_its_certificate)
{
	for (size_t i = 0; i < 2; i++) {
		enum key_algorithm algorithm = i == 0 ? KEY_RSA2048 : KEY_P256;
		struct keystore *authority = fixture_authority(KEY_P256);
		struct keystore *node = fixture_node(authority, algorithm, FIXTURE_OVERLAY, FIXTURE_USER, 5, 1);
		struct provider *provider = fixture_provider(authority, node);
		struct security security = provider_security(provider);
		const struct identity *own = security.ops->own_identity(security.ctx);
		const struct slice part = slice_text("record");
		uint8_t value[HOST_SIGNATURE_MAX];
		struct host_provider *p;
		struct host_security s;
		struct hit hit;
		size_t len;

		ck_assert_int_eq(host_provider_new(&p, node), 0);
		s = host_provider_port(p);
		ck_assert_int_eq(host_hit(&s, own_identity(&s), &hit), 0);
		ck_assert_mem_eq(own->hit.bytes, hit.bytes, HIT_LENGTH);
		ck_assert(own->is_vouched);
		/* What another node's security port makes of a foreign proof. */
		ck_assert_int_eq(security.ops->host_hit(security.ctx, own_identity(&s), &hit), 0);
		ck_assert_mem_eq(own->hit.bytes, hit.bytes, HIT_LENGTH);
		ck_assert_int_eq(s.ops->sign(s.ctx, &part, 1, value, &len), 0);
		ck_assert_int_eq(security.ops->host_verify(security.ctx, own_identity(&s), &part, 1,
							   slice_of(value, len)), 0);
		value[3] ^= 1;
		ck_assert_int_eq(security.ops->host_verify(security.ctx, own_identity(&s), &part, 1,
							   slice_of(value, len)), ERR_SIGNATURE);
		host_provider_free(p);
		provider_free(provider);
		keystore_free(node);
		keystore_free(authority);
	}
}
END_TEST

START_TEST(key_of_another_kind_has_no_identity)
{
	EVP_PKEY *keys[] = { EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), EVP_EC_gen("P-521"), EVP_RSA_gen(1024) };
	uint8_t identity[HOST_IDENTITY_MAX];
	struct host_provider *p;
	struct hit hit, zero = { 0 };
	size_t len;

	for (size_t i = 0; i < 3; i++) {
		ck_assert_ptr_nonnull(keys[i]);
		ck_assert_int_eq(host_identity_of_key(keys[i], identity, &len), ERR_UNSUPPORTED);
		host_identity_hit_of_key(keys[i], &hit);
		ck_assert_mem_eq(hit.bytes, zero.bytes, HIT_LENGTH);
		EVP_PKEY_free(keys[i]);
	}
	ck_assert_int_eq(host_provider_generate(&p, HIT_SUITE_ECDSA_LOW), ERR_UNSUPPORTED);
	ck_assert_ptr_null(p);
	host_provider_free(NULL);
}
END_TEST

int main(void)
{
	return RUN_TESTS("host provider", hit_of_known_bytes, own_identity_has_the_form_of_the_rfc,
			 identity_survives_a_round_trip, identity_cut_short_is_refused,
			 unusable_identities_are_refused, signature_verifies_and_changed_bytes_do_not,
			 raw_signature_keeps_leading_zeroes, pss_with_any_salt_verifies_and_nothing_else,
			 provider_of_a_keystore_has_the_hit_of_its_certificate, key_of_another_kind_has_no_identity);
}
