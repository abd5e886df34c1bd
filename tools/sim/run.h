/* SPDX-License-Identifier: MIT */
/* One run: a world made from a scenario and a seed, the plan performed on it with the checks looking on, the
 * liveness phase, and what came of it. */
#ifndef TOOLS_SIM_RUN_H
#define TOOLS_SIM_RUN_H

#include "tools/sim/attacker.h"
#include "tools/sim/check.h"
#include "tools/sim/plan_draw.h"

#define RUN_VIOLATIONS_KEPT 3

struct run_hops {
	uint64_t sampled, unreached;
	uint64_t mean_milli;
	uint64_t p99, most;
};

/* Plain bytes, so that it passes from process to process. */
struct run_result {
	uint64_t seed;
	size_t peers;
	uint64_t virtual_us, wall_us, cpu_us;
	uint64_t events, trace_hash, checks;
	uint64_t actions[ACTION_COUNT]; /* performed */
	size_t plan_count;
	struct net_statistics statistics;
	struct world_totals totals;
	struct world_exchanges exchanges;
	struct attacker_totals attacks;
	size_t hostile;
	size_t records;
	struct check_liveness liveness;
	struct run_hops hops;
	uint64_t memory_per_peer;       /* bytes of the heap once the ring had formed; 0: not measured */
	uint64_t memory_own;            /* bytes that go with each peer's process at the end of the run; likewise */
	uint64_t rest_messages, rest_bytes, rest_peer_seconds, rest_events, rest_cpu_us;
	size_t violation_count;
	struct violation violations[RUN_VIOLATIONS_KEPT];
};

/* Wilson's interval at 95 % of the share `good` in `all`. */
void run_wilson(uint64_t good, uint64_t all, double *low, double *high);


/* What a run shows to whoever draws or writes it. All may be NULL. */
struct run_watch {
	/* A peer's log line, and "sim.*" lines of the run itself with node SIZE_MAX. */
	void (*log)(void *ctx, struct now now, size_t node, enum log_level level, const char *event,
		    const char *text);
	void (*made)(void *ctx, struct world *w); /* the world with its nodes, none of them started */
	void (*action)(void *ctx, struct now now, const struct action *a);
	void (*hostile)(void *ctx, size_t node); /* turns hostile */
	/* Once a virtual second, while anything happens. */
	void (*second)(void *ctx, struct world *w);
	/* At each turn of the run: "formed", "halfway", "faults-stop", "end". */
	void (*turn)(void *ctx, struct world *w, const char *what);
	void (*violated)(void *ctx, const struct violation *v);
	enum log_level log_level;
	void *ctx;
};

struct run_options {
	uint64_t seed;
	size_t peers;         /* 0: as the scenario and seed say */
	uint64_t duration_ms; /* of the trouble; 0: likewise */
	const char *keep;     /* of the plan, as plan_keep reads it; NULL: all */
	bool measure_memory;  /* costs a walk over the heap */
	const struct run_watch *watch; /* may be NULL */
};

/* Whether such a run is possible: ERR_CONFIG, and `detail` says why not. */
int MUST_CHECK run_check(const struct scenario *s, const struct run_options *options, char *detail,
			 size_t detail_size);

/* ERR_CONFIG: the options or the scenario's hostile behaviour are not valid; `detail` says why. */
int MUST_CHECK run_scenario(const struct scenario *s, const struct run_options *options, struct run_result *out,
			    char *detail, size_t detail_size);

/* The same in a process of its own, so that a crash is a result too: *signal_number is 0 or what ended it.
 * `wall_limit_s`: after so long it is ended by SIGALRM; 0: no limit. */
int MUST_CHECK run_isolated(const struct scenario *s, const struct run_options *options, unsigned wall_limit_s,
			    struct run_result *out, int *signal_number);

#endif
