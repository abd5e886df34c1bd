/* SPDX-License-Identifier: MIT */
/* Updates (RFC 6940 10.7): telling neighbours what we know, and learning from what they tell. */
#include "overlay/chord/chord_state.h"
#include "overlay/transport.h"
#include "overlay/wire/body_routing.h"

/* Body of a full Update at its largest, and some. */
#define UPDATE_BODY_MAX (16 + (2 * CHORD_REACH_MAX + CHORD_FINGERS_MAX) * NODE_ID_LENGTH)
/* Node-IDs of one Update that are looked at; nobody needs more than his own tables hold. */
#define UPDATE_LIST_MAX (2 * TOPOLOGY_NEIGHBORS_MAX)
/* A new member holds back its first Updates at most so long for its neighbours' Attaches (10.5). */
#define UPDATE_FIRST_DELAY_MS 300
#define UPDATE_ASK_INTERVAL_MS 1000
/* Attaches that one node's Updates may cause in a time. */
#define UPDATE_ATTACH_WINDOW_S 10
#define UPDATE_ATTACHES_MAX (3 * CHORD_REACH_MAX)

/* The Finger Table in ascending order, each once. */
static size_t update_fingers(const struct chord *c, struct node_id *out)
{
	size_t count = 0;

	for (size_t i = 0; i < c->finger_count; i++) {
		const struct node_id *id = &c->fingers[i].id;
		size_t at = count;

		if (node_id_is_zero(id))
			continue;
		for (; at > 0 && node_id_compare(id, &out[at - 1]) < 0; at--)
			out[at] = out[at - 1];
		out[at] = *id;
		count++;
	}
	return count;
}

static struct slice update_body(const struct chord *c, struct now now, enum chord_update_type type,
				uint8_t *buffer)
{
	struct writer w = writer_of(buffer, UPDATE_BODY_MAX);
	struct node_id fingers[CHORD_FINGERS_MAX];
	struct node_id predecessors[CHORD_REACH_MAX];
	struct node_id successors[CHORD_REACH_MAX];
	struct chord_update u = { .uptime = peer_uptime_s(c->peer, now), .type = (uint8_t)type };

	if (type != CHORD_PEER_READY) {
		memcpy(predecessors, c->predecessors, sizeof(predecessors));
		memcpy(successors, c->successors, sizeof(successors));
		u.predecessors = predecessors;
		u.predecessor_count = c->predecessor_count;
		u.successors = successors;
		u.successor_count = c->successor_count;
	}
	if (type == CHORD_FULL) {
		u.fingers = fingers;
		u.finger_count = update_fingers(c, fingers);
	}
	chord_update_put(&w, &u);
	invariant(w.err == 0);
	return writer_slice(&w);
}

/* Nobody waits for the answer: the end of the link and stabilize.c's questions tell of a dead node. */
static void update_send_body(struct chord *c, struct now now, const struct node_id *to, struct slice body)
{
	int err = transport_request_node(c->peer, now, METHOD_UPDATE, body, to, NULL, NULL);
	char text[NODE_ID_TEXT_SIZE];

	if (err != 0)
		log_debug(peer_log(c->peer), "update.not_sent", "to=%s error=%s",
			  node_id_text(to, text), error_name(err));
}

void update_send(struct chord *c, struct now now, const struct node_id *to, enum chord_update_type type)
{
	uint8_t buffer[UPDATE_BODY_MAX];

	if (c->is_member)
		update_send_body(c, now, to, update_body(c, now, type, buffer));
}

void update_greet(struct chord *c, struct now now, const struct node_id *to, bool is_full)
{
	enum chord_update_type type = CHORD_PEER_READY;

	if (is_full)
		type = CHORD_FULL;
	else if (chord_tables_would_be_neighbor(c, to, c->reach))
		type = CHORD_NEIGHBORS;
	update_send(c, now, to, type);
}

