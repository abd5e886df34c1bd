/* SPDX-License-Identifier: MIT */
/* Round-trip time and retransmission timeout. */
#include "overlay/round_trip.h"

#define ROUND_TRIP_TIMEOUT_FIRST_MS 500
/* A floor keeps a busy neighbour on a fast network from being taken for a lost one. */
#define ROUND_TRIP_TIMEOUT_MIN_MS 100
#define ROUND_TRIP_TIMEOUT_MAX_MS 4000
#define ROUND_TRIP_GRANULARITY_US 1000

void round_trip_init(struct round_trip *r)
{
	*r = (struct round_trip){ .timeout = duration_ms(ROUND_TRIP_TIMEOUT_FIRST_MS) };
}

void round_trip_add(struct round_trip *r, struct duration measured)
{
	uint64_t us = measured.us == 0 ? 1 : measured.us;
	uint64_t wait;

	if (r->smoothed.us == 0) { /* RFC 6298 (2.2) */
		r->smoothed.us = us;
		r->variation.us = us / 2;
	} else { /* (2.3) */
		uint64_t apart = us > r->smoothed.us ? us - r->smoothed.us : r->smoothed.us - us;

		r->variation.us = (3 * r->variation.us + apart) / 4;
		r->smoothed.us = (7 * r->smoothed.us + us) / 8;
		if (r->smoothed.us == 0)
			r->smoothed.us = 1;
	}
	wait = 4 * r->variation.us;
	if (wait < ROUND_TRIP_GRANULARITY_US)
		wait = ROUND_TRIP_GRANULARITY_US;
	wait = (r->smoothed.us + wait + 999) / 1000; /* ms, rounded up */
	if (wait < ROUND_TRIP_TIMEOUT_MIN_MS)
		wait = ROUND_TRIP_TIMEOUT_MIN_MS;
	if (wait > ROUND_TRIP_TIMEOUT_MAX_MS)
		wait = ROUND_TRIP_TIMEOUT_MAX_MS;
	r->timeout = duration_ms(wait);
}
