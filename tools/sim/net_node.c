/* SPDX-License-Identifier: MIT */
/* A node's process seen from outside: its clocks, and the inputs that wait while it stands still or is busy. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "tools/sim/net_internal.h"

#define NODE_PPM 1000000

void net_node_init(struct net *n, struct net_node *node)
{
	node->net = n;
	node->wake_at = UINT64_MAX;
	node->first_wire = node->last_wire = NET_NONE;
	node->first_waiting = node->last_waiting = NET_HEAP_NONE;
}

/* ---- Clocks ---- */

static uint64_t clock_local(const struct net_clock *c, uint64_t us)
{
	uint64_t since = us - c->base_us;
	uint64_t rate = (uint64_t)(NODE_PPM + (int64_t)c->drift_ppm);

	return c->local_us + since / NODE_PPM * rate + since % NODE_PPM * rate / NODE_PPM;
}

struct now net_node_clock(const struct net *n, const struct net_node *node)
{
	const struct net_clock *c = node->clock;
	uint64_t wall = NET_WALL_START + n->now_us / 1000;

	if (c == NULL)
		return (struct now){ { n->now_us }, { wall } };
	return (struct now){ { clock_local(c, n->now_us) }, { (uint64_t)((int64_t)wall + c->offset_ms) } };
}

uint64_t net_node_virtual(const struct net *n, const struct net_node *node, struct instant local)
{
	const struct net_clock *c = node->clock;
	uint64_t rate, since, us;

	(void)n;
	if (c == NULL || local.us <= c->local_us)
		return c == NULL ? local.us : c->base_us;
	rate = (uint64_t)(NODE_PPM + (int64_t)c->drift_ppm);
	since = local.us - c->local_us;
	us = c->base_us + since / rate * NODE_PPM + since % rate * NODE_PPM / rate;
	/* Rounded down above: a deadline must have come when it is looked at. */
	while (clock_local(c, us) < local.us)
		us++;
	return us;
}

void net_set_clock(struct net *n, size_t index, int64_t offset_ms, int32_t drift_ppm)
{
	struct net_node *node = net_node(n, index);
	uint64_t local = net_node_clock(n, node).mono.us;

	invariant(drift_ppm > -NODE_PPM / 2 && drift_ppm < NODE_PPM);
	if (node->clock == NULL)
		node->clock = memory_alloc(sizeof(*node->clock));
	*node->clock = (struct net_clock){ n->now_us, local, offset_ms, drift_ppm };
	if (node->peer != NULL)
		net_node_arm_wake(n, node);
}

struct now net_node_now(const struct net *n, size_t node)
{
	return net_node_clock(n, net_node(n, node));
}

void net_node_arm_wake(struct net *n, struct net_node *node)
{
	struct instant deadline = peer_deadline(node->peer);
	uint64_t at;

	if (instant_is_never(deadline))
		return;
	at = net_node_virtual(n, node, deadline);
	if (at < n->now_us)
		at = n->now_us;
	if (at >= node->wake_at)
		return;
	/* The one pushed before for a later time is void now. */
	node->wake_at = at;
	node->wake_tag++;
	net_heap_push(&n->heap, at,
		      &(struct net_event){ .kind = NET_WAKE, .target = node->index, .tag = node->wake_tag });
}

/* ---- Inputs that wait ---- */

static void node_arm_turn(struct net *n, struct net_node *node)
{
	if (node->has_turn || node->is_paused || node->first_waiting == NET_HEAP_NONE)
		return;
	node->has_turn = true;
	net_heap_push(&n->heap, node->busy_until > n->now_us ? node->busy_until : n->now_us,
		      &(struct net_event){ .kind = NET_TURN, .target = node->index, .tag = node->incarnation });
}

