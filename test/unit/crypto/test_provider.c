/* SPDX-License-Identifier: MIT */
/* Tests of provider.c: signatures and certificates that verify, and every reason why others do not. */
#include "crypto/provider.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>

#include "crypto/certificate.h"
#include "crypto/certificate_cache.h"
#include "crypto/signature_cache.h"
#include "test/unit/crypto/fixture.h"
#include "test/unit/run.h"

#define BOB "bob@overlay.example"

/* A signer and a verifier of one overlay. */
struct pair {
	struct keystore *authority;
	struct keystore *node;
	struct provider *signer;
	struct provider *verifier;
	struct security sign;
	struct security verify;
	struct arena arena;
	struct slice parts[2];
	struct slice certificate;
	struct certificate_list bucket;
	struct signature signature;
};

static void pair_make(struct pair *p, enum key_algorithm algorithm, size_t node_ids)
{
	p->authority = fixture_authority(algorithm);
	p->node = fixture_node(p->authority, algorithm, FIXTURE_OVERLAY, FIXTURE_USER, 1, node_ids);
	p->signer = fixture_provider(p->authority, p->node);
	p->verifier = fixture_provider(p->authority, NULL);
	p->sign = provider_security(p->signer);
	p->verify = provider_security(p->verifier);
	arena_init(&p->arena, 4096);
	p->parts[0] = slice_text("the first part, ");
	p->parts[1] = slice_text("the second part");
	p->certificate = p->sign.ops->own_certificate(p->sign.ctx);
	p->bucket = (struct certificate_list){ &p->certificate, 1 };
	ck_assert_int_eq(p->sign.ops->sign(p->sign.ctx, p->parts, 2, &p->arena, &p->signature), 0);
}

static void pair_free(struct pair *p)
{
	arena_free(&p->arena);
	provider_free(p->signer);
	provider_free(p->verifier);
	keystore_free(p->node);
	keystore_free(p->authority);
}

static int pair_verify_with(struct pair *p, const struct certificate_list *bucket, struct identity *identity)
{
	return p->verify.ops->verify(p->verify.ctx, fixture_now(), p->parts, 2, &p->signature, bucket, identity,
				     NULL);
}

static int pair_verify(struct pair *p)
{
	struct identity identity;

	return pair_verify_with(p, &p->bucket, &identity);
}

static void verify_round_trip(enum key_algorithm algorithm, size_t node_ids)
{
	struct pair p;
	struct identity identity;
	struct node_id first = fixture_node_id(1);
	struct slice certificate;
	uint8_t hash[32];

	pair_make(&p, algorithm, node_ids);
	ck_assert_uint_eq(p.signature.hash, HASH_SHA256);
	ck_assert_uint_eq(p.signature.algorithm, algorithm == KEY_P256 ? SIGNATURE_ECDSA : SIGNATURE_RSA);
	ck_assert_uint_eq(p.signature.identity.type,
			  node_ids == 1 ? SIGNER_CERT_HASH : SIGNER_CERT_HASH_NODE_ID);
	ck_assert_int_eq(p.verify.ops->verify(p.verify.ctx, fixture_now(), p.parts, 2, &p.signature, &p.bucket,
					      &identity, &certificate), 0);
	ck_assert(slice_equal(certificate, p.certificate));
	ck_assert_str_eq(identity.user, FIXTURE_USER);
	ck_assert_uint_eq(identity.node_id_count, node_ids);
	ck_assert(node_id_equal(&identity.node_id, &first));
	SHA256(p.certificate.data, p.certificate.len, hash);
	ck_assert_mem_eq(identity.certificate_hash, hash, sizeof(hash));
	/* Seen before: the bucket is not needed any more. */
	ck_assert_int_eq(pair_verify_with(&p, NULL, &identity), 0);
	ck_assert(node_id_equal(&identity.node_id, &first));
	pair_free(&p);
}

START_TEST(provider_verifies_p256_and_rsa)
{
	verify_round_trip(KEY_P256, 1);
	verify_round_trip(KEY_P256, 3);
	verify_round_trip(KEY_RSA2048, 1);
	verify_round_trip(KEY_RSA2048, 2);
}
END_TEST

