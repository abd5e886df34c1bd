/* SPDX-License-Identifier: MIT */
/* The nodes met by one lookup's search: ways to them, who is likely to hold the Resource, whom to ask next. */
#include "overlay/lookup_state.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/evidence.h"
#include "overlay/link.h"
#include "overlay/peer.h"

#define SEARCH_BRANCHES 4 /* in work at first */
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
	if (n->way_count < LOOKUP_WAYS_MAX && !search_has_way(n, way))
		n->ways[n->way_count++] = (int16_t)way;
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
	for (size_t i = 0; i < s->count; i++)
		s->nodes[i].branch = (uint16_t)i;
}

void lookup_search_begin(struct lookup_search *s, struct peer *p, const struct node_id *target)
{
	struct lookup_search old = *s;
	struct link_info link;
	size_t cursor = 0;

	*s = (struct lookup_search){ .target = *target, .reach = search_reach(p, SEARCH_REACH) };
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
		size_t at = lookup_search_add(s, p, &old.nodes[i].id, LOOKUP_ROUTED, s->root_count);

		if (at != SIZE_MAX)
			s->nodes[at].has_said = old.nodes[i].has_said;
	}
	lookup_search_free(&old);
}

void lookup_search_free(struct lookup_search *s)
{
	free(s->nodes);
	free(s->has_answered);
	*s = (struct lookup_search){ 0 };
}

/* ---- Holders ---- */

static bool search_is_silent(const struct lookup_node *n)
{
	return n->way >= n->way_count;
}

/* The next node behind the target beyond `after`; those that did not answer by any way count only if told. */
static size_t search_next_behind(const struct lookup_search *s, const struct node_id *after, bool is_first,
				 bool with_silent)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < s->count; i++) {
		const struct lookup_node *n = &s->nodes[i];

		if (!is_first && node_id_compare(&n->after, after) <= 0)
			continue;
		if (node_id_compare(&n->after, &s->reach) > 0 || (search_is_silent(n) && !n->has_said && !with_silent))
			continue;
		if (best == SIZE_MAX || node_id_compare(&n->after, &s->nodes[best].after) < 0)
			best = i;
	}
	return best;
}

size_t lookup_search_holder(struct lookup_search *s)
{
	size_t at = search_next_behind(s, &ZERO, true, false);

	for (size_t rank = 0; rank < LOOKUP_HOLDERS && at != SIZE_MAX; rank++) {
		if (!s->nodes[at].has_said && !s->nodes[at].is_fetching)
			return at;
		at = search_next_behind(s, &s->nodes[at].after, false, false);
	}
	return SIZE_MAX;
}

bool lookup_search_have_said(const struct lookup_search *s, size_t count)
{
	size_t at = search_next_behind(s, &ZERO, true, true);

	for (size_t rank = 0; rank < count; rank++) {
		if (at == SIZE_MAX || !s->nodes[at].has_said)
			return false;
		at = search_next_behind(s, &s->nodes[at].after, false, true);
	}
	return true;
}

/* ---- RouteQueries ---- */

static size_t search_query_in(const struct lookup_search *s, size_t branch)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < s->count; i++) {
		const struct lookup_node *n = &s->nodes[i];

		if (n->branch != branch || n->is_asking || n->is_exhausted || search_is_silent(n))
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

/* A node knows its own neighbourhood in full, and fingers beyond. So when it names somebody at the target or behind it,
 * the next question is who follows; when it names somebody before the target, what else it would have taken. */
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

void lookup_search_failed(struct lookup_search *s, size_t node)
{
	struct lookup_node *n = &s->nodes[node];

	if (n->way < n->way_count)
		n->way++;
	/* Named as a holder, and not reached by whoever named it: perhaps by ordinary routing. */
	if (n->way == n->way_count && n->way_count < LOOKUP_WAYS_MAX && !search_has_way(n, LOOKUP_ROUTED) &&
	    node_id_compare(&n->after, &s->reach) <= 0)
		n->ways[n->way_count++] = LOOKUP_ROUTED;
}

size_t lookup_search_branches(const struct lookup_search *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->root_count; i++)
		count += s->has_answered[i];
	return count;
}

size_t lookup_search_path(const struct lookup_search *s, size_t node, struct destination *out,
			  const struct node_id **root)
{
	size_t path[LOOKUP_DEPTH_MAX];
	size_t count = 0;

	for (;;) {
		const struct lookup_node *n = &s->nodes[node];
		int way;

		for (size_t i = 0; i < count; i++)
			if (path[i] == node)
				return 0;
		if (count == LOOKUP_DEPTH_MAX || n->way_count == 0)
			return 0;
		path[count++] = node;
		/* Whoever named others was reached once: by its last way at least. */
		way = n->ways[n->way < n->way_count ? n->way : n->way_count - 1];
		*root = way == LOOKUP_LINKED ? &n->id : NULL;
		if (way < 0)
			break;
		node = (size_t)way;
	}
	for (size_t i = 0; i < count; i++)
		out[i] = destination_of_node(&s->nodes[path[count - 1 - i]].id);
	return count;
}
