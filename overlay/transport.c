/* SPDX-License-Identifier: MIT */
/* Message Transport: this node's own requests, from signing to the answer or to giving up. */
#include "overlay/transport.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/config_update.h"
#include "overlay/evidence.h"
#include "overlay/forwarding.h"
#include "overlay/link_table.h"
#include "overlay/peer_state.h"
#include "overlay/transport_state.h"

#define TRANSPORT_CONFIG_RETRY_MS 300 /* after an Error about configuration sequences */
#define TRANSPORT_VIA_ROOM 360        /* bytes left for twenty hops to add themselves */

/* A request waiting for its answer. */
struct outstanding {
	struct peer *peer;
	uint64_t transaction_id;
	enum method method;
	response_fn *done;
	void *ctx;
	struct timer timer;
	struct instant started;
	link_id forced; /* the first hop, when not routed */
	link_id used;   /* the first hop of the latest transmission */
	unsigned transmissions;
	unsigned transmissions_max;
	bool is_local;
	bool was_rerouted;
	int last_err;              /* an Error that did not end it */
	struct destination target; /* the last destination; borrowed from bytes */
	uint8_t *bytes;            /* owned: destinations, then contents and security block */
	size_t destinations_len;
	size_t tail_len;
};

void transport_new(struct peer *p)
{
	struct transport *t = memory_alloc(sizeof(*t));

	t->outstanding = map_new(prng_next(&p->prng));
	t->inbound = map_new(prng_next(&p->prng));
	t->handles = map_new(prng_next(&p->prng));
	t->local_last = &t->local_first;
	p->transport = t;
}

struct duration transport_lifetime(const struct peer *p)
{
	return duration_ms((uint64_t)p->configuration->overlay_reliability_timer_ms *
			   TRANSPORT_TRANSMISSIONS);
}

static struct slice outstanding_key(const uint64_t *transaction_id)
{
	return slice_of(transaction_id, sizeof(*transaction_id));
}

static struct outstanding *outstanding_find(const struct peer *p, uint64_t transaction_id)
{
	return map_find(p->transport->outstanding, outstanding_key(&transaction_id));
}

static void outstanding_free(struct outstanding *o)
{
	timer_disarm(&o->peer->timers, &o->timer);
	free(o->bytes);
	free(o);
}

void transport_free(struct peer *p)
{
	struct transport *t = p->transport;
	size_t cursor = 0;
	void *o;

	while (map_next(t->outstanding, &cursor, NULL, &o))
		outstanding_free(o);
	while (t->local_first != NULL) {
		struct local_message *m = t->local_first;

		t->local_first = m->next;
		parcel_free(&m->parcel);
		free(m);
	}
	timer_disarm(&p->timers, &t->local_timer);
	transport_inbound_free(p);
	map_free(t->outstanding);
	map_free(t->inbound);
	map_free(t->handles);
	free(t);
}

/* Ends the transaction and tells who asked. */
static void outstanding_finish(struct outstanding *o, struct now now, struct response *response)
{
	struct peer *p = o->peer;

	map_remove(p->transport->outstanding, outstanding_key(&o->transaction_id));
	response->round_trip = instant_since(now.mono, o->started);
	if (response->err != 0) {
		counter_error(&p->counters, response->err);
		log_debug(p->log, "request.failed",
			  "transaction=%016llx method=%s reason=%s transmissions=%u",
			  (unsigned long long)o->transaction_id, method_name(o->method),
			  error_name(response->err), o->transmissions);
	}
	if (o->done != NULL)
		o->done(o->ctx, now, response);
	outstanding_free(o);
}

static void outstanding_fail(struct outstanding *o, struct now now, int err)
{
	struct response response = { .err = err };

	outstanding_finish(o, now, &response);
}

/* ---- Sending ---- */

static void outstanding_due(void *ctx, struct now now);

static void outstanding_arm(struct outstanding *o, struct now now)
{
	timer_arm(&o->peer->timers, &o->timer,
		  instant_add(now.mono,
			      duration_ms(o->peer->configuration->overlay_reliability_timer_ms)),
		  outstanding_due, o);
}

