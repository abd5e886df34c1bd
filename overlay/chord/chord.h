/* SPDX-License-Identifier: MIT */
/* CHORD-RELOAD (RFC 6940 section 10): the topology plug-in. */
#ifndef OVERLAY_CHORD_CHORD_H
#define OVERLAY_CHORD_CHORD_H

#include "overlay/peer.h"

struct chord;

/* Makes the plug-in and sets it on the peer (peer_set_topology, and handlers for Join, Leave, Update,
 * RouteQuery). Owned by the caller; freed before the peer. */
struct chord *chord_new(struct peer *p);
void chord_free(struct chord *c);

#endif
