/* SPDX-License-Identifier: MIT */
/* What net.c, net_wire.c and net_check.c share. */
#ifndef TOOLS_SIM_NET_INTERNAL_H
#define TOOLS_SIM_NET_INTERNAL_H

#include "overlay/base/map.h"
#include "tools/sim/fake_security.h"
#include "tools/sim/net.h"

enum net_event_kind {
	NET_WAKE,   /* a peer's deadline */
	NET_ACCEPT, /* the far end of a new wire gets its link */
	NET_UP,     /* the near end learns that the handshake is done */
	NET_DOWN,   /* an end learns that the wire is gone */
	NET_BYTES   /* bytes reach an end */
};

struct net_event {
	uint64_t at; /* us */
	uint64_t sequence;
	enum net_event_kind kind;
	size_t node;          /* NET_WAKE */
	uint32_t incarnation; /* NET_WAKE */
	size_t wire;          /* the others */
	unsigned end;         /* whom it reaches: 0 opened the wire, 1 accepted it */
	uint8_t *bytes;       /* owned */
	size_t len;
};

/* A link as seen from outside: two ends, each a node and that node's name for it. */
struct net_wire {
	size_t node[2];
	link_id link[2];
	bool open[2];          /* that end has the link in its Connection Table */
	uint64_t last_at[2];   /* us: latest delivery to that end, so that streams stay in order */
	bool is_datagram;
	enum link_purpose purpose;
	enum overlay_link_type type;
	bool broken; /* nothing passes any more; both ends learn of it */
};

/* A hand-over of the port that holds nothing: it is done a moment later. */
struct net_hand_over {
	struct timer timer;
	storage_done_fn *done;
	void *ctx;
};

#define NET_HAND_OVERS 8

struct net_node {
	struct net *net;
	size_t index;
	struct node_id id;
	struct net_node_options options;
	char user[64];
	uint8_t certificate[FAKE_CERTIFICATE_MAX];
	size_t certificate_len;
	struct address address;
	struct fake_security *security;
	struct peer *peer; /* NULL: not running */
	struct chord *chord;
	void *storage;
	struct log log;
	uint32_t incarnation;
	unsigned group;
	uint64_t wake_at; /* us; UINT64_MAX: no wake event pending */
	bool has_left;
	bool is_draining;
	struct net_hand_over hand_overs[NET_HAND_OVERS];
};

struct net {
	struct net_options options;
	struct prng prng; /* latencies, loss, Node-IDs */
	uint64_t now_us;
	struct net_node **nodes;
	size_t node_count;
	struct net_wire **wires; /* NULL: over */
	size_t wire_count;
	/* What the peers borrow, by the number of bootstrap nodes in it; NULL: not needed yet. */
	struct configuration *configurations[BOOTSTRAP_NODES_MAX + 1];
	struct workspace *workspace;         /* which they share */
	struct map *links; /* (node, link) -> wire index and end, as struct net_end */
	struct net_event *heap;
	size_t heap_count;
	size_t heap_room;
	uint64_t next_sequence;
	uint64_t event_count;
	uint64_t trace_hash;
	bool is_regrouped; /* a node changed its group since the net last ran */
	char fault[256];
};

void net_push(struct net *n, struct net_event e);
void net_drain(struct net *n, struct net_node *node);
struct now net_now_at(uint64_t us);

/* net_wire.c */
void net_wire_open(struct net *n, struct net_node *from, const struct effect *e);
void net_wire_send(struct net *n, struct net_node *from, link_id link, const struct slice *parts,
		   size_t count);
void net_wire_close(struct net *n, struct net_node *from, link_id link);
void net_wire_event(struct net *n, struct net_event *e);
/* All wires of a node that dies. */
void net_wire_kill(struct net *n, size_t node, bool silent);
/* Wires between groups break. */
void net_wire_regroup(struct net *n);
void net_wire_free_all(struct net *n);

#endif
