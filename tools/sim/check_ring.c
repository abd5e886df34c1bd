/* SPDX-License-Identifier: MIT */
/* The ring from outside: the peers' lists against the Node-IDs of those that run. The conditions are those under
 * which Chord was shown to repair itself; what an injected fault broke itself is counted apart. */
#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/link.h"
#include "tools/sim/check_internal.h"

#define RING_PRINCIPALS 4 /* r + 1 with the smallest r (RFC 6940 10.7) */
#define RING_CLAIMS_LOOKED 4 /* members behind a point that are asked whether they claim it */
#define RING_GONE UINT64_MAX
#define RING_ALONE_MS 1000      /* without a live successor, while others run */
#define RING_RECONNECT_MS 10000 /* the same when it was links that broke */

static const struct node_id *ring_id(const struct check *c, size_t node)
{
	return net_node_id(world_net(c->world), node);
}

/* ---- One node's lists ---- */

/* The list goes round from `self`, strictly, without coming back to it. */
static bool ring_list_is_ordered(const struct node_id *self, const struct node_id *list, size_t count,
				 bool is_clockwise)
{
	struct node_id last = { { 0 } };

	for (size_t i = 0; i < count; i++) {
		struct node_id distance = is_clockwise ? node_id_subtract(&list[i], self)
						       : node_id_subtract(self, &list[i]);

		if (node_id_compare(&distance, &last) <= 0)
			return false;
		last = distance;
	}
	return true;
}

static void ring_check_list(struct check *c, size_t node, const struct node_id *list, size_t count, bool is_clockwise)
{
	const struct peer *p = net_peer(world_net(c->world), node);
	const char *which = is_clockwise ? "successors" : "predecessors";
	char text[NODE_ID_TEXT_SIZE];

	c->looked++;
	if (!ring_list_is_ordered(ring_id(c, node), list, count, is_clockwise))
		check_violate(c, CHECK_LISTS, node,
			      "the %zu %s of node %zu should be in order of their distance, each once and without the "
			      "node itself; they are not", count, which, node);
	for (size_t i = 0; i < count; i++) {
		if (world_find(c->world, &list[i]) == SIZE_MAX)
			check_violate(c, CHECK_LISTS, node,
				      "the %s of node %zu name %s, a Node-ID for which there is no certificate", which,
				      node, node_id_text(&list[i], text));
		else if (link_find_node(p, &list[i]) == 0)
			check_violate(c, CHECK_LISTS, node,
				      "the %s of node %zu name node %zu, to which it has no usable link", which, node,
				      world_find(c->world, &list[i]));
	}
}

static bool ring_view(struct check *c, size_t node, struct topology_view *view)
{
	struct peer *p = net_peer(world_net(c->world), node);
	const struct topology *t;

	if (p == NULL || peer_is_client(p))
		return false;
	t = peer_topology(p);
	t->ops->view(t->ctx, view);
	return true;
}

void check_ring_node(struct check *c, size_t node)
{
	struct topology_view view;

	if (!ring_view(c, node, &view))
		return;
	ring_check_list(c, node, view.successors, view.successor_count, true);
	ring_check_list(c, node, view.predecessors, view.predecessor_count, false);
}

/* ---- Who is there ---- */

static int ring_compare(const void *a, const void *b, void *ctx)
{
	return node_id_compare(ring_id(ctx, *(const uint32_t *)a), ring_id(ctx, *(const uint32_t *)b));
}

static void ring_order(struct check *c)
{
	if (c->ordered == c->count)
		return;
	c->order = memory_resize(c->order, c->count * sizeof(*c->order));
	c->rank = memory_resize(c->rank, c->count * sizeof(*c->rank));
	c->skips = memory_resize(c->skips, (c->count + 1) * sizeof(*c->skips));
	c->colour = memory_resize(c->colour, c->count);
	for (size_t i = 0; i < c->count; i++)
		c->order[i] = (uint32_t)i;
	qsort_r(c->order, c->count, sizeof(*c->order), ring_compare, c);
	for (size_t i = 0; i < c->count; i++)
		c->rank[c->order[i]] = (uint32_t)i;
	c->ordered = c->count;
}

