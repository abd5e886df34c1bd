/* SPDX-License-Identifier: MIT */
/* Evidence about next hops: what counts, what it comes to, how long it lasts, and what follows from it. */
#include "overlay/evidence.h"

#include "overlay/transport.h"
#include "test/unit/core/core.h"
#include "test/unit/run.h"

static struct core *c;
static struct node_id x, y;

static void setup(void)
{
	c = core_new(&(struct core_options){ .first = true });
	x = core_node_id(0x10);
	y = core_node_id(0x20);
}

static void note(const struct node_id *node, unsigned good, unsigned bad)
{
	while (good-- > 0)
		evidence_note(c->peer, c->now, node, true);
	while (bad-- > 0)
		evidence_note(c->peer, c->now, node, false);
}

START_TEST(trust_is_the_expectation_of_subjective_logic)
{
	setup();
	ck_assert_uint_eq(evidence_trust(c->peer, &x), EVIDENCE_PPM / 2);
	note(&x, 1, 0);
	ck_assert_uint_eq(evidence_trust(c->peer, &x), 2 * EVIDENCE_PPM / 3);
	note(&y, 0, 1);
	ck_assert_uint_eq(evidence_trust(c->peer, &y), EVIDENCE_PPM / 3);
	/* Eight good, one bad: (8 + 1) / (9 + 2) = 0.818, less a little by forgetting. */
	note(&x, 7, 1);
	ck_assert_uint_gt(evidence_trust(c->peer, &x), 805000);
	ck_assert_uint_lt(evidence_trust(c->peer, &x), 818000);
	core_free(c);
}
END_TEST

START_TEST(trust_follows_a_change_of_behaviour)
{
	setup();
	note(&x, 10000, 0);
	/* Of any number of good events no more than 200 stay. */
	ck_assert_uint_gt(evidence_trust(c->peer, &x), 990000);
	note(&x, 0, 150);
	ck_assert_uint_lt(evidence_trust(c->peer, &x), 500000);
	core_free(c);
}
END_TEST

START_TEST(trust_fades_with_time)
{
	setup();
	note(&x, 0, 4);
	ck_assert_uint_lt(evidence_trust(c->peer, &x), 170000);
	c->now.mono = instant_add(c->now.mono, duration_s(1200));
	note(&y, 1, 0); /* brings the time */
	ck_assert_uint_gt(evidence_trust(c->peer, &x), 330000);
	c->now.mono = instant_add(c->now.mono, duration_s(100000));
	note(&y, 1, 0);
	ck_assert_uint_eq(evidence_trust(c->peer, &x), EVIDENCE_PPM / 2);
	core_free(c);
}
END_TEST

START_TEST(choice_keeps_the_first_unless_another_is_clearly_better)
{
	struct node_id hops[2];

	setup();
	hops[0] = x;
	hops[1] = y;
	ck_assert_uint_eq(evidence_choose(c->peer, hops, 2), 0);
	note(&y, 1, 0);
	ck_assert_uint_eq(evidence_choose(c->peer, hops, 2), 0);
	note(&x, 0, 1);
	ck_assert_uint_eq(evidence_choose(c->peer, hops, 2), 1);
	ck_assert_uint_eq(evidence_choose(c->peer, hops, 1), 0);
	core_free(c);
}
END_TEST

START_TEST(request_without_answer_speaks_against_its_hop)
{
	setup();
	evidence_sent(c->peer, c->now, 1, &x);
	evidence_sent(c->peer, c->now, 2, &y);
	evidence_answered(c->peer, c->now, 2, &y);
	ck_assert_uint_eq(evidence_trust(c->peer, &y), 2 * EVIDENCE_PPM / 3);
	/* Nobody else's answer counts for x, nor one that comes again. */
	evidence_answered(c->peer, c->now, 1, &y);
	evidence_answered(c->peer, c->now, 2, &y);
	ck_assert_uint_eq(evidence_trust(c->peer, &y), 2 * EVIDENCE_PPM / 3);
	ck_assert_uint_eq(evidence_trust(c->peer, &x), EVIDENCE_PPM / 2);
	c->now.mono = instant_add(c->now.mono, duration_s(5));
	evidence_sent(c->peer, c->now, 3, &y);
	ck_assert_uint_eq(evidence_trust(c->peer, &x), EVIDENCE_PPM / 3);
	core_free(c);
}
END_TEST

