/* SPDX-License-Identifier: MIT */
/* Plans: drawn the same twice, within the contract, cut and shrunk. */
#include "tools/sim/plan_draw.h"
#include "tools/sim/shrink.h"

#include <string.h>

#include "test/unit/run.h"

#define PEERS 16

static struct scenario churn(void)
{
	struct scenario s = { 0 };
	const enum action_kind kinds[] = { ACTION_KILL, ACTION_SILENT_KILL, ACTION_DESTROY, ACTION_PAUSE,
					   ACTION_LEAVE, ACTION_PARTITION, ACTION_CUT, ACTION_LOOKUP };

	s.duration_ms = (struct range){ 600000, 600000 };
	s.start_spacing_ms = (struct range){ 0, 2000 };
	s.start_settle_ms = (struct range){ 20000, 20000 };
	s.start_late_percent = (struct range){ 20, 20 };
	s.failures_max = (struct range){ 2, 2 };
	s.repair_window_ms = (struct range){ 20000, 20000 };
	s.peers_kept = (struct range){ 5, 5 };
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct scenario_action *a = &s.actions[kinds[i]];

		a->is_set = true;
		a->chance_percent = (struct range){ 100, 100 };
		a->per_run = (struct range){ 20, 60 };
		a->at_ms = (struct range){ -1, -1 };
		a->lasts_ms = (struct range){ 1000, 60000 };
		a->back_after_ms = (struct range){ 0, 90000 };
	}
	return s;
}

static void draw(struct plan *p, uint64_t seed, struct plan_times *times)
{
	struct scenario s = churn();

	*p = (struct plan){ 0 };
	plan_draw(p, &s, seed, PEERS, 0, times);
}

START_TEST(plan_is_the_same_when_drawn_twice)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct plan a, b;
		struct plan_times ta, tb;

		draw(&a, seed, &ta);
		draw(&b, seed, &tb);
		ck_assert_uint_eq(a.count, b.count);
		ck_assert_mem_eq(a.actions, b.actions, a.count * sizeof(*a.actions));
		ck_assert_uint_eq(ta.trouble_until_ms, tb.trouble_until_ms);
		plan_free(&a);
		plan_free(&b);
	}
}
END_TEST

START_TEST(plan_differs_with_another_seed)
{
	struct plan a, b;
	struct plan_times times;

	draw(&a, 1, &times);
	draw(&b, 2, &times);
	ck_assert(a.count != b.count || memcmp(a.actions, b.actions, a.count * sizeof(*a.actions)) != 0);
	plan_free(&a);
	plan_free(&b);
}
END_TEST

static bool fails(const struct action *a)
{
	return a->kind == ACTION_KILL || a->kind == ACTION_SILENT_KILL || a->kind == ACTION_DESTROY ||
	       (a->kind == ACTION_PAUSE && a->amount > PLAN_PAUSE_IS_FAILURE_MS);
}

START_TEST(plan_keeps_to_the_contract)
{
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct plan p;
		struct plan_times times;
		bool runs[PEERS] = { false };
		uint64_t failed_at[2] = { 0, 0 };
		size_t running = 0, failures = 0;

		draw(&p, seed, &times);
		for (size_t i = 0; i < p.count; i++) {
			const struct action *a = &p.actions[i];

			ck_assert(i == 0 || p.actions[i - 1].at_ms <= a->at_ms);
			ck_assert_uint_le(a->at_ms, times.trouble_until_ms);
			if (a->kind == ACTION_START) {
				ck_assert(!runs[a->node]);
				runs[a->node] = true;
				running++;
				continue;
			}
			ck_assert_uint_ge(a->at_ms, times.trouble_from_ms);
			ck_assert(a->kind == ACTION_PARTITION || runs[a->node]);
			if (fails(a)) {
				ck_assert(failures < 2 || a->at_ms - failed_at[failures % 2] >= 20000);
				failed_at[failures++ % 2] = a->at_ms;
			}
			if (a->kind == ACTION_LEAVE || (fails(a) && a->kind != ACTION_PAUSE)) {
				runs[a->node] = false;
				running--;
				ck_assert_uint_ge(running, 5);
			}
		}
		ck_assert(failures > 5);
		for (size_t i = 0; i < PLAN_BOOTSTRAP_NODES; i++)
			ck_assert(runs[i]);
		plan_free(&p);
	}
}
END_TEST

