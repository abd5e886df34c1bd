/* SPDX-License-Identifier: MIT */
/* HIP-RVS records looked up: one Fetch a HIT however many ask, and a small memory of what was found. The overlay's
 * reader has verified each record again (overlay/access.h): who holds it can hide it, not forge it. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/peer.h"
#include "overlay/resource.h"
#include "usage/hip/hip_records.h"

#define LOCATE_FOUND_S 30
#define LOCATE_MISSING_S 5
#define LOCATE_HITS_MAX 1024  /* remembered, or being looked up */
#define LOCATE_FETCHES_MAX 64 /* under way */
#define LOCATE_ASKERS_MAX 64  /* of one HIT */
#define LOCATE_ARENA 8192     /* bytes; for the destinations of one record */

struct locate_asker {
	struct locate_asker *next;
	hip_located_fn *done; /* NULL: it wants to know no more */
	void *ctx;
};

/* What is known of one HIT. */
struct locate_entry {
	struct hip_locator_cache *cache;
	struct hit hit;
	bool busy;              /* a Fetch is under way */
	bool telling;           /* the askers are being told: it stays */
	struct instant expires; /* of what was found; not while it is busy */
	int err;
	struct hip_located *found; /* owned */
	size_t count;
	struct locate_asker *askers; /* in order of asking */
	size_t asker_count;
};

static struct slice hit_key(const struct hit *hit)
{
	return slice_of(hit->bytes, HIT_LENGTH);
}

/* ---- Entries ---- */

static void entry_free(struct locate_entry *e)
{
	struct locate_asker *asker;

	(void)map_remove(e->cache->hits, hit_key(&e->hit));
	if (e->busy) {
		resource_cancel(e->cache->host->peer, e);
		e->cache->fetches--;
	}
	while ((asker = e->askers) != NULL) {
		e->askers = asker->next;
		free(asker);
	}
	free(e->found);
	free(e);
}

/* Room for one more: the oldest that nobody waits for goes. */
static bool entry_make_room(struct hip_locator_cache *c)
{
	struct slice key;
	size_t cursor = 0;
	void *value;

	if (map_count(c->hits) < LOCATE_HITS_MAX)
		return true;
	while (map_next(c->hits, &cursor, &key, &value)) {
		struct locate_entry *e = value;

		if (e->busy || e->telling)
			continue;
		entry_free(e);
		map_trim(c->hits);
		return true;
	}
	return false;
}

static struct locate_entry *entry_make(struct hip_locator_cache *c, const struct hit *hit)
{
	struct locate_entry *e;

	if (!entry_make_room(c))
		return NULL;
	e = memory_alloc(sizeof(*e));
	e->cache = c;
	e->hit = *hit;
	(void)map_put(c->hits, hit_key(hit), e);
	return e;
}

static int entry_ask(struct locate_entry *e, hip_located_fn *done, void *ctx)
{
	struct locate_asker **end = &e->askers;
	struct locate_asker *asker;

	if (e->asker_count == LOCATE_ASKERS_MAX)
		return ERR_LIMIT;
	while (*end != NULL)
		end = &(*end)->next;
	asker = memory_alloc(sizeof(*asker));
	asker->done = done;
	asker->ctx = ctx;
	*end = asker;
	e->asker_count++;
	return 0;
}

/* Those who asked before now; whoever asks meanwhile is answered from what is remembered. */
static void entry_tell(struct locate_entry *e, struct now now)
{
	struct locate_asker *asker;

	e->telling = true;
	while ((asker = e->askers) != NULL) {
		e->askers = asker->next;
		e->asker_count--;
		if (asker->done != NULL)
			asker->done(asker->ctx, now, e->err, e->found, e->count);
		free(asker);
	}
	e->telling = false;
}

/* ---- What a Fetch brings ---- */

/* Its own host first, then edges that were asked by it, then those who only say so; of equals the latest. */
static bool located_is_before(const struct hip_located *a, uint64_t a_time, const struct hip_located *b,
			      uint64_t b_time)
{
	return a->proof != b->proof ? a->proof < b->proof : a_time > b_time;
}

static bool located_read(const struct locate_entry *e, const struct resource_fetched *value, struct hip_located *out)
{
	struct reader r = reader_of(value->data.value.data.value);
	struct hip_record record = { 0 };
	struct arena arena;
	int err;

	if (!value->data.value.data.exists || value->is_synthetic)
		return false;
	arena_init(&arena, LOCATE_ARENA);
	err = hip_record_get(&r, &arena, &record);
	if (err == 0)
		err = reader_finish(&r);
	/* The policy saw to it that the Resource is that of the record's HIT. */
	if (err == 0 && !hit_equal(&record.hit, &e->hit))
		err = ERR_FORBIDDEN;
	*out = (struct hip_located){
		.edge = value->signer.node_id,
		.flags = record.flags,
		.proof = record.proof,
		.locator_count = record.locator_count,
		.is_own = record.proof == HIP_PROOF_CERTIFICATE,
		.user_is_vouched = value->signer.is_vouched,
	};
	memcpy(out->locators, record.locators, sizeof(out->locators));
	memcpy(out->user, value->signer.user, sizeof(out->user));
	arena_free(&arena);
	return err == 0;
}

