/* SPDX-License-Identifier: MIT */
/* Certificates whose chain and names were verified, found again by any hash that may name them. Only
 * certificates that the overlay's authority issued get in, so a stranger cannot push members out. */
#ifndef CRYPTO_CERTIFICATE_CACHE_H
#define CRYPTO_CERTIFICATE_CACHE_H

#include "crypto/digest.h"
#include "overlay/security.h"

struct certificate_cache;
struct evp_pkey_st;
struct evp_pkey_ctx_st;

struct certificate_entry {
	struct identity identity;         /* dates: those in which the whole chain is valid */
	struct slice der;                 /* owned */
	struct evp_pkey_st *key;          /* owned */
	struct evp_pkey_ctx_st *verifier; /* owned; made at the first signature, then reused */
	bool is_rsa;
	uint8_t issuer[CERTIFICATE_HASH_LENGTH]; /* SHA-256 of the root certificate */
};

struct certificate_cache *certificate_cache_new(size_t room);
void certificate_cache_free(struct certificate_cache *c);
void certificate_cache_clear(struct certificate_cache *c);
size_t certificate_cache_count(const struct certificate_cache *c);

/* The certificate that a SignerIdentity names, and with SIGNER_CERT_HASH_NODE_ID which of its Node-IDs
 * (an index). NULL: not seen before. Borrowed until the next _add or _clear. */
struct certificate_entry *certificate_cache_find(struct certificate_cache *c,
						 const struct signer_identity *identity,
						 size_t *node_id_index);

/* The same by SHA-256 of the DER. */
struct certificate_entry *certificate_cache_find_der(struct certificate_cache *c, const uint8_t *sha256);

/* Adds a certificate that is not there yet; the one used longest ago makes room. Copies `der`, takes a
 * reference to `key`. */
struct certificate_entry *certificate_cache_add(struct certificate_cache *c, struct digest *d,
						struct slice der, const struct identity *identity,
						struct evp_pkey_st *key);

#endif
