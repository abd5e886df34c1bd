/* SPDX-License-Identifier: MIT */
/* Associations: their table, their states and what hangs on each (RFC 7401 4.4.3), packets that are repeated until
 * answered. */
#include "usage/hip/hip_exchange.h"

#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"

static void hip_retry_fire(void *ctx, struct now now);
static void hip_association_timeout(void *ctx, struct now now);

const char *hip_state_name(enum hip_state state)
{
	static const char *const names[] = { "UNASSOCIATED", "I1-SENT", "I2-SENT", "R2-SENT",
					     "ESTABLISHED", "CLOSING", "CLOSED", "E-FAILED" };

	return (unsigned)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

bool hip_is_greater(const struct hip_association *a)
{
	return hit_compare(&a->host->hit, &a->peer) > 0;
}

struct hip_association *hip_association_find(const struct hip_host *h, const struct hit *peer)
{
	return map_find(h->associations, slice_of(peer->bytes, HIT_LENGTH));
}

/* When the table is full, what is over gives way. */
static bool hip_association_make_room(struct hip_host *h, struct now now)
{
	struct hip_association *a;
	struct slice key;
	size_t cursor = 0;
	void *value;

	if (map_count(h->associations) < h->options.associations_max)
		return true;
	while (map_next(h->associations, &cursor, &key, &value)) {
		a = value;
		if (a->state == HIP_CLOSED || a->state == HIP_E_FAILED || a->state == HIP_CLOSING) {
			hip_association_end(a, now, ERR_LIMIT);
			return true;
		}
	}
	return false;
}

struct hip_association *hip_association_make(struct hip_host *h, struct now now, const struct hit *peer)
{
	struct hip_association *a = hip_association_find(h, peer);
	char text[HIT_TEXT_SIZE];

	if (a != NULL)
		return a;
	if (!hip_association_make_room(h, now)) {
		h->counters->hip_limit++;
		log_warning(h->log, "hip.limit", "what=associations peer=%s", hit_text(peer, text));
		return NULL;
	}
	a = memory_alloc(sizeof(*a));
	a->host = h;
	a->peer = *peer;
	a->began = a->last_used = now.mono;
	a->i1 = a->r1 = a->i2 = a->r2 = duration_us(UINT64_MAX);
	(void)map_put(h->associations, slice_of(peer->bytes, HIT_LENGTH), a);
	return a;
}

void hip_association_free(struct hip_association *a)
{
	struct hip_waiter *waiter;

	timer_disarm(&a->host->timers, &a->timer);
	hip_retry_stop(a);
	hip_race_free(a);
	hip_update_free(a);
	hip_payload_free(a);
	hip_exchange_free(a);
	while ((waiter = a->waiters) != NULL) {
		a->waiters = waiter->next;
		free(waiter);
	}
	explicit_bzero(a, sizeof(*a));
	free(a);
}

/* Who waits for the association is about to be told. The list is the host's: whoever is told may begin, end and forget
 * what he likes. */
static void hip_association_dismiss(struct hip_association *a, int err)
{
	struct hip_waiter *waiter, **at = &a->host->telling;

	while (*at != NULL)
		at = &(*at)->next;
	*at = a->waiters;
	for (waiter = a->waiters; waiter != NULL; waiter = waiter->next) {
		waiter->hit = a->peer;
		waiter->err = err;
	}
	a->waiters = NULL;
}

static void hip_association_tell_all(struct hip_host *h, struct now now)
{
	struct hip_waiter *waiter;

	while ((waiter = h->telling) != NULL) {
		h->telling = waiter->next;
		waiter->done(waiter->ctx, now, &waiter->hit, waiter->err);
		free(waiter);
	}
}

void hip_association_tell(struct hip_association *a, struct now now, int err)
{
	struct hip_host *h = a->host;

	hip_association_dismiss(a, err);
	hip_association_tell_all(h, now);
}

static void hip_association_state(struct hip_association *a, enum hip_state state)
{
	char text[HIT_TEXT_SIZE];
	struct hip_output *o;

	log_debug(a->host->log, "hip.state", "peer=%s from=%s to=%s", hit_text(&a->peer, text),
		  hip_state_name(a->state), hip_state_name(state));
	a->state = state;
	o = hip_output_new(a->host, HIP_EFFECT_STATE, 0);
	o->effect.hit = a->peer;
	o->effect.state = (int)state;
}

void hip_association_end(struct hip_association *a, struct now now, int err)
{
	struct hip_host *h = a->host;
	struct hit peer = a->peer;

	hip_association_dismiss(a, err);
	(void)map_remove(h->associations, slice_of(peer.bytes, HIT_LENGTH));
	if (a->state != HIP_UNASSOCIATED)
		hip_association_state(a, HIP_UNASSOCIATED);
	hip_association_free(a);
	if (h->edge != NULL)
		hip_edge_forget(h, now, &peer);
	hip_association_tell_all(h, now);
}

static void hip_association_arm(struct hip_association *a, struct instant from, uint32_t seconds)
{
	timer_arm(&a->host->timers, &a->timer, instant_add(from, duration_s(seconds)), hip_association_timeout, a);
}

/* No keys for data any more; those for control packets stay until the state goes. */
static void hip_association_shut(struct hip_association *a, struct now now)
{
	hip_update_free(a);
	hip_payload_free(a);
	a->data = (struct hip_path){ .channel = HIP_CHANNEL_NONE };
	hip_association_arm(a, now.mono, HIP_CLOSED_S);
}

void hip_association_become(struct hip_association *a, struct now now, enum hip_state state)
{
	struct hip_host *h = a->host;

	invariant(state != HIP_UNASSOCIATED);
	if (a->state != state)
		hip_association_state(a, state);
	switch (state) {
	case HIP_R2_SENT:
		hip_association_arm(a, now.mono, HIP_EXCHANGE_COMPLETE_S);
		hip_payload_flush(a, now);
		hip_association_tell(a, now, 0);
		break;
	case HIP_ESTABLISHED:
		/* The Responder keeps what answers the I2 again: its R2 may be lost to the end. */
		if (a->initiator)
			hip_exchange_free(a);
		hip_association_arm(a, a->last_used, h->options.unused_s);
		hip_payload_flush(a, now);
		hip_association_tell(a, now, 0);
		break;
	case HIP_CLOSING:
	case HIP_CLOSED:
		hip_association_shut(a, now);
		if (h->edge != NULL)
			hip_edge_forget(h, now, &a->peer);
		break;
	case HIP_E_FAILED:
		hip_retry_stop(a);
		hip_race_end(a);
		hip_exchange_free(a);
		hip_association_shut(a, now);
		explicit_bzero(&a->keys, sizeof(a->keys));
		hip_association_arm(a, now.mono, HIP_FAILED_S);
		hip_association_tell(a, now, ERR_REQUEST_TIMEOUT);
		break;
	default:
		timer_disarm(&h->timers, &a->timer);
	}
}

static void hip_association_timeout(void *ctx, struct now now)
{
	struct hip_association *a = ctx;
	struct instant unused;

	switch (a->state) {
	case HIP_R2_SENT:
		a->last_used = now.mono;
		hip_association_become(a, now, HIP_ESTABLISHED);
		break;
	case HIP_ESTABLISHED:
		if (hip_edge_is_registered(a->host, now, &a->peer))
			a->last_used = now.mono; /* a registration is use, and ends by itself (RFC 8003 5) */
		unused = instant_add(a->last_used, duration_s(a->host->options.unused_s));
		if (instant_due(unused, now.mono))
			hip_close_start(a, now);
		else
			hip_association_arm(a, a->last_used, a->host->options.unused_s);
		break;
	case HIP_E_FAILED:
		hip_association_end(a, now, ERR_REQUEST_TIMEOUT);
		break;
	default:
		/* An exchange begun in CLOSED goes on by itself (4.4.3 table 8). */
		if (a->exchange == NULL || a->exchange->is_closing)
			hip_association_end(a, now, ERR_CANCELLED);
		break;
	}
}

void hip_association_renew(struct hip_association *a, struct hip_association *from)
{
	hip_retry_stop(a);
	hip_race_end(a);
	hip_update_free(a);
	hip_payload_drop_sas(a);
	hip_exchange_free(a);
	a->initiator = false;
	a->control = from->control;
	a->data = from->data;
	memcpy(a->peer_identity, from->peer_identity, from->peer_identity_len);
	a->peer_identity_len = from->peer_identity_len;
	a->keys = from->keys;
	a->dh_group = from->dh_group;
	memcpy(a->peer_dh, from->peer_dh, from->peer_dh_len);
	a->peer_dh_len = from->peer_dh_len;
	a->esp_suite = from->esp_suite;
	a->peer_locators = from->peer_locators;
	a->rekeys = 0;
	a->exchange = from->exchange;
	from->exchange = NULL;
	a->began = from->began;
	a->i1 = from->i1;
	a->r1 = from->r1;
	a->i2 = from->i2;
	a->r2 = from->r2;
}

/* ---- Repeated packets ---- */

static void hip_retry_arm(struct hip_association *a, struct now now)
{
	struct hip_host *h = a->host;
	uint64_t us = duration_ms(HIP_RETRY_FIRST_MS).us << (a->retry.tries - 1);

	us += prng_below(&h->prng, us / 8 + 1);
	timer_arm(&h->timers, &a->retry.timer, instant_add(now.mono, duration_us(us)), hip_retry_fire, a);
}

static void hip_retry_fire(void *ctx, struct now now)
{
	struct hip_association *a = ctx;
	struct hip_retry *retry = &a->retry;
	void (*gave_up)(struct hip_association *, struct now) = retry->gave_up;

	if (retry->tries >= retry->tries_max) {
		hip_retry_stop(a);
		if (gave_up != NULL)
			gave_up(a, now);
		return;
	}
	retry->tries++;
	hip_retry_arm(a, now);
	hip_output_packet(a->host, now, &retry->path, slice_of(retry->packet, retry->len));
}

void hip_retry_start(struct hip_association *a, struct now now, const struct hip_path *path, struct slice packet,
		     unsigned tries_max, void (*gave_up)(struct hip_association *a, struct now now))
{
	struct hip_retry *retry = &a->retry;
	struct hip_path where = *path; /* may be the one that is being replaced */

	hip_retry_stop(a);
	retry->packet = memory_alloc(packet.len);
	memcpy(retry->packet, packet.data, packet.len);
	retry->len = packet.len;
	retry->path = where;
	retry->tries_max = tries_max;
	retry->gave_up = gave_up;
	retry->tries = 1;
	hip_retry_arm(a, now);
	hip_output_packet(a->host, now, &retry->path, packet);
}

void hip_retry_stop(struct hip_association *a)
{
	timer_disarm(&a->host->timers, &a->retry.timer);
	free(a->retry.packet);
	a->retry.packet = NULL;
	a->retry.len = 0;
}
