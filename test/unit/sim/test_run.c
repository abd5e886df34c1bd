/* SPDX-License-Identifier: MIT */
/* Runs: the same when repeated, however watched, alone or in a sweep; and what becomes of one that crashes. */
#include "tools/sim/run.h"

#include <signal.h>
#include <string.h>

#include "test/unit/run.h"
#include "tools/sim/sweep.h"
#include "tools/sim/svg.h"
#include "tools/sim/trace.h"

static struct scenario scenario;
static char detail[400];

static void scenario_load(void)
{
	ck_assert_msg(scenario_read(&scenario, SCENARIOS "/swarm.conf", detail, sizeof(detail)) == 0, "%s", detail);
	scenario.peers = (struct range){ 4, 10 };
	scenario.duration_ms = (struct range){ 30000, 30000 };
}

static void run_seed(uint64_t seed, const struct run_watch *watch, struct run_result *out)
{
	struct run_options options = { .seed = seed, .watch = watch };

	ck_assert_msg(run_scenario(&scenario, &options, out, detail, sizeof(detail)) == 0, "%s", detail);
}

START_TEST(run_is_the_same_when_repeated)
{
	scenario_load();
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct run_result a, b;

		run_seed(seed, NULL, &a);
		run_seed(seed, NULL, &b);
		a.wall_us = b.wall_us;
		a.cpu_us = b.cpu_us;
		ck_assert_uint_eq(a.trace_hash, b.trace_hash);
		ck_assert_mem_eq(&a, &b, sizeof(a));
		ck_assert_uint_gt(a.events, 100);
		ck_assert_uint_gt(a.checks, 100);
	}
}
END_TEST

START_TEST(run_differs_with_another_seed)
{
	struct run_result a, b;

	scenario_load();
	run_seed(1, NULL, &a);
	run_seed(2, NULL, &b);
	ck_assert_uint_ne(a.trace_hash, b.trace_hash);
}
END_TEST

struct shown {
	struct trace *trace;
	struct svg *svg;
};

static void shown_log(void *ctx, struct now now, size_t node, enum log_level level, const char *event,
		      const char *text)
{
	trace_line(((struct shown *)ctx)->trace, now, node, level, event, text);
}

static void shown_made(void *ctx, struct world *w)
{
	trace_set_world(((struct shown *)ctx)->trace, w);
	svg_set_world(((struct shown *)ctx)->svg, w);
}

static void shown_action(void *ctx, struct now now, const struct action *a)
{
	svg_action(((struct shown *)ctx)->svg, now, a);
}

static void shown_second(void *ctx, struct world *w) { svg_second(((struct shown *)ctx)->svg, w); }

static void shown_turn(void *ctx, struct world *w, const char *what)
{
	svg_snapshot(((struct shown *)ctx)->svg, w, what);
}

