/* SPDX-License-Identifier: MIT */
/* SHA-1 and SHA-256 over runs of bytes, with what OpenSSL would look up on each call looked up once. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include "overlay/base/slice.h"
#include "overlay/wire/security_block.h"

struct evp_md_st;
struct evp_md_ctx_st;

#define DIGEST_MAX 32 /* bytes of the longest one */

struct digest {
	struct evp_md_st *sha1;      /* owned */
	struct evp_md_st *sha256;    /* owned */
	struct evp_md_ctx_st *ctx;   /* owned, reused by every call */
};

void digest_init(struct digest *d);
void digest_free(struct digest *d);

/* Bytes of a digest; 0 for an algorithm that Peal does not use. */
size_t digest_length(unsigned algorithm);

/* Digest of the parts in a row. `algorithm` must have a length. */
void digest_parts(struct digest *d, unsigned algorithm, const struct slice *parts, size_t count,
		  uint8_t *out);

/* The same, with one more part behind them. */
void digest_parts_and(struct digest *d, unsigned algorithm, const struct slice *parts, size_t count,
		      struct slice last, uint8_t *out);

#endif
