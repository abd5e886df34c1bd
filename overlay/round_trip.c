/* SPDX-License-Identifier: MIT */
/* Round-trip time and retransmission timeout. */
#include "overlay/round_trip.h"

#define ROUND_TRIP_TIMEOUT_FIRST_MS 500
/* A floor keeps a busy neighbour on a fast network from being taken for a lost one. */
#define ROUND_TRIP_TIMEOUT_MIN_MS 100
#define ROUND_TRIP_TIMEOUT_MAX_MS 4000
#define ROUND_TRIP_GRANULARITY_US 1000
#define ROUND_TRIP_MAX_US 60000000u /* more is not believed */

void round_trip_init(struct round_trip *r)
{
	*r = (struct round_trip){ .timeout_ms = ROUND_TRIP_TIMEOUT_FIRST_MS };
}

void round_trip_add(struct round_trip *r, struct duration measured)
{
	uint32_t us = measured.us > ROUND_TRIP_MAX_US ? ROUND_TRIP_MAX_US : (uint32_t)measured.us;
	uint32_t wait;

	if (us == 0)
		us = 1;
	if (r->smoothed_us == 0) { /* RFC 6298 (2.2) */
		r->smoothed_us = us;
		r->variation_us = us / 2;
	} else { /* (2.3) */
		uint32_t apart = us > r->smoothed_us ? us - r->smoothed_us : r->smoothed_us - us;

		r->variation_us = (3 * r->variation_us + apart) / 4;
		r->smoothed_us = (7 * r->smoothed_us + us) / 8;
		if (r->smoothed_us == 0)
			r->smoothed_us = 1;
	}
	wait = 4 * r->variation_us;
	if (wait < ROUND_TRIP_GRANULARITY_US)
		wait = ROUND_TRIP_GRANULARITY_US;
	wait = (r->smoothed_us + wait + 999) / 1000; /* ms, rounded up */
	if (wait < ROUND_TRIP_TIMEOUT_MIN_MS)
		wait = ROUND_TRIP_TIMEOUT_MIN_MS;
	if (wait > ROUND_TRIP_TIMEOUT_MAX_MS)
		wait = ROUND_TRIP_TIMEOUT_MAX_MS;
	r->timeout_ms = wait;
}
