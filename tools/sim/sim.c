/* SPDX-License-Identifier: MIT */
/* peal-sim: the command line. */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/sim/replay.h"
#include "tools/sim/report.h"
#include "tools/sim/run_state.h"
#include "tools/sim/svg.h"
#include "tools/sim/sweep.h"
#include "tools/sim/trace.h"

#define PATH_ROOM 600
#define FAILURES_MAX 10
#define WALL_LIMIT_S 600

struct options {
	const char *command;
	const char *scenario;
	uint64_t first, last; /* seeds */
	size_t peers;
	uint64_t duration_ms;
	unsigned jobs;
	size_t failures_max;
	unsigned wall_limit_s;
	const char *keep, *trace, *svg;
	enum log_level level;
	bool has_seeds, json, shrink, is_quiet;
};

/* What shows a single run. */
struct show {
	struct trace *trace; /* may be NULL, like the next */
	struct svg *svg;
	FILE *actions;       /* told one by one */
	size_t peers;
	struct instant began;
};

static void usage(FILE *to)
{
	fputs("usage: peal-sim run SCENARIO [options]       one run\n"
	      "       peal-sim sweep SCENARIO [options]     many runs, one for each seed\n"
	      "       peal-sim replay SCENARIO [options]    a failed run once more, told as it goes\n"
	      "       peal-sim list                         the scenarios there are\n"
	      "       peal-sim options                      what a scenario's file may say\n\n"
	      "SCENARIO is a file or the name of one of those listed.\n"
	      "  -s, --seed S        run, replay: the seed (default 1)\n"
	      "      --seeds A..B    sweep: the seeds (default 1..100)\n"
	      "  -n, --peers N       instead of the number that scenario and seed say\n"
	      "      --hours H       of trouble, virtual, instead of what they say\n"
	      "  -j, --jobs N        sweep: processes (default 1)\n"
	      "      --failures N    sweep: stop after so many (default 10; 0: never)\n"
	      "      --limit S       sweep, --shrink: seconds of real time for one seed (default 600)\n"
	      "      --keep LIST     of the plan's actions, by index, e.g. 0-11,14,20-\n"
	      "      --shrink        replay: leave out of the plan what the failure does not need\n"
	      "      --trace FILE    the log lines of all nodes, in order of virtual time\n"
	      "      --svg FILE      a picture of the ring, its links, and what happened over time\n"
	      "      --level LEVEL   of the trace: error, warning, info (default) or debug\n"
	      "      --json          print JSON instead of lines\n"
	      "  -q, --quiet         no progress line\n"
	      "  -h, --help          this text\n"
	      "Exit status: 0 nothing was violated, 1 something was, 2 wrong usage or scenario.\n", to);
}

static bool number_of(const char *text, uint64_t most, uint64_t *out)
{
	char *end = NULL;

	errno = 0;
	if (text[0] >= '0' && text[0] <= '9') {
		*out = strtoull(text, &end, 10);
		if (errno == 0 && *end == '\0' && *out <= most)
			return true;
	}
	fprintf(stderr, "peal-sim: \"%s\" is not a number from 0 to %llu\n", text, (unsigned long long)most);
	return false;
}

static bool seeds_of(const char *text, struct options *o)
{
	char first[32];
	const char *dots = strstr(text, "..");

	if (dots == NULL) {
		if (!number_of(text, UINT64_MAX - 1, &o->first))
			return false;
		o->last = o->first;
		return true;
	}
	(void)snprintf(first, sizeof(first), "%.*s", (int)(dots - text), text);
	if (!number_of(first, UINT64_MAX - 1, &o->first) || !number_of(dots + 2, UINT64_MAX - 1, &o->last))
		return false;
	if (o->first <= o->last)
		return true;
	fprintf(stderr, "peal-sim: --seeds %s: the first is larger than the last\n", text);
	return false;
}

static bool hours_of(const char *text, uint64_t *out_ms)
{
	char *end = NULL;
	double hours = strtod(text, &end);

	if (end != text && *end == '\0' && hours > 0 && hours <= 100000) {
		*out_ms = (uint64_t)(hours * 3600e3);
		return true;
	}
	fprintf(stderr, "peal-sim: \"%s\" is not a number of hours\n", text);
	return false;
}

