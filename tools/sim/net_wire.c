/* SPDX-License-Identifier: MIT */
/* The links of the in-memory net: opening, delivery, orderly ends, resets, partitions. */
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "tools/sim/net_internal.h"

#define WIRE_PORT 40000 /* the first of those that connections come from */
#define WIRE_PORTS 20000

static struct net_node *wire_node(const struct net *n, uint32_t reference)
{
	return net_node(n, net_wire_of(n, reference)->node[reference & 1]);
}

/* Nothing of `from` reaches `to`, both ways asked for. */
static bool wire_is_blocked(const struct net *n, const struct net_wire *w)
{
	const struct net_node *a = net_node(n, w->node[0]);
	const struct net_node *b = net_node(n, w->node[1]);

	return a->group != b->group || net_cut_find(n, a, b->index) != NULL || net_cut_find(n, b, a->index) != NULL;
}

void net_wire_push(struct net *n, uint32_t reference, enum net_event_kind kind, uint64_t delay, uint8_t *bytes,
		   size_t len)
{
	struct net_wire *w = net_wire_of(n, reference);
	uint64_t *last = &w->last_at[reference & 1];
	uint64_t at = n->now_us + delay;

	if ((!w->is_datagram || kind != NET_BYTES) && at < *last)
		at = *last;
	if ((kind == NET_BYTES || kind == NET_UP) && at > *last)
		*last = at;
	net_heap_push(&n->heap, at,
		      &(struct net_event){ .bytes = bytes,
					   .len = (uint32_t)len,
					   .target = reference / 2,
					   .tag = w->generation,
					   .kind = (uint8_t)kind,
					   .end = reference & 1 });
}

void net_wire_break(struct net *n, uint32_t wire, uint64_t delay)
{
	struct net_wire *w = net_wire(n, wire);

	if (w->broken)
		return;
	w->broken = true;
	n->statistics.links_broken++;
	for (uint32_t end = 0; end < 2; end++)
		if (w->open[end])
			net_wire_push(n, 2 * wire + end, NET_DOWN, delay, NULL, 0);
}

static struct net_node *wire_listener(const struct net *n, const struct address *a)
{
	size_t index = (size_t)a->bytes[1] << 16 | (size_t)a->bytes[2] << 8 | a->bytes[3];

	return a->type == ADDRESS_IPV4 && a->bytes[0] == 10 && index < n->node_count ? net_node(n, index) : NULL;
}

/* Three ways until the other end's handshake is done, each of which may need several tries. */
static uint64_t wire_handshake(struct net *n, const struct net_node *from, const struct net_node *to)
{
	uint64_t us = 0;

	for (size_t i = 0; i < 3; i++) {
		uint64_t way = net_weather_reliable(n, i == 1 ? to : from);

		if (way == NET_LOST)
			return NET_LOST;
		us += way;
	}
	return us;
}

void net_wire_open(struct net *n, struct net_node *from, const struct effect *e)
{
	struct net_node *to = wire_listener(n, &e->address);
	uint32_t wire = net_wire_new(n);
	struct net_wire *w = net_wire(n, wire);
	uint64_t us;

	w->node[0] = from->index;
	w->node[1] = to == NULL ? from->index : to->index;
	w->link[0] = e->link;
	w->is_datagram = e->link_type != OVERLAY_LINK_TLS_TCP_FH_NO_ICE;
	w->is_application = e->purpose == LINK_APPLICATION;
	w->type = (uint8_t)e->link_type;
	net_end_add(n, 2 * wire);
	if (to == NULL || to->is_dark || wire_is_blocked(n, w)) {
		net_wire_push(n, 2 * wire, NET_DOWN, NET_BREAK_US, NULL, 0);
	} else if (to->peer == NULL) {
		us = net_weather_latency(n, from) + net_weather_latency(n, to);
		net_wire_push(n, 2 * wire, NET_DOWN, us, NULL, 0);
	} else {
		us = wire_handshake(n, from, to);
		if (us == NET_LOST)
			net_wire_push(n, 2 * wire, NET_DOWN, NET_SILENT_US, NULL, 0);
		else
			net_wire_push(n, 2 * wire + 1, NET_ACCEPT, us, NULL, 0);
	}
}

static uint8_t *wire_join(struct net *n, const struct slice *parts, size_t count, size_t len)
{
	uint8_t *bytes = net_heap_bytes(&n->heap, len);
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > 0)
			memcpy(bytes + at, parts[i].data, parts[i].len);
		at += parts[i].len;
	}
	return bytes;
}

