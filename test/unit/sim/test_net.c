/* SPDX-License-Identifier: MIT */
/* The in-memory net: what weather, cuts, pauses, clocks and deaths do to links and nodes. */
#include "test/unit/sim/net_probe.h"

/* ---- Weather ---- */

START_TEST(stream_arrives_whole_when_weather_is_bad)
{
	const struct net_weather bad = { .jitter = duration_ms(20),
					 .loss_ppm = 200000,
					 .duplicate_ppm = 500000,
					 .reorder_ppm = 500000 };
	struct net_statistics s;
	struct probe *p = probe_new(NULL);
	uint64_t start;

	net_set_weather(p->n, &bad);
	start = net_now(p->n).mono.us;
	probe_send(p, 0, 300);
	net_run(p->n, duration_s(14));
	ck_assert_uint_eq(p->count, 300);
	ck_assert_uint_eq(probe_overtaken(p), 0);
	net_statistics(p->n, &s);
	ck_assert_uint_gt(s.lost, 30);
	ck_assert_uint_eq(s.duplicated + s.reordered, 0);
	/* What is lost costs a retransmission. */
	ck_assert_uint_ge(p->got[299].at_us - start, 200000);
	probe_free(p);
}
END_TEST

START_TEST(stream_breaks_when_nothing_comes_through)
{
	struct probe *p = probe_new(NULL);

	net_set_weather(p->n, &(struct net_weather){ .loss_ppm = 1000000 });
	probe_send(p, 0, 1);
	net_run(p->n, duration_s(14));
	ck_assert_uint_eq(p->count, 0);
	ck_assert(p->downs[0] == 0 && p->downs[1] == 0);
	net_run(p->n, duration_s(2));
	ck_assert(p->downs[0] > 0 || p->downs[1] > 0);
	probe_free(p);
}
END_TEST

START_TEST(datagrams_suffer_when_weather_is_bad)
{
	const struct net_weather bad = { .loss_ppm = 100000, .duplicate_ppm = 100000, .reorder_ppm = 100000 };
	struct net_statistics s;
	struct probe *p = probe_new_datagram();

	net_set_weather(p->n, &bad);
	for (size_t i = 0; i < 2000; i++) {
		probe_send(p, 0, 1);
		net_run(p->n, duration_ms(1));
	}
	net_run(p->n, duration_s(1));
	net_statistics(p->n, &s);
	/* 2,000 times 0.9 times 1.1, within six standard deviations. */
	ck_assert_uint_ge(p->count, 1980 - 120);
	ck_assert_uint_le(p->count, 1980 + 120);
	ck_assert_uint_ge(s.lost, 120);
	ck_assert_uint_ge(s.duplicated, 120);
	ck_assert_uint_ge(s.reordered, 120);
	ck_assert_uint_ge(probe_overtaken(p), 120);
	probe_free(p);
}
END_TEST

START_TEST(datagrams_stay_in_order_when_weather_is_calm)
{
	struct probe *p = probe_new_datagram();
	struct net_statistics s;

	for (size_t i = 0; i < 200; i++) {
		probe_send(p, 1, 1);
		net_run(p->n, duration_ms(1));
	}
	net_run(p->n, duration_s(1));
	net_statistics(p->n, &s);
	ck_assert_uint_eq(p->count, 200);
	ck_assert_uint_eq(probe_overtaken(p), 0);
	ck_assert_uint_eq(s.lost + s.duplicated + s.reordered + s.flipped, 0);
	ck_assert_uint_eq(p->got[0].node, 1);
	probe_free(p);
}
END_TEST

START_TEST(one_byte_changes_when_weather_flips)
{
	struct probe *p = probe_new_datagram();
	size_t in_number = 0;

	net_set_weather(p->n, &(struct net_weather){ .flip_ppm = 1000000 });
	probe_send(p, 0, 100);
	net_run(p->n, duration_ms(6));
	ck_assert_uint_eq(p->count, 100);
	for (size_t i = 0; i < p->count; i++) {
		in_number += probe_number(p, i) != i;
		ck_assert_uint_eq(p->got[i].wrong + (probe_number(p, i) != i), 1);
	}
	ck_assert_uint_lt(in_number, 10);
	probe_free(p);
}
END_TEST