/* Where it goes now. `destinations` loses entries that name this node. */
static enum forwarding_way outstanding_route(struct outstanding *o, struct slice *destinations,
					     struct link **hop)
{
	*destinations = slice_of(o->bytes, o->destinations_len);
	if (o->forced == 0)
		return forwarding_route(o->peer, destinations, hop);
	*hop = link_of_id(o->peer, o->forced);
	if (*hop == NULL || (*hop)->state == LINK_OPENING || (*hop)->state == LINK_SUSPECT)
		return FORWARDING_NONE;
	return FORWARDING_LINK;
}

/* A first transmission, which others may follow. */
static bool outstanding_is_first(const struct outstanding *o)
{
	return o->transmissions == 1 && o->transmissions_max > 1;
}

static int outstanding_transmit(struct outstanding *o, struct now now, struct slice destinations,
				struct link *hop)
{
	struct peer *p = o->peer;
	struct forwarding_header h = forwarding_header_own(p, o->transaction_id);
	struct slice tail = slice_of(o->bytes + o->destinations_len, o->tail_len);

	/* So that nodes which have missed an update can be reached by it (6.3.2.1). */
	if (o->method == METHOD_CONFIG_UPDATE)
		h.configuration_sequence = CONFIG_UPDATE_SEQUENCE;
	if (outstanding_is_first(o))
		h.ttl = forwarding_first_ttl(p);
	h.destination_list = destinations;
	/* The bytes may go before the effects are drained: when the answer is in the same read. */
	tail = arena_copy(peer_arena(p), tail);
	h.destination_list = arena_copy(peer_arena(p), destinations);
	if (tail.data == NULL || h.destination_list.data == NULL)
		return ERR_LIMIT;
	o->used = hop->id;
	if (evidence_counts(o->method, destinations))
		evidence_sent(p, now, o->transaction_id, &hop->node_id);
	return framing_send(p, now, hop, &h, tail);
}

static void outstanding_due(void *ctx, struct now now)
{
	struct outstanding *o = ctx;
	struct peer *p = o->peer;
	struct slice destinations;
	struct link *hop = NULL;

	if (o->last_err == ERR_LINK) {
		outstanding_fail(o, now, ERR_LINK);
		return;
	}
	if (o->is_local || o->transmissions >= o->transmissions_max) {
		outstanding_fail(o, now, o->last_err != 0 ? o->last_err : ERR_REQUEST_TIMEOUT);
		return;
	}
	o->transmissions++;
	p->counters.retransmissions++;
	/* No route now is no reason to give up: there may be one at the next turn. */
	if (outstanding_route(o, &destinations, &hop) == FORWARDING_LINK &&
	    outstanding_transmit(o, now, destinations, hop) != 0)
		p->counters.dropped_limit++;
	outstanding_arm(o, now);
}

void transport_link_lost(struct peer *p, struct now now, link_id link)
{
	size_t cursor = 0;
	void *at;

	while (map_next(p->transport->outstanding, &cursor, NULL, &at)) {
		struct outstanding *o = at;

		if (o->used != link || o->is_local || (o->was_rerouted && o->forced != link))
			continue;
		if (o->forced == link)
			o->last_err = ERR_LINK;
		else if (o->transmissions >= o->transmissions_max)
			continue;
		o->was_rerouted = true;
		/* By the timer, so that no callback runs in the middle of the loss. */
		timer_arm(&p->timers, &o->timer, now.mono, outstanding_due, o);
	}
}

/* Whether `code` is that of an Error which only a node on the way can have sent: no other answer is
 * taken from anybody but the destination (6.3.4). */
static bool transport_is_transit_error(uint16_t code)
{
	return code == error_reload_code(ERR_TTL_EXCEEDED) ||
	       code == error_reload_code(ERR_UNSUPPORTED_FORWARDING_OPTION) ||
	       code == error_reload_code(ERR_MESSAGE_TOO_LARGE);
}

static void transport_encode_destinations(const struct request *request, struct writer *w)
{
	for (size_t i = 0; i < request->destination_count; i++)
		destination_put(w, &request->destinations[i]);
}

static struct outstanding *outstanding_new(struct peer *p, struct now now,
					   const struct request *request, struct slice destinations,
					   struct slice tail)
{
	struct outstanding *o = memory_alloc(sizeof(*o));
	struct destination_list list;

