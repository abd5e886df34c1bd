/* SPDX-License-Identifier: MIT */
/* Time as types, so that seconds, microseconds, monotonic and wall time cannot be mixed. Time is
 * always passed in: nothing below node/ reads a clock. */
#ifndef OVERLAY_BASE_INSTANT_H
#define OVERLAY_BASE_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

/* A point on the monotonic clock, in microseconds since an arbitrary start. */
struct instant {
	uint64_t us;
};

/* A span of time, in microseconds. */
struct duration {
	uint64_t us;
};

/* A point on the wall clock, in milliseconds since 1970-01-01T00:00:00Z without leap seconds, as
 * RFC 6940 section 7 counts storage_time. */
struct walltime {
	uint64_t ms;
};

/* What every input to a peer carries. */
struct now {
	struct instant mono;
	struct walltime wall;
};

#define INSTANT_NEVER ((struct instant){ UINT64_MAX })

static inline struct duration duration_us(uint64_t us) { return (struct duration){ us }; }
static inline struct duration duration_ms(uint64_t ms) { return (struct duration){ ms * 1000 }; }
static inline struct duration duration_s(uint64_t s) { return (struct duration){ s * 1000000 }; }

static inline bool instant_is_never(struct instant t) { return t.us == UINT64_MAX; }

static inline bool instant_before(struct instant a, struct instant b) { return a.us < b.us; }

/* `t` has come: due at or before `now`. */
static inline bool instant_due(struct instant t, struct instant now) { return t.us <= now.us; }

static inline struct instant instant_min(struct instant a, struct instant b)
{
	return a.us < b.us ? a : b;
}

static inline struct instant instant_add(struct instant t, struct duration d)
{
	return (struct instant){ t.us > UINT64_MAX - 1 - d.us ? UINT64_MAX - 1 : t.us + d.us };
}

/* later - earlier; zero when `later` is in fact the earlier one. */
static inline struct duration instant_since(struct instant later, struct instant earlier)
{
	return (struct duration){ later.us > earlier.us ? later.us - earlier.us : 0 };
}

#endif
