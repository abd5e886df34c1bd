/* SPDX-License-Identifier: MIT */
/* What hip_registrant.c (registrations elsewhere) and hip_vouched_path.c (packets that came through there) share. */
#ifndef USAGE_HIP_HIP_REGISTRANTS_H
#define USAGE_HIP_HIP_REGISTRANTS_H

#include "usage/hip/hip_internal.h"
#include "usage/hip/hip_r1_pool.h"
#include "usage/hip/hip_registrant.h"

#define HIP_REGISTRANT_RETRY_S 5   /* doubled each time */
#define HIP_REGISTRANT_CHECK_S 15  /* whether the association is still there */
#define HIP_REGISTRANT_CANCEL_TRIES 3
#define HIP_REGISTRANT_NOT_OFFERED 1 /* as the registrar itself would say (RFC 8003 4.5) */
#define HIP_ROUTES_MAX 256         /* hosts that came through a server; the oldest gives way */

/* One registration of ours. */
struct hip_registrant {
	struct hip_registrant *next;
	struct hip_host *host;
	struct hit server;
	struct address address, seen;
	uint8_t type, failure;
	uint32_t lifetime_s;  /* wanted; 0: being cancelled */
	bool due;             /* the next I2 or UPDATE asks */
	bool connecting, registered;
	unsigned tries;
	struct instant expires, refresh;
	struct timer timer;
};
bool hip_registrant_is_active(const struct hip_registrant *r, struct now now);

/* Through which server a host came. */
struct hip_route {
	struct hip_route *older, *newer;
	struct hit peer, server;
	struct hip_path path;               /* of what came so: the server's for a relay, FROM for an RVS */
	struct address server_address;      /* for VIA_RVS */
	struct hip_transport_address from;  /* RELAY_FROM, which comes back as RELAY_TO */
	bool is_relay;
};

struct hip_registrants {
	struct hip_registrant *first;
	size_t count;
	struct map *routes; /* by the peer's HIT */
	struct hip_route *oldest, *newest;
};

void hip_routes_free(struct hip_registrants *t);

#endif
