/* SPDX-License-Identifier: MIT */
/* Round-trip time and retransmission timeout of one link (RFC 6298, rounded to the millisecond as
 * RFC 6940 6.6.3.1 asks). */
#ifndef OVERLAY_ROUND_TRIP_H
#define OVERLAY_ROUND_TRIP_H

#include "overlay/base/instant.h"

struct round_trip {
	uint32_t smoothed_us; /* 0: nothing measured yet */
	uint32_t variation_us;
	uint32_t timeout_ms;
};

void round_trip_init(struct round_trip *r);

/* One measurement. */
void round_trip_add(struct round_trip *r, struct duration measured);

/* 0: nothing measured yet. */
static inline struct duration round_trip_smoothed(const struct round_trip *r)
{
	return duration_us(r->smoothed_us);
}

/* RTO, without back-off. */
static inline struct duration round_trip_timeout(const struct round_trip *r)
{
	return duration_ms(r->timeout_ms);
}

#endif
