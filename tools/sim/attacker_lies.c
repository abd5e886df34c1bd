/* SPDX-License-Identifier: MIT */
/* Hostile peers: what they answer and send themselves, signed like all they say. */
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "overlay/peer_state.h"
#include "overlay/wire/body_data.h"
#include "overlay/wire/body_routing.h"
#include "tools/sim/attacker_state.h"

#define HOSTILE_KEY 64 /* bytes */

static void hostile_honestly(struct hostile *h, struct now now, const struct incoming *request)
{
	const struct request_handler *honest = &h->honest[request->method];

	honest->fn(honest->ctx, now, request);
}

/* ---- Data ---- */

static struct slice hostile_key(uint8_t key[HOSTILE_KEY], const struct resource_id *resource, uint32_t kind)
{
	struct writer w = writer_of(key, HOSTILE_KEY);

	writer_u32(&w, kind);
	resource_id_put(&w, resource);
	invariant(w.err == 0);
	return writer_slice(&w);
}

static void hostile_remember(struct hostile *h, const struct store_req *req, const struct store_kind_data *kind,
			     const struct certificate_list *certificates)
{
	size_t count = certificates->count < 4 ? certificates->count : 4;
	struct hostile_memory *m;
	size_t len = kind->values.len;
	uint8_t key[HOSTILE_KEY];
	uint8_t *at;

	if (h->memories == NULL)
		h->memories = map_new(h->node);
	if (map_find(h->memories, hostile_key(key, &req->resource, kind->kind)) != NULL)
		return;
	for (size_t i = 0; i < count; i++)
		len += certificates->items[i].len;
	m = memory_alloc(sizeof(*m) + len + 1);
	at = m->bytes;
	for (size_t i = 0; i <= count; i++) {
		struct slice from = i < count ? certificates->items[i] : kind->values;
		struct slice copy = slice_of(at, from.len);

		if (from.len > 0)
			memcpy(at, from.data, from.len);
		at += from.len;
		if (i < count)
			m->certificates[m->certificate_count++] = copy;
		else
			m->values = copy;
	}
	map_put(h->memories, hostile_key(key, &req->resource, kind->kind), m);
}

void hostile_forget(struct hostile *h)
{
	size_t cursor = 0;
	void *m;

	if (h->memories == NULL)
		return;
	while (map_next(h->memories, &cursor, NULL, &m))
		free(m);
	map_free(h->memories);
	h->memories = NULL;
}

static void hostile_on_store(void *ctx, struct now now, const struct incoming *request)
{
	struct hostile *h = ctx;
	struct reader r = reader_of(request->body);
	struct store_req req;
	struct arena arena;

	arena_init(&arena, 1u << 20);
	if (h->behaviour == ATTACKER_STALE && store_req_get(&r, &arena, &req) == 0 && reader_finish(&r) == 0)
		for (size_t i = 0; i < req.kind_count; i++)
			hostile_remember(h, &req, &req.kinds[i], &request->certificates);
	arena_free(&arena);
	hostile_honestly(h, now, request);
}

/* Nothing there: an answer in good form, for one Kind or several. */
static void hostile_deny(struct hostile *h, struct now now, const struct incoming *request,
			 const struct fetch_req *req)
{
	struct fetch_kind_response kinds[4] = { 0 };
	struct fetch_ans ans = { .kinds = kinds };
	uint8_t body[128];
	struct writer w = writer_of(body, sizeof(body));

	for (; ans.kind_count < req->specifier_count && ans.kind_count < 4; ans.kind_count++)
		kinds[ans.kind_count].kind = req->specifiers[ans.kind_count].kind;
	fetch_ans_put(&w, &ans);
	h->attacker->totals.lies++;
	transport_answer(net_peer(h->attacker->net, h->node), now, request->handle, writer_slice(&w), NULL, 0);
}

