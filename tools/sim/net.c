/* SPDX-License-Identifier: MIT */
/* The in-memory net: nodes, the heap of events, and the loop. */
#include "tools/sim/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "overlay/workspace.h"
#include "tools/sim/net_internal.h"

#define NET_CERTIFICATE_LIFE_MS (400ull * 24 * 3600 * 1000)

static bool net_event_before(const struct net_event *a, const struct net_event *b)
{
	return a->at < b->at || (a->at == b->at && a->sequence < b->sequence);
}

void net_push(struct net *n, struct net_event e)
{
	size_t i = n->heap_count++;

	if (n->heap_count > n->heap_room) {
		n->heap_room = n->heap_room == 0 ? 256 : 2 * n->heap_room;
		n->heap = memory_resize(n->heap, n->heap_room * sizeof(*n->heap));
	}
	e.sequence = n->next_sequence++;
	for (; i > 0 && net_event_before(&e, &n->heap[(i - 1) / 2]); i = (i - 1) / 2)
		n->heap[i] = n->heap[(i - 1) / 2];
	n->heap[i] = e;
}

static struct net_event net_pop(struct net *n)
{
	struct net_event top = n->heap[0];
	struct net_event last = n->heap[--n->heap_count];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= n->heap_count)
			break;
		if (child + 1 < n->heap_count &&
		    net_event_before(&n->heap[child + 1], &n->heap[child]))
			child++;
		if (!net_event_before(&n->heap[child], &last))
			break;
		n->heap[i] = n->heap[child];
		i = child;
	}
	if (n->heap_count > 0)
		n->heap[i] = last;
	return top;
}

struct now net_now_at(uint64_t us)
{
	return (struct now){ { us }, { NET_WALL_START + us / 1000 } };
}

struct now net_now(const struct net *n)
{
	return net_now_at(n->now_us);
}

/* ---- A storage port that holds nothing ---- */

static void null_hand_over_done(void *ctx, struct now now)
{
	struct net_hand_over *h = ctx;
	storage_done_fn *done = h->done;

	h->done = NULL;
	if (done != NULL)
		done(h->ctx, now, 0);
}

static void null_hand_over(void *ctx, struct now now, const struct node_id *to,
			   const struct node_id *after, const struct node_id *upto,
			   storage_done_fn *done, void *done_ctx)
{
	struct net_node *node = ctx;

	(void)to;
	(void)after;
	(void)upto;
	for (size_t i = 0; i < NET_HAND_OVERS; i++) {
		struct net_hand_over *h = &node->hand_overs[i];

		if (h->done != NULL)
			continue;
		h->done = done;
		h->ctx = done_ctx;
		timer_arm(peer_timers(node->peer), &h->timer, instant_add(now.mono, duration_ms(1)),
			  null_hand_over_done, h);
		return;
	}
	done(done_ctx, now, ERR_LIMIT);
}

static void null_topology_changed(void *ctx, struct now now, bool settled)
{
	(void)ctx;
	(void)now;
	(void)settled;
}

static void null_commit(void *ctx, struct now now)
{
	(void)ctx;
	(void)now;
}

static void null_statistics(void *ctx, struct storage_statistics *out)
{
	(void)ctx;
	*out = (struct storage_statistics){ 0 };
}

static const struct storage_ops NULL_STORAGE = {
	.hand_over = null_hand_over,
	.topology_changed = null_topology_changed,
	.replicate_ahead = null_commit,
	.commit = null_commit,
	.statistics = null_statistics,
};

/* ---- The net ---- */

struct net *net_new(const struct net_options *options)
{
	struct net *n = memory_alloc(sizeof(*n));

	n->options = *options;
	if (n->options.latency.us == 0)
		n->options.latency = duration_ms(5);
	if (n->options.link_type == 0)
		n->options.link_type = OVERLAY_LINK_TLS_TCP_FH_NO_ICE;
	if (n->options.bootstrap_count == 0)
		n->options.bootstrap_count = 3;
	prng_seed(&n->prng, options->seed);
	n->links = map_new(options->seed);
	n->workspace = workspace_new();
	n->now_us = 1000000;
	n->trace_hash = 0xcbf29ce484222325ull;
	return n;
}

