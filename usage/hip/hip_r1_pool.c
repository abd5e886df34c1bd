/* SPDX-License-Identifier: MIT */
/* Generations of R1s and what belongs to them. R1s are made when first asked for, so that an idle host makes none. */
#include "usage/hip/hip_r1_pool.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/hip/hip_exchange.h"
#include "usage/hip/hip_puzzle.h"
#include "usage/hip/hip_registrant.h"

#define HIP_R1_GROUPS (sizeof(((struct hip_host_options *)0)->dh_groups))
#define HIP_R1_RECEIVER_AT 24

/* A signed R1 without receiver, I and opaque. */
struct hip_r1 {
	uint8_t *bytes; /* owned; NULL: not made yet */
	size_t len, opaque_at, i_at;
};

struct hip_r1_group {
	uint8_t group;
	struct host_dh *dh; /* owned; NULL: not made yet */
	uint8_t public[HOST_DH_PUBLIC_MAX];
	size_t public_len;
	struct hip_r1 packets[2]; /* for the unknown, for the known */
};

struct hip_r1_generation {
	bool is_set;
	uint64_t counter;
	struct instant born;
	uint8_t secret[32];
	struct hip_r1_group groups[HIP_R1_GROUPS];
	struct map *used;
};

struct hip_r1_pool {
	struct hip_host *host;
	struct hip_r1_generation current, previous;
	uint16_t opaque; /* counts the R1s given out, so that no I comes twice */
};

static void hip_r1_drop_packets(struct hip_r1_group *g)
{
	for (size_t i = 0; i < 2; i++) {
		free(g->packets[i].bytes);
		g->packets[i] = (struct hip_r1){ 0 };
	}
}

static void hip_r1_generation_free(struct hip_host *h, struct hip_r1_generation *g)
{
	for (size_t i = 0; i < HIP_R1_GROUPS; i++) {
		hip_r1_drop_packets(&g->groups[i]);
		if (g->groups[i].dh != NULL)
			h->security.ops->dh_free(h->security.ctx, g->groups[i].dh);
	}
	if (g->used != NULL)
		map_free(g->used);
	explicit_bzero(g, sizeof(*g));
}

struct hip_r1_pool *hip_r1_pool_new(struct hip_host *h)
{
	struct hip_r1_pool *pool = memory_alloc(sizeof(*pool));

	pool->host = h;
	return pool;
}

void hip_r1_pool_free(struct hip_r1_pool *pool)
{
	if (pool == NULL)
		return;
	hip_r1_generation_free(pool->host, &pool->current);
	hip_r1_generation_free(pool->host, &pool->previous);
	free(pool);
}

void hip_r1_pool_change(struct hip_r1_pool *pool)
{
	for (size_t i = 0; i < HIP_R1_GROUPS; i++)
		hip_r1_drop_packets(&pool->current.groups[i]);
}

/* The counter grows with the wall clock, so that it is not lower after a restart (4.1.4). */
static void hip_r1_pool_rotate(struct hip_r1_pool *pool, struct now now)
{
	struct hip_host *h = pool->host;
	struct hip_r1_generation *g = &pool->current;
	uint64_t counter = now.wall.ms / 1000;

	if (g->is_set && counter <= g->counter)
		counter = g->counter + 1;
	hip_r1_generation_free(h, &pool->previous);
	pool->previous = *g;
	explicit_bzero(g, sizeof(*g));
	g->is_set = true;
	g->counter = counter;
	g->born = now.mono;
	h->security.ops->random(h->security.ctx, g->secret, sizeof(g->secret));
	g->used = map_new(prng_next(&h->prng));
}

/* Brings the generations up to date. */
static void hip_r1_pool_age(struct hip_r1_pool *pool, struct now now)
{
	uint64_t generation_us = duration_s(HIP_R1_GENERATION_S).us;

	if (!pool->current.is_set) {
		hip_r1_pool_rotate(pool, now);
		return;
	}
	if (instant_since(now.mono, pool->current.born).us >= 2 * generation_us)
		hip_r1_pool_rotate(pool, now);
	if (instant_since(now.mono, pool->current.born).us >= generation_us ||
	    map_count(pool->current.used) >= HIP_R1_USED_MAX)
		hip_r1_pool_rotate(pool, now);
	if (pool->previous.is_set && instant_since(now.mono, pool->previous.born).us >= 2 * generation_us)
		hip_r1_generation_free(pool->host, &pool->previous);
}

/* ---- Making ---- */