/* The signed bytes are the parts and the encoded SignerIdentity, as another implementation makes them. */
START_TEST(provider_signs_parts_and_signer_identity)
{
	struct pair p;
	uint8_t bytes[256], encoded[64];
	struct writer w = writer_of(bytes, sizeof(bytes)), identity = writer_of(encoded, sizeof(encoded));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	pair_make(&p, KEY_P256, 1);
	writer_bytes(&w, slice_text("the first part, the second part"));
	signer_identity_put(&w, &p.signature.identity);
	signer_identity_put(&identity, &p.signature.identity);
	ck_assert_uint_eq(identity.len, 1 + 2 + 1 + 1 + 32);
	ck_assert_int_eq(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, keystore_private_key(p.node)), 1);
	ck_assert_int_eq(EVP_DigestVerify(ctx, p.signature.value.data, p.signature.value.len, bytes, w.len), 1);
	EVP_MD_CTX_free(ctx);
	pair_free(&p);
}
END_TEST

START_TEST(provider_accepts_sha1_identities)
{
	struct pair p;
	uint8_t hash[20], text[512], digest[32];
	struct writer w = writer_of(text, sizeof(text));
	EVP_PKEY_CTX *ctx;
	uint8_t value[128];
	size_t len = sizeof(value);
	struct identity identity;

	pair_make(&p, KEY_P256, 1);
	SHA1(p.certificate.data, p.certificate.len, hash);
	p.signature.identity.hash_alg = HASH_SHA1;
	p.signature.identity.hash = slice_of(hash, sizeof(hash));
	ck_assert_int_eq(pair_verify(&p), ERR_SIGNATURE);
	writer_bytes(&w, p.parts[0]);
	writer_bytes(&w, p.parts[1]);
	signer_identity_put(&w, &p.signature.identity);
	SHA256(text, w.len, digest);
	ctx = EVP_PKEY_CTX_new(keystore_private_key(p.node), NULL);
	ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_sign(ctx, value, &len, digest, sizeof(digest)), 1);
	EVP_PKEY_CTX_free(ctx);
	p.signature.value = slice_of(value, len);
	ck_assert_int_eq(pair_verify(&p), 0);
	ck_assert_int_eq(pair_verify_with(&p, NULL, &identity), 0);
	pair_free(&p);
}
END_TEST

START_TEST(provider_refuses_forged_signatures)
{
	struct pair p;
	uint8_t value[512];
	struct slice good, good_part;

	for (int algorithm = KEY_P256; algorithm <= KEY_RSA2048; algorithm++) {
		pair_make(&p, (enum key_algorithm)algorithm, 1);
		good = p.signature.value;
		good_part = p.parts[1];
		/* Verified once: the cache must not cover for what differs. */
		ck_assert_int_eq(pair_verify(&p), 0);
		memcpy(value, good.data, good.len);
		value[good.len - 1] ^= 1;
		p.signature.value = slice_of(value, good.len);
		ck_assert_int_eq(pair_verify(&p), ERR_SIGNATURE);
		for (size_t len = 0; len < good.len; len += 7) {
			p.signature.value = slice_of(good.data, len);
			ck_assert_int_eq(pair_verify(&p), ERR_SIGNATURE);
		}
		p.signature.value = good;
		p.parts[1] = slice_text("the second parT");
		ck_assert_int_eq(pair_verify(&p), ERR_SIGNATURE);
		p.parts[1] = good_part;
		p.signature.algorithm = algorithm == KEY_P256 ? SIGNATURE_RSA : SIGNATURE_ECDSA;
		ck_assert_int_eq(pair_verify(&p), ERR_SIGNATURE);
		p.signature.algorithm = algorithm == KEY_P256 ? SIGNATURE_ECDSA : SIGNATURE_RSA;
		p.signature.hash = HASH_SHA1;
		ck_assert_int_eq(pair_verify(&p), ERR_SIGNATURE);
		p.signature.hash = HASH_SHA256;
		ck_assert_int_eq(pair_verify(&p), 0);
		pair_free(&p);
	}
}
END_TEST

START_TEST(provider_refuses_signature_of_none)
{
	struct pair p;

	pair_make(&p, KEY_P256, 1);
	p.signature = signature_none();
	ck_assert_int_eq(pair_verify(&p), ERR_FORBIDDEN);
	pair_free(&p);
}
END_TEST

