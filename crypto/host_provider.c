/* SPDX-License-Identifier: MIT */
/* The cryptography of HIP with the key of the node's certificate. */
#include "crypto/host_provider.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "crypto/host_cipher.h"
#include "crypto/host_dh.h"
#include "crypto/host_esp.h"
#include "crypto/host_identity.h"
#include "crypto/host_suite.h"
#include "crypto/keystore.h"
#include "overlay/base/invariant.h"

#define HOST_RSA_BITS 2048u

struct host_provider {
	struct host_suite suite;
	struct host_dh_maker dh;
	EVP_PKEY *key;        /* owned */
	EVP_PKEY_CTX *signer; /* owned */
	enum hit_suite own;   /* suite of the own Host Identity */
	size_t coordinate;    /* bytes; 0: RSA */
	uint8_t identity[HOST_IDENTITY_MAX];
	size_t identity_len;
};

static void host_op_random(void *ctx, void *out, size_t len)
{
	(void)ctx;
	invariant(len <= INT32_MAX && RAND_bytes(out, (int)len) == 1);
}

static struct slice host_op_own_identity(void *ctx)
{
	const struct host_provider *p = ctx;

	return slice_of(p->identity, p->identity_len);
}

static size_t host_op_digest(void *ctx, enum hit_suite suite, const struct slice *parts, size_t count,
			     uint8_t out[HOST_DIGEST_MAX])
{
	struct host_provider *p = ctx;

	return host_suite_digest(&p->suite, suite, parts, count, out);
}

static size_t host_op_mac(void *ctx, enum hit_suite suite, struct slice key, const struct slice *parts, size_t count,
			  uint8_t out[HOST_DIGEST_MAX])
{
	struct host_provider *p = ctx;

	return host_suite_mac(&p->suite, suite, key, parts, count, out);
}

static int host_op_derive(void *ctx, enum hit_suite suite, struct slice salt, struct slice input, struct slice info,
			  uint8_t *out, size_t len)
{
	struct host_provider *p = ctx;

	return host_suite_derive(&p->suite, suite, salt, input, info, out, len);
}

static int host_op_sign(void *ctx, const struct slice *parts, size_t count, uint8_t out[HOST_SIGNATURE_MAX],
			size_t *len)
{
	struct host_provider *p = ctx;
	uint8_t digest[HOST_DIGEST_MAX];
	size_t digest_len = host_suite_digest(&p->suite, p->own, parts, count, digest);

	return host_identity_sign(p->signer, p->coordinate, slice_of(digest, digest_len), out, len);
}

static int host_op_verify(void *ctx, struct slice identity, const struct slice *parts, size_t count,
			  struct slice signature)
{
	(void)ctx;
	return host_identity_verify(identity, parts, count, signature);
}

static int host_op_dh_new(void *ctx, enum host_dh_group group, struct host_dh **out,
			  uint8_t public[HOST_DH_PUBLIC_MAX], size_t *public_len)
{
	struct host_provider *p = ctx;

	return host_dh_new(&p->dh, group, out, public, public_len);
}

static int host_op_dh_shared(void *ctx, const struct host_dh *dh, struct slice other,
			     uint8_t out[HOST_DH_SHARED_MAX], size_t *len)
{
	(void)ctx;
	return host_dh_shared(dh, other, out, len);
}

static void host_op_dh_free(void *ctx, struct host_dh *dh)
{
	(void)ctx;
	host_dh_free(dh);
}

static int host_op_cbc_encrypt(void *ctx, enum host_cipher cipher, struct slice key, const uint8_t iv[HOST_CBC_IV],
			       struct slice in, uint8_t *out, size_t *len)
{
	(void)ctx;
	return host_cipher_encrypt(cipher, key, iv, in, out, len);
}

