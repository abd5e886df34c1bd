/* SPDX-License-Identifier: MIT */
/* The peer: its parts put together, its effects, its states. */
#include "overlay/peer.h"

#include <stdlib.h>

#include "overlay/attach_table.h"
#include "overlay/base/invariant.h"
#include "overlay/bootstrap.h"
#include "overlay/config_update.h"
#include "overlay/evidence.h"
#include "overlay/forwarding.h"
#include "overlay/fragment.h"
#include "overlay/link_table.h"
#include "overlay/peer_state.h"
#include "overlay/probe.h"
#include "overlay/resource.h"
#include "overlay/rollback.h"
#include "overlay/transport_state.h"

#define PEER_LINKS_MAX 256
#define PEER_DATAGRAM_MTU 1200 /* bytes of payload that pass nearly everywhere */
#define PEER_DATAGRAM_MTU_MIN 512
#define PEER_LEAVE_TIMEOUT_S 13

/* ---- Ports that nobody has set yet: a node that knows nobody and stores nothing. ---- */

static void null_join(void *ctx, struct now now, link_id bootstrap,
		      const struct node_id *bootstrap_id)
{
	(void)ctx;
	(void)now;
	(void)bootstrap;
	(void)bootstrap_id;
}

static void null_event(void *ctx, struct now now)
{
	(void)ctx;
	(void)now;
}

static bool null_next_hop(void *ctx, const struct node_id *target, struct node_id *hop)
{
	(void)ctx;
	(void)target;
	(void)hop;
	return false;
}

static bool null_is_responsible(void *ctx, const struct node_id *target)
{
	(void)ctx;
	(void)target;
	return false;
}

static enum responsibility null_responsibility(void *ctx, const struct node_id *target)
{
	(void)ctx;
	(void)target;
	return RESPONSIBLE_NOT;
}

static size_t null_replicas(void *ctx, struct node_id out[TOPOLOGY_REPLICAS])
{
	(void)ctx;
	(void)out;
	return 0;
}

static bool null_accepts(void *ctx, const struct node_id *a, const struct node_id *b)
{
	(void)ctx;
	(void)a;
	(void)b;
	return false;
}

static void null_link_up(void *ctx, struct now now, const struct node_id *node, bool send_update)
{
	(void)ctx;
	(void)now;
	(void)node;
	(void)send_update;
}

static void null_link_down(void *ctx, struct now now, const struct node_id *node)
{
	(void)ctx;
	(void)now;
	(void)node;
}

static void null_view(void *ctx, struct topology_view *out)
{
	(void)ctx;
	*out = (struct topology_view){ 0 };
}

static size_t null_population(void *ctx)
{
	(void)ctx;
	return 0;
}

static const struct topology_ops NULL_TOPOLOGY = {
	.join = null_join,
	.form = null_event,
	.leave = null_event,
	.next_hop = null_next_hop,
	.is_responsible = null_is_responsible,
	.responsibility = null_responsibility,
	.replicas = null_replicas,
	.accepts_replica = null_accepts,
	.accepts_answer = null_accepts,
	.link_up = null_link_up,
	.link_down = null_link_down,
	.configure = null_event,
	.view = null_view,
	.population = null_population,
};

static void null_hand_over(void *ctx, struct now now, const struct node_id *to,
			   const struct node_id *after, const struct node_id *upto,
			   storage_done_fn *done, void *done_ctx)
{
	(void)ctx;
	(void)to;
	(void)after;
	(void)upto;
	done(done_ctx, now, 0);
}

static void null_topology_changed(void *ctx, struct now now, bool replicas_settled)
{
	(void)ctx;
	(void)now;
	(void)replicas_settled;
}

static void null_statistics(void *ctx, struct storage_statistics *out)
{
	(void)ctx;
	*out = (struct storage_statistics){ 0 };
}

static const struct storage_ops NULL_STORAGE = {
	.hand_over = null_hand_over,
	.topology_changed = null_topology_changed,
	.replicate_ahead = null_event,
	.commit = null_event,
	.statistics = null_statistics,
};

/* ---- The memory of a turn ---- */

static struct turn *peer_turn(struct peer *p)
{
	if (p->turn == NULL)
		p->turn = workspace_take(p->workspace);
	return p->turn;
}

static void peer_rest(struct peer *p)
{
	if (p->turn != NULL)
		workspace_give(p->workspace, p->turn);
	p->turn = NULL;
}

/* ---- Making and freeing ---- */