static bool hostile_serve_first(struct hostile *h, struct now now, const struct incoming *request,
				const struct fetch_req *req)
{
	struct fetch_kind_response kind = { .generation = 1 };
	struct fetch_ans ans = { .kinds = &kind, .kind_count = 1 };
	const struct hostile_memory *m;
	uint8_t key[HOSTILE_KEY];
	struct writer w;

	if (h->memories == NULL || req->specifier_count != 1)
		return false;
	kind.kind = req->specifiers[0].kind;
	m = map_find(h->memories, hostile_key(key, &req->resource, kind.kind));
	if (m == NULL)
		return false;
	kind.values = m->values;
	w = writer_of(memory_alloc(m->values.len + 64), m->values.len + 64);
	fetch_ans_put(&w, &ans);
	h->attacker->totals.stale_answers++;
	transport_answer(net_peer(h->attacker->net, h->node), now, request->handle, writer_slice(&w),
			 m->certificates, m->certificate_count);
	free(w.data);
	return true;
}

static void hostile_on_fetch(void *ctx, struct now now, const struct incoming *request)
{
	struct hostile *h = ctx;
	enum attacker_behaviour acts = hostile_acts(h);
	struct reader r = reader_of(request->body);
	struct fetch_req req;
	struct arena arena;
	bool is_done = false;

	/* Its own lookups are its own business. */
	if (!node_id_equal(&request->signer.node_id, net_node_id(h->attacker->net, h->node))) {
		arena_init(&arena, 1u << 20);
		if (fetch_req_get(&r, &arena, &req) == 0 && reader_finish(&r) == 0) {
			if (acts == ATTACKER_LIE || acts == ATTACKER_IMPOSTOR) {
				hostile_deny(h, now, request, &req);
				is_done = true;
			} else if (acts == ATTACKER_STALE) {
				is_done = hostile_serve_first(h, now, request, &req);
			}
		}
		arena_free(&arena);
	}
	if (!is_done)
		hostile_honestly(h, now, request);
}

/* ---- Routes ---- */

/* The accomplice that follows the target most closely: it would be the owner, were the honest ones not there. */
static const struct node_id *hostile_accomplice(const struct hostile *h, const struct node_id *target)
{
	const struct attacker *a = h->attacker;
	const struct node_id *best = NULL;
	struct node_id least = NODE_ID_WILDCARD;

	for (size_t i = 0; i < a->room; i++) {
		struct node_id after;

		if (a->nodes[i] == NULL || a->nodes[i]->behaviour == ATTACKER_HONEST || i == h->node ||
		    !net_is_running(a->net, i))
			continue;
		after = node_id_subtract(net_node_id(a->net, i), target);
		if (node_id_compare(&after, &least) >= 0)
			continue;
		least = after;
		best = net_node_id(a->net, i);
	}
	return best;
}

static void hostile_on_route_query(void *ctx, struct now now, const struct incoming *request)
{
	struct hostile *h = ctx;
	struct peer *p = net_peer(h->attacker->net, h->node);
	struct reader r = reader_of(request->body);
	const struct node_id *accomplice = NULL;
	struct route_query_req query;
	struct resource_id resource;
	struct node_id target;
	struct arena arena;

	arena_init(&arena, 1u << 16);
	/* With send_update it is its neighbours' maintenance. */
	if (hostile_acts(h) == ATTACKER_MISROUTE && route_query_req_get(&r, &arena, &query) == 0 &&
	    !query.send_update && query.destination.type == DESTINATION_RESOURCE &&
	    resource_id_from_slice(query.destination.id.bytes, &resource) == 0 &&
	    node_id_from_resource_id(&resource, &target) == 0)
		accomplice = hostile_accomplice(h, &target);
	arena_free(&arena);
	if (accomplice != NULL) {
		const struct route_query_ans ans = { *accomplice };
		uint8_t body[NODE_ID_LENGTH];
		struct writer w = writer_of(body, sizeof(body));

		route_query_ans_put(&w, &ans);
		h->attacker->totals.false_routes++;
		transport_answer(p, now, request->handle, writer_slice(&w), NULL, 0);
		return;
	}
	hostile_honestly(h, now, request);
}

