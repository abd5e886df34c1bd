/* SPDX-License-Identifier: MIT */
/* One token bucket a source prefix, in a table of fixed size. */
#include "node/admission.h"

#include <string.h>

#include "overlay/base/invariant.h"

#define TOKEN 1000u /* one handshake */
#define MINUTE_US 60000000u
#define PROBES 4 /* places a source may stand at */

void admission_init(struct admission *a, uint32_t slots_max, uint32_t per_minute, uint64_t seed)
{
	memset(a, 0, sizeof(*a));
	a->slots_max = slots_max;
	a->per_minute = per_minute;
	a->seed = seed;
}

static void prefix_of(const struct address *source, uint8_t prefix[9])
{
	memset(prefix, 0, 9);
	prefix[0] = source->type;
	memcpy(prefix + 1, source->bytes, source->type == ADDRESS_IPV4 ? 3 : 8);
}

/* FNV-1a with a secret start is enough: a guess wins an attacker another source's bucket, no more. */
static uint64_t prefix_hash(uint64_t seed, const uint8_t prefix[9])
{
	uint64_t hash = seed ^ 0xcbf29ce484222325u;

	for (size_t i = 0; i < 9; i++)
		hash = (hash ^ prefix[i]) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

/* The source's row: its own, an empty one, or the one that was quiet longest. */
static struct admission_source *source_row(struct admission *a, struct instant now, const uint8_t prefix[9])
{
	uint64_t hash = prefix_hash(a->seed, prefix);
	struct admission_source *row, *oldest = NULL;

	for (size_t i = 0; i < PROBES; i++) {
		row = &a->sources[(hash + i) % ADMISSION_SOURCES];
		if (memcmp(row->prefix, prefix, 9) == 0)
			return row;
		if (oldest == NULL || instant_before(row->refilled, oldest->refilled))
			oldest = row;
	}
	memcpy(oldest->prefix, prefix, 9);
	oldest->tokens = a->per_minute * TOKEN;
	oldest->refilled = now;
	return oldest;
}

static bool source_take(struct admission *a, struct instant now, const struct address *source)
{
	struct admission_source *row;
	uint64_t tokens, full = (uint64_t)a->per_minute * TOKEN;
	uint8_t prefix[9];

	prefix_of(source, prefix);
	row = source_row(a, now, prefix);
	tokens = instant_since(now, row->refilled).us;
	tokens = tokens >= MINUTE_US ? full : row->tokens + tokens * full / MINUTE_US;
	row->tokens = (uint32_t)(tokens > full ? full : tokens);
	row->refilled = now;
	if (row->tokens < TOKEN)
		return false;
	row->tokens -= TOKEN;
	return true;
}

bool admission_take(struct admission *a, struct instant now, const struct address *source)
{
	if (a->slots_used >= a->slots_max)
		return false;
	if (!address_is_loopback(source) && !source_take(a, now, source))
		return false;
	a->slots_used++;
	return true;
}

void admission_release(struct admission *a)
{
	invariant(a->slots_used > 0);
	a->slots_used--;
}
