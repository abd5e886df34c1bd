/* SPDX-License-Identifier: MIT */
/* RHASH of RFC 7401: digest, HMAC and HKDF of a HIT suite, with what OpenSSL would look up on each call looked up
 * once. */
#ifndef CRYPTO_HOST_SUITE_H
#define CRYPTO_HOST_SUITE_H

#include "overlay/host_security.h"

struct evp_md_st;
struct evp_md_ctx_st;
struct evp_mac_ctx_st;

#define HOST_SUITE_COUNT 2 /* HIT_SUITE_RSA with SHA-256, HIT_SUITE_ECDSA with SHA-384 */

struct host_suite {
	struct evp_md_st *md[HOST_SUITE_COUNT];        /* owned */
	struct evp_mac_ctx_st *hmac[HOST_SUITE_COUNT]; /* owned */
	struct evp_md_ctx_st *ctx;                     /* owned, reused by every digest */
};

void host_suite_init(struct host_suite *s);
void host_suite_free(struct host_suite *s);

/* As host_security_ops has them. */
size_t host_suite_digest(struct host_suite *s, enum hit_suite suite, const struct slice *parts, size_t count,
			 uint8_t out[HOST_DIGEST_MAX]);
size_t host_suite_mac(struct host_suite *s, enum hit_suite suite, struct slice key, const struct slice *parts,
		      size_t count, uint8_t out[HOST_DIGEST_MAX]);
int MUST_CHECK host_suite_derive(struct host_suite *s, enum hit_suite suite, struct slice salt, struct slice input,
				 struct slice info, uint8_t *out, size_t len);

#endif