START_TEST(datagram_is_lost_when_longer_than_mtu)
{
	struct probe *p = probe_new_datagram();

	net_set_node_weather(p->n, 1, &(struct net_weather){ .mtu = PROBE_LEN - 1 });
	probe_send(p, 0, 1);
	probe_send(p, 1, 1);
	net_run(p->n, duration_ms(100));
	ck_assert_uint_eq(p->count, 1);
	ck_assert_uint_eq(p->got[0].node, 1);
	net_set_node_weather(p->n, 1, &(struct net_weather){ .mtu = PROBE_LEN });
	probe_send(p, 0, 1);
	net_run(p->n, duration_ms(100));
	ck_assert_uint_eq(p->count, 2);
	net_set_node_weather(p->n, 1, NULL);
	probe_free(p);
}
END_TEST

START_TEST(limited_link_takes_its_time_when_much_is_sent)
{
	struct probe *p = probe_new(NULL);

	net_set_node_weather(p->n, 0, &(struct net_weather){ .bytes_per_s = PROBE_LEN * 10 });
	probe_send(p, 1, 10);
	probe_send(p, 0, 10);
	net_run(p->n, duration_ms(10));
	/* The other direction is as fast as ever. */
	ck_assert_uint_eq(p->count, 10);
	net_run(p->n, duration_s(5));
	ck_assert_uint_eq(p->count, 20);
	for (size_t i = 11; i < 20; i++)
		ck_assert_uint_ge(p->got[i].at_us - p->got[i - 1].at_us, 99000);
	probe_free(p);
}
END_TEST

START_TEST(limited_link_drops_datagrams_when_its_queue_is_full)
{
	struct probe *p = probe_new_datagram();

	net_set_node_weather(p->n, 0, &(struct net_weather){ .bytes_per_s = PROBE_LEN * 10 });
	probe_send(p, 1, 30);
	net_run(p->n, duration_s(5));
	ck_assert_uint_ge(p->count, 9);
	ck_assert_uint_le(p->count, 12);
	probe_free(p);
}
END_TEST

START_TEST(latency_is_the_weathers_when_given)
{
	struct probe *p = probe_new(NULL);
	uint64_t start = net_now(p->n).mono.us;

	net_set_weather(p->n, &(struct net_weather){ .latency = duration_ms(70) });
	probe_send(p, 0, 1);
	net_run(p->n, duration_s(1));
	net_set_weather(p->n, &(struct net_weather){ 0 });
	probe_send(p, 0, 1);
	net_run(p->n, duration_s(1));
	ck_assert_uint_eq(p->got[0].at_us - start, 70000);
	ck_assert_uint_eq(p->got[1].at_us - start, 1005000);
	probe_free(p);
}
END_TEST

/* ---- Cuts ---- */

START_TEST(stream_sends_again_when_cut_is_short)
{
	struct probe *p = probe_new(NULL);

	net_cut(p->n, 1, 0, true);
	net_cut(p->n, 1, 0, true);
	probe_send(p, 0, 3);
	probe_send(p, 1, 3);
	net_run(p->n, duration_s(5));
	/* Only one way is cut. */
	ck_assert_uint_eq(p->count, 3);
	ck_assert_uint_eq(p->got[2].node, 1);
	net_cut(p->n, 1, 0, false);
	probe_send(p, 0, 2);
	net_run(p->n, duration_s(2));
	ck_assert_uint_eq(p->count, 8);
	ck_assert_uint_eq(probe_number(p, 3), 0);
	ck_assert_uint_eq(probe_number(p, 5), 2);
	ck_assert_uint_eq(probe_number(p, 7), 7);
	/* Nor does it break later; a second link that was opened meanwhile may be closed in good order. */
	net_run(p->n, duration_s(20));
	for (size_t i = 0; i < 2; i++)
		ck_assert_msg(p->downs[i] == 0 || strstr(p->down[i], "reason=OK") != NULL, "%s", p->down[i]);
	probe_free(p);
}
END_TEST

