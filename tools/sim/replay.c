/* SPDX-License-Identifier: MIT */
/* Shrinks a failing run: each try is a run in a process of its own, so that crashes shrink as well. */
#include "tools/sim/replay.h"

#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "tools/sim/report.h"
#include "tools/sim/shrink.h"
#include "tools/sim/trace.h"

struct replay {
	const struct scenario *scenario;
	struct run_options options;
	unsigned wall_limit_s;
	FILE *progress;
	struct plan plan; /* all of it */
	/* What failed in the first place. */
	int signal_number;
	struct violation violation;
};

void replay_action(const struct action *a, size_t peers, FILE *out)
{
	char text[120];

	fprintf(out, "%10.3f s  %-12s %s\n", (double)a->at_ms / 1e3, action_name(a->kind),
		trace_action(a, peers, text, sizeof(text)));
}

static bool has_same_check(const struct run_result *result, enum check_id check)
{
	for (size_t i = 0; i < result->violation_count && i < RUN_VIOLATIONS_KEPT; i++)
		if (result->violations[i].check == check)
			return true;
	return false;
}

static bool is_stop(enum action_kind kind)
{
	return kind == ACTION_KILL || kind == ACTION_SILENT_KILL || kind == ACTION_DESTROY || kind == ACTION_LEAVE;
}

/* Whether this is still a fair plan: the first peer starts, since there is no overlay without it, and
 * bootstrap nodes come back, since nobody could join without them. */
static bool is_fair(const struct plan *p, const bool *keep)
{
	if (p->count > 0 && !keep[0])
		return false;
	for (size_t i = 0; i < p->count; i++) {
		bool is_back = !keep[i] || !is_stop(p->actions[i].kind) || p->actions[i].node >= PLAN_BOOTSTRAP_NODES;

		for (size_t k = i + 1; !is_back && k < p->count; k++)
			is_back = keep[k] && p->actions[k].kind == ACTION_START &&
				  p->actions[k].node == p->actions[i].node;
		if (!is_back)
			return false;
	}
	return true;
}

static bool replay_fails(void *ctx, const bool *keep, size_t count)
{
	struct replay *r = ctx;
	struct run_result result;
	int signal_number = 0, err;
	char *list;

	if (!is_fair(&r->plan, keep))
		return false;
	list = plan_keep_text(keep, count);
	r->options.keep = list;
	err = run_isolated(r->scenario, &r->options, r->wall_limit_s, &result, &signal_number);
	invariant(err == 0);
	free(list);
	if (r->signal_number != 0)
		return signal_number == r->signal_number;
	return signal_number == 0 && has_same_check(&result, r->violation.check);
}

static void replay_progress(void *ctx, size_t tries, size_t kept)
{
	const struct replay *r = ctx;

	if (r->progress == NULL)
		return;
	fprintf(r->progress, "\r\033[K%zu tries, %zu actions kept", tries, kept);
	fflush(r->progress);
}

/* What fails in the run as it was asked for; false: nothing. */
static bool replay_first(struct replay *r, FILE *out)
{
	struct run_result result;
	int err = run_isolated(r->scenario, &r->options, r->wall_limit_s, &result, &r->signal_number);

	invariant(err == 0);
	if (r->signal_number != 0) {
		fprintf(out, "ends with signal %d (%s)\n", r->signal_number, strsignal(r->signal_number));
		return true;
	}
	if (result.violation_count == 0)
		return false;
	r->violation = result.violations[0];
	report_violation(&r->violation, out);
	return true;
}

/* The actions that are left, the command for them, and how that fails. */
static void replay_print(struct replay *r, const bool *keep, size_t peers, const char *command, FILE *out)
{
	const struct plan *plan = &r->plan;
	char *list = plan_keep_text(keep, plan->count);

	for (size_t i = 0; i < plan->count; i++)
		if (keep[i])
			replay_action(&plan->actions[i], peers, out);
	fprintf(out, "%s --seed %llu --peers %zu", command, (unsigned long long)r->options.seed, peers);
	if (r->options.duration_ms != 0)
		fprintf(out, " --hours %g", (double)r->options.duration_ms / 3600e3);
	fprintf(out, " --keep %s\n", list[0] == '\0' ? "''" : list);
	r->options.keep = list;
	(void)replay_first(r, out);
	free(list);
}

int replay_shrink(const struct scenario *s, const struct run_options *options, const char *command,
		  unsigned wall_limit_s, FILE *out, FILE *progress)
{
	struct replay r = { .scenario = s, .options = *options, .wall_limit_s = wall_limit_s, .progress = progress };
	struct shrink_options shrinking = { replay_fails, &r, REPLAY_TRIES_MAX, replay_progress };
	size_t peers = options->peers != 0 ? options->peers : scenario_peers(s, options->seed), kept;
	struct plan *plan = &r.plan;
	struct plan_times times;
	bool *keep, is_failing;
	int err;

	plan_draw(plan, s, options->seed, peers, options->duration_ms, &times);
	keep = memory_alloc(plan->count + 1);
	err = plan_keep_marks(options->keep == NULL ? "0-" : options->keep, keep, plan->count);
	if (err == 0) {
		is_failing = replay_first(&r, out);
		if (is_failing) {
			kept = shrink(&shrinking, keep, plan->count);
			if (progress != NULL)
				fputs("\r\033[K", progress);
			fprintf(out, "%zu of %zu actions are needed:\n", kept, plan->count);
			replay_print(&r, keep, peers, command, out);
		} else {
			fputs("nothing fails\n", out);
		}
		err = is_failing ? 1 : 0;
	}
	free(keep);
	plan_free(plan);
	return err;
}
