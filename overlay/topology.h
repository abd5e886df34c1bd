/* SPDX-License-Identifier: MIT */
/* The topology plug-in port (RFC 6940 1.2.4, 6.4): CHORD-RELOAD is behind it, in overlay/chord. */
#ifndef OVERLAY_TOPOLOGY_H
#define OVERLAY_TOPOLOGY_H

#include "overlay/effect.h"
#include "overlay/wire/node_id.h"

#define TOPOLOGY_REPLICAS 2
#define TOPOLOGY_NEIGHBORS_MAX 32

struct peer;

enum responsibility {
	RESPONSIBLE_NOT,
	RESPONSIBLE_OWNER,
	RESPONSIBLE_REPLICA /* among the next two successors of the owner, as far as is known */
};

/* A copy of the Neighbor and Finger Tables, nearest first; fingers by index, zero where empty. */
struct topology_view {
	struct node_id predecessors[TOPOLOGY_NEIGHBORS_MAX];
	size_t predecessor_count;
	struct node_id successors[TOPOLOGY_NEIGHBORS_MAX];
	size_t successor_count;
	struct node_id fingers[128];
	size_t finger_count;
};

struct topology_ops {
	/* A link to the (future) Admitting Peer's neighbourhood is there: join through it. `bootstrap` is
	 * an overlay link that is up. Clients only Attach to their responsible peer. */
	void (*join)(void *ctx, struct now now, link_id bootstrap, const struct node_id *bootstrap_id);
	/* The first peer: owns all. */
	void (*form)(void *ctx, struct now now);
	/* Hand over and send Leave; peer_set_state(PEER_LEFT) when done. */
	void (*leave)(void *ctx, struct now now);

	/* Where a message for `target` goes next. False: nowhere (we are responsible, or no route). Only
	 * nodes to which a link is up are named. */
	bool (*next_hop)(void *ctx, const struct node_id *target, struct node_id *hop);
	/* Up to `max` next hops for `target`, that of next_hop first, then others in order of preference; each brings a
	 * message nearer. May be NULL: next_hop then knows only one. */
	size_t (*next_hops)(void *ctx, const struct node_id *target, struct node_id *out, size_t max);
	/* We own `target`: predecessor < target <= own Node-ID. */
	bool (*is_responsible)(void *ctx, const struct node_id *target);
	enum responsibility (*responsibility)(void *ctx, const struct node_id *target);
	/* Up to TOPOLOGY_REPLICAS nodes that hold replicas of what we own. */
	size_t (*replicas)(void *ctx, struct node_id out[TOPOLOGY_REPLICAS]);
	/* A replica Store from `from` for `target` is plausible: `from` is a known predecessor or closer
	 * (7.4.1.1). */
	bool (*accepts_replica)(void *ctx, const struct node_id *from, const struct node_id *target);
	/* An answer for Resource-ID `target` by `answerer`: at least as close as any of our neighbours
	 * (6.3.4). */
	bool (*accepts_answer)(void *ctx, const struct node_id *target, const struct node_id *answerer);

	/* A link to an attached node is up / gone (or suspect). Whether the node is a peer shows only with
	 * its first Update or Join: until then nothing is routed through it (6.5.1). `send_update`: it asked
	 * for an Update. link_up may come again for a node that is up, when it attached anew. */
	void (*link_up)(void *ctx, struct now now, const struct node_id *node, bool send_update);
	void (*link_down)(void *ctx, struct now now, const struct node_id *node);
	/* The other end closed the link in good order: it has no more use for it, but lives. NULL: link_down is
	 * called. */
	void (*link_closed)(void *ctx, struct now now, const struct node_id *node);
	/* The configuration changed. */
	void (*configure)(void *ctx, struct now now);

	void (*view)(void *ctx, struct topology_view *out);
	/* An estimate of how many peers the overlay has; 0: not known, as this node is none of them. */
	size_t (*population)(void *ctx);
};

struct topology {
	const struct topology_ops *ops;
	void *ctx;
};

#endif
