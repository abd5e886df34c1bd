/* SPDX-License-Identifier: MIT */
/* The host: options, the usage port, calls of the node and of other usages, views. */
#include "usage/hip/hip_exchange.h"

#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/hip/hip_r1_pool.h"
#include "usage/hip/hip_registrant.h"
#include "usage/hip/hip_update.h"

#define HIP_PUZZLE_K 8
#define HIP_PUZZLE_K_UNKNOWN 14
#define HIP_PUZZLE_K_MAX 20
#define HIP_ASSOCIATIONS_MAX 1024
#define HIP_REGISTRATIONS_MAX 1024
#define HIP_UNUSED_S 900
#define HIP_RECORD_LIFETIME_S 3600

static void hip_host_defaults(struct hip_host_options *o)
{
	static const uint8_t groups[] = { HOST_DH_P256, HOST_DH_P384, HOST_DH_P521, HOST_DH_MODP_3072,
					  HOST_DH_MODP_1536, HOST_DH_SECP160R1 };

	if (o->puzzle_k == 0)
		o->puzzle_k = HIP_PUZZLE_K;
	if (o->puzzle_k_unknown == 0)
		o->puzzle_k_unknown = HIP_PUZZLE_K_UNKNOWN;
	if (o->puzzle_k_max == 0)
		o->puzzle_k_max = HIP_PUZZLE_K_MAX;
	if (o->unknown == HIP_UNKNOWN_ADMIT)
		o->puzzle_k_unknown = o->puzzle_k;
	if (o->dh_groups[0] == 0)
		memcpy(o->dh_groups, groups, sizeof(groups));
	if (o->associations_max == 0)
		o->associations_max = HIP_ASSOCIATIONS_MAX;
	if (o->registrations_max == 0)
		o->registrations_max = HIP_REGISTRATIONS_MAX;
	if (o->unused_s == 0)
		o->unused_s = HIP_UNUSED_S;
}

static int hip_host_identify(struct hip_host *h)
{
	unsigned suite;
	int err;

	h->identity = h->security.ops->own_identity(h->security.ctx);
	suite = host_identity_suite(h->identity);
	if (suite != HIT_SUITE_RSA && suite != HIT_SUITE_ECDSA)
		return ERR_UNSUPPORTED;
	h->suite = (enum hit_suite)suite;
	err = host_hit(&h->security, h->identity, &h->hit);
	return err == ERR_MALFORMED ? ERR_KEY : err;
}

int hip_host_new(struct hip_host **out, const struct hip_host_options *options)
{
	struct hip_host *h = memory_alloc(sizeof(*h));
	int err;

	h->options = *options;
	hip_host_defaults(&h->options);
	h->security = options->security;
	h->log = options->log;
	h->peer = options->peer;
	h->counters = h->peer != NULL ? peer_counters(h->peer)
				      : options->counters != NULL ? options->counters : &h->own_counters;
	err = hip_host_identify(h);
	if (err < 0) {
		free(h);
		return err;
	}
	timer_heap_init(&h->timers);
	prng_seed(&h->prng, options->seed);
	h->associations = map_new(prng_next(&h->prng));
	h->spis = map_new(prng_next(&h->prng));
	h->r1s = hip_r1_pool_new(h);
	h->known = hip_pool_new(prng_next(&h->prng), h->log);
	h->limits = hip_limits_new(prng_next(&h->prng));
	if (h->peer != NULL) {
		h->carrier = hip_carrier_new(h);
		h->records = hip_locate_new(h);
	}
	if (h->options.edge)
		h->edge = hip_edge_new(h);
	*out = h;
	return 0;
}

void hip_host_free(struct hip_host *h)
{
	struct hip_output *o;
	struct slice key;
	size_t cursor = 0;
	void *value;

	if (h == NULL)
		return;
	hip_pings_free(h);
	hip_registrants_free(h);
	while (map_next(h->associations, &cursor, &key, &value)) {
		(void)map_remove(h->associations, key);
		hip_association_free(value);
	}
	if (h->edge != NULL)
		hip_edge_free(h->edge);
	if (h->records != NULL)
		hip_locate_free(h->records);
	if (h->carrier != NULL)
		hip_carrier_free(h->carrier);
	hip_limits_free(h->limits);
	hip_pool_free(h->known);
	hip_r1_pool_free(h->r1s);
	map_free(h->spis);
	map_free(h->associations);
	timer_heap_free(&h->timers);
	while ((o = h->first) != NULL) {
		h->first = o->next;
		free(o);
	}
	free(h->drained);
	free(h);
}

