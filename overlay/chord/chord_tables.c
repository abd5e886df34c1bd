/* SPDX-License-Identifier: MIT */
/* The nodes linked to us, and what follows from them: routable nodes, Neighbor Table, Finger Table. */
#include <stdlib.h>
#include <string.h>

#include "overlay/chord/chord_state.h"

#define CHORD_REACH_MAX 20 /* log2 of a million peers; a hostile neighbourhood cannot ask for more */

/* The place of `id` among the nodes, or where it would go. */
static size_t chord_tables_place(const struct chord *c, const struct node_id *id)
{
	size_t low = 0;
	size_t high = c->node_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (node_id_compare(&c->nodes[middle].id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct chord_node *chord_tables_find(const struct chord *c, const struct node_id *id)
{
	size_t place = chord_tables_place(c, id);

	if (place < c->node_count && node_id_equal(&c->nodes[place].id, id))
		return &c->nodes[place];
	return NULL;
}

struct chord_node *chord_tables_add(struct chord *c, const struct node_id *id)
{
	size_t place = chord_tables_place(c, id);

	if (place < c->node_count && node_id_equal(&c->nodes[place].id, id))
		return &c->nodes[place];
	if (c->node_count == CHORD_NODES_MAX || node_id_equal(id, &c->self))
		return NULL;
	if (c->node_count == c->node_room) {
		c->node_room = c->node_room == 0 ? 16 : 2 * c->node_room;
		c->nodes = memory_resize(c->nodes, c->node_room * sizeof(*c->nodes));
		c->routable = memory_resize(c->routable, c->node_room * sizeof(*c->routable));
	}
	memmove(&c->nodes[place + 1], &c->nodes[place],
		(c->node_count - place) * sizeof(*c->nodes));
	c->node_count++;
	c->nodes[place] = (struct chord_node){ .id = *id };
	return &c->nodes[place];
}

void chord_tables_remove(struct chord *c, const struct node_id *id)
{
	size_t place = chord_tables_place(c, id);

	if (place == c->node_count || !node_id_equal(&c->nodes[place].id, id))
		return;
	c->node_count--;
	memmove(&c->nodes[place], &c->nodes[place + 1],
		(c->node_count - place) * sizeof(*c->nodes));
}

bool chord_tables_is_ready(const struct chord *c, const struct node_id *id)
{
	const struct chord_node *node = chord_tables_find(c, id);

	return node != NULL && node->is_ready;
}

bool chord_tables_set_ready(struct chord *c, struct now now, const struct node_id *id, bool ready)
{
	struct chord_node *node = chord_tables_find(c, id);

	if (node == NULL || node->is_ready == ready)
		return false;
	node->is_ready = ready;
	node->ready_since = now.mono;
	chord_tables_recompute(c, now);
	return true;
}

/* Where in `routable` the ring goes on clockwise after `id`: index of the first greater one, or 0. */
static size_t chord_tables_after(const struct chord *c, const struct node_id *id)
{
	size_t low = 0;
	size_t high = c->routable_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (node_id_compare(&c->routable[middle], id) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low == c->routable_count ? 0 : low;
}

static size_t chord_tables_log2(size_t n)
{
	size_t bits = 0;

	while (((size_t)1 << bits) < n)
		bits++;
	return bits;
}

size_t chord_tables_population(const struct chord *c)
{
	size_t span = c->predecessor_count + c->successor_count;
	uint32_t ppb;

	/* The lists meet on the far side of the ring: then all of it is known. */
	if (c->predecessor_count == 0 || c->routable_count <= span)
		return c->routable_count + 1;
	ppb = node_id_share_ppb(&c->predecessors[c->predecessor_count - 1],
				&c->successors[c->successor_count - 1]);
	if (ppb == 0)
		return (size_t)1 << CHORD_REACH_MAX;
	return span * 1000000000ull / ppb + 1;
}

/* r = max(3, ceil(log2 N)). It falls only by two steps at once, so that an estimate at a boundary does not
 * make the tables flap. */
static void chord_tables_set_reach(struct chord *c)
{
	size_t wanted = chord_tables_log2(chord_tables_population(c));

	if (wanted < CHORD_REACH_MIN)
		wanted = CHORD_REACH_MIN;
	if (wanted > CHORD_REACH_MAX)
		wanted = CHORD_REACH_MAX;
	if (wanted > c->reach || wanted + 1 < c->reach)
		c->reach = wanted;
}

static void chord_tables_set_lists(struct chord *c)
{
	size_t n = c->routable_count;
	size_t count = n < c->reach ? n : c->reach;
	size_t next = chord_tables_after(c, &c->self);

	for (size_t i = 0; i < count; i++) {
		c->successors[i] = c->routable[(next + i) % n];
		c->predecessors[i] = c->routable[(next + n - 1 - i) % n];
	}
	c->successor_count = count;
	c->predecessor_count = count;
}

/* A finger stays while it is ready and in its interval; else any ready node of the interval takes its
 * place, so that incoming links serve as fingers too. */
static void chord_tables_set_fingers(struct chord *c)
{
	size_t last = CHORD_FINGERS_MIN;

	/* Large enough to contain at least the final successor (10.7.4.3). */
	if (c->successor_count > 0) {
		last = chord_tables_finger_of(c, &c->successors[c->successor_count - 1]) + 1;
		if (last < CHORD_FINGERS_MIN)
			last = CHORD_FINGERS_MIN;
		if (last > CHORD_FINGERS_MAX)
			last = CHORD_FINGERS_MAX;
	}
	c->finger_count = last;
	for (size_t i = 0; i < c->finger_count; i++) {
		struct chord_finger *f = &c->fingers[i];

		if (!node_id_is_zero(&f->id) && !chord_tables_is_ready(c, &f->id))
			f->id = (struct node_id){ { 0 } };
	}
	for (size_t k = 0; k < c->routable_count; k++) {
		size_t i = chord_tables_finger_of(c, &c->routable[k]);

		if (i < c->finger_count && node_id_is_zero(&c->fingers[i].id))
			c->fingers[i].id = c->routable[k];
	}
}

/* Which of the replica holders was lost: its place may be taken by somebody not known yet. */
static bool chord_tables_lost_replica(const struct chord *c, const struct node_id *old, size_t old_count)
{
	for (size_t i = 0; i < old_count && i < TOPOLOGY_REPLICAS; i++)
		if (!chord_tables_is_ready(c, &old[i]))
			return true;
	return false;
}

static void chord_tables_hold_over(void *ctx, struct now now)
{
	chord_tell_storage(ctx, now);
}

static bool chord_tables_lists_equal(const struct node_id *a, size_t a_count, const struct node_id *b,
				     size_t b_count)
{
	return a_count == b_count && (a_count == 0 || memcmp(a, b, a_count * sizeof(*a)) == 0);
}

static void chord_tables_log_change(const struct chord *c)
{
	char predecessor[NODE_ID_TEXT_SIZE] = "none";
	char successor[NODE_ID_TEXT_SIZE] = "none";

	if (c->predecessor_count > 0)
		node_id_text(&c->predecessors[0], predecessor);
	if (c->successor_count > 0)
		node_id_text(&c->successors[0], successor);
	log_info(peer_log(c->peer), "neighbors.changed",
		 "predecessor=%s successor=%s predecessors=%zu successors=%zu reach=%zu", predecessor,
		 successor, c->predecessor_count, c->successor_count, c->reach);
}

/* Who is next to us on the ring is watched closely: its loss must be noticed soon. */
static void chord_tables_watch(const struct chord *c)
{
	for (size_t i = 0; i < c->node_count; i++)
		link_set_watch(c->peer, &c->nodes[i].id,
			       chord_tables_is_neighbor(c, &c->nodes[i].id));
}

void chord_tables_recompute(struct chord *c, struct now now)
{
	struct node_id old_p[TOPOLOGY_NEIGHBORS_MAX];
	struct node_id old_s[TOPOLOGY_NEIGHBORS_MAX];
	size_t old_p_count = c->predecessor_count;
	size_t old_s_count = c->successor_count;
	bool range_changed;

	memcpy(old_p, c->predecessors, sizeof(old_p));
	memcpy(old_s, c->successors, sizeof(old_s));
	c->routable_count = 0;
	for (size_t i = 0; i < c->node_count; i++)
		if (c->nodes[i].is_ready)
			c->routable[c->routable_count++] = c->nodes[i].id;
	chord_tables_set_lists(c);
	chord_tables_set_reach(c);
	chord_tables_set_lists(c);
	chord_tables_set_fingers(c);
	if (c->has_bound && (chord_tables_is_ready(c, &c->bound) ||
			     chord_tables_is_quarantined(c, now, &c->bound)))
		c->has_bound = false;
	if (chord_tables_lists_equal(old_p, old_p_count, c->predecessors, c->predecessor_count) &&
	    chord_tables_lists_equal(old_s, old_s_count, c->successors, c->successor_count)) {
		fingers_refresh(c, now);
		return;
	}
	chord_tables_watch(c);
	/* Our own links going down behind us is no news. */
	if (c->leaving.is_active && !c->is_member)
		return;
	chord_tables_log_change(c);
	if (!c->is_member)
		return;
	range_changed = (old_p_count == 0) != (c->predecessor_count == 0) ||
			(old_p_count > 0 && !node_id_equal(&old_p[0], &c->predecessors[0]));
	if (chord_tables_lost_replica(c, old_s, old_s_count))
		timer_arm(peer_timers(c->peer), &c->hold_timer,
			  instant_add(now.mono, duration_ms(REPLICA_HOLD_DOWN_MS)),
			  chord_tables_hold_over, c);
	update_changed(c, now, range_changed);
	stabilize_soon(c, now);
	fingers_refresh(c, now);
	chord_tell_storage(c, now);
	if (c->successor_count == 0 && !c->leaving.is_active) {
		/* 10.7.1: all successors lost. We go on serving what we hold, and look for the ring. */
		log_warning(peer_log(c->peer), "ring.lost", "fingers=0");
		peer_rejoin(c->peer, now);
	}
}

bool chord_tables_would_be_neighbor(const struct chord *c, const struct node_id *id, size_t reach)
{
	size_t before = 0;
	size_t after = 0;

	/* How many ready nodes lie between us and it, either way round. The lists hold the nearest ones,
	 * so counting in them is enough. */
	for (size_t i = 0; i < c->successor_count; i++)
		before += node_id_between(&c->successors[i], &c->self, id);
	for (size_t i = 0; i < c->predecessor_count; i++)
		after += node_id_between(&c->predecessors[i], id, &c->self);
	return before < reach || after < reach;
}

bool chord_tables_is_neighbor(const struct chord *c, const struct node_id *id)
{
	for (size_t i = 0; i < c->successor_count; i++)
		if (node_id_equal(&c->successors[i], id))
			return true;
	for (size_t i = 0; i < c->predecessor_count; i++)
		if (node_id_equal(&c->predecessors[i], id))
			return true;
	return false;
}

size_t chord_tables_neighbors(const struct chord *c, struct node_id *out)
{
	size_t count = 0;

	for (size_t i = 0; i < c->successor_count; i++)
		out[count++] = c->successors[i];
	for (size_t i = 0; i < c->predecessor_count; i++) {
		bool is_known = false;

		for (size_t k = 0; k < c->successor_count; k++)
			is_known |= node_id_equal(&c->predecessors[i], &c->successors[k]);
		if (!is_known)
			out[count++] = c->predecessors[i];
	}
	return count;
}

void chord_tables_quarantine(struct chord *c, struct now now, const struct node_id *id)
{
	struct chord_quarantine *q = &c->quarantine[c->quarantine_next];

	for (size_t i = 0; i < CHORD_QUARANTINE_MAX; i++)
		if (node_id_equal(&c->quarantine[i].id, id))
			q = &c->quarantine[i];
	if (q == &c->quarantine[c->quarantine_next])
		c->quarantine_next = (c->quarantine_next + 1) % CHORD_QUARANTINE_MAX;
	q->id = *id;
	q->until = instant_add(now.mono, duration_ms(CHORD_QUARANTINE_MS));
}

bool chord_tables_is_quarantined(const struct chord *c, struct now now, const struct node_id *id)
{
	for (size_t i = 0; i < CHORD_QUARANTINE_MAX; i++)
		if (node_id_equal(&c->quarantine[i].id, id))
			return !instant_due(c->quarantine[i].until, now.mono);
	return false;
}

void chord_tables_unquarantine(struct chord *c, const struct node_id *id)
{
	for (size_t i = 0; i < CHORD_QUARANTINE_MAX; i++)
		if (node_id_equal(&c->quarantine[i].id, id))
			c->quarantine[i].until = (struct instant){ 0 };
}

void chord_tables_finger_range(const struct chord *c, size_t index, struct node_id *first,
			       struct node_id *last)
{
	const struct node_id one = { { [NODE_ID_LENGTH - 1] = 1 } };
	struct node_id end = c->self;

	*first = node_id_add_power(&c->self, (unsigned)(CHORD_FINGERS_MAX - 1 - index));
	/* x + 2^128 is x itself. */
	if (index > 0)
		end = node_id_add_power(&c->self, (unsigned)(CHORD_FINGERS_MAX - index));
	*last = node_id_subtract(&end, &one);
}

size_t chord_tables_finger_of(const struct chord *c, const struct node_id *id)
{
	struct node_id distance = node_id_subtract(id, &c->self);

	/* The highest bit set of the distance tells the interval. */
	for (size_t i = 0; i < NODE_ID_LENGTH; i++)
		for (size_t bit = 0; distance.bytes[i] != 0 && bit < 8; bit++)
			if ((distance.bytes[i] & (0x80u >> bit)) != 0)
				return 8 * i + bit;
	return CHORD_FINGERS_MAX;
}
