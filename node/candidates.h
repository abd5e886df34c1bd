/* SPDX-License-Identifier: MIT */
/* The No-ICE candidates this node offers: its own addresses, by preference (RFC 6940 6.5.1.1, 6.5.1.11). */
#ifndef NODE_CANDIDATES_H
#define NODE_CANDIDATES_H

#include "node/node.h"

/* Fills n->candidates and n->app_candidates from the settings. ERR_CONFIG when there is no address that others
 * could use; `detail` says what to set. */
int MUST_CHECK candidates_make(struct node *n, char *detail, size_t detail_size);

/* The same once more, after the machine's addresses changed; the peer is told when they differ. Without any usable
 * address the old ones stay. */
void candidates_renew(struct node *n);

/* One of this node's own overlay addresses. */
bool candidates_have(const struct node *n, const struct address *address);

#endif