static void net_node_stop(struct net *n, struct net_node *node)
{
	if (node->peer == NULL)
		return;
	if (node->storage != NULL && n->options.hooks.storage_free != NULL)
		n->options.hooks.storage_free(n->options.ctx, node->storage);
	for (size_t i = 0; i < NET_HAND_OVERS; i++) {
		timer_disarm(peer_timers(node->peer), &node->hand_overs[i].timer);
		node->hand_overs[i].done = NULL;
	}
	chord_free(node->chord);
	peer_free(node->peer);
	fake_security_free(node->security);
	node->storage = NULL;
	node->chord = NULL;
	node->peer = NULL;
	node->security = NULL;
	node->incarnation++;
	node->wake_at = UINT64_MAX;
}

void net_free(struct net *n)
{
	for (size_t i = 0; i < n->node_count; i++) {
		net_node_stop(n, n->nodes[i]);
		free(n->nodes[i]);
	}
	net_wire_free_all(n);
	while (n->heap_count > 0) {
		struct net_event e = net_pop(n);

		free(e.bytes);
	}
	map_free(n->links);
	workspace_free(n->workspace);
	for (size_t i = 0; i <= BOOTSTRAP_NODES_MAX; i++)
		free(n->configurations[i]);
	free(n->heap);
	free(n->nodes);
	free(n);
}

static void net_log(void *ctx, enum log_level level, const char *event, const char *text)
{
	struct net_node *node = ctx;
	struct net *n = node->net;

	if (n->options.hooks.log != NULL)
		n->options.hooks.log(n->options.ctx, net_now(n), node->index, level, event, text);
}

size_t net_add(struct net *n, const struct net_node_options *options)
{
	struct net_node *node = memory_alloc(sizeof(*node));
	struct walltime from = { NET_WALL_START - 3600000 };
	struct walltime to = { NET_WALL_START + NET_CERTIFICATE_LIFE_MS };
	size_t index = n->node_count++;

	n->nodes = memory_resize(n->nodes, n->node_count * sizeof(*n->nodes));
	n->nodes[index] = node;
	node->net = n;
	node->index = index;
	if (options != NULL)
		node->options = *options;
	for (size_t i = 0; i < NODE_ID_LENGTH; i++)
		node->id.bytes[i] = (uint8_t)prng_next(&n->prng);
	if (node->options.id != NULL)
		node->id = *node->options.id;
	node->options.id = NULL;
	snprintf(node->user, sizeof(node->user), "user%zu@example.org", index);
	if (node->options.user != NULL)
		snprintf(node->user, sizeof(node->user), "%s", node->options.user);
	node->options.user = NULL;
	node->certificate_len =
		fake_certificate_put(node->certificate, &node->id, 1, node->user, from, to);
	node->address = (struct address){ .type = ADDRESS_IPV4, .port = 6084 };
	node->address.bytes[0] = 10;
	node->address.bytes[1] = (uint8_t)(index >> 16);
	node->address.bytes[2] = (uint8_t)(index >> 8);
	node->address.bytes[3] = (uint8_t)index;
	node->log = (struct log){ net_log, node, n->options.log_level };
	node->wake_at = UINT64_MAX;
	return index;
}

void net_add_peers(struct net *n, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct net_node_options o = { .first = n->node_count == 0 };

		net_add(n, &o);
	}
}

