/* SPDX-License-Identifier: MIT */
/* A run as text: the log lines of all nodes and the actions of the plan, one a line, in order of virtual
 * time. Node-IDs are written as the names of nodes, so that a trace reads like a sequence diagram and the
 * same run always gives the same bytes. */
#ifndef TOOLS_SIM_TRACE_H
#define TOOLS_SIM_TRACE_H

#include <stdio.h>

#include "tools/sim/plan.h"
#include "tools/sim/world.h"

struct trace;

/* `out` is borrowed. */
struct trace *trace_new(FILE *out);
void trace_free(struct trace *t);
/* From now on its nodes' Node-IDs are replaced by names, and time counts from now. Borrowed. */
void trace_set_world(struct trace *t, const struct world *w);

/* `at` on the world's clock; `node` SIZE_MAX: the run itself. */
void trace_line(struct trace *t, struct now at, size_t node, enum log_level level, const char *event,
		const char *text);

/* "n07", "n0123": wide enough for so many nodes, so that columns stay. `out` has room for 24 bytes. */
const char *trace_name(size_t node, size_t count, char *out);

/* What an action does and to whom, as "node=n03 other=n07 amount=1500"; only what its kind means. Returns
 * out. */
const char *trace_action(const struct action *a, size_t count, char *out, size_t size);

#endif
