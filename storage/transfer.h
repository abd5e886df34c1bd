/* SPDX-License-Identifier: MIT */
/* One Store of a Resource to another node: what it lacks, in as many messages as it takes, one at a time. */
#ifndef STORAGE_TRANSFER_H
#define STORAGE_TRANSFER_H

#include "storage/storage_state.h"

struct transfer {
	struct transfer *next;
	struct transfer **link; /* what points to this one */
	struct storage *storage;
	struct node_id point;
	struct node_id node; /* zero: whoever owns the Resource-ID */
	uint8_t replica_number;
	uint64_t upto;       /* the version it holds when this is confirmed */
	link_id via;         /* the link to the node when it was sent; 0: none */
	uint64_t transaction_id;
	struct hand_over *hand_over; /* waits for this; NULL: none */
};

/* Sends `node` (zero: the owner, wherever it is) the oldest values of `r` that it is not known to hold, as
 * many as fit a message. replication_transferred is called with the outcome, unless an error is returned;
 * then the holder's next try is put off. ERR_IN_PROGRESS when one is under way, ERR_LIMIT, and those of
 * transport_request. */
int MUST_CHECK transfer_start(struct storage *s, struct now now, struct stored_resource *r,
			      const struct node_id *node, uint8_t replica_number,
			      struct hand_over *hand_over);

/* The one under way, or NULL. */
struct transfer *transfer_find(const struct storage *s, const struct node_id *point,
			       const struct node_id *node);

/* What a holder confirmed counts as long as its link lasts: a process that was started again may have lost its
 * disk. With a new link it is asked to store everything again, which changes nothing where it is there. */
void transfer_doubt(const struct storage *s, struct holder *h);

/* Cancels all. */
void transfer_cancel_all(struct storage *s);

#endif
