/* SPDX-License-Identifier: MIT */
/* Leaving (RFC 6940 6.4.2.2, 10.9). Our share of the data goes to the successor first, then the neighbours
 * are told and close up at once, and with them everybody else that has a link to us. */
#include "overlay/chord/chord_state.h"
#include "overlay/transport.h"
#include "overlay/wire/body_routing.h"

#define LEAVE_HAND_OVER_MS 10000 /* then we leave with what was handed over */
#define LEAVE_AGAIN_MS 500       /* until the next try: the successor may be dead, and another one come forward */
#define LEAVE_ANSWERS_MS 1000   /* for the neighbours to hear of it */
#define LEAVE_BODY_MAX (NODE_ID_LENGTH + 8 + CHORD_REACH_MAX * NODE_ID_LENGTH)

static void leave_end(struct chord *c, struct now now)
{
	timer_disarm(peer_timers(c->peer), &c->leaving.timer);
	timer_disarm(peer_timers(c->peer), &c->leaving.again_timer);
	c->is_member = false;
	log_info(peer_log(c->peer), "leave.done", "unanswered=%zu", c->leaving.outstanding);
	peer_set_state(c->peer, now, PEER_LEFT);
}

static void leave_expired(void *ctx, struct now now)
{
	leave_end(ctx, now);
}

static void leave_answered(void *ctx, struct now now, const struct response *response)
{
	struct chord *c = ctx;

	(void)response;
	if (c->leaving.outstanding > 0)
		c->leaving.outstanding--;
	if (c->leaving.outstanding == 0 && c->is_member)
		leave_end(c, now);
}

static struct slice leave_body(const struct chord *c, const struct chord_leave *data, uint8_t *buffer, size_t size)
{
	struct leave_req leave = { .leaving_peer_id = c->self };
	uint8_t data_buffer[LEAVE_BODY_MAX];
	struct writer dw = writer_of(data_buffer, sizeof(data_buffer));
	struct writer w = writer_of(buffer, size);

	chord_leave_put(&dw, data);
	leave.overlay_specific_data = writer_slice(&dw);
	leave_req_put(&w, &leave);
	invariant(dw.err == 0 && w.err == 0);
	return writer_slice(&w);
}

/* To a successor we are a predecessor, and it is our predecessors that it needs; and the other way round.
 * Who is no neighbour needs none of them, and nobody waits for its answer. */
static void leave_send(struct chord *c, struct now now, const struct node_id *to, bool to_successor,
		       bool is_neighbor)
{
	struct node_id nodes[CHORD_REACH_MAX];
	struct chord_leave data = { .nodes = nodes };
	uint8_t buffer[LEAVE_BODY_MAX + NODE_ID_LENGTH + 8];

	data.type = to_successor ? CHORD_FROM_PRED : CHORD_FROM_SUCC;
	if (is_neighbor)
		data.count = to_successor ? c->predecessor_count : c->successor_count;
	memcpy(nodes, to_successor ? c->predecessors : c->successors, data.count * sizeof(nodes[0]));
	if (transport_request_node(c->peer, now, METHOD_LEAVE, leave_body(c, &data, buffer, sizeof(buffer)), to,
				   is_neighbor ? leave_answered : NULL, c) == 0 &&
	    is_neighbor)
		c->leaving.outstanding++;
}

static void leave_tell(void *ctx, struct now now)
{
	struct chord *c = ctx;
	struct node_id neighbors[2 * CHORD_REACH_MAX];
	size_t count = chord_tables_neighbors(c, CHORD_REACH_MAX, neighbors);

	c->now_hint = now.mono;
	if (c->leaving.has_handed_over)
		return;
	c->leaving.has_handed_over = true;
	timer_disarm(peer_timers(c->peer), &c->leaving.again_timer);
	/* chord_tables_neighbors names the successors first. */
	for (size_t i = 0; i < count; i++)
		leave_send(c, now, &neighbors[i], i < c->successor_count, true);
	/* The rest of those with a link: they would route through us until they see its end. */
	for (size_t i = 0; i < c->node_count; i++)
		if (c->nodes[i].is_attached && !chord_tables_is_neighbor(c, &c->nodes[i].id))
			leave_send(c, now, &c->nodes[i].id, false, false);
	if (c->leaving.outstanding == 0) {
		leave_end(c, now);
		return;
	}
	timer_arm(peer_timers(c->peer), &c->leaving.timer,
		  instant_add(now.mono, duration_ms(LEAVE_ANSWERS_MS)), leave_expired, c);
}

/* Where our share begins: what we own and what we hold as a replica, for the owner may be dead without
 * anybody's knowing yet, and we the last who has it. */
static const struct node_id *leave_after(const struct chord *c)
{
	if (c->predecessor_count > TOPOLOGY_REPLICAS)
		return &c->predecessors[TOPOLOGY_REPLICAS];
	return &c->self;
}

static void leave_handed_over(void *ctx, struct now now, int err);

/* To who follows us now. */
static void leave_hand_over(void *ctx, struct now now)
{
	struct chord *c = ctx;
	const struct storage_port *s = peer_storage(c->peer);

	c->now_hint = now.mono;
	if (s == NULL || s->ops == NULL || c->successor_count == 0) {
		leave_tell(c, now);
	} else {
		c->leaving.to = c->successors[0];
		s->ops->hand_over(s->ctx, now, &c->successors[0], leave_after(c), &c->self, leave_handed_over, c);
	}
}