START_TEST(provider_refuses_unknown_signer)
{
	struct pair p;
	struct keystore *bob;
	struct slice other;
	struct certificate_list bucket = { &other, 1 };
	struct identity identity;
	uint8_t hash[64] = { 0 };

	pair_make(&p, KEY_P256, 1);
	bob = fixture_node(p.authority, KEY_P256, FIXTURE_OVERLAY, BOB, 9, 1);
	other = keystore_certificate(bob);
	ck_assert_int_eq(pair_verify_with(&p, NULL, &identity), ERR_CERTIFICATE_UNKNOWN);
	ck_assert_int_eq(pair_verify_with(&p, &bucket, &identity), ERR_CERTIFICATE_UNKNOWN);
	/* Hashes that are none: wrong length, unknown algorithm. */
	p.signature.identity.hash.len = 31;
	ck_assert_int_eq(pair_verify(&p), ERR_CERTIFICATE_UNKNOWN);
	p.signature.identity.hash_alg = HASH_SHA512;
	p.signature.identity.hash = slice_of(hash, sizeof(hash));
	ck_assert_int_eq(pair_verify(&p), ERR_CERTIFICATE_UNKNOWN);
	keystore_free(bob);
	pair_free(&p);
}
END_TEST

START_TEST(provider_asks_which_of_several_node_ids_signed)
{
	struct pair p;
	uint8_t hash[32];

	pair_make(&p, KEY_P256, 2);
	SHA256(p.certificate.data, p.certificate.len, hash);
	p.signature.identity.type = SIGNER_CERT_HASH;
	p.signature.identity.hash = slice_of(hash, sizeof(hash));
	ck_assert_int_eq(pair_verify(&p), ERR_NODE_ID_MISMATCH);
	pair_free(&p);
}
END_TEST

/* What `verifier` says of the certificate of `node` at `now_ms`. */
static int identify_at(struct provider *verifier, const struct keystore *node, uint64_t now_ms)
{
	struct identity identity;
	char detail[256] = "";
	int err = provider_identify(verifier, (struct walltime){ now_ms }, keystore_certificate(node), &identity,
				    detail, sizeof(detail));

	ck_assert_int_eq(err != 0, detail[0] != '\0');
	return err;
}

START_TEST(provider_checks_dates_each_time)
{
	struct pair p;
	const uint64_t from = FIXTURE_NOW_MS - FIXTURE_DAY_MS;
	const uint64_t to = FIXTURE_NOW_MS + (uint64_t)30 * FIXTURE_DAY_MS;
	struct identity identity;

	pair_make(&p, KEY_P256, 1);
	ck_assert_int_eq(identify_at(p.verifier, p.node, from - 300001), ERR_CERTIFICATE_EXPIRED);
	ck_assert_int_eq(identify_at(p.verifier, p.node, from - 300000), 0);
	ck_assert_int_eq(identify_at(p.verifier, p.node, to), 0);
	ck_assert_int_eq(identify_at(p.verifier, p.node, to + 1), ERR_CERTIFICATE_EXPIRED);
	ck_assert_int_eq(p.verify.ops->verify(p.verify.ctx, (struct walltime){ to + 1 }, p.parts, 2, &p.signature,
					      &p.bucket, &identity, NULL), ERR_CERTIFICATE_EXPIRED);
	ck_assert_int_eq(identify_at(p.verifier, p.node, FIXTURE_NOW_MS), 0);
	pair_free(&p);
}
END_TEST

START_TEST(provider_stops_with_the_root_certificate)
{
	struct keystore *authority, *node;
	struct node_id id = fixture_node_id(3);
	struct provider *verifier;
	struct identity identity;
	char detail[128];

	ck_assert_int_eq(keystore_create_in_memory(&authority, KEY_P256), 0);
	ck_assert_int_eq(certificate_authority_create(authority, "Short root",
						      (struct walltime){ FIXTURE_NOW_MS },
						      (struct walltime){ FIXTURE_NOW_MS + FIXTURE_DAY_MS }, detail,
						      sizeof(detail)), 0);
	node = fixture_node_with(authority, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, &id, 1,
				 FIXTURE_NOW_MS - FIXTURE_DAY_MS, FIXTURE_NOW_MS + 9u * FIXTURE_DAY_MS);
	verifier = fixture_provider(authority, NULL);
	ck_assert_int_eq(provider_identify(verifier, fixture_now(), keystore_certificate(node), &identity, NULL,
					   0), 0);
	ck_assert_uint_eq(identity.not_before.ms, FIXTURE_NOW_MS);
	ck_assert_uint_eq(identity.not_after.ms, FIXTURE_NOW_MS + FIXTURE_DAY_MS);
	ck_assert_int_eq(identify_at(verifier, node, FIXTURE_NOW_MS + FIXTURE_DAY_MS + 1),
			 ERR_CERTIFICATE_EXPIRED);
	provider_free(verifier);
	keystore_free(node);
	keystore_free(authority);
}
END_TEST

