/* SPDX-License-Identifier: MIT */
/* What runs came to, added up: as lines for people, and as JSON. */
#ifndef TOOLS_SIM_REPORT_H
#define TOOLS_SIM_REPORT_H

#include <stdio.h>

#include "tools/sim/run.h"

/* Of one run or of many. */
struct report {
	const char *scenario;
	uint64_t seeds, failed, crashed;
	uint64_t first_seed, last_seed;
	uint64_t virtual_us, peer_seconds;
	uint64_t wall_us; /* of the whole sweep */
	uint64_t cpu_us;  /* of all its processes */
	uint64_t events, checks, violations;
	uint64_t actions[ACTION_COUNT];
	struct net_statistics statistics;
	struct world_totals totals; /* of the lookup times: the largest of any run */
	struct attacker_totals attacks;
	uint64_t records;
	uint64_t ideal_us_most, placed_us_most, never_ideal, never_placed;
	uint64_t hash; /* of one run its trace hash; of many, their sum */
	struct run_result one; /* the last added */
};

void report_init(struct report *r, const char *scenario);
void report_add(struct report *r, const struct run_result *result);
/* The run with this seed ended by a signal. */
void report_add_crash(struct report *r, uint64_t seed);

/* The one summary line; and what else there is to say, for a single run with its own figures. */
void report_line(const struct report *r, FILE *out);
void report_details(const struct report *r, FILE *out);
void report_json(const struct report *r, FILE *out);
/* "check at 12.345 s, n03: what" */
void report_violation(const struct violation *v, FILE *out);

/* The commit this program was built from. */
extern const char report_revision[];

#endif
