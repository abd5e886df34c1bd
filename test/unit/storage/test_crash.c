/* SPDX-License-Identifier: MIT */
/* The storage of a whole peer on a disk that stops in every single call of its file system, and whose calls fail
 * one after the other. After each stop, with unsynced writes kept, lost or torn in several ways, the peer starts
 * again: every Store is there wholly or not at all, none that was acknowledged is missing, and the database is
 * sound. PEAL_CRASH_SEEDS (default 2) is the number of ways tried for each call. */
#include <sqlite3.h>
#include <stdio.h>

#include "overlay/base/invariant.h"
#include "storage/outage.h"
#include "storage/storage_state.h"
#include "test/unit/storage/crash_play.h"

#define STORE_OF(k, i, y, t, ms)                                                                    \
	{ .action = PLAY_STORE, .kind = (k), .index = (i), .key = (y), .text = (t), .time = (ms) }
#define BATCH_OF(i, y, t, ms) { .action = PLAY_BATCH, .index = (i), .key = (y), .text = (t), .time = (ms) }
#define REPLICA_OF(k, i, t, ms) { .action = PLAY_REPLICA, .kind = (k), .index = (i), .text = (t), .time = (ms) }
#define PASS_OF(ms) { .action = PLAY_PASS, .time = (ms) }
#define FORGET { .action = PLAY_FORGET }
#define RESTART { .action = PLAY_RESTART }
#define SCENARIO(name, ...)                                                                        \
	{ name, sizeof((const struct play_step[]){ __VA_ARGS__ }) / sizeof(struct play_step), { __VA_ARGS__ } }

static const struct play_scenario scenarios[] = {
	SCENARIO("new values", STORE_OF(LONE_SINGLE, 0, NULL, "one", 100), STORE_OF(LONE_ARRAY, 0, NULL, "zero", 100),
		 STORE_OF(LONE_ARRAY, 2, NULL, "two", 100), STORE_OF(LONE_DICTIONARY, 0, "a", "x", 100),
		 STORE_OF(LONE_DICTIONARY, 0, "b", "y", 100)),
	SCENARIO("replaced values", STORE_OF(LONE_SINGLE, 0, NULL, "one", 100),
		 STORE_OF(LONE_SINGLE, 0, NULL, "two", 101), STORE_OF(LONE_SINGLE, 0, NULL, "three", 102),
		 STORE_OF(LONE_ARRAY, 1, NULL, "a", 100), STORE_OF(LONE_ARRAY, 1, NULL, "b", 105),
		 STORE_OF(LONE_SINGLE, 0, NULL, "four", 103)),
	SCENARIO("removed values", STORE_OF(LONE_DICTIONARY, 0, "a", "x", 100),
		 STORE_OF(LONE_DICTIONARY, 0, "b", "y", 100), STORE_OF(LONE_DICTIONARY, 0, "a", NULL, 101),
		 STORE_OF(LONE_DICTIONARY, 0, "b", NULL, 101), STORE_OF(LONE_DICTIONARY, 0, "a", "z", 102)),
	SCENARIO("expiry", STORE_OF(LONE_DICTIONARY, 0, "a", "x", 100), PASS_OF(500000),
		 STORE_OF(LONE_DICTIONARY, 0, "b", "y", 100), STORE_OF(LONE_SINGLE, 0, NULL, "s", 100),
		 PASS_OF(500000), STORE_OF(LONE_DICTIONARY, 0, "c", "z", 100), PASS_OF(500000), PASS_OF(500000)),
	SCENARIO("counter on an expiring record", STORE_OF(LONE_DICTIONARY, 0, "a", "x", 100),
		 STORE_OF(LONE_SINGLE, 0, NULL, "s", 100), PASS_OF(500000),
		 STORE_OF(LONE_DICTIONARY, 0, "b", "y", 100), STORE_OF(LONE_DICTIONARY, 0, "c", "y", 100),
		 PASS_OF(500000), RESTART, STORE_OF(LONE_DICTIONARY, 0, "b", "z", 101)),
	SCENARIO("hand-over", REPLICA_OF(LONE_SINGLE, 0, "one", 100), REPLICA_OF(LONE_ARRAY, 0, "a", 100),
		 REPLICA_OF(LONE_ARRAY, 1, "b", 101), FORGET, REPLICA_OF(LONE_SINGLE, 0, "two", 102), FORGET),
	SCENARIO("replica", REPLICA_OF(LONE_ARRAY, 0, "a", 7), REPLICA_OF(LONE_ARRAY, 1, "b", 9),
		 REPLICA_OF(LONE_ARRAY, 0, "c", 12), REPLICA_OF(LONE_SINGLE, 0, "s", 100)),
	SCENARIO("counters", STORE_OF(LONE_ARRAY, 0, NULL, "a", 100), REPLICA_OF(LONE_ARRAY, 1, "b", 200),
		 STORE_OF(LONE_ARRAY, 0, NULL, "c", 201), STORE_OF(LONE_ARRAY, 2, NULL, "d", 202), RESTART,
		 STORE_OF(LONE_ARRAY, 2, NULL, "e", 203)),
	SCENARIO("three Kinds in one Store", BATCH_OF(0, "a", "one", 100), BATCH_OF(0, "a", "two", 101),
		 BATCH_OF(1, "b", NULL, 102), BATCH_OF(1, "b", "three", 103)),
	SCENARIO("restarts", STORE_OF(LONE_SINGLE, 0, NULL, "one", 100), RESTART,
		 STORE_OF(LONE_SINGLE, 0, NULL, "two", 101), RESTART, RESTART,
		 STORE_OF(LONE_ARRAY, 0, NULL, "a", 100)),
};

