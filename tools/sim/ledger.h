/* SPDX-License-Identifier: MIT */
/* What an honest observer outside knows of the workload: which records were acknowledged, and how lookups of
 * them end. For world.c; everybody else sees it through tools/sim/world.h. */
#ifndef TOOLS_SIM_LEDGER_H
#define TOOLS_SIM_LEDGER_H

#include "tools/sim/world.h"

struct ledger *ledger_new(struct world *w, uint64_t seed);
void ledger_free(struct ledger *l);

void ledger_register(struct ledger *l, size_t node, uint32_t lifetime_s, bool exists);
void ledger_lookup(struct ledger *l, size_t from, size_t user, world_lookup_fn *done, void *ctx);
size_t ledger_record_count(const struct ledger *l);
struct record *ledger_record(const struct ledger *l, size_t index);
struct record *ledger_record_of(const struct ledger *l, size_t user, size_t node);

/* Tells the callers of lookups that have ended; between two events of the net. */
void ledger_deliver(struct ledger *l);
/* The node's process ends, and with it the calls it made. */
void ledger_node_stopped(struct ledger *l, size_t node);

void ledger_set_load(struct ledger *l, struct now now, uint32_t stores_per_1000_s, uint32_t lookups_per_1000_s,
		     uint32_t lifetime_s);
/* The workload's next action; and does what is due. */
struct instant ledger_deadline(const struct ledger *l);
void ledger_expire(struct ledger *l, struct now now);

/* The parts of the totals that it counts. */
void ledger_totals(const struct ledger *l, struct world_totals *out);

/* What world.c lends it. */
const struct world_observer *world_observer(const struct world *w);
bool world_is_partitioned(const struct world *w);

#endif
