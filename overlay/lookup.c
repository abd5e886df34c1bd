/* SPDX-License-Identifier: MIT */
/* One lookup: its requests, what follows from each answer or from none, and when to stop. */
#include "overlay/lookup.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/evidence.h"
#include "overlay/link.h"
#include "overlay/lookup_state.h"
#include "overlay/peer.h"
#include "overlay/wire/body_misc.h"
#include "overlay/wire/body_routing.h"

#define LOOKUP_QUERIES_MAX 256 /* RouteQueries */
#define LOOKUP_AGAIN_MS 2000   /* a search that found nobody at all is made again after so long */
#define LOOKUP_DENSITY 8       /* mean distances of neighbours: an owner farther off is none */
#define LOOKUP_BRANCHES 3      /* ways into the neighbourhood that must agree on who is nearest */

enum lookup_try_kind {
	TRY_FREE,
	TRY_FIRST, /* the request itself, as any other; listened for until the end */
	TRY_AGAIN, /* the same by another first hop */
	TRY_PING,  /* who follows the holder known last? */
	TRY_QUERY, /* RouteQuery to a node of the search */
	TRY_HOLDER /* the request, to a node of the search */
};

struct lookup_try {
	struct lookup *lookup;
	enum lookup_try_kind kind;
	uint64_t transaction;
	size_t node;
	struct timer timer;
};

struct lookup {
	struct peer *peer;
	struct resource_id resource;
	struct node_id target;
	enum method method;
	struct slice body; /* owned */
	lookup_judge_fn *judge;
	lookup_done_fn *done;
	void *ctx;
	bool is_plain;
	bool is_searching;
	bool has_trouble;      /* somebody did not answer, or not well */
	struct node_id denier; /* who said "nothing there" to the first request; zero: nobody */
	struct node_id last;   /* the holder known last, when "nothing there" is checked */
	size_t requests;
	struct lookup_try tries[LOOKUP_TRIES_MAX];
	struct lookup_search search;
	struct timer limit_timer;
	struct timer again_timer;
};

static void lookup_go_on(struct lookup *l, struct now now);

void lookup_free(struct lookup *l)
{
	struct timer_heap *timers;

	if (l == NULL)
		return;
	timers = peer_timers(l->peer);
	for (size_t i = 0; i < LOOKUP_TRIES_MAX; i++) {
		timer_disarm(timers, &l->tries[i].timer);
		if (l->tries[i].kind != TRY_FREE)
			transport_cancel(l->peer, l->tries[i].transaction);
	}
	timer_disarm(timers, &l->limit_timer);
	timer_disarm(timers, &l->again_timer);
	lookup_search_free(&l->search);
	free((void *)l->body.data);
	free(l);
}

size_t lookup_requests(const struct lookup *l)
{
	return l->requests;
}

static void lookup_end(struct lookup *l, struct now now, bool is_found)
{
	if (is_found && !node_id_is_zero(&l->denier))
		l->has_trouble = true;
	/* "Nothing there" on all sides says nothing of anybody. */
	if (is_found || l->has_trouble)
		evidence_lookup(l->peer, now, !l->has_trouble);
	/* Whoever denied what others have. */
	if (is_found)
		evidence_note(l->peer, now, &l->denier, false);
	if (l->is_searching || l->requests > 1)
		log_info(peer_log(l->peer), "lookup.done", "found=%d requests=%zu queries=%zu met=%zu trouble=%d",
			 is_found, l->requests, l->search.queries, l->search.count, l->has_trouble);
	l->done(l->ctx, now);
	lookup_free(l);
}

static void lookup_out_of_time(void *ctx, struct now now)
{
	lookup_end(ctx, now, false);
}

/* ---- Requests ---- */

static response_fn lookup_answered;
static void lookup_late(void *ctx, struct now now);

static struct lookup_try *lookup_try_free(struct lookup *l)
{
	for (size_t i = 0; i < LOOKUP_TRIES_MAX; i++)
		if (l->tries[i].kind == TRY_FREE)
			return &l->tries[i];
	return NULL;
}

