/* SPDX-License-Identifier: MIT */
/* The Connection Table (RFC 6940 4.4, 6.6): every direct link this node has, routable or not. */
#ifndef OVERLAY_LINK_H
#define OVERLAY_LINK_H

#include "overlay/effect.h"

struct peer;

enum link_state {
	LINK_OPENING,  /* connecting or shaking hands */
	LINK_UP,       /* authenticated, not Attached: bootstrap, or before Attach is answered */
	LINK_ATTACHED, /* Attach completed in either direction */
	LINK_SUSPECT   /* unanswered for an RTO and three retransmissions (6.6.3.1); out of routing */
};

/* A row of the Connection Table, for pealctl. */
struct link_info {
	link_id id;
	enum link_state state;
	enum overlay_link_type type;
	struct address address;    /* the other end of the connection */
	struct address listens_at; /* where it accepts links, as it said in Attach; ADDRESS_NONE: unknown */
	struct node_id node_id;
	char user[USER_NAME_MAX + 1];
	bool outgoing;
	bool is_client; /* never sent an Update or Join: not routed through */
	struct instant since;
	struct duration smoothed_rtt; /* 0: not known */
	uint64_t bytes_in, bytes_out, messages_in, messages_out;
	size_t unacknowledged; /* frames in flight */
};

size_t link_count(const struct peer *p);
/* Walks the table in order of creation; start with *cursor == 0; false at the end. */
bool link_next(const struct peer *p, size_t *cursor, struct link_info *out);

/* The usable (UP, ATTACHED) link to `node`, or 0. */
link_id link_find_node(const struct peer *p, const struct node_id *node);

/* ---- What the topology plug-in says of its links ---- */

/* How closely a link that carries nothing is watched. Close: the other end is asked after 5 s of silence, as befits
 * neighbours on the ring. Not close, as every link begins: after about 30 s. A frame that waits for its ack is
 * watched alike on both. Nothing happens when no usable link leads to `node`. */
void link_set_watch(struct peer *p, const struct node_id *node, bool close_watch);

/* Nobody here needs the link to `node` any more: it is closed in good order. Neither end takes that for the loss of
 * a peer, and link_down is not called here. Nothing happens when no usable link leads to `node`. */
void link_let_go(struct peer *p, struct now now, const struct node_id *node);

const char *link_state_name(enum link_state s);

#endif
