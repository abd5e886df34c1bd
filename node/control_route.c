/* SPDX-License-Identifier: MIT */
/* Ping, Probe and the way through the ring: route asks one peer after the other where it would send a message
 * next (RouteQuery, RFC 6940 10.8), so that each hop is seen with its own round trip. */
#include <stdlib.h>

#include "node/control_call.h"
#include "node/control_value.h"
#include "overlay/base/invariant.h"
#include "overlay/wire/body_misc.h"
#include "overlay/wire/body_routing.h"

#define REQUEST_ARENA 8192 /* bytes for decoding one answer */
#define HOPS_MAX 64        /* more: the tables of the ring lead in a circle */

struct one_request {
	struct resource_id resource;
	struct destination to;
};

static void put_responder(json_t *object, const struct response *response)
{
	(void)json_object_set_new(object, "node_id", control_node_id(&response->signer.node_id));
	(void)json_object_set_new(object, "user", json_string(response->signer.user));
	(void)json_object_set_new(object, "rtt_us", control_microseconds(response->round_trip));
}

static void request_send(struct control_call *call, struct now now, const struct request *request,
			 const char *what)
{
	int err;

	control_expect(call);
	err = transport_request(call->node->peer, now, request, NULL);
	if (err == 0)
		return;
	control_unexpect(call);
	control_overlay_error(call, err, what);
}

/* A request to the argument "target". */
static void target_send(struct control_call *call, struct now now, enum method method, struct slice body,
			response_fn *done)
{
	struct one_request *state = memory_alloc(sizeof(*state));
	struct request request = { .method = method, .body = body, .destination_count = 1, .done = done,
				   .ctx = call };

	call->state = state;
	if (control_destination(call, &state->resource, &state->to) != 0)
		return;
	request.destinations = &state->to;
	request_send(call, now, &request, method_name(method));
}

static void on_pong(void *ctx, struct now now, const struct response *response)
{
	struct control_call *call = ctx;
	struct reader r = reader_of(response->body);
	struct ping_ans answer;
	json_t *result;

	(void)now;
	if (!control_arrived(call))
		return;
	if (response->err != 0) {
		control_overlay_error(call, response->err, "ping");
		return;
	}
	(void)ping_ans_get(&r, NULL, &answer);
	result = json_object();
	put_responder(result, response);
	(void)json_object_set_new(result, "time_ms", json_integer((json_int_t)answer.time));
	control_result(call, result);
}

void control_ping(struct control_call *call, struct now now)
{
	const struct ping_req ping = { SLICE_EMPTY };
	uint8_t buffer[16];
	struct writer w = writer_of(buffer, sizeof(buffer));

	ping_req_put(&w, &ping);
	target_send(call, now, METHOD_PING, writer_slice(&w), on_pong);
}

static void on_probed(void *ctx, struct now now, const struct response *response)
{
	static const char *const names[] = { NULL, "share_ppb", "resources", "uptime_s" };
	struct control_call *call = ctx;
	struct reader r = reader_of(response->body);
	struct probe_ans answer;
	struct arena arena;
	json_t *result;

	(void)now;
	if (!control_arrived(call))
		return;
	if (response->err != 0) {
		control_overlay_error(call, response->err, "probe");
		return;
	}
	result = json_object();
	put_responder(result, response);
	arena_init(&arena, REQUEST_ARENA);
	if (probe_ans_get(&r, &arena, &answer) == 0)
		for (size_t i = 0; i < answer.count; i++)
			if (answer.items[i].type >= 1 && answer.items[i].type <= 3)
				(void)json_object_set_new(result, names[answer.items[i].type],
							  json_integer(answer.items[i].value));
	arena_free(&arena);
	control_result(call, result);
}

void control_probe(struct control_call *call, struct now now)
{
	static const uint8_t wanted[] = { PROBE_RESPONSIBLE_SET, PROBE_NUM_RESOURCES, PROBE_UPTIME };
	const struct probe_req probe = { slice_of(wanted, sizeof(wanted)) };
	uint8_t buffer[16];
	struct writer w = writer_of(buffer, sizeof(buffer));

	probe_req_put(&w, &probe);
	target_send(call, now, METHOD_PROBE, writer_slice(&w), on_probed);
}

/* ---- route ---- */

struct route_walk {
	struct resource_id resource;
	struct destination target;
	struct node_id hops[HOPS_MAX]; /* who has been asked */
	size_t count;
	struct instant started;
};

static void route_ask(struct control_call *call, struct now now, const struct node_id *hop);

static json_t *route_item(const struct route_walk *walk, const struct node_id *id, const char *user,
			  struct duration rtt, bool responsible)
{
	return json_pack("{s:I, s:o, s:s, s:o, s:b}", "hop", (json_int_t)walk->count, "node_id",
			 control_node_id(id), "user", user, "rtt_us", control_microseconds(rtt), "responsible",
			 responsible);
}

