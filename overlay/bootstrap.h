/* SPDX-License-Identifier: MIT */
/* Finding a first link (RFC 6940 11.4): bootstrap nodes tried in random order, several at once,
 * with a back-off between rounds. */
#ifndef OVERLAY_BOOTSTRAP_H
#define OVERLAY_BOOTSTRAP_H

#include "overlay/peer.h"

struct link;

void bootstrap_new(struct peer *p);
void bootstrap_free(struct peer *p);

/* Addresses that were good before, beside the configuration's. */
void bootstrap_set_cached(struct peer *p, const struct address *cached, size_t count,
			  enum overlay_link_type type);

/* Begins; topology->join is called with the first link that is up. */
void bootstrap_start(struct peer *p, struct now now);
void bootstrap_stop(struct peer *p, struct now now);

/* The link to a peer went, or the peer closed it in order: its address is worth a try where no bootstrap node
 * answers. */
void bootstrap_peer_lost(struct peer *p, const struct link *l, bool is_orderly);

/* A link went: begins again when it was the last one. */
void bootstrap_link_lost(struct peer *p, struct now now);

#endif
