/* SPDX-License-Identifier: MIT */
/* The world: nodes with disks, storage and usages on the in-memory net, and time for all of them. */
#include "tools/sim/world_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/link.h"
#include "tools/sim/ledger.h"
#include "tools/sim/net_internal.h"
#include "tools/sim/world_hosts.h"
#include "tools/sim/world_security.h"
#include "usage/certificate/certificate_usage.h"

#define WORLD_OVERLAY "example.org"
#define WORLD_REAL_MAX 200 /* nodes with OpenSSL behind them */
#define WORLD_CACHED_MAX 10 /* as node/cached_peers.h */
/* As node/core.c. */
#define WORLD_SEARCH_MS 2000
#define WORLD_TURNS_MS 8000
#define WORLD_TURN_MS 15000

struct net *world_net(struct world *w) { return w->net; }
struct now world_now(const struct world *w) { return net_now(w->net); }
size_t world_count(const struct world *w) { return w->count; }
struct storage *world_storage(struct world *w, size_t node) { return w->nodes[node]->storage; }
struct disk *world_disk(struct world *w, size_t node) { return w->nodes[node]->disk; }
const struct world_observer *world_observer(const struct world *w) { return &w->observer; }

void world_observe(struct world *w, const struct world_observer *observer)
{
	w->observer = observer != NULL ? *observer : (struct world_observer){ 0 };
}

size_t world_find(const struct world *w, const struct node_id *id)
{
	const struct world_node *node = map_find(w->by_id, slice_of(id->bytes, NODE_ID_LENGTH));

	return node == NULL ? SIZE_MAX : node->index;
}

size_t world_user(const struct world *w, size_t node)
{
	return node - node % w->options.nodes_per_user;
}

struct slice world_certificate(const struct world *w, size_t node) { return net_node(w->net, node)->certificate; }
unsigned world_group(const struct world *w, size_t node) { return net_node(w->net, node)->group; }
bool world_is_cut(const struct world *w, size_t node) { return net_node(w->net, node)->cut_count > 0; }
bool world_has_own_clock(const struct world *w, size_t node) { return net_node(w->net, node)->clock != NULL; }

bool world_is_partitioned(const struct world *w)
{
	for (size_t i = 1; i < w->count; i++)
		if (world_group(w, i) != world_group(w, 0))
			return true;
	return false;
}

struct now world_own_now(const struct world *w, size_t node)
{
	return net_node_now(w->net, node);
}

/* ---- The certificate store usage, driven as node/ drives it ---- */

static void world_usage_due(void *ctx, struct now now);

static void world_usage_arm(struct world_node *node)
{
	struct world *w = node->world;
	struct instant at, now = world_now(w).mono, own;

	if (node->usage.ops == NULL)
		return;
	at = node->usage.ops->deadline(node->usage.ctx);
	if (instant_is_never(at)) {
		timer_disarm(&w->timers, &node->timer);
		return;
	}
	own = world_own_now(w, node->index).mono;
	at = instant_add(now, instant_since(at, own));
	if (!timer_is_armed(&node->timer) || node->timer.at.us != at.us)
		timer_arm(&w->timers, &node->timer, at, world_usage_due, node);
}

static void world_usage_due(void *ctx, struct now now)
{
	struct world_node *node = ctx;
	struct world *w = node->world;
	struct now own = world_own_now(w, node->index);

	if (net_is_paused(w->net, node->index) || !instant_due(node->usage.ops->deadline(node->usage.ctx), own.mono)) {
		timer_arm(&w->timers, &node->timer, instant_add(now.mono, duration_us(WORLD_SOON_US)), world_usage_due,
			  node);
		return;
	}
	node->usage.ops->expire(node->usage.ctx, own);
	net_flush(w->net, node->index);
	if (node->storage != NULL)
		world_usage_arm(node);
}

/* ---- What node/ does about addresses, and about a ring that is not there ---- */

