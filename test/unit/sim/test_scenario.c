/* SPDX-License-Identifier: MIT */
/* Scenario files: what is read, and what is said of one that is wrong. */
#include "tools/sim/scenario.h"

#include <string.h>
#include <unistd.h>

#include "test/unit/run.h"

static struct scenario scenario;
static char detail[300];

/* Reads a text as a file; the detail then begins after the file's name. */
static int read_text(const char *text)
{
	char path[] = "/tmp/peal-scenario-XXXXXX";
	int fd = mkstemp(path), err;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(close(fd), 0);
	err = scenario_read(&scenario, path, detail, sizeof(detail));
	ck_assert_int_eq(unlink(path), 0);
	if (strncmp(detail, path, strlen(path)) == 0)
		memmove(detail, detail + strlen(path), strlen(detail + strlen(path)) + 1);
	return err;
}

START_TEST(scenario_has_defaults_when_empty)
{
	ck_assert_int_eq(read_text("# nothing\n"), 0);
	ck_assert_int_eq(scenario.peers.low, 16);
	ck_assert_int_eq(scenario.duration_ms.low, 60000);
	ck_assert_int_eq(scenario.ideal_ms.low, 60000);
	ck_assert_int_eq(scenario.link, SCENARIO_LINK_STREAM);
	ck_assert(!scenario.actions[ACTION_KILL].is_set);
	ck_assert_int_eq(scenario.actions[ACTION_KILL].back_after_ms.low, -1);
}
END_TEST

START_TEST(scenario_reads_ranges_sections_and_actions)
{
	ck_assert_int_eq(read_text("about = \"a test\"\npeers = 4..24\nlink = either\n"
				   "weather {\n  latency-ms = 0.5..20\n  loss-percent = 0..2.5\n}\n"
				   "action kill { per-peer-hour = 0.05 back-after-s = 1..30.25 }\n"
				   "action silent-kill { per-run = 2 at-s = 5 back-after-s = never }\n"),
			 0);
	ck_assert_str_eq(scenario.about, "a test");
	ck_assert_int_eq(scenario.peers.low, 4);
	ck_assert_int_eq(scenario.peers.high, 24);
	ck_assert_int_eq(scenario.link, SCENARIO_LINK_EITHER);
	ck_assert_int_eq(scenario.latency_us.low, 500);
	ck_assert_int_eq(scenario.latency_us.high, 20000);
	ck_assert_int_eq(scenario.loss_ppm.high, 25000);
	ck_assert(scenario.actions[ACTION_KILL].is_set);
	ck_assert_int_eq(scenario.actions[ACTION_KILL].per_peer_hour_milli.low, 50);
	ck_assert_int_eq(scenario.actions[ACTION_KILL].back_after_ms.high, 30250);
	ck_assert_int_eq(scenario.actions[ACTION_SILENT_KILL].at_ms.low, 5000);
	ck_assert_int_eq(scenario.actions[ACTION_SILENT_KILL].back_after_ms.low, -1);
	ck_assert(!scenario.actions[ACTION_DESTROY].is_set);
}
END_TEST

START_TEST(scenario_names_line_and_option_of_what_is_wrong)
{
	static const struct {
		const char *text, *detail;
	} bad[] = {
		{ "peers = 4\npears = 5\n", ":2: no such option 'pears'" },
		{ "peers = 24..4\n", ":1: peers: \"24..4\" is not a number or a range a..b from 1 to 1000000" },
		{ "\n\npeers = 4..\n", ":3: peers: \"4..\" is not a number or a range" },
		{ "peers = 1.5\n", ":1: peers: \"1.5\" is not" },
		{ "peers = -4\n", ":1: peers: \"-4\" is not" },
		{ "peers = 99999999999999999999\n", ":1: peers: \"99999999999999999999\" is not" },
		{ "duration-s = never\n", ":1: duration-s: \"never\" is not" },
		{ "weather {\n  latency-ms = 1\n  loss-percent = 101\n}\n",
		  ":3: loss-percent: \"101\" is not a number or a range a..b from 0 to 100" },
		{ "link = carrier-pigeon\n",
		  ":1: link: \"carrier-pigeon\" is not one of: stream datagram either" },
		{ "action kill {\n  per-run = many\n}\n", ":2: per-run: \"many\" is not" },
		{ "action kill { per-run = 1 }\naction explode {\n  per-run = 1\n}\n",
		  ":3: action: there is no action \"explode\"" },
		{ "action kill { per-run = 1 }\naction kill { per-run = 2 }\n", ":2: found duplicate title 'kill'" },
		{ "action break { }\n", ": action break: needs per-run or per-peer-hour" },
		{ "peers = 300\nsecurity = real\n", ": peers: more than 200 with real security" },
		{ "peers\n", ":2: " },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(read_text(bad[i].text) == ERR_CONFIG, "%s", bad[i].text);
		ck_assert_msg(strncmp(detail, bad[i].detail, strlen(bad[i].detail)) == 0, "\"%s\", not \"%s\"", detail,
			      bad[i].detail);
	}
}
END_TEST

START_TEST(scenario_says_when_a_file_is_missing)
{
	ck_assert_int_eq(scenario_read(&scenario, "/nonexistent/x.conf", detail, sizeof(detail)), ERR_IO);
	ck_assert_str_eq(detail, "/nonexistent/x.conf: No such file or directory");
	ck_assert_str_eq(scenario.name, "x");
}
END_TEST

START_TEST(scenario_draws_peers_from_the_seed)
{
	bool seen[25] = { false };
	size_t different = 0;

	ck_assert_int_eq(read_text("peers = 4..24\n"), 0);
	for (uint64_t seed = 1; seed <= 500; seed++) {
		size_t peers = scenario_peers(&scenario, seed);

		ck_assert(peers >= 4 && peers <= 24);
		ck_assert_uint_eq(peers, scenario_peers(&scenario, seed));
		different += !seen[peers];
		seen[peers] = true;
	}
	ck_assert_uint_eq(different, 21);
}
END_TEST

int main(void)
{
	return RUN_TESTS("sim scenario", scenario_has_defaults_when_empty,
			 scenario_reads_ranges_sections_and_actions,
			 scenario_names_line_and_option_of_what_is_wrong, scenario_says_when_a_file_is_missing,
			 scenario_draws_peers_from_the_seed);
}
