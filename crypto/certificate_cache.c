/* SPDX-License-Identifier: MIT */
/* A bounded least-recently-used table. Each certificate stands in one map under every name that a
 * SignerIdentity can give it: H(DER) and H(Node-ID, DER), with SHA-256 and SHA-1. */
#include "crypto/certificate_cache.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/base/map.h"

#define CACHE_NAME_MAX (2 + DIGEST_MAX) /* bytes: identity type, algorithm, hash */

struct cache_name {
	struct cache_entry *entry;
	size_t node_id_index;
	uint8_t len; /* 0: another certificate took the name over */
	uint8_t bytes[CACHE_NAME_MAX];
};

struct cache_entry {
	struct certificate_entry open; /* what callers see */
	struct cache_entry *newer;
	struct cache_entry *older;
	uint8_t *der; /* owned */
	size_t name_count;
	struct cache_name names[]; /* 2 * (1 + Node-IDs) of them */
};

struct certificate_cache {
	struct map *names;
	struct cache_entry *newest;
	struct cache_entry *oldest;
	size_t count;
	size_t room;
};

static struct map *cache_new_map(void)
{
	uint64_t seed;

	invariant(RAND_bytes((unsigned char *)&seed, sizeof(seed)) == 1);
	return map_new(seed);
}

struct certificate_cache *certificate_cache_new(size_t room)
{
	struct certificate_cache *c = memory_alloc(sizeof(*c));

	invariant(room > 0);
	c->room = room;
	c->names = cache_new_map();
	return c;
}

static void cache_unlink(struct certificate_cache *c, struct cache_entry *e)
{
	*(e->newer == NULL ? &c->newest : &e->newer->older) = e->older;
	*(e->older == NULL ? &c->oldest : &e->older->newer) = e->newer;
	e->newer = NULL;
	e->older = NULL;
}

static void cache_link(struct certificate_cache *c, struct cache_entry *e)
{
	e->older = c->newest;
	*(c->newest == NULL ? &c->oldest : &c->newest->newer) = e;
	c->newest = e;
}

static void cache_remove(struct certificate_cache *c, struct cache_entry *e)
{
	for (size_t i = 0; i < e->name_count; i++)
		if (e->names[i].len > 0)
			(void)map_remove(c->names, slice_of(e->names[i].bytes, e->names[i].len));
	cache_unlink(c, e);
	c->count--;
	EVP_PKEY_CTX_free(e->open.verifier);
	EVP_PKEY_free(e->open.key);
	free(e->der);
	free(e);
}

void certificate_cache_clear(struct certificate_cache *c)
{
	while (c->oldest != NULL)
		cache_remove(c, c->oldest);
}

void certificate_cache_free(struct certificate_cache *c)
{
	if (c == NULL)
		return;
	certificate_cache_clear(c);
	map_free(c->names);
	free(c);
}

size_t certificate_cache_count(const struct certificate_cache *c)
{
	return c->count;
}

static size_t cache_name_put(uint8_t *bytes, unsigned type, unsigned algorithm, struct slice hash)
{
	struct writer w = writer_of(bytes, CACHE_NAME_MAX);

	writer_u8(&w, (uint8_t)type);
	writer_u8(&w, (uint8_t)algorithm);
	writer_bytes(&w, hash);
	return w.err == 0 ? w.len : 0;
}

struct certificate_entry *certificate_cache_find(struct certificate_cache *c,
						 const struct signer_identity *identity, size_t *node_id_index)
{
	uint8_t bytes[CACHE_NAME_MAX];
	size_t len = cache_name_put(bytes, identity->type, identity->hash_alg, identity->hash);
	struct cache_name *name = len == 0 ? NULL : map_find(c->names, slice_of(bytes, len));

	if (name == NULL)
		return NULL;
	if (name->entry != c->newest) {
		cache_unlink(c, name->entry);
		cache_link(c, name->entry);
	}
	*node_id_index = name->node_id_index;
	return &name->entry->open;
}

struct certificate_entry *certificate_cache_find_der(struct certificate_cache *c, const uint8_t *sha256)
{
	struct signer_identity identity = {
		.type = SIGNER_CERT_HASH,
		.hash_alg = HASH_SHA256,
		.hash = slice_of(sha256, CERTIFICATE_HASH_LENGTH),
	};
	size_t index;

	return certificate_cache_find(c, &identity, &index);
}

static void cache_add_name(struct certificate_cache *c, struct cache_entry *e, unsigned type,
			   unsigned algorithm, const uint8_t *hash, size_t node_id_index)
{
	struct cache_name *name = &e->names[e->name_count++];
	struct cache_name *before;

	name->entry = e;
	name->node_id_index = node_id_index;
	name->len = (uint8_t)cache_name_put(name->bytes, type, algorithm,
					    slice_of(hash, digest_length(algorithm)));
	invariant(name->len > 0);
	/* SHA-1 collides for those who pay for it, and one member may hold both certificates: the newer one
	 * takes the name over. Verification then fails or is the same person's. */
	before = map_put(c->names, slice_of(name->bytes, name->len), name);
	if (before != NULL)
		before->len = 0;
}

struct certificate_entry *certificate_cache_add(struct certificate_cache *c, struct digest *d,
						struct slice der, const struct identity *identity,
						struct evp_pkey_st *key)
{
	static const unsigned algorithms[] = { HASH_SHA256, HASH_SHA1 };
	size_t names = 2 * (1 + identity->node_id_count);
	struct cache_entry *e = memory_alloc(sizeof(*e) + names * sizeof(e->names[0]));
	uint8_t hash[DIGEST_MAX];

	if (c->count == c->room)
		cache_remove(c, c->oldest);
	e->der = memory_alloc(der.len);
	memcpy(e->der, der.data, der.len);
	e->open.der = slice_of(e->der, der.len);
	e->open.identity = *identity;
	invariant(EVP_PKEY_up_ref(key) == 1);
	e->open.key = key;
	e->open.is_rsa = EVP_PKEY_is_a(key, "RSA") == 1;
	for (size_t a = 0; a < 2; a++) {
		digest_parts(d, algorithms[a], &e->open.der, 1, hash);
		if (algorithms[a] == HASH_SHA256)
			memcpy(e->open.identity.certificate_hash, hash, CERTIFICATE_HASH_LENGTH);
		cache_add_name(c, e, SIGNER_CERT_HASH, algorithms[a], hash, 0);
		for (size_t i = 0; i < identity->node_id_count; i++) {
			struct slice id = slice_of(identity->node_ids[i].bytes, NODE_ID_LENGTH);

			digest_parts_and(d, algorithms[a], &id, 1, e->open.der, hash);
			cache_add_name(c, e, SIGNER_CERT_HASH_NODE_ID, algorithms[a], hash, i);
		}
	}
	cache_link(c, e);
	c->count++;
	return &e->open;
}
