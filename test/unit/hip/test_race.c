/* SPDX-License-Identifier: MIT */
/* usage/hip: an I1 by several channels, and the one that wins. */
#include "test/unit/hip/hip_world.h"
#include "test/unit/run.h"

#define PEERS 6
#define UNSET UINT64_MAX

static struct hip_world *x;
static struct {
	size_t answers;
	int err;
	uint64_t at_ms;
} got;
static struct hip_association_info info;

static void on_connected(void *ctx, struct now now, const struct hit *hit, int err)
{
	(void)ctx, (void)hit;
	got.answers++;
	got.err = err;
	got.at_ms = now.mono.us / 1000;
}

static void begin(enum world_hosts_reach reach)
{
	memset(&got, 0, sizeof(got));
	x = hip_world_new(PEERS, reach, NULL, NULL);
}

static void end(void)
{
	hip_world_free(x);
}

static uint64_t now_ms(void)
{
	return world_now(x->w).mono.us / 1000;
}

/* Connects from node 1 and waits for so long, or until it is decided. */
static void connect_to(const struct hit *hit, const struct hip_hint *hint, uint64_t limit_ms)
{
	ck_assert_int_eq(hip_host_connect(hip_world_host(x, 1), hip_world_now(x, 1), hit, hint, on_connected, NULL), 0);
	world_host_flush(x->w, 1);
	for (uint64_t t = 0; t < limit_ms && got.answers == 0; t += 10)
		hip_world_run(x, 10);
}

static void look(const struct hit *hit)
{
	size_t cursor = 0;

	while (hip_host_next_association(hip_world_host(x, 1), hip_world_now(x, 1), &cursor, &info))
		if (hit_equal(&info.hit, hit))
			return;
	ck_abort_msg("no association");
}

static struct hip_hint hint_of(size_t node)
{
	return (struct hip_hint){ .locators = { hip_world_address(x, node) }, .locator_count = 1 };
}

START_TEST(direct_channel_wins_before_the_others_begin)
{
	struct hip_hint hint;

	begin(WORLD_HOSTS_DIRECT);
	hint = hint_of(3);
	connect_to(hip_world_hit(x, 3), &hint, 1000);
	ck_assert_uint_eq(got.answers, 1);
	ck_assert_int_eq(got.err, 0);
	look(hip_world_hit(x, 3));
	ck_assert_uint_eq(info.race_count, 2);
	ck_assert(info.race[0].won);
	ck_assert_uint_eq(info.race[0].sent.us, 0);
	ck_assert_uint_eq(info.race[0].r1.us, 10000);
	/* The overlay's turn was not reached. */
	ck_assert_int_eq(info.race[1].path.channel, HIP_CHANNEL_OVERLAY);
	ck_assert_uint_eq(info.race[1].sent.us, UNSET);
	ck_assert_uint_eq(hip_world_logged(x, 1, "hip.located", ""), 0);
	ck_assert_int_eq(info.control.channel, HIP_CHANNEL_UDP);
	ck_assert_uint_eq(hip_world_logged(x, 1, "hip.race", "winner=\"udp"), 1);
	ck_assert_uint_eq(hip_world_logged(x, 1, "hip.race", "r1_ms=10.0"), 1);
	end();
}
END_TEST

START_TEST(overlay_wins_when_nothing_arrives_directly)
{
	struct hip_hint hint;

	begin(WORLD_HOSTS_DIRECT);
	world_host_hide(x->w, 3, true);
	hint = hint_of(3);
	connect_to(hip_world_hit(x, 3), &hint, 3000);
	ck_assert_int_eq(got.err, 0);
	look(hip_world_hit(x, 3));
	ck_assert(!info.race[0].won);
	ck_assert_uint_eq(info.race[0].r1.us, UNSET);
	ck_assert(info.race[1].won);
	/* From +60 ms on, and the time of the lookup. */
	ck_assert_uint_ge(info.race[1].sent.us, 60000);
	ck_assert_uint_lt(info.race[1].sent.us, 200000);
	ck_assert_int_eq(info.control.channel, HIP_CHANNEL_OVERLAY);
	ck_assert_uint_eq(hip_world_logged(x, 1, "hip.race", "winner=\"overlay"), 1);
	end();
}
END_TEST

