/* SPDX-License-Identifier: MIT */
/* Small rings under everything at once: when the faults end the ring is ideal within a minute, in every seed. */
#include "test/unit/chord/ring.h"

#define REPAIR_LIMIT_S 60 /* after churn or a cut */
#define MERGE_LIMIT_S 300 /* after a partition of ten minutes */
#define PEERS_MAX 24

struct trial {
	struct net *n;
	struct prng prng;
	uint64_t seed;
	size_t count;
	bool is_cut;
};

/* 4 to 24 peers in an ideal ring, over streams or datagrams, these with loss now and then. */
static struct trial trial_new(uint64_t seed)
{
	struct trial t = { .seed = seed };
	struct net_options o = { .seed = seed, .jitter = duration_ms(10) };

	prng_seed(&t.prng, 77 * seed + 5);
	if (prng_below(&t.prng, 3) == 0) {
		o.link_type = OVERLAY_LINK_DTLS_UDP_SR_NO_ICE;
		o.loss_ppm = 20000 * (uint32_t)prng_below(&t.prng, 2);
	}
	t.count = 4 + prng_below(&t.prng, PEERS_MAX - 3);
	t.n = ring_new_with(t.count, &o);
	for (size_t i = 0; i < t.count; i++) {
		net_start(t.n, i);
		net_run(t.n, duration_ms(prng_below(&t.prng, 500)));
	}
	(void)ring_wait(t.n, REPAIR_LIMIT_S);
	net_run(t.n, duration_s(prng_below(&t.prng, 60)));
	return t;
}

static void trial_end(struct trial *t, uint64_t limit_s)
{
	uint64_t start = net_now(t->n).mono.us;

	for (size_t i = 0; i < t->count; i++)
		net_set_group(t->n, i, 0);
	while (!net_ring_is_ideal(t->n, NULL)) {
		ck_assert_msg(net_now(t->n).mono.us - start <= limit_s * 1000000, "seed %llu: %s",
			      (unsigned long long)t->seed, net_ring_fault(t->n));
		net_run(t->n, duration_ms(250));
	}
	net_free(t->n);
}

static size_t trial_running(const struct trial *t)
{
	size_t running = 0;

	for (size_t i = 0; i < t->count; i++)
		running += net_is_running(t->n, i);
	return running;
}

static void trial_cut(struct trial *t, unsigned parts)
{
	for (size_t i = 0; i < t->count; i++)
		net_set_group(t->n, i, (unsigned)prng_below(&t->prng, parts));
	t->is_cut = true;
}

/* One fault; the first `spared` nodes stay up. */
static void trial_disturb(struct trial *t, size_t spared)
{
	struct net *n = t->n;
	size_t i = prng_below(&t->prng, t->count);
	size_t other = prng_below(&t->prng, t->count);
	bool is_running = net_is_running(n, i);
	bool may_go = is_running && i >= spared && trial_running(t) > 4;

	switch (prng_below(&t->prng, 8)) {
	case 0:
	case 1:
		if (may_go)
			net_kill(n, i, prng_below(&t->prng, 2) == 0);
		break;
	case 2:
		if (may_go && peer_state(net_peer(n, i)) == PEER_JOINED)
			net_leave(n, i);
		break;
	case 3:
	case 4:
		if (!is_running)
			net_start(n, i);
		break;
	case 5:
		net_break_link(n, i, other);
		break;
	case 6:
		if (!t->is_cut)
			trial_cut(t, 2 + (unsigned)prng_below(&t->prng, 2));
		break;
	default:
		for (size_t k = 0; k < t->count; k++)
			net_set_group(n, k, 0);
		t->is_cut = false;
		break;
	}
	net_run(n, duration_ms(prng_below(&t->prng, prng_below(&t->prng, 4) == 0 ? 20000 : 3000)));
}

/* The bootstrap nodes live, but for the others everything happens. */
START_TEST(churn_and_cuts_in_small_rings_heal)
{
	for (uint64_t seed = 1; seed <= 24; seed++) {
		struct trial t = trial_new(seed);

		for (size_t step = 5 + prng_below(&t.prng, 30); step > 0; step--)
			trial_disturb(&t, 3);
		trial_end(&t, REPAIR_LIMIT_S);
	}
}
END_TEST

/* Cut into two to four parts for ten minutes, the bootstrap nodes wherever chance puts them. */
START_TEST(partition_of_ten_minutes_heals)
{
	for (uint64_t seed = 101; seed <= 116; seed++) {
		struct trial t = trial_new(seed);

		trial_cut(&t, 2 + (unsigned)prng_below(&t.prng, 3));
		net_run(t.n, duration_s(600));
		trial_end(&t, MERGE_LIMIT_S);
	}
}
END_TEST

