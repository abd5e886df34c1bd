/* SPDX-License-Identifier: MIT */
/* What happens in a run beside the peers' own doing: a list of actions in order of time, drawn from the seed
 * before the run begins. So a failure can be replayed, and shrunk by leaving actions out. */
#ifndef TOOLS_SIM_PLAN_H
#define TOOLS_SIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(identifier, word in files and reports, meaning of node, other, amount) */
#define ACTION_MAP(X)                                                                                 \
	X(START, "start", "node begins, for the first time or again")                                  \
	X(KILL, "kill", "process of node dies, links are reset")                                       \
	X(SILENT_KILL, "silent-kill", "node loses power")                                              \
	X(DESTROY, "destroy", "as silent-kill, and the disk is lost")                                  \
	X(LEAVE, "leave", "node leaves gracefully")                                                    \
	X(PAUSE, "pause", "node stands still for amount ms")                                           \
	X(SLOW, "slow", "each input of node takes amount us; 0: as before")                            \
	X(CLOCK, "clock", "node's wall clock is off by amount ms")                                     \
	X(BREAK, "break", "link between node and other is reset")                                      \
	X(CUT, "cut", "nothing from node reaches other, for amount ms")                                \
	X(PARTITION, "partition", "nodes are split in two by bit mask `amount` of a hash, for other ms") \
	X(WEATHER, "weather", "loss, delay and reordering of strength amount for other ms")            \
	X(DISK_FULL, "disk-full", "node's disk is full for amount ms")                                 \
	X(DISK_ERROR, "disk-error", "node's disk fails for amount ms")                                 \
	X(REGISTER, "register", "node stores its registration with lifetime amount s")                 \
	X(UNREGISTER, "unregister", "node removes its registration")                                   \
	X(LOOKUP, "lookup", "node looks up the registrations of other")                                \
	X(ASSOCIATE, "associate", "node makes a HIP base exchange with other")

enum action_kind {
#define X(id, word, meaning) ACTION_##id,
	ACTION_MAP(X)
#undef X
	ACTION_COUNT
};

struct action {
	uint64_t at_ms; /* virtual, from the beginning of the run */
	enum action_kind kind;
	size_t node;
	uint64_t other;
	int64_t amount;
};

struct plan {
	struct action *actions; /* owned; in order of time */
	size_t count;
	size_t room;
};

void plan_add(struct plan *p, struct action a);
/* In order of time; equal times stay in order of adding. */
void plan_sort(struct plan *p);
void plan_free(struct plan *p);
const char *action_name(enum action_kind kind);

#endif
