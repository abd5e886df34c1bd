/* SPDX-License-Identifier: MIT */
/* The ring's own repair (RFC 6940 10.7.4.1, 10.8), in the order that is proved to work: ask the first
 * successor for its neighbours; a nearer one is linked, and so found alive, before it is adopted; then it is
 * told. Asking is a RouteQuery with send_update, which each peer must answer. */
#include "overlay/chord/chord_state.h"
#include "overlay/transport.h"
#include "overlay/wire/body_routing.h"

#define STABILIZE_SILENCE_MS 7000 /* time for two transmissions of a question */

static void stabilize_fire(void *ctx, struct now now);

static void stabilize_arm(struct chord *c, struct now now)
{
	timer_arm(peer_timers(c->peer), &c->stabilize_timer, chord_jittered(c, now, c->stabilize_ms),
		  stabilize_fire, c);
}

static void stabilize_answered(void *ctx, struct now now, const struct response *response)
{
	struct chord *c = ctx;

	(void)response;
	c->now_hint = now.mono;
	c->stabilize_asked = (struct node_id){ { 0 } };
	timer_disarm(peer_timers(c->peer), &c->silence_timer);
}

/* Asked twice without an answer: out of the tables, whatever its link says (10.7.1). It may be that it does not hear
 * us, though we hear it. */
static void stabilize_silence(void *ctx, struct now now)
{
	struct chord *c = ctx;
	struct node_id asked = c->stabilize_asked;
	char text[NODE_ID_TEXT_SIZE];

	c->now_hint = now.mono;
	transport_cancel(c->peer, c->stabilize_transaction);
	c->stabilize_asked = (struct node_id){ { 0 } };
	if (!chord_tables_is_ready(c, &asked))
		return;
	log_info(peer_log(c->peer), "neighbor.silent", "node=%s", node_id_text(&asked, text));
	tuning_failed(c, now);
	quarantine_add_missed(c, now, &asked);
	(void)chord_tables_set_ready(c, now, &asked, false);
}

static void stabilize_query(struct chord *c, struct now now, const struct node_id *to)
{
	struct node_id next = node_id_next(&c->self);
	struct resource_id resource = resource_id_from_node_id(&next);
	const struct route_query_req query = { true, destination_of_resource(&resource), SLICE_EMPTY };
	uint8_t buffer[64];
	struct writer w = writer_of(buffer, sizeof(buffer));
	struct destination destination = destination_of_node(to);
	struct request request = { .method = METHOD_ROUTE_QUERY,
				   .destinations = &destination,
				   .destination_count = 1,
				   .link = link_find_node(c->peer, to),
				   .done = stabilize_answered,
				   .ctx = c };

	if (!node_id_is_zero(&c->stabilize_asked) || request.link == 0)
		return;
	route_query_req_put(&w, &query);
	request.body = writer_slice(&w);
	c->stabilize_asked = *to;
	if (transport_request(c->peer, now, &request, &c->stabilize_transaction) != 0) {
		c->stabilize_asked = (struct node_id){ { 0 } };
		return;
	}
	timer_arm(peer_timers(c->peer), &c->silence_timer,
		  instant_add(now.mono, duration_ms(STABILIZE_SILENCE_MS)), stabilize_silence, c);
}

static void stabilize_fire(void *ctx, struct now now)
{
	struct chord *c = ctx;
	uint64_t longest = tuning_interval_ms(c, now);

	c->now_hint = now.mono;
	if (longest > CHORD_STABILIZE_MAX_MS)
		longest = CHORD_STABILIZE_MAX_MS;
	if (c->successor_count > 0) {
		stabilize_query(c, now,
				c->stabilize_predecessor ? &c->predecessors[0] : &c->successors[0]);
		c->stabilize_predecessor = !c->stabilize_predecessor;
	}
	c->stabilize_ms = 2 * c->stabilize_ms < longest ? 2 * c->stabilize_ms : longest;
	stabilize_arm(c, now);
}

void stabilize_begin(struct chord *c, struct now now)
{
	c->stabilize_ms = CHORD_STABILIZE_MIN_MS;
	stabilize_arm(c, now);
}

void stabilize_soon(struct chord *c, struct now now)
{
	if (c->stabilize_ms == CHORD_STABILIZE_MIN_MS && timer_is_armed(&c->stabilize_timer))
		return;
	stabilize_begin(c, now);
}

/* RouteQuery (10.8): where we would send a message for the destination; ourselves when it is ours. */
static int stabilize_next_peer(struct chord *c, const struct route_query_req *query,
			       struct route_query_ans *answer)
{
	const struct topology_ops *ops = peer_topology(c->peer)->ops;
	struct resource_id resource;
	struct node_id target;
	int err = 0;

	if (query->destination.type == DESTINATION_NODE) {
		target = query->destination.id.node;
	} else if (query->destination.type == DESTINATION_RESOURCE) {
		err = resource_id_from_slice(query->destination.id.bytes, &resource);
		if (err == 0)
			err = node_id_from_resource_id(&resource, &target);
	} else {
		/* Opaque IDs may be refused for privacy (6.4.2.4). */
		err = ERR_FORBIDDEN;
	}
	if (err != 0)
		return err;
	answer->next_peer = c->self;
	if (!ops->is_responsible(c, &target) && !ops->next_hop(c, &target, &answer->next_peer))
		answer->next_peer = c->self;
	return 0;
}

static void stabilize_on_route_query(void *ctx, struct now now, const struct incoming *request)
{
	struct chord *c = ctx;
	struct reader r = reader_of(request->body);
	struct route_query_req query;
	struct route_query_ans answer;
	uint8_t buffer[NODE_ID_LENGTH];
	struct writer w = writer_of(buffer, sizeof(buffer));
	int err;

	c->now_hint = now.mono;
	if (route_query_req_get(&r, peer_arena(c->peer), &query) != 0 || reader_finish(&r) != 0)
		err = ERR_MALFORMED;
	else if (!c->is_member)
		err = ERR_NOT_JOINED;
	else
		err = stabilize_next_peer(c, &query, &answer);
	if (err != 0) {
		transport_answer_error(c->peer, now, request->handle, err, SLICE_EMPTY);
		return;
	}
	route_query_ans_put(&w, &answer);
	transport_answer(c->peer, now, request->handle, writer_slice(&w), NULL, 0);
	/* Only to nodes linked to us: others could not accept it. A link that neither end attached will do: the other
	 * end may take it for the one it had to our former process. */
	if (query.send_update && (request->direct || chord_tables_find(c, &request->signer.node_id) != NULL))
		update_send(c, now, &request->signer.node_id, CHORD_FULL);
}

void stabilize_start(struct chord *c)
{
	transport_set_handler(c->peer, METHOD_ROUTE_QUERY, stabilize_on_route_query, c);
}

void stabilize_stop(struct chord *c)
{
	timer_disarm(peer_timers(c->peer), &c->stabilize_timer);
	timer_disarm(peer_timers(c->peer), &c->silence_timer);
}