/* Two rings of two: whoever looks first sees the other ring, although its own neighbour may stand nearer to the
 * point that it asks for. */
START_TEST(two_pairs_find_each_other_at_the_first_look)
{
	for (uint64_t seed = 151; seed <= 162; seed++) {
		struct net *n = ring_form(4, seed, 200);

		for (size_t i = 0; i < 4; i++)
			net_set_group(n, i, i < 2);
		net_run(n, duration_s(40));
		for (size_t i = 0; i < 4; i++)
			net_set_group(n, i, 0);
		ck_assert_uint_le(ring_wait(n, 60), 33000);
		net_free(n);
	}
}
END_TEST

/* A cut, and when it is over no bootstrap node is left: the parts find each other by the peers they have lost. */
START_TEST(partition_heals_without_bootstrap_nodes)
{
	for (uint64_t seed = 201; seed <= 216; seed++) {
		struct trial t = trial_new(seed);

		trial_cut(&t, 2);
		net_run(t.n, duration_s(10 + prng_below(&t.prng, 100)));
		for (size_t i = 0; i < 3; i++)
			net_kill(t.n, i, false);
		trial_end(&t, REPAIR_LIMIT_S);
	}
}
END_TEST

/* Peers that leave in order are no failures, but where they were is remembered: started again behind a cut, with the
 * bootstrap nodes gone when it ends, they can only be found there. */
START_TEST(peers_that_left_are_found_without_bootstrap_nodes)
{
	for (uint64_t seed = 251; seed <= 266; seed++) {
		struct net *n = ring_form(8, seed, 200);

		for (size_t i = 5; i < 8; i++) {
			net_leave(n, i);
			net_run(n, duration_s(6));
		}
		for (size_t i = 0; i < 8; i++)
			net_set_group(n, i, i == 3 || i == 4);
		for (size_t i = 5; i < 8; i++) {
			net_start(n, i);
			net_run(n, duration_s(10));
		}
		for (size_t i = 0; i < 3; i++)
			net_kill(n, i, false);
		for (size_t i = 0; i < 8; i++)
			net_set_group(n, i, 0);
		(void)ring_wait(n, 90);
		net_free(n);
	}
}
END_TEST

/* A broken link is no dead peer: two that lost each other so are a ring again as soon as they reach each other. */
START_TEST(pair_whose_link_broke_is_a_ring_again_soon)
{
	for (uint64_t seed = 301; seed <= 308; seed++) {
		struct net *n = ring_form(2, seed, 200);

		net_run(n, duration_s(20));
		net_break_link(n, 0, 1);
		net_run(n, duration_ms(20));
		ck_assert(!net_ring_is_ideal(n, NULL));
		ck_assert_uint_le(ring_wait(n, 30), 3000);
		net_free(n);
	}
}
END_TEST

/* A small ring is a full mesh, and stays one when links break. */
START_TEST(mesh_of_four_is_whole_again_when_links_broke)
{
	for (uint64_t seed = 321; seed <= 340; seed++) {
		struct net_options o = { .seed = seed, .link_type = OVERLAY_LINK_DTLS_UDP_SR_NO_ICE };
		struct net *n = ring_new_with(4, &o);

		for (size_t i = 0; i < 4; i++) {
			net_start(n, i);
			net_run(n, duration_s(1));
		}
		(void)ring_wait(n, 60);
		net_break_link(n, 3, 2);
		net_run(n, duration_ms(700));
		net_break_link(n, 3, 1);
		net_run(n, duration_ms(50));
		ck_assert(!net_ring_is_ideal(n, NULL));
		ck_assert_uint_le(ring_wait(n, 60), 15000);
		net_free(n);
	}
}
END_TEST

/* Whoever is lost again and again is left alone for longer each time, but not beyond that time. */
START_TEST(neighbor_is_looked_for_when_its_quarantine_ends)
{
	static const uint64_t limits_ms[] = { 5300, 10300, 20300 };

	for (uint64_t seed = 341; seed <= 348; seed++) {
		struct net *n = ring_form(4, seed, 500);

		net_run(n, duration_s(20));
		for (size_t i = 0; i < 3; i++) {
			net_break_link(n, 3, 2);
			net_run(n, duration_ms(50));
			ck_assert(!net_ring_is_ideal(n, NULL));
			ck_assert_uint_le(ring_wait(n, 60), limits_ms[i]);
		}
		net_free(n);
	}
}
END_TEST