static void route_end(struct control_call *call, struct now now, const struct node_id *responsible,
		      const char *user)
{
	struct route_walk *walk = call->state;
	json_t *result = json_object();

	(void)json_object_set_new(result, "target", json_string(control_text(call, "target")));
	(void)json_object_set_new(result, "responsible", control_node_id(responsible));
	(void)json_object_set_new(result, "user", json_string(user));
	(void)json_object_set_new(result, "hops", json_integer((json_int_t)walk->count));
	(void)json_object_set_new(result, "took_us",
				  control_microseconds(instant_since(now.mono, walk->started)));
	if (walk->target.type == DESTINATION_RESOURCE)
		(void)json_object_set_new(result, "resource", control_resource_id(&walk->resource));
	control_result(call, result);
}

static bool route_has_been_at(const struct route_walk *walk, const struct node_id *id)
{
	for (size_t i = 0; i < walk->count; i++)
		if (node_id_equal(&walk->hops[i], id))
			return true;
	return false;
}

static void on_route_answer(void *ctx, struct now now, const struct response *response)
{
	struct control_call *call = ctx;
	struct route_walk *walk = call->state;
	struct reader r = reader_of(response->body);
	struct route_query_ans answer = { 0 };
	char text[NODE_ID_TEXT_SIZE];
	bool last;

	if (!control_arrived(call))
		return;
	if (response->err != 0) {
		control_overlay_error(call, response->err,
				      node_id_text(&walk->hops[walk->count - 1], text));
		return;
	}
	if (route_query_ans_get(&r, NULL, &answer) != 0 || reader_finish(&r) != 0) {
		control_overlay_error(call, ERR_INVALID_MESSAGE, "route_query");
		return;
	}
	last = node_id_equal(&answer.next_peer, &response->signer.node_id) ||
	       (walk->target.type == DESTINATION_NODE &&
		node_id_equal(&walk->target.id.node, &response->signer.node_id));
	control_item(call, route_item(walk, &response->signer.node_id, response->signer.user,
				      response->round_trip, last));
	if (last) {
		route_end(call, now, &response->signer.node_id, response->signer.user);
		return;
	}
	if (walk->count == HOPS_MAX || route_has_been_at(walk, &answer.next_peer)) {
		control_error(call, ERR_TTL_EXCEEDED,
			      "the ring is not stable: look at \"pealctl ring\" and try again in a few seconds",
			      "the way leads in a circle at %s", node_id_text(&answer.next_peer, text));
		return;
	}
	route_ask(call, now, &answer.next_peer);
}

static void route_ask(struct control_call *call, struct now now, const struct node_id *hop)
{
	struct route_walk *walk = call->state;
	const struct route_query_req query = { false, walk->target, SLICE_EMPTY };
	struct destination to = destination_of_node(hop);
	uint8_t buffer[DESTINATION_WIRE_MAX + 8];
	struct writer w = writer_of(buffer, sizeof(buffer));
	struct request request = { .method = METHOD_ROUTE_QUERY, .destinations = &to, .destination_count = 1,
				   .done = on_route_answer, .ctx = call };

	walk->hops[walk->count++] = *hop;
	route_query_req_put(&w, &query);
	request.body = writer_slice(&w);
	request_send(call, now, &request, "route_query");
}

/* The point on the ring that decides the way. */
static int route_point(const struct route_walk *walk, struct node_id *point)
{
	if (walk->target.type == DESTINATION_NODE) {
		*point = walk->target.id.node;
		return 0;
	}
	return node_id_from_resource_id(&walk->resource, point);
}

void control_route(struct control_call *call, struct now now)
{
	const struct topology *topology = peer_topology(call->node->peer);
	const struct security *security = peer_security(call->node->peer);
	const struct identity *own = security->ops->own_identity(security->ctx);
	struct route_walk *walk = memory_alloc(sizeof(*walk));
	struct node_id point, hop;
	bool ours;

	call->state = walk;
	walk->started = now.mono;
	if (control_destination(call, &walk->resource, &walk->target) != 0)
		return;
	if (route_point(walk, &point) != 0) {
		control_error(call, ERR_MALFORMED, "a Resource-ID is 32 hex digits", "not a point on the ring");
		return;
	}
	ours = node_id_equal(&point, peer_node_id(call->node->peer)) ||
	       (!peer_is_client(call->node->peer) && topology->ops->is_responsible(topology->ctx, &point));
	control_item(call, route_item(walk, peer_node_id(call->node->peer), own->user, duration_us(0), ours));
	if (ours)
		route_end(call, now, peer_node_id(call->node->peer), own->user);
	else if (topology->ops->next_hop(topology->ctx, &point, &hop))
		route_ask(call, now, &hop);
	else
		control_overlay_error(call, ERR_NO_ROUTE, "route");
}
