/* SPDX-License-Identifier: MIT */
/* HIP-RVS records that this host keeps in the overlay: its own HIT's, and those of the hosts that registered here.
 * Stored again before their lifetime ends, after each change and after joining anew; tried again when a Store fails. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/peer.h"
#include "overlay/resource.h"
#include "usage/hip/hip_records.h"

#define PUBLISH_HITS_MAX 1024   /* when the options do not say how many may register */
#define PUBLISH_EXTRA_MAX 64    /* HITs besides those that may register */
#define PUBLISH_RECORD_MAX 8192 /* bytes; the Kind's limit is smaller */

struct hip_publication {
	struct hip_locator_cache *cache;
	struct hip_record record; /* proof parts owned */
	uint8_t *proof;           /* owned: HOST_ID and packet in a row */
	bool wanted;
	bool changed;     /* since the Store under way began */
	bool stored;      /* acknowledged and, as far as we know, still there */
	bool busy;        /* a Store is under way */
	bool busy_exists;
	struct instant expires;
	struct timer timer; /* to renew it, or to try again */
	uint64_t retry_s;
};

static void publication_store(struct hip_publication *p, struct now now, bool exists);

static struct slice publication_key(const struct hip_publication *p)
{
	return slice_of(p->record.hit.bytes, HIT_LENGTH);
}

static void publication_free(struct hip_publication *p)
{
	struct hip_locator_cache *c = p->cache;

	(void)map_remove(c->published, publication_key(p));
	if (p->busy)
		resource_cancel(c->host->peer, p);
	timer_disarm(&c->host->timers, &p->timer);
	free(p->proof);
	free(p);
}

/* ---- Stopping ---- */

static void publications_stopped(void *ctx, struct now now)
{
	struct hip_locator_cache *c = ctx;
	void (*done)(void *done_ctx, struct now done_now) = c->stopped;

	timer_disarm(&c->host->timers, &c->stop);
	c->stopped = NULL;
	if (done != NULL)
		done(c->stopped_ctx, now);
}

/* Takes out what is neither wanted nor there. */
static void publication_settle(struct hip_publication *p, struct now now)
{
	struct hip_locator_cache *c = p->cache;

	if (!p->wanted && !p->stored && !p->busy)
		publication_free(p);
	if (c->stopping && map_count(c->published) == 0)
		publications_stopped(c, now);
}

/* ---- Storing ---- */

static void publication_due(void *ctx, struct now now)
{
	struct hip_publication *p = ctx;

	if (p->stored && instant_due(p->expires, now.mono))
		p->stored = false;
	if (p->busy)
		return;
	if (p->wanted || p->stored)
		publication_store(p, now, p->wanted);
	else
		publication_settle(p, now);
}

static void publication_wait(struct hip_publication *p, struct now now, uint64_t seconds)
{
	timer_arm(&p->cache->host->timers, &p->timer, instant_add(now.mono, duration_s(seconds)), publication_due,
		  p);
}

/* Nothing was stored: again later, at longer and longer intervals. */
static void publication_failed(struct hip_publication *p, struct now now)
{
	publication_wait(p, now, p->retry_s);
	p->retry_s = p->retry_s * 2 > HIP_RECORD_RETRY_MAX_S ? HIP_RECORD_RETRY_MAX_S : p->retry_s * 2;
}

