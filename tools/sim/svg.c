/* SPDX-License-Identifier: MIT */
/* Records what the picture shows. */
#include "tools/sim/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "overlay/link.h"
#include "tools/sim/svg_state.h"

#define YOUNG_S 15 /* a link of less age is drawn brighter */

static double seconds(const struct svg *s, struct now now)
{
	return (double)instant_since(now.mono, s->began).us / 1e6;
}

struct svg *svg_new(void) { return memory_alloc(sizeof(struct svg)); }

static void snapshot_free(struct svg_snapshot *snapshot)
{
	free(snapshot->nodes);
	free(snapshot->chords);
}

void svg_free(struct svg *s)
{
	for (size_t i = 0; i < s->snapshot_count; i++)
		snapshot_free(&s->snapshots[i]);
	free(s->angles);
	free(s->is_hostile);
	free(s->samples);
	free(s->events);
	free(s->faults);
	free(s);
}

void svg_set_world(struct svg *s, struct world *w)
{
	s->began = world_now(w).mono;
	s->peers = world_count(w);
	s->angles = memory_alloc(s->peers * sizeof(*s->angles));
	s->is_hostile = memory_alloc(s->peers);
	for (size_t i = 0; i < s->peers; i++) {
		const struct node_id *id = net_node_id(world_net(w), i);
		double turn = 0;

		for (size_t k = 4; k-- > 0;)
			turn = (turn + id->bytes[k]) / 256;
		s->angles[i] = turn * 2 * M_PI;
	}
}

void svg_hostile(struct svg *s, size_t node)
{
	s->hostile_count += !s->is_hostile[node];
	s->is_hostile[node] = true;
}

void svg_second(struct svg *s, struct world *w)
{
	struct svg_sample sample = { .at_s = seconds(s, world_now(w)) };

	for (size_t i = 0; i < s->peers; i++) {
		const struct peer *p = net_peer(world_net(w), i);

		sample.running += p != NULL;
		sample.joined += p != NULL && peer_state(p) == PEER_JOINED;
	}
	if (s->sample_count == s->sample_room) {
		s->sample_room = s->sample_room == 0 ? 256 : 2 * s->sample_room;
		s->samples = memory_resize(s->samples, s->sample_room * sizeof(*s->samples));
	}
	s->samples[s->sample_count++] = sample;
}

void svg_action(struct svg *s, struct now now, const struct action *a)
{
	struct svg_event e = { .at_s = seconds(s, now), .kind = a->kind };

	if (a->kind == ACTION_PARTITION || a->kind == ACTION_WEATHER)
		e.lasts_s = (double)a->other / 1e3;
	else if (a->kind == ACTION_PAUSE || a->kind == ACTION_CUT || a->kind == ACTION_DISK_FULL ||
		 a->kind == ACTION_DISK_ERROR)
		e.lasts_s = (double)a->amount / 1e3;
	if (s->event_count == s->event_room) {
		s->event_room = s->event_room == 0 ? 256 : 2 * s->event_room;
		s->events = memory_resize(s->events, s->event_room * sizeof(*s->events));
	}
	s->events[s->event_count++] = e;
}

void svg_violation(struct svg *s, const struct violation *v)
{
	struct svg_fault *f;

	s->faults = memory_resize(s->faults, (s->fault_count + 1) * sizeof(*s->faults));
	f = &s->faults[s->fault_count++];
	f->at_s = (double)v->at_ms / 1e3;
	(void)snprintf(f->text, sizeof(f->text), "%s: %.150s", check_name(v->check), v->text);
}

static bool is_among(const struct node_id *ids, size_t count, const struct node_id *id)
{
	for (size_t i = 0; i < count; i++)
		if (node_id_equal(&ids[i], id))
			return true;
	return false;
}

static enum svg_link type_seen_by(struct net *n, size_t node, const struct node_id *other)
{
	static struct topology_view view;
	struct peer *p = net_peer(n, node);
	const struct topology *t = p == NULL ? NULL : peer_topology(p);

	if (t == NULL)
		return SVG_LINK_OTHER;
	memset(&view, 0, sizeof(view));
	t->ops->view(t->ctx, &view);
	if (is_among(view.successors, view.successor_count, other) ||
	    is_among(view.predecessors, view.predecessor_count, other))
		return SVG_LINK_NEIGHBOR;
	return is_among(view.fingers, view.finger_count, other) ? SVG_LINK_FINGER : SVG_LINK_OTHER;
}

static enum svg_link link_type(struct net *n, size_t a, size_t b)
{
	enum svg_link seen = type_seen_by(n, a, net_node_id(n, b)), other = type_seen_by(n, b, net_node_id(n, a));

	return seen > other ? seen : other;
}

/* The links that this node opened. */
static void chords_add(struct svg_snapshot *snapshot, struct world *w, size_t node)
{
	const struct peer *p = net_peer(world_net(w), node);
	struct link_info info;
	size_t cursor = 0, other;

	while (p != NULL && link_next(p, &cursor, &info)) {
		if (!info.outgoing || info.state == LINK_OPENING || snapshot->chord_count == SVG_CHORDS_MAX)
			continue;
		other = world_find(w, &info.node_id);
		if (other == SIZE_MAX || other == node)
			continue;
		snapshot->chords[snapshot->chord_count++] = (struct svg_chord){
			node, other, link_type(world_net(w), node, other),
			instant_since(world_now(w).mono, info.since).us < YOUNG_S * 1000000ull
		};
	}
}

static enum svg_node node_state(struct net *n, size_t node)
{
	const struct peer *p = net_peer(n, node);

	if (p == NULL)
		return SVG_NODE_DOWN;
	if (net_is_paused(n, node))
		return SVG_NODE_PAUSED;
	return peer_state(p) == PEER_JOINED ? SVG_NODE_JOINED : SVG_NODE_JOINING;
}

void svg_snapshot(struct svg *s, struct world *w, const char *caption)
{
	struct svg_snapshot *snapshot;

	if (s->snapshot_count == SVG_SNAPSHOTS_MAX) {
		snapshot_free(&s->snapshots[0]);
		memmove(s->snapshots, s->snapshots + 1, (SVG_SNAPSHOTS_MAX - 1) * sizeof(s->snapshots[0]));
		s->snapshot_count--;
	}
	snapshot = &s->snapshots[s->snapshot_count++];
	memset(snapshot, 0, sizeof(*snapshot));
	(void)snprintf(snapshot->caption, sizeof(snapshot->caption), "%s", caption);
	snapshot->at_s = seconds(s, world_now(w));
	snapshot->nodes = memory_alloc(s->peers * sizeof(*snapshot->nodes));
	snapshot->chords = memory_alloc(SVG_CHORDS_MAX * sizeof(*snapshot->chords));
	for (size_t i = 0; i < s->peers; i++) {
		snapshot->nodes[i] = node_state(world_net(w), i);
		chords_add(snapshot, w, i);
	}
}
