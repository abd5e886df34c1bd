/* SPDX-License-Identifier: MIT */
/* The backend of a node that keeps nothing on disk. It does keep its committed records in memory, apart from
 * storage's working set, so that a turn can be rolled back and loaded again like one on disk. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/base/map.h"
#include "overlay/base/writer.h"
#include "storage/backend.h"

/* One record or certificate; the bytes its slices borrow follow it. */
struct memory_item {
	struct backend_record record; /* a certificate: only certificate_hash and stored_data */
	uint8_t bytes[];
};

/* A change since the last commit. */
struct memory_change {
	struct memory_change *next;
	struct map *map;          /* the backend's, borrowed */
	struct memory_item *item; /* owned; NULL: remove */
	bool all;                 /* `key` is the prefix of all that are removed */
	size_t key_len;
	uint8_t key[];
};

struct backend_memory {
	struct map *records;
	struct map *certificates;
	struct memory_change *changes; /* oldest first */
	struct memory_change **changes_end;
};

static struct slice memory_keep(uint8_t **at, struct slice bytes)
{
	uint8_t *place = *at;

	if (bytes.len > 0)
		memcpy(place, bytes.data, bytes.len);
	*at += bytes.len;
	return slice_of(place, bytes.len);
}

static struct memory_item *memory_item_new(const struct backend_record *record)
{
	size_t len = record->resource.len + record->entry.len + record->stored_data.len +
		     record->certificate_hash.len;
	struct memory_item *item = memory_alloc(sizeof(*item) + len);
	uint8_t *at = item->bytes;

	item->record = *record;
	item->record.resource = memory_keep(&at, record->resource);
	item->record.entry = memory_keep(&at, record->entry);
	item->record.stored_data = memory_keep(&at, record->stored_data);
	item->record.certificate_hash = memory_keep(&at, record->certificate_hash);
	return item;
}

static void memory_change_add(struct backend_memory *b, struct map *map, struct slice key,
			      struct memory_item *item, bool all)
{
	struct memory_change *change = memory_alloc(sizeof(*change) + key.len);

	change->map = map;
	change->item = item;
	change->all = all;
	change->key_len = key.len;
	if (key.len > 0)
		memcpy(change->key, key.data, key.len);
	*b->changes_end = change;
	b->changes_end = &change->next;
}

/* Resource-ID with its length, Kind, entry: one key's bytes are never the beginning of another Kind's. */
static void memory_record_change(struct backend_memory *b, struct slice resource, uint32_t kind,
				 struct slice entry, struct memory_item *item, bool all)
{
	size_t room = 1 + resource.len + 4 + entry.len;
	struct writer w = writer_of(memory_alloc(room), room);

	writer_opaque8(&w, resource);
	writer_u32(&w, kind);
	writer_bytes(&w, entry);
	invariant(w.err == 0);
	memory_change_add(b, b->records, writer_slice(&w), item, all);
	free(w.data);
}

static int memory_put(void *ctx, const struct backend_record *record)
{
	memory_record_change(ctx, record->resource, record->kind, record->entry, memory_item_new(record),
			     false);
	return 0;
}

static int memory_remove(void *ctx, struct slice resource, uint32_t kind, struct slice entry, bool all)
{
	memory_record_change(ctx, resource, kind, entry, NULL, all);
	return 0;
}

static int memory_put_certificate(void *ctx, struct slice hash, struct slice der)
{
	struct backend_record record = { .certificate_hash = hash, .stored_data = der };
	struct backend_memory *b = ctx;

	memory_change_add(b, b->certificates, hash, memory_item_new(&record), false);
	return 0;
}

static int memory_remove_certificate(void *ctx, struct slice hash)
{
	struct backend_memory *b = ctx;

	memory_change_add(b, b->certificates, hash, NULL, false);
	return 0;
}

static void memory_remove_prefix(struct map *map, struct slice prefix)
{
	size_t cursor = 0;
	struct slice key;

	while (map_next(map, &cursor, &key, NULL))
		if (key.len >= prefix.len && slice_equal(slice_of(key.data, prefix.len), prefix))
			free(map_remove(map, key));
}

static int memory_commit(void *ctx)
{
	struct backend_memory *b = ctx;

	while (b->changes != NULL) {
		struct memory_change *change = b->changes;
		struct slice key = slice_of(change->key, change->key_len);

		if (change->item != NULL)
			free(map_put(change->map, key, change->item));
		else if (change->all)
			memory_remove_prefix(change->map, key);
		else
			free(map_remove(change->map, key));
		b->changes = change->next;
		free(change);
	}
	b->changes_end = &b->changes;
	return 0;
}

static void memory_rollback(void *ctx)
{
	struct backend_memory *b = ctx;

	while (b->changes != NULL) {
		struct memory_change *change = b->changes;

		b->changes = change->next;
		free(change->item);
		free(change);
	}
	b->changes_end = &b->changes;
}

static int memory_load(void *ctx, int (*certificate)(void *to, struct slice hash, struct slice der),
		       int (*record)(void *to, const struct backend_record *record), void *to)
{
	struct backend_memory *b = ctx;
	size_t cursor = 0;
	void *item;
	int err = 0;

	while (err == 0 && map_next(b->certificates, &cursor, NULL, &item)) {
		const struct backend_record *c = &((struct memory_item *)item)->record;

		err = certificate(to, c->certificate_hash, c->stored_data);
	}
	cursor = 0;
	while (err == 0 && map_next(b->records, &cursor, NULL, &item))
		err = record(to, &((struct memory_item *)item)->record);
	return err;
}

static void memory_map_free(struct map *map)
{
	size_t cursor = 0;
	void *item;

	while (map_next(map, &cursor, NULL, &item))
		free(item);
	map_free(map);
}

static void memory_close(void *ctx)
{
	struct backend_memory *b = ctx;

	memory_rollback(b);
	memory_map_free(b->records);
	memory_map_free(b->certificates);
	free(b);
}

static const struct backend_ops memory_ops = {
	.put = memory_put,
	.remove = memory_remove,
	.put_certificate = memory_put_certificate,
	.remove_certificate = memory_remove_certificate,
	.commit = memory_commit,
	.rollback = memory_rollback,
	.load = memory_load,
	.close = memory_close,
};

struct backend backend_memory(void)
{
	struct backend_memory *b = memory_alloc(sizeof(*b));

	/* What is kept here has passed every check; its keys are spread by SHA-1. */
	b->records = map_new(0);
	b->certificates = map_new(0);
	b->changes_end = &b->changes;
	return (struct backend){ &memory_ops, b };
}
