/* SPDX-License-Identifier: MIT */
/* Performs a plan's actions on the world, and ends those that last. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "tools/sim/run_state.h"
#include "tools/sim/trace.h"

static void end_add(struct run *r, const struct action *a, uint64_t lasts_ms)
{
	if (r->end_count == r->end_room) {
		r->end_room = r->end_room == 0 ? 16 : 2 * r->end_room;
		r->ends = memory_resize(r->ends, r->end_room * sizeof(*r->ends));
	}
	r->ends[r->end_count++] = (struct run_end){ run_now_ms(r) + lasts_ms, *a };
}

/* Which side of a partition a node is on. Of the node's place alone, so that it is the same however many
 * actions were left out. */
static unsigned partition_group(size_t node, int64_t mask)
{
	uint64_t h = (node + 1) * 0x9e3779b97f4a7c15u;

	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
	h ^= h >> 31;
	return (h & (uint64_t)mask) == (uint64_t)mask;
}

static void partition(struct run *r, int64_t mask)
{
	for (size_t i = 0; i < world_count(r->world); i++)
		net_set_group(world_net(r->world), i, mask == 0 ? 0 : partition_group(i, mask));
	check_disturbed(r->check);
}

static void weather(struct run *r, int64_t percent)
{
	struct net_weather w = r->weather;
	uint32_t strength = percent < 0 ? 0 : percent > 100 ? 100 : (uint32_t)percent;

	w.latency.us += (uint64_t)strength * 3000;
	w.jitter.us += (uint64_t)strength * 3000;
	w.loss_ppm += strength * 3000;
	w.reorder_ppm += strength * 2000;
	w.duplicate_ppm += strength * 1000;
	net_set_weather(world_net(r->world), &w);
	check_disturbed(r->check);
}

static void stop(struct run *r, const struct action *a)
{
	check_failing(r->check, a->node, a->kind == ACTION_DESTROY);
	if (a->kind == ACTION_LEAVE)
		world_leave(r->world, a->node);
	else if (a->kind == ACTION_DESTROY)
		world_destroy(r->world, a->node, true);
	else
		world_kill(r->world, a->node, a->kind == ACTION_SILENT_KILL);
}

static void disk_fault(struct run *r, size_t node, enum disk_fault fault)
{
	disk_set_fault(world_disk(r->world, node), fault);
}

/* Actions on one node that runs. */
static void perform_on_running(struct run *r, const struct action *a)
{
	struct net *n = world_net(r->world);

	switch (a->kind) {
	case ACTION_KILL:
	case ACTION_SILENT_KILL:
	case ACTION_DESTROY:
	case ACTION_LEAVE:
		stop(r, a);
		break;
	case ACTION_PAUSE:
		net_pause(n, a->node);
		check_disturbed(r->check);
		end_add(r, a, (uint64_t)a->amount);
		break;
	case ACTION_SLOW:
		net_set_slowness(n, a->node, duration_us((uint64_t)a->amount));
		break;
	case ACTION_CLOCK:
		net_set_clock(n, a->node, a->amount, 0);
		break;
	case ACTION_REGISTER:
		world_register(r->world, a->node, (uint32_t)a->amount);
		break;
	case ACTION_UNREGISTER:
		world_unregister(r->world, a->node);
		break;
	case ACTION_LOOKUP:
		world_lookup(r->world, a->node, (size_t)a->other, NULL, NULL);
		break;
	case ACTION_ASSOCIATE:
		world_exchange(r->world, a->node, (size_t)a->other);
		break;
	default:
		break;
	}
}

/* Those on the net, or on a disk that outlives its node. */
static void perform_on_net(struct run *r, const struct action *a)
{
	struct net *n = world_net(r->world);

	switch (a->kind) {
	case ACTION_BREAK:
		net_break_link(n, a->node, (size_t)a->other);
		break;
	case ACTION_CUT:
		net_cut(n, a->node, (size_t)a->other, true);
		check_disturbed(r->check);
		end_add(r, a, (uint64_t)a->amount);
		break;
	case ACTION_PARTITION:
		partition(r, a->amount);
		end_add(r, a, a->other);
		break;
	case ACTION_WEATHER:
		weather(r, a->amount);
		end_add(r, a, a->other);
		break;
	case ACTION_DISK_FULL:
		disk_fault(r, a->node, DISK_FULL);
		end_add(r, a, (uint64_t)a->amount);
		break;
	case ACTION_DISK_ERROR:
		disk_fault(r, a->node, DISK_IO_ERROR);
		end_add(r, a, (uint64_t)a->amount);
		break;
	default:
		perform_on_running(r, a);
		break;
	}
}

static bool is_on_running(enum action_kind kind)
{
	return kind != ACTION_START && kind != ACTION_BREAK && kind != ACTION_CUT && kind != ACTION_PARTITION &&
	       kind != ACTION_WEATHER && kind != ACTION_DISK_FULL && kind != ACTION_DISK_ERROR;
}

void run_perform(struct run *r, const struct action *a)
{
	const struct run_watch *watch = r->options->watch;
	bool runs = net_is_running(world_net(r->world), a->node);
	char text[120];

	/* What a cut plan left without an object. */
	if ((a->kind == ACTION_START && runs) || (is_on_running(a->kind) && !runs))
		return;
	r->result->actions[a->kind]++;
	run_log(r, action_name(a->kind), "%s", trace_action(a, r->result->peers, text, sizeof(text)));
	if (watch != NULL && watch->action != NULL)
		watch->action(watch->ctx, world_now(r->world), a);
	if (a->kind == ACTION_START)
		world_start(r->world, a->node);
	else
		perform_on_net(r, a);
}

static void end_perform(struct run *r, const struct action *a)
{
	struct net *n = world_net(r->world);
	char text[120];

	run_log(r, action_name(a->kind), "%s over=1", trace_action(a, r->result->peers, text, sizeof(text)));
	switch (a->kind) {
	case ACTION_PAUSE:
		if (net_is_running(n, a->node) && net_is_paused(n, a->node))
			net_resume(n, a->node);
		check_disturbed(r->check);
		break;
	case ACTION_CUT:
		net_cut(n, a->node, (size_t)a->other, false);
		check_disturbed(r->check);
		break;
	case ACTION_PARTITION:
		partition(r, 0);
		break;
	case ACTION_WEATHER:
		weather(r, 0);
		break;
	case ACTION_DISK_FULL:
	case ACTION_DISK_ERROR:
		disk_fault(r, a->node, DISK_OK);
		break;
	default:
		break;
	}
}

uint64_t run_next_end_ms(const struct run *r)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < r->end_count; i++)
		if (r->ends[i].at_ms < next)
			next = r->ends[i].at_ms;
	return next;
}

void run_end_due(struct run *r, bool all)
{
	uint64_t now = run_now_ms(r);
	size_t kept = 0;

	for (size_t i = 0; i < r->end_count; i++) {
		struct run_end end = r->ends[i];

		if (all || end.at_ms <= now)
			end_perform(r, &end.action);
		else
			r->ends[kept++] = end;
	}
	r->end_count = kept;
}
