/* SPDX-License-Identifier: MIT */
/* Host Identities (RFC 7401 5.2.9) as keys of OpenSSL, and the signatures that are made with them. Nothing here has
 * state. */
#ifndef CRYPTO_HOST_IDENTITY_H
#define CRYPTO_HOST_IDENTITY_H

#include "overlay/host_security.h"

struct evp_pkey_st;
struct evp_pkey_ctx_st;

/* The public key of a Host Identity: RSA of 2,048 to 4,096 bits, P-256, P-384. Freed with EVP_PKEY_free. ERR_MALFORMED,
 * ERR_UNSUPPORTED. */
int MUST_CHECK host_identity_parse(struct slice identity, struct evp_pkey_st **out);

/* As host_security_ops.verify has it. */
int MUST_CHECK host_identity_verify(struct slice identity, const struct slice *parts, size_t count,
				    struct slice signature);

/* HIT of a Host Identity, as host_hit() of it. ERR_MALFORMED, ERR_UNSUPPORTED. */
int MUST_CHECK host_identity_hit(struct slice identity, struct hit *out);
/* The HIT of a public key; zero when it can have none. */
void host_identity_hit_of_key(const struct evp_pkey_st *key, struct hit *out);

/* A context that signs digests of the key's suite, or verifies them. */
struct evp_pkey_ctx_st *host_identity_signer(struct evp_pkey_st *key);
/* Signs a digest with it. `coordinate` is host_identity_coordinate() of the key. ERR_KEY. */
int MUST_CHECK host_identity_sign(struct evp_pkey_ctx_st *signer, size_t coordinate, struct slice digest,
				  uint8_t out[HOST_SIGNATURE_MAX], size_t *len);
/* Bytes of r, of s, and of a coordinate; 0 for a key that is not P-256 or P-384. */
size_t host_identity_coordinate(const struct evp_pkey_st *key);

#endif
