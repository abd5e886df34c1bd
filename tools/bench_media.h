/* SPDX-License-Identifier: MIT */
/* Calls with media between two peers: G.711 packets of 20 ms both ways, each call with sockets of its own. */
#ifndef TOOLS_BENCH_MEDIA_H
#define TOOLS_BENCH_MEDIA_H

#include "tools/bench_load.h"

#define BENCH_CALLS_MAX 1000

struct bench_media_result {
	size_t calls;               /* set up */
	size_t sent, received;      /* RTP packets of both directions, through the nodes */
	double seconds;             /* how long they were sent */
	double cpu_s[2];            /* of the two peers meanwhile */
	struct bench_samples setup; /* INVITE to its 200 */
	struct bench_samples delay; /* of a packet, phone to phone through both nodes */
	struct bench_samples direct; /* the same straight from phone to phone, at the same pace */
};

/* Sets up `calls` calls between phones at peers 2 and 3 of the ring and lets media flow for `seconds`. False, after a
 * sentence on stderr, when a call cannot be set up. The samples are owned by the caller. */
bool bench_media_run(struct bench_ring *ring, size_t calls, double seconds, struct bench_media_result *out);

#endif
