/* SPDX-License-Identifier: MIT */
/* The ciphers of HIP's ENCRYPTED parameter (RFC 7401 5.2.8, 5.2.18). */
#ifndef CRYPTO_HOST_CIPHER_H
#define CRYPTO_HOST_CIPHER_H

#include "overlay/host_security.h"

/* As host_security_ops has them; HOST_CIPHER_NULL copies. */
int MUST_CHECK host_cipher_encrypt(enum host_cipher cipher, struct slice key, const uint8_t iv[HOST_CBC_IV],
				   struct slice in, uint8_t *out, size_t *len);
int MUST_CHECK host_cipher_decrypt(enum host_cipher cipher, struct slice key, const uint8_t iv[HOST_CBC_IV],
				   struct slice in, uint8_t *out, size_t *len);

#endif
