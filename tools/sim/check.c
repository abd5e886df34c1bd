/* SPDX-License-Identifier: MIT */
/* The checks as a whole: when what is looked at, what is reported, and the liveness phase. */
#include "tools/sim/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "tools/sim/check_internal.h"

#define CHECK_WINDOW_MS 15000
#define CHECK_SETTLE_MS 20000
#define CHECK_ARENA_BYTES (1u << 20)
#define CHECK_SMALL 200      /* nodes: up to here the liveness phase looks ten times a second */
#define CHECK_LOOKUPS 200    /* under way at once when all records are looked up */
#define CHECK_LOOKUP_MS 40000 /* a lookup takes at most so long: a request's life, and its repetition */

const char *check_name(enum check_id id)
{
	static const char *const names[] = {
#define X(id, name, meaning) [CHECK_##id] = name,
		CHECK_MAP(X)
#undef X
	};

	return names[id];
}

uint64_t check_now_ms(const struct check *c)
{
	return world_now(c->world).mono.us / 1000;
}

void check_violate(struct check *c, enum check_id id, size_t node, const char *format, ...)
{
	struct violation *v = &c->violations[c->violation_count];
	va_list arguments;

	if (c->is_reported[id])
		return;
	c->is_reported[id] = true;
	c->violation_count++;
	v->check = id;
	v->at_ms = check_now_ms(c);
	v->node = node;
	va_start(arguments, format);
	vsnprintf(v->text, sizeof(v->text), format, arguments);
	va_end(arguments);
}

size_t check_violation_count(const struct check *c) { return c->violation_count; }
const struct violation *check_violation(const struct check *c, size_t index) { return &c->violations[index]; }
uint64_t check_count(const struct check *c) { return c->looked; }
uint64_t check_excused(const struct check *c, enum check_id id) { return c->excused[id]; }

const char *check_state(const struct check *c, size_t node)
{
	static const char *const names[] = { "idle", "connecting", "joining", "joined", "leaving", "left" };
	const struct peer *p = net_peer(world_net(c->world), node);

	if (p == NULL)
		return "stopped";
	return net_is_paused(world_net(c->world), node) ? "paused" : names[peer_state(p)];
}

/* ---- Making ---- */

static void check_on_starting(void *ctx, size_t node)
{
	struct check *c = ctx;

	c->changed_ms = check_now_ms(c);
	check_storage_starting(c, node);
}

static void check_on_wiped(void *ctx, size_t node) { check_storage_wiped(ctx, node); }
static void check_on_stored(void *ctx, struct record *r) { check_storage_stored(ctx, r); }

static void check_on_stopping(void *ctx, size_t node, enum world_stop how)
{
	struct check *c = ctx;

	c->dropped_limit += peer_counters(net_peer(world_net(c->world), node))->dropped_limit;
	check_storage_stopping(c, node, how);
	check_ring_gone(c, node);
	/* It forms a ring of its own, as there was none: another one is found like after a partition. */
	if (how == WORLD_STOP_AGAIN)
		check_ring_disturbed(c);
}

static void check_on_arriving(void *ctx, size_t node, size_t from, struct slice bytes)
{
	check_routing_arriving(ctx, node, from, bytes);
}

/* The world may have grown. */
static void check_grow(struct check *c)
{
	size_t count = world_count(c->world);

	if (count == c->count)
		return;
	c->nodes = memory_resize(c->nodes, count * sizeof(*c->nodes));
	memset(c->nodes + c->count, 0, (count - c->count) * sizeof(*c->nodes));
	for (size_t i = c->count; i < count; i++) {
		c->nodes[i].next = CHECK_NONE;
		c->nodes[i].changes = UINT64_MAX;
	}
	c->count = count;
}

struct check *check_new(struct world *w, const struct check_options *options)
{
	struct check *c = memory_alloc(sizeof(*c));
	struct world_observer observer = {
		.starting = check_on_starting,
		.stopping = check_on_stopping,
		.wiped = check_on_wiped,
		.arriving = check_on_arriving,
		.stored = check_on_stored,
		.ctx = c,
	};

	c->world = w;
	c->options = *options;
	c->window_ms = options->repair_window.us == 0 ? CHECK_WINDOW_MS : options->repair_window.us / 1000;
	c->settle_ms = options->settle.us == 0 ? CHECK_SETTLE_MS : options->settle.us / 1000;
	prng_seed(&c->prng, 0x636865636bull);
	arena_init(&c->arena, CHECK_ARENA_BYTES);
	check_grow(c);
	world_observe(w, &observer);
	return c;
}

