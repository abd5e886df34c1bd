/* SPDX-License-Identifier: MIT */
/* A fixed table of hashes. Only valid signatures get in, so filling it takes valid signatures. */
#include "crypto/signature_cache.h"

#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"

#define SIGNATURE_CACHE_SIZE (SIGNATURE_CACHE_SETS * sizeof(uint8_t[SIGNATURE_CACHE_WAYS][SIGNATURE_CACHE_NAME]))

void signature_cache_init(struct signature_cache *c)
{
	*c = (struct signature_cache){ .names = memory_alloc(SIGNATURE_CACHE_SIZE) };
}

void signature_cache_free(struct signature_cache *c)
{
	free(c->names);
	c->names = NULL;
}

void signature_cache_clear(struct signature_cache *c)
{
	memset(c->names, 0, SIGNATURE_CACHE_SIZE);
}

/* The name is a hash: its first bytes are as good as any. */
static size_t signature_cache_set(const uint8_t *name)
{
	return ((size_t)name[0] << 8 | name[1]) % SIGNATURE_CACHE_SETS;
}

bool signature_cache_has(const struct signature_cache *c, const uint8_t name[SIGNATURE_CACHE_NAME])
{
	size_t set = signature_cache_set(name);

	for (size_t way = 0; way < SIGNATURE_CACHE_WAYS; way++)
		if (memcmp(c->names[set][way], name, SIGNATURE_CACHE_NAME) == 0)
			return true;
	return false;
}

void signature_cache_add(struct signature_cache *c, const uint8_t name[SIGNATURE_CACHE_NAME])
{
	size_t set = signature_cache_set(name);

	memcpy(c->names[set][c->next[set]], name, SIGNATURE_CACHE_NAME);
	c->next[set] = (uint8_t)((c->next[set] + 1) % SIGNATURE_CACHE_WAYS);
}
