/* SPDX-License-Identifier: MIT */
/* A fixed number of counters, found by hash: sets of WAYS, of which a new one replaces the oldest. */
#include "tools/enroll_throttle.h"

#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"

#define SETS 1024
#define WAYS 8

struct counter {
	uint64_t hash; /* 0: free */
	struct instant since;
	uint32_t failures;
};

struct throttle {
	uint64_t seed;
	struct counter counters[SETS][WAYS];
};

struct throttle *throttle_new(uint64_t seed)
{
	struct throttle *t = memory_alloc(sizeof(*t));

	t->seed = seed;
	return t;
}

void throttle_free(struct throttle *t)
{
	free(t);
}

static uint64_t hash_bytes(uint64_t h, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * 0x100000001b3ull;
	return h ^ h >> 32;
}

/* FNV-1a from a secret start. A user of NULL: the address alone. Whoever has an IPv6 network has at least
 * a /64 of addresses, so these count as one. */
static uint64_t throttle_hash(const struct throttle *t, const char *user, const struct address *from)
{
	uint64_t h = hash_bytes(t->seed, &from->type, 1);

	h = hash_bytes(h, from->bytes, from->type == ADDRESS_IPV6 ? 8 : 4);
	if (user != NULL)
		h = hash_bytes(h, user, strlen(user) + 1);
	return h == 0 ? 1 : h;
}

/* The place of a counter in its set; WAYS when there is none. */
static unsigned throttle_find(const struct throttle *t, uint64_t hash)
{
	unsigned i = 0;

	while (i < WAYS && t->counters[hash % SETS][i].hash != hash)
		i++;
	return i;
}

static uint32_t counter_wait(const struct throttle *t, uint64_t hash, struct instant now, uint32_t max)
{
	unsigned way = throttle_find(t, hash);
	const struct counter *c = &t->counters[hash % SETS][way % WAYS];
	struct instant end;

	if (way == WAYS || c->failures < max)
		return 0;
	end = instant_add(c->since, duration_s(THROTTLE_WINDOW_S));
	return instant_due(end, now) ? 0 : (uint32_t)(instant_since(end, now).us / 1000000 + 1);
}

uint32_t throttle_wait(const struct throttle *t, struct instant now, const char *user,
		       const struct address *from)
{
	uint32_t user_s = counter_wait(t, throttle_hash(t, user, from), now, THROTTLE_USER_MAX);
	uint32_t address_s = counter_wait(t, throttle_hash(t, NULL, from), now, THROTTLE_ADDRESS_MAX);

	return user_s > address_s ? user_s : address_s;
}

static void throttle_count(struct throttle *t, struct instant now, uint64_t hash)
{
	struct counter *set = t->counters[hash % SETS];
	unsigned way = throttle_find(t, hash);
	struct counter *c = &set[way % WAYS];

	if (way == WAYS) {
		for (unsigned i = 1; i < WAYS && c->hash != 0; i++)
			if (set[i].hash == 0 || instant_before(set[i].since, c->since))
				c = &set[i];
		*c = (struct counter){ .hash = hash, .since = now };
	} else if (instant_due(instant_add(c->since, duration_s(THROTTLE_WINDOW_S)), now)) {
		c->since = now;
		c->failures = 0;
	}
	c->failures++;
}

void throttle_failed(struct throttle *t, struct instant now, const char *user, const struct address *from)
{
	throttle_count(t, now, throttle_hash(t, user, from));
	throttle_count(t, now, throttle_hash(t, NULL, from));
}

void throttle_succeeded(struct throttle *t, const char *user, const struct address *from)
{
	uint64_t hash = throttle_hash(t, user, from);
	unsigned way = throttle_find(t, hash);

	if (way < WAYS)
		t->counters[hash % SETS][way] = (struct counter){ 0 };
}
