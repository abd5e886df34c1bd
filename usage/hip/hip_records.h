/* SPDX-License-Identifier: MIT */
/* The HIP-RVS records of this host: those it looked up (hip_locate.c) and those it keeps in the overlay
 * (hip_publish.c). */
#ifndef USAGE_HIP_HIP_RECORDS_H
#define USAGE_HIP_HIP_RECORDS_H

#include "usage/hip/hip_internal.h"

#define HIP_RECORD_RETRY_FIRST_S 5
#define HIP_RECORD_RETRY_MAX_S 60
#define HIP_RECORDS_STOP_MS 3000 /* the longest that removing them takes */

struct hip_locator_cache {
	struct hip_host *host;
	struct map *hits;   /* HIT -> what is known of it */
	size_t fetches;     /* under way */
	bool said_off;      /* "hip.ring.off" was logged */

	struct map *published; /* HIT -> struct hip_publication */
	bool stopping;
	void (*stopped)(void *ctx, struct now now); /* told once all is removed, or time is up */
	void *stopped_ctx;
	struct timer stop;
};

/* The overlay's configuration has the Kind. False is logged, once. */
bool hip_records_are_used(struct hip_locator_cache *c);

void hip_publications_init(struct hip_locator_cache *c);
void hip_publications_free(struct hip_locator_cache *c);

#endif
