/* SPDX-License-Identifier: MIT */
/* The nodes linked to us, and what follows from them: routable nodes, Neighbor Table, Finger Table. */
#include <stdlib.h>
#include <string.h>

#include "overlay/chord/chord_state.h"

#define CHORD_ROOM_STEP 4 /* nodes */

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

static void chord_tables_resize(struct chord *c, size_t room)
{
	c->node_room = room;
	c->nodes = memory_resize(c->nodes, room * sizeof(*c->nodes));
	c->routable = memory_resize(c->routable, room * sizeof(*c->routable));
}

struct chord_node *chord_tables_add(struct chord *c, const struct node_id *id)
{
	size_t place = chord_tables_place(c, id);

	if (place < c->node_count && node_id_equal(&c->nodes[place].id, id))
		return &c->nodes[place];
	if (c->node_count == CHORD_NODES_MAX || node_id_equal(id, &c->self))
		return NULL;
	if (c->node_count == c->node_room) {
		chord_tables_resize(c, c->node_room + CHORD_ROOM_STEP);
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
	if (c->node_room >= c->node_count + 3 * CHORD_ROOM_STEP)
		chord_tables_resize(c, c->node_room - 2 * CHORD_ROOM_STEP);
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
	size_t known = c->routable_count + 1;
	uint64_t estimate;
	uint32_t ppb;

	/* The lists meet on the far side of the ring: then all of it is known. */
	if (c->predecessor_count == 0 || c->routable_count <= span)
		return known;
	ppb = node_id_share_ppb(&c->predecessors[c->predecessor_count - 1],
				&c->successors[c->successor_count - 1]);
	if (ppb == 0)
		return (size_t)1 << CHORD_REACH_MAX;
	estimate = span * 1000000000ull / ppb + 1;
	/* Whoever is linked to us and verified is there. */
	return estimate > known ? estimate : known;
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
	if (last != c->finger_count) {
		c->fingers = memory_resize(c->fingers, last * sizeof(*c->fingers));
		for (size_t i = c->finger_count; i < last; i++)
			c->fingers[i] = (struct chord_finger){ .was_found = false };
		c->finger_count = last;
	}
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

static size_t chord_tables_replicas(size_t count)
{
	return count < TOPOLOGY_REPLICAS ? count : TOPOLOGY_REPLICAS;
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
static void chord_tables_mark(struct chord *c, const struct node_id *list, size_t count, bool *marks)
{
	for (size_t i = 0; i < count; i++)
		marks[chord_tables_place(c, &list[i])] = true;
}

static void chord_tables_watch(struct chord *c)
{
	bool *marks = memory_alloc(c->node_count + 1);

	chord_tables_mark(c, c->successors, c->successor_count, marks);
	chord_tables_mark(c, c->predecessors, c->predecessor_count, marks);
	for (size_t i = 0; i < c->node_count; i++) {
		if (c->nodes[i].is_neighbor == marks[i])
			continue;
		c->nodes[i].is_neighbor = marks[i];
		link_set_watch(c->peer, &c->nodes[i].id, marks[i]);
	}
	free(marks);
}

/* The Neighbor Table as it was. */
struct chord_tables_old {
	struct node_id predecessors[CHORD_REACH_MAX];
	struct node_id successors[CHORD_REACH_MAX];
	size_t predecessor_count;
	size_t successor_count;
	size_t reach;
};

/* Somebody of an old list is there no more. */
static bool chord_tables_lost(const struct chord *c, const struct node_id *old, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!chord_tables_is_ready(c, &old[i]))
			return true;
	return false;
}

static size_t chord_tables_nearest(size_t count)
{
	return count < CHORD_REACH_MIN ? count : CHORD_REACH_MIN;
}

/* The lists have changed: tells whoever must know. */
static void chord_tables_changed(struct chord *c, struct now now, const struct chord_tables_old *old)
{
	enum update_scope scope = UPDATE_NEXT;
	bool range_changed = (old->predecessor_count == 0) != (c->predecessor_count == 0) ||
			     (old->predecessor_count > 0 &&
			      !node_id_equal(&old->predecessors[0], &c->predecessors[0]));

	if (!chord_tables_lists_equal(old->predecessors, chord_tables_nearest(old->predecessor_count),
				      c->predecessors, chord_tables_nearest(c->predecessor_count)) ||
	    !chord_tables_lists_equal(old->successors, chord_tables_nearest(old->successor_count),
				      c->successors, chord_tables_nearest(c->successor_count)))
		scope = UPDATE_NEAREST;
	if (chord_tables_lost(c, old->successors, chord_tables_replicas(old->successor_count)))
		timer_arm(peer_timers(c->peer), &c->hold_timer,
			  instant_add(now.mono, duration_ms(REPLICA_HOLD_DOWN_MS)),
			  chord_tables_hold_over, c);
	update_changed(c, now, scope, range_changed);
	/* Those at the ends of our lists know who comes after them, where we are short of somebody. */
	if (c->reach > old->reach || chord_tables_lost(c, old->successors, old->successor_count) ||
	    chord_tables_lost(c, old->predecessors, old->predecessor_count))
		update_pull(c, now);
	if (scope == UPDATE_NEAREST)
		stabilize_soon(c, now);
	fingers_refresh(c, now);
	if (scope == UPDATE_NEAREST || range_changed)
		chord_tell_storage(c, now);
}

static void chord_tables_derive(struct chord *c, struct now now)
{
	c->routable_count = 0;
	for (size_t i = 0; i < c->node_count; i++)
		if (c->nodes[i].is_ready)
			c->routable[c->routable_count++] = c->nodes[i].id;
	chord_tables_set_lists(c);
	chord_tables_set_reach(c);
	chord_tables_set_lists(c);
	chord_tables_set_fingers(c);
	if (c->has_bound &&
	    (chord_tables_is_ready(c, &c->bound) || quarantine_has(c, now, &c->bound)))
		c->has_bound = false;
}

void chord_tables_recompute(struct chord *c, struct now now)
{
	struct chord_tables_old old = { .predecessor_count = c->predecessor_count,
					.successor_count = c->successor_count,
					.reach = c->reach };

	memcpy(old.predecessors, c->predecessors, sizeof(old.predecessors));
	memcpy(old.successors, c->successors, sizeof(old.successors));
	chord_tables_derive(c, now);
	chord_tables_watch(c);
	if (chord_tables_lists_equal(old.predecessors, old.predecessor_count, c->predecessors,
				     c->predecessor_count) &&
	    chord_tables_lists_equal(old.successors, old.successor_count, c->successors,
				     c->successor_count)) {
		fingers_refresh(c, now);
		return;
	}
	/* Our own links going down behind us is no news. */
	if (c->leaving.is_active && !c->is_member)
		return;
	chord_tables_log_change(c);
	if (!c->is_member)
		return;
	chord_tables_changed(c, now, &old);
	leave_on_neighbors(c, now);
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

size_t chord_tables_rank(const struct chord *c, const struct node_id *id)
{
	size_t n = c->routable_count;
	size_t self = chord_tables_after(c, &c->self);
	size_t at = chord_tables_after(c, id);
	bool is_listed = chord_tables_is_ready(c, id);
	size_t before, after;

	if (n == 0)
		return 0;
	/* Ready nodes from us to it, clockwise, and from it to us. */
	before = (at + n - self) % n;
	after = (self + n - at) % n;
	if (is_listed)
		before = (before + n - 1) % n;
	return before < after ? before : after;
}

bool chord_tables_is_neighbor(const struct chord *c, const struct node_id *id)
{
	const struct chord_node *node = chord_tables_find(c, id);

	return node != NULL && node->is_neighbor;
}

size_t chord_tables_neighbors(const struct chord *c, size_t depth, struct node_id *out)
{
	size_t successors = c->successor_count < depth ? c->successor_count : depth;
	size_t predecessors = c->predecessor_count < depth ? c->predecessor_count : depth;
	size_t count = 0;

	for (size_t i = 0; i < successors; i++)
		out[count++] = c->successors[i];
	for (size_t i = 0; i < predecessors; i++) {
		bool is_known = false;

		for (size_t k = 0; k < successors; k++)
			is_known |= node_id_equal(&c->predecessors[i], &c->successors[k]);
		if (!is_known)
			out[count++] = c->predecessors[i];
	}
	return count;
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