START_TEST(overlay_begins_at_once_when_it_is_the_only_channel)
{
	uint64_t began;

	begin(WORLD_HOSTS_OVERLAY);
	began = now_ms();
	connect_to(hip_world_hit(x, 3), NULL, 3000);
	ck_assert_int_eq(got.err, 0);
	ck_assert_uint_lt(got.at_ms - began, 150);
	look(hip_world_hit(x, 3));
	ck_assert(info.race[0].won);
	ck_assert(node_id_equal(&info.race[0].path.node, net_node_id(world_net(x->w), 3)));
	/* The address in its record was tried as well, in vain. */
	ck_assert_uint_eq(info.race_count, 2);
	ck_assert_int_eq(info.race[1].path.channel, HIP_CHANNEL_UDP);
	ck_assert_uint_eq(info.race[1].r1.us, UNSET);
	end();
}
END_TEST

/* The ring is small: both ways are one hop, and the overlay's I1 left first. */
START_TEST(address_of_the_record_is_one_more_channel)
{
	begin(WORLD_HOSTS_DIRECT);
	connect_to(hip_world_hit(x, 3), NULL, 3000);
	ck_assert_int_eq(got.err, 0);
	look(hip_world_hit(x, 3));
	ck_assert_uint_eq(info.race_count, 2);
	ck_assert_int_eq(info.race[1].path.channel, HIP_CHANNEL_UDP);
	ck_assert_uint_ne(info.race[1].r1.us, UNSET);
	ck_assert(info.race[0].won != info.race[1].won);
	/* Wherever the exchange went, what follows goes directly. */
	hip_world_run(x, 3000);
	look(hip_world_hit(x, 3));
	ck_assert_int_eq(info.control.channel, HIP_CHANNEL_UDP);
	ck_assert_int_eq(info.data.channel, HIP_CHANNEL_UDP);
	end();
}
END_TEST

START_TEST(edge_that_is_known_needs_no_lookup)
{
	struct hip_hint hint = { .locator_count = 0 };

	begin(WORLD_HOSTS_OVERLAY);
	hint.edge = *net_node_id(world_net(x->w), 3);
	connect_to(hip_world_hit(x, 3), &hint, 3000);
	ck_assert_int_eq(got.err, 0);
	ck_assert_uint_eq(hip_world_logged(x, 1, "hip.located", ""), 0);
	end();
}
END_TEST

START_TEST(edge_that_serves_it_no_more_is_looked_up_anew)
{
	struct hip_hint hint = { .locator_count = 0 };

	begin(WORLD_HOSTS_OVERLAY);
	hint.edge = *net_node_id(world_net(x->w), 4);
	connect_to(hip_world_hit(x, 3), &hint, 3000);
	ck_assert_int_eq(got.err, 0);
	ck_assert_uint_eq(hip_world_logged(x, 1, "hip.carry.lost", "NOT_SERVED"), 1);
	ck_assert_uint_eq(hip_world_logged(x, 1, "hip.located", ""), 1);
	look(hip_world_hit(x, 3));
	ck_assert(node_id_equal(&info.race[0].path.node, net_node_id(world_net(x->w), 3)));
	end();
}
END_TEST

/* A lie costs its victim a moment: the next edge is tried. */
START_TEST(lying_edge_delays_and_no_more)
{
	struct hit hit;

	begin(WORLD_HOSTS_OVERLAY);
	hit = *hip_world_hit(x, 3);
	ck_assert_int_eq(hip_publish(hip_world_host(x, 4), hip_world_now(x, 4), &hit, HIP_RECORD_PLAIN, 600, NULL, 0,
				     SLICE_EMPTY, SLICE_EMPTY),
			 0);
	world_host_flush(x->w, 4);
	hip_world_run(x, 2000);
	connect_to(&hit, NULL, 3000);
	ck_assert_int_eq(got.err, 0);
	look(&hit);
	ck_assert(node_id_equal(&info.race[0].path.node, net_node_id(world_net(x->w), 3)));
	end();
}
END_TEST