START_TEST(plan_hits_a_share_of_the_peers_at_once)
{
	struct scenario s = { 0 };
	struct plan p = { 0 };
	struct plan_times times;
	bool hit[100] = { false };
	size_t count = 0;

	s.duration_ms = (struct range){ 60000, 60000 };
	s.peers_kept = (struct range){ 1, 1 };
	s.actions[ACTION_KILL] = (struct scenario_action){ .is_set = true,
							   .chance_percent = { 100, 100 },
							   .per_run = { 1, 1 },
							   .at_ms = { 5000, 5000 },
							   .share_percent = { 20, 20 },
							   .back_after_ms = { -1, -1 } };
	plan_draw(&p, &s, 7, 100, 0, &times);
	for (size_t i = 0; i < p.count; i++) {
		if (p.actions[i].kind != ACTION_KILL)
			continue;
		ck_assert_uint_eq(p.actions[i].at_ms, times.trouble_from_ms + 5000);
		ck_assert(!hit[p.actions[i].node]);
		hit[p.actions[i].node] = true;
		count++;
	}
	ck_assert_uint_eq(count, 20);
	plan_free(&p);
}
END_TEST

START_TEST(plan_sort_leaves_equal_times_in_order)
{
	struct plan p = { 0 };

	for (size_t i = 0; i < 1000; i++)
		plan_add(&p, (struct action){ .at_ms = (i * 7919) % 13, .node = i });
	plan_sort(&p);
	for (size_t i = 1; i < p.count; i++)
		ck_assert(p.actions[i - 1].at_ms < p.actions[i].at_ms ||
			  (p.actions[i - 1].at_ms == p.actions[i].at_ms &&
			   p.actions[i - 1].node < p.actions[i].node));
	plan_free(&p);
}
END_TEST

START_TEST(plan_keeps_what_a_list_names)
{
	struct plan p = { 0 };
	bool keep[10] = { true, true, true, false, true, false, false, false, true, true };
	char *text = plan_keep_text(keep, 10);

	ck_assert_str_eq(text, "0-2,4,8-9");
	for (size_t i = 0; i < 10; i++)
		plan_add(&p, (struct action){ .node = i });
	ck_assert_int_eq(plan_keep(&p, text), 0);
	ck_assert_uint_eq(p.count, 6);
	ck_assert_uint_eq(p.actions[3].node, 4);
	ck_assert_int_eq(plan_keep(&p, "4-"), 0);
	ck_assert_uint_eq(p.count, 2);
	ck_assert_int_eq(plan_keep(&p, ""), 0);
	ck_assert_uint_eq(p.count, 0);
	free(text);
	plan_free(&p);
}
END_TEST

START_TEST(plan_refuses_a_list_that_is_none)
{
	static const char *const bad[] = { "x", "1,", "1,,2", "-3", "1 2", "3-x", "5-2" };
	struct plan p = { 0 };

	plan_add(&p, (struct action){ .node = 1 });
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(plan_keep(&p, bad[i]), ERR_CONFIG);
	ck_assert_uint_eq(p.count, 1);
	plan_free(&p);
}
END_TEST

/* Fails as long as all of these are kept. */
struct needed {
	const size_t *items;
	size_t count;
	size_t tries;
};

static bool needed_fails(void *ctx, const bool *keep, size_t count)
{
	struct needed *n = ctx;

	n->tries++;
	for (size_t i = 0; i < n->count; i++)
		if (n->items[i] >= count || !keep[n->items[i]])
			return false;
	return true;
}

START_TEST(shrink_finds_what_a_failure_needs)
{
	static const size_t items[] = { 3, 170, 171, 399 };
	struct needed n = { items, 4, 0 };
	struct shrink_options o = { .fails = needed_fails, .ctx = &n };
	bool keep[400];

	memset(keep, true, sizeof(keep));
	ck_assert_uint_eq(shrink(&o, keep, 400), 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert(keep[items[i]]);
	ck_assert_uint_lt(n.tries, 200);
}
END_TEST

START_TEST(shrink_drops_all_when_nothing_is_needed)
{
	struct needed n = { NULL, 0, 0 };
	struct shrink_options o = { .fails = needed_fails, .ctx = &n };
	bool keep[33];

	memset(keep, true, sizeof(keep));
	ck_assert_uint_eq(shrink(&o, keep, 33), 0);
}
END_TEST

START_TEST(shrink_stops_after_so_many_tries)
{
	static const size_t items[] = { 1, 50, 98 };
	struct needed n = { items, 3, 0 };
	struct shrink_options o = { .fails = needed_fails, .ctx = &n, .tries_max = 5 };
	bool keep[100];

	memset(keep, true, sizeof(keep));
	ck_assert_uint_ge(shrink(&o, keep, 100), 3);
	ck_assert_uint_eq(n.tries, 5);
	ck_assert(needed_fails(&n, keep, 100));
}
END_TEST

int main(void)
{
	return RUN_TESTS("sim plan", plan_is_the_same_when_drawn_twice, plan_differs_with_another_seed,
			 plan_keeps_to_the_contract, plan_hits_a_share_of_the_peers_at_once,
			 plan_sort_leaves_equal_times_in_order, plan_keeps_what_a_list_names,
			 plan_refuses_a_list_that_is_none, shrink_finds_what_a_failure_needs,
			 shrink_drops_all_when_nothing_is_needed, shrink_stops_after_so_many_tries);
}
