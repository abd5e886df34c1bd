/* SPDX-License-Identifier: MIT */
/* A heap with four children, records and buffers by size class. */
#include "tools/sim/net_heap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"

#define HEAP_LINE 64u /* bytes of a cache line: four keys */
#define HEAP_ROOM 1024u
#define HEAP_SMALLEST 64u /* bytes of the first class */
#define HEAP_CHUNK (1u << 16)
#define HEAP_RECORD_MASK (NET_HEAP_EVENTS_MAX - 1)

/* A sanitizer shall see each buffer's own life. */
#if defined(__SANITIZE_ADDRESS__)
#define HEAP_POOLS_BYTES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_POOLS_BYTES 0
#endif
#endif
#ifndef HEAP_POOLS_BYTES
#define HEAP_POOLS_BYTES 1
#endif

struct net_chunk {
	struct net_chunk *next;
	size_t len;
};

static unsigned heap_class(size_t len)
{
	unsigned class = 0;

	while (class < NET_HEAP_CLASSES && (size_t)HEAP_SMALLEST << class < len)
		class++;
	return class;
}

static bool heap_is_pooled(size_t len)
{
	return HEAP_POOLS_BYTES && heap_class(len) < NET_HEAP_CLASSES;
}

void net_heap_init(struct net_heap *h)
{
	*h = (struct net_heap){ .free_event = NET_HEAP_NONE };
}

void net_heap_free(struct net_heap *h)
{
	struct net_chunk *c = h->chunks;

	for (uint32_t i = 0; i < h->event_count; i++)
		if (h->events[i].bytes != NULL && !heap_is_pooled(h->events[i].len))
			free(h->events[i].bytes);
	while (c != NULL) {
		struct net_chunk *next = c->next;

		free(c);
		c = next;
	}
	free(h->keys_memory);
	free(h->events);
}

/* ---- Keys ---- */

static void heap_grow(struct net_heap *h)
{
	size_t room = h->room == 0 ? HEAP_ROOM : 2 * h->room;
	void *memory = memory_alloc(room * sizeof(struct net_key) + 2 * HEAP_LINE);
	size_t over = (uintptr_t)memory % HEAP_LINE;
	/* The root is the last key of its line, so that its children begin the next one. */
	struct net_key *keys = (struct net_key *)(void *)((uint8_t *)memory + (HEAP_LINE - over) +
							  HEAP_LINE - sizeof(struct net_key));

	if (h->count > 0)
		memcpy(keys, h->keys, h->count * sizeof(*keys));
	free(h->keys_memory);
	h->keys_memory = memory;
	h->keys = keys;
	h->room = room;
}

static inline bool heap_before(const struct net_key *a, const struct net_key *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

void net_heap_push_record(struct net_heap *h, uint64_t at, uint32_t record)
{
	struct net_key key = { at, h->next_sequence++ * NET_HEAP_EVENTS_MAX + record };
	size_t i = h->count;

	if (h->count + 4 > h->room)
		heap_grow(h);
	h->count++;
	while (i > 0) {
		size_t parent = (i - 1) / 4;

		if (!heap_before(&key, &h->keys[parent]))
			break;
		h->keys[i] = h->keys[parent];
		i = parent;
	}
	h->keys[i] = key;
}

static void heap_sink(struct net_heap *h, struct net_key last)
{
	size_t i = 0;

	for (;;) {
		size_t child = 4 * i + 1;
		size_t end = child + 4 < h->count ? child + 4 : h->count;
		size_t least = child;

		if (child >= h->count)
			break;
		for (size_t k = child + 1; k < end; k++)
			if (heap_before(&h->keys[k], &h->keys[least]))
				least = k;
		if (!heap_before(&h->keys[least], &last))
			break;
		h->keys[i] = h->keys[least];
		i = least;
	}
	h->keys[i] = last;
}

uint32_t net_heap_pop(struct net_heap *h, uint64_t *at)
{
	struct net_key top = h->keys[0];

	h->count--;
	if (h->count > 0)
		heap_sink(h, h->keys[h->count]);
	*at = top.at;
	return (uint32_t)(top.order & HEAP_RECORD_MASK);
}

/* ---- Records ---- */

uint32_t net_heap_record(struct net_heap *h, const struct net_event *e)
{
	uint32_t record = h->free_event;

	if (record != NET_HEAP_NONE) {
		h->free_event = h->events[record].next;
	} else {
		if (h->event_count == h->event_room) {
			h->event_room = h->event_room == 0 ? HEAP_ROOM : 2 * h->event_room;
			h->events = memory_resize(h->events, h->event_room * sizeof(*h->events));
		}
		record = h->event_count++;
		invariant(h->event_count < NET_HEAP_EVENTS_MAX);
	}
	h->events[record] = *e;
	return record;
}

void net_heap_push(struct net_heap *h, uint64_t at, const struct net_event *e)
{
	net_heap_push_record(h, at, net_heap_record(h, e));
}

void net_heap_recycle(struct net_heap *h, uint32_t record)
{
	struct net_event *e = &h->events[record];

	if (e->bytes != NULL)
		net_heap_bytes_free(h, e->bytes, e->len);
	e->bytes = NULL;
	e->next = h->free_event;
	h->free_event = record;
}

/* ---- Buffers ---- */

/* A chunk cut into buffers of one class; the large ones get a chunk each. */
static void heap_refill(struct net_heap *h, unsigned class)
{
	size_t size = (size_t)HEAP_SMALLEST << class;
	size_t count = size >= HEAP_CHUNK / 4 ? 1 : HEAP_CHUNK / size;
	struct net_chunk *c = malloc(HEAP_SMALLEST + count * size);

	invariant(c != NULL);
	*c = (struct net_chunk){ h->chunks, HEAP_SMALLEST + count * size };
	h->chunks = c;
	for (size_t i = count; i-- > 0;) {
		uint8_t *at = (uint8_t *)c + HEAP_SMALLEST + i * size;

		memcpy(at, &h->free_bytes[class], sizeof(uint8_t *));
		h->free_bytes[class] = at;
	}
}

uint8_t *net_heap_bytes(struct net_heap *h, size_t len)
{
	unsigned class = heap_class(len);
	uint8_t *bytes;

	if (!heap_is_pooled(len)) {
		bytes = malloc(len + 1);
		invariant(bytes != NULL);
		return bytes;
	}
	if (h->free_bytes[class] == NULL)
		heap_refill(h, class);
	bytes = h->free_bytes[class];
	memcpy(&h->free_bytes[class], bytes, sizeof(uint8_t *));
	return bytes;
}

void net_heap_bytes_free(struct net_heap *h, uint8_t *bytes, size_t len)
{
	unsigned class = heap_class(len);

	if (!heap_is_pooled(len)) {
		free(bytes);
		return;
	}
	memcpy(bytes, &h->free_bytes[class], sizeof(uint8_t *));
	h->free_bytes[class] = bytes;
}

size_t net_heap_memory(const struct net_heap *h)
{
	size_t len = h->room * sizeof(struct net_key) + h->event_room * sizeof(struct net_event);

	for (const struct net_chunk *c = h->chunks; c != NULL; c = c->next)
		len += c->len;
	return len;
}
