/* SPDX-License-Identifier: MIT */
/* What the ring ought to be, from the Node-IDs alone, compared with what the peers believe. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "tools/sim/net_internal.h"

#define RING_MINIMUM 3 /* successors and predecessors that must be exact (RFC 6940 10.7) */

static bool net_is_peer(const struct net *n, size_t i)
{
	return n->nodes[i]->peer != NULL && !n->nodes[i]->options.client;
}

bool net_all_joined(struct net *n, void *unused)
{
	(void)unused;
	for (size_t i = 0; i < n->node_count; i++)
		if (n->nodes[i]->peer != NULL && peer_state(n->nodes[i]->peer) != PEER_JOINED)
			return false;
	return true;
}

static int net_compare_ids(const void *a, const void *b)
{
	return node_id_compare(a, b);
}

/* The Node-IDs of the running peers of one group, ascending; owned by the caller. */
static struct node_id *net_sorted(const struct net *n, unsigned group, size_t *count)
{
	struct node_id *ids = memory_alloc((n->node_count + 1) * sizeof(*ids));

	*count = 0;
	for (size_t i = 0; i < n->node_count; i++)
		if (net_is_peer(n, i) && n->nodes[i]->group == group)
			ids[(*count)++] = n->nodes[i]->id;
	qsort(ids, *count, sizeof(*ids), net_compare_ids);
	return ids;
}

/* True when list[k] is the k-th peer from `at` going by `step` round the sorted ids. */
static bool net_list_is_exact(const struct node_id *ids, size_t count, size_t at, size_t step,
			      const struct node_id *list, size_t list_count)
{
	size_t want = count - 1 < RING_MINIMUM ? count - 1 : RING_MINIMUM;

	if (list_count < want || list_count > count - 1)
		return false;
	for (size_t k = 0; k < list_count; k++)
		if (!node_id_equal(&list[k], &ids[(at + (k + 1) * step) % count]))
			return false;
	return true;
}

static bool net_check_peer(struct net *n, size_t i, const struct node_id *ids, size_t count)
{
	const struct topology *t = peer_topology(n->nodes[i]->peer);
	struct topology_view *view = memory_alloc(sizeof(*view));
	const struct node_id *place =
		bsearch(&n->nodes[i]->id, ids, count, sizeof(*ids), net_compare_ids);
	const char *what = NULL;
	size_t at;

	invariant(place != NULL);
	at = (size_t)(place - ids);
	t->ops->view(t->ctx, view);
	if (peer_state(n->nodes[i]->peer) != PEER_JOINED)
		what = "is not joined";
	else if (!net_list_is_exact(ids, count, at, 1, view->successors, view->successor_count))
		what = "has wrong successors";
	else if (!net_list_is_exact(ids, count, at, count - 1, view->predecessors,
				    view->predecessor_count))
		what = "has wrong predecessors";
	if (what != NULL)
		snprintf(n->fault, sizeof(n->fault),
			 "at %llu ms node %zu (place %zu of %zu) %s (state %d, %zu pred, %zu succ)",
			 (unsigned long long)(n->now_us / 1000), i, at, count, what,
			 (int)peer_state(n->nodes[i]->peer), view->predecessor_count,
			 view->successor_count);
	free(view);
	return what == NULL;
}

const char *net_ring_fault(struct net *n)
{
	struct node_id *ids = NULL;
	unsigned group = 0;
	size_t count = 0;

	n->fault[0] = 0;
	for (size_t i = 0; i < n->node_count && n->fault[0] == 0; i++) {
		if (!net_is_peer(n, i))
			continue;
		/* Sorted once for each run of nodes of one group. */
		if (ids == NULL || n->nodes[i]->group != group) {
			free(ids);
			group = n->nodes[i]->group;
			ids = net_sorted(n, group, &count);
		}
		(void)net_check_peer(n, i, ids, count);
	}
	free(ids);
	return n->fault;
}

bool net_ring_is_ideal(struct net *n, void *unused)
{
	(void)unused;
	return net_all_joined(n, NULL) && net_ring_fault(n)[0] == 0;
}

size_t net_owner(struct net *n, const struct node_id *point)
{
	size_t best = SIZE_MAX;
	struct node_id best_distance = { { 0 } };

	for (size_t i = 0; i < n->node_count; i++) {
		struct node_id distance;

		if (!net_is_peer(n, i))
			continue;
		distance = node_id_subtract(&n->nodes[i]->id, point);
		if (best == SIZE_MAX || node_id_compare(&distance, &best_distance) < 0) {
			best = i;
			best_distance = distance;
		}
	}
	return best;
}
