/* SPDX-License-Identifier: MIT */
/* Messages on their way, as they reach each node: none comes twice to a node in one direction, none takes more
 * hops than the size of the ring explains. And the caps of a peer that can be seen from outside. */
#include "overlay/link.h"
#include "overlay/storage_port.h"
#include "overlay/wire/frame.h"
#include "tools/sim/check_internal.h"

#define ROUTING_LINKS_MAX 256      /* peer_options.links_max's default */
#define ROUTING_VALUES_MAX 500000u /* as storage/ has them */
#define ROUTING_BYTES_MAX (256u << 20)
#define ROUTING_HOPS_PER_BIT 2
#define ROUTING_HOPS_MORE 8
#define ROUTING_OLD_MS 20000 /* a transaction is over: its number may come again */

/* What the lists of a header say, as far as the checks need it. */
struct routing_lists {
	unsigned hops;          /* entries of the Via List: nodes it passed before the last hop */
	bool has_passed;        /* the node is one of them, and not the first */
	unsigned destinations;
	bool is_for_resource;
};

static bool routing_read(const struct check *c, size_t node, const struct forwarding_header *h,
			 struct routing_lists *out)
{
	const struct node_id *self = net_node_id(world_net(c->world), node);
	struct reader via = reader_of(h->via_list), to = reader_of(h->destination_list);

	*out = (struct routing_lists){ 0 };
	while (reader_more(&via)) {
		struct destination d;

		destination_get(&via, &d);
		if (via.err != 0)
			return false;
		out->hops++;
		/* A request may pass the node that it comes from once: its first hop may have been forced, on
		 * a bootstrap link. In a loop the node after it is met twice as well. */
		out->has_passed |= out->hops > 1 && d.type == DESTINATION_NODE &&
				   node_id_equal(&d.id.node, self);
	}
	while (reader_more(&to)) {
		struct destination d;

		destination_get(&to, &d);
		if (to.err != 0)
			return false;
		out->destinations++;
		out->is_for_resource = d.type == DESTINATION_RESOURCE;
	}
	return true;
}

static void routing_count(struct check *c, const struct check_transaction *t)
{
	if (t->hops > 0)
		c->hops[t->hops < CHECK_HOPS_MAX ? t->hops : CHECK_HOPS_MAX]++;
}

/* The request's entry; another one's that is over, or must yield, is counted. */
static struct check_transaction *routing_transaction(struct check *c, uint64_t id)
{
	struct check_transaction *t = &c->transactions[id & (CHECK_TRANSACTIONS - 1)];
	uint64_t now_ms = check_now_ms(c);

	if (t->id == id && now_ms - t->at_ms <= ROUTING_OLD_MS)
		return t;
	routing_count(c, t);
	*t = (struct check_transaction){ .id = id, .at_ms = now_ms };
	return t;
}

static unsigned routing_bound(const struct check *c)
{
	unsigned bits = 0;

	while (((size_t)1 << bits) < c->count)
		bits++;
	return ROUTING_HOPS_PER_BIT * bits + ROUTING_HOPS_MORE;
}

static void routing_message(struct check *c, size_t node, size_t from, struct slice message)
{
	struct reader r = reader_of(message);
	struct forwarding_header h;
	struct routing_lists lists;
	struct check_transaction *t;

	forwarding_header_get(&r, &h);
	if (r.err != 0 || h.relo_token != RELO_TOKEN || !routing_read(c, node, &h, &lists))
		return;
	c->looked += 2;
	t = routing_transaction(c, h.transaction_id);
	t->is_source_routed |= lists.destinations > 1;
	t->is_whole |= lists.hops == 0;
	if (lists.is_for_resource && lists.hops + 1 > t->hops)
		t->hops = (uint16_t)(lists.hops + 1);
	if (t->is_source_routed || !t->is_whole)
		return;
	/* While tables change, requests may turn back; peers then cut the loop out of the Via List. */
	if (check_now_ms(c) - c->changed_ms <= c->settle_ms) {
		c->excused[CHECK_ROUTES] += lists.has_passed;
		return;
	}
	if (lists.has_passed)
		check_violate(c, CHECK_ROUTES, node,
			      "message %016llx comes to node %zu from node %zu, though it passed node %zu "
			      "before, %u hops in all",
			      (unsigned long long)h.transaction_id, node, from, node, lists.hops + 1);
	if (lists.is_for_resource && lists.hops + 1 > routing_bound(c))
		check_violate(c, CHECK_ROUTES, node,
			      "request %016llx takes hop %u at node %zu; in an overlay of %zu nodes it should "
			      "need at most %u",
			      (unsigned long long)h.transaction_id, lists.hops + 1, node, c->count, routing_bound(c));
}

void check_routing_arriving(struct check *c, size_t node, size_t from, struct slice bytes)
{
	struct frame f;
	size_t taken;

	/* What an honest node sends is whole frames; and anything else is not for us to judge. */
	while (bytes.len > 0 && frame_cut(bytes, bytes.len, &f, &taken) == 1) {
		if (f.type == FRAME_DATA && !(from < c->count && c->nodes[from].is_hostile))
			routing_message(c, node, from, f.message);
		bytes = slice_of(bytes.data + taken, bytes.len - taken);
	}
}

void check_routing_limits(struct check *c, size_t node)
{
	const struct peer *p = net_peer(world_net(c->world), node);
	const struct storage_port *port = peer_storage(p);
	struct storage_statistics s;
	size_t links = link_count(p);

	c->looked += 3;
	port->ops->statistics(port->ctx, &s);
	if (links > ROUTING_LINKS_MAX)
		check_violate(c, CHECK_LIMITS, node, "node %zu has %zu links; at most %u are allowed", node, links,
			      ROUTING_LINKS_MAX);
	if (s.values > ROUTING_VALUES_MAX || s.bytes > ROUTING_BYTES_MAX)
		check_violate(c, CHECK_LIMITS, node, "node %zu holds %u values of %llu bytes, more than is "
		"allowed", node,
			      s.values, (unsigned long long)s.bytes);
}
