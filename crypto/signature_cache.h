/* SPDX-License-Identifier: MIT */
/* Signatures that verified once, so that a value seen again costs two hashes instead of a verification. */
#ifndef CRYPTO_SIGNATURE_CACHE_H
#define CRYPTO_SIGNATURE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGNATURE_CACHE_NAME 32  /* bytes: a SHA-256 of all that was verified */
#define SIGNATURE_CACHE_WAYS 4   /* names that share a place */
#define SIGNATURE_CACHE_SETS 2048 /* 8,192 names, 256 KiB */

struct signature_cache {
	uint8_t (*names)[SIGNATURE_CACHE_WAYS][SIGNATURE_CACHE_NAME]; /* owned; zeroes: free */
	uint8_t next[SIGNATURE_CACHE_SETS]; /* the way that is overwritten next */
};

void signature_cache_init(struct signature_cache *c);
void signature_cache_free(struct signature_cache *c);
void signature_cache_clear(struct signature_cache *c);

bool signature_cache_has(const struct signature_cache *c, const uint8_t name[SIGNATURE_CACHE_NAME]);

/* Overwrites an older name of the same set. */
void signature_cache_add(struct signature_cache *c, const uint8_t name[SIGNATURE_CACHE_NAME]);

#endif
