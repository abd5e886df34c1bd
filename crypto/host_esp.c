/* SPDX-License-Identifier: MIT */
/* Per packet only the IV and the HMAC's state are set anew: keys are expanded once, and the algorithms are looked up
 * once. The random IVs of CBC are drawn many at a time, since a draw costs more than encrypting a short packet. */
#include "crypto/host_esp.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/base/writer.h"

#define ESP_IV_BATCH 32   /* IVs of CBC drawn at once */
#define ESP_CBC_IV 16
#define ESP_GCM_IV 8
#define ESP_GCM_SALT 4
#define ESP_GCM_NONCE 12
#define ESP_GCM_AAD 12
#define ESP_SPI 4
#define ESP_HMAC_LENGTH 32

struct host_esp_key {
	struct host_esp_shape shape;
	bool seals;
	bool is_gcm;
	EVP_CIPHER_CTX *cipher; /* owned; NULL: NULL encryption */
	EVP_MAC_CTX *hmac;      /* owned; NULL with GCM */
	uint8_t salt[ESP_GCM_SALT];
	size_t ivs_left;
	uint8_t ivs[ESP_IV_BATCH * ESP_CBC_IV];
};

static const char *host_esp_cipher_name(enum host_esp_suite suite)
{
	switch (suite) {
	case HOST_ESP_AES_128_CBC_SHA256:
		return "AES-128-CBC";
	case HOST_ESP_AES_256_CBC_SHA256:
		return "AES-256-CBC";
	case HOST_ESP_AES_GCM_8:
	case HOST_ESP_AES_GCM_16:
		return "AES-128-GCM";
	default:
		return NULL;
	}
}

static bool host_esp_set_cipher(struct host_esp_key *k, const char *name, const uint8_t *key)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	bool done;

	k->cipher = EVP_CIPHER_CTX_new();
	done = cipher != NULL && k->cipher != NULL &&
	       EVP_CipherInit_ex2(k->cipher, cipher, key, NULL, k->seals ? 1 : 0, NULL) == 1 &&
	       (k->is_gcm || EVP_CIPHER_CTX_set_padding(k->cipher, 0) == 1);
	EVP_CIPHER_free(cipher);
	return done;
}

static bool host_esp_set_hmac(struct host_esp_key *k, struct slice authentication)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA2-256", 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	bool done;

	k->hmac = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
	done = k->hmac != NULL && EVP_MAC_init(k->hmac, authentication.data, authentication.len, params) == 1;
	EVP_MAC_free(hmac);
	return done;
}

int host_esp_key_new(enum host_esp_suite suite, struct slice key, struct slice authentication, bool seals,
		     struct host_esp_key **out)
{
	const char *cipher = host_esp_cipher_name(suite);
	struct host_esp_shape shape;
	struct host_esp_key *k;
	bool done;

	*out = NULL;
	if (!host_esp_shape(suite, &shape))
		return ERR_UNSUPPORTED;
	if (key.len != shape.key || authentication.len != shape.authentication)
		return ERR_KEY;
	k = memory_alloc(sizeof(*k));
	k->shape = shape;
	k->seals = seals;
	k->is_gcm = shape.authentication == 0;
	if (k->is_gcm)
		memcpy(k->salt, key.data + key.len - ESP_GCM_SALT, ESP_GCM_SALT);
	done = (cipher == NULL || host_esp_set_cipher(k, cipher, key.data)) &&
	       (k->is_gcm || host_esp_set_hmac(k, authentication));
	ERR_clear_error();
	if (!done) {
		host_esp_key_free(k);
		return ERR_UNSUPPORTED;
	}
	*out = k;
	return 0;
}

void host_esp_key_free(struct host_esp_key *key)
{
	if (key == NULL)
		return;
	EVP_CIPHER_CTX_free(key->cipher);
	EVP_MAC_CTX_free(key->hmac);
	OPENSSL_cleanse(key, sizeof(*key));
	free(key);
}

/* RFC 4303 2.8: over SPI, sequence number, IV and data, and the high half of the sequence number, which is not sent. */
static void host_esp_hmac(struct host_esp_key *k, const uint8_t header[8], uint32_t sequence_high, const uint8_t *iv,
			  const uint8_t *data, size_t len, uint8_t out[ESP_HMAC_LENGTH])
{
	uint8_t high[4];
	struct writer w = writer_of(high, sizeof(high));
	size_t out_len = 0;

	writer_u32(&w, sequence_high);
	/* No key: the one that it has, anew. */
	invariant(EVP_MAC_init(k->hmac, NULL, 0, NULL) == 1 && EVP_MAC_update(k->hmac, header, 8) == 1);
	if (k->shape.iv > 0)
		invariant(EVP_MAC_update(k->hmac, iv, k->shape.iv) == 1);
	if (len > 0)
		invariant(EVP_MAC_update(k->hmac, data, len) == 1);
	invariant(EVP_MAC_update(k->hmac, high, sizeof(high)) == 1 &&
		  EVP_MAC_final(k->hmac, out, &out_len, ESP_HMAC_LENGTH) == 1);
}

static void host_esp_draw_iv(struct host_esp_key *k, uint8_t *iv)
{
	uint8_t *drawn;

	if (k->ivs_left == 0) {
		invariant(RAND_bytes(k->ivs, sizeof(k->ivs)) == 1);
		k->ivs_left = ESP_IV_BATCH;
	}
	drawn = k->ivs + --k->ivs_left * ESP_CBC_IV;
	memcpy(iv, drawn, ESP_CBC_IV);
}