const struct hit *hip_host_hit(const struct hip_host *h)
{
	return &h->hit;
}

struct hip_pool *hip_host_pool(struct hip_host *h)
{
	return h->known;
}

void hip_host_take_payloads(struct hip_host *h, hip_payload_fn *fn, void *ctx)
{
	h->payload = fn;
	h->payload_ctx = ctx;
}

void hip_host_capture(struct hip_host *h, hip_capture_fn *fn, void *ctx)
{
	h->capture = fn;
	h->capture_ctx = ctx;
}

/* ---- The usage port ---- */

static void hip_host_publish(struct hip_host *h, struct now now)
{
	if (!h->options.publish || h->records == NULL)
		return;
	if (hip_publish(h, now, &h->hit, HIP_RECORD_OWN, HIP_RECORD_LIFETIME_S, h->options.locators,
			h->options.locator_count, SLICE_EMPTY, SLICE_EMPTY) < 0)
		log_warning(h->log, "hip.unpublished", "why=limit");
}

static void hip_host_joined(void *ctx, struct now now)
{
	struct hip_host *h = ctx;

	h->joined = true;
	hip_host_publish(h, now);
	if (h->records != NULL)
		hip_locate_joined(h, now);
}

static void hip_host_stop(void *ctx, struct now now, void (*done)(void *done_ctx, struct now now), void *done_ctx)
{
	struct hip_host *h = ctx;
	struct hip_association *a;
	struct slice key;
	size_t cursor = 0;
	void *value;

	h->stopping = true;
	while (map_next(h->associations, &cursor, &key, &value)) {
		a = value;
		if (a->state == HIP_ESTABLISHED || a->state == HIP_R2_SENT)
			hip_close_start(a, now);
	}
	if (h->records != NULL)
		hip_locate_stop(h, now, done, done_ctx);
	else if (done != NULL)
		done(done_ctx, now);
}

static void hip_host_expire(void *ctx, struct now now)
{
	struct hip_host *h = ctx;

	timer_heap_expire(&h->timers, now);
}

static struct instant hip_host_deadline(void *ctx)
{
	const struct hip_host *h = ctx;

	return timer_heap_deadline(&h->timers);
}

struct usage hip_host_port(struct hip_host *h)
{
	static const struct usage_ops ops = {
		.name = "hip",
		.joined = hip_host_joined,
		.stop = hip_host_stop,
		.expire = hip_host_expire,
		.deadline = hip_host_deadline,
	};

	return (struct usage){ &ops, h };
}

void hip_host_readdress(struct hip_host *h, struct now now, const struct address *listen, size_t listen_count,
			const struct address *locators, size_t locator_count)
{
	struct hip_association *a;
	struct slice key;
	size_t cursor = 0;
	void *value;

	h->options.listen_count = listen_count < HIP_LISTEN_MAX ? listen_count : HIP_LISTEN_MAX;
	h->options.locator_count = locator_count < HIP_LISTEN_MAX ? locator_count : HIP_LISTEN_MAX;
	memcpy(h->options.listen, listen, h->options.listen_count * sizeof(*listen));
	memcpy(h->options.locators, locators, h->options.locator_count * sizeof(*locators));
	hip_r1_pool_change(h->r1s);
	while (map_next(h->associations, &cursor, &key, &value)) {
		a = value;
		if (a->state == HIP_ESTABLISHED || a->state == HIP_R2_SENT)
			hip_update_readdress(a, now);
	}
	if (h->joined)
		hip_host_publish(h, now);
}

/* ---- Calls ---- */

static bool hip_state_is_established(enum hip_state state)
{
	return state == HIP_ESTABLISHED || state == HIP_R2_SENT;
}

bool hip_host_is_established(const struct hip_host *h, const struct hit *hit)
{
	const struct hip_association *a = hip_association_find(h, hit);

	return a != NULL && hip_state_is_established(a->state);
}

static void hip_host_wait(struct hip_association *a, hip_connect_fn *done, void *ctx)
{
	struct hip_waiter *waiter, **at = &a->waiters;

	if (done == NULL)
		return;
	waiter = memory_alloc(sizeof(*waiter));
	waiter->done = done;
	waiter->ctx = ctx;
	while (*at != NULL)
		at = &(*at)->next;
	*at = waiter;
}

