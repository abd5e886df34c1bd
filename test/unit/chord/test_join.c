/* SPDX-License-Identifier: MIT */
/* Joining: rings of two to 64, one after another and all at once, and what is refused. */
#include "overlay/wire/body_routing.h"
#include "test/unit/chord/ring.h"

START_TEST(first_peer_owns_all)
{
	struct net *n = ring_new(1, 1);
	const struct node_id point = { { 0x12 } };

	net_start(n, 0);
	ck_assert_int_eq(peer_state(net_peer(n, 0)), PEER_JOINED);
	ck_assert(ring_topology(n, 0)->ops->is_responsible(ring_topology(n, 0)->ctx, &point));
	net_free(n);
}
END_TEST

START_TEST(two_peers_form_ring)
{
	struct net *n = ring_form(2, 2, 500);

	net_free(n);
}
END_TEST

START_TEST(three_peers_form_ring)
{
	struct net *n = ring_form(3, 3, 500);

	net_free(n);
}
END_TEST

START_TEST(ten_peers_form_ring)
{
	struct net *n = ring_form(10, 4, 500);

	net_free(n);
}
END_TEST

START_TEST(peers_form_ring_one_by_one)
{
	struct net *n = ring_form(64, 5, 300);

	net_free(n);
}
END_TEST

/* All 64 at once: joined within seconds, ideal soon after. */
START_TEST(storm_forms_ring)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct net *n = ring_new(64, seed);
		uint64_t start;

		net_start_all(n);
		start = net_now(n).mono.us;
		while (!net_all_joined(n, NULL)) {
			ck_assert_msg(net_now(n).mono.us - start < 10000000, "seed %llu",
				      (unsigned long long)seed);
			net_run(n, duration_ms(50));
		}
		(void)ring_wait(n, 20);
		net_free(n);
	}
}
END_TEST

START_TEST(exactly_one_peer_owns_each_point)
{
	struct net *n = ring_form(20, 6, 200);
	struct prng prng;

	prng_seed(&prng, 7);
	for (int k = 0; k < 500; k++) {
		struct node_id point;
		size_t replicas = 0;
		size_t owner;

		for (size_t i = 0; i < NODE_ID_LENGTH; i++)
			point.bytes[i] = (uint8_t)prng_next(&prng);
		owner = net_owner(n, &point);
		for (size_t i = 0; i < net_count(n); i++) {
			const struct topology *t = ring_topology(n, i);
			enum responsibility r = t->ops->responsibility(t->ctx, &point);

			ck_assert_int_eq(t->ops->is_responsible(t->ctx, &point), i == owner);
			ck_assert_int_eq(r == RESPONSIBLE_OWNER, i == owner);
			replicas += r == RESPONSIBLE_REPLICA;
		}
		ck_assert_uint_eq(replicas, TOPOLOGY_REPLICAS);
	}
	net_free(n);
}
END_TEST

/* The bytes that peer `node` would send are what counts; here the requests are made by peers that are
 * members, so that only the field under test is wrong. */
struct heard {
	int err;
	bool is_answered;
};

static void heard_answer(void *ctx, struct now now, const struct response *response)
{
	struct heard *h = ctx;

	(void)now;
	h->err = response->err;
	h->is_answered = true;
}

static int ask(struct net *n, size_t from, size_t to, enum method method, struct slice body)
{
	struct heard h = { 0 };
	const struct node_id *id = net_node_id(n, to);

	ck_assert_int_eq(transport_request_node(net_peer(n, from), net_now(n), method, body, id,
						heard_answer, &h),
			 0);
	net_flush(n, from);
	net_run(n, duration_s(1));
	ck_assert(h.is_answered);
	return h.err;
}

START_TEST(join_for_another_node_is_refused)
{
	struct net *n = ring_form(4, 8, 300);
	struct node_id stranger = { { 0x77 } };
	const struct join_req join = { stranger, SLICE_EMPTY };
	uint8_t buffer[64];
	struct writer w = writer_of(buffer, sizeof(buffer));

	join_req_put(&w, &join);
	ck_assert_int_eq(ask(n, 1, 2, METHOD_JOIN, writer_slice(&w)), ERR_FORBIDDEN);
	ck_assert_uint_gt(peer_counters(net_peer(n, 2))->errors[ERR_INDEX_FORBIDDEN], 0);
	ck_assert_str_eq(net_ring_fault(n), "");
	net_free(n);
}
END_TEST

/* A pair of peers without a link between them: what one sends to the other goes over others' links. */
static bool find_strangers(struct net *n, size_t *a, size_t *b)
{
	for (*a = 0; *a < net_count(n); (*a)++)
		for (*b = 0; *b < net_count(n); (*b)++)
			if (*a != *b && link_find_node(net_peer(n, *a), net_node_id(n, *b)) == 0)
				return true;
	return false;
}

