/* SPDX-License-Identifier: MIT */
/* CHORD-RELOAD behind the topology port: routing (10.3), responsibility (10.1), what the core reports. */
#include "overlay/chord/chord.h"

#include <stdlib.h>
#include <string.h>

#include "overlay/chord/chord_state.h"
#include "overlay/counter.h"
#include "overlay/transport.h"

/* A replica may come from a predecessor that we do not count among our first ones yet. */
#define CHORD_REPLICA_GRACE 2

struct instant chord_jittered(struct chord *c, struct now now, uint64_t ms)
{
	uint64_t us = 750 * ms + prng_below(peer_prng(c->peer), 500 * ms + 1);

	return instant_add(now.mono, duration_us(us));
}

void chord_refuse(struct chord *c, struct now now, const struct incoming *request, int err,
		  const char *event)
{
	char text[NODE_ID_TEXT_SIZE];

	counter_error(peer_counters(c->peer), err);
	log_warning(peer_log(c->peer), event, "node=%s direct=%d error=%s",
		    node_id_text(&request->signer.node_id, text), request->direct, error_name(err));
	transport_answer_error(c->peer, now, request->handle, err, SLICE_EMPTY);
}

void chord_tell_storage(struct chord *c, struct now now)
{
	const struct storage_port *s = peer_storage(c->peer);

	if (c->is_member && s != NULL && s->ops != NULL)
		s->ops->topology_changed(s->ctx, now, !timer_is_armed(&c->hold_timer));
}

/* ---- Routing (10.3) ---- */

/* The last routable node before `target` going clockwise from us, and the first at or after it: indices
 * into `routable`, which is not empty. */