/* ---- Sending when something changed ---- */

/* The first `depth` neighbours on either side, each once. */
static void update_to_neighbors(struct chord *c, struct now now, size_t depth)
{
	struct node_id neighbors[2 * CHORD_REACH_MAX];
	size_t count = chord_tables_neighbors(c, depth, neighbors);
	uint8_t buffer[UPDATE_BODY_MAX];
	struct slice body;

	if (!c->is_member)
		return;
	body = update_body(c, now, CHORD_NEIGHBORS, buffer);
	for (size_t i = 0; i < count; i++)
		update_send_body(c, now, &neighbors[i], body);
}

/* Everybody else with a link to us: peer_ready says that we can be routed through. */
static void update_to_others(void *ctx, struct now now)
{
	struct chord *c = ctx;
	uint8_t buffer[UPDATE_BODY_MAX];
	struct slice body;

	c->now_hint = now.mono;
	if (!c->is_member)
		return;
	body = update_body(c, now, CHORD_PEER_READY, buffer);
	for (size_t i = 0; i < c->node_count; i++)
		if (c->nodes[i].is_attached && !chord_tables_is_neighbor(c, &c->nodes[i].id))
			update_send_body(c, now, &c->nodes[i].id, body);
}

static void update_arm(struct chord *c, struct now now, uint64_t ms);

static size_t update_depth(enum update_scope scope)
{
	switch (scope) {
	case UPDATE_NOBODY:
		return 0;
	case UPDATE_NEXT:
		return 1;
	case UPDATE_NEAREST:
		return CHORD_REACH_MIN;
	case UPDATE_NEIGHBORS:
		break;
	}
	return CHORD_REACH_MAX;
}

static void update_pull_now(struct chord *c, struct now now);

static void update_fire(void *ctx, struct now now)
{
	struct chord *c = ctx;
	struct instant latest = instant_add(c->join.started, duration_ms(UPDATE_FIRST_DELAY_MS));
	enum update_scope scope = c->update_scope;

	c->now_hint = now.mono;
	/* 10.5: no Update that places us in the overlay before we are attached to every would-be
	 * neighbour; but not waiting for a dead one. join.started is when we became a member. */
	if (instant_before(now.mono, latest) && chord_attach_is_busy(c)) {
		update_arm(c, now, CHORD_UPDATE_COALESCE_MS);
		return;
	}
	c->update_scope = UPDATE_NOBODY;
	update_to_neighbors(c, now, update_depth(scope));
	if (c->is_pull_due)
		update_pull_now(c, now);
}

static void update_arm(struct chord *c, struct now now, uint64_t ms)
{
	struct instant at = instant_add(now.mono, duration_ms(ms));

	if (!timer_is_armed(&c->update_timer) || instant_before(at, c->update_timer.at))
		timer_arm(peer_timers(c->peer), &c->update_timer, at, update_fire, c);
}

static void update_periodic(void *ctx, struct now now);

static void update_periodic_arm(struct chord *c, struct now now)
{
	struct instant next = chord_jittered(c, now, tuning_interval_ms(c, now));

	timer_arm(peer_timers(c->peer), &c->periodic_timer, instant_min(next, c->full_round),
		  update_periodic, c);
}

static void update_plan_round(struct chord *c, struct now now)
{
	uint64_t interval_s = peer_configuration(c->peer)->chord_update_interval_s;

	c->full_round = chord_jittered(c, now, 1000 * interval_s);
	update_periodic_arm(c, now);
}

/* To all neighbours every chord-update-interval (10.7.4.1), to those next to us at the interval that suits what
 * the overlay goes through (RFC 7363 5.2). */
static void update_periodic(void *ctx, struct now now)
{
	struct chord *c = ctx;

	c->now_hint = now.mono;
	if (instant_due(c->full_round, now.mono)) {
		update_to_neighbors(c, now, update_depth(UPDATE_NEIGHBORS));
		update_plan_round(c, now);
	} else {
		update_to_neighbors(c, now, update_depth(UPDATE_NEXT));
		update_periodic_arm(c, now);
	}
}

