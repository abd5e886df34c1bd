/* SPDX-License-Identifier: MIT */
/* A storage port that holds nothing, for nets whose tests are about the ring alone. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "tools/sim/net_internal.h"

static void null_hand_over_done(void *ctx, struct now now)
{
	struct net_hand_over *h = ctx;
	storage_done_fn *done = h->done;

	h->done = NULL;
	if (done != NULL)
		done(h->ctx, now, 0);
}

static void null_hand_over(void *ctx, struct now now, const struct node_id *to,
			   const struct node_id *after, const struct node_id *upto,
			   storage_done_fn *done, void *done_ctx)
{
	struct net_node *node = ctx;

	(void)to;
	(void)after;
	(void)upto;
	if (node->hand_overs == NULL)
		node->hand_overs = memory_alloc(NET_HAND_OVERS * sizeof(*node->hand_overs));
	for (size_t i = 0; i < NET_HAND_OVERS; i++) {
		struct net_hand_over *h = &node->hand_overs[i];

		if (h->done != NULL)
			continue;
		h->done = done;
		h->ctx = done_ctx;
		timer_arm(peer_timers(node->peer), &h->timer, instant_add(now.mono, duration_ms(1)),
			  null_hand_over_done, h);
		return;
	}
	done(done_ctx, now, ERR_LIMIT);
}

static void null_topology_changed(void *ctx, struct now now, bool settled)
{
	(void)ctx;
	(void)now;
	(void)settled;
}

static void null_commit(void *ctx, struct now now)
{
	(void)ctx;
	(void)now;
}

static void null_statistics(void *ctx, struct storage_statistics *out)
{
	(void)ctx;
	*out = (struct storage_statistics){ 0 };
}

const struct storage_ops NET_NULL_STORAGE = {
	.hand_over = null_hand_over,
	.topology_changed = null_topology_changed,
	.replicate_ahead = null_commit,
	.commit = null_commit,
	.statistics = null_statistics,
};

void net_port_stop(struct net_node *node)
{
	for (size_t i = 0; node->hand_overs != NULL && i < NET_HAND_OVERS; i++)
		timer_disarm(peer_timers(node->peer), &node->hand_overs[i].timer);
	free(node->hand_overs);
	node->hand_overs = NULL;
}
