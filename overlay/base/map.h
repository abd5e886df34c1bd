/* SPDX-License-Identifier: MIT */
/* A hash map from short byte strings to pointers, walked in order of insertion so that a run is the
 * same on every machine. Keys are copied; values belong to the caller. */
#ifndef OVERLAY_BASE_MAP_H
#define OVERLAY_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "overlay/base/slice.h"

struct map;

/* `seed` keeps a hostile peer from choosing colliding keys. */
struct map *map_new(uint64_t seed);
void map_free(struct map *m);

size_t map_count(const struct map *m);

/* The value under `key`, or NULL. */
void *map_find(const struct map *m, struct slice key);

/* Puts `value` (not NULL) under `key` and returns what stood there before, or NULL. */
void *map_put(struct map *m, struct slice key, void *value);

/* Takes `key` out and returns its value, or NULL. */
void *map_remove(struct map *m, struct slice key);

/* Gives back memory that many removals have left unused. Not within a walk. A map that falls empty, and one that
 * grows again, do so by themselves. */
void map_trim(struct map *m);

/* Walks in order of insertion: start with *cursor == 0; false at the end. The entry just returned may be
 * removed during the walk, others may not be added. */
bool map_next(const struct map *m, size_t *cursor, struct slice *key, void **value);

#endif