static void lookup_try_drop(struct lookup_try *t)
{
	timer_disarm(peer_timers(t->lookup->peer), &t->timer);
	transport_cancel(t->lookup->peer, t->transaction);
	t->kind = TRY_FREE;
}

static size_t lookup_under_way(const struct lookup *l)
{
	size_t count = 0;

	for (size_t i = 0; i < LOOKUP_TRIES_MAX; i++)
		count += l->tries[i].kind > TRY_FIRST;
	return count;
}

static int lookup_send(struct lookup *l, struct now now, enum lookup_try_kind kind, size_t node,
		       struct request *request)
{
	struct lookup_try *t = lookup_try_free(l);
	int err;

	if (t == NULL || l->requests >= LOOKUP_REQUESTS_MAX)
		return ERR_LIMIT;
	t->lookup = l;
	t->kind = kind;
	t->node = node;
	request->done = lookup_answered;
	request->ctx = t;
	/* Another way is tried soon; the first request alone is sent again on its own. */
	if (kind != TRY_FIRST)
		request->transmissions_max = 1;
	err = transport_request(l->peer, now, request, &t->transaction);
	if (err != 0) {
		t->kind = TRY_FREE;
		return err;
	}
	l->requests++;
	if (!l->is_plain)
		timer_arm(peer_timers(l->peer), &t->timer, instant_add(now.mono, evidence_patience(l->peer)),
			  lookup_late, t);
	return 0;
}

static int lookup_send_first(struct lookup *l, struct now now)
{
	struct destination d = destination_of_resource(&l->resource);
	struct request request = {
		.method = l->method, .body = l->body, .destinations = &d, .destination_count = 1
	};

	return lookup_send(l, now, TRY_FIRST, SIZE_MAX, &request);
}

/* A first hop towards the point other than the one that is taken usually; 0: there is none as good. */
static link_id lookup_other_link(const struct lookup *l, const struct node_id *point)
{
	const struct topology *t = peer_topology(l->peer);
	struct node_id hops[EVIDENCE_CHOICES_MAX];
	size_t count, usual, other;

	if (t->ops->next_hops == NULL)
		return 0;
	count = t->ops->next_hops(t->ctx, point, hops, EVIDENCE_CHOICES_MAX);
	if (count < 2)
		return 0;
	usual = evidence_choose(l->peer, hops, count);
	other = usual == 0 ? 1 : 0;
	for (size_t i = other + 1; i < count; i++)
		if (i != usual && evidence_trust(l->peer, &hops[i]) > evidence_trust(l->peer, &hops[other]))
			other = i;
	return link_find_node(l->peer, &hops[other]);
}

/* Who is responsible for the identifier after the holder known last: the next holder. */
static int lookup_send_ping(struct lookup *l, struct now now)
{
	const struct ping_req ping = { SLICE_EMPTY };
	struct node_id point = node_id_next(&l->last);
	struct resource_id resource = resource_id_from_node_id(&point);
	struct destination d = destination_of_resource(&resource);
	uint8_t buffer[8];
	struct writer w = writer_of(buffer, sizeof(buffer));
	struct request request = { .method = METHOD_PING, .destinations = &d, .destination_count = 1 };

	ping_req_put(&w, &ping);
	request.body = writer_slice(&w);
	request.link = lookup_other_link(l, &point);
	return lookup_send(l, now, TRY_PING, SIZE_MAX, &request);
}

static int lookup_send_by_path(struct lookup *l, struct now now, enum lookup_try_kind kind, size_t node,
			       enum method method, struct slice body)
{
	struct destination path[LOOKUP_DEPTH_MAX];
	const struct node_id *root = NULL;
	struct request request = { .method = method, .body = body, .destinations = path };

	request.destination_count = lookup_search_path(&l->search, node, path, &root);
	if (request.destination_count == 0)
		return ERR_NO_ROUTE;
	if (root != NULL)
		request.link = link_find_node(l->peer, root);
	if (root != NULL && request.link == 0)
		return ERR_NO_ROUTE;
	return lookup_send(l, now, kind, node, &request);
}