/* The index of the part that the node is in. Parts beyond the last index share it. */
static unsigned ring_part(const struct check *c, size_t node)
{
	unsigned group = world_group(c->world, node);

	return group < CHECK_GROUPS ? group : CHECK_GROUPS - 1;
}

static void ring_update_node(struct check *c, size_t node)
{
	struct check_node *n = &c->nodes[node];
	const struct peer *p = net_peer(world_net(c->world), node);
	bool is_paused = p != NULL && net_is_paused(world_net(c->world), node);
	unsigned group = ring_part(c, node);

	n->is_member = p != NULL && !is_paused && !peer_is_client(p) && peer_state(p) == PEER_JOINED;
	if (is_paused || (p != NULL && peer_state(p) == PEER_LEAVING))
		n->gone_ms = check_now_ms(c);
	n->is_paused = is_paused;
	if (!n->is_member)
		n->joined_ms = 0;
	else if (n->joined_ms == 0)
		n->joined_ms = c->changed_ms = check_now_ms(c);
	if (group != n->group || world_is_cut(c->world, node))
		check_ring_disturbed(c);
	n->group = group;
}

void check_ring_members(struct check *c)
{
	ring_order(c);
	for (size_t g = 0; g < CHECK_GROUPS; g++)
		c->parts[g].count = 0;
	for (size_t i = 0; i < c->count; i++) {
		size_t node = c->order[i];
		struct check_part *part;

		ring_update_node(c, node);
		if (!c->nodes[node].is_member)
			continue;
		part = &c->parts[c->nodes[node].group];
		if (part->count == part->room) {
			part->room = part->room == 0 ? 16 : 2 * part->room;
			part->members = memory_resize(part->members, part->room * sizeof(*part->members));
		}
		c->nodes[node].place = (uint32_t)part->count;
		part->members[part->count++] = (uint32_t)node;
	}
}

void check_ring_gone(struct check *c, size_t node)
{
	struct check_node *n = &c->nodes[node];

	n->gone_ms = c->changed_ms = check_now_ms(c);
	n->is_member = n->is_out = false;
	n->joined_ms = n->alone_ms = n->unclaimed_ms = n->crowded_ms = n->doubled_ms = 0;
	n->successor_count = 0;
}

void check_ring_disturbed(struct check *c)
{
	c->disturbed_ms = c->changed_ms = check_now_ms(c);
	for (size_t g = 0; g < CHECK_GROUPS; g++)
		c->parts[g].is_excused = true;
}

/* A state that may pass: true when it has lasted too long. */
static bool ring_lasts(struct check *c, bool is_so, uint64_t *since_ms, uint64_t from_ms, uint64_t patience_ms)
{
	uint64_t now_ms = check_now_ms(c);

	c->looked++;
	if (!is_so) {
		*since_ms = 0;
		return false;
	}
	if (*since_ms == 0)
		*since_ms = now_ms;
	if (*since_ms < from_ms)
		*since_ms = from_ms;
	if (*since_ms < c->disturbed_ms)
		*since_ms = c->disturbed_ms;
	return now_ms - *since_ms > patience_ms;
}

/* ---- Successors and principals ---- */

/* All of its successors went within one repair window, or it lost them when it was cut off. */
static bool ring_loss_is_excused(const struct check *c, const struct check_node *n)
{
	uint64_t first = RING_GONE, last = 0, now_ms = check_now_ms(c);

	if (n->is_out || now_ms - c->disturbed_ms <= c->settle_ms + c->window_ms || n->successor_count == 0)
		return true;
	for (size_t i = 0; i < n->successor_count; i++) {
		uint64_t gone = c->nodes[n->successors[i]].gone_ms;

		first = gone < first ? gone : first;
		last = gone > last ? gone : last;
	}
	return first != 0 && last - first <= c->window_ms;
}

