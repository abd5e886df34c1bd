/* SPDX-License-Identifier: MIT */
/* Open addressing over an array of entries kept in order of insertion. The hash is SipHash-1-3, seeded,
 * so that a peer that chooses keys cannot choose collisions. */
#include "overlay/base/map.h"

#include <endian.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"

#define MAP_ROOM_MORE 2        /* entries beyond a quarter more than there are */
#define MAP_KEY_INLINE 16      /* bytes: a Node-ID needs no memory of its own */
#define MAP_SLOT_EMPTY 0u
#define MAP_SLOT_GONE UINT32_MAX

struct map_entry {
	void *value; /* NULL: removed; the entry waits for the next rebuild */
	uint32_t hash;
	uint32_t len; /* of the key */
	union {
		uint8_t bytes[MAP_KEY_INLINE];
		uint8_t *owned; /* when len > MAP_KEY_INLINE */
	} key;
};

struct map {
	struct map_entry *entries; /* in order of insertion, removed ones among them */
	uint32_t *slots;           /* index of the entry + 1, or MAP_SLOT_* */
	uint32_t count;            /* live entries */
	uint32_t first;            /* no live entry before this one */
	uint32_t used;             /* entries, removed ones included */
	uint32_t room;             /* entries */
	uint32_t slot_count;       /* a power of two; at least four for three entries, so that some stay empty */
	uint64_t seed[2];
};

static uint64_t map_rotate(uint64_t v, int bits)
{
	return v << bits | v >> (64 - bits);
}

static void map_sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = map_rotate(v[1], 13) ^ v[0];
	v[0] = map_rotate(v[0], 32);
	v[2] += v[3];
	v[3] = map_rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = map_rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = map_rotate(v[1], 17) ^ v[2];
	v[2] = map_rotate(v[2], 32);
}

static uint32_t map_hash(const struct map *m, struct slice key)
{
	uint64_t v[4] = {
		m->seed[0] ^ 0x736f6d6570736575u,
		m->seed[1] ^ 0x646f72616e646f6du,
		m->seed[0] ^ 0x6c7967656e657261u,
		m->seed[1] ^ 0x7465646279746573u,
	};
	uint64_t last = (uint64_t)key.len << 56;
	size_t i = 0;

	for (; key.len - i >= 8; i += 8) {
		uint64_t word;

		memcpy(&word, key.data + i, sizeof(word));
		word = le64toh(word);
		v[3] ^= word;
		map_sip_round(v);
		v[0] ^= word;
	}
	for (int shift = 0; i < key.len; i++, shift += 8)
		last |= (uint64_t)key.data[i] << shift;
	v[3] ^= last;
	map_sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i_round = 0; i_round < 3; i_round++)
		map_sip_round(v);
	return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

static struct slice map_entry_key(const struct map_entry *e)
{
	return slice_of(e->len > MAP_KEY_INLINE ? e->key.owned : e->key.bytes, e->len);
}

struct map *map_new(uint64_t seed)
{
	struct map *m = memory_alloc(sizeof(*m));

	m->seed[0] = seed;
	m->seed[1] = seed * 0x9e3779b97f4a7c15u + 1;
	return m;
}

void map_free(struct map *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->used; i++)
		if (m->entries[i].value != NULL && m->entries[i].len > MAP_KEY_INLINE)
			free(m->entries[i].key.owned);
	free(m->entries);
	free(m->slots);
	free(m);
}

size_t map_count(const struct map *m)
{
	return m->count;
}

/* The slot that points to `key`, or SIZE_MAX. */
static size_t map_slot_of(const struct map *m, struct slice key, uint32_t hash)
{
	size_t mask = m->slot_count - 1;

	if (m->count == 0)
		return SIZE_MAX;
	for (size_t i = hash & mask; m->slots[i] != MAP_SLOT_EMPTY; i = (i + 1) & mask) {
		const struct map_entry *e;

		if (m->slots[i] == MAP_SLOT_GONE)
			continue;
		e = &m->entries[m->slots[i] - 1];
		if (e->hash == hash && slice_equal(map_entry_key(e), key))
			return i;
	}
	return SIZE_MAX;
}

static uint32_t map_slots_wanted(uint32_t room)
{
	uint32_t slots = 2 * MAP_ROOM_MORE;

	while (slots < room + room / 3 + 1)
		slots *= 2;
	return slots;
}

