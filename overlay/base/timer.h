/* SPDX-License-Identifier: MIT */
/* A heap of deadlines, ordered by (instant, order of arming). */
#ifndef OVERLAY_BASE_TIMER_H
#define OVERLAY_BASE_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "overlay/base/instant.h"

struct timer;
typedef void timer_fn(void *ctx, struct now now);

/* Embedded in what it wakes; zeroed before first use. A timer in a heap must be disarmed before its
 * memory goes. */
struct timer {
	timer_fn *fire;
	void *ctx;
	struct instant at;
	uint64_t sequence;
	uint32_t place; /* index in the heap + 1; 0: not armed */
};

struct timer_heap {
	struct timer **items; /* owned array of borrowed timers */
	size_t count;
	size_t room;
	uint64_t next_sequence;
};

void timer_heap_init(struct timer_heap *h);
void timer_heap_free(struct timer_heap *h);

static inline bool timer_is_armed(const struct timer *t) { return t->place != 0; }

/* Arms or re-arms. */
void timer_arm(struct timer_heap *h, struct timer *t, struct instant at, timer_fn *fire, void *ctx);

/* No effect when not armed. */
void timer_disarm(struct timer_heap *h, struct timer *t);

/* INSTANT_NEVER when empty. */
struct instant timer_heap_deadline(const struct timer_heap *h);

/* Fires all that are due at now.mono, each disarmed before it fires. */
void timer_heap_expire(struct timer_heap *h, struct now now);

#endif