static void publication_on_stored(void *ctx, struct now now, const struct resource_store_result *result)
{
	struct hip_publication *p = ctx;
	const struct log *log = p->cache->host->log;
	bool exists = p->busy_exists;
	char text[HIT_TEXT_SIZE];

	p->busy = false;
	if (result->err != 0) {
		log_warning(log, exists ? "hip.record.failed" : "hip.record.remove.failed", "hit=%s reason=%s",
			    hit_text(&p->record.hit, text), error_name(result->err));
		publication_failed(p, now);
		publication_settle(p, now);
		return;
	}
	log_info(log, exists ? "hip.record.stored" : "hip.record.removed",
		 "hit=%s proof=%u sequence=%llu lifetime_s=%u replicas=%zu rtt_us=%llu",
		 hit_text(&p->record.hit, text), p->record.proof, (unsigned long long)p->record.sequence,
		 p->record.lifetime_s, result->replica_count, (unsigned long long)result->round_trip.us);
	p->stored = exists;
	p->retry_s = HIP_RECORD_RETRY_FIRST_S;
	p->expires = instant_add(now.mono, duration_s(p->record.lifetime_s));
	if (p->wanted != exists || (p->changed && exists))
		publication_store(p, now, p->wanted);
	else if (exists)
		publication_wait(p, now, (uint64_t)p->record.lifetime_s * 3 / 4);
	else
		publication_settle(p, now);
}

/* The record as it is now, with the next sequence number. */
static int publication_value(struct hip_publication *p, struct now now, struct writer *w)
{
	struct destination own = destination_of_node(peer_node_id(p->cache->host->peer));
	struct hip_record record = p->record;

	/* It grows over restarts too. */
	p->record.sequence = now.wall.ms > p->record.sequence ? now.wall.ms : p->record.sequence + 1;
	record.sequence = p->record.sequence;
	record.destinations = (struct destination_list){ &own, 1 };
	hip_record_put(w, &record);
	return w->err;
}

static int publication_try(struct hip_publication *p, struct now now, bool exists)
{
	struct hip_host *h = p->cache->host;
	struct resource_id id = security_resource_id(peer_security(h->peer), publication_key(p));
	struct resource_value value = {
		.key = slice_of(peer_node_id(h->peer)->bytes, NODE_ID_LENGTH),
		.exists = exists,
		.lifetime_s = p->record.lifetime_s,
	};
	uint8_t bytes[PUBLISH_RECORD_MAX];
	struct writer w = writer_of(bytes, sizeof(bytes));
	int err = 0;

	if (peer_state(h->peer) != PEER_JOINED || !hip_records_are_used(p->cache))
		return ERR_NOT_JOINED;
	if (exists)
		err = publication_value(p, now, &w);
	value.value = writer_slice(&w);
	if (err == 0)
		err = resource_store(h->peer, now, &id, KIND_HIP_RVS, &value, 1, publication_on_stored, p);
	return err;
}

static void publication_store(struct hip_publication *p, struct now now, bool exists)
{
	int err;

	p->changed = false;
	timer_disarm(&p->cache->host->timers, &p->timer);
	err = publication_try(p, now, exists);
	p->busy = err == 0;
	p->busy_exists = exists;
	if (err != 0)
		publication_failed(p, now);
}

/* ---- The page ---- */

static void publication_set(struct hip_publication *p, uint8_t flags, uint32_t lifetime_s,
			    const struct address *locators, size_t count, struct slice host_id, struct slice packet)
{
	struct hip_record *r = &p->record;

	r->flags = flags;
	r->lifetime_s = lifetime_s;
	r->locator_count = count < HIP_RECORD_LOCATORS_MAX ? count : HIP_RECORD_LOCATORS_MAX;
	for (size_t i = 0; i < r->locator_count; i++)
		r->locators[i] = locators[i];
	free(p->proof);
	p->proof = memory_alloc(host_id.len + packet.len + 1);
	if (host_id.len > 0)
		memcpy(p->proof, host_id.data, host_id.len);
	if (packet.len > 0)
		memcpy(p->proof + host_id.len, packet.data, packet.len);
	r->proof_host_id = slice_of(p->proof, host_id.len);
	r->proof_packet = slice_of(p->proof + host_id.len, packet.len);
	r->proof = packet.len > 0		       ? HIP_PROOF_REGISTRATION
		   : (flags & HIP_RECORD_PLAIN) != 0 ? HIP_PROOF_NONE
						       : HIP_PROOF_CERTIFICATE;
}

