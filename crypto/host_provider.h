/* SPDX-License-Identifier: MIT */
/* The port of overlay/host_security.h on OpenSSL. The Host Identity is the key of the node's certificate (P-256: HIT
 * suite 2; RSA: suite 1). */
#ifndef CRYPTO_HOST_PROVIDER_H
#define CRYPTO_HOST_PROVIDER_H

#include "overlay/host_security.h"

struct evp_pkey_st;
struct host_provider;
struct keystore;

/* `keys` is borrowed for the provider's life. ERR_UNSUPPORTED: neither RSA nor P-256; ERR_KEY. */
int MUST_CHECK host_provider_new(struct host_provider **out, const struct keystore *keys);
/* With a fresh key of its own, for tests and tools: HIT_SUITE_RSA (2,048 bits) or HIT_SUITE_ECDSA (P-256). */
int MUST_CHECK host_provider_generate(struct host_provider **out, enum hit_suite suite);
void host_provider_free(struct host_provider *p);
struct host_security host_provider_port(struct host_provider *p);

/* Host Identity of a public key: algorithm and Host Identity as RFC 7401 5.2.9 has them. `out` has room for
 * HOST_IDENTITY_MAX. ERR_UNSUPPORTED. */
int MUST_CHECK host_identity_of_key(const struct evp_pkey_st *key, uint8_t *out, size_t *len);

#endif