START_TEST(join_over_others_links_is_refused)
{
	struct net *n = ring_form(40, 9, 200);
	uint8_t buffer[64];
	struct writer w = writer_of(buffer, sizeof(buffer));
	struct join_req join = { .overlay_specific_data = SLICE_EMPTY };
	size_t a, b;

	ck_assert(find_strangers(n, &a, &b));
	join.joining_peer_id = *net_node_id(n, a);
	join_req_put(&w, &join);
	ck_assert_int_eq(ask(n, a, b, METHOD_JOIN, writer_slice(&w)), ERR_FORBIDDEN);
	net_free(n);
}
END_TEST

/* Leave is checked as Join is (6.4.2.2): nobody takes another one out of the ring. */
static int ask_to_leave(struct net *n, size_t from, size_t to, const struct node_id *leaving)
{
	uint8_t data[64], buffer[128];
	const struct chord_leave lists = { .type = CHORD_FROM_SUCC };
	struct writer dw = writer_of(data, sizeof(data)), w = writer_of(buffer, sizeof(buffer));
	struct leave_req leave = { .leaving_peer_id = *leaving };

	chord_leave_put(&dw, &lists);
	leave.overlay_specific_data = writer_slice(&dw);
	leave_req_put(&w, &leave);
	ck_assert_int_eq(dw.err, 0);
	return ask(n, from, to, METHOD_LEAVE, writer_slice(&w));
}

START_TEST(leave_of_another_node_is_refused)
{
	struct net *n = ring_form(4, 13, 300);

	ck_assert_int_eq(ask_to_leave(n, 1, 2, net_node_id(n, 3)), ERR_FORBIDDEN);
	ck_assert_int_eq(ask_to_leave(n, 1, 2, net_node_id(n, 2)), ERR_FORBIDDEN);
	ck_assert_uint_ge(peer_counters(net_peer(n, 2))->errors[ERR_INDEX_FORBIDDEN], 2);
	ck_assert_str_eq(net_ring_fault(n), "");
	/* Its own is taken. */
	ck_assert_int_eq(ask_to_leave(n, 1, 2, net_node_id(n, 1)), 0);
	net_free(n);
}
END_TEST

START_TEST(leave_over_others_links_is_refused)
{
	struct net *n = ring_form(40, 14, 200);
	size_t a, b;

	ck_assert(find_strangers(n, &a, &b));
	ck_assert_int_eq(ask_to_leave(n, a, b, net_node_id(n, a)), ERR_FORBIDDEN);
	ck_assert_str_eq(net_ring_fault(n), "");
	net_free(n);
}
END_TEST

START_TEST(update_from_stranger_is_refused)
{
	struct net *n = ring_form(40, 10, 200);
	const struct chord_update update = { .uptime = 1, .type = CHORD_PEER_READY };
	uint8_t buffer[64];
	struct writer w = writer_of(buffer, sizeof(buffer));
	size_t a, b;

	ck_assert(find_strangers(n, &a, &b));
	chord_update_put(&w, &update);
	ck_assert_int_eq(ask(n, a, b, METHOD_UPDATE, writer_slice(&w)), ERR_FORBIDDEN);
	net_free(n);
}
END_TEST

START_TEST(malformed_topology_requests_are_answered_with_error)
{
	struct net *n = ring_form(2, 11, 300);
	const struct slice junk = slice_of("\x01\x02\x03", 3);
	const enum method methods[] = { METHOD_JOIN, METHOD_LEAVE, METHOD_UPDATE, METHOD_ROUTE_QUERY };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		ck_assert_int_eq(ask(n, 0, 1, methods[i], junk), ERR_INVALID_MESSAGE);
	ck_assert_str_eq(net_ring_fault(n), "");
	net_free(n);
}
END_TEST

/* Storage whose hand-overs to one node never end, as when it takes every Store and answers none. */
struct stalling {
	struct storage_ops ops;
	struct node_id staller;
};

static void stalling_hand_over(void *ctx, struct now now, const struct node_id *to, const struct node_id *after,
			       const struct node_id *upto, storage_done_fn *done, void *done_ctx)
{
	const struct stalling *s = ctx;

	(void)after;
	(void)upto;
	if (!node_id_equal(to, &s->staller))
		done(done_ctx, now, 0);
}

static void stalling_topology_changed(void *ctx, struct now now, bool replicas_settled)
{
	(void)ctx;
	(void)now;
	(void)replicas_settled;
}

static void stalling_event(void *ctx, struct now now)
{
	(void)ctx;
	(void)now;
}

static void stalling_statistics(void *ctx, struct storage_statistics *out)
{
	(void)ctx;
	*out = (struct storage_statistics){ 0 };
}

static void *stalling_new(void *ctx, struct net *n, size_t node, struct peer *p, struct now now)
{
	struct stalling *s = ctx;

	(void)n;
	(void)node;
	(void)now;
	peer_set_storage(p, &s->ops, s);
	return s;
}

static void stalling_free(void *ctx, void *storage)
{
	(void)ctx;
	(void)storage;
}

/* Milliseconds until a node has joined. */
static uint64_t join_time(struct net *n, size_t node, uint64_t limit_s)
{
	uint64_t start = net_now(n).mono.us;

	while (peer_state(net_peer(n, node)) != PEER_JOINED) {
		ck_assert_uint_le(net_now(n).mono.us - start, limit_s * 1000000);
		net_run(n, duration_ms(50));
	}
	return (net_now(n).mono.us - start) / 1000;
}