void check_free(struct check *c)
{
	world_observe(c->world, NULL);
	check_storage_free(c);
	for (size_t i = 0; i < CHECK_GROUPS; i++)
		free(c->parts[i].members);
	arena_free(&c->arena);
	free(c->nodes);
	free(c->order);
	free(c->rank);
	free(c->skips);
	free(c->colour);
	free(c);
}

void check_set_hostile(struct check *c, size_t node)
{
	check_grow(c);
	c->nodes[node].is_hostile = c->options.has_hostile = true;
}

/* ---- When ---- */

void check_stepped(struct check *c, size_t node)
{
	check_grow(c);
	if (!c->options.every_event || c->nodes[node].is_hostile || world_storage(c->world, node) == NULL)
		return;
	check_ring_node(c, node);
	check_storage_node(c, node);
}

void check_failing(struct check *c, size_t node, bool disk_lost)
{
	(void)disk_lost; /* the world tells */
	check_grow(c);
	if (world_storage(c->world, node) != NULL && !disk_has_crashed(world_disk(c->world, node)))
		check_storage_node(c, node);
}

void check_disturbed(struct check *c)
{
	check_grow(c);
	check_ring_disturbed(c);
}

void check_second(struct check *c)
{
	check_grow(c);
	check_ring_members(c);
	check_ring_all(c);
	check_storage_all(c);
	for (size_t i = 0; i < c->count; i++)
		if (disk_fault_of(world_disk(c->world, i)) != DISK_OK)
			c->nodes[i].disk_ms = check_now_ms(c);
	for (size_t i = 0; i < c->count; i++)
		if (world_storage(c->world, i) != NULL && !c->nodes[i].is_hostile)
			check_routing_limits(c, i);
}