START_TEST(tables_are_bounded)
{
	setup();
	note(&x, 0, 3);
	for (unsigned i = 0; i < 2 * EVIDENCE_NODES_MAX; i++) {
		struct node_id other = { { 1, (uint8_t)(i >> 8), (uint8_t)i } };

		c->now.mono.us++;
		note(&other, 1, 0);
	}
	/* The one longest without news went first. */
	ck_assert_uint_eq(evidence_trust(c->peer, &x), EVIDENCE_PPM / 2);
	for (uint64_t id = 1; id <= 3 * EVIDENCE_PENDING_MAX; id++)
		evidence_sent(c->peer, c->now, id, &x);
	/* The latest are still watched. */
	evidence_answered(c->peer, c->now, 3 * EVIDENCE_PENDING_MAX, &x);
	ck_assert_uint_eq(evidence_trust(c->peer, &x), 2 * EVIDENCE_PPM / 3);
	core_free(c);
}
END_TEST

START_TEST(calm_is_earned_and_lost)
{
	setup();
	ck_assert(!evidence_is_calm(c->peer));
	for (unsigned i = 0; i < 70; i++)
		evidence_lookup(c->peer, c->now, true);
	ck_assert(evidence_is_calm(c->peer));
	evidence_lookup(c->peer, c->now, false);
	ck_assert(!evidence_is_calm(c->peer));
	core_free(c);
}
END_TEST

START_TEST(patience_is_four_round_trips_within_limits)
{
	setup();
	ck_assert_uint_eq(evidence_patience(c->peer).us, 1000000);
	evidence_round_trip(c->peer, duration_ms(10));
	ck_assert_uint_eq(evidence_patience(c->peer).us, 300000);
	for (unsigned i = 0; i < 100; i++)
		evidence_round_trip(c->peer, duration_ms(200));
	ck_assert_uint_gt(evidence_patience(c->peer).us, 780000);
	for (unsigned i = 0; i < 100; i++)
		evidence_round_trip(c->peer, duration_s(5));
	ck_assert_uint_eq(evidence_patience(c->peer).us, 2000000);
	core_free(c);
}
END_TEST

/* A request that was passed on and answered shows in the evidence of the hop it took. */
START_TEST(hop_earns_trust_by_an_answer_that_passes)
{
	struct remote from, to;
	struct forwarding_header h;
	struct message m;

	setup();
	remote_init(&from, 0x30, 1);
	remote_init(&to, 0x10, 1);
	ck_assert(core_accept(c, &from) != 0);
	ck_assert(core_accept(c, &to) != 0);
	c->has_hop = true;
	c->hop = to.id;
	h = core_header(c, 77, core_to_resource(c, &y));
	core_receive(c, &from,
		     core_message(c, &from, &h, method_request_code(METHOD_FETCH), slice_text("body")));
	ck_assert(core_take(c, &to, &m));
	ck_assert_uint_eq(evidence_trust(c->peer, &to.id), EVIDENCE_PPM / 2);
	h = core_header(c, 77, core_nodes(c, &from.id, 1));
	core_receive(c, &to, core_message(c, &to, &h, method_answer_code(METHOD_FETCH), slice_text("body")));
	ck_assert(core_take(c, &from, &m));
	ck_assert_uint_eq(evidence_trust(c->peer, &to.id), 2 * EVIDENCE_PPM / 3);
	remote_free(&from);
	remote_free(&to);
	core_free(c);
}
END_TEST

int main(void)
{
	return RUN_TESTS("core evidence", trust_is_the_expectation_of_subjective_logic,
			 trust_follows_a_change_of_behaviour, trust_fades_with_time,
			 choice_keeps_the_first_unless_another_is_clearly_better,
			 request_without_answer_speaks_against_its_hop, tables_are_bounded,
			 calm_is_earned_and_lost, patience_is_four_round_trips_within_limits,
			 hop_earns_trust_by_an_answer_that_passes);
}
