/* SPDX-License-Identifier: MIT */
/* Stores this node's certificate at H(user name) and H(Node-ID) (RFC 6940 section 8).
 *
 * The RFC has certificates appended. To append at each refresh would fill the array with copies, so the array
 * is fetched first: a place that holds this very certificate is stored again, else a place of this node's own
 * that is the oldest of two or more, else the certificate is appended. An old and a new certificate thus
 * stand side by side while a renewed one spreads. */
#include "usage/certificate/certificate_usage.h"

#include <stdlib.h>

#include "overlay/access.h"
#include "overlay/base/invariant.h"
#include "overlay/resource.h"

#define CERTIFICATE_LIFETIME_S 86400u
#define CERTIFICATE_REFRESH_S 32400u        /* plus up to as much again at random: before the lifetime ends */
#define CERTIFICATE_RETRY_FIRST_S 5u
#define CERTIFICATE_RETRY_LAST_S 600u
#define CERTIFICATE_OWN_MAX 2u              /* of this node's certificates in one array */

/* One of the two places. */
struct certificate_place {
	struct certificate_usage *usage;
	uint32_t kind;
	struct instant due; /* INSTANT_NEVER while a request is under way or before joining */
	unsigned failures;  /* in a row */
};

struct certificate_usage {
	struct peer *peer;
	struct certificate_place places[2];
};

static struct resource_id certificate_resource(const struct certificate_place *place)
{
	const struct security *s = peer_security(place->usage->peer);
	const struct identity *own = s->ops->own_identity(s->ctx);

	if (place->kind == KIND_CERTIFICATE_BY_USER)
		return access_user_resource(s, own->user);
	return security_resource_id(s, slice_of(own->node_id.bytes, NODE_ID_LENGTH));
}

static void certificate_put_off(struct certificate_place *place, struct now now, int err)
{
	struct peer *p = place->usage->peer;
	unsigned doublings = place->failures < 7 ? place->failures : 7;
	uint64_t wait_s = (uint64_t)CERTIFICATE_RETRY_FIRST_S << doublings;

	if (wait_s > CERTIFICATE_RETRY_LAST_S)
		wait_s = CERTIFICATE_RETRY_LAST_S;
	place->failures++;
	place->due = instant_add(now.mono, duration_s(wait_s));
	log_warning(peer_log(p), "certificate.store_failed", "kind=%u reason=%s retry_s=%u", place->kind,
		    error_name(err), (unsigned)wait_s);
}

static void certificate_stored(void *ctx, struct now now, const struct resource_store_result *result)
{
	struct certificate_place *place = ctx;
	struct peer *p = place->usage->peer;

	if (result->err != 0) {
		certificate_put_off(place, now, result->err);
		return;
	}
	place->failures = 0;
	place->due = instant_add(now.mono, duration_s(CERTIFICATE_REFRESH_S +
						      prng_below(peer_prng(p), CERTIFICATE_REFRESH_S)));
	log_info(peer_log(p), "certificate.stored", "kind=%u replicas=%zu", place->kind,
		 result->replica_count);
}

/* Where in the array this node's certificate goes. */
static uint32_t certificate_index(const struct certificate_place *place,
				  const struct resource_fetch_result *result)
{
	struct peer *p = place->usage->peer;
	const struct security *s = peer_security(p);
	struct slice own = s->ops->own_certificate(s->ctx);
	const struct stored_data *oldest = NULL;
	size_t count = 0;

	for (size_t i = 0; i < result->count; i++) {
		const struct resource_fetched *v = &result->values[i];

		if (v->is_synthetic || !v->data.value.data.exists ||
		    !node_id_equal(&v->signer.node_id, peer_node_id(p)))
			continue;
		if (slice_equal(v->data.value.data.value, own))
			return v->data.value.index;
		count++;
		if (oldest == NULL || v->data.storage_time < oldest->storage_time)
			oldest = &v->data;
	}
	return count < CERTIFICATE_OWN_MAX ? ARRAY_INDEX_LAST : oldest->value.index;
}

static void certificate_fetched(void *ctx, struct now now, const struct resource_fetch_result *result)
{
	struct certificate_place *place = ctx;
	struct peer *p = place->usage->peer;
	const struct security *s = peer_security(p);
	struct resource_id resource = certificate_resource(place);
	struct resource_value value = {
		.exists = true,
		.value = s->ops->own_certificate(s->ctx),
		.lifetime_s = CERTIFICATE_LIFETIME_S,
	};
	int err = result->err;

	if (err == 0) {
		value.index = certificate_index(place, result);
		err = resource_store(p, now, &resource, place->kind, &value, 1, certificate_stored, place);
	}
	if (err != 0)
		certificate_put_off(place, now, err);
}

static void certificate_begin(struct certificate_place *place, struct now now)
{
	struct resource_id resource = certificate_resource(place);
	int err;

	place->due = INSTANT_NEVER;
	err = resource_fetch(place->usage->peer, now, &resource, place->kind, certificate_fetched, place);
	if (err != 0)
		certificate_put_off(place, now, err);
}

static void certificate_joined(void *ctx, struct now now)
{
	struct certificate_usage *c = ctx;

	/* What is under way from before is of no use: the ring is another one. */
	for (size_t i = 0; i < 2; i++) {
		resource_cancel(c->peer, &c->places[i]);
		c->places[i].failures = 0;
		c->places[i].due = now.mono;
	}
}

static void certificate_expire(void *ctx, struct now now)
{
	struct certificate_usage *c = ctx;

	for (size_t i = 0; i < 2; i++)
		if (instant_due(c->places[i].due, now.mono))
			certificate_begin(&c->places[i], now);
}

static struct instant certificate_deadline(void *ctx)
{
	const struct certificate_usage *c = ctx;

	return instant_min(c->places[0].due, c->places[1].due);
}

/* The certificates stay until their lifetime ends: what this node signed is verified with them. */
static void certificate_stop(void *ctx, struct now now, void (*done)(void *done_ctx, struct now now),
			     void *done_ctx)
{
	struct certificate_usage *c = ctx;

	for (size_t i = 0; i < 2; i++) {
		resource_cancel(c->peer, &c->places[i]);
		c->places[i].due = INSTANT_NEVER;
	}
	done(done_ctx, now);
}

static const struct usage_ops certificate_ops = {
	.name = "certificate",
	.joined = certificate_joined,
	.stop = certificate_stop,
	.expire = certificate_expire,
	.deadline = certificate_deadline,
};

struct certificate_usage *certificate_usage_new(struct peer *p)
{
	static const uint32_t kinds[2] = { KIND_CERTIFICATE_BY_USER, KIND_CERTIFICATE_BY_NODE };
	struct certificate_usage *c = memory_alloc(sizeof(*c));

	c->peer = p;
	for (size_t i = 0; i < 2; i++)
		c->places[i] = (struct certificate_place){
			.usage = c,
			.kind = kinds[i],
			.due = INSTANT_NEVER,
		};
	return c;
}

void certificate_usage_free(struct certificate_usage *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < 2; i++)
		resource_cancel(c->peer, &c->places[i]);
	free(c);
}

struct usage certificate_usage_port(struct certificate_usage *c)
{
	return (struct usage){ &certificate_ops, c };
}
