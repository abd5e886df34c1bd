/* SPDX-License-Identifier: MIT */
/* Hand-over of a range to a Joining Node, or to a successor when we leave (RFC 6940 10.5). */
#ifndef STORAGE_HAND_OVER_H
#define STORAGE_HAND_OVER_H

#include "storage/storage_state.h"

struct hand_over;

/* As storage_ops.hand_over; `done` is called after this has returned. */
void hand_over_start(struct storage *s, struct now now, const struct node_id *to,
		     const struct node_id *after, const struct node_id *upto, storage_done_fn *done,
		     void *done_ctx);

/* The job a transfer belonged to goes on with the rest of the same Resource (NULL: gone), then with others. */
void hand_over_transferred(struct hand_over *job, struct now now, struct stored_resource *r, int err);

/* Without a word. */
void hand_over_free_all(struct storage *s);

#endif
