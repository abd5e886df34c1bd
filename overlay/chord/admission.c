/* SPDX-License-Identifier: MIT */
/* The Admitting Peer's side of a join (RFC 6940 10.5 steps 5 to 8). One node is admitted at a time: two
 * nodes joining into one gap at once is the classic way to break a Chord ring, and the peer that owns the
 * gap is where they meet. */
#include "overlay/chord/chord_state.h"
#include "overlay/transport.h"
#include "overlay/wire/body_routing.h"

#define ADMISSION_MS 30000 /* for handing over; the Joining Node gives up before */
/* The same while others wait: as long as a Joining Node waits for its data. */
#define ADMISSION_SHARED_MS 15000
/* Whose admission kept others waiting lets them go first when it comes again within this time. */
#define ADMISSION_PENALTY_MS 15000

static void admission_expired(void *ctx, struct now now);

static void admission_end(struct chord *c, struct now now)
{
	/* A node that begins again and again would otherwise keep all others out. */
	c->admission.last = c->admission.joining;
	c->admission.last_until = now.mono;
	if (c->admission.is_shared)
		c->admission.last_until = instant_add(now.mono, duration_ms(ADMISSION_PENALTY_MS));
	c->admission.is_active = false;
	c->admission.number++;
	timer_disarm(peer_timers(c->peer), &c->admission.timer);
}

/* Somebody else is kept waiting. */
static void admission_share(struct chord *c, struct now now)
{
	struct instant latest = instant_add(c->admission.since, duration_ms(ADMISSION_SHARED_MS));

	c->admission.is_shared = true;
	/* Due already: at the next turn. */
	if (instant_before(latest, c->admission.timer.at))
		timer_arm(peer_timers(c->peer), &c->admission.timer,
			  instant_before(latest, now.mono) ? now.mono : latest, admission_expired, c);
}

static void admission_expired(void *ctx, struct now now)
{
	struct chord *c = ctx;
	char text[NODE_ID_TEXT_SIZE];

	c->now_hint = now.mono;
	log_warning(peer_log(c->peer), "join.abandoned", "node=%s error=%s",
		    node_id_text(&c->admission.joining, text), error_name(ERR_REQUEST_TIMEOUT));
	admission_end(c, now);
}

/* The data is with the Joining Node: it becomes our predecessor. */
static void admission_handed_over(void *ctx, struct now now, int err)
{
	struct admission_ticket *ticket = ctx;
	struct chord *c = ticket->chord;
	struct node_id joining = c->admission.joining;
	char text[NODE_ID_TEXT_SIZE];

	ticket->chord = NULL;
	c->now_hint = now.mono;
	if (!c->admission.is_active || ticket->number != c->admission.number)
		return;
	admission_end(c, now);
	if (err != 0 || chord_tables_find(c, &joining) == NULL || !c->is_member ||
	    c->leaving.is_active) {
		log_warning(peer_log(c->peer), "join.abandoned", "node=%s error=%s",
			    node_id_text(&joining, text), error_name(err));
		return;
	}
	log_info(peer_log(c->peer), "join.admitted", "node=%s", node_id_text(&joining, text));
	(void)chord_tables_set_ready(c, now, &joining, true);
	/* Step 7, before anything else goes to it; step 8 follows with the coalesced Updates. */
	update_send(c, now, &joining, CHORD_NEIGHBORS);
	update_changed(c, now, UPDATE_NEIGHBORS, true);
}

static struct admission_ticket *admission_ticket(struct chord *c)
{
	for (size_t i = 0; i < ADMISSION_TICKETS; i++)
		if (c->admission.tickets[i].chord == NULL)
			return &c->admission.tickets[i];
	return NULL;
}

/* The latest admission was its own and kept others waiting. */
static bool admission_is_barred(const struct chord *c, struct now now, const struct node_id *id)
{
	return node_id_equal(&c->admission.last, id) && instant_before(now.mono, c->admission.last_until);
}