void update_changed(struct chord *c, struct now now, enum update_scope scope, bool range_changed)
{
	if (!c->is_member)
		return;
	if (!timer_is_armed(&c->periodic_timer))
		update_plan_round(c, now);
	/* Without reactive recovery only a change of range is told at once (10.7.3). */
	if (!peer_configuration(c->peer)->chord_reactive && !range_changed)
		return;
	if (range_changed)
		scope = UPDATE_NEIGHBORS;
	if (scope > c->update_scope)
		c->update_scope = scope;
	if (scope == UPDATE_NEXT)
		update_arm(c, now, CHORD_UPDATE_FAR_MS + prng_below(peer_prng(c->peer), CHORD_UPDATE_FAR_MS));
	else
		update_arm(c, now, CHORD_UPDATE_COALESCE_MS);
	/* The whole Connection Table: those that are not neighbours learn nothing but that we are there,
	 * so one round a second is enough for them however much happens. */
	if (range_changed && !timer_is_armed(&c->ready_timer))
		timer_arm(peer_timers(c->peer), &c->ready_timer,
			  instant_add(now.mono, duration_ms(CHORD_PEER_READY_COALESCE_MS)),
			  update_to_others, c);
}

/* ---- Asking ---- */

static void update_asked(void *ctx, struct now now, const struct response *response)
{
	struct chord *c = ctx;

	(void)response;
	c->now_hint = now.mono;
}

void update_ask(struct chord *c, struct now now, const struct node_id *id)
{
	struct chord_node *node = chord_tables_find(c, id);
	struct node_id next = node_id_next(&c->self);
	struct resource_id resource = resource_id_from_node_id(&next);
	const struct route_query_req query = { true, destination_of_resource(&resource), SLICE_EMPTY };
	uint8_t buffer[64];
	struct writer w = writer_of(buffer, sizeof(buffer));
	struct instant again;

	if (node == NULL)
		return;
	again = instant_add(node->asked, duration_ms(UPDATE_ASK_INTERVAL_MS));
	if (node->asked.us != 0 && instant_before(now.mono, again))
		return;
	node->asked = now.mono;
	route_query_req_put(&w, &query);
	if (transport_request_node(c->peer, now, METHOD_ROUTE_QUERY, writer_slice(&w), id, update_asked,
				   c) != 0)
		log_debug(peer_log(c->peer), "update.not_asked", "error=%s", error_name(w.err));
}

/* Who stands in the middle of a list knows those that come after its end; the end itself may be a finger that only
 * fills a gap. */
static void update_pull_now(struct chord *c, struct now now)
{
	c->is_pull_due = false;
	if (c->successor_count > 0)
		update_ask(c, now, &c->successors[(c->successor_count - 1) / 2]);
	if (c->predecessor_count > 0)
		update_ask(c, now, &c->predecessors[(c->predecessor_count - 1) / 2]);
}

void update_pull(struct chord *c, struct now now)
{
	if (!c->is_member)
		return;
	c->is_pull_due = true;
	update_arm(c, now, CHORD_UPDATE_COALESCE_MS);
}

/* ---- Learning ---- */

/* All Node-IDs worth a thought that an Update names, each once. */
static size_t update_candidates(struct chord *c, struct now now, const struct chord_update *u,
				struct node_id *out)
{
	const struct node_id *lists[] = { u->successors, u->predecessors };
	const size_t counts[] = { u->successor_count, u->predecessor_count };
	size_t count = 0;

	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < counts[k] && i < TOPOLOGY_NEIGHBORS_MAX; i++) {
			const struct node_id *id = &lists[k][i];
			bool is_known = chord_tables_is_ready(c, id) || node_id_equal(id, &c->self) ||
					node_id_is_zero(id) || node_id_is_wildcard(id) ||
					quarantine_has(c, now, id);

			for (size_t j = 0; j < count && !is_known; j++)
				is_known = node_id_equal(&out[j], id);
			if (!is_known)
				out[count++] = *id;
		}
	}
	return count;
}