/* The configuration as it is for a peer that starts now. */
static const struct configuration *net_configuration(struct net *n)
{
	size_t bootstrap_nodes = n->node_count;
	struct configuration *c;

	if (bootstrap_nodes > n->options.bootstrap_count)
		bootstrap_nodes = n->options.bootstrap_count;
	if (bootstrap_nodes > BOOTSTRAP_NODES_MAX)
		bootstrap_nodes = BOOTSTRAP_NODES_MAX;
	if (n->configurations[bootstrap_nodes] != NULL)
		return n->configurations[bootstrap_nodes];
	c = n->configurations[bootstrap_nodes] = memory_alloc(sizeof(*c));
	if (n->options.configuration != NULL)
		*c = *n->options.configuration;
	else
		configuration_init(c);
	if (c->overlay_name[0] == 0)
		snprintf(c->overlay_name, sizeof(c->overlay_name), "overlay.example.org");
	c->bootstrap_node_count = 0;
	while (c->bootstrap_node_count < bootstrap_nodes) {
		c->bootstrap_nodes[c->bootstrap_node_count] =
			n->nodes[c->bootstrap_node_count]->address;
		c->bootstrap_node_count++;
	}
	return c;
}

void net_start(struct net *n, size_t index)
{
	struct net_node *node = n->nodes[index];
	struct peer_options *o = memory_alloc(sizeof(*o));

	invariant(node->peer == NULL);
	node->security = fake_security_new(n->options.seed * 1000003 + index * 17 + node->incarnation,
					   slice_of(node->certificate, node->certificate_len));
	o->configuration = net_configuration(n);
	o->workspace = n->workspace;
	o->security = fake_security_port(node->security);
	o->log = &node->log;
	o->seed = n->options.seed * 7919 + index + ((uint64_t)node->incarnation << 40);
	o->client = node->options.client;
	o->first = node->options.first && node->incarnation == 0;
	o->candidates[0] = (struct ice_candidate){ .address = node->address,
						   .overlay_link = (uint8_t)n->options.link_type,
						   .foundation = slice_text("1"),
						   .priority = 1,
						   .type = CANDIDATE_HOST };
	o->candidate_count = 1;
	o->app_candidates[0] = o->candidates[0];
	o->app_candidates[0].address.port = 6085;
	o->app_candidate_count = 1;
	node->peer = peer_new(o);
	node->chord = chord_new(node->peer);
	peer_set_storage(node->peer, &NULL_STORAGE, node);
	if (n->options.hooks.storage_new != NULL)
		node->storage = n->options.hooks.storage_new(n->options.ctx, n, index, node->peer,
							     net_now(n));
	node->has_left = false;
	peer_start(node->peer, net_now(n), NULL, 0, n->options.link_type);
	net_drain(n, node);
	free(o);
}

void net_start_all(struct net *n)
{
	for (size_t i = 0; i < n->node_count; i++)
		if (n->nodes[i]->peer == NULL)
			net_start(n, i);
}

void net_kill(struct net *n, size_t index, bool silent)
{
	struct net_node *node = n->nodes[index];

	if (node->peer == NULL)
		return;
	net_wire_kill(n, index, silent);
	net_node_stop(n, node);
}

void net_leave(struct net *n, size_t index)
{
	struct net_node *node = n->nodes[index];

	peer_leave(node->peer, net_now(n));
	net_drain(n, node);
}

void net_set_group(struct net *n, size_t index, unsigned group)
{
	n->nodes[index]->group = group;
	n->is_regrouped = true;
}

static void net_arm_wake(struct net *n, struct net_node *node)
{
	struct instant at = peer_deadline(node->peer);

	if (instant_is_never(at))
		return;
	if (at.us < n->now_us)
		at.us = n->now_us;
	if (at.us >= node->wake_at)
		return;
	node->wake_at = at.us;
	net_push(n, (struct net_event){ .at = at.us,
					.kind = NET_WAKE,
					.node = node->index,
					.incarnation = node->incarnation });
}

