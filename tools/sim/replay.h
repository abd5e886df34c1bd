/* SPDX-License-Identifier: MIT */
/* A failure once more: told as it goes, or made smaller. */
#ifndef TOOLS_SIM_REPLAY_H
#define TOOLS_SIM_REPLAY_H

#include "tools/sim/run.h"

#define REPLAY_TRIES_MAX 2000

/* Leaves out of the plan what the failure does not need, and prints the rest with the command that replays
 * it. 0 when nothing fails, 1 when something does, below 0: ERR_CONFIG. */
int replay_shrink(const struct scenario *s, const struct run_options *options, const char *command,
		  unsigned wall_limit_s, FILE *out, FILE *progress);

/* One action in words. */
void replay_action(const struct action *a, size_t peers, FILE *out);

#endif