/* What is proved of Chord's repair knows of failing nodes only, not of links that break between two that live. A peer
 * whose last link broke has nobody to ask: it must come back through the addresses that it knows, which takes a
 * back-off, a handshake, a question and an Attach, some of it lost on the way. */
static uint64_t ring_alone_patience_ms(const struct check *c, size_t node)
{
	const struct peer *p = net_peer(world_net(c->world), node);
	uint64_t now_us = net_node_now(world_net(c->world), node).mono.us;
	struct link_info l;

	/* With a link that did not break it needs no patience. */
	for (size_t cursor = 0; link_next(p, &cursor, &l);)
		if (l.state == LINK_ATTACHED && !l.is_client && now_us - l.since.us > 1000 * RING_RECONNECT_MS)
			return RING_ALONE_MS;
	return RING_RECONNECT_MS;
}

static void ring_check_successor(struct check *c, size_t node)
{
	struct check_node *n = &c->nodes[node];
	struct check_part *part = &c->parts[n->group];

	c->looked++;
	if (n->next != CHECK_NONE || part->count < 2) {
		n->is_out = false;
		n->alone_ms = 0;
		return;
	}
	/* One that has just come, or the others have: the lists follow within one round. */
	if (check_now_ms(c) - n->joined_ms <= c->settle_ms || n->is_hostile)
		return;
	if (ring_loss_is_excused(c, n)) {
		c->excused[CHECK_LIVE_SUCCESSOR] += !n->is_out;
		n->is_out = part->is_excused = true;
		return;
	}
	if (ring_lasts(c, true, &n->alone_ms, 0, ring_alone_patience_ms(c, node)))
		check_violate(c, CHECK_LIVE_SUCCESSOR, node,
			      "node %zu has joined and %zu others run, but of its %zu successors none is alive, though "
			      "they did not all fail within %llu s", node, part->count - 1, n->successor_count,
			      (unsigned long long)c->window_ms / 1000);
}

/* Marks all nodes between two others, clockwise and without them, as skipped. */
static void ring_skip(struct check *c, uint32_t after, uint32_t before)
{
	uint32_t from = after + 1;

	if (after == before || from == before)
		return;
	if (from == c->count)
		from = 0;
	if (from == before)
		return;
	c->skips[from]++;
	c->skips[before]--;
	if (from > before)
		c->skips[0]++;
}

/* Its first live successor; what its list skips. */
static void ring_read_successors(struct check *c, size_t node, struct topology_view *view)
{
	struct check_node *n = &c->nodes[node];
	uint32_t last = c->rank[node];

	n->next = CHECK_NONE;
	if (!ring_view(c, node, view))
		return;
	if (view->successor_count > 0)
		n->successor_count = 0;
	for (size_t i = 0; i < view->successor_count; i++) {
		size_t other = world_find(c->world, &view->successors[i]);

		if (other == SIZE_MAX)
			continue;
		n->successors[n->successor_count++] = (uint32_t)other;
		ring_skip(c, last, c->rank[other]);
		last = c->rank[other];
		if (n->next == CHECK_NONE && c->nodes[other].is_member && c->nodes[other].group == n->group)
			n->next = (uint32_t)other;
	}
}

static void ring_check_principals(struct check *c, struct check_part *part)
{
	size_t wanted = part->count < RING_PRINCIPALS ? part->count : RING_PRINCIPALS, principals = 0;
	size_t at = 0;
	int32_t skipped = 0;

	/* Members stand in the order of `order`. */
	for (size_t i = 0; i < c->count && at < part->count; i++) {
		skipped += c->skips[i];
		if (c->order[i] != part->members[at])
			continue;
		principals += skipped == 0;
		at++;
	}
	if (principals >= wanted) {
		part->principals_ms = 0;
		c->looked++;
		return;
	}
	if (part->is_excused)
		c->excused[CHECK_PRINCIPALS]++;
	else if (ring_lasts(c, true, &part->principals_ms, 0, c->settle_ms))
		check_violate(c, CHECK_PRINCIPALS, SIZE_MAX,
			      "of %zu members only %zu are skipped by nobody's list of successors; there should be %zu",
			      part->count, principals, wanted);
}

