/* SPDX-License-Identifier: MIT */
/* Token buckets against floods (RFC 7401 6.7, App. A leave the numbers open). A source is an address with its
 * network (/32 of IPv4, /64 of IPv6) or the Node-ID of an edge. A bucket is all that is kept of a source; a
 * table is bounded, and the bucket not used for the longest gives way: who floods keeps its own empty bucket in
 * use, and who lost one finds a full one. */
#include "usage/hip/hip_limit.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/hip/hip_internal.h"

#define HIP_LIMIT_COUNT (HIP_LIMIT_NOTIFY + 1)
#define HIP_LIMIT_WHOLE 1000000u   /* one token, so that a microsecond at 1/s is not lost */

static const struct hip_limit_rate {
	const char *name;
	uint32_t burst, per_s;
} hip_limit_rates[HIP_LIMIT_COUNT] = {
	[HIP_LIMIT_I1_SOURCE] = { "i1-source", HIP_I1_SOURCE_BURST, HIP_I1_SOURCE_PER_S },
	[HIP_LIMIT_I1_HIT] = { "i1-hit", HIP_I1_HIT_BURST, HIP_I1_HIT_PER_S },
	[HIP_LIMIT_I2_SOURCE] = { "i2-source", HIP_I2_SOURCE_BURST, HIP_I2_SOURCE_PER_S },
	[HIP_LIMIT_CARRY_SOURCE] = { "carry-source", HIP_CARRY_SOURCE_BURST, HIP_CARRY_SOURCE_PER_S },
	[HIP_LIMIT_NOTIFY] = { "notify", HIP_NOTIFY_BURST, HIP_NOTIFY_PER_S },
};

struct hip_bucket {
	struct hip_bucket *older, *newer; /* by last use */
	uint64_t tokens;                  /* of HIP_LIMIT_WHOLE each */
	struct instant at;
	uint8_t key[16];
	uint8_t key_len;
};

struct hip_limit_table {
	struct map *buckets;
	struct hip_bucket *oldest, *newest;
	struct instant logged; /* when refusals were told of last */
	uint64_t refused;      /* since then */
	bool has_logged;
};

struct hip_limits {
	struct hip_limit_table tables[HIP_LIMIT_COUNT];
};

struct hip_limits *hip_limits_new(uint64_t seed)
{
	struct hip_limits *l = memory_alloc(sizeof(*l));

	for (size_t i = 0; i < HIP_LIMIT_COUNT; i++)
		l->tables[i].buckets = map_new(seed + i);
	return l;
}

void hip_limits_free(struct hip_limits *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < HIP_LIMIT_COUNT; i++) {
		struct hip_bucket *next;

		for (struct hip_bucket *b = l->tables[i].oldest; b != NULL; b = next) {
			next = b->newer;
			free(b);
		}
		map_free(l->tables[i].buckets);
	}
	free(l);
}

static void hip_bucket_unlink(struct hip_limit_table *t, struct hip_bucket *b)
{
	*(b->older != NULL ? &b->older->newer : &t->oldest) = b->newer;
	*(b->newer != NULL ? &b->newer->older : &t->newest) = b->older;
	b->older = b->newer = NULL;
}

static void hip_bucket_link(struct hip_limit_table *t, struct hip_bucket *b)
{
	b->older = t->newest;
	*(t->newest != NULL ? &t->newest->newer : &t->oldest) = b;
	t->newest = b;
}

/* The first byte tells the kinds of source apart. Two edges whose Node-IDs differ only in their last byte share a
 * bucket, which is as good as never. */
static size_t hip_limit_key(enum hip_limit limit, const struct hip_path *path, const struct hit *hit, uint8_t key[16])
{
	size_t len;

	if (limit == HIP_LIMIT_I1_HIT) {
		memcpy(key, hit->bytes, HIT_LENGTH);
		return HIT_LENGTH;
	}
	if (path->channel == HIP_CHANNEL_OVERLAY) {
		key[0] = 0;
		memcpy(key + 1, path->node.bytes, 15);
		return 16;
	}
	key[0] = path->remote.type;
	len = path->remote.type == ADDRESS_IPV6 ? 8 : 4;
	memcpy(key + 1, path->remote.bytes, len);
	return len + 1;
}

static struct hip_bucket *hip_bucket_of(struct hip_limit_table *t, const struct hip_limit_rate *rate, struct now now,
					struct slice key)
{
	struct hip_bucket *b = map_find(t->buckets, key);

	if (b != NULL) {
		hip_bucket_unlink(t, b);
		hip_bucket_link(t, b);
		return b;
	}
	if (map_count(t->buckets) >= HIP_LIMIT_BUCKETS_MAX) {
		b = t->oldest;
		hip_bucket_unlink(t, b);
		(void)map_remove(t->buckets, slice_of(b->key, b->key_len));
	} else {
		b = memory_alloc(sizeof(*b));
	}
	memcpy(b->key, key.data, key.len);
	b->key_len = (uint8_t)key.len;
	b->tokens = (uint64_t)rate->burst * HIP_LIMIT_WHOLE;
	b->at = now.mono;
	(void)map_put(t->buckets, key, b);
	hip_bucket_link(t, b);
	return b;
}

static void hip_bucket_fill(struct hip_bucket *b, const struct hip_limit_rate *rate, struct now now)
{
	uint64_t passed = instant_since(now.mono, b->at).us;
	uint64_t full = (uint64_t)rate->burst * HIP_LIMIT_WHOLE;

	/* A microsecond at 1/s is one millionth of a token: HIP_LIMIT_WHOLE makes that 1. */
	b->tokens = passed >= full ? full : b->tokens + passed * rate->per_s;
	if (b->tokens > full)
		b->tokens = full;
	b->at = now.mono;
}

static void hip_limit_refused(struct hip_host *h, struct hip_limit_table *t, const struct hip_limit_rate *rate,
			      struct now now, const struct hip_path *path, const struct hit *hit)
{
	char text[HIP_PATH_TEXT_SIZE], hit_chars[HIT_TEXT_SIZE];

	h->counters->hip_limit++;
	t->refused++;
	if (t->has_logged && instant_since(now.mono, t->logged).us < duration_s(1).us)
		return;
	log_warning(h->log, "hip.limit", "kind=%s refused=%llu path=\"%s\" hit=%s", rate->name,
		    (unsigned long long)t->refused, path != NULL ? hip_path_text(path, text) : "-",
		    hit != NULL ? hit_text(hit, hit_chars) : "-");
	t->has_logged = true;
	t->logged = now.mono;
	t->refused = 0;
}

bool hip_limit_take(struct hip_host *h, struct now now, enum hip_limit limit, const struct hip_path *path,
		    const struct hit *hit)
{
	struct hip_limit_table *t = &h->limits->tables[limit];
	const struct hip_limit_rate *rate = &hip_limit_rates[limit];
	struct hip_bucket *b;
	uint8_t key[16];

	b = hip_bucket_of(t, rate, now, slice_of(key, hip_limit_key(limit, path, hit, key)));
	hip_bucket_fill(b, rate, now);
	if (b->tokens < HIP_LIMIT_WHOLE) {
		hip_limit_refused(h, t, rate, now, path, hit);
		return false;
	}
	b->tokens -= HIP_LIMIT_WHOLE;
	return true;
}