static void entry_take(struct locate_entry *e, const struct resource_fetch_result *result)
{
	uint64_t times[HIP_LOCATED_MAX] = { 0 };
	struct hip_located *list = memory_alloc(HIP_LOCATED_MAX * sizeof(*list));
	struct hip_located one;
	size_t count = 0;

	for (size_t i = 0; i < result->count; i++) {
		uint64_t time = result->values[i].data.storage_time;
		size_t place = count;

		if (!located_read(e, &result->values[i], &one))
			continue;
		while (place > 0 && located_is_before(&one, time, &list[place - 1], times[place - 1]))
			place--;
		if (place == HIP_LOCATED_MAX)
			continue;
		count += count < HIP_LOCATED_MAX;
		for (size_t k = count - 1; k > place; k--) {
			list[k] = list[k - 1];
			times[k] = times[k - 1];
		}
		list[place] = one;
		times[place] = time;
	}
	if (count == 0) {
		free(list);
		list = NULL;
	}
	e->found = list;
	e->count = count;
}

static void entry_on_fetch(void *ctx, struct now now, const struct resource_fetch_result *result)
{
	struct locate_entry *e = ctx;
	const struct log *log = e->cache->host->log;
	char text[HIT_TEXT_SIZE];

	e->busy = false;
	e->cache->fetches--;
	e->err = result->err == ERR_NOT_FOUND ? 0 : result->err;
	if (e->err == 0 && result->err == 0)
		entry_take(e, result);
	/* A failure is not remembered: the next one who asks has another try. */
	e->expires = e->err != 0 ? now.mono
				 : instant_add(now.mono, duration_s(e->count > 0 ? LOCATE_FOUND_S : LOCATE_MISSING_S));
	log_info(log, "hip.located", "hit=%s result=%s edges=%zu proof=%u discarded=%zu rtt_us=%llu",
		 hit_text(&e->hit, text), error_name(e->err), e->count, e->count > 0 ? e->found[0].proof : 0,
		 result->discarded, (unsigned long long)result->round_trip.us);
	entry_tell(e, now);
	if (e->err != 0 || instant_due(e->expires, now.mono))
		entry_free(e);
}

/* ---- The page ---- */

bool hip_records_are_used(struct hip_locator_cache *c)
{
	const struct configuration *configuration = peer_configuration(c->host->peer);

	if (kind_find(&configuration->kinds, KIND_HIP_RVS) != NULL) {
		c->said_off = false;
		return true;
	}
	if (!c->said_off)
		log_info(c->host->log, "hip.ring.off", "reason=\"the overlay's configuration has no Kind HIP-RVS\"");
	c->said_off = true;
	return false;
}

static int entry_fetch(struct locate_entry *e, struct now now)
{
	struct hip_host *h = e->cache->host;
	struct resource_id id = security_resource_id(peer_security(h->peer), hit_key(&e->hit));
	int err;

	if (e->cache->fetches == LOCATE_FETCHES_MAX)
		return ERR_LIMIT;
	free(e->found);
	e->found = NULL;
	e->count = 0;
	err = resource_fetch(h->peer, now, &id, KIND_HIP_RVS, entry_on_fetch, e);
	if (err != 0)
		return err == ERR_LIMIT ? err : ERR_NOT_JOINED;
	e->busy = true;
	e->cache->fetches++;
	return 0;
}

int hip_locate(struct hip_host *h, struct now now, const struct hit *hit, hip_located_fn *done, void *ctx)
{
	struct hip_locator_cache *c = h->records;
	struct locate_entry *e;
	int err;

	if (c == NULL || peer_state(h->peer) != PEER_JOINED || !hip_records_are_used(c))
		return ERR_NOT_JOINED;
	e = map_find(c->hits, hit_key(hit));
	if (e != NULL && !e->busy && (e->telling || !instant_due(e->expires, now.mono))) {
		bool was_telling = e->telling;

		/* The callback may ask on; what it was given stays until it returns. */
		e->telling = true;
		done(ctx, now, e->err, e->found, e->count);
		e->telling = was_telling;
		return 0;
	}
	if (e == NULL)
		e = entry_make(c, hit);
	if (e == NULL)
		return ERR_LIMIT;
	err = entry_ask(e, done, ctx);
	if (err == 0 && !e->busy)
		err = entry_fetch(e, now);
	if (err != 0 && !e->busy)
		entry_free(e);
	return err;
}

void hip_locate_cancel(struct hip_host *h, void *ctx)
{
	struct slice key;
	size_t cursor = 0;
	void *value;

	while (h->records != NULL && map_next(h->records->hits, &cursor, &key, &value))
		for (struct locate_asker *a = ((struct locate_entry *)value)->askers; a != NULL; a = a->next)
			if (a->ctx == ctx)
				a->done = NULL;
}

void hip_locate_forget(struct hip_host *h, const struct hit *hit)
{
	struct locate_entry *e = h->records == NULL ? NULL : map_find(h->records->hits, hit_key(hit));

	if (e == NULL || e->busy)
		return;
	e->expires = (struct instant){ 0 };
	if (!e->telling)
		entry_free(e);
}

struct hip_locator_cache *hip_locate_new(struct hip_host *h)
{
	struct hip_locator_cache *c = memory_alloc(sizeof(*c));

	c->host = h;
	c->hits = map_new(prng_next(&h->prng));
	hip_publications_init(c);
	return c;
}

void hip_locate_free(struct hip_locator_cache *c)
{
	struct slice key;
	size_t cursor = 0;
	void *value;

	if (c == NULL)
		return;
	hip_publications_free(c);
	while (map_next(c->hits, &cursor, &key, &value))
		entry_free(value);
	map_free(c->hits);
	free(c);
}
