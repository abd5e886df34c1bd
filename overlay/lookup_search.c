/* SPDX-License-Identifier: MIT */
/* The nodes met by one lookup's search: ways to them, who is likely to hold the Resource, whom to ask next. */
#include "overlay/lookup_state.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/evidence.h"
#include "overlay/link.h"
#include "overlay/peer.h"

#define SEARCH_BRANCHES 4 /* in work at first */
#define SEARCH_SETTLED 6  /* nodes */
#define SEARCH_REACH 20   /* mean distances of neighbours within which the third holder is expected */
#define SEARCH_DISTRUST 300000u /* ppm: links trusted less come last */

static const struct node_id ZERO;

static struct node_id search_nearness(const struct node_id *target, const struct node_id *id)
{
	struct node_id after = node_id_subtract(id, target);
	struct node_id before = node_id_subtract(target, id);

	return node_id_compare(&after, &before) < 0 ? after : before;
}

/* `factor` times the mean distance of neighbours; everything when the overlay's size is not known. */
static struct node_id search_reach(struct peer *p, size_t factor)
{
	const struct topology *t = peer_topology(p);
	size_t population = t->ops->population(t->ctx);
	struct node_id reach = NODE_ID_WILDCARD;
	uint64_t share;

	if (population <= factor)
		return reach;
	/* The top 64 bits say enough. */
	share = UINT64_MAX / population * factor;
	for (size_t i = 0; i < sizeof(share); i++)
		reach.bytes[i] = (uint8_t)(share >> (56 - 8 * i));
	return reach;
}

static size_t search_find(const struct lookup_search *s, const struct node_id *id)
{
	for (size_t i = 0; i < s->count; i++)
		if (node_id_equal(&s->nodes[i].id, id))
			return i;
	return SIZE_MAX;
}

static bool search_has_way(const struct lookup_node *n, int way)
{
	for (size_t i = 0; i < n->way_count; i++)
		if (n->ways[i] == way)
			return true;
	return false;
}

static void search_add_way(struct lookup_node *n, int way)
{
	if (n->way_count < LOOKUP_WAYS_MAX && !search_has_way(n, way))
		n->ways[n->way_count++] = (int16_t)way;
}

/* Failures that end a way. A holder is worth more: those on the way to it may be others the second time. */
static uint8_t search_patience(const struct lookup_search *s, const struct lookup_node *n)
{
	return node_id_compare(&n->after, &s->reach) <= 0 ? 2 : 1;
}

#define SEARCH_UNREACHED 60000 /* cost */
#define SEARCH_COST_FAIL 4
#define SEARCH_COST_ROUTED 6 /* its hops are not known */

static unsigned search_way_cost(const struct lookup_search *s, const struct lookup_node *n, size_t way)
{
	unsigned cost = SEARCH_COST_FAIL * n->fails[way];
	const struct lookup_node *parent;

	if (n->fails[way] >= search_patience(s, n))
		return SEARCH_UNREACHED;
	if (n->ways[way] < 0)
		return cost + (n->ways[way] == LOOKUP_ROUTED ? SEARCH_COST_ROUTED : 0);
	parent = &s->nodes[n->ways[way]];
	return cost + 1 + parent->doubt + parent->cost;
}

/* The cheapest way to each node: few hops, and none of them in doubt. */
static void search_reckon(struct lookup_search *s)
{
	bool is_changed = true;

	for (size_t i = 0; i < s->count; i++) {
		s->nodes[i].cost = SEARCH_UNREACHED;
		s->nodes[i].way = s->nodes[i].way_count;
	}
	for (unsigned round = 0; round < LOOKUP_DEPTH_MAX && is_changed; round++) {
		is_changed = false;
		for (size_t i = 0; i < s->count; i++) {
			struct lookup_node *n = &s->nodes[i];

			for (size_t way = 0; way < n->way_count; way++) {
				unsigned cost = search_way_cost(s, n, way);

				if (cost >= n->cost)
					continue;
				n->cost = (uint16_t)cost;
				n->way = (uint8_t)way;
				is_changed = true;
			}
		}
	}
	s->is_stale = false;
}