/* The low 32 bits of SHA-1 of the overlay's name (6.3.2). */
static uint32_t peer_overlay_hash(const struct peer *p)
{
	struct slice name = slice_text(p->configuration->overlay_name);
	uint8_t digest[20];
	struct reader r;

	p->security.ops->digest(p->security.ctx, HASH_SHA1, &name, 1, digest);
	r = reader_of(slice_of(digest, sizeof(digest)));
	reader_bytes(&r, sizeof(digest) - sizeof(uint32_t));
	return reader_u32(&r);
}

/* As many as there are: an array of CANDIDATES_MAX would be most of a peer. */
static struct ice_candidate *peer_copy_candidates(const struct ice_candidate *from, size_t count)
{
	struct ice_candidate *copy;

	if (count == 0)
		return NULL;
	copy = memory_alloc(count * sizeof(*copy));
	memcpy(copy, from, count * sizeof(*copy));
	return copy;
}

void peer_set_candidates(struct peer *p, const struct ice_candidate *candidates, size_t count,
			 const struct ice_candidate *app_candidates, size_t app_count)
{
	invariant(count <= CANDIDATES_MAX && app_count <= CANDIDATES_MAX);
	free(p->candidates);
	free(p->app_candidates);
	p->candidates = peer_copy_candidates(candidates, count);
	p->candidate_count = count;
	p->app_candidates = peer_copy_candidates(app_candidates, app_count);
	p->app_candidate_count = app_count;
}

static void peer_take_options(struct peer *p, const struct peer_options *o)
{
	p->configuration = o->configuration;
	p->owns_workspace = o->workspace == NULL;
	p->workspace = p->owns_workspace ? workspace_new() : o->workspace;
	p->configuration_ops = o->configuration_ops;
	p->configuration_ctx = o->configuration_ctx;
	p->security = o->security;
	p->log = o->log;
	p->client = o->client;
	p->first = o->first;
	p->links_max = o->links_max == 0 ? PEER_LINKS_MAX : o->links_max;
	p->datagram_mtu = o->datagram_mtu == 0 ? PEER_DATAGRAM_MTU : o->datagram_mtu;
	if (p->datagram_mtu < PEER_DATAGRAM_MTU_MIN)
		p->datagram_mtu = PEER_DATAGRAM_MTU_MIN;
	peer_set_candidates(p, o->candidates, o->candidate_count, o->app_candidates, o->app_candidate_count);
}

struct peer *peer_new(const struct peer_options *options)
{
	struct peer *p = memory_alloc(sizeof(*p));

	peer_take_options(p, options);
	prng_seed(&p->prng, options->seed);
	timer_heap_init(&p->timers);
	p->node_id = p->security.ops->own_identity(p->security.ctx)->node_id;
	p->overlay_hash = peer_overlay_hash(p);
	p->topology.ops = &NULL_TOPOLOGY;
	p->storage.ops = &NULL_STORAGE;
	link_table_new(p);
	fragment_table_new(p);
	forwarding_new(p);
	transport_new(p);
	attach_new(p);
	bootstrap_new(p);
	config_update_new(p);
	rollback_new(p);
	evidence_new(p);
	probe_new(p);
	return p;
}

void peer_free(struct peer *p)
{
	if (p == NULL)
		return;
	timer_disarm(&p->timers, &p->leave_timer);
	rollback_free(p);
	evidence_free(p);
	config_update_free(p);
	bootstrap_free(p);
	attach_free(p);
	resource_free(p);
	transport_free(p);
	forwarding_free(p);
	fragment_table_free(p);
	link_table_free(p);
	timer_heap_free(&p->timers);
	peer_rest(p);
	if (p->owns_workspace)
		workspace_free(p->workspace);
	free(p->configuration_own);
	free(p->candidates);
	free(p->app_candidates);
	free(p);
}

void peer_set_topology(struct peer *p, const struct topology_ops *ops, void *ctx)
{
	p->topology = (struct topology){ ops, ctx };
}

void peer_set_storage(struct peer *p, const struct storage_ops *ops, void *ctx)
{
	p->storage = (struct storage_port){ ops, ctx };
}

/* ---- Effects ---- */

void peer_queue_effect(struct peer *p, const struct effect *e)
{
	struct effect_queue *q = &peer_turn(p)->effects;

	if (q->count == q->room) {
		q->room *= 2;
		q->items = memory_resize(q->items, q->room * sizeof(*q->items));
	}
	q->items[q->count++] = *e;
}

