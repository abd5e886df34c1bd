/* SPDX-License-Identifier: MIT */
/* Receipt and forwarding. */
#include "overlay/forwarding.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/evidence.h"
#include "overlay/fragment.h"
#include "overlay/link_table.h"
#include "overlay/peer_state.h"
#include "overlay/transport_state.h"
#include "overlay/wire/message.h"
#include "overlay/wire/method.h"

#define FORWARDING_ERRORS_PER_S 20 /* Errors answered for messages that are not passed on */
#define FORWARDING_ERRORS_BURST 40
#define FORWARDING_NODE_WIRE 18 /* bytes of a Node-ID in a list */
#define FORWARDING_TTL_SPARE 5  /* hops beyond log2 of the peers' number */
/* A request gets so far whatever the estimate: in a small ring the estimate errs most, and its messages may
 * go from neighbour to neighbour, one hop a peer, until the fingers are found. */
#define FORWARDING_TTL_MIN 16
#define FORWARDING_TTL_USUAL 100 /* initial-ttl when a document gives none (11.1) */

struct forwarding {
	/* A bucket of tokens, one an Error. */
	struct instant filled_at;
	uint64_t tokens;
};

/* A message in the middle of its hop. */
struct passage {
	struct link *from;
	struct forwarding_header h;
	struct reader rest; /* behind the header */
	uint16_t code;      /* 0: not known, as this is not the first fragment */
};

void forwarding_new(struct peer *p)
{
	p->forwarding = memory_alloc(sizeof(*p->forwarding));
	p->forwarding->tokens = FORWARDING_ERRORS_BURST;
}

void forwarding_free(struct peer *p)
{
	free(p->forwarding);
}

struct forwarding_header forwarding_header_own(const struct peer *p, uint64_t transaction_id)
{
	return (struct forwarding_header){
		.relo_token = RELO_TOKEN,
		.overlay = p->overlay_hash,
		.configuration_sequence = p->configuration->sequence,
		.version = RELOAD_VERSION,
		.ttl = p->configuration->initial_ttl,
		.fragment = FRAGMENT_WHOLE,
		.transaction_id = transaction_id,
	};
}

uint8_t forwarding_first_ttl(const struct peer *p)
{
	size_t population = p->topology.ops->population(p->topology.ctx);
	size_t hops = FORWARDING_TTL_SPARE;

	if (population == 0)
		return p->configuration->initial_ttl;
	for (; population > 1; population -= population / 2)
		hops++;
	if (hops < FORWARDING_TTL_MIN)
		hops = FORWARDING_TTL_MIN;
	return hops < p->configuration->initial_ttl ? (uint8_t)hops : p->configuration->initial_ttl;
}

int forwarding_return_path(struct peer *p, const struct node_id *previous_hop,
			   struct slice via_list, struct slice *destinations)
{
	size_t room = via_list.len + FORWARDING_NODE_WIRE;
	struct destination first = destination_of_node(previous_hop);
	struct destination_list via;
	uint8_t *bytes;
	struct writer w;
	int err = destination_list_get(via_list, peer_arena(p), &via);

	if (err != 0)
		return err;
	bytes = arena_alloc(peer_arena(p), room);
	w = writer_of(bytes, bytes == NULL ? 0 : room);
	destination_put(&w, &first);
	for (size_t i = via.count; i > 0; i--) {
		/* A Resource-ID never stands in a Via List (6.3.2.2). */
		if (via.items[i - 1].type == DESTINATION_RESOURCE)
			return ERR_MALFORMED;
		destination_put(&w, &via.items[i - 1]);
	}
	*destinations = writer_slice(&w);
	return w.err;
}

int forwarding_options_check(struct slice options, uint8_t flags)
{
	struct reader r = reader_of(options);

	while (reader_more(&r)) {
		struct forwarding_option o;

		forwarding_option_get(&r, &o);
		if (r.err == 0 && (o.flags & flags) != 0)
			return ERR_UNSUPPORTED_FORWARDING_OPTION;
	}
	return reader_finish(&r) != 0 ? ERR_MALFORMED : 0;
}

/* ---- Refusing ---- */