/* Packs the live entries into new arrays of `room`. */
static void map_rebuild(struct map *m, uint32_t room)
{
	struct map_entry *entries = memory_alloc(room * sizeof(*entries));
	uint32_t slot_count = map_slots_wanted(room);
	uint32_t *slots = memory_alloc(slot_count * sizeof(*slots));
	size_t mask = slot_count - 1;
	uint32_t used = 0;

	invariant(room < MAP_SLOT_GONE / 2);
	for (size_t i = 0; i < m->used; i++) {
		size_t at;

		if (m->entries[i].value == NULL)
			continue;
		entries[used] = m->entries[i];
		for (at = entries[used].hash & mask; slots[at] != MAP_SLOT_EMPTY; at = (at + 1) & mask)
			;
		slots[at] = ++used;
	}
	free(m->entries);
	free(m->slots);
	m->entries = entries;
	m->slots = slots;
	m->first = 0;
	m->used = used;
	m->room = room;
	m->slot_count = slot_count;
}

/* With room to grow, and for the next rebuild to be a while off; but there are many small maps. */
static uint32_t map_room_wanted(const struct map *m)
{
	return m->count + m->count / 4 + MAP_ROOM_MORE;
}

static void map_release(struct map *m)
{
	free(m->entries);
	free(m->slots);
	m->entries = NULL;
	m->slots = NULL;
	m->first = m->used = m->room = m->slot_count = 0;
}

void map_trim(struct map *m)
{
	if (m->count > 0 && m->room > map_room_wanted(m) + m->count / 2 + MAP_ROOM_MORE)
		map_rebuild(m, map_room_wanted(m));
}

void *map_find(const struct map *m, struct slice key)
{
	size_t slot;

	if (m->count == 0)
		return NULL;
	slot = map_slot_of(m, key, map_hash(m, key));
	return slot == SIZE_MAX ? NULL : m->entries[m->slots[slot] - 1].value;
}

static void map_entry_set(struct map_entry *e, struct slice key, uint32_t hash, void *value)
{
	uint8_t *bytes = e->key.bytes;

	e->hash = hash;
	e->value = value;
	e->len = (uint32_t)key.len;
	if (key.len > MAP_KEY_INLINE)
		bytes = e->key.owned = memory_alloc(key.len);
	if (key.len > 0)
		memcpy(bytes, key.data, key.len);
}

void *map_put(struct map *m, struct slice key, void *value)
{
	uint32_t hash = map_hash(m, key);
	size_t slot = map_slot_of(m, key, hash);
	size_t mask, at;

	invariant(value != NULL && key.len <= UINT32_MAX);
	if (slot != SIZE_MAX) {
		struct map_entry *e = &m->entries[m->slots[slot] - 1];
		void *before = e->value;

		e->value = value;
		return before;
	}
	/* Every entry ever put since the last rebuild took a slot, so at least a quarter of them stay empty. */
	if (m->used == m->room)
		map_rebuild(m, map_room_wanted(m));
	mask = m->slot_count - 1;
	for (at = hash & mask; m->slots[at] != MAP_SLOT_EMPTY; at = (at + 1) & mask)
		;
	map_entry_set(&m->entries[m->used], key, hash, value);
	m->slots[at] = ++m->used;
	m->count++;
	return NULL;
}

void *map_remove(struct map *m, struct slice key)
{
	size_t slot = m->count == 0 ? SIZE_MAX : map_slot_of(m, key, map_hash(m, key));
	struct map_entry *e;
	void *value;

	if (slot == SIZE_MAX)
		return NULL;
	e = &m->entries[m->slots[slot] - 1];
	value = e->value;
	if (e->len > MAP_KEY_INLINE)
		free(e->key.owned);
	e->value = NULL;
	m->slots[slot] = MAP_SLOT_GONE;
	if (--m->count == 0)
		map_release(m);
	while (m->first < m->used && m->entries[m->first].value == NULL)
		m->first++;
	return value;
}

bool map_next(const struct map *m, size_t *cursor, struct slice *key, void **value)
{
	if (*cursor < m->first)
		*cursor = m->first;
	while (*cursor < m->used) {
		const struct map_entry *e = &m->entries[(*cursor)++];

		if (e->value == NULL)
			continue;
		if (key != NULL)
			*key = map_entry_key(e);
		if (value != NULL)
			*value = e->value;
		return true;
	}
	return false;
}