bool net_node_admits(struct net *n, struct net_node *node, uint32_t record)
{
	if (!node->is_paused && n->now_us >= node->busy_until && node->first_waiting == NET_HEAP_NONE)
		return true;
	n->heap.events[record].next = NET_HEAP_NONE;
	if (node->last_waiting == NET_HEAP_NONE)
		node->first_waiting = record;
	else
		n->heap.events[node->last_waiting].next = record;
	node->last_waiting = record;
	node_arm_turn(n, node);
	return false;
}

static uint32_t node_take_waiting(struct net *n, struct net_node *node)
{
	uint32_t record = node->first_waiting;

	if (record == NET_HEAP_NONE)
		return record;
	node->first_waiting = n->heap.events[record].next;
	if (node->first_waiting == NET_HEAP_NONE)
		node->last_waiting = NET_HEAP_NONE;
	return record;
}

struct net_node *net_node_target(struct net *n, const struct net_event *e)
{
	struct net_node *node;

	if (e->kind != NET_WAKE)
		return net_wire_target(n, e);
	node = net_node(n, e->target);
	return node->peer != NULL && node->wake_tag == e->tag ? node : NULL;
}

uint32_t net_node_take_turn(struct net *n, struct net_node *node)
{
	uint32_t record;

	node->has_turn = false;
	if (node->is_paused)
		return NET_HEAP_NONE;
	while ((record = node_take_waiting(n, node)) != NET_HEAP_NONE) {
		struct net_event e = n->heap.events[record];

		if (net_node_target(n, &e) != NULL)
			return record;
		net_heap_recycle(&n->heap, record);
	}
	return NET_HEAP_NONE;
}

void net_node_handled(struct net *n, struct net_node *node)
{
	node->busy_until = n->now_us + node->slowness_us;
	node_arm_turn(n, node);
}

void net_pause(struct net *n, size_t node)
{
	net_node(n, node)->is_paused = net_node(n, node)->peer != NULL;
}

void net_resume(struct net *n, size_t node)
{
	net_node(n, node)->is_paused = false;
	node_arm_turn(n, net_node(n, node));
}

bool net_is_paused(const struct net *n, size_t node)
{
	return net_node(n, node)->is_paused;
}

void net_set_slowness(struct net *n, size_t node, struct duration per_input)
{
	net_node(n, node)->slowness_us = (uint32_t)per_input.us;
}

/* ---- The end of a process ---- */

void net_node_stop(struct net *n, struct net_node *node)
{
	const struct net_hooks *hooks = &n->options.hooks;
	uint32_t record;

	if (node->peer == NULL)
		return;
	net_ring_remove(n, node);
	n->peer_us += n->running_count * (n->now_us - n->running_since_us);
	n->running_since_us = n->now_us;
	n->running_count--;
	n->joined_count -= node->is_joined;
	if (node->storage != NULL && hooks->storage_free != NULL)
		hooks->storage_free(n->options.ctx, node->storage);
	net_port_stop(node);
	chord_free(node->chord);
	peer_free(node->peer);
	fake_security_free(node->security);
	if (node->security_owned != NULL && hooks->security_free != NULL)
		hooks->security_free(n->options.ctx, node->security_owned);
	node->storage = NULL;
	node->chord = NULL;
	node->peer = NULL;
	node->security = NULL;
	node->security_owned = NULL;
	node->incarnation++;
	node->wake_at = UINT64_MAX;
	node->wake_tag++;
	node->busy_until = 0;
	node->is_paused = node->has_turn = node->has_left = node->is_joined = false;
	/* Who waited for its handshake is refused. */
	while ((record = node_take_waiting(n, node)) != NET_HEAP_NONE) {
		if (n->heap.events[record].kind == NET_ACCEPT)
			net_heap_push_record(&n->heap, n->now_us, record);
		else
			net_heap_recycle(&n->heap, record);
	}
}

void net_node_free(struct net *n, struct net_node *node)
{
	net_node_stop(n, node);
	free(node->clock);
	free(node->weather);
}