/* ---- One ring, in order ---- */

enum { RING_WHITE, RING_GREY, RING_BLACK };

/* Follows the first live successors from each member: how many circles there are, and how often the first goes
 * round the identifiers. Who has no successor is a circle of its own. */
static size_t ring_circles(struct check *c, const struct check_part *part, size_t *rounds, size_t *somebody)
{
	size_t circles = 0;

	for (size_t i = 0; i < part->count; i++)
		c->colour[part->members[i]] = RING_WHITE;
	for (size_t i = 0; i < part->count; i++) {
		uint32_t start = part->members[i], at = start;

		while (c->colour[at] == RING_WHITE) {
			c->colour[at] = RING_GREY;
			if (c->nodes[at].next != CHECK_NONE)
				at = c->nodes[at].next;
		}
		if (c->colour[at] == RING_GREY && circles++ == 0) {
			uint32_t first = at;

			*rounds = 0;
			do {
				uint32_t next = c->nodes[at].next == CHECK_NONE ? at : c->nodes[at].next;

				*rounds += c->nodes[next].place <= c->nodes[at].place;
				at = next;
			} while (at != first);
		} else if (c->colour[at] == RING_GREY) {
			*somebody = at;
		}
		for (at = start; c->colour[at] == RING_GREY;) {
			c->colour[at] = RING_BLACK;
			if (c->nodes[at].next != CHECK_NONE)
				at = c->nodes[at].next;
		}
	}
	return circles;
}

static void ring_check_one(struct check *c, struct check_part *part)
{
	size_t rounds = 1, somebody = SIZE_MAX;
	size_t circles = ring_circles(c, part, &rounds, &somebody);

	if (circles <= 1 && rounds == 1) {
		part->split_ms = part->loopy_ms = 0;
		/* Whole again, and not for a moment. */
		if (check_now_ms(c) - c->disturbed_ms > c->settle_ms)
			part->is_excused = false;
		c->looked += 2;
		return;
	}
	if (part->is_excused) {
		c->excused[CHECK_ONE_RING] += circles > 1;
		c->excused[CHECK_ORDERED] += rounds != 1;
		return;
	}
	if (ring_lasts(c, circles > 1, &part->split_ms, 0, c->settle_ms))
		check_violate(c, CHECK_ONE_RING, somebody,
			      "following the first live successors of the %zu members leads into %zu separate "
			      "rings for "
			      "%llu s now; node %zu (%s) is in another one than the first", part->count, circles,
			      (unsigned long long)(check_now_ms(c) - part->split_ms) / 1000, somebody,
			      somebody == SIZE_MAX ? "" : check_state(c, somebody));
	if (ring_lasts(c, rounds != 1, &part->loopy_ms, 0, c->settle_ms))
		check_violate(c, CHECK_ORDERED, SIZE_MAX,
			      "the ring of the first live successors goes round the identifiers %zu times "
			      "before it closes",
			      rounds);
}

/* ---- Responsibility ---- */

static bool ring_claims(const struct check *c, const struct check_part *part, size_t node, const struct node_id *point)
{
	struct peer *p = net_peer(world_net(c->world), node);
	const struct topology *t;

	if (p == NULL || &c->parts[c->nodes[node].group] != part)
		return false;
	t = peer_topology(p);
	return t->ops->is_responsible(t->ctx, point);
}

/* Somebody else claims the point: a member behind it, or one that runs between two members (leaving, say). */
static bool ring_other_claims(const struct check *c, const struct check_part *part, size_t place,
			      const struct node_id *point)
{
	uint32_t rank = c->rank[part->members[place]];
	uint32_t before = c->rank[part->members[(place + part->count - 1) % part->count]];

	for (size_t i = 1; i <= RING_CLAIMS_LOOKED && i < part->count; i++)
		if (ring_claims(c, part, part->members[(place + i) % part->count], point))
			return true;
	for (uint32_t i = (before + 1) % (uint32_t)c->count; i != rank; i = (i + 1) % (uint32_t)c->count)
		if (ring_claims(c, part, c->order[i], point))
			return true;
	return false;
}