/* Why this Join is not accepted, or 0. */
static int admission_check(struct chord *c, struct now now, const struct incoming *request,
			   const struct join_req *join)
{
	const struct node_id *id = &join->joining_peer_id;

	/* 6.4.2.1: who joins is who signed, and the link is bound to that Node-ID: a Join replayed over
	 * another link gets no further. */
	if (!node_id_equal(id, &request->signer.node_id) || !request->direct ||
	    node_id_equal(id, &c->self))
		return ERR_FORBIDDEN;
	if (!c->is_member || c->leaving.is_active)
		return ERR_NOT_JOINED;
	if (chord_tables_find(c, id) == NULL && chord_tables_add(c, id) == NULL)
		return ERR_LIMIT;
	if (c->admission.is_active && !node_id_equal(&c->admission.joining, id)) {
		if (peer_topology(c->peer)->ops->is_responsible(c, id))
			admission_share(c, now);
		return ERR_IN_PROGRESS;
	}
	if (!c->admission.is_active && (admission_ticket(c) == NULL || admission_is_barred(c, now, id)))
		return ERR_IN_PROGRESS;
	/* One that we took for a member says that it is none: it begins anew. */
	(void)chord_tables_set_ready(c, now, id, false);
	if (c->has_bound && node_id_equal(&c->bound, id))
		c->has_bound = false;
	if (!peer_topology(c->peer)->ops->is_responsible(c, id))
		return ERR_NOT_FOUND;
	return 0;
}

static void admission_begin(struct chord *c, struct now now, const struct node_id *joining)
{
	const struct storage_port *s = peer_storage(c->peer);
	const struct node_id *after = c->predecessor_count > 0 ? &c->predecessors[0] : &c->self;
	struct admission_ticket *ticket = admission_ticket(c);

	*ticket = (struct admission_ticket){ c, c->admission.number };
	c->admission.is_active = true;
	c->admission.is_shared = false;
	c->admission.joining = *joining;
	c->admission.since = now.mono;
	timer_arm(peer_timers(c->peer), &c->admission.timer,
		  instant_add(now.mono, duration_ms(ADMISSION_MS)), admission_expired, c);
	if (s == NULL || s->ops == NULL)
		admission_handed_over(ticket, now, 0);
	else
		s->ops->hand_over(s->ctx, now, joining, after, joining, admission_handed_over,
				  ticket);
}

static void admission_on_request(void *ctx, struct now now, const struct incoming *request)
{
	struct chord *c = ctx;
	struct reader r = reader_of(request->body);
	const struct join_ans answer = { SLICE_EMPTY };
	struct join_req join;
	uint8_t buffer[8];
	struct writer w = writer_of(buffer, sizeof(buffer));
	int err;

	c->now_hint = now.mono;
	if (join_req_get(&r, peer_arena(c->peer), &join) != 0 || reader_finish(&r) != 0)
		err = ERR_MALFORMED;
	else
		err = admission_check(c, now, request, &join);
	/* Nothing wrong with these: it comes back, or looks for the right peer. */
	if (err == ERR_IN_PROGRESS || err == ERR_NOT_FOUND || err == ERR_NOT_JOINED) {
		transport_answer_error(c->peer, now, request->handle, err, SLICE_EMPTY);
		return;
	}
	if (err != 0) {
		chord_refuse(c, now, request, err, "join.refused");
		return;
	}
	join_ans_put(&w, &answer);
	transport_answer(c->peer, now, request->handle, writer_slice(&w), NULL, 0);
	if (!c->admission.is_active)
		admission_begin(c, now, &join.joining_peer_id);
}

void admission_start(struct chord *c)
{
	transport_set_handler(c->peer, METHOD_JOIN, admission_on_request, c);
}

void admission_on_link_down(struct chord *c, struct now now, const struct node_id *node)
{
	if (c->admission.is_active && node_id_equal(node, &c->admission.joining))
		admission_end(c, now);
}

void admission_stop(struct chord *c)
{
	timer_disarm(peer_timers(c->peer), &c->admission.timer);
}
