/* SPDX-License-Identifier: MIT */
/* The in-memory net: nodes coming and going, what their peers ask for, and the loop. */
#include "tools/sim/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "overlay/workspace.h"
#include "tools/sim/fake_hash.h"
#include "tools/sim/net_internal.h"

#define NET_CERTIFICATE_LIFE_MS (400ull * 24 * 3600 * 1000)
#define NET_START_US 1000000u

struct now net_now(const struct net *n)
{
	return (struct now){ { n->now_us }, { NET_WALL_START + n->now_us / 1000 } };
}

/* ---- Chance ---- */

static uint64_t net_mix(uint64_t state, uint64_t value)
{
	state = (state ^ value) + 0x9e3779b97f4a7c15ull;
	state = (state ^ state >> 30) * 0xbf58476d1ce4e5b9ull;
	state = (state ^ state >> 27) * 0x94d049bb133111ebull;
	return state ^ state >> 31;
}

uint64_t net_seed(uint64_t seed, const char *purpose, uint64_t index, uint64_t incarnation)
{
	uint64_t state = net_mix(0, seed);

	for (; *purpose != 0; purpose++)
		state = net_mix(state, (uint8_t)*purpose);
	return net_mix(net_mix(state, index), incarnation);
}

struct prng *net_chance(struct net *n, enum net_chance purpose)
{
	return &n->chance[purpose];
}

/* ---- The net ---- */

struct net *net_new(const struct net_options *options)
{
	struct net *n = memory_alloc(sizeof(*n));

	n->options = *options;
	if (n->options.link_type == 0)
		n->options.link_type = OVERLAY_LINK_TLS_TCP_FH_NO_ICE;
	if (n->options.bootstrap_count == 0)
		n->options.bootstrap_count = 3;
	for (uint64_t i = 0; i < NET_CHANCE_COUNT; i++)
		prng_seed(&n->chance[i], net_seed(options->seed, "chance", i, 0));
	net_weather_init(n);
	net_heap_init(&n->heap);
	n->workspace = workspace_new();
	n->certificates = fake_certificates_new();
	n->peer_options = memory_alloc(sizeof(*n->peer_options));
	n->free_wire = NET_NONE;
	n->suspect = NET_NONE;
	n->now_us = n->running_since_us = NET_START_US;
	n->trace_hash = 0xcbf29ce484222325ull;
	return n;
}

void net_free(struct net *n)
{
	for (uint32_t i = 0; i < n->node_count; i++)
		net_node_free(n, net_node(n, i));
	for (uint32_t i = 0; i < n->node_count; i += NET_NODES_PER_BLOCK)
		free(n->node_blocks[i / NET_NODES_PER_BLOCK]);
	free(n->node_blocks);
	net_cut_free_all(n);
	net_table_free(n);
	net_heap_free(&n->heap);
	workspace_free(n->workspace);
	fake_certificates_free(n->certificates);
	for (size_t i = 0; i <= BOOTSTRAP_NODES_MAX; i++)
		free(n->configurations[i]);
	free(n->peer_options);
	free(n->ring);
	free(n->ids);
	free(n);
}

static void net_log(void *ctx, enum log_level level, const char *event, const char *text)
{
	struct net_node *node = ctx;
	struct net *n = node->net;

	if (n->options.hooks.log != NULL)
		n->options.hooks.log(n->options.ctx, net_now(n), node->index, level, event, text);
}

static struct net_node *net_node_new(struct net *n)
{
	uint32_t index = n->node_count++;

	invariant(index < NET_NODES_MAX);
	if (index % NET_NODES_PER_BLOCK == 0) {
		size_t blocks = index / NET_NODES_PER_BLOCK + 1;

		n->node_blocks = memory_resize(n->node_blocks, blocks * sizeof(*n->node_blocks));
		n->node_blocks[blocks - 1] = memory_alloc(NET_NODES_PER_BLOCK * sizeof(struct net_node));
	}
	net_node(n, index)->index = index;
	net_node_init(n, net_node(n, index));
	return net_node(n, index);
}

/* What the fake provider goes by. */
static void net_certify(struct net *n, struct net_node *node, const char *user)
{
	const struct walltime from = { NET_WALL_START - 3600000 };
	const struct walltime to = { NET_WALL_START + NET_CERTIFICATE_LIFE_MS };
	uint8_t bytes[FAKE_CERTIFICATE_MAX];
	char own[64];
	size_t len;

	snprintf(own, sizeof(own), "user%u@example.org", node->index);
	len = fake_certificate_put(bytes, &node->id, 1, user != NULL ? user : own, from, to);
	node->certificate = fake_certificates_add(n->certificates, slice_of(bytes, len));
}

