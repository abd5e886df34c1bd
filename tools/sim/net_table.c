/* SPDX-License-Identifier: MIT */
/* The wires of a net: slots that are reused, the wires of each node, and where a node's link leads. */
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "tools/sim/net_internal.h"

#define TABLE_ROOM 1024u /* a power of two */

uint32_t net_wire_new(struct net *n)
{
	uint32_t wire = n->free_wire;
	struct net_wire *w;
	uint32_t generation;

	if (wire == NET_NONE) {
		wire = n->wire_count++;
		invariant(wire < NET_NONE / 2);
		if (wire % NET_WIRES_PER_BLOCK == 0) {
			size_t blocks = wire / NET_WIRES_PER_BLOCK + 1;

			n->wire_blocks = memory_resize(n->wire_blocks, blocks * sizeof(*n->wire_blocks));
			n->wire_blocks[blocks - 1] =
				memory_alloc(NET_WIRES_PER_BLOCK * sizeof(struct net_wire));
		}
		w = net_wire(n, wire);
	} else {
		w = net_wire(n, wire);
		n->free_wire = w->next[0];
	}
	generation = w->generation;
	*w = (struct net_wire){ .generation = generation,
				.next = { NET_NONE, NET_NONE },
				.previous = { NET_NONE, NET_NONE } };
	return wire;
}

/* ---- Where a node's link leads ---- */

static uint32_t link_home(const struct net *n, uint32_t node, link_id link)
{
	uint64_t mix = ((uint64_t)node << 32 ^ link) * 0x9e3779b97f4a7c15ull;

	mix ^= mix >> 32;
	return (uint32_t)(mix * 0xff51afd7ed558ccdull >> 32) & (n->link_room - 1);
}

static uint32_t link_home_of(const struct net *n, uint32_t reference)
{
	const struct net_wire *w = net_wire_of(n, reference);

	return link_home(n, w->node[reference & 1], w->link[reference & 1]);
}

static void link_put(struct net *n, uint32_t reference)
{
	uint32_t slot = link_home_of(n, reference);

	while (n->links[slot] != NET_NONE)
		slot = (slot + 1) & (n->link_room - 1);
	n->links[slot] = reference;
}

static void link_grow(struct net *n)
{
	uint32_t *old = n->links;
	uint32_t old_room = n->link_room;

	n->link_room = old_room == 0 ? TABLE_ROOM : 2 * old_room;
	n->links = memory_alloc(n->link_room * sizeof(*n->links));
	memset(n->links, 0xff, n->link_room * sizeof(*n->links));
	for (uint32_t i = 0; i < old_room; i++)
		if (old[i] != NET_NONE)
			link_put(n, old[i]);
	free(old);
}

static uint32_t link_slot(const struct net *n, uint32_t node, link_id link)
{
	uint32_t slot;

	if (n->link_room == 0)
		return NET_NONE;
	for (slot = link_home(n, node, link); n->links[slot] != NET_NONE; slot = (slot + 1) & (n->link_room - 1)) {
		uint32_t reference = n->links[slot];
		const struct net_wire *w = net_wire_of(n, reference);

		if (w->node[reference & 1] == node && w->link[reference & 1] == link)
			return slot;
	}
	return NET_NONE;
}

/* Those behind move up, so that none is hidden by the gap. */
static void link_remove(struct net *n, uint32_t slot)
{
	uint32_t mask = n->link_room - 1;

	for (uint32_t i = (slot + 1) & mask; n->links[i] != NET_NONE; i = (i + 1) & mask) {
		uint32_t home = link_home_of(n, n->links[i]);

		if (((i - home) & mask) < ((i - slot) & mask))
			continue;
		n->links[slot] = n->links[i];
		slot = i;
	}
	n->links[slot] = NET_NONE;
}

uint32_t net_end_find(const struct net *n, uint32_t node, link_id link)
{
	uint32_t slot = link_slot(n, node, link);

	return slot == NET_NONE ? NET_NONE : n->links[slot];
}

/* ---- The ends of a node ---- */

void net_end_add(struct net *n, uint32_t reference)
{
	struct net_wire *w = net_wire_of(n, reference);
	unsigned end = reference & 1;
	struct net_node *node = net_node(n, w->node[end]);

	invariant(net_end_find(n, w->node[end], w->link[end]) == NET_NONE);
	if (2 * (n->link_count + 1) > n->link_room)
		link_grow(n);
	n->link_count++;
	link_put(n, reference);
	w->open[end] = true;
	w->previous[end] = node->last_wire;
	w->next[end] = NET_NONE;
	if (node->last_wire == NET_NONE)
		node->first_wire = reference;
	else
		net_wire_of(n, node->last_wire)->next[node->last_wire & 1] = reference;
	node->last_wire = reference;
}

void net_end_remove(struct net *n, uint32_t reference)
{
	struct net_wire *w = net_wire_of(n, reference);
	unsigned end = reference & 1;
	struct net_node *node = net_node(n, w->node[end]);
	uint32_t next = w->next[end];
	uint32_t previous = w->previous[end];

	if (!w->open[end])
		return;
	link_remove(n, link_slot(n, w->node[end], w->link[end]));
	n->link_count--;
	w->open[end] = false;
	if (previous == NET_NONE)
		node->first_wire = next;
	else
		net_wire_of(n, previous)->next[previous & 1] = next;
	if (next == NET_NONE)
		node->last_wire = previous;
	else
		net_wire_of(n, next)->previous[next & 1] = previous;
	if (w->open[1 - end])
		return;
	w->generation++;
	w->next[0] = n->free_wire;
	n->free_wire = reference / 2;
}

void net_table_free(struct net *n)
{
	for (uint32_t i = 0; i < n->wire_count; i += NET_WIRES_PER_BLOCK)
		free(n->wire_blocks[i / NET_WIRES_PER_BLOCK]);
	free(n->wire_blocks);
	free(n->links);
}

size_t net_table_memory(const struct net *n)
{
	size_t blocks = (n->wire_count + NET_WIRES_PER_BLOCK - 1) / NET_WIRES_PER_BLOCK;

	return blocks * (NET_WIRES_PER_BLOCK * sizeof(struct net_wire) + sizeof(void *)) +
	       n->link_room * sizeof(*n->links);
}
