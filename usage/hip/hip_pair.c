/* SPDX-License-Identifier: MIT */
/* The table of pairs, bounded as a whole and for each source. */
#include "usage/hip/hip_pair.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"

#define HIP_PAIR_KEY (2 * HIT_LENGTH)
#define HIP_SOURCE_KEY 16

/* Who began pairs: an address with its network, or an edge. Kept while it has any. */
struct hip_pair_source {
	uint8_t key[HIP_SOURCE_KEY];
	size_t count;
	struct hip_pair *oldest, *newest;
};

struct hip_pairs {
	struct map *pairs, *sources;
	struct hip_pair *oldest, *newest;
};

struct hip_pairs *hip_pairs_new(uint64_t seed)
{
	struct hip_pairs *t = memory_alloc(sizeof(*t));

	t->pairs = map_new(seed);
	t->sources = map_new(seed + 1);
	return t;
}

static void hip_pair_key(const struct hip_pair *pair, uint8_t key[HIP_PAIR_KEY])
{
	memcpy(key, pair->ends[0].hit.bytes, HIT_LENGTH);
	memcpy(key + HIT_LENGTH, pair->ends[1].hit.bytes, HIT_LENGTH);
}

static void hip_pair_unlink(struct hip_pairs *t, struct hip_pair *p)
{
	struct hip_pair_source *s = p->source;

	*(p->older != NULL ? &p->older->newer : &t->oldest) = p->newer;
	*(p->newer != NULL ? &p->newer->older : &t->newest) = p->older;
	*(p->source_older != NULL ? &p->source_older->source_newer : &s->oldest) = p->source_newer;
	*(p->source_newer != NULL ? &p->source_newer->source_older : &s->newest) = p->source_older;
	p->older = p->newer = p->source_older = p->source_newer = NULL;
}

static void hip_pair_link(struct hip_pairs *t, struct hip_pair *p)
{
	struct hip_pair_source *s = p->source;

	p->older = t->newest;
	*(t->newest != NULL ? &t->newest->newer : &t->oldest) = p;
	t->newest = p;
	p->source_older = s->newest;
	*(s->newest != NULL ? &s->newest->source_newer : &s->oldest) = p;
	s->newest = p;
}

static void hip_pair_drop(struct hip_pairs *t, struct hip_pair *p)
{
	struct hip_pair_source *s = p->source;
	uint8_t key[HIP_PAIR_KEY];

	hip_pair_key(p, key);
	(void)map_remove(t->pairs, slice_of(key, sizeof(key)));
	hip_pair_unlink(t, p);
	free(p);
	if (--s->count == 0) {
		(void)map_remove(t->sources, slice_of(s->key, sizeof(s->key)));
		free(s);
	}
}

void hip_pairs_free(struct hip_pairs *t)
{
	if (t == NULL)
		return;
	while (t->oldest != NULL)
		hip_pair_drop(t, t->oldest);
	map_free(t->pairs);
	map_free(t->sources);
	free(t);
}

size_t hip_pairs_count(const struct hip_pairs *t)
{
	return map_count(t->pairs);
}

static bool hip_pair_is_idle(const struct hip_pair *p, struct now now)
{
	return instant_since(now.mono, p->used).us >= duration_s(HIP_PAIR_IDLE_S).us;
}

/* The pair under two HITs, in the order in which its key has them. */
static struct hip_pair *hip_pair_get(const struct hip_pairs *t, const struct hit *a, const struct hit *b)
{
	bool swapped = hit_compare(a, b) > 0;
	uint8_t key[HIP_PAIR_KEY];

	memcpy(key, (swapped ? b : a)->bytes, HIT_LENGTH);
	memcpy(key + HIT_LENGTH, (swapped ? a : b)->bytes, HIT_LENGTH);
	return map_find(t->pairs, slice_of(key, sizeof(key)));
}

struct hip_pair *hip_pair_find(struct hip_pairs *t, struct now now, const struct hit *a, const struct hit *b)
{
	struct hip_pair *p = hip_pair_get(t, a, b);

	if (p == NULL || !hip_pair_is_idle(p, now))
		return p;
	hip_pair_drop(t, p);
	return NULL;
}

static struct hip_pair_source *hip_pair_source_of(struct hip_pairs *t, const struct hip_path *path)
{
	uint8_t key[HIP_SOURCE_KEY] = { 0 };
	struct hip_pair_source *s;