size_t net_add(struct net *n, const struct net_node_options *options)
{
	const struct net_node_options none = { 0 };
	const struct net_node_options *o = options != NULL ? options : &none;
	struct net_node *node = net_node_new(n);
	uint32_t index = node->index;
	struct prng ids;

	prng_seed(&ids, net_seed(n->options.seed, "node-id", index, 0));
	for (size_t i = 0; i < NODE_ID_LENGTH; i++)
		node->id.bytes[i] = (uint8_t)prng_next(&ids);
	if (o->id != NULL)
		node->id = *o->id;
	node->is_client = o->client;
	node->is_first = o->first;
	if (n->options.hooks.security_new == NULL)
		net_certify(n, node, o->user);
	node->address = (struct address){
		.type = ADDRESS_IPV4,
		.bytes = { 10, (uint8_t)(index >> 16), (uint8_t)(index >> 8), (uint8_t)index },
		.port = 6084,
	};
	node->log = (struct log){ net_log, node, n->options.log_level };
	net_ids_add(n, node);
	return index;
}

void net_add_peers(struct net *n, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct net_node_options o = { .first = n->node_count == 0 };

		net_add(n, &o);
	}
}

/* What peal-enroll writes: the defaults, and the Kind of HIP. */
void net_configuration_default(struct configuration *c)
{
	int err;

	configuration_init(c);
	err = kind_add(&c->kinds, kind_registered(KIND_HIP_RVS));
	invariant(err == 0);
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
		net_configuration_default(c);
	if (c->overlay_name[0] == 0)
		snprintf(c->overlay_name, sizeof(c->overlay_name), "overlay.example.org");
	c->bootstrap_node_count = 0;
	while (c->bootstrap_node_count < bootstrap_nodes) {
		c->bootstrap_nodes[c->bootstrap_node_count] =
			net_node(n, c->bootstrap_node_count)->address;
		c->bootstrap_node_count++;
	}
	return c;
}

/* A node's identity and security port for this life. */
static struct security net_security(struct net *n, struct net_node *node)
{
	const struct net_hooks *hooks = &n->options.hooks;
	struct security s;
	const struct node_id *id;

	if (hooks->security_new == NULL) {
		node->security = fake_security_new_shared(
			n->certificates, net_seed(n->options.seed, "security", node->index, node->incarnation),
			node->certificate);
		return fake_security_port(node->security);
	}
	s = hooks->security_new(n->options.ctx, n, node->index, node->incarnation, &node->certificate,
				&node->security_owned);
	/* Whoever issues certificates chooses the Node-IDs. */
	id = &s.ops->own_identity(s.ctx)->node_id;
	if (!node_id_equal(&node->id, id)) {
		node->id = *id;
		net_ids_add(n, node);
	}
	return s;
}

static void net_peer_options(struct net *n, struct net_node *node, struct peer_options *o)
{
	*o = (struct peer_options){
		.configuration = net_configuration(n),
		.configuration_ops = n->options.configuration_ops,
		.configuration_ctx = n->options.configuration_ctx,
		.workspace = n->workspace,
		.security = net_security(n, node),
		.log = &node->log,
		.seed = net_seed(n->options.seed, "peer", node->index, node->incarnation),
		.client = node->is_client,
		.first = node->is_first && node->incarnation == 0,
		.candidate_count = 1,
		.app_candidate_count = 1,
	};
	o->candidates[0] = (struct ice_candidate){ .address = node->address,
						   .overlay_link = (uint8_t)n->options.link_type,
						   .foundation = slice_text("1"),
						   .priority = 1,
						   .type = CANDIDATE_HOST };
	o->app_candidates[0] = o->candidates[0];
	o->app_candidates[0].address.port = 6085;
}

static void net_count_running(struct net *n)
{
	n->peer_us += n->running_count * (n->now_us - n->running_since_us);
	n->running_since_us = n->now_us;
}

void net_start_knowing(struct net *n, size_t index, const struct address *cached, size_t count, bool first)
{
	struct net_node *node = net_node(n, index);

	invariant(node->peer == NULL);
	net_peer_options(n, node, n->peer_options);
	n->peer_options->first |= first;
	net_count_running(n);
	n->running_count++;
	node->is_dark = false;
	node->peer = peer_new(n->peer_options);
	node->chord = chord_new(node->peer);
	net_ring_add(n, node);
	peer_set_storage(node->peer, &NET_NULL_STORAGE, node);
	if (n->options.hooks.storage_new != NULL)
		node->storage = n->options.hooks.storage_new(n->options.ctx, n, index, node->peer,
							     net_node_clock(n, node));
	peer_start(node->peer, net_node_clock(n, node), cached, count, n->options.link_type);
	net_drain(n, node);
}

void net_start(struct net *n, size_t index)
{
	net_start_knowing(n, index, NULL, 0, false);
}

void net_start_all(struct net *n)
{
	for (uint32_t i = 0; i < n->node_count; i++)
		if (net_node(n, i)->peer == NULL)
			net_start(n, i);
}

void net_kill(struct net *n, size_t index, bool silent)
{
	struct net_node *node = net_node(n, index);

	if (node->peer == NULL)
		return;
	node->is_dark |= silent;
	/* A hook asks for it from within a turn of the peer. */
	if (node->is_draining) {
		node->has_left = true;
		return;
	}
	net_wire_kill(n, node, node->is_dark);
	net_node_stop(n, node);
}

void net_leave(struct net *n, size_t index)
{
	struct net_node *node = net_node(n, index);

	peer_leave(node->peer, net_node_clock(n, node));
	net_drain(n, node);
}