static int lookup_send_query(struct lookup *l, struct now now, size_t node)
{
	struct resource_id resource = resource_id_from_node_id(&l->search.nodes[node].query);
	const struct route_query_req query = { false, destination_of_resource(&resource), SLICE_EMPTY };
	uint8_t buffer[64];
	struct writer w = writer_of(buffer, sizeof(buffer));

	route_query_req_put(&w, &query);
	return lookup_send_by_path(l, now, TRY_QUERY, node, METHOD_ROUTE_QUERY, writer_slice(&w));
}

/* ---- The search ---- */

static void lookup_search(struct lookup *l)
{
	if (l->is_searching)
		return;
	/* The nodes are numbered anew. */
	for (size_t i = 0; i < LOOKUP_TRIES_MAX; i++)
		if (l->tries[i].kind > TRY_AGAIN)
			lookup_try_drop(&l->tries[i]);
	l->is_searching = true;
	lookup_search_begin(&l->search, l->peer, &l->target);
	log_info(peer_log(l->peer), "lookup.search", "requests=%zu links=%zu", l->requests, l->search.root_count);
}

/* The search met nobody who holds anything or denies it: the ring may be under repair. */
static void lookup_again(void *ctx, struct now now)
{
	struct lookup *l = ctx;

	l->is_searching = false;
	lookup_search(l);
	lookup_go_on(l, now);
}

static bool lookup_ask_holder(struct lookup *l, struct now now)
{
	size_t node = lookup_search_holder(&l->search);

	if (node == SIZE_MAX)
		return false;
	if (lookup_send_by_path(l, now, TRY_HOLDER, node, l->method, l->body) == 0)
		l->search.nodes[node].is_fetching = true;
	else
		lookup_search_failed(&l->search, node, false);
	return true;
}

static bool lookup_ask_way(struct lookup *l, struct now now)
{
	size_t node;

	if (l->search.queries >= LOOKUP_QUERIES_MAX)
		return false;
	node = lookup_search_query(&l->search);
	if (node == SIZE_MAX)
		return false;
	l->search.queries++;
	if (lookup_send_query(l, now, node) == 0)
		l->search.nodes[node].is_asking = true;
	else
		lookup_search_failed(&l->search, node, false);
	return true;
}

/* All holders have spoken, as far as need be, and none had what was looked for. */
static bool lookup_is_over(struct lookup *l)
{
	size_t holders = LOOKUP_HOLDERS;

	/* Checked by one other, unless there is reason for more. */
	if (!l->is_searching && !l->has_trouble && evidence_is_calm(l->peer))
		holders = 2;
	if (l->is_searching && lookup_search_branches(&l->search) < LOOKUP_BRANCHES)
		return false;
	return l->search.count >= holders && lookup_search_have_said(&l->search, holders);
}

/* Sends what is to be sent now; ends when there is nothing left to try. */
static void lookup_go_on(struct lookup *l, struct now now)
{
	if (lookup_is_over(l)) {
		lookup_end(l, now, false);
		return;
	}
	if (!l->is_searching && l->search.count > 0) {
		/* Checking: one request at a time. */
		if (lookup_under_way(l) > 0 || lookup_ask_holder(l, now) || lookup_send_ping(l, now) == 0)
			return;
		lookup_search(l);
	}
	if (!l->is_searching)
		return;
	while (lookup_try_free(l) != NULL && l->requests < LOOKUP_REQUESTS_MAX) {
		if (lookup_ask_holder(l, now) || lookup_ask_way(l, now))
			continue;
		if (lookup_under_way(l) > 0 || l->search.tries_max == LOOKUP_HOLDER_TRIES_LAST)
			break;
		/* Nobody else to ask: those once more that did not answer. */
		l->search.tries_max = LOOKUP_HOLDER_TRIES_LAST;
	}
	if (lookup_under_way(l) > 0 || timer_is_armed(&l->again_timer))
		return;
	for (size_t i = 0; i < l->search.count; i++) {
		if (l->search.nodes[i].has_said || l->requests >= LOOKUP_REQUESTS_MAX) {
			lookup_end(l, now, false);
			return;
		}
	}
	timer_arm(peer_timers(l->peer), &l->again_timer, instant_add(now.mono, duration_ms(LOOKUP_AGAIN_MS)),
		  lookup_again, l);
}