void net_wire_send(struct net *n, struct net_node *from, link_id link, const struct slice *parts, size_t count)
{
	uint32_t near = net_end_find(n, from->index, link);
	uint32_t far = near ^ 1;
	struct net_wire *w;
	struct net_cut *cut;
	size_t len = 0;
	uint64_t us, again;

	/* An effect queued before the link went down. */
	if (near == NET_NONE)
		return;
	w = net_wire_of(n, near);
	if (w->broken || from->group != wire_node(n, far)->group)
		return;
	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	cut = net_cut_find(n, from, w->node[far & 1]);
	if (cut != NULL) {
		if (w->is_datagram)
			n->statistics.lost++;
		else
			net_cut_park(n, cut, far, NET_BYTES, wire_join(n, parts, count, len), len);
		return;
	}
	us = net_weather_send(n, far, len, &again);
	if (us == NET_LOST) {
		if (!w->is_datagram)
			net_wire_break(n, near / 2, NET_SILENT_US);
		return;
	}
	net_wire_push(n, far, NET_BYTES, us, wire_join(n, parts, count, len), len);
	if (again != NET_LOST)
		net_wire_push(n, far, NET_BYTES, again, wire_join(n, parts, count, len), len);
}

/* The far end hears of an orderly end, if it has the link and can hear. */
static void wire_tell_closed(struct net *n, struct net_node *from, uint32_t far)
{
	const struct net_wire *w = net_wire_of(n, far);
	struct net_cut *cut = net_cut_find(n, from, w->node[far & 1]);
	uint64_t us;

	if (!w->open[far & 1] || w->broken || from->group != wire_node(n, far)->group)
		return;
	if (cut != NULL) {
		if (!w->is_datagram)
			net_cut_park(n, cut, far, NET_CLOSED, NULL, 0);
		return;
	}
	/* DTLS says its farewell once. */
	if (w->is_datagram && net_weather_loses(n, from))
		return;
	us = w->is_datagram ? net_weather_latency(n, from) : net_weather_reliable(n, from);
	if (us == NET_LOST)
		net_wire_push(n, far, NET_DOWN, NET_SILENT_US, NULL, 0);
	else
		net_wire_push(n, far, NET_CLOSED, us, NULL, 0);
}

void net_wire_close(struct net *n, struct net_node *from, link_id link)
{
	uint32_t near = net_end_find(n, from->index, link);

	if (near == NET_NONE)
		return;
	wire_tell_closed(n, from, near ^ 1);
	net_end_remove(n, near);
}

/* ---- Events ---- */

struct net_node *net_wire_target(struct net *n, const struct net_event *e)
{
	struct net_wire *w = net_wire(n, e->target);
	struct net_node *node = net_node(n, w->node[e->end]);

	if (w->generation != e->tag)
		return NULL;
	if (e->kind != NET_ACCEPT)
		return w->open[e->end] && node->peer != NULL ? node : NULL;
	/* Nobody is there any more, or nobody can be heard. */
	if (node->peer == NULL || wire_is_blocked(n, w)) {
		net_wire_push(n, 2 * e->target, NET_DOWN,
			      node->peer == NULL && !node->is_dark ? net_weather_latency(n, node) : NET_BREAK_US,
			      NULL, 0);
		return NULL;
	}
	return node;
}

static void wire_accept(struct net *n, struct net_node *acceptor, uint32_t wire)
{
	struct net_wire *w = net_wire(n, wire);
	struct net_node *opener = net_node(n, w->node[0]);
	struct address remote = opener->address;
	uint64_t us;
	link_id link;

	remote.port = (uint16_t)(WIRE_PORT + wire % WIRE_PORTS);
	link = peer_link_accept(acceptor->peer, net_node_clock(n, acceptor),
				w->is_application ? LINK_APPLICATION : LINK_OVERLAY, w->type, &remote,
				opener->certificate);
	if (link == 0) {
		net_wire_push(n, 2 * wire, NET_DOWN, net_weather_latency(n, acceptor), NULL, 0);
		return;
	}
	n->statistics.links_opened++;
	w->link[1] = link;
	net_end_add(n, 2 * wire + 1);
	us = net_weather_reliable(n, acceptor);
	if (us == NET_LOST)
		net_wire_break(n, wire, NET_SILENT_US);
	else
		net_wire_push(n, 2 * wire, NET_UP, us, NULL, 0);
}