const struct effect *peer_next_effect(struct peer *p)
{
	struct effect_queue *q;

	if (p->turn == NULL || p->turn->effects.first == p->turn->effects.count) {
		/* Nothing refers to this turn's memory any more. */
		peer_rest(p);
		link_table_sweep(p);
		return NULL;
	}
	q = &p->turn->effects;
	/* A copy, as the queue may grow while the caller acts on it. */
	q->current = q->items[q->first++];
	return &q->current;
}

/* ---- States ---- */

const char *peer_state_name(enum peer_state s)
{
	switch (s) {
	case PEER_IDLE:
		return "idle";
	case PEER_CONNECTING:
		return "connecting";
	case PEER_JOINING:
		return "joining";
	case PEER_JOINED:
		return "joined";
	case PEER_LEAVING:
		return "leaving";
	case PEER_LEFT:
		return "left";
	}
	return "unknown";
}

void peer_set_state(struct peer *p, struct now now, enum peer_state state)
{
	if (p->state == state || p->state == PEER_LEFT)
		return;
	/* On the way out only one thing is left to come. */
	if (p->state == PEER_LEAVING && state != PEER_LEFT)
		return;
	log_info(p->log, "peer.state", "from=%s to=%s", peer_state_name(p->state),
		 peer_state_name(state));
	p->state = state;
	if (state == PEER_LEFT) {
		timer_disarm(&p->timers, &p->leave_timer);
		bootstrap_stop(p, now);
		link_close_all(p, now);
	}
	peer_queue_effect(p, &(struct effect){ .type = EFFECT_PEER_STATE, .state = state });
}

void peer_start(struct peer *p, struct now now, const struct address *cached, size_t cached_count,
		enum overlay_link_type cached_type)
{
	invariant(p->state == PEER_IDLE);
	p->started = now.mono;
	bootstrap_set_cached(p, cached, cached_count, cached_type);
	if (p->first) {
		p->topology.ops->form(p->topology.ctx, now);
		peer_set_state(p, now, PEER_JOINED);
	} else {
		bootstrap_start(p, now);
	}
	transport_run_local(p, now);
}

static void peer_leave_timed_out(void *ctx, struct now now)
{
	struct peer *p = ctx;

	log_warning(p->log, "peer.leave_timeout", "links=%zu", link_usable_count(p));
	peer_set_state(p, now, PEER_LEFT);
}

void peer_leave(struct peer *p, struct now now)
{
	bool was_joined = p->state == PEER_JOINED;

	if (p->state == PEER_LEAVING || p->state == PEER_LEFT)
		return;
	bootstrap_stop(p, now);
	peer_set_state(p, now, PEER_LEAVING);
	if (!was_joined) {
		peer_set_state(p, now, PEER_LEFT);
		return;
	}
	timer_arm(&p->timers, &p->leave_timer,
		  instant_add(now.mono, duration_s(PEER_LEAVE_TIMEOUT_S)), peer_leave_timed_out, p);
	p->topology.ops->leave(p->topology.ctx, now);
	transport_run_local(p, now);
}

/* ---- Time ---- */

void peer_expire(struct peer *p, struct now now)
{
	timer_heap_expire(&p->timers, now);
	transport_run_local(p, now);
}

struct instant peer_deadline(const struct peer *p)
{
	return timer_heap_deadline(&p->timers);
}

/* ---- What plug-ins, storage and usages look at ---- */

enum peer_state peer_state(const struct peer *p)
{
	return p->state;
}

const struct configuration *peer_configuration(const struct peer *p)
{
	return p->configuration;
}

const struct security *peer_security(const struct peer *p)
{
	return &p->security;
}

const struct log *peer_log(const struct peer *p)
{
	return p->log;
}

struct prng *peer_prng(struct peer *p)
{
	return &p->prng;
}

struct timer_heap *peer_timers(struct peer *p)
{
	return &p->timers;
}

struct counters *peer_counters(struct peer *p)
{
	return &p->counters;
}

const struct node_id *peer_node_id(const struct peer *p)
{
	return &p->node_id;
}

bool peer_is_client(const struct peer *p)
{
	return p->client;
}

uint32_t peer_uptime_s(const struct peer *p, struct now now)
{
	return (uint32_t)(instant_since(now.mono, p->started).us / 1000000);
}

const struct topology *peer_topology(const struct peer *p)
{
	return &p->topology;
}

const struct storage_port *peer_storage(const struct peer *p)
{
	return &p->storage;
}

uint64_t *peer_last_storage_time(struct peer *p)
{
	return &p->last_storage_time;
}

struct resource_call **peer_resource_calls(struct peer *p)
{
	return &p->resource_calls;
}

struct arena *peer_arena(struct peer *p)
{
	return &peer_turn(p)->arena;
}