size_t check_place(const struct check *c, const struct check_part *part, const struct node_id *point)
{
	size_t low = 0, high = part->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (node_id_compare(net_node_id(world_net(c->world), part->members[middle]), point) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low == part->count ? 0 : low;
}

/* ---- The liveness phase ---- */

/* A partition breaks streams three seconds after it began, be it over by then. */
#define LIVENESS_PENDING_MS 5000

struct check_phase {
	uint64_t began_ms, ideal_ms, placed_ms; /* 0: not yet */
	bool is_spread; /* held elsewhere besides */
	size_t node;
	char text[300];
};

static void check_phase_look(struct check *c, struct check_phase *phase, bool is_second)
{
	uint64_t now_ms = check_now_ms(c);
	bool is_ideal = net_ring_is_ideal(world_net(c->world), NULL), is_placed;

	if (!is_ideal)
		phase->ideal_ms = phase->placed_ms = 0;
	else if (phase->ideal_ms == 0)
		phase->ideal_ms = now_ms;
	if (is_second)
		check_second(c);
	if (!is_second || !is_ideal)
		return;
	is_placed = check_storage_is_placed(c, &phase->node, phase->text, sizeof(phase->text));
	phase->is_spread = is_placed &&
			   check_storage_is_spread(c, &phase->node, phase->text, sizeof(phase->text));
	if (!is_placed)
		phase->placed_ms = 0;
	else if (phase->placed_ms == 0)
		phase->placed_ms = now_ms;
}

void check_liveness(struct check *c, struct duration ideal_within, struct duration placed_within,
		    struct check_liveness *out)
{
	struct check_phase phase = { .began_ms = check_now_ms(c), .node = SIZE_MAX };
	uint64_t step_ms = world_count(c->world) <= CHECK_SMALL ? 100 : 1000;
	uint64_t ideal_end = phase.began_ms + ideal_within.us / 1000;
	uint64_t end = phase.began_ms + placed_within.us / 1000;

	if (end < ideal_end)
		end = ideal_end;
	check_grow(c);
	check_disturbed(c);
	for (uint64_t step = 0;; step++) {
		uint64_t now_ms = check_now_ms(c);

		check_phase_look(c, &phase, step * step_ms % 1000 == 0);
		if (now_ms >= end || (phase.ideal_ms == 0 && now_ms >= ideal_end) ||
		    (phase.placed_ms != 0 && !phase.is_spread &&
		     now_ms >= phase.began_ms + LIVENESS_PENDING_MS))
			break;
		world_run(c->world, duration_ms(step_ms));
	}
	c->looked += 2;
	*out = (struct check_liveness){ .is_ideal = phase.ideal_ms != 0, .is_placed = phase.placed_ms != 0 };
	if (out->is_ideal)
		out->ideal_after = duration_ms(phase.ideal_ms - phase.began_ms);
	else
		check_violate(c, CHECK_IDEAL, SIZE_MAX, "%llu s after the faults stopped the ring is not ideal: %s",
			      (unsigned long long)(check_now_ms(c) - phase.began_ms) / 1000,
			      net_ring_fault(world_net(c->world)));
	if (out->is_placed)
		out->placed_after = duration_ms(phase.placed_ms - phase.began_ms);
	if (out->is_ideal && (!out->is_placed || phase.is_spread))
		check_violate(c, CHECK_PLACED, phase.node, "%llu s after the faults stopped: %s",
			      (unsigned long long)(check_now_ms(c) - phase.began_ms) / 1000, phase.text);
}

/* ---- All records are found ---- */

struct check_found {
	struct check *check; /* NULL: nobody waits any more */
	size_t under_way;
};

struct check_found_one {
	struct check_found *all;
	size_t from;
	uint32_t record;
};

static void check_found_done(void *ctx, enum lookup_verdict verdict, struct duration took)
{
	static const char *const words[] = { "found it", "found only an older content of it", "found nothing",
					     "failed", "does not count" };
	struct check_found_one *one = ctx;
	struct check *c = one->all->check;
	const struct record *r;

	one->all->under_way--;
	if (c == NULL) {
		if (one->all->under_way == 0)
			free(one->all);
		free(one);
		return;
	}
	r = world_record(c->world, one->record);
	c->looked++;
	if (verdict != LOOKUP_FOUND && verdict != LOOKUP_EXCUSED)
		check_violate(c, CHECK_FOUND, one->from,
			      "a lookup by node %zu of the record that node %zu stored for user%zu, content %llu, %s "
			      "after %llu ms, although the ring is at rest and somebody holds it", one->from, r->node,
			      r->user, (unsigned long long)r->protected_serial, words[verdict],
			      (unsigned long long)took.us / 1000);
	free(one);
}

/* A member that is not hostile, by chance; SIZE_MAX when none was hit. */
static size_t check_draw_member(struct check *c)
{
	for (int i = 0; i < 64 && c->count > 0; i++) {
		size_t node = prng_below(&c->prng, c->count);

		if (c->nodes[node].is_member && !c->nodes[node].is_hostile)
			return node;
	}
	return SIZE_MAX;
}

static bool check_found_is_free(struct world *w, void *ctx)
{
	(void)w;
	return ((struct check_found *)ctx)->under_way < CHECK_LOOKUPS;
}

static bool check_found_is_over(struct world *w, void *ctx)
{
	(void)w;
	return ((struct check_found *)ctx)->under_way == 0;
}

void check_all_found(struct check *c)
{
	struct check_found *all = memory_alloc(sizeof(*all));

	all->check = c;
	check_grow(c);
	check_ring_members(c);
	for (size_t i = 0; i < world_record_count(c->world); i++) {
		const struct record *r = world_record(c->world, i);
		size_t from = check_draw_member(c);
		struct check_found_one *one;

		if (r->protected_serial == 0 || r->is_excused || from == SIZE_MAX)
			continue;
		one = memory_alloc(sizeof(*one));
		*one = (struct check_found_one){ all, from, (uint32_t)i };
		all->under_way++;
		world_lookup(c->world, from, r->user, check_found_done, one);
		(void)world_run_until(c->world, check_found_is_free, all, duration_ms(CHECK_LOOKUP_MS));
	}
	if (world_run_until(c->world, check_found_is_over, all, duration_ms(2 * CHECK_LOOKUP_MS))) {
		free(all);
		return;
	}
	check_violate(c, CHECK_FOUND, SIZE_MAX, "%zu lookups have not ended within %u s", all->under_way,
		      2 * CHECK_LOOKUP_MS / 1000);
	all->check = NULL;
}

/* ---- Figures ---- */

void check_hops(const struct check *c, struct check_hops *out)
{
	uint64_t sum = 0, seen = 0;

	*out = (struct check_hops){ 0 };
	for (unsigned i = 0; i <= CHECK_HOPS_MAX; i++) {
		out->requests += c->hops[i];
		sum += i * c->hops[i];
		if (c->hops[i] > 0)
			out->max = i;
	}
	if (out->requests == 0)
		return;
	out->mean_milli = 1000 * sum / out->requests;
	for (out->p99 = 0; out->p99 < CHECK_HOPS_MAX; out->p99++) {
		seen += c->hops[out->p99];
		if (100 * seen >= 99 * out->requests)
			break;
	}
}

uint64_t check_dropped_limit(const struct check *c)
{
	uint64_t count = c->dropped_limit;

	for (size_t i = 0; i < world_count(c->world); i++)
		if (world_storage(c->world, i) != NULL)
			count += peer_counters(net_peer(world_net(c->world), i))->dropped_limit;
	return count;
}
