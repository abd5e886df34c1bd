/* SPDX-License-Identifier: MIT */
/* What the ring costs: messages of a join, links kept, a storm of joins; and what others can make us spend. */
#include <string.h>

#include "overlay/chord/chord_state.h"
#include "overlay/wire/body_routing.h"
#include "test/unit/chord/ring.h"

static uint64_t sum_requests(struct net *n, enum method method)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < net_count(n); i++)
		if (net_is_running(n, i))
			sum += peer_counters(net_peer(n, i))->requests_out[method];
	return sum;
}

/* Updates of the whole ring in ten seconds. */
static uint64_t updates_in_ten_seconds(struct net *n)
{
	uint64_t before = sum_requests(n, METHOD_UPDATE);

	net_run(n, duration_s(10));
	return sum_requests(n, METHOD_UPDATE) - before;
}

START_TEST(join_costs_updates_of_those_concerned)
{
	struct net *n = ring_form(64, 81, 100);
	uint64_t quiet, joins = 0;

	net_run(n, duration_s(120));
	quiet = updates_in_ten_seconds(n);
	for (size_t i = 0; i < 4; i++) {
		net_start(n, net_add(n, NULL));
		joins += updates_in_ten_seconds(n) - quiet;
	}
	ck_assert_str_eq(net_ring_fault(n), "");
	/* Everybody telling all neighbours of each change would be 600. */
	ck_assert_uint_le(joins / 4, 220);
	net_free(n);
}
END_TEST

START_TEST(links_nobody_needs_are_let_go)
{
	struct net *n = ring_form(96, 82, 100);
	uint64_t opened = 0;
	size_t links = 0;

	net_run(n, duration_s(120));
	for (size_t i = 0; i < 96; i++) {
		const struct chord *c = ring_topology(n, i)->ctx;

		links += link_count(net_peer(n, i));
		for (size_t k = 0; k < c->node_count; k++)
			ck_assert(!c->nodes[k].is_sought || c->nodes[k].needless_since.us == 0 ||
				  net_now(n).mono.us - c->nodes[k].needless_since.us < 45000000);
		opened -= peer_counters(net_peer(n, i))->links_opened;
	}
	/* Twice the neighbours a peer has, and as many fingers of its own and others'. */
	ck_assert_uint_le(links / 96, 30);
	/* And they stay as they are: nobody closes what another one opens again. */
	net_run(n, duration_s(300));
	for (size_t i = 0; i < 96; i++)
		opened += peer_counters(net_peer(n, i))->links_opened;
	ck_assert_str_eq(net_ring_fault(n), "");
	/* Looking for partitions opens one that is closed again, at both ends. */
	ck_assert_uint_le(opened, 2 * 96 * 300 / 24 + 96);
	net_free(n);
}
END_TEST

START_TEST(storm_of_three_hundred_ends_in_ring)
{
	struct net *n = ring_new(300, 83);

	net_start_all(n);
	(void)ring_wait(n, 60);
	net_free(n);
}
END_TEST

static void ignore_answer(void *ctx, struct now now, const struct response *response)
{
	(void)ctx;
	(void)now;
	(void)response;
}

static void send_update(struct net *n, size_t from, size_t to, const struct chord_update *u)
{
	uint8_t buffer[2048];
	struct writer w = writer_of(buffer, sizeof(buffer));

	chord_update_put(&w, u);
	ck_assert_int_eq(w.err, 0);
	ck_assert_int_eq(transport_request_node(net_peer(n, from), net_now(n), METHOD_UPDATE,
						writer_slice(&w), net_node_id(n, to), ignore_answer, NULL),
			 0);
	net_flush(n, from);
}

/* A neighbour names nodes next to the victim that do not exist, again and again. */
START_TEST(updates_full_of_lies_cost_little)
{
	struct net *n = ring_form(12, 84, 200);
	struct node_id lies[TOPOLOGY_NEIGHBORS_MAX];
	struct chord_update u = { .type = CHORD_NEIGHBORS, .successors = lies };
	struct topology_view view;
	uint64_t attaches;
	size_t liar;

	ring_topology(n, 4)->ops->view(ring_topology(n, 4)->ctx, &view);
	liar = net_find(n, &view.successors[0]);
	attaches = peer_counters(net_peer(n, 4))->requests_out[METHOD_ATTACH];
	for (uint8_t round = 0; round < 40; round++) {
		for (size_t i = 0; i < TOPOLOGY_NEIGHBORS_MAX; i++) {
			lies[i] = *net_node_id(n, 4);
			lies[i].bytes[14] ^= (uint8_t)(round + 1);
			lies[i].bytes[15] ^= (uint8_t)(i + 1);
		}
		u.successor_count = TOPOLOGY_NEIGHBORS_MAX;
		send_update(n, liar, 4, &u);
		net_run(n, duration_ms(250));
	}
	attaches = peer_counters(net_peer(n, 4))->requests_out[METHOD_ATTACH] - attaches;
	ck_assert_uint_gt(attaches, 0);
	/* 1,280 nodes were named in ten seconds. */
	ck_assert_uint_le(attaches, 2 * 3 * CHORD_REACH_MAX);
	ck_assert_str_eq(net_ring_fault(n), "");
	net_free(n);
}
END_TEST