START_TEST(stream_breaks_when_cut_is_long)
{
	struct probe *p = probe_new(NULL);
	struct net_statistics before, after;

	net_statistics(p->n, &before);
	net_cut(p->n, 0, 1, true);
	probe_send(p, 1, 3);
	net_run(p->n, duration_s(16));
	net_statistics(p->n, &after);
	ck_assert_uint_eq(p->count, 0);
	ck_assert_uint_gt(after.links_broken, before.links_broken);
	/* Nor is a new one to be had. */
	net_run(p->n, duration_s(60));
	net_statistics(p->n, &after);
	ck_assert_uint_eq(after.links_opened, before.links_opened);
	net_cut(p->n, 0, 1, false);
	net_run(p->n, duration_s(120));
	net_statistics(p->n, &after);
	ck_assert_uint_gt(after.links_opened, before.links_opened);
	ck_assert(net_ring_is_ideal(p->n, NULL));
	ck_assert_uint_eq(p->count, 0);
	probe_free(p);
}
END_TEST

START_TEST(datagrams_are_lost_when_cut)
{
	struct probe *p = probe_new_datagram();

	net_cut(p->n, 1, 0, true);
	probe_send(p, 0, 3);
	probe_send(p, 1, 3);
	net_run(p->n, duration_ms(200));
	net_cut(p->n, 1, 0, false);
	net_run(p->n, duration_s(3));
	ck_assert_uint_eq(p->count, 3);
	ck_assert_uint_eq(p->got[0].node, 1);
	probe_free(p);
}
END_TEST

/* ---- Ends of links and nodes ---- */

START_TEST(other_end_hears_no_failure_when_node_leaves)
{
	struct probe *p = probe_new(NULL);

	net_leave(p->n, 1);
	net_run(p->n, duration_s(7));
	ck_assert(!net_is_running(p->n, 1));
	ck_assert_uint_ge(p->downs[0], 1);
	ck_assert_ptr_nonnull(strstr(p->down[0], "reason=OK"));
	probe_free(p);
}
END_TEST

START_TEST(other_end_hears_a_failure_at_once_when_node_is_killed)
{
	struct probe *p = probe_new(NULL);

	net_kill(p->n, 1, false);
	net_run(p->n, duration_ms(6));
	ck_assert_uint_ge(p->downs[0], 1);
	ck_assert_ptr_nonnull(strstr(p->down[0], "reason=LINK"));
	probe_free(p);
}
END_TEST

START_TEST(other_end_hears_nothing_when_node_loses_power)
{
	struct probe *p = probe_new(NULL);

	net_kill(p->n, 1, true);
	net_run(p->n, duration_s(14));
	ck_assert_uint_eq(p->downs[0], 0);
	net_run(p->n, duration_s(2));
	/* Its own timers may have closed the link before the kernel gave up: that is no link.down. */
	ck_assert(p->downs[0] == 0 || strstr(p->down[0], "reason=LINK") != NULL);
	net_start(p->n, 1);
	ck_assert(net_run_until(p->n, net_all_joined, NULL, duration_s(120)));
	probe_free(p);
}
END_TEST

START_TEST(both_ends_hear_a_failure_when_link_breaks)
{
	struct probe *p = probe_new(NULL);

	net_break_link(p->n, 0, 1);
	probe_send(p, 0, 1);
	net_run(p->n, duration_ms(6));
	ck_assert_uint_eq(p->count, 0);
	ck_assert_ptr_nonnull(strstr(p->down[0], "reason=LINK"));
	ck_assert_ptr_nonnull(strstr(p->down[1], "reason=LINK"));
	probe_free(p);
}
END_TEST

/* ---- Processes ---- */