static struct hip_r1_group *hip_r1_group_of(struct hip_r1_generation *g, uint8_t group)
{
	for (size_t i = 0; i < HIP_R1_GROUPS; i++) {
		if (g->groups[i].group == group)
			return &g->groups[i];
		if (g->groups[i].group == 0) {
			g->groups[i].group = group;
			return &g->groups[i];
		}
	}
	return NULL;
}

static void hip_r1_put(struct hip_r1_pool *pool, const struct hip_r1_group *g, bool known, struct writer *w,
		       struct hip_r1 *x)
{
	static const uint8_t zeroes[HIP_RHASH_MAX];
	struct hip_host *h = pool->host;
	const struct hip_puzzle puzzle = {
		.k = known ? h->options.puzzle_k : h->options.puzzle_k_unknown,
		.lifetime = HIP_R1_PUZZLE_LIFETIME,
		.i = slice_of(zeroes, host_digest_length(h->suite)),
	};
	const struct hip_diffie_hellman dh = { g->group, slice_of(g->public, g->public_len) };
	const struct hip_list suites = { { (uint16_t)(h->suite << 4), (uint16_t)((h->suite ^ 3u) << 4) }, 2 };
	const struct hip_list modes = { { HIP_NAT_UDP_ENCAPSULATION }, 1 };
	const struct hip_list formats = { { HIP_PARAMETER_ESP_TRANSFORM }, 1 };
	static const struct hit nobody;
	struct hip_list list;

	hip_packet_begin(w, HIP_R1, 0, &h->hit, &nobody);
	hip_r1_counter_put(w, pool->current.counter);
	hip_put_locators(h, w);
	x->opaque_at = w->len + 6;
	x->i_at = w->len + 8;
	hip_puzzle_put(w, &puzzle);
	hip_own_groups(h, &list);
	hip_dh_group_list_put(w, &list);
	hip_diffie_hellman_put(w, &dh);
	hip_own_ciphers(h, &list);
	hip_cipher_put(w, &list);
	/* A relay server says which mode its clients are to use (RFC 9028 4.3); others need none. */
	if (h->edge != NULL || hip_registrant_is_relayed(h))
		hip_nat_traversal_mode_put(w, &modes);
	hip_put_host_id(h, w);
	hip_hit_suite_list_put(w, &suites);
	hip_edge_put_reg_info(h, w);
	hip_transport_format_list_put(w, &formats);
	hip_own_transforms(h, &list);
	hip_esp_transform_put(w, &list);
}

static int hip_r1_make(struct hip_r1_pool *pool, struct hip_r1_group *g, bool known)
{
	struct hip_host *h = pool->host;
	struct hip_r1 *x = &g->packets[known];
	uint8_t buffer[HIP_PACKET_MAX];
	struct writer w = writer_of(buffer, sizeof(buffer));
	int err;

	if (g->dh == NULL) {
		err = h->security.ops->dh_new(h->security.ctx, g->group, &g->dh, g->public, &g->public_len);
		if (err < 0)
			return err;
	}
	hip_r1_put(pool, g, known, &w, x);
	err = hip_seal_signature_2(h, &w);
	if (err < 0)
		return err;
	x->bytes = memory_alloc(w.len);
	x->len = w.len;
	memcpy(x->bytes, buffer, w.len);
	log_debug(h->log, "hip.r1.made", "counter=%llu group=%u known=%d length=%zu",
		  (unsigned long long)pool->current.counter, g->group, known, w.len);
	return 0;
}

/* The first own group that they have too (5.2.6: no other), or the first own one. */
static uint8_t hip_r1_choose(const struct hip_host *h, const struct hip_list *theirs)
{
	struct hip_list own;
	uint8_t group;

	hip_own_groups(h, &own);
	group = (uint8_t)hip_list_choose(&own, theirs);
	return group != 0 ? group : (uint8_t)own.items[0];
}

static int hip_r1_ready(struct hip_r1_pool *pool, const struct hip_list *theirs, bool known, struct hip_r1_group **out)
{
	uint8_t group;
	int err;

	for (;;) {
		group = hip_r1_choose(pool->host, theirs);
		*out = group == 0 ? NULL : hip_r1_group_of(&pool->current, group);
		if (*out == NULL)
			return ERR_UNSUPPORTED;
		if ((*out)->packets[known].bytes != NULL)
			return 0;
		err = hip_r1_make(pool, *out, known);
		if (err != ERR_UNSUPPORTED || !hip_own_group_drop(pool->host, group))
			return err;
		hip_r1_pool_change(pool); /* the others name the group that is none */
	}
}

/* ---- The puzzle's I ---- */

