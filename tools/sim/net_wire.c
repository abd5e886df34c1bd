/* SPDX-License-Identifier: MIT */
/* The links of the in-memory net: opening, delivery in order or not, loss, resets, partitions. */
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "tools/sim/net_internal.h"

#define NET_BREAK_US 3000000ull   /* until an end of a cut stream learns of it */
#define NET_SILENT_US 15000000ull /* until the kernel gives up on a host that vanished */

/* Where a node's link leads: kept in net.links. */
struct net_end {
	uint64_t node;
	link_id link;
	size_t wire;
	unsigned end;
};

static struct slice net_end_key(const uint64_t key[2])
{
	return slice_of(key, 2 * sizeof(key[0]));
}

static struct net_end *net_end_find(const struct net *n, size_t node, link_id link)
{
	const uint64_t key[2] = { node, link };

	return map_find(n->links, net_end_key(key));
}

static void net_end_add(struct net *n, size_t wire, unsigned end)
{
	struct net_wire *w = n->wires[wire];
	struct net_end *e = memory_alloc(sizeof(*e));
	const uint64_t key[2] = { w->node[end], w->link[end] };

	*e = (struct net_end){ w->node[end], w->link[end], wire, end };
	w->open[end] = true;
	invariant(map_put(n->links, net_end_key(key), e) == NULL);
}

static void net_end_remove(struct net *n, size_t wire, unsigned end)
{
	struct net_wire *w = n->wires[wire];
	const uint64_t key[2] = { w->node[end], w->link[end] };

	if (w->open[end])
		free(map_remove(n->links, net_end_key(key)));
	w->open[end] = false;
}

static bool net_is_blocked(const struct net *n, const struct net_wire *w)
{
	return n->nodes[w->node[0]]->group != n->nodes[w->node[1]]->group;
}

static uint64_t net_latency(struct net *n)
{
	uint64_t us = n->options.latency.us;

	if (n->options.jitter.us > 0)
		us += prng_below(&n->prng, n->options.jitter.us);
	return us;
}

/* Queues something for an end of a wire; streams keep their order. */
static void net_wire_push(struct net *n, size_t wire, enum net_event_kind kind, unsigned end,
			  uint64_t delay, uint8_t *bytes, size_t len)
{
	struct net_wire *w = n->wires[wire];
	uint64_t at = n->now_us + delay;

	if ((!w->is_datagram || kind != NET_BYTES) && at < w->last_at[end])
		at = w->last_at[end];
	if (kind == NET_BYTES)
		w->last_at[end] = at;
	net_push(n, (struct net_event){ .at = at,
					.kind = kind,
					.wire = wire,
					.end = end,
					.bytes = bytes,
					.len = len });
}

void net_wire_open(struct net *n, struct net_node *from, const struct effect *e)
{
	struct net_wire *w = memory_alloc(sizeof(*w));
	size_t wire = n->wire_count++;
	struct net_node *to = NULL;

	n->wires = memory_resize(n->wires, n->wire_count * sizeof(*n->wires));
	n->wires[wire] = w;
	for (size_t i = 0; i < n->node_count; i++)
		if (memcmp(n->nodes[i]->address.bytes, e->address.bytes, 4) == 0)
			to = n->nodes[i];
	w->node[0] = from->index;
	w->node[1] = to == NULL ? from->index : to->index;
	w->link[0] = e->link;
	w->is_datagram = e->link_type != OVERLAY_LINK_TLS_TCP_FH_NO_ICE;
	w->purpose = e->purpose;
	w->type = e->link_type;
	net_end_add(n, wire, 0);
	if (to == NULL || net_is_blocked(n, w))
		net_wire_push(n, wire, NET_DOWN, 0, NET_BREAK_US, NULL, 0);
	else if (to->peer == NULL)
		net_wire_push(n, wire, NET_DOWN, 0, 2 * net_latency(n), NULL, 0);
	else
		net_wire_push(n, wire, NET_ACCEPT, 1, 3 * net_latency(n), NULL, 0);
}

static void net_wire_put_bytes(struct net *n, struct net_end *from, uint8_t *bytes, size_t len)
{
	struct net_wire *w = n->wires[from->wire];
	bool lost = w->is_datagram && n->options.loss_ppm > 0 &&
		    prng_below(&n->prng, 1000000) < n->options.loss_ppm;

	if (w->broken || net_is_blocked(n, w) || lost) {
		free(bytes);
		return;
	}
	net_wire_push(n, from->wire, NET_BYTES, 1 - from->end, net_latency(n), bytes, len);
}

void net_wire_send(struct net *n, struct net_node *from, link_id link, const struct slice *parts,
		   size_t count)
{
	struct net_end *end = net_end_find(n, from->index, link);
	size_t len = 0;
	size_t at = 0;
	uint8_t *bytes;

	/* An effect queued before the link went down. */
	if (end == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	bytes = memory_alloc(len + 1);
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > 0)
			memcpy(bytes + at, parts[i].data, parts[i].len);
		at += parts[i].len;
	}
	net_wire_put_bytes(n, end, bytes, len);
}

/* Both ends are gone: the wire's memory goes when no event can name it any more, which is when the net
 * ends; its slot alone is small. */
void net_wire_close(struct net *n, struct net_node *from, link_id link)
{
	struct net_end *end = net_end_find(n, from->index, link);
	size_t wire;
	unsigned near;

	if (end == NULL)
		return;
	wire = end->wire;
	near = end->end;
	net_end_remove(n, wire, near);
	if (!n->wires[wire]->broken && !net_is_blocked(n, n->wires[wire]))
		net_wire_push(n, wire, NET_DOWN, 1 - near, net_latency(n), NULL, 0);
}