START_TEST(provider_refuses_strangers)
{
	struct pair p;
	struct keystore *other_authority = fixture_authority(KEY_P256);
	struct keystore *stranger = fixture_node(other_authority, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, 1, 1);
	struct keystore *neighbour;

	pair_make(&p, KEY_P256, 1);
	neighbour = fixture_node(p.authority, KEY_P256, "other.example", FIXTURE_USER, 1, 1);
	/* Another root of the same name; another overlay of the same root; the root itself. */
	ck_assert_int_eq(identify_at(p.verifier, stranger, FIXTURE_NOW_MS), ERR_CERTIFICATE);
	ck_assert_int_eq(identify_at(p.verifier, neighbour, FIXTURE_NOW_MS), ERR_NODE_ID_MISMATCH);
	ck_assert_int_eq(identify_at(p.verifier, p.authority, FIXTURE_NOW_MS), ERR_CERTIFICATE);
	keystore_free(neighbour);
	keystore_free(stranger);
	keystore_free(other_authority);
	pair_free(&p);
}
END_TEST

START_TEST(provider_refuses_certificate_issued_by_a_node)
{
	struct pair p;
	const struct fixture_name names[] = {
		{ 1, FIXTURE_USER, sizeof(FIXTURE_USER) - 1 },
		{ 6, "reload://011005050505050505050505050505050505@" FIXTURE_OVERLAY "/", 62 },
	};
	struct fixture_certificate what = { .names = names, .name_count = 2 };
	struct keystore *child;

	pair_make(&p, KEY_P256, 1);
	child = fixture_forge(p.authority, &what);
	ck_assert_int_eq(identify_at(p.verifier, child, FIXTURE_NOW_MS), 0);
	keystore_free(child);
	child = fixture_forge(p.node, &what);
	ck_assert_int_eq(identify_at(p.verifier, child, FIXTURE_NOW_MS), ERR_CERTIFICATE);
	keystore_free(child);
	pair_free(&p);
}
END_TEST

START_TEST(provider_refuses_node_id_not_of_user)
{
	struct pair p;
	struct keystore *fitting;
	struct node_id id = fixture_node_id(0x77);
	struct slice root;
	struct provider_trust trust;
	struct provider *own;
	char detail[128];

	pair_make(&p, KEY_P256, 1);
	root = keystore_certificate(p.authority);
	trust = fixture_trust(&root);
	trust.node_id_bits = 64;
	trust.node_id_slots = 4;
	ck_assert_int_eq(identify_at(p.verifier, p.node, FIXTURE_NOW_MS), 0);
	ck_assert_int_eq(provider_set_trust(p.verifier, &trust), 0);
	ck_assert_int_eq(identify_at(p.verifier, p.node, FIXTURE_NOW_MS), ERR_NODE_ID_MISMATCH);
	ck_assert_int_eq(pair_verify(&p), ERR_NODE_ID_MISMATCH);
	ck_assert_int_eq(provider_new(&own, p.node, &trust, detail, sizeof(detail)), ERR_NODE_ID_MISMATCH);
	certificate_node_id_prefix(FIXTURE_OVERLAY, FIXTURE_USER, 3, 64, &id);
	fitting = fixture_node_with(p.authority, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, &id, 1,
				    FIXTURE_NOW_MS, FIXTURE_NOW_MS + 1000);
	ck_assert_int_eq(identify_at(p.verifier, fitting, FIXTURE_NOW_MS), 0);
	keystore_free(fitting);
	fitting = fixture_node_with(p.authority, KEY_P256, FIXTURE_OVERLAY, BOB, &id, 1, FIXTURE_NOW_MS,
				    FIXTURE_NOW_MS + 1000);
	ck_assert_int_eq(identify_at(p.verifier, fitting, FIXTURE_NOW_MS), ERR_NODE_ID_MISMATCH);
	keystore_free(fitting);
	pair_free(&p);
}
END_TEST