/* ---- Updates and Leaves ---- */

static struct node_id hostile_fabricated(struct hostile *h)
{
	struct prng *chance = net_chance(h->attacker->net, NET_CHANCE_FAULTS);
	struct node_id id;

	for (size_t i = 0; i < NODE_ID_LENGTH; i++)
		id.bytes[i] = (uint8_t)prng_next(chance);
	return id;
}

/* An Update that puts dead, fabricated and hostile nodes next to the one it goes to. */
static void hostile_send_update(struct hostile *h, struct now now, const struct node_id *to)
{
	struct peer *p = net_peer(h->attacker->net, h->node);
	const struct node_id *accomplice = hostile_accomplice(h, to);
	struct node_id next = node_id_next(to);
	struct node_id others[4] = { next, node_id_next(&next), hostile_fabricated(h),
				     accomplice == NULL ? hostile_fabricated(h) : *accomplice };
	const struct chord_update update = { .uptime = 1, .type = CHORD_FULL, .predecessors = others,
					     .predecessor_count = 4, .successors = others, .successor_count = 4,
					     .fingers = others, .finger_count = 4 };
	uint8_t body[512];
	struct writer w = writer_of(body, sizeof(body));

	chord_update_put(&w, &update);
	invariant(w.err == 0);
	h->attacker->totals.false_updates++;
	(void)!transport_request_node(p, now, METHOD_UPDATE, writer_slice(&w), to, NULL, NULL);
}

/* A Leave in the name of one of its neighbours. */
static void hostile_send_leave(struct hostile *h, struct now now, const struct node_id *to,
			       const struct node_id *in_the_name_of)
{
	struct peer *p = net_peer(h->attacker->net, h->node);
	struct node_id fabricated = hostile_fabricated(h);
	const struct chord_leave leave = { CHORD_FROM_SUCC, &fabricated, 1 };
	struct leave_req req = { .leaving_peer_id = *in_the_name_of };
	uint8_t data[64], body[128];
	struct writer d = writer_of(data, sizeof(data)), w = writer_of(body, sizeof(body));

	chord_leave_put(&d, &leave);
	req.overlay_specific_data = writer_slice(&d);
	leave_req_put(&w, &req);
	invariant(w.err == 0);
	h->attacker->totals.false_leaves++;
	(void)!transport_request_node(p, now, METHOD_LEAVE, writer_slice(&w), to, NULL, NULL);
}

void hostile_spread_lies(struct hostile *h)
{
	struct net *n = h->attacker->net;
	struct peer *p = net_peer(n, h->node);
	struct now now = net_now(n);
	struct topology_view view;

	if (!instant_due(h->lies_at, now.mono) || p->state != PEER_JOINED)
		return;
	h->lies_at = instant_add(now.mono, h->attacker->options.lie_interval);
	p->topology.ops->view(p->topology.ctx, &view);
	for (size_t i = 0; i < view.successor_count; i++) {
		hostile_send_update(h, now, &view.successors[i]);
		if (i + 1 < view.successor_count)
			hostile_send_leave(h, now, &view.successors[i], &view.successors[i + 1]);
	}
	for (size_t i = 0; i < view.predecessor_count; i++)
		hostile_send_update(h, now, &view.predecessors[i]);
	net_flush(n, h->node);
}

void hostile_hook(struct hostile *h)
{
	static const struct {
		enum method method;
		request_fn *fn;
	} hooks[] = {
		{ METHOD_STORE, hostile_on_store },
		{ METHOD_FETCH, hostile_on_fetch },
		{ METHOD_ROUTE_QUERY, hostile_on_route_query },
	};
	struct peer *p = net_peer(h->attacker->net, h->node);

	if (p == NULL)
		return;
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		struct request_handler *handler = &p->transport->handlers[hooks[i].method];

		if (handler->fn == NULL || handler->fn == hooks[i].fn)
			continue;
		h->honest[hooks[i].method] = *handler;
		transport_set_handler(p, hooks[i].method, hooks[i].fn, h);
	}
}
