/* SPDX-License-Identifier: MIT */
/* What the core and the topology plug-in ask of storage/. */
#ifndef OVERLAY_STORAGE_PORT_H
#define OVERLAY_STORAGE_PORT_H

#include <stdbool.h>

#include "overlay/base/instant.h"
#include "overlay/wire/node_id.h"

struct storage_statistics {
	uint32_t resources; /* Resource-IDs held */
	uint32_t values;    /* stored values held, replicas included */
	uint64_t bytes;     /* of values */
};

/* Called once, with 0 or the first ERR_* met (ERR_REQUEST_TIMEOUT when the receiver went away). */
typedef void storage_done_fn(void *ctx, struct now now, int err);

struct storage_ops {
	/* Store to `to` everything under Resource-IDs in (after, upto] that we hold: a Joining Node takes it
	 * over (10.5 step 6), or a successor does when we leave. Nothing is forgotten here. The request is
	 * queued behind others when many are outstanding. */
	void (*hand_over)(void *ctx, struct now now, const struct node_id *to, const struct node_id *after,
			  const struct node_id *upto, storage_done_fn *done, void *done_ctx);
	/* Our range or replica set may have changed: look what must be stored where (10.7.3) and what may
	 * be deleted. May be called often; storage compares with what it knew. `replicas_settled` is false
	 * while the successor replacement hold-down runs (10.7.1): do not make new replicas yet. */
	void (*topology_changed)(void *ctx, struct now now, bool replicas_settled);
	/* Queues the replica Stores of what is to be committed, so that replicas write while this node does.
	 * Called before `commit`, with the effects drained and written in between; may be left out. */
	void (*replicate_ahead)(void *ctx, struct now now);
	/* Makes durable what EFFECT_STORE_COMMIT announced; answers wait for it. */
	void (*commit)(void *ctx, struct now now);
	void (*statistics)(void *ctx, struct storage_statistics *out);
};

struct storage_port {
	const struct storage_ops *ops;
	void *ctx;
};

#endif