/* Errors are rationed: a flood of bad messages must not make this node sign all day. */
static bool forwarding_may_answer(struct peer *p, struct now now)
{
	struct forwarding *f = p->forwarding;
	uint64_t gained =
		instant_since(now.mono, f->filled_at).us * FORWARDING_ERRORS_PER_S / 1000000;

	if (gained > 0) {
		f->tokens += gained;
		if (f->tokens > FORWARDING_ERRORS_BURST)
			f->tokens = FORWARDING_ERRORS_BURST;
		f->filled_at = now.mono;
	}
	if (f->tokens == 0)
		return false;
	f->tokens--;
	return true;
}

/* The code of a message whose first fragment this is; 0 else. */
static uint16_t forwarding_code(const struct forwarding_header *h, struct reader rest)
{
	if ((h->fragment & FRAGMENT_OFFSET) != 0)
		return 0;
	return reader_u16(&rest);
}

void forwarding_refuse(struct peer *p, struct now now, struct link *l,
		       const struct forwarding_header *h, struct reader rest, int err)
{
	uint16_t code = forwarding_code(h, rest);

	counter_error(&p->counters, err);
	log_debug(p->log, "forward.refused", "transaction=%016llx link=%llu reason=%s",
		  (unsigned long long)h->transaction_id, (unsigned long long)l->id,
		  error_name(err));
	/* An Error is never answered with another. */
	if (code == 0 || !message_code_is_request(code) || !forwarding_may_answer(p, now))
		return;
	transport_refuse(p, now, l, h, err);
}

static void forwarding_drop(struct peer *p, const struct passage *m, uint64_t *counter, int err)
{
	(*counter)++;
	counter_error(&p->counters, err);
	log_debug(p->log, "forward.dropped", "transaction=%016llx link=%llu reason=%s",
		  (unsigned long long)m->h.transaction_id, (unsigned long long)m->from->id,
		  error_name(err));
}

/* ---- Passing on ---- */

/* A request that has been here before, while tables were changing, comes with our own Node-ID in
 * its Via List: what follows that entry is a loop, which the answer need not take. */
static bool forwarding_cut_loop(const struct peer *p, struct slice *via_list)
{
	struct reader r = reader_of(*via_list);

	while (reader_more(&r)) {
		size_t left = reader_left(&r);
		struct destination d;

		destination_get(&r, &d);
		if (r.err != 0 || d.type != DESTINATION_NODE ||
		    !node_id_equal(&d.id.node, &p->node_id))
			continue;
		via_list->len -= left;
		return true;
	}
	return false;
}

/* The Via List with the previous hop at its end. An answer is not routed back, so its list stays;
 * of a later fragment nobody knows which of the two it is, and an entry too many does no harm. */
static int forwarding_append_via(struct peer *p, struct passage *m)
{
	struct destination hop = destination_of_node(&m->from->node_id);
	size_t room = m->h.via_list.len + FORWARDING_NODE_WIRE;
	uint8_t *bytes;
	struct writer w;

	if ((m->code != 0 && !message_code_is_request(m->code)) ||
	    forwarding_cut_loop(p, &m->h.via_list))
		return 0;
	bytes = arena_alloc(peer_arena(p), room);
	w = writer_of(bytes, bytes == NULL ? 0 : room);
	writer_bytes(&w, m->h.via_list);
	destination_put(&w, &hop);
	m->h.via_list = writer_slice(&w);
	return w.err;
}

static void forwarding_pass(struct peer *p, struct now now, struct passage *m, struct link *hop)
{
	struct forwarding_header received = m->h;
	struct slice tail = reader_bytes(&m->rest, reader_left(&m->rest));
	struct reader rest = reader_of(tail);
	int err = 0;

	if (m->h.ttl == 0)
		err = ERR_TTL_EXCEEDED;
	if (err == 0)
		err = forwarding_options_check(m->h.options, FORWARD_CRITICAL);
	if (err == 0)
		err = forwarding_append_via(p, m);
	if (err == 0) {
		m->h.ttl--;
		err = framing_send(p, now, hop, &m->h, tail);
	}
	if (err != 0) {
		p->counters.dropped_limit += err == ERR_LIMIT;
		p->counters.dropped_header += err == ERR_TTL_EXCEEDED;
		forwarding_refuse(p, now, m->from, &received, rest, err);
		return;
	}
	p->counters.messages_forwarded++;
	m->from->last_used = now.mono;
	if (message_code_is_request(m->code) && evidence_counts(method_of_code(m->code), m->h.destination_list))
		evidence_sent(p, now, m->h.transaction_id, &hop->node_id);
	if (log_enabled(p->log, LOG_DEBUG)) {
		char next[NODE_ID_TEXT_SIZE];
		char previous[NODE_ID_TEXT_SIZE];

		log_debug(p->log, "forward.pass", "transaction=%016llx next=%s previous=%s ttl=%u",
			  (unsigned long long)m->h.transaction_id,
			  node_id_text(&hop->node_id, next),
			  node_id_text(&m->from->node_id, previous), m->h.ttl);
	}
}