	if (path->channel == HIP_CHANNEL_OVERLAY) {
		memcpy(key + 1, path->node.bytes, sizeof(key) - 1);
	} else {
		key[0] = path->remote.type;
		memcpy(key + 1, path->remote.bytes, path->remote.type == ADDRESS_IPV6 ? 8 : 4);
	}
	s = map_find(t->sources, slice_of(key, sizeof(key)));
	if (s != NULL)
		return s;
	s = memory_alloc(sizeof(*s));
	memcpy(s->key, key, sizeof(key));
	(void)map_put(t->sources, slice_of(key, sizeof(key)), s);
	return s;
}

static struct hip_pair *hip_pair_begin(struct hip_pairs *t, const struct hit *sender, const struct hit *receiver,
				       const struct hip_path *path)
{
	struct hip_pair *p = memory_alloc(sizeof(*p));
	bool swapped = hit_compare(sender, receiver) > 0;
	uint8_t key[HIP_PAIR_KEY];

	p->ends[0].hit = swapped ? *receiver : *sender;
	p->ends[1].hit = swapped ? *sender : *receiver;
	p->initiator = swapped ? 1 : 0;
	p->source = hip_pair_source_of(t, path);
	p->source->count++;
	hip_pair_key(p, key);
	(void)map_put(t->pairs, slice_of(key, sizeof(key)), p);
	hip_pair_link(t, p);
	if (p->source->count > HIP_PAIRS_SOURCE_MAX)
		hip_pair_drop(t, p->source->oldest);
	else if (map_count(t->pairs) > HIP_PAIRS_MAX)
		hip_pair_drop(t, t->oldest);
	return p;
}

struct hip_pair *hip_pair_touch(struct hip_pairs *t, struct now now, const struct hit *sender,
				const struct hit *receiver, const struct hip_path *path)
{
	struct hip_pair *p;

	while (t->oldest != NULL && hip_pair_is_idle(t->oldest, now))
		hip_pair_drop(t, t->oldest);
	p = hip_pair_get(t, sender, receiver);
	if (p == NULL) {
		p = hip_pair_begin(t, sender, receiver, path);
	} else {
		hip_pair_unlink(t, p);
		hip_pair_link(t, p);
	}
	p->used = now.mono;
	return p;
}

struct hip_end *hip_pair_end(struct hip_pair *pair, const struct hit *hit)
{
	return hit_equal(&pair->ends[0].hit, hit) ? &pair->ends[0] : &pair->ends[1];
}

bool hip_pair_admit_i1(struct hip_pair *pair, struct now now, const struct hit *initiator, const struct hip_path *path)
{
	uint8_t index = hit_equal(&pair->ends[0].hit, initiator) ? 0 : 1;
	uint64_t since = instant_since(now.mono, pair->i1_at).us;
	bool is_same = hip_path_equal(&pair->i1_path, path);

	/* Crossing I1s are two attempts, one of each (RFC 7401 6.7). */
	if (pair->i1_count > 0 && pair->initiator == index
	    && since < duration_ms(is_same ? HIP_REPEAT_SAME_MS : HIP_REPEAT_MS).us)
		return false;
	pair->initiator = index;
	pair->i1_at = now.mono;
	pair->i1_path = *path;
	pair->i1_count++;
	return true;
}

void hip_pair_asked(struct hip_pair *pair, const struct node_id *edge)
{
	size_t i;

	for (i = 0; i < pair->asked_count; i++)
		if (node_id_equal(&pair->asked[i].edge, edge))
			break;
	if (i == pair->asked_count) {
		if (pair->asked_count < HIP_ASKED_MAX) {
			pair->asked_count++;
		} else {
			memmove(pair->asked, pair->asked + 1, (HIP_ASKED_MAX - 1) * sizeof(pair->asked[0]));
			i = HIP_ASKED_MAX - 1;
		}
		pair->asked[i].edge = *edge;
	}
	pair->asked[i].waits = true;
}

bool hip_pair_was_asked(struct hip_pair *pair, const struct node_id *edge)
{
	for (size_t i = 0; i < pair->asked_count; i++) {
		if (!node_id_equal(&pair->asked[i].edge, edge))
			continue;
		if (!pair->asked[i].waits)
			return false;
		pair->asked[i].waits = false;
		return true;
	}
	return false;
}
