/* SPDX-License-Identifier: MIT */
/* The ring when peers crash, leave, come back, and when the network comes apart. */
#include "overlay/chord/chord_state.h"
#include "test/unit/chord/ring.h"

START_TEST(ring_heals_after_one_crash)
{
	struct net *n = ring_form(16, 21, 200);

	net_kill(n, 5, false);
	ck_assert_uint_le(ring_wait(n, 30), 2000);
	net_free(n);
}
END_TEST

START_TEST(ring_heals_after_many_crash_at_once)
{
	for (uint64_t seed = 22; seed < 25; seed++) {
		struct net *n = ring_form(40, seed, 100);
		struct prng prng;

		prng_seed(&prng, seed);
		for (size_t i = 3; i < 40; i++)
			if (prng_below(&prng, 4) == 0)
				net_kill(n, i, false);
		(void)ring_wait(n, 60);
		net_free(n);
	}
}
END_TEST

START_TEST(ring_heals_after_silent_crash)
{
	struct net *n = ring_form(16, 26, 200);

	net_kill(n, 4, true);
	(void)ring_wait(n, 40);
	net_free(n);
}
END_TEST

START_TEST(last_two_become_one)
{
	struct net *n = ring_form(2, 27, 500);
	const struct node_id point = { { 1 } };

	net_kill(n, 0, false);
	net_run(n, duration_s(2));
	ck_assert_int_eq(peer_state(net_peer(n, 1)), PEER_JOINED);
	ck_assert(ring_topology(n, 1)->ops->is_responsible(ring_topology(n, 1)->ctx, &point));
	net_free(n);
}
END_TEST

START_TEST(crashed_peers_come_back)
{
	struct net *n = ring_form(16, 28, 200);

	for (size_t i = 4; i < 8; i++)
		net_kill(n, i, false);
	net_run(n, duration_s(1));
	for (size_t i = 4; i < 8; i++)
		net_start(n, i);
	(void)ring_wait(n, 60);
	net_free(n);
}
END_TEST

START_TEST(churn_of_one_every_five_seconds_keeps_ring)
{
	struct net *n = ring_new(64, 29);

	net_start_all(n);
	(void)ring_wait(n, 60);
	for (size_t i = 0; i < 16; i++) {
		net_kill(n, 3 * i + 4, false);
		net_run(n, duration_s(1));
		ck_assert_msg(net_ring_is_ideal(n, NULL), "crash %zu: %s", i, net_ring_fault(n));
		net_run(n, duration_s(4));
	}
	net_free(n);
}
END_TEST

/* ---- Leaving ---- */

struct hand_over_seen {
	size_t calls;
	struct node_id to, after, upto;
	enum peer_state last_state;
};

static void seen_hand_over(void *ctx, struct now now, const struct node_id *to,
			   const struct node_id *after, const struct node_id *upto,
			   storage_done_fn *done, void *done_ctx)
{
	struct hand_over_seen *s = ctx;

	s->calls++;
	s->to = *to;
	s->after = *after;
	s->upto = *upto;
	done(done_ctx, now, 0);
}

static void seen_topology_changed(void *ctx, struct now now, bool settled)
{
	(void)ctx;
	(void)now;
	(void)settled;
}

static void seen_commit(void *ctx, struct now now)
{
	(void)ctx;
	(void)now;
}

static void seen_statistics(void *ctx, struct storage_statistics *out)
{
	(void)ctx;
	*out = (struct storage_statistics){ 0 };
}

static const struct storage_ops SEEN_OPS = { .hand_over = seen_hand_over,
					     .topology_changed = seen_topology_changed,
					     .replicate_ahead = seen_commit,
					     .commit = seen_commit,
					     .statistics = seen_statistics };