START_TEST(paused_node_takes_all_in_order_when_it_goes_on)
{
	struct probe *p = probe_new(NULL);
	size_t logged, steps;
	uint64_t resumed;

	net_pause(p->n, 1);
	ck_assert(net_is_paused(p->n, 1));
	logged = p->logged[1];
	steps = p->steps[1];
	probe_send(p, 1, 5);
	net_run(p->n, duration_s(4));
	probe_send(p, 1, 5);
	net_run(p->n, duration_s(4));
	ck_assert_uint_eq(p->count, 0);
	ck_assert_uint_eq(p->logged[1], logged);
	ck_assert_uint_eq(p->steps[1], steps);
	net_resume(p->n, 1);
	resumed = net_now(p->n).mono.us;
	probe_send(p, 1, 1);
	net_run(p->n, duration_ms(10));
	ck_assert_uint_eq(p->count, 11);
	ck_assert_uint_eq(probe_overtaken(p), 0);
	ck_assert_uint_eq(p->got[9].at_us, resumed);
	/* Its timers fire late, not never. */
	ck_assert_uint_gt(p->steps[1], steps + 11);
	ck_assert(!net_is_paused(p->n, 1));
	probe_free(p);
}
END_TEST

START_TEST(paused_node_starts_afresh_when_killed)
{
	struct probe *p = probe_new(NULL);

	net_pause(p->n, 1);
	probe_send(p, 1, 5);
	net_run(p->n, duration_s(1));
	net_kill(p->n, 1, false);
	net_run(p->n, duration_s(1));
	net_start(p->n, 1);
	ck_assert(net_run_until(p->n, net_all_joined, NULL, duration_s(120)));
	ck_assert_uint_eq(p->count, 0);
	probe_free(p);
}
END_TEST

START_TEST(slow_node_takes_one_input_after_the_other)
{
	struct probe *p = probe_new(NULL);

	net_set_slowness(p->n, 0, duration_ms(10));
	probe_send(p, 0, 10);
	net_run(p->n, duration_s(1));
	ck_assert_uint_eq(p->count, 10);
	for (size_t i = 1; i < 10; i++)
		ck_assert_uint_ge(p->got[i].at_us - p->got[i - 1].at_us, 10000);
	net_set_slowness(p->n, 0, duration_ms(0));
	probe_send(p, 0, 10);
	net_run(p->n, duration_s(1));
	ck_assert_uint_eq(p->got[10].at_us, p->got[19].at_us);
	probe_free(p);
}
END_TEST

/* Local time that passes on node 1 in 100 s with this drift, in ms; its timers must keep up meanwhile. */
static uint64_t drifted_ms(struct probe *p, int64_t offset_ms, int32_t drift_ppm)
{
	struct now from, to;
	uint64_t events = net_event_count(p->n);

	net_set_clock(p->n, 1, offset_ms, drift_ppm);
	from = net_node_now(p->n, 1);
	net_run(p->n, duration_s(100));
	to = net_node_now(p->n, 1);
	ck_assert_uint_eq(to.wall.ms - from.wall.ms, 100000);
	ck_assert_int_eq((int64_t)(to.wall.ms - net_now(p->n).wall.ms), offset_ms);
	/* No wake-up that finds nothing to do again and again. */
	ck_assert_uint_lt(net_event_count(p->n) - events, 20000);
	return (to.mono.us - from.mono.us) / 1000;
}

START_TEST(clock_is_the_nodes_own_when_set)
{
	struct probe *p = probe_new(NULL);
	uint64_t before = net_node_now(p->n, 1).mono.us;

	ck_assert_uint_eq(before, net_now(p->n).mono.us);
	ck_assert_uint_eq(drifted_ms(p, 3600000, 100000), 110000);
	ck_assert_uint_eq(drifted_ms(p, -60000, -200000), 80000);
	ck_assert_uint_eq(drifted_ms(p, 0, 0), 100000);
	/* It never jumped. */
	ck_assert_uint_eq(net_node_now(p->n, 1).mono.us - before, 290000000);
	ck_assert(net_ring_is_ideal(p->n, NULL));
	probe_free(p);
}
END_TEST

/* ---- Looking on ---- */

START_TEST(statistics_count_what_happened)
{
	struct probe *p = probe_new(NULL);
	struct net_statistics a, b;

	net_statistics(p->n, &a);
	ck_assert_uint_ge(a.links_opened, 1);
	probe_send(p, 0, 7);
	net_run(p->n, duration_ms(6));
	net_statistics(p->n, &b);
	ck_assert_uint_ge(b.messages, a.messages + 7);
	ck_assert_uint_ge(b.bytes, a.bytes + 7 * PROBE_LEN);
	net_run(p->n, duration_s(10));
	net_kill(p->n, 1, false);
	net_run(p->n, duration_s(30));
	net_statistics(p->n, &b);
	ck_assert_uint_eq(b.peer_seconds - a.peer_seconds, 50);
	ck_assert_uint_eq(b.links_broken, a.links_broken + 1);
	probe_free(p);
}
END_TEST