START_TEST(provider_refuses_bad_nodes)
{
	struct pair p;
	struct node_id bad[] = { fixture_node_id(0x40), fixture_node_id(2) };
	struct slice root;
	struct provider_trust trust;

	/* The second of two Node-IDs is bad: the certificate is not valid (RFC 6940 11.1). */
	pair_make(&p, KEY_P256, 2);
	root = keystore_certificate(p.authority);
	trust = fixture_trust(&root);
	trust.bad_nodes = bad;
	trust.bad_node_count = 2;
	ck_assert_int_eq(pair_verify(&p), 0);
	ck_assert_int_eq(provider_set_trust(p.verifier, &trust), 0);
	ck_assert_int_eq(pair_verify(&p), ERR_BAD_NODE);
	ck_assert_int_eq(identify_at(p.verifier, p.node, FIXTURE_NOW_MS), ERR_BAD_NODE);
	trust.bad_node_count = 1;
	ck_assert_int_eq(provider_set_trust(p.verifier, &trust), 0);
	ck_assert_int_eq(pair_verify(&p), 0);
	pair_free(&p);
}
END_TEST

START_TEST(provider_keeps_trust_when_new_root_is_bad)
{
	struct pair p;
	struct slice root;
	struct provider_trust trust;

	pair_make(&p, KEY_P256, 1);
	root = slice_text("not a certificate");
	trust = fixture_trust(&root);
	ck_assert_int_eq(provider_set_trust(p.verifier, &trust), ERR_CERTIFICATE);
	root = keystore_certificate(p.node);
	ck_assert_int_eq(provider_set_trust(p.verifier, &trust), ERR_CERTIFICATE);
	ck_assert_int_eq(pair_verify(&p), 0);
	pair_free(&p);
}
END_TEST

START_TEST(provider_refuses_own_certificate_that_does_not_fit)
{
	struct keystore *authority = fixture_authority(KEY_P256), *other = fixture_authority(KEY_P256);
	struct keystore *node = fixture_node(authority, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, 1, 1);
	struct slice root = keystore_certificate(other);
	struct provider_trust trust = fixture_trust(&root);
	struct keystore *bare;
	struct provider *p;
	char detail[128];

	ck_assert_int_eq(provider_new(&p, node, &trust, detail, sizeof(detail)), ERR_CERTIFICATE);
	ck_assert_ptr_null(p);
	ck_assert_int_eq(keystore_create_in_memory(&bare, KEY_P256), 0);
	ck_assert_int_eq(provider_new(&p, bare, &trust, detail, sizeof(detail)), ERR_CERTIFICATE);
	keystore_free(bare);
	keystore_free(node);
	keystore_free(other);
	keystore_free(authority);
}
END_TEST

START_TEST(provider_that_only_verifies_cannot_sign)
{
	struct pair p;
	struct signature signature;

	pair_make(&p, KEY_P256, 1);
	ck_assert_int_eq(p.verify.ops->sign(p.verify.ctx, p.parts, 2, &p.arena, &signature), ERR_KEY);
	ck_assert_uint_eq(p.verify.ops->own_certificate(p.verify.ctx).len, 0);
	ck_assert_uint_eq(p.verify.ops->own_identity(p.verify.ctx)->node_id_count, 0);
	/* A full arena is an ordinary failure. */
	arena_free(&p.arena);
	arena_init(&p.arena, 16);
	ck_assert_int_eq(p.sign.ops->sign(p.sign.ctx, p.parts, 2, &p.arena, &signature), ERR_LIMIT);
	pair_free(&p);
}
END_TEST