	o->peer = p;
	o->method = request->method;
	o->done = request->done;
	o->ctx = request->ctx;
	o->started = now.mono;
	o->forced = request->link;
	o->transmissions = 1;
	o->transmissions_max = request->transmissions_max == 0 ? TRANSPORT_TRANSMISSIONS
							       : request->transmissions_max;
	o->destinations_len = destinations.len;
	o->tail_len = tail.len;
	o->bytes = memory_alloc(destinations.len + tail.len);
	memcpy(o->bytes, destinations.data, destinations.len);
	if (tail.len > 0)
		memcpy(o->bytes + destinations.len, tail.data, tail.len);
	if (destination_list_get(slice_of(o->bytes, o->destinations_len), peer_arena(p), &list) == 0)
		o->target = list.items[list.count - 1];
	return o;
}

static uint64_t transport_new_id(struct peer *p)
{
	uint64_t id;

	do {
		p->security.ops->random(p->security.ctx, &id, sizeof(id));
	} while (id == 0 || outstanding_find(p, id) != NULL);
	return id;
}

static void transport_start(struct peer *p, struct now now, struct outstanding *o, uint64_t id)
{
	o->transaction_id = id;
	map_put(p->transport->outstanding, outstanding_key(&o->transaction_id), o);
	outstanding_arm(o, now);
	p->counters.messages_sent++;
	p->counters.requests_out[o->method]++;
}

/* A request that this node answers itself. */
static void transport_start_local(struct peer *p, struct now now, const struct request *request,
				  struct slice destinations, uint64_t id)
{
	struct outstanding *o = outstanding_new(p, now, request, destinations, SLICE_EMPTY);
	struct slice own = p->security.ops->own_certificate(p->security.ctx);
	struct slice *certificates = memory_alloc((request->certificate_count + 1) * sizeof(own));

	o->is_local = true;
	transport_start(p, now, o, id);
	timer_arm(&p->timers, &o->timer, instant_add(now.mono, transport_lifetime(p)),
		  outstanding_due, o);
	certificates[0] = own;
	for (size_t i = 0; i < request->certificate_count; i++)
		certificates[i + 1] = request->certificates[i];
	transport_queue_local(
		p, now, id, false, 0,
		parcel_new(request->body, certificates, request->certificate_count + 1));
	free(certificates);
}

static int transport_start_remote(struct peer *p, struct now now, const struct request *request,
				  struct slice destinations, uint64_t id)
{
	struct outstanding *o;
	struct link *hop = NULL;
	struct slice shortened;
	struct slice tail;
	int err = transport_seal(p, id, method_request_code(request->method), request->body,
				 request->certificates, request->certificate_count, &tail);

	if (err != 0)
		return err;
	if (FORWARDING_HEADER_FIXED + destinations.len + tail.len + TRANSPORT_VIA_ROOM >
	    p->configuration->max_message_size)
		return ERR_MESSAGE_TOO_LARGE;
	o = outstanding_new(p, now, request, destinations, tail);
	transport_start(p, now, o, id);
	err = outstanding_route(o, &shortened, &hop) == FORWARDING_LINK
		      ? outstanding_transmit(o, now, shortened, hop)
		      : ERR_NO_ROUTE;
	/* A full queue is a loss like any other: the timer sends again. */
	if (err == 0 || err == ERR_LIMIT)
		return 0;
	map_remove(p->transport->outstanding, outstanding_key(&o->transaction_id));
	outstanding_free(o);
	return err;
}

int transport_request(struct peer *p, struct now now, const struct request *request,
		      uint64_t *transaction_id)
{
	size_t room = request->destination_count * DESTINATION_WIRE_MAX;
	struct writer w = writer_of(arena_alloc(peer_arena(p), room), room);
	enum forwarding_way way = FORWARDING_LINK;
	struct slice destinations, shortened;
	struct link *hop = NULL;
	uint64_t id;
	int err = 0;

	invariant(request->destination_count > 0);
	if (w.data == NULL || map_count(p->transport->outstanding) >= TRANSPORT_OUTSTANDING_MAX)
		return ERR_LIMIT;
	transport_encode_destinations(request, &w);
	if (w.err != 0)
		return w.err;
	shortened = destinations = writer_slice(&w);
	if (request->link == 0)
		way = forwarding_route(p, &shortened, &hop);
	else if (link_of_id(p, request->link) == NULL)
		way = FORWARDING_NONE;
	if (way == FORWARDING_NONE)
		return ERR_NO_ROUTE;
	id = transport_new_id(p);
	if (way == FORWARDING_LOCAL)
		transport_start_local(p, now, request, destinations, id);
	else
		err = transport_start_remote(p, now, request, destinations, id);
	if (err == 0 && transaction_id != NULL)
		*transaction_id = id;
	log_debug(p->log, "request.sent", "transaction=%016llx method=%s reason=%s", (unsigned long long)id,
		  method_name(request->method), error_name(err));
	return err;
}