START_TEST(chances_are_apart_when_one_is_drawn)
{
	struct net *a = net_new(&(struct net_options){ .seed = 5 });
	struct net *b = net_new(&(struct net_options){ .seed = 5 });
	struct net *c = net_new(&(struct net_options){ .seed = 6 });

	for (size_t i = 0; i < 100; i++)
		(void)prng_next(net_chance(a, NET_CHANCE_FAULTS));
	for (size_t i = 0; i < 10; i++) {
		uint64_t drawn = prng_next(net_chance(a, NET_CHANCE_WORKLOAD));

		ck_assert_uint_eq(drawn, prng_next(net_chance(b, NET_CHANCE_WORKLOAD)));
		ck_assert_uint_ne(drawn, prng_next(net_chance(b, NET_CHANCE_FAULTS)));
		ck_assert_uint_ne(drawn, prng_next(net_chance(c, NET_CHANCE_WORKLOAD)));
	}
	net_free(a);
	net_free(b);
	net_free(c);
}
END_TEST

static size_t owner_by_hand(struct net *n, const struct node_id *point)
{
	size_t best = SIZE_MAX;
	struct node_id best_distance = { { 0 } };

	for (size_t i = 0; i < net_count(n); i++) {
		struct node_id distance = node_id_subtract(net_node_id(n, i), point);

		if (!net_is_running(n, i))
			continue;
		if (best == SIZE_MAX || node_id_compare(&distance, &best_distance) < 0) {
			best = i;
			best_distance = distance;
		}
	}
	return best;
}

START_TEST(owner_and_find_agree_with_a_look_at_all_nodes)
{
	struct net *n = net_new(&(struct net_options){ .seed = 21 });
	const struct node_id nobody = { { 0 } };

	ck_assert_uint_eq(net_owner(n, &nobody), SIZE_MAX);
	net_add_peers(n, 200);
	net_start_all(n);
	for (size_t i = 0; i < 200; i += 3)
		net_kill(n, i, i % 2 == 0);
	for (size_t i = 0; i < 200; i++) {
		struct node_id point = *net_node_id(n, i);

		ck_assert_uint_eq(net_find(n, &point), i);
		ck_assert_uint_eq(net_owner(n, &point), owner_by_hand(n, &point));
		point.bytes[i % 16] ^= 0x55;
		ck_assert_uint_eq(net_find(n, &point), SIZE_MAX);
		ck_assert_uint_eq(net_owner(n, &point), owner_by_hand(n, &point));
	}
	net_free(n);
}
END_TEST

int main(void)
{
	return RUN_TESTS("net", stream_arrives_whole_when_weather_is_bad, stream_breaks_when_nothing_comes_through,
			 datagrams_suffer_when_weather_is_bad, datagrams_stay_in_order_when_weather_is_calm,
			 one_byte_changes_when_weather_flips, datagram_is_lost_when_longer_than_mtu,
			 limited_link_takes_its_time_when_much_is_sent,
			 limited_link_drops_datagrams_when_its_queue_is_full, latency_is_the_weathers_when_given,
			 stream_sends_again_when_cut_is_short, stream_breaks_when_cut_is_long,
			 datagrams_are_lost_when_cut, other_end_hears_no_failure_when_node_leaves,
			 other_end_hears_a_failure_at_once_when_node_is_killed,
			 other_end_hears_nothing_when_node_loses_power, both_ends_hear_a_failure_when_link_breaks,
			 paused_node_takes_all_in_order_when_it_goes_on, paused_node_starts_afresh_when_killed,
			 slow_node_takes_one_input_after_the_other, clock_is_the_nodes_own_when_set,
			 statistics_count_what_happened, chances_are_apart_when_one_is_drawn,
			 owner_and_find_agree_with_a_look_at_all_nodes);
}
