/* SPDX-License-Identifier: MIT */
/* What a run measures beside the checks: memory, hops, and what rest costs. */
#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "overlay/base/invariant.h"
#include "tools/sim/run_state.h"

#define HOPS_SAMPLED 2000
#define HOPS_MAX 128

uint64_t run_heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* What the net holds grows and shrinks meanwhile, and is no peer's. */
static uint64_t heap_without_net(struct run *r)
{
	return run_heap_bytes() - net_memory(world_net(r->world));
}

void run_measure_memory(struct run *r)
{
	uint64_t running = 0, before = heap_without_net(r), after;

	for (size_t i = 0; i < world_count(r->world); i++) {
		running += net_is_running(world_net(r->world), i);
		world_kill(r->world, i, true);
	}
	after = heap_without_net(r);
	r->result->memory_own = before > after && running > 0 ? (before - after) / running : 0;
}

static uint64_t clock_us(clockid_t clock)
{
	struct timespec t;

	invariant(clock_gettime(clock, &t) == 0);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t run_wall_us(void) { return clock_us(CLOCK_MONOTONIC); }
uint64_t run_cpu_us(void) { return clock_us(CLOCK_PROCESS_CPUTIME_ID); }

/* How many times a message for `target` would be sent until it is at its owner. HOPS_MAX: it does not get there. */
static uint64_t hops_to(struct run *r, size_t from, const struct node_id *target)
{
	struct net *n = world_net(r->world);
	uint64_t hops = 0;

	while (hops < HOPS_MAX) {
		struct peer *p = from == SIZE_MAX ? NULL : net_peer(n, from);
		const struct topology *t = p == NULL ? NULL : peer_topology(p);
		struct node_id hop;

		if (t == NULL)
			return HOPS_MAX;
		if (t->ops->is_responsible(t->ctx, target))
			return hops;
		if (!t->ops->next_hop(t->ctx, target, &hop))
			return HOPS_MAX;
		from = world_find(r->world, &hop);
		hops++;
	}
	return hops;
}

/* Greedy routing by the peers' own tables, as they are now, to points drawn by chance. */
void run_measure_hops(struct run *r)
{
	uint64_t taken[HOPS_MAX + 1] = { 0 }, sum = 0, reached = 0, seen = 0;
	size_t count = world_count(r->world);
	struct run_hops *out = &r->result->hops;
	struct prng chance;

	scenario_chance(&chance, r->options->seed, PURPOSE_MEASURE);
	for (int i = 0; i < HOPS_SAMPLED; i++) {
		size_t from = (size_t)prng_below(&chance, count);
		struct node_id target;
		struct peer *p = net_peer(world_net(r->world), from);

		for (size_t k = 0; k < sizeof(target.bytes); k++)
			target.bytes[k] = (uint8_t)prng_below(&chance, 256);
		if (p == NULL || peer_state(p) != PEER_JOINED)
			continue;
		taken[hops_to(r, from, &target)]++;
		out->sampled++;
	}
	out->unreached = taken[HOPS_MAX];
	for (uint64_t h = 0; h < HOPS_MAX; h++) {
		sum += h * taken[h];
		reached += taken[h];
		if (taken[h] != 0)
			out->most = h;
	}
	out->mean_milli = reached == 0 ? 0 : sum * 1000 / reached;
	for (uint64_t h = 0; h < HOPS_MAX && seen * 100 < reached * 99; h++) {
		seen += taken[h];
		out->p99 = h;
	}
}

void run_measure_rest(struct run *r, uint64_t rest_ms)
{
	struct net *n = world_net(r->world);
	struct net_statistics before, after;
	uint64_t events = net_event_count(n), cpu = run_cpu_us();

	net_statistics(n, &before);
	world_run(r->world, duration_ms(rest_ms));
	net_statistics(n, &after);
	r->result->rest_messages = after.messages - before.messages;
	r->result->rest_bytes = after.bytes - before.bytes;
	r->result->rest_peer_seconds = after.peer_seconds - before.peer_seconds;
	r->result->rest_events = net_event_count(n) - events;
	r->result->rest_cpu_us = run_cpu_us() - cpu;
}

void run_wilson(uint64_t good, uint64_t all, double *low, double *high)
{
	double n = (double)all, p, z = 1.96, middle, half;

	*low = 0;
	*high = 1;
	if (all == 0)
		return;
	p = (double)good / n;
	middle = p + z * z / (2 * n);
	half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
	*low = (middle - half) / (1 + z * z / n);
	*high = (middle + half) / (1 + z * z / n);
}
