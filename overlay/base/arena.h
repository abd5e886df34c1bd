/* SPDX-License-Identifier: MIT */
/* Memory that lives as long as one message: allocated piecemeal, freed at once. */
#ifndef OVERLAY_BASE_ARENA_H
#define OVERLAY_BASE_ARENA_H

#include <stddef.h>

#include "overlay/base/slice.h"

struct arena_chunk;

/* `cap` bounds all bytes handed out between two resets; reaching it makes arena_alloc return NULL. */
struct arena {
	struct arena_chunk *chunks; /* newest first; owned */
	size_t used;                /* bytes handed out since the last reset */
	size_t cap;                 /* bytes */
};

void arena_init(struct arena *a, size_t cap_bytes);

/* Keeps the first chunk for reuse. Everything handed out becomes invalid. */
void arena_reset(struct arena *a);

void arena_free(struct arena *a);

/* `len` zeroed bytes aligned for any type, or NULL when the cap would be passed. */
void *arena_alloc(struct arena *a, size_t len);

/* `count` zeroed elements of `size` bytes, or NULL (cap passed, or the product overflows). */
void *arena_array(struct arena *a, size_t count, size_t size);

/* A copy of `bytes` in the arena; data is NULL when the cap would be passed and bytes.len > 0. */
struct slice arena_copy(struct arena *a, struct slice bytes);

#endif
