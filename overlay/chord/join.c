/* SPDX-License-Identifier: MIT */
/* The Joining Node's side of a join (RFC 6940 10.5). In order: Attach to the Resource-ID after our Node-ID,
 * which leads to the Admitting Peer; its Update names our neighbours; Attach to them; Join; the Admitting
 * Peer stores our share of the data with us and then sends the Update that places us. Only then are we
 * responsible. Every step has its own time limit, and failing means looking for the Admitting Peer anew,
 * because the likely reason is that another node has joined in between. */
#include "overlay/chord/chord_state.h"
#include "overlay/transport.h"
#include "overlay/wire/body_routing.h"

#define JOIN_FIND_MS 1000      /* for an Attach to the Admitting Peer; doubles with every other failure */
#define JOIN_LEARN_MS 1500     /* for the Admitting Peer's Update and its neighbours */
#define JOIN_LEARN_STEP_MS 300 /* then the Admitting Peer is asked for its Update again */
#define JOIN_ASKED_MS 1000     /* beyond the Maximum Request Lifetime of the Join */
#define JOIN_ADMITTED_MS 15000 /* for the data and the Update that places us */
#define JOIN_ADMITTED_STEP_MS 1000 /* then the Admitting Peer is asked for that Update: it may be lost */
#define JOIN_BOUND_MS 8000 /* for a link to the predecessor we were told of */
#define JOIN_RETRY_MS 200      /* after Error_In_Progress */
#define JOIN_MOVED_MS 30       /* after Error_Not_Found: it is ours no longer, another one is */
#define JOIN_BACKOFF_MS 500    /* after another failure; doubles */
#define JOIN_BACKOFF_MAX_MS 8000
#define JOIN_MOVES_MAX 20   /* then Error_Not_Found is a failure like others */
#define JOIN_FAILURES_MAX 5 /* in a row; then a new bootstrap node is looked for */

static void join_find(struct chord *c, struct now now);
static void join_ask(struct chord *c, struct now now);

static void join_enter(struct chord *c, struct now now, enum join_state state, uint64_t ms);

static void join_fail(struct chord *c, struct now now, int err)
{
	static const char *const names[] = { "none", "find", "learn", "asked", "admitted", "wait" };
	uint64_t ms = JOIN_BACKOFF_MS << (c->join.failures < 4 ? c->join.failures : 4);
	bool was_finding = c->join.state == JOIN_FIND;

	if (c->join.state == JOIN_NONE || c->join.state == JOIN_WAIT)
		return;
	log_info(peer_log(c->peer), "join.retry", "state=%s error=%s attempts=%u", names[c->join.state],
		 error_name(err), c->join.attempts);
	if (c->join.state == JOIN_ASKED)
		transport_cancel(c->peer, c->join.transaction);
	c->join.state = JOIN_WAIT;
	if (was_finding && err == ERR_REQUEST_TIMEOUT)
		ms = JOIN_MOVED_MS; /* that was waiting enough */
	if (err == ERR_IN_PROGRESS) {
		ms = JOIN_RETRY_MS;
	} else if (err == ERR_NOT_FOUND && c->join.attempts < JOIN_MOVES_MAX) {
		ms = JOIN_MOVED_MS;
	} else if (++c->join.failures > JOIN_FAILURES_MAX) {
		c->join.failures = 0;
		c->join.state = JOIN_NONE;
		timer_disarm(peer_timers(c->peer), &c->join.timer);
		peer_rejoin(c->peer, now);
		return;
	}
	join_enter(c, now, JOIN_WAIT, ms < JOIN_BACKOFF_MAX_MS ? ms : JOIN_BACKOFF_MAX_MS);
}

static void join_rebooted(void *ctx, struct now now, int err, link_id link,
			  const struct node_id *bootstrap)
{
	struct chord *c = ctx;

	(void)bootstrap;
	c->now_hint = now.mono;
	if (c->join.state != JOIN_WAIT)
		return;
	if (err == 0)
		c->join.bootstrap = link;
	join_find(c, now);
}

/* The next try. While no peer is known at all the fault may lie with the bootstrap node, which perhaps is
 * joining itself: another one is picked. */
static void join_again(struct chord *c, struct now now)
{
	if (c->successor_count == 0 && c->join.failures > 0) {
		join_enter(c, now, JOIN_WAIT, JOIN_BACKOFF_MAX_MS);
		if (peer_bootstrap_open(c->peer, now, join_rebooted, c) == 0)
			return;
	}
	join_find(c, now);
}

/* Some neighbour did not answer; the Admitting Peer at least must. Its Update is lost to us when our Attach
 * was repeated and answered from the cache: then it is asked for. */