/* ---- Delivering ---- */

static void forwarding_deliver(struct peer *p, struct now now, struct passage *m,
			       const struct destination *destination, struct slice message)
{
	struct slice whole = message;

	m->from->last_used = now.mono;
	if (!fragment_is_whole(&m->h)) {
		struct slice body = reader_bytes(&m->rest, reader_left(&m->rest));
		int got = fragment_add(p, now, m->from->id, &m->h, body, &whole);

		if (got < 0)
			forwarding_drop(p, m, &p->counters.dropped_fragment, got);
		if (got <= 0)
			return;
	}
	p->counters.messages_delivered++;
	transport_receive(p, now, m->from, destination, whole);
}

/* ---- Routing ---- */

/* The next hop towards a point of the ring, by the Connection Table or the topology plug-in. */
static struct link *forwarding_hop(struct peer *p, const struct node_id *target)
{
	struct node_id hops[EVIDENCE_CHOICES_MAX];
	size_t count = 1;

	if (p->topology.ops->next_hops != NULL)
		count = p->topology.ops->next_hops(p->topology.ctx, target, hops, EVIDENCE_CHOICES_MAX);
	else if (!p->topology.ops->next_hop(p->topology.ctx, target, &hops[0]))
		count = 0;
	if (count == 0)
		return NULL;
	return link_of_node(p, &hops[evidence_choose(p, hops, count)]);
}

/* What the first entry of a Destination List means here (6.1). `rest` is what follows it; *err says
 * why there is no route: ERR_INVALID_MESSAGE is worth an answer, ERR_NO_ROUTE means silence. */
static enum forwarding_way forwarding_entry(struct peer *p, const struct destination *first,
					    struct slice rest, struct link **hop, bool *is_own,
					    int *err)
{
	struct resource_id resource;
	struct node_id point;

	*is_own = false;
	*err = ERR_NO_ROUTE;
	switch (first->type) {
	case DESTINATION_NODE:
		if (node_id_is_wildcard(&first->id.node))
			return FORWARDING_LOCAL;
		*is_own = node_id_equal(&first->id.node, &p->node_id);
		if (*is_own)
			return FORWARDING_LOCAL;
		*hop = link_of_node(p, &first->id.node);
		/* In our range but not ours, and not a client of ours: nobody has it (6.1.1). */
		if (*hop == NULL &&
		    !p->topology.ops->is_responsible(p->topology.ctx, &first->id.node))
			*hop = forwarding_hop(p, &first->id.node);
		return *hop == NULL ? FORWARDING_NONE : FORWARDING_LINK;
	case DESTINATION_RESOURCE:
		if (resource_id_from_slice(first->id.bytes, &resource) != 0 ||
		    node_id_from_resource_id(&resource, &point) != 0) {
			*err = ERR_INVALID_MESSAGE;
			return FORWARDING_NONE;
		}
		if (rest.len > 0)
			return FORWARDING_NONE;
		if (p->topology.ops->is_responsible(p->topology.ctx, &point))
			return FORWARDING_LOCAL;
		*hop = forwarding_hop(p, &point);
		return *hop == NULL ? FORWARDING_NONE : FORWARDING_LINK;
	default:
		/* Opaque IDs: we make none, so none can be ours. */
		return FORWARDING_NONE;
	}
}

enum forwarding_way forwarding_route(struct peer *p, struct slice *destinations, struct link **hop)
{
	struct destination first;
	struct slice rest;
	bool is_own;
	int err;

	for (;;) {
		enum forwarding_way way;

		if (destination_list_first(*destinations, &first, &rest) != 0)
			return FORWARDING_NONE;
		way = forwarding_entry(p, &first, rest, hop, &is_own, &err);
		if (!is_own || rest.len == 0)
			return way;
		*destinations = rest;
	}
}

