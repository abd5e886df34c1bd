/* SPDX-License-Identifier: MIT */
/* scrypt (RFC 7914) by OpenSSL, written as text in the PHC form. */
#include "crypto/password.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "overlay/base/invariant.h"

#define PASSWORD_LN 15 /* log2 of N */
#define PASSWORD_LN_MIN 10
#define PASSWORD_LN_MAX 20
#define PASSWORD_R 8
#define PASSWORD_R_MAX 16
#define PASSWORD_P 1
#define PASSWORD_P_MAX 4
#define PASSWORD_SALT 16     /* bytes */
#define PASSWORD_DERIVED 32  /* bytes */
#define PASSWORD_MEMORY_MAX ((uint64_t)1100 << 20) /* bytes: N = 2^20 and r = 8 need 1 GiB */
#define PASSWORD_SALT_TEXT 25    /* base64 of PASSWORD_SALT with padding, NUL */
#define PASSWORD_DERIVED_TEXT 45 /* base64 of PASSWORD_DERIVED with padding, NUL */

struct password_cost {
	unsigned ln, r, p;
};

static int password_derive(const char *password, const uint8_t *salt, struct password_cost cost,
			   uint8_t *derived)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	uint64_t n = (uint64_t)1 << cost.ln;
	uint32_t r = cost.r, p = cost.p;
	uint64_t memory = PASSWORD_MEMORY_MAX;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)password,
						  strlen(password)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt,
						  PASSWORD_SALT),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
		OSSL_PARAM_construct_end(),
	};
	int err = ctx != NULL && EVP_KDF_derive(ctx, derived, PASSWORD_DERIVED, params) == 1 ? 0 : ERR_INTERNAL;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return err;
}

/* base64 without its padding. `text` has room for the padded form. */
static void password_encode(const uint8_t *bytes, int len, char *text)
{
	int n = EVP_EncodeBlock((unsigned char *)text, bytes, len);

	while (n > 0 && text[n - 1] == '=')
		text[--n] = '\0';
}

/* Exactly `len` bytes, written as password_encode would. */
static bool password_decode(const char *text, size_t text_len, uint8_t *bytes, size_t len)
{
	char padded[PASSWORD_DERIVED_TEXT], again[PASSWORD_DERIVED_TEXT];
	unsigned char decoded[PASSWORD_DERIVED + 3];
	size_t padded_len = (len + 2) / 3 * 4;

	if (text_len > padded_len || padded_len >= sizeof(padded))
		return false;
	memcpy(padded, text, text_len);
	memset(padded + text_len, '=', padded_len - text_len);
	padded[padded_len] = '\0';
	if (EVP_DecodeBlock(decoded, (unsigned char *)padded, (int)padded_len) < (int)len)
		return false;
	password_encode(decoded, (int)len, again);
	if (strlen(again) != text_len || memcmp(again, text, text_len) != 0)
		return false;
	memcpy(bytes, decoded, len);
	return true;
}

int password_hash(const char *password, char *out)
{
	uint8_t salt[PASSWORD_SALT], derived[PASSWORD_DERIVED];
	char salt_text[PASSWORD_SALT_TEXT], derived_text[PASSWORD_DERIVED_TEXT];
	size_t len = strlen(password);
	int err;

	if (len == 0 || len > PASSWORD_MAX)
		return ERR_LIMIT;
	invariant(RAND_bytes(salt, sizeof(salt)) == 1);
	err = password_derive(password, salt,
			      (struct password_cost){ PASSWORD_LN, PASSWORD_R, PASSWORD_P }, derived);
	if (err != 0)
		return err;
	password_encode(salt, sizeof(salt), salt_text);
	password_encode(derived, sizeof(derived), derived_text);
	snprintf(out, PASSWORD_HASH_SIZE, "$scrypt$ln=%d,r=%d,p=%d$%s$%s", PASSWORD_LN, PASSWORD_R,
		 PASSWORD_P, salt_text, derived_text);
	OPENSSL_cleanse(derived, sizeof(derived));
	OPENSSL_cleanse(derived_text, sizeof(derived_text));
	return 0;
}

static int password_parse(const char *hash, struct password_cost *cost, uint8_t *salt, uint8_t *derived)
{
	const char *salt_text, *derived_text;
	int at = 0;

	if (sscanf(hash, "$scrypt$ln=%2u,r=%2u,p=%2u$%n", &cost->ln, &cost->r, &cost->p, &at) != 3 || at == 0)
		return ERR_MALFORMED;
	if (cost->ln < PASSWORD_LN_MIN || cost->ln > PASSWORD_LN_MAX || cost->r == 0 ||
	    cost->r > PASSWORD_R_MAX || cost->p == 0 || cost->p > PASSWORD_P_MAX)
		return ERR_MALFORMED;
	salt_text = hash + at;
	derived_text = strchr(salt_text, '$');
	if (derived_text == NULL ||
	    !password_decode(salt_text, (size_t)(derived_text - salt_text), salt, PASSWORD_SALT) ||
	    !password_decode(derived_text + 1, strlen(derived_text + 1), derived, PASSWORD_DERIVED))
		return ERR_MALFORMED;
	return 0;
}

int password_verify(const char *password, const char *hash)
{
	struct password_cost cost;
	uint8_t salt[PASSWORD_SALT], expected[PASSWORD_DERIVED], derived[PASSWORD_DERIVED];
	int err = password_parse(hash, &cost, salt, expected);

	if (err != 0)
		return err;
	if (strlen(password) > PASSWORD_MAX)
		return ERR_FORBIDDEN;
	err = password_derive(password, salt, cost, derived);
	if (err == 0 && CRYPTO_memcmp(derived, expected, sizeof(derived)) != 0)
		err = ERR_FORBIDDEN;
	OPENSSL_cleanse(derived, sizeof(derived));
	return err;
}

void password_verify_nothing(const char *password)
{
	static const uint8_t salt[PASSWORD_SALT];
	uint8_t derived[PASSWORD_DERIVED];

	/* What comes out does not matter, only that it took as long. */
	if (strlen(password) <= PASSWORD_MAX &&
	    password_derive(password, salt, (struct password_cost){ PASSWORD_LN, PASSWORD_R, PASSWORD_P },
			    derived) == 0)
		OPENSSL_cleanse(derived, sizeof(derived));
}