static void wire_down(struct net *n, struct net_node *node, uint32_t reference, int reason)
{
	const struct net_wire *w = net_wire_of(n, reference);
	link_id link = w->link[reference & 1];
	bool is_application = w->is_application;

	net_end_remove(n, reference);
	if (is_application && n->options.hooks.app_bytes != NULL)
		n->options.hooks.app_bytes(n->options.ctx, n, node->index, link, SLICE_EMPTY);
	if (node->peer != NULL)
		peer_link_down(node->peer, net_node_clock(n, node), link, reason);
}

static void wire_bytes(struct net *n, struct net_node *node, const struct net_event *e)
{
	const struct net_wire *w = net_wire(n, e->target);
	const struct net_hooks *hooks = &n->options.hooks;
	link_id link = w->link[e->end];
	uint32_t from = w->node[1 - e->end];
	struct slice bytes = slice_of(e->bytes, e->len);

	net_weather_flip(n, net_node(n, from), e->bytes, e->len);
	if (w->is_application) {
		if (hooks->app_bytes != NULL)
			hooks->app_bytes(n->options.ctx, n, node->index, link, bytes);
		return;
	}
	n->statistics.messages++;
	n->statistics.bytes += e->len;
	if (hooks->intercept != NULL && !hooks->intercept(n->options.ctx, n, node->index, from, &bytes))
		return;
	peer_receive(node->peer, net_node_clock(n, node), link, bytes);
}

void net_wire_event(struct net *n, struct net_node *node, const struct net_event *e)
{
	const struct net_wire *w = net_wire(n, e->target);

	switch (e->kind) {
	case NET_ACCEPT:
		wire_accept(n, node, e->target);
		break;
	case NET_UP:
		peer_link_up(node->peer, net_node_clock(n, node), w->link[e->end],
			     net_node(n, w->node[1 - e->end])->certificate);
		break;
	case NET_DOWN:
	case NET_CLOSED:
		wire_down(n, node, 2 * e->target + e->end, e->kind == NET_CLOSED ? 0 : ERR_LINK);
		break;
	default:
		wire_bytes(n, node, e);
		break;
	}
}

/* ---- From outside ---- */

void net_wire_kill(struct net *n, struct net_node *node, bool silent)
{
	uint32_t near;

	while ((near = node->first_wire) != NET_NONE) {
		struct net_wire *w = net_wire_of(n, near);
		uint32_t far = near ^ 1;

		if (w->open[far & 1] && !w->broken && w->is_datagram) {
			w->broken = silent;
		} else if (w->open[far & 1] && !w->broken) {
			bool is_heard = !silent && net_cut_find(n, node, w->node[far & 1]) == NULL;

			w->broken = true;
			n->statistics.links_broken++;
			net_wire_push(n, far, NET_DOWN, is_heard ? net_weather_latency(n, node) : NET_SILENT_US, NULL,
				      0);
		}
		net_end_remove(n, near);
	}
}

void net_wire_regroup(struct net *n)
{
	for (uint32_t i = 0; i < n->node_count; i++) {
		struct net_node *node = net_node(n, i);

		for (uint32_t r = node->first_wire; node->is_moved && r != NET_NONE;
		     r = net_wire_of(n, r)->next[r & 1])
			if (!net_wire_of(n, r)->is_datagram && wire_node(n, r ^ 1)->group != node->group)
				net_wire_break(n, r / 2, NET_BREAK_US);
		node->is_moved = false;
	}
}

void net_break_link(struct net *n, size_t a, size_t b)
{
	for (uint32_t r = net_node(n, a)->first_wire; r != NET_NONE; r = net_wire_of(n, r)->next[r & 1]) {
		const struct net_wire *w = net_wire_of(n, r);

		if (w->open[0] && w->open[1] && w->node[1 - (r & 1)] == b)
			net_wire_break(n, r / 2, net_weather_latency(n, net_node(n, a)));
	}
}

void net_inject(struct net *n, size_t from, size_t to, struct slice bytes)
{
	for (uint32_t r = net_node(n, from)->first_wire; r != NET_NONE; r = net_wire_of(n, r)->next[r & 1]) {
		const struct net_wire *w = net_wire_of(n, r);

		if (w->broken || !w->open[0] || !w->open[1] || w->node[1 - (r & 1)] != to || w->is_application)
			continue;
		net_wire_send(n, net_node(n, from), w->link[r & 1], &bytes, 1);
		return;
	}
}

void net_app_send(struct net *n, size_t node, link_id link, struct slice bytes)
{
	net_wire_send(n, net_node(n, node), link, &bytes, 1);
}