/* SIZE_MAX: none is left. */
static size_t search_way(struct lookup_search *s, const struct lookup_node *n)
{
	if (s->is_stale)
		search_reckon(s);
	return n->way < n->way_count && n->tries <= s->tries_max ? n->way : SIZE_MAX;
}

static bool search_is_silent(struct lookup_search *s, const struct lookup_node *n)
{
	return search_way(s, n) == SIZE_MAX;
}

size_t lookup_search_add(struct lookup_search *s, struct peer *p, const struct node_id *id, int way, size_t branch)
{
	const struct topology *t = peer_topology(p);
	size_t at = search_find(s, id);
	struct lookup_node *n;

	if (node_id_is_zero(id) || node_id_is_wildcard(id))
		return SIZE_MAX;
	/* Ourselves only for what we hold a copy of, perhaps. */
	if (node_id_equal(id, peer_node_id(p)) &&
	    (way != LOOKUP_ROUTED || t->ops->responsibility(t->ctx, &s->target) == RESPONSIBLE_NOT))
		return SIZE_MAX;
	if (at == SIZE_MAX) {
		if (s->count == LOOKUP_NODES_MAX)
			return SIZE_MAX;
		if (s->count == s->room) {
			s->room = s->room == 0 ? 32 : 2 * s->room;
			s->nodes = memory_resize(s->nodes, s->room * sizeof(*s->nodes));
		}
		at = s->count++;
		s->nodes[at] = (struct lookup_node){
			.id = *id,
			.after = node_id_subtract(id, &s->target),
			.near = search_nearness(&s->target, id),
			.query = s->target,
			.branch = (uint16_t)branch,
			.is_exhausted = node_id_equal(id, peer_node_id(p)),
		};
	}
	n = &s->nodes[at];
	if (n->way_count < LOOKUP_WAYS_NAMED)
		search_add_way(n, way);
	s->is_stale = true;
	return at;
}

/* Nearest first, those that let us down before at the end. */
static bool search_root_before(const struct peer *p, const struct lookup_node *a, const struct lookup_node *b)
{
	bool a_doubtful = evidence_trust(p, &a->id) < SEARCH_DISTRUST;
	bool b_doubtful = evidence_trust(p, &b->id) < SEARCH_DISTRUST;
	int order = node_id_compare(&a->near, &b->near);

	if (a_doubtful != b_doubtful)
		return b_doubtful;
	return order != 0 ? order < 0 : node_id_compare(&a->id, &b->id) < 0;
}

static void search_sort_roots(struct lookup_search *s, const struct peer *p)
{
	for (size_t i = 1; i < s->count; i++) {
		struct lookup_node n = s->nodes[i];
		size_t k = i;

		for (; k > 0 && search_root_before(p, &n, &s->nodes[k - 1]); k--)
			s->nodes[k] = s->nodes[k - 1];
		s->nodes[k] = n;
	}
	for (size_t i = 0; i < s->count; i++) {
		s->nodes[i].branch = (uint16_t)i;
		s->nodes[i].doubt = evidence_trust(p, &s->nodes[i].id) < SEARCH_DISTRUST ? 2 : 0;
	}
}

void lookup_search_begin(struct lookup_search *s, struct peer *p, const struct node_id *target)
{
	struct lookup_search old = *s;
	struct link_info link;
	size_t cursor = 0;

	*s = (struct lookup_search){
		.target = *target, .reach = search_reach(p, SEARCH_REACH), .tries_max = LOOKUP_HOLDER_TRIES
	};
	while (link_next(p, &cursor, &link))
		if (link.state == LINK_ATTACHED && (!link.is_client || peer_is_client(p)))
			(void)lookup_search_add(s, p, &link.node_id, LOOKUP_LINKED, 0);
	search_sort_roots(s, p);
	s->root_count = s->count;
	s->active = s->count < SEARCH_BRANCHES ? s->count : SEARCH_BRANCHES;
	s->has_answered = memory_alloc((s->root_count + 1) * sizeof(*s->has_answered));
	(void)lookup_search_add(s, p, peer_node_id(p), LOOKUP_ROUTED, s->root_count);
	/* What was learnt before the search. */
	for (size_t i = 0; i < old.count; i++) {
		size_t at = !old.nodes[i].has_said ? SIZE_MAX
						   : lookup_search_add(s, p, &old.nodes[i].id, LOOKUP_ROUTED,
								       s->root_count);

		if (at != SIZE_MAX)
			s->nodes[at].has_said = true;
	}
	lookup_search_free(&old);
}

