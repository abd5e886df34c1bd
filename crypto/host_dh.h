/* SPDX-License-Identifier: MIT */
/* Diffie-Hellman of HIP (RFC 7401 5.2.7): the MODP groups of RFC 3526 and elliptic curves, with the checks that the
 * other end's value must pass. */
#ifndef CRYPTO_HOST_DH_H
#define CRYPTO_HOST_DH_H

#include "overlay/host_security.h"

struct evp_pkey_ctx_st;

#define HOST_DH_GROUP_COUNT 6

/* Contexts that make key pairs, made at the first use of a group. All zeroes before. */
struct host_dh_maker {
	struct evp_pkey_ctx_st *makers[HOST_DH_GROUP_COUNT]; /* owned */
};

void host_dh_maker_free(struct host_dh_maker *m);

/* As host_security_ops has them. */
int MUST_CHECK host_dh_new(struct host_dh_maker *m, enum host_dh_group group, struct host_dh **out,
			   uint8_t public[HOST_DH_PUBLIC_MAX], size_t *public_len);
int MUST_CHECK host_dh_shared(const struct host_dh *dh, struct slice other, uint8_t out[HOST_DH_SHARED_MAX],
			      size_t *len);
void host_dh_free(struct host_dh *dh);

/* A key pair that was made elsewhere: private number and public value as DIFFIE_HELLMAN carries it. For test
 * vectors. ERR_UNSUPPORTED, ERR_MALFORMED, ERR_KEY. */
int MUST_CHECK host_dh_import(enum host_dh_group group, struct slice private, struct slice public,
			      struct host_dh **out);

#endif