void net_set_group(struct net *n, size_t index, unsigned group)
{
	net_node(n, index)->group = group;
	net_node(n, index)->is_moved = true;
	n->is_regrouped = true;
}

/* ---- What peers ask for ---- */

static void net_note_state(struct net *n, struct net_node *node, enum peer_state state)
{
	n->joined_count -= node->is_joined;
	node->is_joined = state == PEER_JOINED;
	n->joined_count += node->is_joined;
	if (state == PEER_LEFT)
		node->has_left = true;
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
		peer_storage(node->peer)->ops->commit(peer_storage(node->peer)->ctx, net_node_clock(n, node));
		break;
	case EFFECT_PEER_STATE:
		net_note_state(n, node, e->state);
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
		net_node_arm_wake(n, node);
}

void net_flush(struct net *n, size_t index)
{
	if (net_node(n, index)->peer != NULL)
		net_drain(n, net_node(n, index));
}

/* ---- The loop ---- */

static uint64_t net_hash(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash << 31 | hash >> 33;
}

static void net_trace(struct net *n, const struct net_node *node, const struct net_event *e)
{
	uint64_t hash = net_hash(n->trace_hash, n->now_us);
	uint64_t tail = 0;
	size_t at = 0;

	hash = net_hash(hash, (uint64_t)node->index << 32 | (uint64_t)e->kind << 8 | e->end);
	hash = net_hash(hash, (uint64_t)e->target << 32 | e->len);
	for (; at + 8 <= e->len; at += 8)
		hash = net_hash(hash, fake_hash_load(e->bytes + at));
	for (; at < e->len; at++)
		tail = tail << 8 | e->bytes[at];
	n->trace_hash = net_hash(hash, tail);
}

/* The event of a record reaches a node that is ready for it. */
static void net_deliver(struct net *n, struct net_node *node, uint32_t record)
{
	struct net_event e = n->heap.events[record];

	if (e.kind == NET_WAKE) {
		node->wake_at = UINT64_MAX;
		/* The deadline may have moved on meanwhile. */
		if (net_node_virtual(n, node, peer_deadline(node->peer)) > n->now_us) {
			net_node_arm_wake(n, node);
			net_heap_recycle(&n->heap, record);
			return;
		}
	}
	n->event_count++;
	net_trace(n, node, &e);
	net_node_handled(n, node);
	if (e.kind == NET_WAKE)
		peer_expire(node->peer, net_node_clock(n, node));
	else
		net_wire_event(n, node, &e);
	if (node->peer != NULL)
		net_drain(n, node);
	net_heap_recycle(&n->heap, record);
	if (node->peer != NULL && n->options.hooks.stepped != NULL)
		n->options.hooks.stepped(n->options.ctx, n, node->index);
}

static void net_turn(struct net *n, const struct net_event *e)
{
	struct net_node *node = net_node(n, e->target);
	uint32_t record;

	if (node->peer == NULL || node->incarnation != e->tag)
		return;
	record = net_node_take_turn(n, node);
	if (record != NET_HEAP_NONE)
		net_deliver(n, node, record);
}

static void net_step(struct net *n)
{
	uint32_t record = net_heap_pop(&n->heap, &n->now_us);
	struct net_event e = n->heap.events[record];
	struct net_node *node;

	if (e.kind == NET_TURN || e.kind == NET_GIVE_UP) {
		net_heap_recycle(&n->heap, record);
		if (e.kind == NET_TURN)
			net_turn(n, &e);
		else
			net_cut_give_up(n, &e);
		return;
	}
	node = net_node_target(n, &e);
	if (node == NULL)
		net_heap_recycle(&n->heap, record);
	else if (net_node_admits(n, node, record))
		net_deliver(n, node, record);
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
	while (n->heap.count > 0 && n->heap.keys[0].at <= end) {
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

void net_statistics(const struct net *n, struct net_statistics *out)
{
	*out = n->statistics;
	out->peer_seconds = (n->peer_us + n->running_count * (n->now_us - n->running_since_us)) / 1000000;
}

size_t net_memory(const struct net *n)
{
	return sizeof(*n) + net_heap_memory(&n->heap) + net_table_memory(n) +
	       n->node_count * sizeof(struct net_node) + n->ring_room * sizeof(*n->ring) +
	       n->ids_room * sizeof(*n->ids);
}

size_t net_count(const struct net *n) { return n->node_count; }
uint64_t net_event_count(const struct net *n) { return n->event_count; }
uint64_t net_trace_hash(const struct net *n) { return n->trace_hash; }
bool net_is_running(const struct net *n, size_t node) { return net_node(n, node)->peer != NULL; }
struct peer *net_peer(struct net *n, size_t node) { return net_node(n, node)->peer; }
void *net_storage(struct net *n, size_t node) { return net_node(n, node)->storage; }
const struct node_id *net_node_id(const struct net *n, size_t node) { return &net_node(n, node)->id; }
const struct address *net_address(const struct net *n, size_t node) { return &net_node(n, node)->address; }