/* RouteQueries that node 4 sends when its first predecessor names `count` of those before it. */
static uint64_t asks_after_update(struct net *n, size_t count)
{
	const struct chord *c = ring_topology(n, 4)->ctx;
	struct node_id told[CHORD_REACH_MAX];
	struct chord_update u = { .type = CHORD_NEIGHBORS, .predecessors = told, .predecessor_count = count };
	uint64_t asked = peer_counters(net_peer(n, 4))->requests_out[METHOD_ROUTE_QUERY];

	memcpy(told, &c->predecessors[1], count * sizeof(told[0]));
	send_update(n, net_find(n, &c->predecessors[0]), 4, &u);
	net_run(n, duration_ms(12));
	return peer_counters(net_peer(n, 4))->requests_out[METHOD_ROUTE_QUERY] - asked;
}

/* A list that ends before ours does: the last one it names is asked, so that nobody beyond is missed because our
 * tables are the larger ones. */
START_TEST(update_is_followed_where_its_list_ends)
{
	struct net *n = ring_form(24, 87, 200);
	const struct chord *c = ring_topology(n, 4)->ctx;

	net_run(n, duration_s(200));
	ck_assert_uint_ge(c->predecessor_count, 4);
	ck_assert_uint_eq(asks_after_update(n, c->predecessor_count - 1), 0);
	ck_assert_uint_eq(asks_after_update(n, 2), 1);
	net_free(n);
}
END_TEST

/* Dense neighbours can ask for twenty places on either side and no more; lies about nodes that are not there do
 * not count at all. */
START_TEST(reach_has_a_ceiling_and_a_floor)
{
	struct net *n = ring_form(8, 85, 200);
	struct chord *c = ring_topology(n, 4)->ctx;
	struct now now = net_now(n);

	ck_assert_uint_ge(chord_tables_population(c), c->routable_count + 1);
	for (unsigned i = 1; i <= 100; i++) {
		struct node_id id = *net_node_id(n, 4);

		id.bytes[15] = (uint8_t)(id.bytes[15] + i);
		chord_tables_add(c, &id)->is_attached = true;
		(void)chord_tables_set_ready(c, now, &id, true);
		ck_assert_uint_le(c->reach, CHORD_REACH_MAX);
		ck_assert_uint_le(c->successor_count, CHORD_REACH_MAX);
	}
	ck_assert_uint_ge(chord_tables_population(c), c->routable_count + 1);
	net_free(n);
}
END_TEST

/* RFC 7363 6.6: while nothing fails and everybody is old, the configured interval; never below 15 s. */
START_TEST(interval_follows_failures_and_ages)
{
	struct net *n = ring_form(12, 86, 200);
	struct chord *c = ring_topology(n, 4)->ctx;
	struct now later = net_now(n);
	uint64_t quiet;

	ck_assert_uint_eq(tuning_interval_ms(c, later), CHORD_TUNED_MIN_MS);
	later.mono = instant_add(later.mono, duration_s(24 * 3600));
	quiet = tuning_interval_ms(c, later);
	ck_assert_uint_eq(quiet, 600000);
	for (int i = 0; i < 4; i++) {
		later.mono = instant_add(later.mono, duration_s(60));
		tuning_failed(c, later);
	}
	later.mono = instant_add(later.mono, duration_s(60));
	ck_assert_uint_lt(tuning_interval_ms(c, later), quiet);
	ck_assert_uint_ge(tuning_interval_ms(c, later), CHORD_TUNED_MIN_MS);
	net_free(n);
}
END_TEST

int main(void)
{
	return RUN_TESTS("chord_cost", join_costs_updates_of_those_concerned, links_nobody_needs_are_let_go,
			 storm_of_three_hundred_ends_in_ring, updates_full_of_lies_cost_little,
			 update_is_followed_where_its_list_ends,
			 reach_has_a_ceiling_and_a_floor, interval_follows_failures_and_ages);
}
