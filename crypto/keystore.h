/* SPDX-License-Identifier: MIT */
/* A node's private key and certificate on disk: key.pem and certificate.pem (0600) in a folder (0700).
 * Looser permissions are refused with ERR_PERMISSION. */
#ifndef CRYPTO_KEYSTORE_H
#define CRYPTO_KEYSTORE_H

#include "overlay/base/error.h"
#include "overlay/base/slice.h"

enum key_algorithm { KEY_P256, KEY_RSA2048 };

struct keystore;

/* Keeps private keys made or read from now on in locked memory, where the system allows it. Called once
 * at the start of a program. */
void keystore_protect_memory(void);

/* Opens an existing folder. ERR_IO, ERR_PERMISSION, ERR_KEY, ERR_CERTIFICATE; `detail` says which file and
 * what to do. A missing certificate is ERR_NOT_FOUND (the key is usable for a CSR): only then *out is
 * set although there is an error. A missing folder or key is ERR_IO. */
int MUST_CHECK keystore_open(struct keystore **out, const char *folder, char *detail, size_t detail_size);

/* Makes the folder and a new key. ERR_DUPLICATE when there is a key already. */
int MUST_CHECK keystore_create(struct keystore **out, const char *folder, enum key_algorithm algorithm,
			       char *detail, size_t detail_size);
void keystore_free(struct keystore *k);

/* A key in memory only (tests, simulations). */
int MUST_CHECK keystore_create_in_memory(struct keystore **out, enum key_algorithm algorithm);

/* PKCS#10 request (DER) with an empty subject, signed by the key. *der is malloc'ed. */
int MUST_CHECK keystore_make_csr(const struct keystore *k, uint8_t **der, size_t *len);

/* Keeps `certificate` (DER): refused with ERR_CERTIFICATE unless it is for this key. Written to a temporary
 * file first, then renamed. */
int MUST_CHECK keystore_set_certificate(struct keystore *k, struct slice certificate, char *detail,
					size_t detail_size);

/* DER, borrowed for the keystore's life; empty when there is none yet. */
struct slice keystore_certificate(const struct keystore *k);

/* The private key as an opaque EVP_PKEY, borrowed. */
struct evp_pkey_st *keystore_private_key(const struct keystore *k);

/* Both in one PKCS#12 (DER, malloc'ed), and back. ERR_KEY on a wrong passphrase. */
int MUST_CHECK keystore_export(const struct keystore *k, const char *passphrase, uint8_t **der, size_t *len);
int MUST_CHECK keystore_import(struct keystore **out, const char *folder, struct slice pkcs12,
			       const char *passphrase, char *detail, size_t detail_size);

#endif
