/* SPDX-License-Identifier: MIT */
/* The checks of the ring see what is broken on purpose, and nothing else. */
#include "test/unit/sim/checked.h"

static void expect_quiet(struct checked *k)
{
	struct check_liveness l;

	check_liveness(k->c, duration_s(60), duration_s(120), &l);
	check_all_found(k->c);
	checked_expect_none(k);
	ck_assert(l.is_ideal);
	ck_assert(l.is_placed);
}

START_TEST(world_without_faults_violates_nothing)
{
	struct checked k;

	checked_new(&k, 8, 1);
	world_set_load(k.w, 500, 1000, 600);
	checked_run(&k, 60);
	world_set_load(k.w, 0, 0, 0);
	expect_quiet(&k);
	ck_assert_uint_gt(check_count(k.c), 10000);
	for (int i = 0; i < CHECK_COUNT; i++)
		ck_assert_uint_eq(check_excused(k.c, i), 0);
	checked_free(&k);
}
END_TEST

START_TEST(one_peer_alone_violates_nothing)
{
	struct checked k;

	checked_new(&k, 1, 2);
	checked_run(&k, 60);
	expect_quiet(&k);
	checked_free(&k);
}
END_TEST

START_TEST(checks_leave_the_run_as_it_is)
{
	struct checked k;
	struct world *w = world_new(&(struct world_options){ .seed = 3, .no_certificates = true });

	checked_new(&k, 5, 3);
	world_add_peers(w, 5);
	for (size_t i = 0; i < 5; i++) {
		world_start(w, i);
		world_run(w, duration_s(1));
	}
	world_run(w, duration_s(20));
	for (size_t i = 0; i < 5; i++)
		world_register(w, i, 3600);
	world_run(w, duration_s(10));
	ck_assert_uint_eq(net_trace_hash(world_net(w)), net_trace_hash(world_net(k.w)));
	world_free(w);
	checked_free(&k);
}
END_TEST

START_TEST(list_out_of_order_is_seen_after_the_event)
{
	struct checked k;
	struct chord *chord;
	struct node_id first;

	checked_new(&k, 6, 4);
	chord = checked_chord(&k, 2);
	first = chord->successors[0];
	chord->successors[0] = chord->successors[1];
	chord->successors[1] = first;
	check_stepped(k.c, 2);
	checked_expect(&k, CHECK_LISTS, "successors of node 2 should be in order");
	checked_free(&k);
}
END_TEST

START_TEST(list_with_the_node_itself_is_seen)
{
	struct checked k;
	struct chord *chord;

	checked_new(&k, 6, 5);
	chord = checked_chord(&k, 2);
	chord->predecessors[0] = chord->self;
	check_stepped(k.c, 2);
	checked_expect(&k, CHECK_LISTS, "predecessors of node 2 should be in order");
	checked_free(&k);
}
END_TEST

START_TEST(list_with_a_node_that_does_not_exist_is_seen)
{
	struct checked k;
	struct chord *chord;

	checked_new(&k, 6, 6);
	chord = checked_chord(&k, 2);
	chord->successors[0] = node_id_next(&chord->self);
	check_stepped(k.c, 2);
	checked_expect(&k, CHECK_LISTS, "no certificate");
	checked_free(&k);
}
END_TEST

START_TEST(list_with_a_node_that_is_gone_is_seen)
{
	struct checked k;
	struct chord *chord;
	struct node_id gone;

	checked_new(&k, 6, 7);
	gone = *checked_id(&k, checked_after(&k, 2, 1));
	world_kill(k.w, checked_after(&k, 2, 1), false);
	checked_run(&k, 3);
	checked_expect_none(&k);
	chord = checked_chord(&k, 2);
	chord->successors[0] = gone;
	check_stepped(k.c, 2);
	checked_expect(&k, CHECK_LISTS, "to which it has no usable link");
	checked_free(&k);
}
END_TEST

START_TEST(peer_without_live_successor_is_seen)
{
	struct checked k;

	checked_new(&k, 6, 8);
	for (int i = 0; i < 3; i++) {
		checked_chord(&k, 2)->successor_count = 0;
		check_second(k.c);
		world_run(k.w, duration_s(1));
	}
	checked_expect(&k, CHECK_LIVE_SUCCESSOR, "node 2 has joined and 5 others run");
	checked_free(&k);
}
END_TEST

START_TEST(loss_of_all_successors_at_once_is_out_of_contract)
{
	struct checked k;
	size_t after[5];

	checked_new(&k, 12, 9);
	for (unsigned i = 0; i < 5; i++)
		after[i] = checked_after(&k, 7, i + 1);
	for (unsigned i = 0; i < 5; i++) {
		check_failing(k.c, after[i], false);
		world_kill(k.w, after[i], true);
	}
	checked_run(&k, 30);
	ck_assert_ptr_null(checked_find(&k, CHECK_LIVE_SUCCESSOR));
	ck_assert_uint_gt(check_excused(k.c, CHECK_LIVE_SUCCESSOR), 0);
	checked_free(&k);
}
END_TEST