int hip_host_connect(struct hip_host *h, struct now now, const struct hit *hit, const struct hip_hint *hint,
		     hip_connect_fn *done, void *ctx)
{
	struct hip_association *a = hip_association_find(h, hit);
	int err;

	if (!hip_is_speakable(h, hit))
		return ERR_MALFORMED;
	if (a != NULL && (hip_state_is_established(a->state) || a->state == HIP_E_FAILED)) {
		if (hip_update_is_open(a) &&
		    instant_since(now.mono, hip_update_of(a)->alive_at).us >= duration_s(HIP_IDLE_S).us)
			(void)hip_liveness_ask(a, now, true);
		if (done != NULL)
			done(ctx, now, hit, a->state == HIP_E_FAILED ? ERR_REQUEST_TIMEOUT : 0);
		return 0;
	}
	if (h->stopping)
		return ERR_LIMIT;
	if (a == NULL)
		a = hip_association_make(h, now, hit);
	if (a == NULL)
		return ERR_LIMIT;
	hip_host_wait(a, done, ctx);
	if (a->state == HIP_I1_SENT || a->state == HIP_I2_SENT ||
	    (a->state == HIP_CLOSED && a->exchange != NULL && !a->exchange->is_closing))
		return 0;
	err = hip_exchange_begin(a, now, hint);
	a = hip_association_find(h, hit);
	if (err < 0 && a != NULL)
		hip_association_end(a, now, err == ERR_LIMIT || err == ERR_FORBIDDEN ? err : ERR_NOT_FOUND);
	return 0;
}

static void hip_waiters_remove(struct hip_waiter **at, const void *ctx)
{
	struct hip_waiter *waiter;

	while ((waiter = *at) != NULL) {
		if (waiter->ctx != ctx) {
			at = &waiter->next;
			continue;
		}
		*at = waiter->next;
		free(waiter);
	}
}

void hip_waiters_forget(struct hip_host *h, const void *ctx)
{
	struct hip_association *a;
	struct slice key;
	size_t cursor = 0;
	void *value;

	hip_waiters_remove(&h->telling, ctx);
	while (map_next(h->associations, &cursor, &key, &value)) {
		a = value;
		hip_waiters_remove(&a->waiters, ctx);
	}
}

void hip_host_forget(struct hip_host *h, void *ctx)
{
	hip_waiters_forget(h, ctx);
	hip_pings_forget(h, ctx);
}

void hip_host_close(struct hip_host *h, struct now now, const struct hit *hit)
{
	struct hip_association *a = hip_association_find(h, hit);

	if (a == NULL || a->state == HIP_CLOSING || a->state == HIP_CLOSED)
		return;
	if (hip_state_is_established(a->state))
		hip_close_start(a, now);
	else
		hip_association_end(a, now, ERR_CANCELLED);
}

/* ---- Views ---- */

bool hip_host_next_association(const struct hip_host *h, struct now now, size_t *cursor,
			       struct hip_association_info *out)
{
	const struct hip_association *a;
	const struct hip_known *known;
	struct slice key;
	void *value;

	if (!map_next(h->associations, cursor, &key, &value))
		return false;
	a = value;
	*out = (struct hip_association_info){
		.hit = a->peer, .state = a->state, .initiator = a->initiator, .control = a->control, .data = a->data,
		.spi_in = a->in.spi, .spi_out = a->out.spi, .esp_suite = a->esp_suite,
		.hip_cipher = (uint8_t)a->keys.cipher, .dh_group = a->dh_group, .packets_in = a->in.packets,
		.packets_out = a->out.packets, .bytes_in = a->in.bytes, .bytes_out = a->out.bytes,
		.replayed = a->in.replayed, .refused = a->in.refused,
		.age_s = (uint32_t)(instant_since(now.mono, a->began).us / 1000000), .rekeys = a->rekeys,
		.i1 = a->i1, .r1 = a->r1, .i2 = a->i2, .r2 = a->r2,
	};
	out->race_count = hip_race_info(a, out->race);
	known = hip_pool_find(h->known, now, &a->peer);
	if (known != NULL) {
		snprintf(out->user, sizeof(out->user), "%s", known->user);
		snprintf(out->vouched, sizeof(out->vouched), "%s", hip_vouched_name(known->vouched));
	}
	return true;
}

bool hip_host_next_registration(const struct hip_host *h, struct now now, size_t *cursor,
				struct hip_registration_info *out)
{
	return h->edge != NULL && hip_edge_next(h, now, cursor, out);
}
