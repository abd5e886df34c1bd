/* SPDX-License-Identifier: MIT */
/* Digest, HMAC and HKDF with the hash function of a HIT suite. */
#include "crypto/host_suite.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "overlay/base/invariant.h"

#define HKDF_BLOCKS_MAX 255 /* RFC 5869 2.3 */

static const char *const host_suite_names[HOST_SUITE_COUNT] = { "SHA2-256", "SHA2-384" };

/* Where a suite stands in the tables; -1: not supported. */
static int host_suite_index(enum hit_suite suite)
{
	return suite == HIT_SUITE_RSA ? 0 : suite == HIT_SUITE_ECDSA ? 1 : -1;
}

void host_suite_init(struct host_suite *s)
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	s->ctx = EVP_MD_CTX_new();
	invariant(hmac != NULL && s->ctx != NULL);
	for (size_t i = 0; i < HOST_SUITE_COUNT; i++) {
		OSSL_PARAM params[] = {
			OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)host_suite_names[i], 0),
			OSSL_PARAM_construct_end(),
		};

		s->md[i] = EVP_MD_fetch(NULL, host_suite_names[i], NULL);
		s->hmac[i] = EVP_MAC_CTX_new(hmac);
		invariant(s->md[i] != NULL && s->hmac[i] != NULL &&
			  EVP_MAC_CTX_set_params(s->hmac[i], params) == 1);
	}
	EVP_MAC_free(hmac);
}

void host_suite_free(struct host_suite *s)
{
	for (size_t i = 0; i < HOST_SUITE_COUNT; i++) {
		EVP_MD_free(s->md[i]);
		EVP_MAC_CTX_free(s->hmac[i]);
	}
	EVP_MD_CTX_free(s->ctx);
	*s = (struct host_suite){ 0 };
}

size_t host_suite_digest(struct host_suite *s, enum hit_suite suite, const struct slice *parts, size_t count,
			 uint8_t out[HOST_DIGEST_MAX])
{
	int index = host_suite_index(suite);
	unsigned len = 0;

	if (index < 0)
		return 0;
	invariant(EVP_DigestInit_ex2(s->ctx, s->md[index], NULL) == 1);
	for (size_t i = 0; i < count; i++)
		if (parts[i].len > 0)
			invariant(EVP_DigestUpdate(s->ctx, parts[i].data, parts[i].len) == 1);
	invariant(EVP_DigestFinal_ex(s->ctx, out, &len) == 1);
	return len;
}

size_t host_suite_mac(struct host_suite *s, enum hit_suite suite, struct slice key, const struct slice *parts,
		      size_t count, uint8_t out[HOST_DIGEST_MAX])
{
	/* An empty key is a key; NULL would be "the one before". */
	static const uint8_t empty[1];
	int index = host_suite_index(suite);
	EVP_MAC_CTX *ctx;
	size_t len = 0;

	if (index < 0)
		return 0;
	ctx = s->hmac[index];
	invariant(EVP_MAC_init(ctx, key.len == 0 ? empty : key.data, key.len, NULL) == 1);
	for (size_t i = 0; i < count; i++)
		if (parts[i].len > 0)
			invariant(EVP_MAC_update(ctx, parts[i].data, parts[i].len) == 1);
	invariant(EVP_MAC_final(ctx, out, &len, HOST_DIGEST_MAX) == 1);
	return len;
}

int host_suite_derive(struct host_suite *s, enum hit_suite suite, struct slice salt, struct slice input,
		      struct slice info, uint8_t *out, size_t len)
{
	uint8_t prk[HOST_DIGEST_MAX], block[HOST_DIGEST_MAX];
	size_t hash = host_digest_length(suite), done = 0;
	uint8_t counter = 0;

	if (hash == 0)
		return ERR_UNSUPPORTED;
	if (len > HKDF_BLOCKS_MAX * hash)
		return ERR_LIMIT;
	(void)host_suite_mac(s, suite, salt, &input, 1, prk);
	while (done < len) {
		size_t take = len - done < hash ? len - done : hash;
		struct slice parts[3];

		counter++;
		parts[0] = slice_of(block, counter == 1 ? 0 : hash);
		parts[1] = info;
		parts[2] = slice_of(&counter, 1);
		(void)host_suite_mac(s, suite, slice_of(prk, hash), parts, 3, block);
		memcpy(out + done, block, take);
		done += take;
	}
	OPENSSL_cleanse(prk, sizeof(prk));
	OPENSSL_cleanse(block, sizeof(block));
	return 0;
}