int transport_request_node(struct peer *p, struct now now, enum method method, struct slice body,
			   const struct node_id *to, response_fn *done, void *ctx)
{
	struct destination d = destination_of_node(to);
	struct request request = { .method = method,
				   .body = body,
				   .destinations = &d,
				   .destination_count = 1,
				   .done = done,
				   .ctx = ctx };

	return transport_request(p, now, &request, NULL);
}

int transport_request_resource(struct peer *p, struct now now, enum method method,
			       struct slice body, const struct resource_id *to, response_fn *done,
			       void *ctx)
{
	struct destination d = destination_of_resource(to);
	struct request request = { .method = method,
				   .body = body,
				   .destinations = &d,
				   .destination_count = 1,
				   .done = done,
				   .ctx = ctx };

	return transport_request(p, now, &request, NULL);
}

void transport_cancel(struct peer *p, uint64_t transaction_id)
{
	struct outstanding *o =
		map_remove(p->transport->outstanding, outstanding_key(&transaction_id));

	if (o != NULL)
		outstanding_free(o);
}

/* ---- Answers ---- */

/* Both checks of 6.3.4. */
static bool outstanding_accepts(const struct outstanding *o, const struct node_id *signer)
{
	const struct topology *t = &o->peer->topology;
	struct resource_id resource;
	struct node_id point;

	switch (o->target.type) {
	case DESTINATION_NODE:
		return node_id_is_wildcard(&o->target.id.node) ||
		       node_id_equal(&o->target.id.node, signer);
	case DESTINATION_RESOURCE:
		return resource_id_from_slice(o->target.id.bytes, &resource) == 0 &&
		       node_id_from_resource_id(&resource, &point) == 0 &&
		       t->ops->accepts_answer(t->ctx, &point, signer);
	default:
		return true;
	}
}

static void transport_answer_dropped(struct peer *p, const struct message *m, uint64_t *counter,
				     int err)
{
	(*counter)++;
	counter_error(&p->counters, err);
	log_debug(p->log, "answer.dropped", "transaction=%016llx code=%s reason=%s",
		  (unsigned long long)m->header.transaction_id, message_code_name(m->contents.code),
		  error_name(err));
}

/* What the answer says: 0 and a body, or an Error and its info. */
static int transport_answer_read(const struct outstanding *o, const struct message *m,
				 struct response *response, uint16_t *error_code)
{
	struct reader r = reader_of(m->contents.body);
	struct error_response e;
	int err;

	*error_code = 0;
	if (m->contents.code == method_answer_code(o->method)) {
		response->body = m->contents.body;
		return 0;
	}
	if (m->contents.code != MESSAGE_CODE_ERROR)
		return ERR_INVALID_MESSAGE;
	error_response_get(&r, &e);
	err = reader_finish(&r);
	if (err != 0)
		return err;
	*error_code = e.code;
	response->err = error_from_reload_code(e.code);
	response->error_info = e.info;
	return 0;
}

/* Our configurations differ: the update goes where it is missing, and the request is sent again
 * soon. */
static bool outstanding_waits_for_configuration(struct outstanding *o, struct now now,
						const struct response *response)
{
	struct peer *p = o->peer;

	if (response->err != ERR_CONFIG_TOO_OLD && response->err != ERR_CONFIG_TOO_NEW)
		return false;
	if (response->err == ERR_CONFIG_TOO_NEW)
		config_update_send(p, now, &response->signer.node_id, response->link, SLICE_EMPTY);
	if (o->transmissions >= o->transmissions_max)
		return false;
	o->last_err = response->err;
	timer_arm(&p->timers, &o->timer,
		  instant_add(now.mono, duration_ms(TRANSPORT_CONFIG_RETRY_MS)), outstanding_due,
		  o);
	return true;
}

