/* SPDX-License-Identifier: MIT */
/* What must hold in a simulated overlay, looked at from outside the code under test: the peers' tables and
 * stores against the Node-IDs, the ledger and the plan of faults. reliability of each check: after every
 * event for the node it reached; everything once a virtual second; at the end the liveness phase. */
#ifndef TOOLS_SIM_CHECK_H
#define TOOLS_SIM_CHECK_H

#include "tools/sim/world.h"

/* X(identifier, name, meaning). A violation of one of the first kind is a bug at once; of the second only
 * when it lasts longer than its time. */
#define CHECK_MAP(X)                                                                                   \
	X(LIVE_SUCCESSOR, "live-successor", "a joined peer has a live entry among its successors")       \
	X(PRINCIPALS, "principals", "at least r+1 peers that no list skips")                             \
	X(ONE_RING, "one-ring", "the first successors make exactly one ring in each connected part")     \
	X(ORDERED, "ordered", "that ring goes round the identifiers once; every peer reaches it")        \
	X(LISTS, "lists", "lists are in order, without self or doubles, of attached and verified nodes") \
	X(RESPONSIBILITY, "responsibility", "at most two claim an identifier, one when quiet, never none") \
	X(VALUES, "values", "each stored value verifies, is of a known Kind, in time, within limits")    \
	X(NO_ROLLBACK, "no-rollback", "storage times and generations never go back at a node")           \
	X(NOT_LOST, "not-lost", "an acknowledged record has a live holder unless all three failed")      \
	X(PLACED, "placed", "when quiet each record is at its owner and two replicas, and nowhere for good") \
	X(ROUTES, "routes", "no message goes round in a loop; hops stay below the bound")                \
	X(LIMITS, "limits", "queues, tables and memory of a peer stay below their caps")                 \
	X(IDEAL, "ideal", "the ring is ideal within its time after the faults stop")                     \
	X(FOUND, "found", "lookups of live records succeed once the ring is ideal")                      \
	X(EXCHANGES, "exchanges", "HIP base exchanges succeed, in the time that lookups and round trips allow")

enum check_id {
#define X(id, name, meaning) CHECK_##id,
	CHECK_MAP(X)
#undef X
	CHECK_COUNT
};

const char *check_name(enum check_id id);

struct violation {
	enum check_id check;
	uint64_t at_ms; /* virtual */
	size_t node;    /* SIZE_MAX: none in particular */
	char text[400];
};

struct check_options {
	struct duration repair_window; /* 0: 15 s: failures this close together count as at once */
	struct duration settle;        /* how long a transient state may last; 0: 20 s */
	bool every_event;              /* else only once a second: for more than 200 nodes */
	bool has_hostile;              /* nodes marked hostile are not checked, nor counted on */
};

struct check;
struct check *check_new(struct world *w, const struct check_options *options);
void check_free(struct check *c);
void check_set_hostile(struct check *c, size_t node);

/* To be called from world_options.stepped, and before a node is stopped on purpose (kill, destroy, leave) so
 * that it is known which records depended on it. */
void check_stepped(struct check *c, size_t node);
void check_failing(struct check *c, size_t node, bool disk_lost);
/* Connections changed (partition, cut, heal), so that transient states may begin anew. */
void check_disturbed(struct check *c);
/* Everything, once a virtual second. */
void check_second(struct check *c);

/* The liveness phase: the faults have stopped, everybody reaches everybody. Runs the world until the ring is
 * ideal and the records are placed, at most so long. The times taken, 0 when it never came. */
struct check_liveness {
	struct duration ideal_after;
	struct duration placed_after;
	bool is_ideal;
	bool is_placed;
};
void check_liveness(struct check *c, struct duration ideal_within, struct duration placed_within,
		    struct check_liveness *out);
/* Each live record is looked up once from a peer drawn by chance; all must be found. */
void check_all_found(struct check *c);

/* Violations so far; the first one. Checking goes on after one, but reports each check only once. */
size_t check_violation_count(const struct check *c);
const struct violation *check_violation(const struct check *c, size_t index);
uint64_t check_count(const struct check *c); /* single conditions looked at */
/* What would have been a violation, had not an injected fault itself broken what the check relies on. */
uint64_t check_excused(const struct check *c, enum check_id id);

/* Hops of requests to Resource-IDs, each request counted once, as far as it was seen to get; in thousandths. */
struct check_hops {
	uint64_t requests;
	uint64_t mean_milli;
	unsigned p99, max;
};
void check_hops(const struct check *c, struct check_hops *out);
/* Messages that the running peers dropped because a limit was reached, those that ended included. */
uint64_t check_dropped_limit(const struct check *c);

#endif