static void world_cache_peers(struct world_node *node)
{
	const struct peer *p = net_peer(node->world->net, node->index);
	struct link_info link;
	size_t cursor = 0, count = 0;

	while (count < WORLD_CACHED_MAX && link_next(p, &cursor, &link)) {
		if (link.listens_at.type == ADDRESS_NONE || link.is_client || link.state != LINK_ATTACHED)
			continue;
		if (node->cached == NULL)
			node->cached = memory_alloc(WORLD_CACHED_MAX * sizeof(*node->cached));
		node->cached[count++] = link.listens_at;
	}
	if (count > 0)
		node->cached_count = count;
}

static void world_begin(struct world *w, struct world_node *node, bool first);

static bool world_ring_is_missing(const struct world_node *node, uint64_t waited_ms, uint64_t turn_ms)
{
	const struct peer *p = net_peer(node->world->net, node->index);
	const struct topology *t = peer_topology(p);
	struct topology_view view;

	t->ops->view(t->ctx, &view);
	if (view.successor_count > 0)
		return false;
	return waited_ms < WORLD_TURNS_MS ? peer_state(p) != PEER_JOINING : waited_ms >= turn_ms;
}

static void world_search_end(void *ctx, struct now now)
{
	struct world_node *node = ctx;
	struct world *w = node->world;
	enum peer_state state = peer_state(net_peer(w->net, node->index));
	uint64_t waited_ms = instant_since(now.mono, node->started).us / 1000;
	uint64_t turn_ms = WORLD_TURNS_MS + node->index * WORLD_TURN_MS;

	if (state != PEER_IDLE && state != PEER_CONNECTING && state != PEER_JOINING)
		return;
	if (net_is_paused(w->net, node->index) || !world_ring_is_missing(node, waited_ms, turn_ms)) {
		timer_arm(&w->timers, &node->search,
			  instant_add(now.mono,
				      duration_ms(turn_ms > waited_ms ? turn_ms - waited_ms + 1 : WORLD_TURN_MS)),
			  world_search_end, node);
		return;
	}
	w->totals.formed_again++;
	node->stop = WORLD_STOP_AGAIN;
	net_kill(w->net, node->index, false);
	world_begin(w, node, true);
}

/* ---- The net's hooks ---- */

static void *world_storage_new(void *ctx, struct net *n, size_t index, struct peer *p, struct now now)
{
	struct world *w = ctx;
	struct world_node *node = w->nodes[index];

	(void)n;
	if (storage_new(&node->storage, p, node->backend, now) != 0)
		return NULL;
	if (!w->options.no_certificates) {
		node->certificates = certificate_usage_new(p);
		node->usage = certificate_usage_port(node->certificates);
	}
	world_host_start(node, p);
	if (w->observer.starting != NULL)
		w->observer.starting(w->observer.ctx, index);
	if (w->options.started != NULL)
		w->options.started(w->options.ctx, w, index);
	return node;
}

static void world_storage_free(void *ctx, void *storage)
{
	struct world *w = ctx;
	struct world_node *node = storage;

	if (w->observer.stopping != NULL)
		w->observer.stopping(w->observer.ctx, node->index, node->stop);
	ledger_node_stopped(w->ledger, node->index);
	world_cache_peers(node);
	timer_disarm(&w->timers, &node->timer);
	timer_disarm(&w->timers, &node->search);
	world_host_stop(node);
	certificate_usage_free(node->certificates);
	storage_free(node->storage);
	node->certificates = NULL;
	node->usage = (struct usage){ 0 };
	node->storage = NULL;
	node->backend = NULL;
	disk_close(node->disk, node->is_silent);
}

static void world_log(void *ctx, struct now now, size_t node, enum log_level level, const char *event,
		      const char *text)
{
	struct world *w = ctx;

	w->options.log(w->options.ctx, now, node, level, event, text);
}

