/* SPDX-License-Identifier: MIT */
/* A run as a picture: the ring with its links at some moments, and what happened over time below. */
#ifndef TOOLS_SIM_SVG_H
#define TOOLS_SIM_SVG_H

#include <stdio.h>

#include "tools/sim/check.h"
#include "tools/sim/plan.h"

struct svg;

struct svg *svg_new(void);
void svg_free(struct svg *s);

/* What the run says while it goes on; borrowed for the call. */
void svg_set_world(struct svg *s, struct world *w);
void svg_hostile(struct svg *s, size_t node);
void svg_second(struct svg *s, struct world *w);
void svg_action(struct svg *s, struct now now, const struct action *a);
void svg_violation(struct svg *s, const struct violation *v);
/* The ring as it is now. The latest one is drawn large, and the three before it small. */
void svg_snapshot(struct svg *s, struct world *w, const char *caption);

void svg_write(const struct svg *s, const char *title, FILE *out);

#endif