static size_t chord_first_from(const struct chord *c, const struct node_id *target)
{
	size_t low = 0;
	size_t high = c->routable_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (node_id_compare(&c->routable[middle], target) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low == c->routable_count ? 0 : low;
}

static bool chord_is_linked(const struct chord *c, const struct node_id *id)
{
	return link_find_node(c->peer, id) != 0;
}

static bool chord_client_next_hop(const struct chord *c, struct node_id *hop)
{
	if (node_id_is_zero(&c->join.admitting) || !chord_is_linked(c, &c->join.admitting))
		return false;
	*hop = c->join.admitting;
	return true;
}

static bool chord_is_responsible(void *ctx, const struct node_id *target)
{
	const struct chord *c = ctx;
	const struct node_id *after = &c->self;

	if (!c->is_member)
		return false;
	if (c->predecessor_count > 0)
		after = &c->predecessors[0];
	if (c->has_bound && node_id_between(&c->bound, after, &c->self))
		after = &c->bound;
	return node_id_in_range(target, after, &c->self);
}

/* The owner of a point between two nodes that follow each other in our Neighbor Table, when it is linked to us. RFC
 * 6940 10.3 goes to the one before the owner instead, which then stands on every way to it: one hop more, and whoever
 * holds that place could keep everything from the owner. */
static bool chord_known_owner(const struct chord *c, const struct node_id *target, struct node_id *owner)
{
	const struct node_id *after = &c->self;

	for (size_t i = 0; i < c->successor_count; after = &c->successors[i++]) {
		if (!node_id_in_range(target, after, &c->successors[i]))
			continue;
		*owner = c->successors[i];
		return chord_is_linked(c, owner);
	}
	for (size_t i = 0; i + 1 < c->predecessor_count; i++) {
		if (!node_id_in_range(target, &c->predecessors[i + 1], &c->predecessors[i]))
			continue;
		*owner = c->predecessors[i];
		return chord_is_linked(c, owner);
	}
	return false;
}

static bool chord_next_hop(void *ctx, const struct node_id *target, struct node_id *hop)
{
	const struct chord *c = ctx;
	const struct chord_node *direct = chord_tables_find(c, target);
	size_t n = c->routable_count;
	size_t at;

	if (direct != NULL && direct->is_attached && chord_is_linked(c, target)) {
		*hop = *target;
		return true;
	}
	if (c->is_client)
		return chord_client_next_hop(c, hop);
	if (n == 0 || chord_is_responsible(ctx, target))
		return false;
	if (chord_known_owner(c, target, hop))
		return true;
	at = chord_first_from(c, target);
	/* Backwards from the target to us: the largest Node-ID in (self, target) with a working link. */
	for (size_t i = 1; i <= n; i++) {
		const struct node_id *id = &c->routable[(at + n - i) % n];

		if (!node_id_between(id, &c->self, target))
			break;
		if (chord_is_linked(c, id)) {
			*hop = *id;
			return true;
		}
	}
	/* None: forwards from the target, the smallest Node-ID behind it. */
	for (size_t i = 0; i < n; i++) {
		const struct node_id *id = &c->routable[(at + i) % n];

		if (chord_is_linked(c, id)) {
			*hop = *id;
			return true;
		}
	}
	return false;
}

/* Those nearest before the target, for a sender that has reason to doubt the nearest: each brings the message nearer,
 * if not by as much. */
static size_t chord_next_hops(void *ctx, const struct node_id *target, struct node_id *out, size_t max)
{
	const struct chord *c = ctx;
	size_t n = c->routable_count;
	struct node_id owner;
	size_t count = 1;
	size_t at;

	if (max == 0 || !chord_next_hop(ctx, target, &out[0]))
		return 0;
	/* The destination, or the only way there is. */
	if (n == 0 || c->is_client || node_id_equal(&out[0], target) || chord_known_owner(c, target, &owner))
		return 1;
	at = chord_first_from(c, target);
	for (size_t i = 1; i <= n && count < max; i++) {
		const struct node_id *id = &c->routable[(at + n - i) % n];

		if (!node_id_between(id, &c->self, target))
			break;
		if (!node_id_equal(id, &out[0]) && chord_is_linked(c, id))
			out[count++] = *id;
	}
	return count;
}

/* ---- Responsibility (10.1, 10.4) ---- */

static enum responsibility chord_responsibility(void *ctx, const struct node_id *target)
{
	const struct chord *c = ctx;

	if (!c->is_member)
		return RESPONSIBLE_NOT;
	if (chord_is_responsible(ctx, target))
		return RESPONSIBLE_OWNER;
	/* Three predecessors between us and the resource end our part (10.7.3). */
	if (c->predecessor_count <= TOPOLOGY_REPLICAS ||
	    node_id_in_range(target, &c->predecessors[TOPOLOGY_REPLICAS], &c->self))
		return RESPONSIBLE_REPLICA;
	return RESPONSIBLE_NOT;
}

static size_t chord_replicas(void *ctx, struct node_id out[TOPOLOGY_REPLICAS])
{
	const struct chord *c = ctx;
	size_t count = 0;

	while (count < TOPOLOGY_REPLICAS && count < c->successor_count) {
		out[count] = c->successors[count];
		count++;
	}
	return count;
}

/* 7.4.1.1: the sender is a known predecessor or closer, and does not speak for what lies behind us. Around a
 * join or a failure the sender may know more than we do, so the check leaves some room. */
static bool chord_accepts_replica(void *ctx, const struct node_id *from, const struct node_id *target)
{
	const struct chord *c = ctx;
	size_t farthest = TOPOLOGY_REPLICAS + CHORD_REPLICA_GRACE;

	/* Our Admitting Peer hands over what will be ours. */
	if (!c->is_member)
		return c->join.state != JOIN_NONE && node_id_equal(from, &c->join.admitting);
	if (!chord_tables_is_ready(c, from))
		return false;
	if (c->predecessor_count < farthest)
		return true;
	return node_id_in_range(from, &c->predecessors[farthest - 1], &c->self) &&
	       node_id_in_range(target, &c->self, from);
}

/* 6.3.4: nobody we know (long enough) lies between the target and who answered. The answer may come from a
 * node that was responsible when it was sent: nodes younger than the Maximum Request Lifetime do not count
 * against it. */
static bool chord_accepts_answer(void *ctx, const struct node_id *target, const struct node_id *answerer)
{
	const struct chord *c = ctx;
	struct duration grace = transport_lifetime(c->peer);
	struct instant old = c->now_hint;

	/* Who follows us in another ring need not be nearer than those of our own. */
	if (partition_is_asked(c, target))
		return true;
	old.us -= old.us < grace.us ? old.us : grace.us;
	for (size_t i = 0; i < c->node_count; i++) {
		const struct chord_node *node = &c->nodes[i];

		if (!node->is_ready || instant_before(old, node->ready_since) ||
		    node_id_equal(&node->id, answerer) || node_id_equal(target, answerer))
			continue;
		if (node_id_equal(&node->id, target) || node_id_between(&node->id, target, answerer))
			return false;
	}
	return true;
}

/* ---- What the core reports ---- */

static void chord_join(void *ctx, struct now now, link_id bootstrap, const struct node_id *bootstrap_id)
{
	struct chord *c = ctx;

	c->now_hint = now.mono;
	/* Its handshake has just succeeded. */
	quarantine_remove(c, bootstrap_id);
	if (c->is_client)
		client_join(c, now, bootstrap);
	else if (c->is_member)
		partition_check(c, now, bootstrap, bootstrap_id);
	else
		join_begin(c, now, bootstrap);
}

static void chord_form(void *ctx, struct now now)
{
	struct chord *c = ctx;

	c->now_hint = now.mono;
	c->join.started = now.mono;
	join_done(c, now);
}

static void chord_leave(void *ctx, struct now now)
{
	leave_begin(ctx, now);
}

static void chord_link_up(void *ctx, struct now now, const struct node_id *id, bool send_update)
{
	struct chord *c = ctx;
	struct chord_node *node = chord_tables_add(c, id);

	c->now_hint = now.mono;
	if (node == NULL)
		return;
	node->is_attached = true;
	node->has_left = false;
	/* It lives after all. */
	quarantine_remove(c, id);
	update_greet(c, now, id, send_update);
	join_progress(c, now);
}

/* The link is gone, and with it the node for as long as it does not attach anew. */
static void chord_link_gone(struct chord *c, struct now now, const struct node_id *id)
{
	chord_tables_remove(c, id);
	chord_tables_recompute(c, now);
	admission_on_link_down(c, now, id);
	if (c->is_client)
		client_on_link_down(c, now, id);
	else
		join_on_link_down(c, now, id);
}

static void chord_link_down(void *ctx, struct now now, const struct node_id *id)
{
	struct chord *c = ctx;
	const struct chord_node *node = chord_tables_find(c, id);

	c->now_hint = now.mono;
	if (node == NULL)
		return;
	if (node->is_ready) {
		tuning_failed(c, now);
		quarantine_add_missed(c, now, id);
		partition_soon(c, now);
	}
	chord_link_gone(c, now, id);
}

/* Whoever closes in good order lives: nothing tells us that it failed. */
static void chord_link_closed(void *ctx, struct now now, const struct node_id *id)
{
	struct chord *c = ctx;

	c->now_hint = now.mono;
	if (chord_tables_find(c, id) != NULL)
		chord_link_gone(c, now, id);
}

static void chord_configure(void *ctx, struct now now)
{
	struct chord *c = ctx;

	/* The intervals are read anew with each round; begin one. */
	c->now_hint = now.mono;
	if (c->is_member)
		stabilize_begin(c, now);
	/* Data of Kinds that are no more goes when storage looks through what it holds. */
	chord_tell_storage(c, now);
}

static void chord_view(void *ctx, struct topology_view *out)
{
	const struct chord *c = ctx;

	memset(out, 0, sizeof(*out));
	memcpy(out->predecessors, c->predecessors, c->predecessor_count * sizeof(c->predecessors[0]));
	out->predecessor_count = c->predecessor_count;
	memcpy(out->successors, c->successors, c->successor_count * sizeof(c->successors[0]));
	out->successor_count = c->successor_count;
	for (size_t i = 0; i < c->finger_count; i++)
		out->fingers[i] = c->fingers[i].id;
	out->finger_count = c->finger_count;
}

static size_t chord_population(void *ctx)
{
	const struct chord *c = ctx;

	return c->is_member ? chord_tables_population(c) : 0;
}

static const struct topology_ops CHORD_OPS = {
	.join = chord_join,
	.form = chord_form,
	.leave = chord_leave,
	.next_hop = chord_next_hop,
	.next_hops = chord_next_hops,
	.is_responsible = chord_is_responsible,
	.responsibility = chord_responsibility,
	.replicas = chord_replicas,
	.accepts_replica = chord_accepts_replica,
	.accepts_answer = chord_accepts_answer,
	.link_up = chord_link_up,
	.link_down = chord_link_down,
	.link_closed = chord_link_closed,
	.configure = chord_configure,
	.view = chord_view,
	.population = chord_population,
};

struct chord *chord_new(struct peer *p)
{
	struct chord *c = memory_alloc(sizeof(*c));

	c->peer = p;
	c->self = *peer_node_id(p);
	c->is_client = peer_is_client(p);
	c->reach = CHORD_REACH_MIN;
	c->finger_count = CHORD_FINGERS_MIN;
	c->fingers = memory_alloc(c->finger_count * sizeof(*c->fingers));
	c->stabilize_ms = CHORD_STABILIZE_MIN_MS;
	peer_set_topology(p, &CHORD_OPS, c);
	update_start(c);
	admission_start(c);
	stabilize_start(c);
	leave_start(c);
	return c;
}

void chord_free(struct chord *c)
{
	if (c == NULL)
		return;
	join_stop(c);
	client_stop(c);
	admission_stop(c);
	update_stop(c);
	stabilize_stop(c);
	fingers_stop(c);
	partition_stop(c);
	leave_stop(c);
	timer_disarm(peer_timers(c->peer), &c->hold_timer);
	timer_disarm(peer_timers(c->peer), &c->bound_timer);
	surplus_stop(c);
	quarantine_stop(c);
	chord_attach_stop(c);
	free(c->nodes);
	free(c->routable);
	free(c->fingers);
	free(c->quarantine);
	free(c);
}