static void world_effect(void *ctx, struct net *n, size_t index, const struct effect *e)
{
	struct world *w = ctx;
	struct world_node *node = w->nodes[index];

	(void)n;
	if (e->type != EFFECT_PEER_STATE || e->state != PEER_JOINED)
		return;
	if (node->usage.ops != NULL)
		node->usage.ops->joined(node->usage.ctx, world_own_now(w, index));
	world_host_joined(node);
}

static bool world_intercept(void *ctx, struct net *n, size_t node, size_t from, struct slice *bytes)
{
	struct world *w = ctx;

	(void)n;
	if (w->options.intercept != NULL && !w->options.intercept(w->options.ctx, w, node, from, bytes))
		return false;
	if (w->observer.arriving != NULL)
		w->observer.arriving(w->observer.ctx, node, from, *bytes);
	return true;
}

static void world_stepped(void *ctx, struct net *n, size_t index)
{
	struct world *w = ctx;
	struct world_node *node = w->nodes[index];

	(void)n;
	if (node->storage == NULL)
		return;
	world_usage_arm(node);
	world_host_stepped(node);
	if (disk_has_crashed(node->disk))
		w->crashed = index;
	if (w->options.stepped != NULL)
		w->options.stepped(w->options.ctx, w, index);
}

static struct security world_security_new(void *ctx, struct net *n, size_t node, uint32_t incarnation,
					  struct slice *certificate, void **owned)
{
	struct world *w = ctx;
	char user[64];

	(void)incarnation;
	snprintf(user, sizeof(user), "user%zu@" WORLD_OVERLAY, world_user(w, node));
	return world_security_port(w->security, node, net_node_id(n, node), user, certificate, owned);
}

static void world_security_drop(void *ctx, void *owned)
{
	(void)ctx;
	world_security_port_free(owned);
}

/* ---- Making and ending worlds ---- */

static struct net *world_net_new(struct world *w)
{
	struct net_options o = {
		.seed = w->options.seed,
		.latency = w->options.weather.latency,
		.jitter = w->options.weather.jitter,
		.loss_ppm = w->options.weather.loss_ppm,
		.weather = w->options.weather,
		.link_type = w->options.link_type,
		.bootstrap_count = w->options.bootstrap_count,
		.log_level = w->options.log_level,
		.configuration = w->configuration,
		.configuration_ops = w->options.configuration_ops,
		.configuration_ctx = w->options.configuration_ctx,
		.hooks = {
			.storage_new = world_storage_new,
			.storage_free = world_storage_free,
			.log = w->options.log != NULL ? world_log : NULL,
			.effect = world_effect,
			.intercept = world_intercept,
			.stepped = world_stepped,
		},
		.ctx = w,
	};

	if (w->options.real_security) {
		o.hooks.security_new = world_security_new;
		o.hooks.security_free = world_security_drop;
	}
	return net_new(&o);
}

struct world *world_new(const struct world_options *options)
{
	struct world *w = memory_alloc(sizeof(*w));

	w->options = *options;
	if (w->options.nodes_per_user == 0)
		w->options.nodes_per_user = 1;
	if (w->options.bootstrap_count == 0)
		w->options.bootstrap_count = 3;
	w->configuration = memory_alloc(sizeof(*w->configuration));
	net_configuration_default(w->configuration);
	if (options->configuration != NULL)
		*w->configuration = *options->configuration;
	if (w->configuration->overlay_name[0] == '\0')
		snprintf(w->configuration->overlay_name, sizeof(w->configuration->overlay_name), WORLD_OVERLAY);
	w->options.configuration = NULL;
	timer_heap_init(&w->timers);
	w->by_id = map_new(options->seed);
	w->crashed = SIZE_MAX;
	if (options->real_security)
		w->security = world_security_new_authority(w->configuration->overlay_name);
	w->ledger = ledger_new(w, options->seed);
	w->hosts = options->hosts == WORLD_HOSTS_NONE ? NULL : world_hosts_new(w);
	w->net = world_net_new(w);
	return w;
}