/* `id` is among the `reach` nearest on one side, seen among the ready nodes and the other candidates. */
static bool update_is_near(const struct chord *c, const struct node_id *id,
			   const struct node_id *candidates, size_t count)
{
	size_t after = 0;
	size_t before = 0;

	if (!chord_tables_would_be_neighbor(c, id, c->reach))
		return false;
	for (size_t i = 0; i < count; i++) {
		after += node_id_between(&candidates[i], &c->self, id);
		before += node_id_between(&candidates[i], id, &c->self);
	}
	for (size_t i = 0; i < c->successor_count; i++)
		after += node_id_between(&c->successors[i], &c->self, id);
	for (size_t i = 0; i < c->predecessor_count; i++)
		before += node_id_between(&c->predecessors[i], id, &c->self);
	return after < c->reach || before < c->reach;
}

/* Our first successor names a node between us and it as its predecessor, and that node's link to us is up:
 * that is a successor found alive (reliability of the ring: query before adoption), so it is adopted before
 * its own Update comes. */
static bool update_vouches(const struct chord *c, const struct node_id *from, const struct chord_update *u,
			   const struct node_id *id)
{
	return c->successor_count > 0 && node_id_equal(from, &c->successors[0]) &&
	       u->predecessor_count > 0 && node_id_equal(id, &u->predecessors[0]) &&
	       node_id_between(id, &c->self, from);
}

/* One node's Updates make us attach to so many others in a time: as many as an honest one's tables can hold. */
static void update_attach(struct chord *c, struct now now, const struct node_id *id,
			  const struct node_id *from)
{
	struct chord_node *source = chord_tables_find(c, from);
	uint32_t second = (uint32_t)(now.mono.us / 1000000);

	if (source == NULL)
		return;
	if (second - source->window_s >= UPDATE_ATTACH_WINDOW_S) {
		source->window_s = second;
		source->attaches_caused = 0;
	}
	if (source->attaches_caused >= UPDATE_ATTACHES_MAX)
		return;
	if (chord_attach_neighbor(c, now, id, from))
		source->attaches_caused++;
}

static void update_learn(struct chord *c, struct now now, const struct node_id *from,
			 const struct chord_update *u)
{
	struct node_id candidates[UPDATE_LIST_MAX];
	size_t count = update_candidates(c, now, u, candidates);

	for (size_t i = 0; i < count; i++) {
		const struct node_id *id = &candidates[i];
		const struct chord_node *node = chord_tables_find(c, id);

		if (!update_is_near(c, id, candidates, count))
			continue;
		if (node == NULL || !node->is_attached)
			update_attach(c, now, id, from);
		else if (update_vouches(c, from, u, id))
			(void)chord_tables_set_ready(c, now, id, true);
		else
			update_ask(c, now, id);
	}
}

/* `from` is one of our `list` and told us of `told`, which goes on the same way round. When that ends before our
 * list does, because its tables are smaller or its view is not complete, the farthest node of ours that it
 * named is asked next: so every stretch of our list is compared with what some node on it knows. */
static void update_follow(struct chord *c, struct now now, const struct node_id *from,
			  const struct node_id *list, size_t count, const struct node_id *told,
			  size_t told_count)
{
	const struct node_id *next = NULL;
	size_t at = 0;

	while (at < count && !node_id_equal(&list[at], from))
		at++;
	if (at + 1 >= count || told_count == 0)
		return;
	for (size_t k = 0; k < told_count && k < UPDATE_LIST_MAX; k++) {
		if (node_id_equal(&told[k], &c->self) || node_id_equal(&told[k], &list[count - 1]))
			return;
		for (size_t i = at + 1; i < count; i++)
			if (node_id_equal(&told[k], &list[i]))
				next = &list[i];
	}
	if (next != NULL)
		update_ask(c, now, next);
}

