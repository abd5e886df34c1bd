/* SPDX-License-Identifier: MIT */
/* Round-trip time and retransmission timeout of one link (RFC 6298, rounded to the millisecond as
 * RFC 6940 6.6.3.1 asks). */
#ifndef OVERLAY_ROUND_TRIP_H
#define OVERLAY_ROUND_TRIP_H

#include "overlay/base/instant.h"

struct round_trip {
	struct duration smoothed; /* 0: nothing measured yet */
	struct duration variation;
	struct duration timeout; /* RTO, without back-off */
};

void round_trip_init(struct round_trip *r);

/* One measurement. */
void round_trip_add(struct round_trip *r, struct duration measured);

#endif