#define SCENARIO_COUNT (sizeof(scenarios) / sizeof(scenarios[0]))

static char *listings[PLAY_STEPS_MAX + 1];
static unsigned long cases;

static unsigned seeds(void)
{
	const char *text = getenv("PEAL_CRASH_SEEDS");

	return text == NULL ? 2 : (unsigned)strtoul(text, NULL, 10);
}

static struct play play_of(const struct play_scenario *scenario, struct vfs *vfs)
{
	return (struct play){ .scenario = scenario, .vfs = vfs, .now = { { 1000000 }, { LONE_WALL_MS } } };
}

static int query_number(sqlite3 *db, const char *text)
{
	sqlite3_stmt *s;
	int number = -1;

	ck_assert_int_eq(sqlite3_prepare_v2(db, text, -1, &s, NULL), SQLITE_OK);
	if (sqlite3_step(s) == SQLITE_ROW)
		number = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return number;
}

/* SQLite finds nothing wrong; each record has its certificate, and no certificate is left over. */
static void expect_sound(struct play *p)
{
	char text[64] = "";
	sqlite3_stmt *s;
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open_v2(PLAY_PATH, &db, SQLITE_OPEN_READWRITE, vfs_name(p->vfs)), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL), SQLITE_OK);
	if (sqlite3_step(s) == SQLITE_ROW)
		snprintf(text, sizeof(text), "%s", (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	ck_assert_str_eq(text, "ok");
	ck_assert_int_eq(query_number(db, "SELECT count(*) FROM record WHERE certificate NOT IN"
					  " (SELECT hash FROM certificate)"), 0);
	ck_assert_int_eq(query_number(db, "SELECT count(*) FROM certificate WHERE hash NOT IN"
					  " (SELECT certificate FROM record)"), 0);
	sqlite3_close(db);
}

/* The listing is the one after the steps acknowledged, or after one more: `done` is moved there. */
static void expect_all_or_nothing(struct play *p, unsigned long call, unsigned long seed)
{
	char *listing = play_listing(p);
	size_t done = p->done;

	/* Several steps may show the same: the last of them counts. */
	if (done < p->scenario->count && strcmp(listing, listings[done + 1]) == 0)
		p->done++;
	else
		ck_assert_msg(strcmp(listing, listings[done]) == 0,
			      "%s: call %lu seed %lu: after %zu steps\n%sinstead of\n%sor\n%s", p->scenario->name,
			      call, seed, done, listing, listings[done],
			      done < p->scenario->count ? listings[done + 1] : "");
	free(listing);
}

static void expect_end(struct play *p, unsigned long call, unsigned long seed)
{
	while (p->done < p->scenario->count) {
		size_t step = p->done;

		ck_assert_msg(play_step(p) == 0, "%s: call %lu seed %lu: step %zu after the fault", p->scenario->name,
			      call, seed, step);
	}
	expect_all_or_nothing(p, call, seed);
}

/* Until the end, or until the disk stops. True at the end. */
static bool play_until_stop(struct play *p)
{
	if (play_boot(p) != 0)
		return false;
	while (p->done < p->scenario->count)
		if (play_step(p) != 0 || vfs_has_stopped(p->vfs))
			return false;
	return true;
}

/* One way that unsynced writes fare: starts, compares, and goes on to the end. `again` crashes the start too. */
static void reboot(const struct play *stopped, unsigned long call, unsigned long seed, uint64_t again)
{
	struct play p = *stopped;

	p.vfs = vfs_copy(stopped->vfs, 1000 * call + seed);
	p.l = NULL;
	p.open = false;
	vfs_reboot(p.vfs, seed != 0);
	if (again != 0) {
		vfs_crash_after(p.vfs, again);
		(void)play_boot(&p);
		play_down(&p);
		/* When it did not get that far it has just ended well. */
		vfs_reboot(p.vfs, vfs_has_stopped(p.vfs));
	}
	ck_assert_msg(play_boot(&p) == 0, "%s: call %lu seed %lu: %s", p.scenario->name, call, seed, p.detail);
	expect_all_or_nothing(&p, call, seed);
	expect_sound(&p);
	expect_end(&p, call, seed);
	expect_sound(&p);
	play_down(&p);
	vfs_free(p.vfs);
	cases++;
}

static void crash_at_every_call(const struct play_scenario *scenario, unsigned long stride, bool twice)
{
	bool ended = false;

	play_learn(scenario, listings);
	for (unsigned long call = 1; !ended; call += stride) {
		struct play p = play_of(scenario, vfs_new(call));

		vfs_crash_after(p.vfs, call);
		ended = play_until_stop(&p);
		vfs_stop(p.vfs);
		play_down(&p);
		/* Seed 0: only the process died. */
		for (unsigned long seed = 0; seed <= seeds(); seed++)
			reboot(&p, call, seed, twice && seed > 0 ? 1 + (7 * seed + call) % 40 : 0);
		vfs_free(p.vfs);
	}
	play_forget(listings, scenario->count);
}

static void print_cases(const char *what)
{
	printf("%s: %lu cases\n", what, cases);
	cases = 0;
}

START_TEST(storage_survives_a_crash_at_every_call)
{
	crash_at_every_call(&scenarios[_i], 1, false);
	print_cases(scenarios[_i].name);
}
END_TEST

START_TEST(storage_survives_a_crash_while_it_recovers)
{
	crash_at_every_call(&scenarios[_i], 4, true);
	print_cases(scenarios[_i].name);
}
END_TEST

/* Twelve signers; and more bytes than the write-ahead log takes before it is checkpointed. */
static struct play_scenario *large_scenario(bool certificates)
{
	static const char *const keys[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l" };
	struct play_scenario *large = memory_alloc(sizeof(*large));
	size_t count = certificates ? 12 : 300;

	large->name = certificates ? "many certificates" : "large";
	for (size_t i = 0; i < count; i++)
		large->steps[large->count++] = (struct play_step){
			.action = PLAY_STORE,
			.kind = LONE_WIDE,
			.key = keys[i % 12],
			.text = keys[(i + 5) % 12],
			.time = 100 + i,
			.signer = certificates ? (uint32_t)i + 1 : 0,
			.fill = certificates ? 0 : 3500,
		};
	if (certificates)
		large->steps[large->count++] = (struct play_step){ .action = PLAY_FORGET };
	return large;
}

START_TEST(storage_survives_a_crash_with_many_certificates)
{
	struct play_scenario *large = large_scenario(true);

	crash_at_every_call(large, 1, false);
	print_cases(large->name);
	free(large);
}
END_TEST

START_TEST(storage_survives_a_crash_while_it_checkpoints)
{
	struct play_scenario *large = large_scenario(false);

	crash_at_every_call(large, seeds() > 2 ? 7 : 97, false);
	print_cases(large->name);
	free(large);
}
END_TEST

/* ---- Calls that fail ---- */

/* What failed said so, and what storage shows is what was acknowledged. */
static void expect_told(struct play *p, unsigned long call)
{
	if (p->l == NULL)
		return; /* it did not start; boot said why */
	ck_assert_msg(peer_counters(p->l->peer)->errors[ERR_INDEX_STORAGE] > 0, "%s: call %lu",
		      p->scenario->name, call);
	ck_assert_uint_ge(lone_logged(p->l, "storage.", "STORAGE"), 1);
	if (p->scenario->steps[p->done].action != PLAY_RESTART) {
		char *listing = play_listing(p);

		ck_assert_msg(strcmp(listing, listings[p->done]) == 0,
			      "%s: call %lu: after a failed step\n%s", p->scenario->name, call, listing);
		free(listing);
	}
}

static int boot_or_step(struct play *p)
{
	int err;

	if (p->l != NULL)
		return play_step(p);
	play_down(p);
	err = play_boot(p);
	if (err == 0 && p->done < p->scenario->count && p->scenario->steps[p->done].action == PLAY_RESTART)
		p->done++;
	return err;
}

/* One fault: the peer says so, goes on, and has everything in the end. True when the fault came too late to be
 * met. */
static bool fail_at(const struct play_scenario *scenario, enum vfs_fault fault, unsigned long call, bool stays)
{
	struct play p = play_of(scenario, vfs_new(call));
	unsigned tries = 0;
	bool met;

	vfs_set_fault(p.vfs, fault, call, stays);
	while (p.l == NULL || p.done < scenario->count) {
		size_t step = p.done;

		if (boot_or_step(&p) == 0)
			continue;
		ck_assert_msg(++tries < 20, "%s: call %lu: step %zu does not recover: %s", scenario->name, call, step,
			      p.detail);
		expect_told(&p, call);
		if (tries >= 3)
			vfs_set_fault(p.vfs, VFS_OK, 0, false);
		if (p.l != NULL)
			lone_pass(p.l, 4000);
		if (p.l != NULL)
			p.now = p.l->now;
	}
	met = vfs_fault_count(p.vfs) > 0;
	vfs_set_fault(p.vfs, VFS_OK, 0, false);
	/* What expired in an outage leaves the database when it ends. */
	if (outage_is_on(p.l->storage))
		lone_pass(p.l, 130000);
	p.now = p.l->now;
	expect_end(&p, call, 0);
	play_down(&p);
	ck_assert_msg(play_boot(&p) == 0, "%s: call %lu: %s", scenario->name, call, p.detail);
	expect_end(&p, call, 0);
	expect_sound(&p);
	play_down(&p);
	vfs_free(p.vfs);
	cases++;
	return !met;
}

static void fail_every_call(const struct play_scenario *scenario, enum vfs_fault fault, bool stays)
{
	play_learn(scenario, listings);
	for (unsigned long call = 1; !fail_at(scenario, fault, call, stays); call++)
		;
	play_forget(listings, scenario->count);
}

START_TEST(storage_goes_on_after_any_call_failed)
{
	fail_every_call(&scenarios[_i], VFS_EIO, false);
	fail_every_call(&scenarios[_i], VFS_EIO, true);
	print_cases(scenarios[_i].name);
}
END_TEST

START_TEST(storage_goes_on_after_the_disk_was_full)
{
	fail_every_call(&scenarios[_i], VFS_ENOSPC, false);
	fail_every_call(&scenarios[_i], VFS_ENOSPC, true);
	print_cases(scenarios[_i].name);
}
END_TEST

/* A read that ends early looks like a file that ends early: nothing is promised of what is found then, but
 * that nothing breaks. */
START_TEST(storage_bears_reads_that_end_early)
{
	const struct play_scenario *scenario = &scenarios[_i];

	for (unsigned long call = 1; call < 150; call++) {
		struct play p = play_of(scenario, vfs_new(call));

		vfs_set_fault(p.vfs, VFS_SHORT_READ, call, call % 2 == 0);
		(void)play_until_stop(&p);
		play_down(&p);
		vfs_free(p.vfs);
		cases++;
	}
	print_cases(scenario->name);
}
END_TEST

/* Without the loss rules of the simulated disk this file would show nothing: they do bite. */
START_TEST(disk_that_lies_about_sync_loses_acknowledged_values)
{
	const struct play_scenario *scenario = &scenarios[0];
	unsigned lost = 0;

	play_learn(scenario, listings);
	for (unsigned long seed = 1; seed <= 20; seed++) {
		struct play p = play_of(scenario, vfs_new(seed));
		char *listing;

		vfs_set_lying_sync(p.vfs, true);
		ck_assert(play_until_stop(&p));
		vfs_stop(p.vfs);
		play_down(&p);
		vfs_reboot(p.vfs, true);
		if (play_boot(&p) != 0) {
			lost++;
		} else {
			listing = play_listing(&p);
			lost += strcmp(listing, listings[scenario->count]) != 0;
			free(listing);
		}
		play_down(&p);
		vfs_free(p.vfs);
	}
	play_forget(listings, scenario->count);
	ck_assert_uint_gt(lost, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("crash");
	TCase *group = tcase_create("crash");
	SRunner *runner;
	int failed;

	tcase_set_timeout(group, 0);
	tcase_add_loop_test(group, storage_survives_a_crash_at_every_call, 0, SCENARIO_COUNT);
	tcase_add_loop_test(group, storage_survives_a_crash_while_it_recovers, 0, SCENARIO_COUNT);
	tcase_add_test(group, storage_survives_a_crash_with_many_certificates);
	tcase_add_test(group, storage_survives_a_crash_while_it_checkpoints);
	tcase_add_loop_test(group, storage_goes_on_after_any_call_failed, 0, SCENARIO_COUNT);
	tcase_add_loop_test(group, storage_goes_on_after_the_disk_was_full, 0, SCENARIO_COUNT);
	tcase_add_loop_test(group, storage_bears_reads_that_end_early, 0, SCENARIO_COUNT);
	tcase_add_test(group, disk_that_lies_about_sync_loses_acknowledged_values);
	suite_add_tcase(suite, group);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