void world_free(struct world *w)
{
	w->observer = (struct world_observer){ 0 };
	net_free(w->net);
	ledger_free(w->ledger);
	for (size_t i = 0; i < w->count; i++) {
		disk_free(w->nodes[i]->disk);
		free(w->nodes[i]->cached);
		world_host_free(w->nodes[i]);
		free(w->nodes[i]);
	}
	world_security_free(w->security);
	world_hosts_free(w->hosts);
	timer_heap_free(&w->timers);
	map_free(w->by_id);
	free(w->nodes);
	free(w->configuration);
	free(w);
}

static void world_add(struct world *w)
{
	struct world_node *node = memory_alloc(sizeof(*node));
	char user[64];
	struct net_node_options o = { .user = user, .first = w->count == 0 };
	size_t index = w->count++;

	invariant(!w->options.real_security || w->count <= WORLD_REAL_MAX);
	snprintf(user, sizeof(user), "user%zu@" WORLD_OVERLAY, world_user(w, index));
	node->world = w;
	node->index = index;
	node->disk = disk_new(w->options.disk, w->options.seed * 6364136223846793005ull + index);
	w->nodes[index] = node;
	invariant(net_add(w->net, &o) == index);
	map_put(w->by_id, slice_of(net_node_id(w->net, index)->bytes, NODE_ID_LENGTH), node);
	world_host_add(node);
}

void world_add_peers(struct world *w, size_t count)
{
	w->nodes = memory_resize(w->nodes, (w->count + count + 1) * sizeof(*w->nodes));
	for (size_t i = 0; i < count; i++)
		world_add(w);
}

/* ---- Starting and stopping ---- */

static void world_begin(struct world *w, struct world_node *node, bool first)
{
	uint32_t bootstraps = w->options.bootstrap_count;
	int err = 0;

	node->stop = WORLD_STOP_LEFT; /* unless something else ends it */
	node->is_silent = false;
	node->backend = disk_open(node->disk, &err);
	if (node->backend == NULL) {
		disk_close(node->disk, false);
		node->backend = disk_open(node->disk, &err);
	}
	if (node->backend != NULL)
		net_start_knowing(w->net, node->index, node->cached, node->cached_count, first);
	if (node->storage == NULL) {
		/* What the disk holds could not be read. */
		net_kill(w->net, node->index, false);
		disk_close(node->disk, false);
		w->totals.starts_refused++;
		return;
	}
	w->totals.starts += !first;
	world_usage_arm(node);
	if (node->index < bootstraps && !first) {
		node->started = world_now(w).mono;
		timer_arm(&w->timers, &node->search, instant_add(node->started, duration_ms(WORLD_SEARCH_MS)),
			  world_search_end, node);
	}
}

void world_start(struct world *w, size_t index)
{
	if (!net_is_running(w->net, index))
		world_begin(w, w->nodes[index], false);
}

static void world_stop(struct world *w, size_t index, enum world_stop how, bool silent)
{
	struct world_node *node = w->nodes[index];

	node->stop = how;
	node->is_silent = silent;
	net_kill(w->net, index, silent);
}

void world_kill(struct world *w, size_t index, bool silent)
{
	if (!net_is_running(w->net, index))
		return;
	w->totals.kills++;
	w->totals.silent_kills += silent;
	world_stop(w, index, WORLD_STOP_KILLED, silent);
}

void world_destroy(struct world *w, size_t index, bool silent)
{
	w->totals.destroyed++;
	if (net_is_running(w->net, index))
		world_stop(w, index, WORLD_STOP_DESTROYED, silent);
	disk_close(w->nodes[index]->disk, false);
	disk_wipe(w->nodes[index]->disk);
	if (w->observer.wiped != NULL)
		w->observer.wiped(w->observer.ctx, index);
}

static void world_usage_stopped(void *ctx, struct now now)
{
	(void)ctx, (void)now;
}

