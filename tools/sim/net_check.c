/* SPDX-License-Identifier: MIT */
/* What the ring ought to be, from the Node-IDs alone, compared with what the peers believe. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "tools/sim/net_internal.h"

#define RING_MINIMUM 3 /* successors and predecessors that must be exact (RFC 6940 10.7) */
#define RING_ROOM 64u

/* ---- Nodes by Node-ID ---- */

static uint32_t ids_slot(const struct net *n, const struct node_id *id)
{
	uint64_t home = 0;
	uint32_t slot;

	for (size_t i = 0; i < NODE_ID_LENGTH; i++)
		home = (home ^ id->bytes[i]) * 0x100000001b3ull;
	slot = (uint32_t)(home ^ home >> 32) & (n->ids_room - 1);
	while (n->ids[slot] != NET_NONE && !node_id_equal(&net_node(n, n->ids[slot])->id, id))
		slot = (slot + 1) & (n->ids_room - 1);
	return slot;
}

/* Of several nodes with one Node-ID the first is found. */
static void ids_put(struct net *n, uint32_t node)
{
	uint32_t slot = ids_slot(n, &net_node(n, node)->id);

	if (n->ids[slot] == NET_NONE)
		n->ids[slot] = node;
}

/* All anew: also when a Node-ID changed, as the place of the former one leads nowhere. */
static void ids_fill(struct net *n, uint32_t room)
{
	free(n->ids);
	n->ids_room = room;
	n->ids = memory_alloc(room * sizeof(*n->ids));
	memset(n->ids, 0xff, room * sizeof(*n->ids));
	for (uint32_t i = 0; i < n->node_count; i++)
		ids_put(n, i);
}

void net_ids_add(struct net *n, const struct net_node *node)
{
	if (2 * n->node_count > n->ids_room)
		ids_fill(n, n->ids_room == 0 ? RING_ROOM : 2 * n->ids_room);
	else if (node->index + 1 < n->node_count)
		ids_fill(n, n->ids_room);
	else
		ids_put(n, node->index);
}

size_t net_find(const struct net *n, const struct node_id *id)
{
	uint32_t node = n->ids_room == 0 ? NET_NONE : n->ids[ids_slot(n, id)];

	return node == NET_NONE ? SIZE_MAX : node;
}

/* ---- The running peers in order ---- */

