/* SPDX-License-Identifier: MIT */
/* The peer with its plug-ins, storage and usages: made together, started, stopped and freed together. */
#ifndef NODE_CORE_H
#define NODE_CORE_H

#include "node/node.h"

/* Makes the peer, its topology plug-in, storage and usages. `first`: forms the ring. Errors of the parts;
 * `detail` says what to do. */
int MUST_CHECK core_new(struct node *n, bool first, char *detail, size_t detail_size);
void core_free(struct node *n);

/* Begins to join; a bootstrap peer that knows no other node forms the ring at once, and one that knows some
 * gives them two seconds. ERR_* of core_new. */
int MUST_CHECK core_start(struct node *n, char *detail, size_t detail_size);

/* Tells the usages that the peer has joined. */
void core_joined(struct node *n, struct now now);

#endif
