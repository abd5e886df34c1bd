/* SPDX-License-Identifier: MIT */
/* The list of actions. */
#include "tools/sim/plan.h"

#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"

void plan_add(struct plan *p, struct action a)
{
	if (p->count == p->room) {
		p->room = p->room == 0 ? 64 : 2 * p->room;
		p->actions = memory_resize(p->actions, p->room * sizeof(*p->actions));
	}
	p->actions[p->count++] = a;
}

/* Merges two sorted runs; the first one's come first where times are equal. */
static void merge(struct action *out, const struct action *a, size_t a_count, const struct action *b, size_t b_count)
{
	size_t i = 0, k = 0;

	while (i < a_count || k < b_count)
		if (k == b_count || (i < a_count && a[i].at_ms <= b[k].at_ms))
			*out++ = a[i++];
		else
			*out++ = b[k++];
}

/* By merging, since qsort leaves the order of equal times to chance. */
void plan_sort(struct plan *p)
{
	struct action *other;

	if (p->count < 2)
		return;
	other = memory_alloc(p->count * sizeof(*other));
	for (size_t width = 1; width < p->count; width *= 2) {
		for (size_t at = 0; at < p->count; at += 2 * width) {
			size_t left = p->count - at < width ? p->count - at : width;
			size_t rest = p->count - at - left;

			merge(other + at, p->actions + at, left, p->actions + at + left,
			      rest < width ? rest : width);
		}
		memcpy(p->actions, other, p->count * sizeof(*other));
	}
	free(other);
}

void plan_free(struct plan *p)
{
	free(p->actions);
	*p = (struct plan){ 0 };
}

const char *action_name(enum action_kind kind)
{
	static const char *const names[] = {
#define X(id, word, meaning) word,
		ACTION_MAP(X)
#undef X
	};

	return (size_t)kind < ACTION_COUNT ? names[kind] : "?";
}
