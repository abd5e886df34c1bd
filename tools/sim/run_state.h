/* SPDX-License-Identifier: MIT */
/* What run.c, run_action.c and run_measure.c share. */
#ifndef TOOLS_SIM_RUN_STATE_H
#define TOOLS_SIM_RUN_STATE_H

#include "tools/sim/run.h"

/* An action that is over at some time. */
struct run_end {
	uint64_t at_ms;
	struct action action;
};

struct run {
	const struct scenario *scenario;
	const struct run_options *options;
	struct run_result *result;
	struct world *world;
	struct check *check;
	struct attacker *attacker; /* NULL: all are honest */
	enum attacker_behaviour behaviour;
	bool *is_hostile; /* by node */
	struct net_weather weather; /* but for the plan's own */
	struct plan plan;
	struct plan_times times;
	struct run_end *ends; /* in no order; few */
	size_t end_count, end_room;
	struct instant began;
	uint64_t next_second_us; /* for watch->second */
	size_t violations_told;
	uint64_t heap_before;
};

uint64_t run_now_ms(const struct run *r);
void run_log(struct run *r, const char *event, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* run_action.c */
void run_perform(struct run *r, const struct action *a);
/* When the next lasting action is over; UINT64_MAX: none lasts. */
uint64_t run_next_end_ms(const struct run *r);
void run_end_due(struct run *r, bool all);

/* run_measure.c */
uint64_t run_heap_bytes(void);
uint64_t run_wall_us(void);
uint64_t run_cpu_us(void); /* of this process */
/* Ends all processes. */
void run_measure_memory(struct run *r);
void run_measure_hops(struct run *r);
void run_measure_rest(struct run *r, uint64_t rest_ms);

#endif
