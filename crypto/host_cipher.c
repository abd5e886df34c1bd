/* SPDX-License-Identifier: MIT */
/* AES-CBC with the padding that RFC 7401 5.2.18 calls PKCS5. Used a few times per association. */
#include "crypto/host_cipher.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "overlay/base/invariant.h"

static int host_cipher_run(enum host_cipher cipher, bool encrypts, struct slice key, const uint8_t *iv,
			   struct slice in, uint8_t *out, size_t *len)
{
	const EVP_CIPHER *aes = cipher == HOST_CIPHER_AES_128_CBC ? EVP_aes_128_cbc() : EVP_aes_256_cbc();
	EVP_CIPHER_CTX *ctx;
	int first = 0, last = 0;
	bool good;

	*len = 0;
	if (host_cipher_key_length(cipher) < 0)
		return ERR_UNSUPPORTED;
	if (key.len != (size_t)host_cipher_key_length(cipher))
		return ERR_KEY;
	if (in.len > INT_MAX - HOST_CBC_IV)
		return ERR_MALFORMED;
	if (cipher == HOST_CIPHER_NULL) {
		if (in.len > 0)
			memmove(out, in.data, in.len);
		*len = in.len;
		return 0;
	}
	ctx = EVP_CIPHER_CTX_new();
	invariant(ctx != NULL && EVP_CipherInit_ex2(ctx, aes, key.data, iv, encrypts ? 1 : 0, NULL) == 1);
	good = (in.len == 0 || EVP_CipherUpdate(ctx, out, &first, in.data, (int)in.len) == 1) &&
	       EVP_CipherFinal_ex(ctx, out + first, &last) == 1;
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	if (!good)
		return ERR_MALFORMED;
	*len = (size_t)first + (size_t)last;
	return 0;
}

int host_cipher_encrypt(enum host_cipher cipher, struct slice key, const uint8_t iv[HOST_CBC_IV], struct slice in,
			uint8_t *out, size_t *len)
{
	return host_cipher_run(cipher, true, key, iv, in, out, len);
}

int host_cipher_decrypt(enum host_cipher cipher, struct slice key, const uint8_t iv[HOST_CBC_IV], struct slice in,
			uint8_t *out, size_t *len)
{
	return host_cipher_run(cipher, false, key, iv, in, out, len);
}