START_TEST(leave_hands_over_and_ring_closes)
{
	struct net *n = ring_form(12, 30, 200);
	struct hand_over_seen seen = { 0 };
	struct topology_view view;
	const struct topology *t = ring_topology(n, 7);

	t->ops->view(t->ctx, &view);
	peer_set_storage(net_peer(n, 7), &SEEN_OPS, &seen);
	net_leave(n, 7);
	net_run(n, duration_ms(200));
	ck_assert(!net_is_running(n, 7));
	ck_assert_uint_eq(seen.calls, 1);
	ck_assert(node_id_equal(&seen.to, &view.successors[0]));
	/* What it owns and what it holds as a replica. */
	ck_assert(node_id_equal(&seen.after, &view.predecessors[TOPOLOGY_REPLICAS]));
	ck_assert(node_id_equal(&seen.upto, net_node_id(n, 7)));
	ck_assert_uint_le(ring_wait(n, 10), 1000);
	net_free(n);
}
END_TEST

static void count_leaves(void *ctx, struct now now, size_t node, enum log_level level, const char *event,
			 const char *text)
{
	(void)now;
	(void)node;
	(void)level;
	(void)text;
	*(size_t *)ctx += strcmp(event, "leave.received") == 0;
}

/* Fingers and a client too, so that nobody routes through it until the link's end shows. */
START_TEST(leave_is_told_to_everybody_attached)
{
	size_t told = 0;
	const struct net_options o = { .seed = 35,
				       .log_level = LOG_INFO,
				       .hooks = { .log = count_leaves },
				       .ctx = &told };
	const struct net_node_options client = { .client = true };
	struct net *n = ring_new_with(32, &o);
	const struct chord *c;
	size_t attached = 0, peer;

	net_add(n, &client);
	net_start_all(n);
	(void)ring_wait(n, 60);
	net_run(n, duration_s(20));
	peer = net_owner(n, net_node_id(n, 32));
	c = ring_topology(n, peer)->ctx;
	for (size_t i = 0; i < c->node_count; i++)
		attached += c->nodes[i].is_attached;
	ck_assert_uint_gt(attached, c->successor_count + c->predecessor_count + 1);
	told = 0; /* those who tried to join said that they were no members */
	net_leave(n, peer);
	net_run(n, duration_ms(200));
	ck_assert(!net_is_running(n, peer));
	ck_assert_uint_eq(told, attached);
	ck_assert_uint_le(ring_wait(n, 10), 1000);
	net_run(n, duration_s(5));
	ck_assert_int_eq(peer_state(net_peer(n, 32)), PEER_JOINED);
	net_free(n);
}
END_TEST

START_TEST(join_hands_over_the_new_range)
{
	struct net *n = ring_new(2, 31);
	struct hand_over_seen seen = { 0 };

	net_start(n, 0);
	peer_set_storage(net_peer(n, 0), &SEEN_OPS, &seen);
	net_start(n, 1);
	(void)ring_wait(n, 10);
	ck_assert_uint_eq(seen.calls, 1);
	ck_assert(node_id_equal(&seen.to, net_node_id(n, 1)));
	ck_assert(node_id_equal(&seen.after, net_node_id(n, 0)));
	ck_assert(node_id_equal(&seen.upto, net_node_id(n, 1)));
	net_free(n);
}
END_TEST

/* ---- Partition ---- */

START_TEST(partition_makes_two_rings_that_merge_again)
{
	struct net *n = ring_form(20, 32, 200);

	for (size_t i = 0; i < 20; i++)
		net_set_group(n, i, i % 2);
	net_run(n, duration_s(10));
	/* Each half is a ring of its own: the check looks at groups. */
	(void)ring_wait(n, 60);
	for (size_t i = 0; i < 20; i++)
		net_set_group(n, i, 0);
	(void)ring_wait(n, 300);
	net_free(n);
}
END_TEST

/* Three of ten are cut off, the bootstrap nodes or others: a side that reaches no bootstrap node keeps its
 * links among itself, and so its ring. */
static void cut_and_heal(uint64_t seed, size_t first, size_t end)
{
	struct net *n = ring_form(10, seed, 200);

	for (size_t i = first; i < end; i++)
		net_set_group(n, i, 1);
	net_run(n, duration_s(60));
	ck_assert_msg(net_ring_is_ideal(n, NULL), "seed %llu: %s", (unsigned long long)seed,
		      net_ring_fault(n));
	for (size_t i = first; i < end; i++)
		net_set_group(n, i, 0);
	(void)ring_wait(n, 300);
	net_free(n);
}

