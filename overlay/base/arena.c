/* SPDX-License-Identifier: MIT */
/* The per-message allocator: a list of chunks, a hard cap, freed at once. */
#include "overlay/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"

/* Bytes of an ordinary chunk: the lists of a typical message fit in one. */
#define ARENA_CHUNK_ROOM 4000

struct arena_chunk {
	struct arena_chunk *next; /* older */
	size_t used;              /* bytes */
	size_t room;              /* bytes */
	alignas(max_align_t) uint8_t bytes[];
};

void arena_init(struct arena *a, size_t cap_bytes)
{
	*a = (struct arena){ .cap = cap_bytes };
}

void arena_reset(struct arena *a)
{
	/* The oldest chunk is the one kept: it is never larger than what one message needed. */
	while (a->chunks != NULL && a->chunks->next != NULL) {
		struct arena_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
	if (a->chunks != NULL)
		a->chunks->used = 0;
	a->used = 0;
}

void arena_free(struct arena *a)
{
	arena_reset(a);
	free(a->chunks);
	a->chunks = NULL;
}

/* A chunk with room for `len` bytes becomes the newest. */
static void arena_grow(struct arena *a, size_t len)
{
	size_t room = len > ARENA_CHUNK_ROOM ? len : ARENA_CHUNK_ROOM;
	/* Not memory_alloc: bytes are zeroed when they are handed out, as a chunk is used again. */
	struct arena_chunk *chunk = malloc(sizeof(*chunk) + room);

	invariant(chunk != NULL);
	chunk->next = a->chunks;
	chunk->used = 0;
	chunk->room = room;
	a->chunks = chunk;
}

void *arena_alloc(struct arena *a, size_t len)
{
	const size_t unit = alignof(max_align_t);
	size_t rounded;
	void *bytes;

	if (len > a->cap)
		return NULL;
	rounded = len == 0 ? unit : (len + unit - 1) / unit * unit;
	if (rounded < len || rounded > a->cap - a->used)
		return NULL;
	if (a->chunks == NULL || rounded > a->chunks->room - a->chunks->used)
		arena_grow(a, rounded);
	bytes = a->chunks->bytes + a->chunks->used;
	a->chunks->used += rounded;
	a->used += rounded;
	memset(bytes, 0, rounded);
	return bytes;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t len;

	if (__builtin_mul_overflow(count, size, &len))
		return NULL;
	return arena_alloc(a, len);
}

struct slice arena_copy(struct arena *a, struct slice bytes)
{
	void *copy;

	if (bytes.len == 0)
		return SLICE_EMPTY;
	copy = arena_alloc(a, bytes.len);
	if (copy == NULL)
		return slice_of(NULL, 0);
	memcpy(copy, bytes.data, bytes.len);
	return slice_of(copy, bytes.len);
}
