/* SPDX-License-Identifier: MIT */
/* Draws a run's plan from its scenario and seed: who starts when, and what goes wrong. */
#ifndef TOOLS_SIM_PLAN_DRAW_H
#define TOOLS_SIM_PLAN_DRAW_H

#include "tools/sim/scenario.h"

#define PLAN_BOOTSTRAP_NODES 3 /* the first so many are in the configuration, and always come back */

/* A peer that stands still for longer than this counts as failed. */
#define PLAN_PAUSE_IS_FAILURE_MS 5000

struct plan_times {
	uint64_t trouble_from_ms, trouble_until_ms;
	bool has_partition;
};

/* `duration_ms`: of the trouble; 0: as the scenario says. */
void plan_draw(struct plan *p, const struct scenario *s, uint64_t seed, size_t peers, uint64_t duration_ms,
	       struct plan_times *times);

/* Leaves in the plan only what a list like "0-11,14,20-" names, by index. ERR_CONFIG. */
int MUST_CHECK plan_keep(struct plan *p, const char *list);
/* Sets keep[] for what such a list names. ERR_CONFIG. */
int MUST_CHECK plan_keep_marks(const char *list, bool *keep, size_t count);
/* Such a list of those for which keep[] holds; malloc'ed. */
char *plan_keep_text(const bool *keep, size_t count);

#endif
