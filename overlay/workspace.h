/* SPDX-License-Identifier: MIT */
/* Working memory of turns. A turn begins with an input to a peer and ends when its effects are drained; between
 * turns a peer needs neither arena nor effect queue. So peers of one process may share a workspace: each takes a
 * turn's memory from it when it first needs some and gives it back when it is drained. Several peers may be within
 * a turn at once, they then hold different ones. Not for several threads. */
#ifndef OVERLAY_WORKSPACE_H
#define OVERLAY_WORKSPACE_H

#include "overlay/base/arena.h"
#include "overlay/effect.h"

/* Effects not yet drained, in order. */
struct effect_queue {
	struct effect *items; /* owned */
	size_t first;         /* next to hand out */
	size_t count;         /* end of those queued */
	size_t room;
	struct effect current; /* handed out last */
};

struct turn {
	struct turn *next; /* in the workspace */
	struct arena arena;
	struct effect_queue effects;
};

struct workspace;

/* Owned by the caller; must outlive the peers that use it. */
struct workspace *workspace_new(void);
void workspace_free(struct workspace *w);

/* Empty memory for one turn. Never NULL. */
struct turn *workspace_take(struct workspace *w);
/* Gives it back: what its arena and queue held is void. */
void workspace_give(struct workspace *w, struct turn *t);

#endif