/* A peer is back before its neighbours know that it was gone: they take their dead links to it for good, and it must
 * not wait for them. */
START_TEST(peer_back_unnoticed_is_in_the_mesh_soon)
{
	for (uint64_t seed = 351; seed <= 366; seed++) {
		struct net *n = ring_form(4, seed, 500);

		net_run(n, duration_s(20));
		net_kill(n, 3, true);
		net_run(n, duration_ms(100 * (seed - 350)));
		net_start(n, 3);
		ck_assert_uint_le(ring_wait(n, 60), 9000);
		net_free(n);
	}
}
END_TEST

/* Every third peer at once. In seed 188 one peer's tables are larger than its neighbours'. */
START_TEST(mass_failure_in_small_rings_heals)
{
	static const uint64_t seeds[] = { 27, 84, 188, 301, 302, 303, 304, 305 };

	for (size_t k = 0; k < sizeof(seeds) / sizeof(seeds[0]); k++) {
		struct trial t = trial_new(seeds[k]);

		for (size_t i = 3; i < t.count; i++)
			if (prng_below(&t.prng, 3) == 0 && trial_running(&t) > 4)
				net_kill(t.n, i, prng_below(&t.prng, 2) == 0);
		trial_end(&t, REPAIR_LIMIT_S);
	}
}
END_TEST

static void trial_heal_cuts(const struct trial *t)
{
	for (size_t i = 0; i < t->count; i++)
		for (size_t k = 0; k < t->count; k++)
			if (i != k)
				net_cut(t->n, i, k, false);
}

/* Some do not hear some others; or one hears nobody, but is heard. */
START_TEST(one_way_cuts_heal)
{
	for (uint64_t seed = 401; seed <= 416; seed++) {
		struct trial t = trial_new(seed);
		size_t deaf = prng_below(&t.prng, t.count);

		for (size_t k = 1 + prng_below(&t.prng, 8); k > 0 && seed % 2 == 0; k--) {
			size_t from = prng_below(&t.prng, t.count), to = prng_below(&t.prng, t.count);

			if (from != to)
				net_cut(t.n, from, to, true);
		}
		for (size_t i = 0; i < t.count && seed % 2 != 0; i++)
			if (i != deaf)
				net_cut(t.n, i, deaf, true);
		net_run(t.n, duration_s(5 + prng_below(&t.prng, 120)));
		trial_heal_cuts(&t);
		trial_end(&t, REPAIR_LIMIT_S);
	}
}
END_TEST

/* It is heard, so its link looks alive; but it answers nothing. */
START_TEST(successor_that_does_not_hear_us_is_dropped)
{
	for (uint64_t seed = 501; seed <= 504; seed++) {
		struct net *n = ring_form(9, seed, 200);
		struct node_id successor;
		struct topology_view view;
		size_t limit = 60;

		ring_topology(n, 5)->ops->view(ring_topology(n, 5)->ctx, &view);
		successor = view.successors[0];
		net_cut(n, 5, net_find(n, &successor), true);
		while (limit-- > 0 && view.successor_count > 0 &&
		       node_id_equal(&view.successors[0], &successor)) {
			net_run(n, duration_s(1));
			ring_topology(n, 5)->ops->view(ring_topology(n, 5)->ctx, &view);
		}
		ck_assert(!node_id_equal(&view.successors[0], &successor));
		net_free(n);
	}
}
END_TEST

/* Power is lost: nothing is reset, only the silence tells. */
START_TEST(silent_successor_is_found_dead_soon)
{
	for (uint64_t seed = 601; seed <= 604; seed++) {
		struct net *n = ring_form(16, seed, 200);

		net_run(n, duration_s(120));
		net_kill(n, 7, true);
		ck_assert_uint_le(ring_wait(n, 30), 11000);
		net_free(n);
	}
}
END_TEST

int main(void)
{
	return RUN_TESTS("chord_repair", churn_and_cuts_in_small_rings_heal, partition_of_ten_minutes_heals,
			 two_pairs_find_each_other_at_the_first_look,
			 partition_heals_without_bootstrap_nodes, peers_that_left_are_found_without_bootstrap_nodes,
			 pair_whose_link_broke_is_a_ring_again_soon, mesh_of_four_is_whole_again_when_links_broke,
			 neighbor_is_looked_for_when_its_quarantine_ends, peer_back_unnoticed_is_in_the_mesh_soon,
			 mass_failure_in_small_rings_heals,
			 one_way_cuts_heal, successor_that_does_not_hear_us_is_dropped,
			 silent_successor_is_found_dead_soon);
}
