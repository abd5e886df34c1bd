/* SPDX-License-Identifier: MIT */
/* The same scenario with many seeds, in several processes. */
#ifndef TOOLS_SIM_SWEEP_H
#define TOOLS_SIM_SWEEP_H

#include "tools/sim/report.h"

#define SWEEP_JOBS_MAX 64

struct sweep_options {
	uint64_t first, last; /* seeds */
	size_t peers;         /* 0: as the scenario and seed say */
	uint64_t duration_ms; /* 0: likewise */
	unsigned jobs;
	size_t failures_max;  /* stop after so many; 0: never */
	unsigned wall_limit_s; /* for one seed; 0: none */
	const char *command;  /* what replays a failure begins with this, e.g. "peal-sim replay swarm" */
	FILE *failures;       /* where failures are told, as they come */
	FILE *progress;       /* a terminal, or NULL */
};

/* 0 when all seeds were run, whatever came of them; ERR_LIMIT: stopped after too many failures; ERR_CONFIG. */
int MUST_CHECK sweep(const struct scenario *s, const struct sweep_options *options, struct report *out);

#endif