/* Bound to both hosts, to K and the group, and to where the I1 came from, so that the I2 proves its return path. */
static size_t hip_r1_puzzle(const struct hip_host *h, const struct hip_r1_generation *g, const struct hip_path *path,
			    const struct hit *initiator, uint8_t k, uint8_t group, uint16_t opaque,
			    uint8_t out[HOST_DIGEST_MAX])
{
	const uint8_t fields[] = { k, group, (uint8_t)(opaque >> 8), (uint8_t)opaque, (uint8_t)path->channel,
				   path->remote.type };
	bool overlay = path->channel == HIP_CHANNEL_OVERLAY;
	size_t address_len = path->remote.type == ADDRESS_IPV4 ? 4 : 16;
	const struct slice parts[] = {
		slice_of(initiator->bytes, HIT_LENGTH), slice_of(h->hit.bytes, HIT_LENGTH),
		slice_of(fields, overlay ? 5 : 6),
		overlay ? slice_of(path->node.bytes, NODE_ID_LENGTH) : slice_of(path->remote.bytes, address_len),
	};

	return h->security.ops->mac(h->security.ctx, h->suite, slice_of(g->secret, sizeof(g->secret)), parts, 4, out);
}

int hip_r1_pool_answer(struct hip_r1_pool *pool, struct now now, const struct hip_path *path,
		       const struct hit *initiator, const struct hip_list *groups, bool known, struct writer *w)
{
	struct hip_host *h = pool->host;
	struct hip_r1_group *g;
	const struct hip_r1 *x;
	uint8_t i[HOST_DIGEST_MAX], *packet = w->data;
	uint16_t opaque;
	size_t len;
	int err;

	hip_r1_pool_age(pool, now);
	err = hip_r1_ready(pool, groups, known, &g);
	if (err < 0)
		return err;
	x = &g->packets[known];
	opaque = ++pool->opaque;
	len = hip_r1_puzzle(h, &pool->current, path, initiator,
			    known ? h->options.puzzle_k : h->options.puzzle_k_unknown, g->group, opaque, i);
	writer_bytes(w, slice_of(x->bytes, x->len));
	if (w->err < 0)
		return w->err;
	memcpy(packet + HIP_R1_RECEIVER_AT, initiator->bytes, HIT_LENGTH);
	packet[x->opaque_at] = (uint8_t)(opaque >> 8);
	packet[x->opaque_at + 1] = (uint8_t)opaque;
	memcpy(packet + x->i_at, i, len);
	return 0;
}

/* ---- Checking I2s ---- */

static bool hip_r1_is_ours(const struct hip_host *h, struct hip_r1_generation *g, const struct hip_path *path,
			   const struct hit *initiator, uint8_t group, const struct hip_solution *solution,
			   struct hip_r1_match *out)
{
	uint8_t i[HOST_DIGEST_MAX];
	size_t len;

	if (!g->is_set)
		return false;
	for (size_t n = 0; n < HIP_R1_GROUPS; n++) {
		if (g->groups[n].group != group || group == 0 || g->groups[n].dh == NULL)
			continue;
		len = hip_r1_puzzle(h, g, path, initiator, solution->k, group, solution->opaque, i);
		*out = (struct hip_r1_match){ g, g->groups[n].dh };
		return slice_equal(solution->i, slice_of(i, len));
	}
	return false;
}

int hip_r1_pool_check(struct hip_r1_pool *pool, struct now now, const struct hip_path *path,
		      const struct hit *initiator, const uint64_t *counter, uint8_t group,
		      const struct hip_solution *solution, struct hip_r1_match *out)
{
	struct hip_host *h = pool->host;
	struct hip_r1_generation *candidates[2] = { &pool->current, &pool->previous };
	bool found = false, tried = false;

	hip_r1_pool_age(pool, now);
	for (size_t i = 0; i < 2 && !found; i++) {
		if (counter != NULL && (!candidates[i]->is_set || candidates[i]->counter != *counter))
			continue;
		tried = true;
		found = hip_r1_is_ours(h, candidates[i], path, initiator, group, solution, out);
	}
	if (!tried)
		return ERR_DUPLICATE;
	if (!found || !hip_puzzle_is_solved(&h->security, h->suite, solution, initiator, &h->hit))
		return ERR_SIGNATURE;
	return 0;
}

bool hip_r1_pool_is_used(const struct hip_r1_match *match, struct slice mark)
{
	return map_find(match->generation->used, mark) != NULL;
}

void hip_r1_pool_use(struct hip_r1_pool *pool, const struct hip_r1_match *match, struct slice mark)
{
	(void)map_put(match->generation->used, mark, pool); /* a set: any value will do */
}