void world_leave(struct world *w, size_t index)
{
	struct world_node *node = w->nodes[index];

	if (!net_is_running(w->net, index))
		return;
	w->totals.leaves++;
	if (node->usage.ops != NULL)
		node->usage.ops->stop(node->usage.ctx, world_own_now(w, index), world_usage_stopped, NULL);
	world_host_leave(node);
	net_leave(w->net, index);
}

/* ---- Time ---- */

/* What the stepped hook may not do itself: the net is still in the node then. */
static void world_between_events(struct world *w)
{
	if (w->crashed != SIZE_MAX && net_is_running(w->net, w->crashed)) {
		w->totals.disk_crashes++;
		world_stop(w, w->crashed, WORLD_STOP_CRASHED, true);
	}
	w->crashed = SIZE_MAX;
	ledger_deliver(w->ledger);
}

struct world_slice {
	struct world *world;
	bool (*condition)(struct world *w, void *ctx);
	void *ctx;
	struct instant end; /* of the slice: something of the world's own is due then, or the run is over */
	bool is_met;
};

static struct instant world_deadline(const struct world *w)
{
	return instant_min(timer_heap_deadline(&w->timers), ledger_deadline(w->ledger));
}

static bool world_event_over(struct net *n, void *ctx)
{
	struct world_slice *slice = ctx;
	struct world *w = slice->world;

	(void)n;
	world_between_events(w);
	slice->is_met = slice->condition != NULL && slice->condition(w, slice->ctx);
	return slice->is_met || instant_before(world_deadline(w), slice->end);
}

bool world_run_until(struct world *w, bool (*condition)(struct world *w, void *ctx), void *ctx,
		     struct duration limit)
{
	struct instant end = instant_add(world_now(w).mono, limit);
	struct world_slice slice = { .world = w, .condition = condition, .ctx = ctx };

	for (;;) {
		struct now now = world_now(w);

		timer_heap_expire(&w->timers, now);
		ledger_expire(w->ledger, now);
		world_between_events(w);
		slice.end = instant_min(world_deadline(w), end);
		if (instant_before(slice.end, now.mono))
			slice.end = now.mono;
		(void)net_run_until(w->net, world_event_over, &slice, instant_since(slice.end, now.mono));
		if (slice.is_met)
			return true;
		if (instant_due(end, world_now(w).mono) && instant_before(end, world_deadline(w)))
			return false;
	}
}

void world_run(struct world *w, struct duration d)
{
	(void)world_run_until(w, NULL, NULL, d);
}

/* ---- The ledger's part of the page ---- */

void world_register(struct world *w, size_t node, uint32_t lifetime_s)
{
	ledger_register(w->ledger, node, lifetime_s, true);
}

void world_unregister(struct world *w, size_t node)
{
	ledger_register(w->ledger, node, 0, false);
}

size_t world_record_count(const struct world *w) { return ledger_record_count(w->ledger); }

struct record *world_record(struct world *w, size_t index)
{
	return ledger_record(w->ledger, index);
}

struct record *world_record_find(struct world *w, const struct resource_id *resource, struct slice key)
{
	struct node_id id;
	struct record *r;
	size_t node;

	if (key.len != NODE_ID_LENGTH)
		return NULL;
	memcpy(id.bytes, key.data, NODE_ID_LENGTH);
	node = world_find(w, &id);
	r = node == SIZE_MAX ? NULL : ledger_record_of(w->ledger, world_user(w, node), node);
	return r != NULL && resource_id_equal(&r->resource, resource) ? r : NULL;
}

void world_lookup(struct world *w, size_t from, size_t user, world_lookup_fn *done, void *ctx)
{
	ledger_lookup(w->ledger, from, user, done, ctx);
}

void world_totals(const struct world *w, struct world_totals *out)
{
	*out = w->totals;
	ledger_totals(w->ledger, out);
}

void world_set_load(struct world *w, uint32_t stores_per_1000_s, uint32_t lookups_per_1000_s, uint32_t lifetime_s)
{
	ledger_set_load(w->ledger, world_now(w), stores_per_1000_s, lookups_per_1000_s, lifetime_s);
}
