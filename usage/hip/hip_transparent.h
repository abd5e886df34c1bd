/* SPDX-License-Identifier: MIT */
/* Hosts that can do nothing but send to an address: each remote HIT has a synthetic locator of the range
 * options.transparent_first, under which such a host finds it and is found by it. */
#ifndef USAGE_HIP_HIP_TRANSPARENT_H
#define USAGE_HIP_HIP_TRANSPARENT_H

#include "usage/hip/hip_host.h"

/* The synthetic locator of a remote HIT (port 10500): what a host at this edge is told as that HIT's address.
 * The same for the same HIT unless another one has its place. ERR_UNSUPPORTED: not an edge with
 * options.edge_transparent. */
int MUST_CHECK hip_host_synthetic(struct hip_host *h, const struct hit *remote, struct address *out);
/* Serves a host that cannot register and speaks only when spoken to: packets for `hit` go to `path` from now
 * on, and the ring is told (edge-vouched: without a proof). ERR_UNSUPPORTED, ERR_LIMIT. */
int MUST_CHECK hip_host_serve(struct hip_host *h, struct now now, const struct hit *hit, const struct hip_path *path);

#endif