static void join_learn_on(struct chord *c, struct now now)
{
	struct instant latest = instant_add(c->join.learning, duration_ms(JOIN_LEARN_MS));

	if (!instant_due(latest, now.mono)) {
		if (!c->join.has_learnt)
			update_ask(c, now, &c->join.admitting);
		join_enter(c, now, JOIN_LEARN, JOIN_LEARN_STEP_MS);
	} else if (c->join.has_learnt) {
		join_ask(c, now);
	} else {
		join_fail(c, now, ERR_REQUEST_TIMEOUT);
	}
}

/* The Admitting Peer gave our part up when it sent the Update that places us: until that comes nobody has it. */
static void join_admitted_on(struct chord *c, struct now now)
{
	struct instant latest = instant_add(c->join.learning, duration_ms(JOIN_ADMITTED_MS));

	if (instant_due(latest, now.mono)) {
		join_fail(c, now, ERR_REQUEST_TIMEOUT);
		return;
	}
	update_ask(c, now, &c->join.admitting);
	join_enter(c, now, JOIN_ADMITTED, JOIN_ADMITTED_STEP_MS);
}

static void join_bound_over(void *ctx, struct now now)
{
	struct chord *c = ctx;

	c->now_hint = now.mono;
	c->has_bound = false;
	chord_tell_storage(c, now);
}

static void join_expired(void *ctx, struct now now)
{
	struct chord *c = ctx;

	c->now_hint = now.mono;
	switch (c->join.state) {
	case JOIN_NONE:
		break;
	case JOIN_WAIT:
		join_again(c, now);
		break;
	case JOIN_LEARN:
		join_learn_on(c, now);
		break;
	case JOIN_ADMITTED:
		join_admitted_on(c, now);
		break;
	case JOIN_FIND:
	case JOIN_ASKED:
		join_fail(c, now, ERR_REQUEST_TIMEOUT);
		break;
	}
}

static void join_enter(struct chord *c, struct now now, enum join_state state, uint64_t ms)
{
	c->join.state = state;
	timer_arm(peer_timers(c->peer), &c->join.timer,
		  state == JOIN_WAIT ? chord_jittered(c, now, ms) :
				       instant_add(now.mono, duration_ms(ms)),
		  join_expired, c);
}

void join_begin(struct chord *c, struct now now, link_id bootstrap)
{
	char text[NODE_ID_TEXT_SIZE];

	c->join.bootstrap = bootstrap;
	if (c->join.state == JOIN_WAIT) {
		/* What the wait is about went another way. */
		c->join.failures = 0;
		join_find(c, now);
	}
	if (c->join.state != JOIN_NONE)
		return;
	c->join.started = now.mono;
	c->join.attempts = 0;
	c->join.failures = 0;
	peer_set_state(c->peer, now, PEER_JOINING);
	log_info(peer_log(c->peer), "join.start", "node=%s", node_id_text(&c->self, text));
	join_find(c, now);
}

static void join_find(struct chord *c, struct now now)
{
	link_id via = c->join.bootstrap;

	c->join.attempts++;
	c->join.has_learnt = false;
	/* After the first try the peers we know already are nearer than any bootstrap node. */
	if (c->successor_count > 0)
		via = link_find_node(c->peer, &c->successors[0]);
	join_enter(c, now, JOIN_FIND, (uint64_t)JOIN_FIND_MS << c->join.failures / 2);
	if (c->join.failures > 0)
		leave_disclaim(c, now, via);
	if (chord_attach_admitting(c, now, via, c->join.attempts) == 0)
		return;
	/* That link is gone, or too much is under way. */
	join_fail(c, now, ERR_NO_ROUTE);
}

void join_on_attached(struct chord *c, struct now now, int err, const struct node_id *node,
		      uint32_t attempt)
{
	char text[NODE_ID_TEXT_SIZE];

	/* A late success of an earlier try is welcome, its failure is history. */
	if (c->join.state != JOIN_FIND || (err != 0 && attempt != c->join.attempts))
		return;
	if (err != 0) {
		join_fail(c, now, err);
		return;
	}
	c->join.admitting = *node;
	log_info(peer_log(c->peer), "join.attached", "admitting=%s", node_id_text(node, text));
	c->join.learning = now.mono;
	join_enter(c, now, JOIN_LEARN, JOIN_LEARN_STEP_MS);
	join_progress(c, now);
}

/* Every node that ought to be a neighbour and is linked has sent its Update. */
static bool join_is_settled(const struct chord *c)
{
	for (size_t i = 0; i < c->node_count; i++) {
		const struct chord_node *n = &c->nodes[i];

		if (n->is_attached && !n->is_ready &&
		    chord_tables_would_be_neighbor(c, &n->id, c->reach))
			return false;
	}
	return true;
}

void join_progress(struct chord *c, struct now now)
{
	if (c->join.state == JOIN_LEARN && c->join.has_learnt && !chord_attach_is_busy(c) &&
	    join_is_settled(c))
		join_ask(c, now);
}