void lookup_search_free(struct lookup_search *s)
{
	free(s->nodes);
	free(s->has_answered);
	*s = (struct lookup_search){ 0 };
}

/* The way to the node, from it backwards: indices. 0: there is none, or it goes round. */
static size_t search_walk(struct lookup_search *s, size_t node, size_t path[LOOKUP_DEPTH_MAX])
{
	size_t count = 0;

	for (;;) {
		const struct lookup_node *n = &s->nodes[node];
		size_t way = search_way(s, n);

		for (size_t i = 0; i < count; i++)
			if (path[i] == node)
				return 0;
		if (count == LOOKUP_DEPTH_MAX || n->way >= n->way_count || (count == 0 && way == SIZE_MAX))
			return 0;
		path[count++] = node;
		/* Asked for data too often: but it may still pass on. */
		way = n->way;
		if (n->ways[way] < 0)
			return count;
		node = (size_t)n->ways[way];
	}
}

/* ---- Holders ---- */

/* The next node behind the target beyond `after`; those that did not answer by any way count only if told. */
static size_t search_next_behind(struct lookup_search *s, const struct node_id *after, bool is_first,
				 bool with_silent)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < s->count; i++) {
		const struct lookup_node *n = &s->nodes[i];

		if (!is_first && node_id_compare(&n->after, after) <= 0)
			continue;
		if (node_id_compare(&n->after, &s->reach) > 0)
			continue;
		if (!n->has_said && !with_silent && search_is_silent(s, n))
			continue;
		if (best == SIZE_MAX || node_id_compare(&n->after, &s->nodes[best].after) < 0)
			best = i;
	}
	return best;
}

size_t lookup_search_holder(struct lookup_search *s)
{
	size_t at = search_next_behind(s, &ZERO, true, false);
	size_t limit = LOOKUP_HOLDERS;
	size_t best = SIZE_MAX;

	for (size_t rank = 0; rank < limit && at != SIZE_MAX; rank++) {
		const struct lookup_node *n = &s->nodes[at];

		/* Somebody nearer who was asked in vain may be no holder at all: one more behind it. */
		if (n->tries > 0 && !n->has_said && limit < LOOKUP_CANDIDATES)
			limit++;
		if (!n->has_said && !n->is_fetching && (best == SIZE_MAX || n->tries < s->nodes[best].tries))
			best = at;
		at = search_next_behind(s, &n->after, false, false);
	}
	if (best != SIZE_MAX)
		s->nodes[best].tries++;
	return best;
}

/* The nodes nearest to the target on either side that are known and live all were asked for the way: who is nearer
 * than they are would have been named by one of them. */
static bool search_is_settled(struct lookup_search *s)
{
	struct node_id least = ZERO;

	for (size_t rank = 0; rank < SEARCH_SETTLED; rank++) {
		const struct lookup_node *best = NULL;

		for (size_t i = 0; i < s->count; i++) {
			const struct lookup_node *n = &s->nodes[i];

			if ((rank > 0 && node_id_compare(&n->near, &least) <= 0) || search_is_silent(s, n))
				continue;
			if (best == NULL || node_id_compare(&n->near, &best->near) < 0)
				best = n;
		}
		if (best == NULL)
			return true;
		if (best->is_asking || (best->asked == 0 && !best->is_exhausted))
			return false;
		least = best->near;
	}
	return true;
}

