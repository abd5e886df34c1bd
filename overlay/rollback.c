/* SPDX-License-Identifier: MIT */
/* The reader's memory of storage times. */
#include "overlay/rollback.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/base/map.h"
#include "overlay/peer_state.h"

#define ROLLBACK_KEY 32 /* SHA-256: keys of dictionaries may be long, and are others' choice */

struct rollback_entry {
	uint8_t key[ROLLBACK_KEY];
	uint64_t storage_time; /* ms */
	struct instant expires;
	uint64_t place; /* hash of Resource-ID and Kind: equal ones are only looked at more closely than need be */
	bool exists;
};

struct rollback {
	struct map *entries; /* key -> struct rollback_entry, owned; in order of last sight */
};

void rollback_new(struct peer *p)
{
	p->rollback = memory_alloc(sizeof(*p->rollback));
	p->rollback->entries = map_new(prng_next(&p->prng));
}

void rollback_free(struct peer *p)
{
	size_t cursor = 0;
	void *e;

	while (map_next(p->rollback->entries, &cursor, NULL, &e))
		free(e);
	map_free(p->rollback->entries);
	free(p->rollback);
}

static struct slice rollback_key(const struct rollback_entry *e)
{
	return slice_of(e->key, sizeof(e->key));
}

/* Resource-ID, Kind, index, signer are of fixed or told length, so that the key at the end is unambiguous. */
static void rollback_digest(struct peer *p, const struct resource_id *resource, uint32_t kind,
			    const struct stored_data *data, const struct node_id *signer, uint8_t *out)
{
	uint8_t fixed[RESOURCE_ID_MAX + 1 + 4 + 4 + NODE_ID_LENGTH];
	struct writer w = writer_of(fixed, sizeof(fixed));
	struct slice parts[2];

	resource_id_put(&w, resource);
	writer_u32(&w, kind);
	writer_u32(&w, data->value.model == DATA_MODEL_ARRAY ? data->value.index : 0);
	node_id_put(&w, signer);
	invariant(w.err == 0);
	parts[0] = writer_slice(&w);
	parts[1] = data->value.model == DATA_MODEL_DICTIONARY ? data->value.key : SLICE_EMPTY;
	p->security.ops->digest(p->security.ctx, HASH_SHA256, parts, 2, out);
}

static uint64_t rollback_place(const struct resource_id *resource, uint32_t kind)
{
	uint64_t hash = 0xcbf29ce484222325ull ^ kind;

	for (size_t i = 0; i < resource->length; i++)
		hash = (hash ^ resource->bytes[i]) * 0x100000001b3ull;
	return hash;
}

bool rollback_expects(const struct peer *p, struct now now, const struct resource_id *resource, uint32_t kind)
{
	uint64_t place = rollback_place(resource, kind);
	size_t cursor = 0;
	void *at;

	while (map_next(p->rollback->entries, &cursor, NULL, &at)) {
		const struct rollback_entry *e = at;

		if (e->place == place && e->exists && !instant_due(e->expires, now.mono))
			return true;
	}
	return false;
}

static void rollback_drop_oldest(struct rollback *r)
{
	size_t cursor = 0;
	void *e;

	if (map_count(r->entries) < ROLLBACK_ENTRIES_MAX || !map_next(r->entries, &cursor, NULL, &e))
		return;
	map_remove(r->entries, rollback_key(e));
	free(e);
}

bool rollback_found(struct peer *p, struct now now, const struct resource_id *resource, uint32_t kind,
		    const struct stored_data *data, const struct node_id *signer)
{
	struct rollback *r = p->rollback;
	struct instant expires = instant_add(now.mono, duration_s(data->lifetime));
	struct rollback_entry *e;
	uint8_t key[ROLLBACK_KEY];

	rollback_digest(p, resource, kind, data, signer, key);
	e = map_find(r->entries, slice_of(key, sizeof(key)));
	if (e != NULL && data->storage_time < e->storage_time && !instant_due(e->expires, now.mono))
		return true;
	if (e == NULL) {
		rollback_drop_oldest(r);
		e = memory_alloc(sizeof(*e));
		memcpy(e->key, key, sizeof(key));
	} else {
		map_remove(r->entries, rollback_key(e));
	}
	/* The lifetime is not signed: one cut short does not make us forget what we have seen. */
	if (data->storage_time != e->storage_time || instant_before(e->expires, expires))
		e->expires = expires;
	e->storage_time = data->storage_time;
	e->place = rollback_place(resource, kind);
	e->exists = data->value.data.exists;
	map_put(r->entries, rollback_key(e), e);
	return false;
}