START_TEST(nobody_is_found_soon)
{
	struct hit nobody = { { 0x20, 1, 0, 0x22, 7 } };
	uint64_t began;

	begin(WORLD_HOSTS_OVERLAY);
	began = now_ms();
	connect_to(&nobody, NULL, 20000);
	ck_assert_uint_eq(got.answers, 1);
	ck_assert_int_eq(got.err, ERR_NOT_FOUND);
	ck_assert_uint_lt(got.at_ms - began, 5000);
	/* What is remembered says the same at once. */
	got.answers = 0;
	connect_to(&nobody, NULL, 0);
	ck_assert_uint_eq(got.answers, 1);
	ck_assert_int_eq(got.err, ERR_NOT_FOUND);
	end();
}
END_TEST

START_TEST(silence_ends_after_a_few_tries_by_one_channel_each)
{
	struct hip_hint hint;
	struct hit hit;
	uint64_t began;

	begin(WORLD_HOSTS_DIRECT);
	hint = hint_of(3);
	hit = *hip_world_hit(x, 3);
	net_pause(world_net(x->w), 3);
	began = now_ms();
	connect_to(&hit, &hint, 90000);
	ck_assert_uint_eq(got.answers, 1);
	ck_assert_int_eq(got.err, ERR_REQUEST_TIMEOUT);
	ck_assert_uint_gt(got.at_ms - began, 15000);
	ck_assert_uint_lt(got.at_ms - began, 40000);
	ck_assert_uint_eq(hip_world_logged(x, 1, "hip.race", "winner=\"none\""), 1);
	ck_assert_uint_eq(hip_world_logged(x, 1, "hip.race", "retries=5"), 1);
	end();
}
END_TEST

START_TEST(three_i1s_go_in_parallel_at_most)
{
	struct hip_hint hint;
	struct hit nobody = { { 0x20, 1, 0, 0x22, 7 } };

	begin(WORLD_HOSTS_DIRECT);
	hint = (struct hip_hint){ .locators = { hip_world_address(x, 2), hip_world_address(x, 3),
						hip_world_address(x, 4), hip_world_address(x, 5) },
				  .locator_count = 4, .rendezvous = hip_world_address(x, 0) };
	connect_to(&nobody, &hint, 500);
	look(&nobody);
	ck_assert_uint_eq(info.race_count, 3);
	ck_assert_uint_eq(info.race[0].sent.us, 0);
	ck_assert_uint_eq(info.race[1].sent.us, 30000);
	hint.rendezvous = (struct address){ 0 };
	nobody.bytes[15] = 1;
	connect_to(&nobody, &hint, 500);
	look(&nobody);
	ck_assert_uint_eq(info.race_count, 3);
	ck_assert_uint_eq(info.race[1].sent.us, 0);
	end();
}
END_TEST

START_TEST(ending_in_the_middle_leaves_nothing_behind)
{
	struct hit hit;

	begin(WORLD_HOSTS_OVERLAY);
	hit = *hip_world_hit(x, 3);
	for (uint64_t ms = 0; ms < 120; ms += 6) {
		connect_to(&hit, NULL, 0);
		hip_world_run(x, ms);
		hip_host_close(hip_world_host(x, 1), hip_world_now(x, 1), &hit);
		world_host_flush(x->w, 1);
	}
	connect_to(&hit, NULL, 0);
	hip_world_run(x, 20);
	world_kill(x->w, 1, false);
	hip_world_run(x, 2000);
	end();
}
END_TEST

int main(void)
{
	return RUN_TESTS("race", direct_channel_wins_before_the_others_begin,
			 overlay_wins_when_nothing_arrives_directly,
			 overlay_begins_at_once_when_it_is_the_only_channel,
			 address_of_the_record_is_one_more_channel, edge_that_is_known_needs_no_lookup,
			 edge_that_serves_it_no_more_is_looked_up_anew, lying_edge_delays_and_no_more,
			 nobody_is_found_soon,
			 silence_ends_after_a_few_tries_by_one_channel_each, three_i1s_go_in_parallel_at_most,
			 ending_in_the_middle_leaves_nothing_behind);
}