static int host_op_cbc_decrypt(void *ctx, enum host_cipher cipher, struct slice key, const uint8_t iv[HOST_CBC_IV],
			       struct slice in, uint8_t *out, size_t *len)
{
	(void)ctx;
	return host_cipher_decrypt(cipher, key, iv, in, out, len);
}

static int host_op_esp_key_new(void *ctx, enum host_esp_suite suite, struct slice key, struct slice authentication,
			       bool seals, struct host_esp_key **out)
{
	(void)ctx;
	return host_esp_key_new(suite, key, authentication, seals, out);
}

static void host_op_esp_key_free(void *ctx, struct host_esp_key *key)
{
	(void)ctx;
	host_esp_key_free(key);
}

static int host_op_esp_seal(void *ctx, struct host_esp_key *key, const uint8_t header[8], uint32_t sequence_high,
			    uint8_t *iv, uint8_t *data, size_t len, uint8_t *icv)
{
	(void)ctx;
	return host_esp_seal(key, header, sequence_high, iv, data, len, icv);
}

static int host_op_esp_open(void *ctx, struct host_esp_key *key, const uint8_t header[8], uint32_t sequence_high,
			    const uint8_t *iv, uint8_t *data, size_t len, const uint8_t *icv)
{
	(void)ctx;
	return host_esp_open(key, header, sequence_high, iv, data, len, icv);
}

struct host_security host_provider_port(struct host_provider *p)
{
	static const struct host_security_ops ops = {
		.random = host_op_random,
		.own_identity = host_op_own_identity,
		.digest = host_op_digest,
		.mac = host_op_mac,
		.derive = host_op_derive,
		.sign = host_op_sign,
		.verify = host_op_verify,
		.dh_new = host_op_dh_new,
		.dh_shared = host_op_dh_shared,
		.dh_free = host_op_dh_free,
		.cbc_encrypt = host_op_cbc_encrypt,
		.cbc_decrypt = host_op_cbc_decrypt,
		.esp_key_new = host_op_esp_key_new,
		.esp_key_free = host_op_esp_key_free,
		.esp_seal = host_op_esp_seal,
		.esp_open = host_op_esp_open,
	};

	return (struct host_security){ &ops, p };
}

/* Takes over the caller's reference to `key`. */
static int host_provider_of_key(struct host_provider **out, EVP_PKEY *key)
{
	struct host_provider *p = memory_alloc(sizeof(*p));
	int err;

	*out = NULL;
	p->key = key;
	host_suite_init(&p->suite);
	err = host_identity_of_key(key, p->identity, &p->identity_len);
	if (err != 0) {
		host_provider_free(p);
		return err;
	}
	p->own = (enum hit_suite)host_identity_suite(slice_of(p->identity, p->identity_len));
	p->coordinate = host_identity_coordinate(key);
	p->signer = host_identity_signer(key);
	*out = p;
	return 0;
}

int host_provider_new(struct host_provider **out, const struct keystore *keys)
{
	EVP_PKEY *key = keystore_private_key(keys);

	*out = NULL;
	if (key == NULL || EVP_PKEY_up_ref(key) != 1)
		return ERR_KEY;
	return host_provider_of_key(out, key);
}

int host_provider_generate(struct host_provider **out, enum hit_suite suite)
{
	EVP_PKEY *key = NULL;

	*out = NULL;
	if (suite == HIT_SUITE_RSA)
		key = EVP_RSA_gen(HOST_RSA_BITS);
	else if (suite == HIT_SUITE_ECDSA)
		key = EVP_EC_gen("P-256");
	else
		return ERR_UNSUPPORTED;
	if (key == NULL) {
		ERR_clear_error();
		return ERR_KEY;
	}
	return host_provider_of_key(out, key);
}

void host_provider_free(struct host_provider *p)
{
	if (p == NULL)
		return;
	EVP_PKEY_CTX_free(p->signer);
	EVP_PKEY_free(p->key);
	host_dh_maker_free(&p->dh);
	host_suite_free(&p->suite);
	free(p);
}
