/* SPDX-License-Identifier: MIT */
/* Working memory of turns, lent and taken back. */
#include "overlay/workspace.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"

/* Bytes of working memory for one input: a full read of small messages, each decoded. */
#define WORKSPACE_ARENA_BYTES (16u << 20)
#define WORKSPACE_EFFECTS_FIRST 16

struct workspace {
	struct turn *idle; /* owned */
	size_t lent;
};

struct workspace *workspace_new(void)
{
	return memory_alloc(sizeof(struct workspace));
}

void workspace_free(struct workspace *w)
{
	if (w == NULL)
		return;
	invariant(w->lent == 0);
	while (w->idle != NULL) {
		struct turn *t = w->idle;

		w->idle = t->next;
		arena_free(&t->arena);
		free(t->effects.items);
		free(t);
	}
	free(w);
}

struct turn *workspace_take(struct workspace *w)
{
	struct turn *t = w->idle;

	w->lent++;
	if (t != NULL) {
		w->idle = t->next;
		return t;
	}
	t = memory_alloc(sizeof(*t));
	arena_init(&t->arena, WORKSPACE_ARENA_BYTES);
	t->effects.room = WORKSPACE_EFFECTS_FIRST;
	t->effects.items = memory_resize(NULL, t->effects.room * sizeof(*t->effects.items));
	return t;
}

void workspace_give(struct workspace *w, struct turn *t)
{
	invariant(w->lent > 0);
	w->lent--;
	arena_reset(&t->arena);
	t->effects.first = t->effects.count = 0;
	t->next = w->idle;
	w->idle = t;
}