static void net_effect(struct net *n, struct net_node *node, const struct effect *e)
{
	switch (e->type) {
	case EFFECT_SEND:
		net_wire_send(n, node, e->link, e->parts, e->part_count);
		break;
	case EFFECT_LINK_OPEN:
		net_wire_open(n, node, e);
		break;
	case EFFECT_LINK_CLOSE:
		net_wire_close(n, node, e->link);
		break;
	case EFFECT_STORE_COMMIT:
		peer_storage(node->peer)->ops->commit(peer_storage(node->peer)->ctx, net_now(n));
		break;
	case EFFECT_PEER_STATE:
		if (e->state == PEER_LEFT)
			node->has_left = true;
		__attribute__((fallthrough));
	case EFFECT_APP_LINK_READY:
	case EFFECT_CONFIGURATION:
		if (n->options.hooks.effect != NULL)
			n->options.hooks.effect(n->options.ctx, n, node->index, e);
		break;
	}
}

void net_drain(struct net *n, struct net_node *node)
{
	const struct effect *e;

	/* A hook may call net_flush: the outer drain goes on where it is. */
	if (node->is_draining)
		return;
	node->is_draining = true;
	while ((e = peer_next_effect(node->peer)) != NULL)
		net_effect(n, node, e);
	node->is_draining = false;
	if (node->has_left)
		net_kill(n, node->index, false);
	else
		net_arm_wake(n, node);
}

void net_flush(struct net *n, size_t index)
{
	if (n->nodes[index]->peer != NULL)
		net_drain(n, n->nodes[index]);
}

static void net_trace(struct net *n, const struct net_event *e)
{
	const uint64_t parts[] = { e->at, (uint64_t)e->kind, e->node, e->wire, e->end, e->len };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		n->trace_hash = (n->trace_hash ^ parts[i]) * 0x100000001b3ull;
	for (size_t i = 0; i < e->len; i++)
		n->trace_hash = (n->trace_hash ^ e->bytes[i]) * 0x100000001b3ull;
}

static void net_step(struct net *n)
{
	struct net_event e = net_pop(n);

	n->now_us = e.at;
	n->event_count++;
	net_trace(n, &e);
	if (e.kind == NET_WAKE) {
		struct net_node *node = n->nodes[e.node];

		if (node->peer != NULL && node->incarnation == e.incarnation) {
			if (node->wake_at == e.at)
				node->wake_at = UINT64_MAX;
			peer_expire(node->peer, net_now(n));
			net_drain(n, node);
		}
	} else {
		net_wire_event(n, &e);
	}
	free(e.bytes);
}

bool net_run_until(struct net *n, bool (*condition)(struct net *n, void *ctx), void *ctx,
		   struct duration limit)
{
	uint64_t end = n->now_us + limit.us;

	/* All that was moved at one instant moved together. */
	if (n->is_regrouped)
		net_wire_regroup(n);
	n->is_regrouped = false;
	if (condition != NULL && condition(n, ctx))
		return true;
	while (n->heap_count > 0 && n->heap[0].at <= end) {
		net_step(n);
		if (condition != NULL && condition(n, ctx))
			return true;
	}
	n->now_us = end;
	return false;
}

void net_run(struct net *n, struct duration d)
{
	(void)net_run_until(n, NULL, NULL, d);
}

size_t net_count(const struct net *n) { return n->node_count; }
uint64_t net_event_count(const struct net *n) { return n->event_count; }
uint64_t net_trace_hash(const struct net *n) { return n->trace_hash; }
bool net_is_running(const struct net *n, size_t node) { return n->nodes[node]->peer != NULL; }
struct peer *net_peer(struct net *n, size_t node) { return n->nodes[node]->peer; }
void *net_storage(struct net *n, size_t node) { return n->nodes[node]->storage; }
const struct node_id *net_node_id(const struct net *n, size_t node) { return &n->nodes[node]->id; }
const struct address *net_address(const struct net *n, size_t node)
{
	return &n->nodes[node]->address;
}

size_t net_find(const struct net *n, const struct node_id *id)
{
	for (size_t i = 0; i < n->node_count; i++)
		if (node_id_equal(&n->nodes[i]->id, id))
			return i;
	return SIZE_MAX;
}
