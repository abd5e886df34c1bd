/* SPDX-License-Identifier: MIT */
/* A binary heap of deadlines, ordered by (instant, order of arming). */
#include "overlay/base/timer.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"

#define TIMER_HEAP_ROOM_FIRST 8 /* timers */

void timer_heap_init(struct timer_heap *h)
{
	*h = (struct timer_heap){ 0 };
}

void timer_heap_free(struct timer_heap *h)
{
	for (size_t i = 0; i < h->count; i++)
		h->items[i]->place = 0;
	free(h->items);
	*h = (struct timer_heap){ 0 };
}

static bool timer_earlier(const struct timer *a, const struct timer *b)
{
	if (a->at.us != b->at.us)
		return a->at.us < b->at.us;
	return a->sequence < b->sequence;
}

static void timer_set(struct timer_heap *h, size_t i, struct timer *t)
{
	h->items[i] = t;
	t->place = (uint32_t)i + 1;
}

/* Lets `t`, whose place is i, rise or sink to where it belongs. */
static void timer_settle(struct timer_heap *h, size_t i, struct timer *t)
{
	while (i > 0 && timer_earlier(t, h->items[(i - 1) / 2])) {
		timer_set(h, i, h->items[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= h->count)
			break;
		if (child + 1 < h->count && timer_earlier(h->items[child + 1], h->items[child]))
			child++;
		if (!timer_earlier(h->items[child], t))
			break;
		timer_set(h, i, h->items[child]);
		i = child;
	}
	timer_set(h, i, t);
}

static void timer_heap_resize(struct timer_heap *h, size_t room)
{
	h->items = memory_resize(h->items, room * sizeof(*h->items));
	h->room = room;
}

void timer_arm(struct timer_heap *h, struct timer *t, struct instant at, timer_fn *fire, void *ctx)
{
	size_t i;

	if (t->place == 0) {
		if (h->count == h->room)
			timer_heap_resize(h, h->room == 0 ? TIMER_HEAP_ROOM_FIRST : 2 * h->room);
		i = h->count++;
		h->items[i] = t;
	} else {
		i = t->place - 1;
		invariant(i < h->count && h->items[i] == t);
	}
	t->at = at;
	t->fire = fire;
	t->ctx = ctx;
	t->sequence = h->next_sequence++;
	timer_settle(h, i, t);
}

void timer_disarm(struct timer_heap *h, struct timer *t)
{
	struct timer *last;
	size_t i;

	if (t->place == 0)
		return;
	i = t->place - 1;
	invariant(i < h->count && h->items[i] == t);
	t->place = 0;
	last = h->items[--h->count];
	if (last != t)
		timer_settle(h, i, last);
	if (h->room > TIMER_HEAP_ROOM_FIRST && h->count < h->room / 4)
		timer_heap_resize(h, h->room / 2);
}

struct instant timer_heap_deadline(const struct timer_heap *h)
{
	return h->count == 0 ? INSTANT_NEVER : h->items[0]->at;
}

void timer_heap_expire(struct timer_heap *h, struct now now)
{
	/* A timer armed from within for a time that has come fires in the next round, at the caller's next
	 * call: two timers that arm each other must not hold the loop. */
	uint64_t until = h->next_sequence;

	while (h->count > 0 && instant_due(h->items[0]->at, now.mono)) {
		struct timer *t = h->items[0];

		if (t->sequence >= until)
			break;
		timer_disarm(h, t);
		t->fire(t->ctx, now);
	}
}