static void join_answered(void *ctx, struct now now, const struct response *response)
{
	struct chord *c = ctx;
	struct reader r = reader_of(response->body);
	struct join_ans answer;

	c->now_hint = now.mono;
	c->join.transaction = 0;
	if (c->join.state != JOIN_ASKED)
		return;
	if (response->err != 0) {
		join_fail(c, now, response->err);
		return;
	}
	/* 6.4.2.1: only the peer that we join through may answer. */
	if (!node_id_equal(&response->signer.node_id, &c->join.admitting) ||
	    join_ans_get(&r, peer_arena(c->peer), &answer) != 0 || reader_finish(&r) != 0) {
		join_fail(c, now, ERR_FORBIDDEN);
		return;
	}
	c->join.learning = now.mono;
	join_enter(c, now, JOIN_ADMITTED, JOIN_ADMITTED_STEP_MS);
}

static void join_ask(struct chord *c, struct now now)
{
	const struct join_req join = { c->self, SLICE_EMPTY };
	uint8_t buffer[64];
	struct writer w = writer_of(buffer, sizeof(buffer));
	struct destination to;
	struct request request = { .method = METHOD_JOIN, .destination_count = 1, .ctx = c };
	int err;

	/* A node that joined in the meantime may stand between us and the peer found first. */
	if (c->successor_count > 0)
		c->join.admitting = c->successors[0];
	to = destination_of_node(&c->join.admitting);
	join_req_put(&w, &join);
	request.body = writer_slice(&w);
	request.destinations = &to;
	request.link = link_find_node(c->peer, &c->join.admitting);
	request.done = join_answered;
	join_enter(c, now, JOIN_ASKED, transport_lifetime(c->peer).us / 1000 + JOIN_ASKED_MS);
	err = request.link == 0 ? ERR_NO_ROUTE :
				  transport_request(c->peer, now, &request, &c->join.transaction);
	if (err != 0)
		join_fail(c, now, err);
}

void join_on_update(struct chord *c, struct now now, const struct node_id *from,
		    const struct chord_update *u)
{
	bool is_from_admitting = node_id_equal(from, &c->join.admitting);

	if (c->join.state == JOIN_NONE || c->is_member)
		return;
	if (is_from_admitting && u->type != CHORD_PEER_READY)
		c->join.has_learnt = true;
	/* 10.5 step 7: this Update places us in the ring. It may overtake the answer to our Join. */
	if (is_from_admitting && (c->join.state == JOIN_ADMITTED || c->join.state == JOIN_ASKED) &&
	    u->predecessor_count > 0 && node_id_equal(&u->predecessors[0], &c->self)) {
		/* What its former predecessor owns is not ours, whether the link there is up or not. */
		if (u->predecessor_count > 1 && !chord_tables_is_ready(c, &u->predecessors[1]) &&
		    !quarantine_has(c, now, &u->predecessors[1])) {
			c->bound = u->predecessors[1];
			c->has_bound = true;
			timer_arm(peer_timers(c->peer), &c->bound_timer,
				  instant_add(now.mono, duration_ms(JOIN_BOUND_MS)), join_bound_over, c);
		}
		join_done(c, now);
		return;
	}
	join_progress(c, now);
}

void join_on_link_down(struct chord *c, struct now now, const struct node_id *node)
{
	if (c->is_member || c->join.state == JOIN_NONE || c->join.state == JOIN_FIND ||
	    !node_id_equal(node, &c->join.admitting)) {
		join_progress(c, now);
		return;
	}
	join_fail(c, now, ERR_LINK);
}

void join_done(struct chord *c, struct now now)
{
	uint64_t took_ms = instant_since(now.mono, c->join.started).us / 1000;
	char successor[NODE_ID_TEXT_SIZE] = "none";

	if (c->join.transaction != 0)
		transport_cancel(c->peer, c->join.transaction);
	timer_disarm(peer_timers(c->peer), &c->join.timer);
	c->join.state = JOIN_NONE;
	c->is_member = true;
	if (c->successor_count > 0)
		node_id_text(&c->successors[0], successor);
	log_info(peer_log(c->peer), "join.done", "successor=%s took_ms=%llu attempts=%u", successor,
		 (unsigned long long)took_ms, c->join.attempts);
	/* From here on update.c counts the delay of the first Updates. */
	c->join.started = now.mono;
	peer_set_state(c->peer, now, PEER_JOINED);
	update_changed(c, now, UPDATE_NEIGHBORS, true);
	surplus_begin(c, now);
	stabilize_begin(c, now);
	fingers_begin(c, now);
	partition_begin(c, now);
	chord_tell_storage(c, now);
}

void join_stop(struct chord *c)
{
	if (c->join.transaction != 0)
		transport_cancel(c->peer, c->join.transaction);
	c->join.transaction = 0;
	c->join.state = JOIN_NONE;
	timer_disarm(peer_timers(c->peer), &c->join.timer);
}