void leave_on_neighbors(struct chord *c, struct now now)
{
	if (!c->leaving.is_active || c->leaving.has_handed_over || c->successor_count == 0 ||
	    node_id_equal(&c->successors[0], &c->leaving.to))
		return;
	timer_arm(peer_timers(c->peer), &c->leaving.again_timer, now.mono, leave_hand_over, c);
}

/* Who was out of reach may come back, or another one be our successor soon: there is time for another try. Who
 * refused will refuse again. */
static void leave_handed_over(void *ctx, struct now now, int err)
{
	bool is_out_of_reach = err == ERR_LINK || err == ERR_NO_ROUTE || err == ERR_REQUEST_TIMEOUT;
	struct chord *c = ctx;

	if (!c->leaving.is_active || c->leaving.has_handed_over)
		return;
	if (err != 0)
		log_warning(peer_log(c->peer), "leave.not_handed_over", "error=%s", error_name(err));
	if (!is_out_of_reach) {
		leave_tell(c, now);
		return;
	}
	timer_arm(peer_timers(c->peer), &c->leaving.again_timer,
		  instant_add(now.mono, duration_ms(LEAVE_AGAIN_MS)), leave_hand_over, c);
}

void leave_begin(struct chord *c, struct now now)
{
	c->now_hint = now.mono;
	if (c->leaving.is_active)
		return;
	c->leaving.is_active = true;
	log_info(peer_log(c->peer), "leave.start", "neighbors=%zu",
		 c->successor_count + c->predecessor_count);
	join_stop(c);
	client_stop(c);
	admission_stop(c);
	stabilize_stop(c);
	fingers_stop(c);
	partition_stop(c);
	surplus_stop(c);
	quarantine_stop(c);
	if (!c->is_member || c->successor_count == 0) {
		leave_end(c, now);
		return;
	}
	timer_arm(peer_timers(c->peer), &c->leaving.timer,
		  instant_add(now.mono, duration_ms(LEAVE_HAND_OVER_MS)), leave_tell, c);
	leave_hand_over(c, now);
}

void leave_disclaim(struct chord *c, struct now now, link_id link)
{
	struct destination peer = destination_of_node(&NODE_ID_WILDCARD);
	const struct chord_leave data = { .type = CHORD_FROM_SUCC };
	uint8_t buffer[NODE_ID_LENGTH + 16];
	struct request request = { .method = METHOD_LEAVE,
				   .destinations = &peer,
				   .destination_count = 1,
				   .link = link };

	if (link == 0)
		return;
	request.body = leave_body(c, &data, buffer, sizeof(buffer));
	if (transport_request(c->peer, now, &request, NULL) != 0)
		log_debug(peer_log(c->peer), "leave.not_disclaimed", "link=%llu", (unsigned long long)link);
}

/* A node with a link to us leaves: as if it had failed, but a neighbour's lists say who closes the gap. */
static void leave_on_request(void *ctx, struct now now, const struct incoming *request)
{
	struct chord *c = ctx;
	struct reader r = reader_of(request->body);
	struct node_id leaving = request->signer.node_id;
	struct chord_leave data;
	struct leave_req leave;
	struct chord_node *node;
	struct reader dr;
	char text[NODE_ID_TEXT_SIZE];

	c->now_hint = now.mono;
	if (leave_req_get(&r, peer_arena(c->peer), &leave) != 0 || reader_finish(&r) != 0) {
		chord_refuse(c, now, request, ERR_MALFORMED, "leave.refused");
		return;
	}
	dr = reader_of(leave.overlay_specific_data);
	if (chord_leave_get(&dr, peer_arena(c->peer), &data) != 0 || reader_finish(&dr) != 0) {
		chord_refuse(c, now, request, ERR_MALFORMED, "leave.refused");
		return;
	}
	/* The same checks as for Join. */
	if (!node_id_equal(&leave.leaving_peer_id, &leaving) || !request->direct) {
		chord_refuse(c, now, request, ERR_FORBIDDEN, "leave.refused");
		return;
	}
	transport_answer(c->peer, now, request->handle, SLICE_EMPTY, NULL, 0);
	log_info(peer_log(c->peer), "leave.received", "node=%s", node_id_text(&leaving, text));
	node = chord_tables_find(c, &leaving);
	if (node == NULL)
		return;
	if (node->is_ready)
		tuning_failed(c, now);
	/* Without neighbours to name it goes from among our fingers, or says that it has not joined yet: then
	 * its Update may come at any time. */
	if (data.count > 0) {
		node->has_left = true;
		quarantine_add(c, now, &leaving);
	}
	(void)chord_tables_set_ready(c, now, &leaving, false);
	update_learn_list(c, now, data.nodes, data.count);
	if (c->is_client)
		client_on_link_down(c, now, &leaving);
}

void leave_start(struct chord *c)
{
	transport_set_handler(c->peer, METHOD_LEAVE, leave_on_request, c);
}

void leave_stop(struct chord *c)
{
	timer_disarm(peer_timers(c->peer), &c->leaving.timer);
	timer_disarm(peer_timers(c->peer), &c->leaving.again_timer);
}