static void ring_check_claims(struct check *c, const struct check_part *part, size_t place)
{
	size_t node = part->members[place];
	size_t before = part->members[(place + part->count - 1) % part->count];
	struct check_node *n = &c->nodes[node];
	const struct node_id *self = ring_id(c, node);
	struct node_id first = node_id_next(ring_id(c, before));
	bool is_claimed = ring_claims(c, part, node, self) && ring_claims(c, part, node, &first);
	unsigned others = 0;
	uint64_t settled_ms = n->joined_ms, gone_ms = 0;

	/* A predecessor that is dead and not yet known to be still bounds what it claims. */
	for (uint32_t i = (c->rank[before] + 1) % (uint32_t)c->count; i != c->rank[node];
	     i = (i + 1) % (uint32_t)c->count)
		if (c->nodes[c->order[i]].gone_ms > gone_ms)
			gone_ms = c->nodes[c->order[i]].gone_ms;
	if (gone_ms > settled_ms)
		settled_ms = gone_ms;
	if (!is_claimed)
		is_claimed = ring_other_claims(c, part, place, self) && ring_other_claims(c, part, place, &first);
	if (ring_lasts(c, !is_claimed, &n->unclaimed_ms, settled_ms, c->settle_ms))
		check_violate(c, CHECK_RESPONSIBILITY, node,
			      "nobody has been responsible for what lies between node %zu and node %zu for %llu "
			      "s; node %zu "
			      "(%s) should be", before, node,
			      (unsigned long long)(check_now_ms(c) - n->unclaimed_ms) / 1000, node,
			       check_state(c, node));
	for (size_t i = 1; i <= RING_CLAIMS_LOOKED && i < part->count; i++)
		others += ring_claims(c, part, part->members[(place + i) % part->count], self);
	if (ring_lasts(c, others > 1, &n->crowded_ms, n->joined_ms, c->settle_ms) ||
	    ring_lasts(c, others == 1, &n->doubled_ms, n->joined_ms, 3 * c->settle_ms))
		check_violate(c, CHECK_RESPONSIBILITY, node,
			      "%u others claim to be responsible for the identifier of node %zu, for longer "
			      "than a join may "
			      "take", others, node);
}

/* What lasted before an excuse does not count after it: nobody looked in between. */
static void ring_begin_anew(struct check *c, struct check_part *part)
{
	part->principals_ms = part->split_ms = part->loopy_ms = 0;
	for (size_t i = 0; i < part->count; i++) {
		struct check_node *n = &c->nodes[part->members[i]];

		n->unclaimed_ms = n->crowded_ms = n->doubled_ms = 0;
	}
}

static void ring_check_part(struct check *c, struct check_part *part)
{
	struct topology_view view;

	memset(c->skips, 0, (c->count + 1) * sizeof(*c->skips));
	for (size_t i = 0; i < part->count; i++) {
		if (!c->options.every_event && !c->nodes[part->members[i]].is_hostile)
			check_ring_node(c, part->members[i]);
		ring_read_successors(c, part->members[i], &view);
		ring_check_successor(c, part->members[i]);
	}
	ring_check_principals(c, part);
	ring_check_one(c, part);
	if (part->is_excused)
		ring_begin_anew(c, part);
	for (size_t i = 0; i < part->count && !part->is_excused; i++)
		if (!c->nodes[part->members[i]].is_hostile)
			ring_check_claims(c, part, i);
}

void check_ring_all(struct check *c)
{
	for (size_t g = 0; g < CHECK_GROUPS; g++)
		if (c->parts[g].count > 0)
			ring_check_part(c, &c->parts[g]);
}