/* Every peer believes that the one `steps` behind it is its only successor. */
static void twist(struct checked *k, size_t count, unsigned steps)
{
	for (size_t i = 0; i < count; i++) {
		struct chord *chord = checked_chord(k, i);

		chord->successors[0] = *checked_id(k, checked_after(k, i, steps));
		chord->successor_count = 1;
	}
	check_second(k->c);
	world_run(k->w, duration_ms(500));
}

START_TEST(ring_that_goes_round_twice_is_seen)
{
	struct checked k;

	checked_new(&k, 5, 10);
	for (int i = 0; i < 8; i++)
		twist(&k, 5, 2);
	checked_expect(&k, CHECK_ORDERED, "2 times");
	checked_expect(&k, CHECK_PRINCIPALS, "only 0 are skipped by nobody's");
	ck_assert_ptr_null(checked_find(&k, CHECK_ONE_RING));
	checked_free(&k);
}
END_TEST

START_TEST(two_rings_are_seen)
{
	struct checked k;

	checked_new(&k, 6, 11);
	for (int i = 0; i < 8; i++)
		twist(&k, 6, 3);
	checked_expect(&k, CHECK_ONE_RING, "3 separate rings");
	checked_free(&k);
}
END_TEST

START_TEST(identifier_that_nobody_claims_is_seen)
{
	struct checked k;
	struct node_id one = { { [NODE_ID_LENGTH - 1] = 1 } };

	checked_new(&k, 6, 12);
	for (int i = 0; i < 8; i++) {
		struct chord *chord = checked_chord(&k, 3);

		chord->predecessors[0] = node_id_subtract(&chord->self, &one);
		check_second(k.c);
		world_run(k.w, duration_ms(500));
	}
	checked_expect(&k, CHECK_RESPONSIBILITY, "node 3 (joined) should be");
	checked_free(&k);
}
END_TEST

START_TEST(identifier_that_three_claim_is_seen)
{
	struct checked k;

	checked_new(&k, 6, 13);
	for (int i = 0; i < 8; i++) {
		for (unsigned n = 1; n <= 2; n++)
			checked_chord(&k, checked_after(&k, 3, n))->predecessors[0] =
				*checked_id(&k, checked_after(&k, 3, 5));
		check_second(k.c);
		world_run(k.w, duration_ms(500));
	}
	checked_expect(&k, CHECK_RESPONSIBILITY, "2 others claim to be responsible for the identifier of node 3");
	checked_free(&k);
}
END_TEST

START_TEST(ring_that_does_not_come_to_rest_is_seen)
{
	struct checked k;
	struct check_liveness l;

	checked_new(&k, 5, 14);
	net_pause(world_net(k.w), 2);
	checked_run(&k, 60);
	check_liveness(k.c, duration_s(5), duration_s(5), &l);
	ck_assert(!l.is_ideal);
	checked_expect(&k, CHECK_IDEAL, "5 s after the faults stopped the ring is not ideal");
	checked_free(&k);
}
END_TEST

START_TEST(parts_of_a_partition_are_rings_of_their_own)
{
	struct checked k;
	struct check_liveness l;

	checked_new(&k, 8, 15);
	for (size_t i = 0; i < 4; i++)
		net_set_group(world_net(k.w), checked_after(&k, 0, (unsigned)i), 1);
	check_disturbed(k.c);
	checked_run(&k, 120);
	checked_expect_none(&k);
	for (size_t i = 0; i < 8; i++)
		net_set_group(world_net(k.w), i, 0);
	check_disturbed(k.c);
	check_liveness(k.c, duration_s(300), duration_s(300), &l);
	ck_assert(l.is_ideal);
	ck_assert(l.is_placed);
	for (int i = 0; i < CHECK_COUNT; i++)
		ck_assert(i == CHECK_PLACED || checked_find(&k, i) == NULL);
	checked_free(&k);
}
END_TEST

int main(void)
{
	return RUN_TESTS("check ring", world_without_faults_violates_nothing, one_peer_alone_violates_nothing,
			 checks_leave_the_run_as_it_is, list_out_of_order_is_seen_after_the_event,
			 list_with_the_node_itself_is_seen, list_with_a_node_that_does_not_exist_is_seen,
			 list_with_a_node_that_is_gone_is_seen, peer_without_live_successor_is_seen,
			 loss_of_all_successors_at_once_is_out_of_contract, ring_that_goes_round_twice_is_seen,
			 two_rings_are_seen, identifier_that_nobody_claims_is_seen, identifier_that_three_claim_is_seen,
			 ring_that_does_not_come_to_rest_is_seen, parts_of_a_partition_are_rings_of_their_own);
}