START_TEST(small_ring_cut_off_stays_one_ring)
{
	for (uint64_t seed = 10; seed < 26; seed++) {
		cut_and_heal(seed, 0, 3);
		cut_and_heal(seed, 3, 6);
	}
}
END_TEST

/* As above, but the links among those cut off break as well: they find each other by what they remember. */
START_TEST(peers_cut_off_from_each_other_too_make_one_ring)
{
	for (uint64_t seed = 40; seed < 46; seed++) {
		struct net *n = ring_form(10, seed, 200);

		for (size_t i = 3; i < 8; i++) {
			net_set_group(n, i, 1);
			net_run(n, duration_ms(1));
		}
		(void)ring_wait(n, 200);
		for (size_t i = 3; i < 8; i++)
			net_set_group(n, i, 0);
		(void)ring_wait(n, 300);
		net_free(n);
	}
}
END_TEST

START_TEST(peer_cut_off_comes_back)
{
	struct net *n = ring_form(8, 33, 200);

	net_set_group(n, 6, 1);
	net_run(n, duration_s(30));
	ck_assert_int_eq(peer_state(net_peer(n, 6)), PEER_JOINED);
	net_set_group(n, 6, 0);
	(void)ring_wait(n, 200);
	net_free(n);
}
END_TEST

START_TEST(broken_link_is_made_again)
{
	struct net *n = ring_form(8, 34, 200);

	net_break_link(n, 2, 5);
	net_run(n, duration_ms(100));
	(void)ring_wait(n, 30);
	net_free(n);
}
END_TEST

/* ---- Everything at once ---- */

static void disturb(struct net *n, struct prng *prng)
{
	size_t node = 3 + prng_below(prng, net_count(n) - 3);
	bool is_running = net_is_running(n, node);

	switch (prng_below(prng, 6)) {
	case 0:
	case 1:
		if (is_running)
			net_kill(n, node, prng_below(prng, 3) == 0);
		break;
	case 2:
		if (is_running && peer_state(net_peer(n, node)) == PEER_JOINED)
			net_leave(n, node);
		break;
	case 3:
	case 4:
		if (!is_running)
			net_start(n, node);
		break;
	default:
		net_break_link(n, node, prng_below(prng, net_count(n)));
		break;
	}
	net_run(n, duration_ms(prng_below(prng, 3000)));
}

static void churn_at_random(uint64_t seed, enum overlay_link_type type, uint32_t loss_ppm)
{
	const struct net_options o = { .seed = seed,
				       .link_type = type,
				       .loss_ppm = loss_ppm,
				       .jitter = duration_ms(10) };
	struct net *n = ring_new_with(24, &o);
	struct prng prng;

	prng_seed(&prng, seed);
	net_start_all(n);
	net_run(n, duration_s(15));
	for (int step = 0; step < 50; step++)
		disturb(n, &prng);
	(void)ring_wait(n, 120);
	net_free(n);
}

START_TEST(random_churn_over_streams_ends_in_ring)
{
	for (uint64_t seed = 1; seed <= 6; seed++)
		churn_at_random(seed, OVERLAY_LINK_TLS_TCP_FH_NO_ICE, 0);
}
END_TEST

START_TEST(random_churn_over_lossy_datagrams_ends_in_ring)
{
	for (uint64_t seed = 11; seed <= 15; seed++)
		churn_at_random(seed, OVERLAY_LINK_DTLS_UDP_SR_NO_ICE, 20000);
}
END_TEST

int main(void)
{
	return RUN_TESTS("chord_churn", ring_heals_after_one_crash, ring_heals_after_many_crash_at_once,
			 ring_heals_after_silent_crash, last_two_become_one, crashed_peers_come_back,
			 churn_of_one_every_five_seconds_keeps_ring, leave_hands_over_and_ring_closes,
			 leave_is_told_to_everybody_attached,
			 join_hands_over_the_new_range, partition_makes_two_rings_that_merge_again,
			 small_ring_cut_off_stays_one_ring,
			 peers_cut_off_from_each_other_too_make_one_ring, peer_cut_off_comes_back,
			 broken_link_is_made_again, random_churn_over_streams_ends_in_ring,
			 random_churn_over_lossy_datagrams_ends_in_ring);
}