bool lookup_search_have_said(struct lookup_search *s, size_t count)
{
	size_t at = search_next_behind(s, &ZERO, true, true);

	if (s->root_count > 0 && !search_is_settled(s))
		return false;
	for (size_t rank = 0; rank < count; rank++) {
		if (at == SIZE_MAX || !s->nodes[at].has_said)
			return false;
		at = search_next_behind(s, &s->nodes[at].after, false, true);
	}
	return true;
}

/* ---- RouteQueries ---- */

static size_t search_query_in(struct lookup_search *s, size_t branch)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < s->count; i++) {
		const struct lookup_node *n = &s->nodes[i];

		if (n->branch != branch || n->is_asking || n->is_exhausted || search_is_silent(s, n))
			continue;
		if (best == SIZE_MAX || node_id_compare(&n->near, &s->nodes[best].near) < 0)
			best = i;
	}
	return best;
}

size_t lookup_search_query(struct lookup_search *s)
{
	while (s->active > 0) {
		for (size_t i = 0; i < s->active; i++) {
			size_t branch = (s->next_branch + i) % s->active;
			size_t at = search_query_in(s, branch);

			if (at == SIZE_MAX)
				continue;
			s->next_branch = branch + 1;
			return at;
		}
		if (s->active >= s->root_count)
			break;
		s->active++;
	}
	return SIZE_MAX;
}

/* A node knows its own neighbourhood in full, and fingers beyond. So when it names somebody at the target or behind
 * it, the next question is who follows; when it names somebody before the target, what else it would have taken. */
void lookup_search_answered(struct lookup_search *s, struct peer *p, size_t node, const struct node_id *next)
{
	struct lookup_node *n = &s->nodes[node];
	static const struct node_id one = { { [NODE_ID_LENGTH - 1] = 1 } };
	bool is_known = search_find(s, next) != SIZE_MAX;
	bool is_before = node_id_between(next, &n->id, &s->target);

	if (n->branch < s->root_count)
		s->has_answered[n->branch] = true;
	n->query = is_before ? node_id_subtract(next, &one) : node_id_next(next);
	/* It is responsible itself for what was asked, or turns in circles. */
	if (++n->asked >= LOOKUP_ASKS_MAX || (node_id_equal(next, &n->id) && n->asked > 1))
		n->is_exhausted = true;
	if (is_known && n->asked >= LOOKUP_ASKS_MAX / 2)
		n->is_exhausted = true;
	(void)lookup_search_add(s, p, next, (int)node, n->branch);
}

void lookup_search_failed(struct lookup_search *s, size_t node, bool is_data)
{
	struct lookup_node *n = &s->nodes[node];
	size_t path[LOOKUP_DEPTH_MAX];
	size_t count = search_walk(s, node, path);
	size_t way = search_way(s, n);

	for (size_t i = 1; is_data && i < count; i++)
		if (s->nodes[path[i]].doubt < UINT8_MAX)
			s->nodes[path[i]].doubt++;
	if (way != SIZE_MAX)
		n->fails[way]++;
	s->is_stale = true;
	/* A likely holder is worth more ways: by ordinary routing, from here and from the nodes linked to us that are
	 * nearest to it, even if they did not name it. */
	if (is_data && node_id_compare(&n->after, &s->reach) <= 0) {
		search_add_way(n, LOOKUP_ROUTED);
		for (size_t i = 0; i < s->root_count && i < 2u * n->tries; i++)
			if (i != node)
				search_add_way(n, (int)i);
	}
	s->is_stale = true;
}

size_t lookup_search_branches(const struct lookup_search *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->root_count; i++)
		count += s->has_answered[i];
	return count;
}

size_t lookup_search_path(struct lookup_search *s, size_t node, struct destination *out,
			  const struct node_id **root)
{
	size_t path[LOOKUP_DEPTH_MAX];
	size_t count = search_walk(s, node, path);
	const struct lookup_node *first;

	if (count == 0)
		return 0;
	first = &s->nodes[path[count - 1]];
	*root = first->ways[first->way] == LOOKUP_LINKED ? &first->id : NULL;
	for (size_t i = 0; i < count; i++)
		out[i] = destination_of_node(&s->nodes[path[count - 1 - i]].id);
	return count;
}