static void net_wire_accept(struct net *n, size_t wire)
{
	struct net_wire *w = n->wires[wire];
	struct net_node *opener = n->nodes[w->node[0]];
	struct net_node *acceptor = n->nodes[w->node[1]];
	struct address remote = opener->address;
	link_id link = 0;

	if (!w->open[0])
		return;
	remote.port = (uint16_t)(40000 + wire % 20000);
	if (acceptor->peer != NULL && !net_is_blocked(n, w))
		link = peer_link_accept(acceptor->peer, net_now(n), w->purpose, w->type, &remote,
					slice_of(opener->certificate, opener->certificate_len));
	if (link == 0) {
		net_wire_push(n, wire, NET_DOWN, 0, net_latency(n), NULL, 0);
	} else {
		w->link[1] = link;
		net_end_add(n, wire, 1);
		w->last_at[0] = n->now_us + net_latency(n);
		net_push(n, (struct net_event){
				    .at = w->last_at[0], .kind = NET_UP, .wire = wire, .end = 0 });
	}
	if (acceptor->peer != NULL)
		net_drain(n, acceptor);
}

void net_wire_event(struct net *n, struct net_event *e)
{
	struct net_wire *w = n->wires[e->wire];
	struct net_node *node = n->nodes[w->node[e->end]];
	struct net_node *other = n->nodes[w->node[1 - e->end]];
	struct slice bytes = slice_of(e->bytes, e->len);

	if (e->kind == NET_ACCEPT) {
		net_wire_accept(n, e->wire);
		return;
	}
	if (!w->open[e->end] || node->peer == NULL)
		return;
	switch (e->kind) {
	case NET_UP:
		peer_link_up(node->peer, net_now(n), w->link[e->end],
			     slice_of(other->certificate, other->certificate_len));
		break;
	case NET_DOWN:
		net_end_remove(n, e->wire, e->end);
		if (w->purpose == LINK_APPLICATION && n->options.hooks.app_bytes != NULL)
			n->options.hooks.app_bytes(n->options.ctx, n, node->index, w->link[e->end],
						   SLICE_EMPTY);
		peer_link_down(node->peer, net_now(n), w->link[e->end], ERR_LINK);
		break;
	case NET_BYTES:
		if (w->purpose == LINK_OVERLAY)
			peer_receive(node->peer, net_now(n), w->link[e->end], bytes);
		else if (n->options.hooks.app_bytes != NULL)
			n->options.hooks.app_bytes(n->options.ctx, n, node->index, w->link[e->end],
						   bytes);
		break;
	default:
		break;
	}
	if (node->peer != NULL)
		net_drain(n, node);
}

void net_wire_kill(struct net *n, size_t node, bool silent)
{
	for (size_t i = 0; i < n->wire_count; i++) {
		struct net_wire *w = n->wires[i];
		bool is_down_later = silent || w->is_datagram;

		for (unsigned end = 0; end < 2; end++) {
			if (w->node[end] != node || !w->open[end])
				continue;
			net_end_remove(n, i, end);
			if (w->broken || !w->open[1 - end] || (w->is_datagram && !silent))
				continue;
			w->broken = true;
			if (!w->is_datagram)
				net_wire_push(n, i, NET_DOWN, 1 - end,
					      is_down_later ? NET_SILENT_US : net_latency(n), NULL, 0);
		}
	}
}

void net_wire_regroup(struct net *n)
{
	for (size_t i = 0; i < n->wire_count; i++) {
		struct net_wire *w = n->wires[i];

		if (w->broken || w->is_datagram || !net_is_blocked(n, w))
			continue;
		w->broken = true;
		for (unsigned end = 0; end < 2; end++)
			if (w->open[end])
				net_wire_push(n, i, NET_DOWN, end, NET_BREAK_US, NULL, 0);
	}
}

void net_break_link(struct net *n, size_t a, size_t b)
{
	for (size_t i = 0; i < n->wire_count; i++) {
		struct net_wire *w = n->wires[i];

		if (w->broken || !w->open[0] || !w->open[1] ||
		    !((w->node[0] == a && w->node[1] == b) || (w->node[0] == b && w->node[1] == a)))
			continue;
		w->broken = true;
		for (unsigned end = 0; end < 2; end++)
			net_wire_push(n, i, NET_DOWN, end, net_latency(n), NULL, 0);
	}
}

void net_inject(struct net *n, size_t from, size_t to, struct slice bytes)
{
	for (size_t i = 0; i < n->wire_count; i++) {
		struct net_wire *w = n->wires[i];

		for (unsigned end = 0; end < 2; end++) {
			if (w->broken || !w->open[0] || !w->open[1] || w->node[end] != from ||
			    w->node[1 - end] != to || w->purpose != LINK_OVERLAY)
				continue;
			net_wire_send(n, n->nodes[from], w->link[end], &bytes, 1);
			return;
		}
	}
}

void net_app_send(struct net *n, size_t node, link_id link, struct slice bytes)
{
	net_wire_send(n, n->nodes[node], link, &bytes, 1);
}

void net_wire_free_all(struct net *n)
{
	struct slice key;
	size_t cursor = 0;
	void *end;

	while (map_next(n->links, &cursor, &key, &end))
		free(end);
	for (size_t i = 0; i < n->wire_count; i++)
		free(n->wires[i]);
	free(n->wires);
}
