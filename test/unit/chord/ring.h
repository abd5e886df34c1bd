/* SPDX-License-Identifier: MIT */
/* What the ring tests share: a net of peers, and waiting for the ideal ring. */
#ifndef TEST_UNIT_CHORD_RING_H
#define TEST_UNIT_CHORD_RING_H

#include <stdio.h>

#include "overlay/attach.h"
#include "overlay/base/invariant.h"
#include "overlay/link.h"
#include "overlay/transport.h"
#include "tools/sim/net.h"
#include "test/unit/run.h"

static inline struct net *ring_new_with(size_t count, const struct net_options *options)
{
	struct net *n = net_new(options);

	net_add_peers(n, count);
	return n;
}

static inline struct net *ring_new(size_t count, uint64_t seed)
{
	struct net_options o = { .seed = seed };

	return ring_new_with(count, &o);
}

/* Virtual milliseconds until the ring is ideal, looked at every 50 ms; fails the test at `limit_s`. */
static inline uint64_t ring_wait(struct net *n, uint64_t limit_s)
{
	uint64_t start = net_now(n).mono.us;

	while (!net_ring_is_ideal(n, NULL)) {
		ck_assert_msg(net_now(n).mono.us - start <= limit_s * 1000000, "not ideal: %s",
			      net_all_joined(n, NULL) ? net_ring_fault(n) : "not all have joined");
		net_run(n, duration_ms(50));
	}
	return (net_now(n).mono.us - start) / 1000;
}

/* An ideal ring of `count` peers, started `gap_ms` apart. */
static inline struct net *ring_form(size_t count, uint64_t seed, uint64_t gap_ms)
{
	struct net *n = ring_new(count, seed);

	for (size_t i = 0; i < count; i++) {
		net_start(n, i);
		net_run(n, duration_ms(gap_ms));
	}
	(void)ring_wait(n, 60);
	return n;
}

static inline const struct topology *ring_topology(struct net *n, size_t node)
{
	return peer_topology(net_peer(n, node));
}

#endif