/* Two equal entries would make a message circle (13.6.5). */
static int forwarding_check_destinations(struct peer *p, struct slice bytes)
{
	struct destination_list list;
	struct destination first;
	struct slice rest;
	int err = destination_list_first(bytes, &first, &rest);

	if (err != 0)
		return ERR_INVALID_MESSAGE;
	if (rest.len == 0)
		return 0;
	err = destination_list_get(bytes, peer_arena(p), &list);
	if (err == ERR_LIMIT)
		return err;
	return err != 0 || destination_list_has_duplicates(&list) ? ERR_INVALID_MESSAGE : 0;
}

/* Who has not said which of its Node-IDs it uses may only Ping and Attach (6.1.2). */
static bool forwarding_is_forbidden(const struct passage *m)
{
	return m->from->identity->node_id_count > 1 && m->from->state == LINK_UP &&
	       message_code_is_request(m->code) && m->code != method_request_code(METHOD_PING) &&
	       m->code != method_request_code(METHOD_ATTACH);
}

static void forwarding_handle(struct peer *p, struct now now, struct passage *m,
			      struct slice message)
{
	struct destination first;
	struct link *hop = NULL;
	struct slice rest;
	bool is_own;
	int err = forwarding_check_destinations(p, m->h.destination_list);

	if (err == 0 && forwarding_is_forbidden(m))
		err = ERR_FORBIDDEN;
	while (err == 0) {
		err = destination_list_first(m->h.destination_list, &first, &rest);
		if (err != 0)
			break;
		switch (forwarding_entry(p, &first, rest, &hop, &is_own, &err)) {
		case FORWARDING_LINK:
			forwarding_pass(p, now, m, hop);
			return;
		case FORWARDING_LOCAL:
			err = 0;
			if (is_own && rest.len > 0) {
				m->h.destination_list = rest;
				break;
			}
			forwarding_deliver(p, now, m, &first, message);
			return;
		case FORWARDING_NONE:
			break;
		}
	}
	if (err == ERR_NO_ROUTE || err == ERR_LIMIT)
		forwarding_drop(p, m, &p->counters.dropped_no_route, err);
	else {
		p->counters.dropped_header++;
		forwarding_refuse(p, now, m->from, &m->h, m->rest, err);
	}
}

/* The largest TTL a message may have. While a document that lowers initial-ttl spreads, those who have not got it
 * send as before: without them passing, it would not spread. */
static uint8_t forwarding_ttl_max(const struct peer *p, const struct forwarding_header *h)
{
	uint8_t own = p->configuration->initial_ttl;

	if (h->configuration_sequence == p->configuration->sequence || own >= FORWARDING_TTL_USUAL)
		return own;
	return FORWARDING_TTL_USUAL;
}

/* The fields of 6.3.2. 0, or why the message is discarded. */
static int forwarding_check_header(const struct peer *p, const struct forwarding_header *h,
				   size_t len)
{
	if (h->relo_token != RELO_TOKEN || h->version != RELOAD_VERSION || h->length != len ||
	    (h->fragment & FRAGMENT_ALWAYS) == 0)
		return ERR_MALFORMED;
	if (h->overlay != p->overlay_hash)
		return ERR_INCOMPATIBLE_WITH_OVERLAY;
	if (h->ttl > forwarding_ttl_max(p, h))
		return ERR_TTL_EXCEEDED;
	return 0;
}

void forwarding_receive(struct peer *p, struct now now, struct link *l, struct slice message)
{
	struct passage m = { .from = l, .rest = reader_of(message) };
	int err;

	p->counters.messages_in++;
	forwarding_header_get(&m.rest, &m.h);
	if (m.rest.err != 0) {
		forwarding_drop(p, &m, &p->counters.dropped_malformed, m.rest.err);
		return;
	}
	err = forwarding_check_header(p, &m.h, message.len);
	if (err == ERR_TTL_EXCEEDED) {
		p->counters.dropped_header++;
		forwarding_refuse(p, now, l, &m.h, m.rest, err);
		return;
	}
	if (err != 0) {
		/* Another overlay's or another protocol's: silence (6.1 leaves it to policy). */
		forwarding_drop(p, &m, &p->counters.dropped_header, err);
		return;
	}
	m.code = forwarding_code(&m.h, m.rest);
	if (m.code != 0 && !message_code_is_request(m.code))
		evidence_answered(p, now, m.h.transaction_id, &l->node_id);
	forwarding_handle(p, now, &m, message);
}