/* Trace and picture of a run as text, owned. */
static char *run_shown(uint64_t seed, struct run_result *result)
{
	struct run_watch watch = { .log = shown_log, .made = shown_made, .action = shown_action,
				   .second = shown_second, .turn = shown_turn, .log_level = LOG_DEBUG };
	struct shown shown;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	shown.trace = trace_new(out);
	shown.svg = svg_new();
	watch.ctx = &shown;
	run_seed(seed, &watch, result);
	svg_write(shown.svg, "a <test> & more", out);
	svg_free(shown.svg);
	trace_free(shown.trace);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

START_TEST(run_is_the_same_when_watched)
{
	struct run_result plain, watched;
	char *first, *second;

	scenario_load();
	run_seed(3, NULL, &plain);
	first = run_shown(3, &watched);
	ck_assert_uint_eq(plain.trace_hash, watched.trace_hash);
	second = run_shown(3, &watched);
	ck_assert_str_eq(first, second);
	ck_assert_ptr_nonnull(strstr(first, "     0.000000 --- info    sim.start node=n00\n"));
	ck_assert_ptr_nonnull(strstr(first, " n01 info    join.done "));
	ck_assert_ptr_nonnull(strstr(first, "a &lt;test&gt; &amp; more"));
	free(first);
	free(second);
}
END_TEST

START_TEST(run_performs_only_what_is_kept)
{
	struct run_options options = { .seed = 4, .keep = "0-1" };
	struct run_result result;

	scenario_load();
	ck_assert_int_eq(run_scenario(&scenario, &options, &result, detail, sizeof(detail)), 0);
	for (int k = 0; k < ACTION_COUNT; k++)
		ck_assert_uint_eq(result.actions[k], k == ACTION_START ? 2 : 0);
	options.keep = "0-1,x";
	ck_assert_int_eq(run_scenario(&scenario, &options, &result, detail, sizeof(detail)), ERR_CONFIG);
	ck_assert_str_eq(detail, "\"0-1,x\" is not a list of actions like 0-11,14");
}
END_TEST

START_TEST(run_refuses_a_behaviour_that_there_is_not)
{
	struct run_options options = { .seed = 1 };
	struct run_result result;

	scenario_load();
	scenario.hostile_percent = (struct range){ 10, 10 };
	(void)snprintf(scenario.hostile_behaviour, sizeof(scenario.hostile_behaviour), "rude");
	ck_assert_int_eq(run_scenario(&scenario, &options, &result, detail, sizeof(detail)), ERR_CONFIG);
	ck_assert_str_eq(detail, "swarm: there is no hostile behaviour \"rude\"");
}
END_TEST

static void turn_abort(void *ctx, struct world *w, const char *what)
{
	(void)ctx;
	(void)w;
	(void)what;
	(void)signal(SIGTERM, SIG_DFL);
	(void)raise(SIGTERM);
}

START_TEST(run_isolated_tells_result_or_signal)
{
	struct run_watch watch = { .turn = turn_abort };
	struct run_options options = { .seed = 1 };
	struct run_result here, apart;
	int signal_number = -1;

	scenario_load();
	run_seed(1, NULL, &here);
	ck_assert_int_eq(run_isolated(&scenario, &options, 60, &apart, &signal_number), 0);
	ck_assert_int_eq(signal_number, 0);
	ck_assert_uint_eq(here.trace_hash, apart.trace_hash);
	options.watch = &watch;
	ck_assert_int_eq(run_isolated(&scenario, &options, 60, &apart, &signal_number), 0);
	ck_assert_int_eq(signal_number, SIGTERM);
}
END_TEST

START_TEST(sweep_adds_up_all_seeds)
{
	struct sweep_options options = { .first = 1, .last = 5, .jobs = 2, .command = "peal-sim replay swarm" };
	static struct report report;
	uint64_t hash = 0, events = 0, failed = 0;

	scenario_load();
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct run_result result;

		run_seed(seed, NULL, &result);
		hash += result.trace_hash;
		events += result.events;
		failed += result.violation_count > 0;
	}
	options.failures = fopen("/dev/null", "we");
	ck_assert_ptr_nonnull(options.failures);
	ck_assert_int_eq(sweep(&scenario, &options, &report), 0);
	ck_assert_uint_eq(report.seeds, 5);
	ck_assert_uint_eq(report.first_seed, 1);
	ck_assert_uint_eq(report.last_seed, 5);
	ck_assert_uint_eq(report.hash, hash);
	ck_assert_uint_eq(report.events, events);
	ck_assert_uint_eq(report.failed, failed);
	ck_assert_int_eq(fclose(options.failures), 0);
}
END_TEST

int main(void)
{
	return RUN_TESTS("sim run", run_is_the_same_when_repeated, run_differs_with_another_seed,
			 run_is_the_same_when_watched, run_performs_only_what_is_kept,
			 run_refuses_a_behaviour_that_there_is_not, run_isolated_tells_result_or_signal,
			 sweep_adds_up_all_seeds);
}