static bool level_of(const char *text, enum log_level *out)
{
	for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
		const char *name = log_level_name((enum log_level)i);

		if (strcmp(text, name) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	fprintf(stderr, "peal-sim: \"%s\" is not one of: error warning info debug\n", text);
	return false;
}

enum { OPTION_SEEDS = 256, OPTION_HOURS, OPTION_FAILURES, OPTION_LIMIT, OPTION_KEEP, OPTION_SHRINK, OPTION_TRACE,
       OPTION_SVG, OPTION_LEVEL, OPTION_JSON };

static bool option_set(struct options *o, int c)
{
	uint64_t number = 0;
	bool ok = true;

	if (c == 's')
		ok = number_of(optarg, UINT64_MAX - 1, &o->first), o->last = o->first, o->has_seeds = true;
	else if (c == OPTION_SEEDS)
		ok = seeds_of(optarg, o), o->has_seeds = true;
	else if (c == 'n')
		ok = number_of(optarg, 1000000, &number) && number > 0, o->peers = (size_t)number;
	else if (c == OPTION_HOURS)
		ok = hours_of(optarg, &o->duration_ms);
	else if (c == 'j')
		ok = number_of(optarg, SWEEP_JOBS_MAX, &number), o->jobs = (unsigned)number;
	else if (c == OPTION_FAILURES)
		ok = number_of(optarg, UINT32_MAX, &number), o->failures_max = (size_t)number;
	else if (c == OPTION_LIMIT)
		ok = number_of(optarg, UINT32_MAX, &number), o->wall_limit_s = (unsigned)number;
	else if (c == OPTION_KEEP)
		o->keep = optarg;
	else if (c == OPTION_SHRINK)
		o->shrink = true;
	else if (c == OPTION_TRACE)
		o->trace = optarg;
	else if (c == OPTION_SVG)
		o->svg = optarg;
	else if (c == OPTION_LEVEL)
		ok = level_of(optarg, &o->level);
	else if (c == OPTION_JSON)
		o->json = true;
	else if (c == 'q')
		o->is_quiet = true;
	else
		ok = false;
	return ok;
}

static bool parse(int argc, char **argv, struct options *o)
{
	static const struct option names[] = { { "seed", required_argument, NULL, 's' },
					       { "seeds", required_argument, NULL, OPTION_SEEDS },
					       { "peers", required_argument, NULL, 'n' },
					       { "hours", required_argument, NULL, OPTION_HOURS },
					       { "jobs", required_argument, NULL, 'j' },
					       { "failures", required_argument, NULL, OPTION_FAILURES },
					       { "limit", required_argument, NULL, OPTION_LIMIT },
					       { "keep", required_argument, NULL, OPTION_KEEP },
					       { "shrink", no_argument, NULL, OPTION_SHRINK },
					       { "trace", required_argument, NULL, OPTION_TRACE },
					       { "svg", required_argument, NULL, OPTION_SVG },
					       { "level", required_argument, NULL, OPTION_LEVEL },
					       { "json", no_argument, NULL, OPTION_JSON },
					       { "quiet", no_argument, NULL, 'q' },
					       { "help", no_argument, NULL, 'h' },
					       { NULL, 0, NULL, 0 } };
	bool needs_scenario;
	int c;

	while ((c = getopt_long(argc, argv, "s:n:j:qh", names, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			exit(0);
		}
		if (!option_set(o, c))
			return false;
	}
	if (optind == argc)
		return false;
	o->command = argv[optind++];
	needs_scenario = strcmp(o->command, "list") != 0 && strcmp(o->command, "options") != 0;
	if (needs_scenario && optind < argc)
		o->scenario = argv[optind++];
	if (!o->has_seeds) {
		o->first = 1;
		o->last = strcmp(o->command, "sweep") == 0 ? 100 : 1;
	}
	return optind == argc && (!needs_scenario || o->scenario != NULL);
}

/* ---- Scenarios by name ---- */

/* The source's when this program lies in a build folder, else the installed ones. */
static const char *scenario_folder(void)
{
	return access(SIM_SCENARIOS_SOURCE "/swarm.conf", R_OK) == 0 ? SIM_SCENARIOS_SOURCE : SIM_SCENARIOS_INSTALLED;
}

static bool scenario_find(const char *name, struct scenario *s)
{
	char path[PATH_ROOM], detail[PATH_ROOM + 300];

	if (strchr(name, '/') != NULL || access(name, R_OK) == 0)
		(void)snprintf(path, sizeof(path), "%s", name);
	else
		(void)snprintf(path, sizeof(path), "%s/%s.conf", scenario_folder(), name);
	if (scenario_read(s, path, detail, sizeof(detail)) == 0)
		return true;
	fprintf(stderr, "peal-sim: %s\n", detail);
	return false;
}

static int is_scenario(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int command_list(void)
{
	struct dirent **entries = NULL;
	char path[PATH_ROOM];
	static struct scenario s;
	int count = scandir(scenario_folder(), &entries, is_scenario, alphasort), status = 0;

	if (count < 0) {
		fprintf(stderr, "peal-sim: %s: %s\n", scenario_folder(), strerror(errno));
		return 2;
	}
	for (int i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", scenario_folder(), entries[i]->d_name);
		if (scenario_find(path, &s))
			printf("%-20s %s\n", s.name, s.about);
		else
			status = 2;
		free(entries[i]);
	}
	free(entries);
	return status;
}

/* ---- One run ---- */

static void show_log(void *ctx, struct now now, size_t node, enum log_level level, const char *event, const char *text)
{
	struct show *s = ctx;

	if (s->trace != NULL)
		trace_line(s->trace, now, node, level, event, text);
}

static void show_made(void *ctx, struct world *w)
{
	struct show *s = ctx;

	s->peers = world_count(w);
	s->began = world_now(w).mono;
	if (s->trace != NULL)
		trace_set_world(s->trace, w);
	if (s->svg != NULL)
		svg_set_world(s->svg, w);
}

static void show_action(void *ctx, struct now now, const struct action *a)
{
	struct show *s = ctx;

	if (s->svg != NULL)
		svg_action(s->svg, now, a);
	if (s->actions != NULL)
		replay_action(a, s->peers, s->actions);
}

static void show_hostile(void *ctx, size_t node)
{
	struct show *s = ctx;

	if (s->svg != NULL)
		svg_hostile(s->svg, node);
}

static void show_second(void *ctx, struct world *w)
{
	struct show *s = ctx;

	if (s->svg != NULL)
		svg_second(s->svg, w);
}

static void show_turn(void *ctx, struct world *w, const char *what)
{
	struct show *s = ctx;

	if (s->svg != NULL)
		svg_snapshot(s->svg, w, what);
	if (s->actions != NULL)
		fprintf(s->actions, "%10.3f s  -- %s\n",
			(double)instant_since(world_now(w).mono, s->began).us / 1e6, what);
}

static void show_violated(void *ctx, const struct violation *v)
{
	struct show *s = ctx;

	if (s->svg != NULL)
		svg_violation(s->svg, v);
	if (s->actions == NULL)
		return;
	fprintf(s->actions, "%10.3f s  VIOLATED     ", (double)v->at_ms / 1e3);
	report_violation(v, s->actions);
}

static bool picture_write(const struct svg *svg, const char *path, const struct report *report)
{
	char title[200];
	FILE *out = fopen(path, "we");

	if (out == NULL) {
		fprintf(stderr, "peal-sim: %s: %s\n", path, strerror(errno));
		return false;
	}
	(void)snprintf(title, sizeof(title), "%s, seed %llu, %zu peers: %llu violations", report->scenario,
		       (unsigned long long)report->one.seed, report->one.peers, (unsigned long long)report->violations);
	svg_write(svg, title, out);
	return fclose(out) == 0;
}

static void show_report(const struct options *o, const struct report *report)
{
	if (o->json) {
		report_json(report, stdout);
		return;
	}
	for (size_t i = 0; i < report->one.violation_count && i < RUN_VIOLATIONS_KEPT; i++)
		report_violation(&report->one.violations[i], stdout);
	if (report->one.violation_count > 0 && strcmp(o->command, "run") == 0) {
		printf("    peal-sim replay %s --seed %llu --peers %zu", o->scenario, (unsigned long long)o->first,
		       report->one.peers);
		if (o->duration_ms != 0)
			printf(" --hours %g", (double)o->duration_ms / 3600e3);
		putchar('\n');
	}
	report_details(report, stdout);
	report_line(report, stdout);
}

static int command_run(const struct options *o, const struct scenario *s, bool is_told)
{
	struct show show = { .actions = is_told && !o->json ? stdout : NULL };
	struct run_watch watch = { .made = show_made, .action = show_action, .hostile = show_hostile,
				   .second = o->svg != NULL ? show_second : NULL, .turn = show_turn,
				   .violated = show_violated, .log_level = o->level, .ctx = &show };
	struct run_options run = { .seed = o->first, .peers = o->peers, .duration_ms = o->duration_ms,
				   .keep = o->keep, .measure_memory = true, .watch = &watch };
	FILE *trace = o->trace == NULL ? NULL : fopen(o->trace, "we");
	static struct run_result result;
	struct report report;
	char detail[400];
	bool ok = true;

	if (o->trace != NULL && trace == NULL) {
		fprintf(stderr, "peal-sim: %s: %s\n", o->trace, strerror(errno));
		return 2;
	}
	if (trace != NULL) {
		show.trace = trace_new(trace);
		watch.log = show_log;
	}
	if (o->svg != NULL)
		show.svg = svg_new();
	report_init(&report, s->name);
	ok = run_scenario(s, &run, &result, detail, sizeof(detail)) == 0;
	if (ok) {
		report_add(&report, &result);
		report.wall_us = result.wall_us;
		show_report(o, &report);
	} else {
		fprintf(stderr, "peal-sim: %s\n", detail);
	}
	if (ok && show.svg != NULL)
		ok = picture_write(show.svg, o->svg, &report);
	if (show.svg != NULL)
		svg_free(show.svg);
	if (show.trace != NULL)
		trace_free(show.trace);
	if (trace != NULL && fclose(trace) != 0)
		ok = false;
	return !ok ? 2 : result.violation_count > 0 ? 1 : 0;
}

static int command_sweep(const struct options *o, const struct scenario *s, const char *replay)
{
	struct sweep_options sweeping = { .first = o->first, .last = o->last, .peers = o->peers,
					  .duration_ms = o->duration_ms, .jobs = o->jobs,
					  .failures_max = o->failures_max, .wall_limit_s = o->wall_limit_s,
					  .command = replay, .failures = o->json ? stderr : stdout };
	static struct report report;
	int err;

	if (!o->is_quiet && isatty(STDERR_FILENO))
		sweeping.progress = stderr;
	err = sweep(s, &sweeping, &report);
	if (err == ERR_LIMIT)
		fprintf(stderr, "peal-sim: stopped after %llu failures\n", (unsigned long long)report.failed);
	if (o->json) {
		report_json(&report, stdout);
	} else {
		report_details(&report, stdout);
		report_line(&report, stdout);
	}
	return report.failed > 0 ? 1 : 0;
}

static int command_shrink(const struct options *o, const struct scenario *s, const char *replay)
{
	struct run_options run = { .seed = o->first, .peers = o->peers, .duration_ms = o->duration_ms,
				   .keep = o->keep };
	int status = replay_shrink(s, &run, replay, o->wall_limit_s, stdout,
				   !o->is_quiet && isatty(STDERR_FILENO) ? stderr : NULL);

	if (status < 0)
		fprintf(stderr, "peal-sim: \"%s\" is not a list of actions like 0-11,14\n", o->keep);
	return status < 0 ? 2 : status;
}

int main(int argc, char **argv)
{
	struct options o = { .jobs = 1, .failures_max = FAILURES_MAX, .wall_limit_s = WALL_LIMIT_S,
			     .level = LOG_INFO };
	struct run_options possible = { 0 };
	static struct scenario s;
	char detail[400], replay[PATH_ROOM];

	if (!parse(argc, argv, &o)) {
		usage(stderr);
		return 2;
	}
	if (strcmp(o.command, "list") == 0)
		return command_list();
	if (strcmp(o.command, "options") == 0) {
		scenario_print_options(stdout);
		return 0;
	}
	if (!scenario_find(o.scenario, &s))
		return 2;
	possible.peers = o.peers;
	if (run_check(&s, &possible, detail, sizeof(detail)) != 0) {
		fprintf(stderr, "peal-sim: %s\n", detail);
		return 2;
	}
	(void)snprintf(replay, sizeof(replay), "peal-sim replay %s", o.scenario);
	if (strcmp(o.command, "run") == 0)
		return command_run(&o, &s, false);
	if (strcmp(o.command, "sweep") == 0)
		return command_sweep(&o, &s, replay);
	if (strcmp(o.command, "replay") == 0)
		return o.shrink ? command_shrink(&o, &s, replay) : command_run(&o, &s, true);
	fprintf(stderr, "peal-sim: there is no command \"%s\"\n", o.command);
	usage(stderr);
	return 2;
}