START_TEST(provider_digests_as_the_standards_say)
{
	static const uint8_t abc[20] = { 0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e,
					 0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d };
	struct pair p;
	struct slice parts[] = { slice_text("a"), SLICE_EMPTY, slice_text("bc") };
	uint8_t out[32], expected[32], one[16], two[16];

	pair_make(&p, KEY_P256, 1);
	p.verify.ops->digest(p.verify.ctx, HASH_SHA1, parts, 3, out);
	ck_assert_mem_eq(out, abc, sizeof(abc));
	SHA256((const uint8_t *)"abc", 3, expected);
	p.verify.ops->digest(p.verify.ctx, HASH_SHA256, parts, 3, out);
	ck_assert_mem_eq(out, expected, sizeof(expected));
	p.verify.ops->random(p.verify.ctx, one, sizeof(one));
	p.verify.ops->random(p.verify.ctx, two, sizeof(two));
	ck_assert_mem_ne(one, two, sizeof(one));
	pair_free(&p);
}
END_TEST

START_TEST(certificate_cache_forgets_the_least_recently_used)
{
	struct certificate_cache *c = certificate_cache_new(2);
	struct digest d;
	struct identity identity = { .node_id_count = 1 };
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	uint8_t hashes[3][32];
	char text[3][2] = { "a", "b", "c" };

	digest_init(&d);
	for (size_t i = 0; i < 3; i++)
		SHA256((const uint8_t *)text[i], 1, hashes[i]);
	certificate_cache_add(c, &d, slice_text(text[0]), &identity, key);
	certificate_cache_add(c, &d, slice_text(text[1]), &identity, key);
	ck_assert_ptr_nonnull(certificate_cache_find_der(c, hashes[0]));
	certificate_cache_add(c, &d, slice_text(text[2]), &identity, key);
	ck_assert_uint_eq(certificate_cache_count(c), 2);
	ck_assert_ptr_nonnull(certificate_cache_find_der(c, hashes[0]));
	ck_assert_ptr_null(certificate_cache_find_der(c, hashes[1]));
	ck_assert_ptr_nonnull(certificate_cache_find_der(c, hashes[2]));
	/* The same names again: the older holder loses them and goes without harm. */
	certificate_cache_add(c, &d, slice_text(text[2]), &identity, key);
	certificate_cache_add(c, &d, slice_text(text[1]), &identity, key);
	ck_assert_uint_eq(certificate_cache_count(c), 2);
	ck_assert_ptr_nonnull(certificate_cache_find_der(c, hashes[2]));
	certificate_cache_clear(c);
	ck_assert_uint_eq(certificate_cache_count(c), 0);
	ck_assert_ptr_null(certificate_cache_find_der(c, hashes[2]));
	certificate_cache_free(c);
	digest_free(&d);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(signature_cache_keeps_the_newest_of_a_set)
{
	struct signature_cache c;
	uint8_t name[SIGNATURE_CACHE_NAME] = { 0x12, 0x34 };

	signature_cache_init(&c);
	for (uint8_t i = 1; i <= SIGNATURE_CACHE_WAYS + 1; i++) {
		name[31] = i;
		ck_assert(!signature_cache_has(&c, name));
		signature_cache_add(&c, name);
		ck_assert(signature_cache_has(&c, name));
	}
	name[31] = 1;
	ck_assert(!signature_cache_has(&c, name));
	name[31] = 2;
	ck_assert(signature_cache_has(&c, name));
	signature_cache_clear(&c);
	ck_assert(!signature_cache_has(&c, name));
	signature_cache_free(&c);
}
END_TEST

int main(void)
{
	return RUN_TESTS("provider", provider_verifies_p256_and_rsa, provider_signs_parts_and_signer_identity,
			 provider_accepts_sha1_identities, provider_refuses_forged_signatures,
			 provider_refuses_signature_of_none, provider_refuses_unknown_signer,
			 provider_asks_which_of_several_node_ids_signed, provider_checks_dates_each_time,
			 provider_stops_with_the_root_certificate, provider_refuses_strangers,
			 provider_refuses_certificate_issued_by_a_node, provider_refuses_node_id_not_of_user,
			 provider_refuses_bad_nodes, provider_keeps_trust_when_new_root_is_bad,
			 provider_refuses_own_certificate_that_does_not_fit,
			 provider_that_only_verifies_cannot_sign, provider_digests_as_the_standards_say,
			 certificate_cache_forgets_the_least_recently_used,
			 signature_cache_keeps_the_newest_of_a_set);
}