/* The place of the first whose Node-ID is not before `id`. */
static uint32_t ring_place(const struct net *n, const struct node_id *id)
{
	uint32_t low = 0;
	uint32_t high = n->ring_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (node_id_compare(&net_node(n, n->ring[middle])->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void net_ring_add(struct net *n, const struct net_node *node)
{
	uint32_t place = ring_place(n, &node->id);

	if (node->is_client)
		return;
	if (n->ring_count == n->ring_room) {
		n->ring_room = n->ring_room == 0 ? RING_ROOM : 2 * n->ring_room;
		n->ring = memory_resize(n->ring, n->ring_room * sizeof(*n->ring));
	}
	memmove(n->ring + place + 1, n->ring + place, (n->ring_count - place) * sizeof(*n->ring));
	n->ring[place] = node->index;
	n->ring_count++;
}

void net_ring_remove(struct net *n, const struct net_node *node)
{
	uint32_t place = ring_place(n, &node->id);

	if (node->is_client)
		return;
	/* Nodes with the same Node-ID stand side by side. */
	while (place < n->ring_count && n->ring[place] != node->index)
		place++;
	invariant(place < n->ring_count);
	n->ring_count--;
	memmove(n->ring + place, n->ring + place + 1, (n->ring_count - place) * sizeof(*n->ring));
}

size_t net_owner(struct net *n, const struct node_id *point)
{
	return n->ring_count == 0 ? SIZE_MAX : n->ring[ring_place(n, point) % n->ring_count];
}

/* ---- Checks ---- */

bool net_all_joined(struct net *n, void *unused)
{
	(void)unused;
	return n->joined_count == n->running_count;
}

/* True when list[k] is the k-th peer from `at` going by `step` round the ring. */
static bool ring_list_is_exact(const struct net *n, const uint32_t *ring, size_t count, size_t at, size_t step,
			       const struct node_id *list, size_t list_count)
{
	size_t want = count - 1 < RING_MINIMUM ? count - 1 : RING_MINIMUM;

	if (list_count < want || list_count > count - 1)
		return false;
	for (size_t k = 0; k < list_count; k++)
		if (!node_id_equal(&list[k], &net_node(n, ring[(at + (k + 1) * step) % count])->id))
			return false;
	return true;
}

static bool ring_check_peer(struct net *n, const uint32_t *ring, size_t count, size_t at)
{
	const struct net_node *node = net_node(n, ring[at]);
	const struct topology *t = peer_topology(node->peer);
	struct topology_view view;
	const char *what = NULL;

	t->ops->view(t->ctx, &view);
	if (peer_state(node->peer) != PEER_JOINED)
		what = "is not joined";
	else if (!ring_list_is_exact(n, ring, count, at, 1, view.successors, view.successor_count))
		what = "has wrong successors";
	else if (!ring_list_is_exact(n, ring, count, at, count - 1, view.predecessors, view.predecessor_count))
		what = "has wrong predecessors";
	if (what == NULL)
		return true;
	snprintf(n->fault, sizeof(n->fault),
		 "at %llu ms node %u (place %zu of %zu) %s (state %d, %zu pred, %zu succ)",
		 (unsigned long long)(n->now_us / 1000), node->index, at, count, what,
		 (int)peer_state(node->peer), view.predecessor_count, view.successor_count);
	n->suspect = node->index;
	return false;
}

/* The same of one node alone, when all are in one group. */
static bool ring_check_suspect(struct net *n)
{
	const struct net_node *node = n->suspect == NET_NONE ? NULL : net_node(n, n->suspect);
	uint32_t at;

	if (node == NULL || node->peer == NULL || node->is_client)
		return true;
	at = ring_place(n, &node->id);
	return n->ring[at] != node->index || ring_check_peer(n, n->ring, n->ring_count, at);
}

static void ring_check_group(struct net *n, unsigned group, uint32_t *members)
{
	size_t count = 0;

	for (uint32_t i = 0; i < n->ring_count; i++)
		if (net_node(n, n->ring[i])->group == group)
			members[count++] = n->ring[i];
	for (size_t i = 0; i < count; i++)
		if (!ring_check_peer(n, members, count, i))
			return;
}

static int ring_compare_groups(const void *a, const void *b)
{
	const unsigned *x = a;
	const unsigned *y = b;

	return (*x > *y) - (*x < *y);
}

/* The groups that have running peers, each once. */
static size_t ring_groups(const struct net *n, unsigned *groups)
{
	size_t count = 0;

	for (uint32_t i = 0; i < n->ring_count; i++)
		if (i == 0 || net_node(n, n->ring[i])->group != groups[count - 1])
			groups[count++] = net_node(n, n->ring[i])->group;
	qsort(groups, count, sizeof(*groups), ring_compare_groups);
	for (size_t i = 0, to = 0; i < count; i++) {
		if (i == 0 || groups[i] != groups[to - 1])
			groups[to++] = groups[i];
		if (i + 1 == count)
			return to;
	}
	return count;
}

const char *net_ring_fault(struct net *n)
{
	unsigned *groups = memory_alloc((n->ring_count + 1) * sizeof(*groups));
	size_t count = ring_groups(n, groups);

	n->fault[0] = 0;
	/* Whoever was wrong a moment ago most likely still is. */
	if (count != 1 || ring_check_suspect(n)) {
		uint32_t *members = memory_alloc((n->ring_count + 1) * sizeof(*members));

		for (size_t i = 0; i < count && n->fault[0] == 0; i++)
			ring_check_group(n, groups[i], members);
		free(members);
	}
	free(groups);
	return n->fault;
}

bool net_ring_is_ideal(struct net *n, void *unused)
{
	(void)unused;
	return net_all_joined(n, NULL) && net_ring_fault(n)[0] == 0;
}