/* ---- What came of a request ---- */

/* An honest owner of the target is hardly that far behind it. */
static bool lookup_is_dense(const struct lookup *l, const struct node_id *owner)
{
	const struct topology *t = peer_topology(l->peer);
	uint64_t population = t->ops->population(t->ctx);

	if (population == 0)
		return true;
	return node_id_share_ppb(&l->target, owner) * population <= LOOKUP_DENSITY * 1000000000ull;
}

/* The first request went wrong: once more by another first hop, if there is one, else the search. */
static void lookup_send_again(struct lookup *l, struct now now)
{
	struct destination d = destination_of_resource(&l->resource);
	struct request request = {
		.method = l->method, .body = l->body, .destinations = &d, .destination_count = 1
	};

	if (l->requests == 1)
		request.link = lookup_other_link(l, &l->target);
	if (request.link == 0 || lookup_send(l, now, TRY_AGAIN, SIZE_MAX, &request) != 0)
		lookup_search(l);
}

/* A node has spoken to the request: it need not be asked again. */
static void lookup_has_spoken(struct lookup *l, const struct node_id *owner)
{
	size_t at;

	if (l->search.count == 0 && !l->is_searching) {
		l->search.target = l->target;
		l->search.reach = NODE_ID_WILDCARD;
		l->search.tries_max = LOOKUP_HOLDER_TRIES;
	}
	l->last = *owner;
	at = lookup_search_add(&l->search, l->peer, owner, LOOKUP_ROUTED, l->search.root_count);
	if (at != SIZE_MAX)
		l->search.nodes[at].has_said = true;
}

/* Somebody answered for what it can hardly own. Whoever it is, the way we took leads to it. */
static void lookup_is_deceived(struct lookup *l, struct now now, const struct response *response)
{
	struct link_info link;
	size_t cursor = 0;
	char text[NODE_ID_TEXT_SIZE];

	log_warning(peer_log(l->peer), "lookup.false_owner", "node=%s",
		    node_id_text(&response->signer.node_id, text));
	while (link_next(l->peer, &cursor, &link))
		if (link.id == response->link)
			evidence_caught(l->peer, now, &link.node_id);
	l->has_trouble = true;
	lookup_send_again(l, now);
}

/* An answer that does not end the lookup, from a holder that was found or from whoever took the first request. */
static void lookup_answer_is_poor(struct lookup *l, struct now now, enum lookup_try_kind kind,
				  enum lookup_answer answer, const struct response *response)
{
	const struct node_id *owner = &response->signer.node_id;

	if (kind != TRY_HOLDER && !lookup_is_dense(l, owner)) {
		lookup_is_deceived(l, now, response);
		return;
	}
	lookup_has_spoken(l, owner);
	if (kind != TRY_HOLDER && answer == ANSWER_NOTHING && node_id_is_zero(&l->denier))
		l->denier = *owner;
	if (answer == ANSWER_NOTHING)
		return;
	l->has_trouble = true;
	lookup_search(l);
}

static void lookup_pinged(struct lookup *l, const struct response *response)
{
	size_t known = l->search.count;

	/* Round once: all there are were asked. */
	if (response->err == 0 &&
	    lookup_search_add(&l->search, l->peer, &response->signer.node_id, LOOKUP_ROUTED, 0) != SIZE_MAX &&
	    l->search.count > known)
		return;
	l->has_trouble |= response->err != 0;
	lookup_search(l);
}