/* The way is longer than the overlay's size made us think: again, with all the TTL there may be. */
static bool outstanding_goes_farther(struct outstanding *o, struct now now, int err)
{
	if (err != ERR_TTL_EXCEEDED || !outstanding_is_first(o))
		return false;
	timer_arm(&o->peer->timers, &o->timer, now.mono, outstanding_due, o);
	return true;
}

void transport_answered(struct peer *p, struct now now, struct link *l, const struct message *m)
{
	struct outstanding *o = outstanding_find(p, m->header.transaction_id);
	struct response response = { .link = l->id, .certificates = m->security.certificates };
	uint16_t error_code;
	int err;

	if (o == NULL || o->is_local) {
		transport_answer_dropped(p, m, &p->counters.dropped_answer, ERR_DUPLICATE);
		return;
	}
	err = transport_answer_read(o, m, &response, &error_code);
	if (err != 0) {
		transport_answer_dropped(p, m, &p->counters.dropped_malformed, err);
		return;
	}
	err = transport_verify(p, now, m, &response.signer, NULL);
	if (err != 0) {
		transport_answer_dropped(p, m, &p->counters.dropped_signature, err);
		return;
	}
	if (!outstanding_accepts(o, &response.signer.node_id) &&
	    !transport_is_transit_error(error_code)) {
		transport_answer_dropped(p, m, &p->counters.dropped_answer, ERR_NODE_ID_MISMATCH);
		return;
	}
	config_update_compare(p, now, &response.signer.node_id, l->id, SLICE_EMPTY,
			      m->header.configuration_sequence);
	if (!outstanding_waits_for_configuration(o, now, &response) &&
	    !outstanding_goes_farther(o, now, response.err))
		outstanding_finish(o, now, &response);
}

void transport_answered_locally(struct peer *p, struct now now, const struct local_message *answer)
{
	struct outstanding *o = outstanding_find(p, answer->transaction_id);
	struct response response = {
		.err = answer->err,
		.body = answer->err == 0 ? answer->parcel.body : SLICE_EMPTY,
		.error_info = answer->err != 0 ? answer->parcel.body : SLICE_EMPTY,
		.certificates = answer->parcel.certificates,
	};

	if (o == NULL)
		return;
	response.signer = *p->security.ops->own_identity(p->security.ctx);
	outstanding_finish(o, now, &response);
}

bool transport_local_request(struct peer *p, uint64_t transaction_id, enum method *method,
			     struct destination *destination)
{
	const struct outstanding *o = outstanding_find(p, transaction_id);

	if (o == NULL)
		return false;
	*method = o->method;
	*destination = o->target;
	return true;
}

/* ---- From and to this node itself ---- */

static void transport_local_due(void *ctx, struct now now)
{
	transport_run_local(ctx, now);
}

void transport_queue_local(struct peer *p, struct now now, uint64_t transaction_id, bool is_answer,
			   int err, struct parcel parcel)
{
	struct transport *t = p->transport;
	struct local_message *m = memory_alloc(sizeof(*m));

	*m = (struct local_message){ .transaction_id = transaction_id,
				     .is_answer = is_answer,
				     .err = err,
				     .parcel = parcel };
	*t->local_last = m;
	t->local_last = &m->next;
	/* In case this is not called from within an input. */
	if (!timer_is_armed(&t->local_timer))
		timer_arm(&p->timers, &t->local_timer, now.mono, transport_local_due, p);
}

void transport_run_local(struct peer *p, struct now now)
{
	struct transport *t = p->transport;

	if (t->is_running_local)
		return;
	t->is_running_local = true;
	while (t->local_first != NULL) {
		struct local_message *m = t->local_first;

		t->local_first = m->next;
		if (t->local_first == NULL)
			t->local_last = &t->local_first;
		if (m->is_answer)
			transport_answered_locally(p, now, m);
		else
			transport_requested_locally(p, now, m);
		parcel_free(&m->parcel);
		free(m);
	}
	timer_disarm(&p->timers, &t->local_timer);
	t->is_running_local = false;
}