/* A node that begins to join again and again, and never ends, keeps others out for half a minute at most. */
START_TEST(join_that_never_ends_keeps_nobody_out_for_long)
{
	const struct node_id ids[] = { { { 0x10 } }, { { 0x80 } }, { { 0x40 } }, { { 0x50 } }, { { 0x60 } } };
	struct stalling s = { .ops = { .hand_over = stalling_hand_over,
				       .topology_changed = stalling_topology_changed,
				       .commit = stalling_event,
				       .statistics = stalling_statistics },
			      .staller = ids[2] };
	const struct net_options o = { .seed = 31,
				       .hooks = { .storage_new = stalling_new, .storage_free = stalling_free },
				       .ctx = &s };
	struct net *n = net_new(&o);

	for (size_t i = 0; i < 5; i++)
		(void)net_add(n, &(struct net_node_options){ .id = &ids[i], .first = i == 0 });
	for (size_t i = 0; i < 3; i++) {
		net_start(n, i);
		net_run(n, duration_s(2));
	}
	ck_assert_int_eq(peer_state(net_peer(n, 1)), PEER_JOINED);
	ck_assert_int_eq(peer_state(net_peer(n, 2)), PEER_JOINING);
	net_start(n, 3);
	ck_assert_uint_le(join_time(n, 3, 60), 15000);
	net_start(n, 4);
	ck_assert_uint_le(join_time(n, 4, 60), 17000);
	net_free(n);
}
END_TEST

/* A node that crashes and is back before anybody knows opens links to peers that take it for the member it was, and
 * send its own Attach back to it. It says that it has not joined. */
START_TEST(node_restarted_unnoticed_joins_soon)
{
	struct net *n = ring_form(40, 33, 200);
	uint64_t longest_ms = 0;

	net_run(n, duration_s(30));
	for (size_t i = 3; i < 40; i++) {
		uint64_t ms;

		net_kill(n, i, true);
		net_run(n, duration_ms(100));
		net_start(n, i);
		ms = join_time(n, i, 120);
		longest_ms = ms > longest_ms ? ms : longest_ms;
		(void)ring_wait(n, 60);
	}
	ck_assert_uint_le(longest_ms, 12000);
	net_free(n);
}
END_TEST

START_TEST(equal_seeds_run_equally)
{
	uint64_t hash[2];

	for (size_t i = 0; i < 2; i++) {
		struct net *n = ring_form(12, 12, 50);

		hash[i] = net_trace_hash(n);
		net_free(n);
	}
	ck_assert_uint_eq(hash[0], hash[1]);
}
END_TEST

/* ---- clients-permitted false (11.1) ---- */

/* Links refused by all running peers, for ERR_FORBIDDEN. */
static uint64_t forbidden_links(struct net *n)
{
	uint64_t count = 0;

	for (size_t i = 0; i < net_count(n); i++)
		if (net_is_running(n, i) && peer_counters(net_peer(n, i))->links_refused > 0)
			count += peer_counters(net_peer(n, i))->errors[-ERR_FORBIDDEN];
	return count;
}

START_TEST(client_is_cut_off_where_none_is_permitted)
{
	struct configuration *configuration = calloc(1, sizeof(*configuration));
	struct net_options o = { .seed = 61, .configuration = configuration };
	const struct net_node_options client = { .client = true };
	struct net *n;

	configuration_init(configuration);
	configuration->clients_permitted = false;
	n = ring_new_with(12, &o);
	net_add(n, &client);
	for (size_t i = 0; i < 11; i++)
		net_start(n, i);
	(void)ring_wait(n, 60);
	net_run(n, duration_s(150));
	/* Nobody takes a peer for a client, whether it has joined or only looks whether the ring is one. */
	net_start(n, 11);
	net_run(n, duration_s(150));
	ck_assert_uint_eq(forbidden_links(n), 0);
	ck_assert(net_ring_is_ideal(n, NULL));
	net_start(n, 12);
	net_run(n, duration_s(59));
	ck_assert_uint_eq(forbidden_links(n), 0);
	net_run(n, duration_s(3));
	ck_assert_uint_gt(forbidden_links(n), 0);
	ck_assert(net_ring_is_ideal(n, NULL));
	net_free(n);
	free(configuration);
}
END_TEST

int main(void)
{
	return RUN_TESTS("chord_join", first_peer_owns_all, two_peers_form_ring, three_peers_form_ring,
			 ten_peers_form_ring, peers_form_ring_one_by_one, storm_forms_ring,
			 exactly_one_peer_owns_each_point, join_for_another_node_is_refused,
			 join_over_others_links_is_refused, leave_of_another_node_is_refused,
			 leave_over_others_links_is_refused, update_from_stranger_is_refused,
			 malformed_topology_requests_are_answered_with_error,
			 join_that_never_ends_keeps_nobody_out_for_long, node_restarted_unnoticed_joins_soon,
			 equal_seeds_run_equally,
			 client_is_cut_off_where_none_is_permitted);
}