/* Nobody answered in time, or a node on the way said why it could not pass it on. */
static void lookup_try_failed(struct lookup *l, struct now now, enum lookup_try_kind kind, size_t node)
{
	l->has_trouble = true;
	switch (kind) {
	case TRY_FIRST:
		lookup_send_again(l, now);
		break;
	case TRY_QUERY:
	case TRY_HOLDER:
		lookup_search_failed(&l->search, node, kind == TRY_HOLDER);
		if (!l->is_searching)
			lookup_search(l);
		break;
	default:
		lookup_search(l);
		break;
	}
}

static void lookup_query_answered(struct lookup *l, struct now now, size_t node, const struct response *response)
{
	struct reader r = reader_of(response->body);
	struct route_query_ans ans;

	if (response->err == 0 && route_query_ans_get(&r, peer_arena(l->peer), &ans) == 0 && reader_finish(&r) == 0)
		lookup_search_answered(&l->search, l->peer, node, &ans.next_peer);
	else if (response->err == 0 || !node_id_is_zero(&response->signer.node_id))
		l->search.nodes[node].is_exhausted = true;
	else
		lookup_try_failed(l, now, TRY_QUERY, node);
}

static void lookup_answered(void *ctx, struct now now, const struct response *response)
{
	struct lookup_try *t = ctx;
	struct lookup *l = t->lookup;
	enum lookup_try_kind kind = t->kind;
	struct lookup_node *n = t->node == SIZE_MAX ? NULL : &l->search.nodes[t->node];
	bool is_signed = !node_id_is_zero(&response->signer.node_id);
	enum lookup_answer answer;

	timer_disarm(peer_timers(l->peer), &t->timer);
	t->kind = TRY_FREE;
	if (n != NULL)
		n->is_asking = n->is_fetching = false;
	if (kind == TRY_FIRST && is_signed && !node_id_equal(&response->signer.node_id, peer_node_id(l->peer)))
		evidence_round_trip(l->peer, response->round_trip);
	if (kind == TRY_PING) {
		lookup_pinged(l, response);
	} else if (kind == TRY_QUERY) {
		lookup_query_answered(l, now, t->node, response);
	} else if (!is_signed && !l->is_plain) {
		lookup_try_failed(l, now, kind, t->node);
	} else {
		answer = l->judge(l->ctx, now, response);
		/* What we do not hold ourselves though it is ours nobody else denies us. */
		if (answer == ANSWER_VALUE || l->is_plain ||
		    (kind == TRY_FIRST && node_id_equal(&response->signer.node_id, peer_node_id(l->peer)))) {
			lookup_end(l, now, answer == ANSWER_VALUE);
			return;
		}
		lookup_answer_is_poor(l, now, kind, answer, response);
	}
	lookup_go_on(l, now);
}

/* No answer within four usual round trips. The first request may still be answered. */
static void lookup_late(void *ctx, struct now now)
{
	struct lookup_try *t = ctx;
	struct lookup *l = t->lookup;
	enum lookup_try_kind kind = t->kind;

	if (t->node != SIZE_MAX)
		l->search.nodes[t->node].is_asking = l->search.nodes[t->node].is_fetching = false;
	if (kind != TRY_FIRST)
		lookup_try_drop(t);
	lookup_try_failed(l, now, kind, t->node);
	lookup_go_on(l, now);
}

int lookup_start(struct peer *p, struct now now, const struct lookup_request *request, struct lookup **out)
{
	struct lookup *l = memory_alloc(sizeof(*l));
	uint8_t *body = memory_alloc(request->body.len + 1);
	int err;

	memcpy(body, request->body.data, request->body.len);
	l->peer = p;
	l->resource = *request->resource;
	l->method = request->method;
	l->body = slice_of(body, request->body.len);
	l->is_plain = request->is_plain;
	l->judge = request->judge;
	l->done = request->done;
	l->ctx = request->ctx;
	err = node_id_from_resource_id(&l->resource, &l->target);
	if (err == 0)
		err = lookup_send_first(l, now);
	if (err != 0) {
		lookup_free(l);
		return err;
	}
	if (!l->is_plain)
		timer_arm(peer_timers(p), &l->limit_timer, instant_add(now.mono, request->limit),
			  lookup_out_of_time, l);
	*out = l;
	return 0;
}