/* Nonce and associated data of GCM (RFC 4106 4, 5): salt and IV; SPI and the whole sequence number. */
static bool host_esp_begin_gcm(struct host_esp_key *k, const uint8_t header[8], uint32_t sequence_high,
			       const uint8_t *iv)
{
	uint8_t nonce[ESP_GCM_NONCE], aad[ESP_GCM_AAD];
	struct writer w = writer_of(aad, sizeof(aad));
	int done;

	memcpy(nonce, k->salt, ESP_GCM_SALT);
	memcpy(nonce + ESP_GCM_SALT, iv, ESP_GCM_IV);
	writer_bytes(&w, slice_of(header, ESP_SPI));
	writer_u32(&w, sequence_high);
	writer_bytes(&w, slice_of(header + ESP_SPI, 4));
	return EVP_CipherInit_ex2(k->cipher, NULL, NULL, nonce, -1, NULL) == 1 &&
	       EVP_CipherUpdate(k->cipher, NULL, &done, aad, ESP_GCM_AAD) == 1;
}

static void host_esp_seal_gcm(struct host_esp_key *k, const uint8_t header[8], uint32_t sequence_high, uint8_t *iv,
			      uint8_t *data, size_t len, uint8_t *icv)
{
	struct writer w = writer_of(iv, ESP_GCM_IV);
	uint8_t none[ESP_CBC_IV];
	int done;

	/* Never twice under one key: the sequence number itself. */
	writer_u32(&w, sequence_high);
	writer_bytes(&w, slice_of(header + ESP_SPI, 4));
	invariant(host_esp_begin_gcm(k, header, sequence_high, iv));
	invariant((len == 0 || EVP_CipherUpdate(k->cipher, data, &done, data, (int)len) == 1) &&
		  EVP_CipherFinal_ex(k->cipher, none, &done) == 1 &&
		  EVP_CIPHER_CTX_ctrl(k->cipher, EVP_CTRL_AEAD_GET_TAG, k->shape.icv, icv) == 1);
}

int host_esp_seal(struct host_esp_key *key, const uint8_t header[8], uint32_t sequence_high, uint8_t *iv,
		  uint8_t *data, size_t len, uint8_t *icv)
{
	uint8_t mac[ESP_HMAC_LENGTH];
	int done;

	if (!key->seals)
		return ERR_KEY;
	if (len > INT_MAX || (key->shape.block > 1 && len % key->shape.block != 0))
		return ERR_MALFORMED;
	if (key->is_gcm) {
		host_esp_seal_gcm(key, header, sequence_high, iv, data, len, icv);
		return 0;
	}
	if (key->cipher != NULL) {
		host_esp_draw_iv(key, iv);
		invariant(EVP_CipherInit_ex2(key->cipher, NULL, NULL, iv, -1, NULL) == 1);
		if (len > 0)
			invariant(EVP_CipherUpdate(key->cipher, data, &done, data, (int)len) == 1);
	}
	host_esp_hmac(key, header, sequence_high, iv, data, len, mac);
	memcpy(icv, mac, key->shape.icv);
	return 0;
}

static int host_esp_open_gcm(struct host_esp_key *k, const uint8_t header[8], uint32_t sequence_high,
			     const uint8_t *iv, uint8_t *data, size_t len, const uint8_t *icv)
{
	uint8_t tag[ESP_CBC_IV], none[ESP_CBC_IV];
	int done;

	memcpy(tag, icv, k->shape.icv);
	invariant(host_esp_begin_gcm(k, header, sequence_high, iv));
	invariant(EVP_CIPHER_CTX_ctrl(k->cipher, EVP_CTRL_AEAD_SET_TAG, k->shape.icv, tag) == 1);
	if ((len == 0 || EVP_CipherUpdate(k->cipher, data, &done, data, (int)len) == 1) &&
	    EVP_CipherFinal_ex(k->cipher, none, &done) == 1)
		return 0;
	/* What was decrypted before the tag was compared is nobody's to read. */
	OPENSSL_cleanse(data, len);
	ERR_clear_error();
	return ERR_SIGNATURE;
}

int host_esp_open(struct host_esp_key *key, const uint8_t header[8], uint32_t sequence_high, const uint8_t *iv,
		  uint8_t *data, size_t len, const uint8_t *icv)
{
	uint8_t mac[ESP_HMAC_LENGTH];
	int done;

	if (key->seals)
		return ERR_KEY;
	if (len > INT_MAX)
		return ERR_MALFORMED;
	if (key->is_gcm)
		return host_esp_open_gcm(key, header, sequence_high, iv, data, len, icv);
	host_esp_hmac(key, header, sequence_high, iv, data, len, mac);
	if (CRYPTO_memcmp(mac, icv, key->shape.icv) != 0)
		return ERR_SIGNATURE;
	if (len % key->shape.block != 0)
		return ERR_MALFORMED;
	if (key->cipher == NULL || len == 0)
		return 0;
	invariant(EVP_CipherInit_ex2(key->cipher, NULL, NULL, iv, -1, NULL) == 1);
	invariant(EVP_CipherUpdate(key->cipher, data, &done, data, (int)len) == 1);
	return 0;
}