int hip_publish(struct hip_host *h, struct now now, const struct hit *hit, uint8_t flags, uint32_t lifetime_s,
		const struct address *locators, size_t locator_count, struct slice proof_host_id,
		struct slice proof_packet)
{
	struct hip_locator_cache *c = h->records;
	struct hip_publication *p;

	if (c == NULL || c->stopping)
		return ERR_NOT_JOINED;
	if (proof_host_id.len > HOST_IDENTITY_MAX + 512 || proof_packet.len > HIP_PACKET_MAX)
		return ERR_LIMIT;
	p = map_find(c->published, slice_of(hit->bytes, HIT_LENGTH));
	if (p == NULL) {
		size_t room = h->options.registrations_max == 0 ? PUBLISH_HITS_MAX : h->options.registrations_max;

		if (map_count(c->published) >= room + PUBLISH_EXTRA_MAX)
			return ERR_LIMIT;
		p = memory_alloc(sizeof(*p));
		p->cache = c;
		p->record.hit = *hit;
		p->retry_s = HIP_RECORD_RETRY_FIRST_S;
		(void)map_put(c->published, publication_key(p), p);
	}
	publication_set(p, flags, lifetime_s, locators, locator_count, proof_host_id, proof_packet);
	p->wanted = true;
	p->changed = true;
	if (!p->busy)
		publication_store(p, now, true);
	return 0;
}

static void publication_drop(struct hip_publication *p, struct now now)
{
	p->wanted = false;
	if (p->stored && instant_due(p->expires, now.mono))
		p->stored = false;
	if (p->stored && !p->busy)
		publication_store(p, now, false);
	else
		publication_settle(p, now);
}

void hip_unpublish(struct hip_host *h, struct now now, const struct hit *hit)
{
	struct hip_publication *p =
		h->records == NULL ? NULL : map_find(h->records->published, slice_of(hit->bytes, HIT_LENGTH));

	if (p != NULL && p->wanted)
		publication_drop(p, now);
}

bool hip_is_published(const struct hip_host *h, const struct hit *hit)
{
	const struct hip_publication *p =
		h->records == NULL ? NULL : map_find(h->records->published, slice_of(hit->bytes, HIT_LENGTH));

	return p != NULL && p->wanted && p->stored;
}

void hip_locate_joined(struct hip_host *h, struct now now)
{
	struct hip_locator_cache *c = h->records;
	struct slice key;
	size_t cursor = 0;
	void *value;

	if (c == NULL || c->stopping)
		return;
	while (map_next(c->published, &cursor, &key, &value)) {
		struct hip_publication *p = value;

		p->retry_s = HIP_RECORD_RETRY_FIRST_S;
		if (p->wanted && !p->busy)
			publication_store(p, now, true);
	}
}

void hip_locate_stop(struct hip_host *h, struct now now, void (*done)(void *ctx, struct now now), void *ctx)
{
	struct hip_locator_cache *c = h->records;
	struct slice key;
	size_t cursor = 0;
	void *value;

	if (c == NULL) {
		if (done != NULL)
			done(ctx, now);
		return;
	}
	c->stopping = true;
	c->stopped = done;
	c->stopped_ctx = ctx;
	timer_arm(&h->timers, &c->stop, instant_add(now.mono, duration_ms(HIP_RECORDS_STOP_MS)),
		  publications_stopped, c);
	/* Dropping one may take it out of the map. */
	while (map_next(c->published, &cursor, &key, &value))
		publication_drop(value, now);
	if (map_count(c->published) == 0)
		publications_stopped(c, now);
}

void hip_publications_init(struct hip_locator_cache *c)
{
	c->published = map_new(prng_next(&c->host->prng));
}

void hip_publications_free(struct hip_locator_cache *c)
{
	struct slice key;
	size_t cursor = 0;
	void *value;

	timer_disarm(&c->host->timers, &c->stop);
	while (map_next(c->published, &cursor, &key, &value))
		publication_free(value);
	map_free(c->published);
}
