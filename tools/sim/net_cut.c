/* SPDX-License-Identifier: MIT */
/* One-way cuts. What a stream sends meanwhile is sent again when the cut is over, as its kernel would; when that
 * takes too long, both ends lose it. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "tools/sim/net_internal.h"

#define CUT_RETRANSMIT_US 200000u /* after a cut, when the sender tries again: from here ... */
#define CUT_RETRANSMIT_SPREAD_US 800000u

static struct slice cut_key(const uint32_t key[2])
{
	return slice_of(key, 2 * sizeof(key[0]));
}

struct net_cut *net_cut_find(const struct net *n, const struct net_node *from, uint32_t to)
{
	const uint32_t key[2] = { from->index, to };

	return from->cut_count == 0 ? NULL : map_find(n->cuts, cut_key(key));
}

static void cut_begin(struct net *n, struct net_node *from, uint32_t to)
{
	const uint32_t key[2] = { from->index, to };
	struct net_cut *c = memory_alloc(sizeof(*c));

	*c = (struct net_cut){ from->index, to, n->next_cut++, NET_HEAP_NONE, NET_HEAP_NONE };
	if (n->cuts == NULL)
		n->cuts = map_new(n->options.seed);
	map_put(n->cuts, cut_key(key), c);
	from->cut_count++;
	net_heap_push(&n->heap, n->now_us + NET_SILENT_US,
		      &(struct net_event){ .kind = NET_GIVE_UP, .target = from->index, .len = to, .tag = c->serial });
}

/* Takes the first of what waits in a cut. */
static uint32_t cut_take(struct net *n, struct net_cut *c)
{
	uint32_t record = c->first_parked;

	if (record == NET_HEAP_NONE)
		return record;
	c->first_parked = n->heap.events[record].next;
	if (c->first_parked == NET_HEAP_NONE)
		c->last_parked = NET_HEAP_NONE;
	return record;
}

static void cut_end(struct net *n, struct net_node *from, struct net_cut *c)
{
	const uint32_t key[2] = { c->from, c->to };
	uint64_t wait = CUT_RETRANSMIT_US;
	uint32_t record;

	map_remove(n->cuts, cut_key(key));
	from->cut_count--;
	wait += prng_below(&n->chance[NET_CHANCE_NETWORK], CUT_RETRANSMIT_SPREAD_US);
	wait += net_weather_latency(n, from);
	while ((record = cut_take(n, c)) != NET_HEAP_NONE) {
		struct net_event *e = &n->heap.events[record];

		/* Pushed anew, so that order is kept with what is sent from now on. */
		if (net_wire(n, e->target)->generation == e->tag && !net_wire(n, e->target)->broken) {
			net_wire_push(n, 2 * e->target + e->end, e->kind, wait, e->bytes, e->len);
			n->heap.events[record].bytes = NULL;
		}
		net_heap_recycle(&n->heap, record);
	}
	free(c);
}

void net_cut(struct net *n, size_t from, size_t to, bool is_cut)
{
	struct net_node *node = net_node(n, from);
	struct net_cut *c = net_cut_find(n, node, (uint32_t)to);

	if (is_cut && c == NULL)
		cut_begin(n, node, (uint32_t)to);
	else if (!is_cut && c != NULL)
		cut_end(n, node, c);
}

void net_cut_park(struct net *n, struct net_cut *c, uint32_t reference, enum net_event_kind kind, uint8_t *bytes,
		  size_t len)
{
	const struct net_event e = { .bytes = bytes,
				     .len = (uint32_t)len,
				     .target = reference / 2,
				     .tag = net_wire_of(n, reference)->generation,
				     .next = NET_HEAP_NONE,
				     .kind = (uint8_t)kind,
				     .end = reference & 1 };
	uint32_t record = net_heap_record(&n->heap, &e);

	if (c->last_parked == NET_HEAP_NONE)
		c->first_parked = record;
	else
		n->heap.events[c->last_parked].next = record;
	c->last_parked = record;
}

void net_cut_give_up(struct net *n, const struct net_event *e)
{
	struct net_node *from = net_node(n, e->target);
	struct net_cut *c = net_cut_find(n, from, e->len);
	uint32_t record;

	if (c == NULL || c->serial != e->tag)
		return;
	for (uint32_t r = from->first_wire; r != NET_NONE;) {
		const struct net_wire *w = net_wire_of(n, r);

		if (w->node[1 - (r & 1)] == c->to && !w->is_datagram && !w->broken)
			net_wire_break(n, r / 2, 0);
		r = w->next[r & 1];
	}
	/* An end that died or closed meanwhile: the other one's kernel hears no answer either. */
	while ((record = cut_take(n, c)) != NET_HEAP_NONE) {
		struct net_event *parked = &n->heap.events[record];

		if (net_wire(n, parked->target)->generation == parked->tag && parked->kind == NET_CLOSED &&
		    !net_wire(n, parked->target)->broken)
			net_wire_push(n, 2 * parked->target + parked->end, NET_DOWN, 0, NULL, 0);
		net_heap_recycle(&n->heap, record);
	}
}

void net_cut_free_all(struct net *n)
{
	struct slice key;
	size_t cursor = 0;
	void *value;

	if (n->cuts == NULL)
		return;
	while (map_next(n->cuts, &cursor, &key, &value))
		free(value);
	map_free(n->cuts);
}