void update_learn_list(struct chord *c, struct now now, const struct node_id *ids, size_t count)
{
	for (size_t i = 0; i < count && i < TOPOLOGY_NEIGHBORS_MAX; i++) {
		const struct chord_node *node = chord_tables_find(c, &ids[i]);

		if (!chord_tables_would_be_neighbor(c, &ids[i], c->reach))
			continue;
		if (node == NULL || !node->is_attached)
			(void)chord_attach_neighbor(c, now, &ids[i], NULL);
		else if (!node->is_ready)
			update_ask(c, now, &ids[i]);
	}
}

static void update_log_received(const struct chord *c, const struct node_id *from,
				const struct chord_update *u)
{
	static const char *const types[] = { "", "peer_ready", "neighbors", "full" };
	char text[NODE_ID_TEXT_SIZE];

	log_debug(peer_log(c->peer), "update.received",
		  "from=%s type=%s uptime=%u predecessors=%zu successors=%zu fingers=%zu",
		  node_id_text(from, text), types[u->type], u->uptime, u->predecessor_count,
		  u->successor_count, u->finger_count);
}

/* The monotonic second of a node's birth; never zero. */
static uint32_t update_birth(struct now now, uint32_t uptime)
{
	uint64_t s = now.mono.us / 1000000;

	return s > uptime ? (uint32_t)(s - uptime) : 1;
}

static void update_on_request(void *ctx, struct now now, const struct incoming *request)
{
	struct chord *c = ctx;
	const struct node_id *from = &request->signer.node_id;
	struct reader r = reader_of(request->body);
	struct chord_node *node = chord_tables_find(c, from);
	struct chord_update u;

	c->now_hint = now.mono;
	if (chord_update_get(&r, peer_arena(c->peer), &u) != 0 || reader_finish(&r) != 0) {
		chord_refuse(c, now, request, ERR_MALFORMED, "update.refused");
		return;
	}
	/* Only the other end of a link of ours, so that nobody speaks for nodes we have not verified. */
	if (!request->direct) {
		chord_refuse(c, now, request, ERR_FORBIDDEN, "update.refused");
		return;
	}
	transport_answer(c->peer, now, request->handle, SLICE_EMPTY, NULL, 0);
	if (node == NULL && chord_tables_add(c, from) == NULL)
		return;
	update_log_received(c, from, &u);
	if (c->is_client) {
		client_on_update(c, now, from, &u);
		return;
	}
	node = chord_tables_find(c, from);
	/* A direct link is as good as an attached one: the certificate was verified with it. */
	node->is_attached = true;
	node->born_s = update_birth(now, u.uptime);
	/* Its Leave may have been late, and this be the next process: what was under way when it left is over by the
	 * end of the quarantine. */
	if (!quarantine_has(c, now, from))
		node->has_left = false;
	if (!node->has_left)
		(void)chord_tables_set_ready(c, now, from, true);
	update_learn(c, now, from, &u);
	if (c->is_member) {
		update_follow(c, now, from, c->successors, c->successor_count, u.successors,
			      u.successor_count);
		update_follow(c, now, from, c->predecessors, c->predecessor_count, u.predecessors,
			      u.predecessor_count);
	}
	join_on_update(c, now, from, &u);
}

void update_start(struct chord *c)
{
	transport_set_handler(c->peer, METHOD_UPDATE, update_on_request, c);
}

void update_stop(struct chord *c)
{
	timer_disarm(peer_timers(c->peer), &c->update_timer);
	timer_disarm(peer_timers(c->peer), &c->ready_timer);
	timer_disarm(peer_timers(c->peer), &c->periodic_timer);
}
