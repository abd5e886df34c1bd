/* SPDX-License-Identifier: MIT */
/* What the files of the in-memory net share: nodes (net_node.c), wires (net_table.c, net_wire.c), weather and cuts
 * (net_weather.c, net_cut.c), the loop (net.c) and the checks (net_check.c). */
#ifndef TOOLS_SIM_NET_INTERNAL_H
#define TOOLS_SIM_NET_INTERNAL_H

#include "overlay/base/map.h"
#include "tools/sim/fake_security.h"
#include "tools/sim/net.h"
#include "tools/sim/net_heap.h"

#define NET_BREAK_US 3000000ull   /* until an end of a cut stream learns of it */
#define NET_SILENT_US 15000000ull /* until the kernel gives up on a host that vanished */
#define NET_NODES_MAX (1u << 24)  /* as many as there are addresses */
#define NET_NODES_PER_BLOCK 64u
#define NET_WIRES_PER_BLOCK 256u
#define NET_NONE UINT32_MAX

enum net_event_kind {
	NET_WAKE,   /* a peer's deadline; target: node, tag: node->wake_tag */
	NET_TURN,   /* a node that was busy goes on with what waits; target: node, tag: incarnation */
	NET_ACCEPT, /* the far end of a new wire gets its link; from here on target: wire, tag: generation */
	NET_UP,     /* the near end learns that the handshake is done */
	NET_DOWN,   /* an end learns that the wire failed */
	NET_CLOSED, /* an end learns that the other one closed in good order */
	NET_BYTES,  /* bytes reach an end */
	NET_GIVE_UP /* streams between two cut nodes break; target: from, len: to, tag: serial of the cut */
};

/* A link as seen from outside: two ends, each a node and that node's name for it. An end is named by a
 * reference: the wire times two, plus the end. Wires are reused: generations tell their lives apart. */
struct net_wire {
	uint64_t last_at[2];    /* us: latest delivery to that end, so that streams stay in order */
	uint64_t busy_until[2]; /* us: a limited link is done with what was sent to that end */
	link_id link[2];
	uint32_t node[2];
	uint32_t next[2]; /* reference in the list of that end's node; NET_NONE: last */
	uint32_t previous[2];
	uint32_t generation;
	uint8_t type;        /* enum overlay_link_type */
	bool open[2];        /* that end has the link in its Connection Table */
	bool is_datagram : 1;
	bool is_application : 1;
	bool broken : 1; /* nothing passes any more; both ends learn of it */
};

/* A hand-over of the port that holds nothing: it is done a moment later. */
struct net_hand_over {
	struct timer timer;
	storage_done_fn *done;
	void *ctx;
};

#define NET_HAND_OVERS 8

/* Clocks that are not the net's: at `base_us` of virtual time the monotonic one stood at `local_us`. */
struct net_clock {
	uint64_t base_us;
	uint64_t local_us;
	int64_t offset_ms;
	int32_t drift_ppm;
};

struct net_node {
	/* Touched with each event. */
	struct peer *peer; /* NULL: not running */
	uint64_t wake_at;  /* us; UINT64_MAX: no wake event pending */
	uint32_t wake_tag; /* which of them counts */
	uint32_t index;
	uint32_t incarnation;
	uint32_t group;
	uint32_t first_wire; /* references, oldest first */
	uint32_t last_wire;
	uint32_t cut_count;  /* cuts of what it sends */
	uint32_t slowness_us;
	uint64_t busy_until; /* us */
	uint32_t first_waiting; /* records of events that reached it and wait */
	uint32_t last_waiting;
	bool is_paused : 1;
	bool has_turn : 1; /* a NET_TURN is pending */
	bool has_left : 1;
	bool is_draining : 1;
	bool is_joined : 1; /* its last PEER_STATE was PEER_JOINED */
	bool is_moved : 1;  /* its group changed since the net last ran */
	bool is_client : 1;
	bool is_first : 1;
	bool is_dark : 1;   /* lost power: refuses nothing, answers nothing */
	struct net *net;
	struct net_clock *clock;     /* owned; NULL: the net's */
	struct net_weather *weather; /* owned; NULL: as all */

	struct node_id id;
	struct slice certificate; /* borrowed from the net's, or from hooks.security_new */
	struct address address;
	struct fake_security *security; /* owned; NULL with hooks.security_new */
	void *security_owned;           /* hooks.security_free */
	struct chord *chord;
	void *storage;
	struct log log;
	struct net_hand_over *hand_overs; /* owned; NULL until the first */
};

struct net_cut {
	uint32_t from;
	uint32_t to;
	uint32_t serial;
	uint32_t first_parked; /* records of what streams will send again */
	uint32_t last_parked;
};

struct net {
	struct net_options options;
	struct net_weather weather; /* of all nodes that have none of their own */
	struct prng chance[NET_CHANCE_COUNT];
	uint64_t now_us;
	struct net_heap heap;
	uint64_t event_count;
	uint64_t trace_hash;
	struct net_statistics statistics;

	struct net_node **node_blocks; /* of NET_NODES_PER_BLOCK each */
	uint32_t node_count;
	uint32_t running_count;
	uint32_t joined_count;     /* of the running ones */
	uint64_t running_since_us; /* statistics.peer_seconds is right up to here, in us */
	uint64_t peer_us;
	uint32_t *ring; /* running peers by Node-ID */
	uint32_t ring_count;
	uint32_t ring_room;
	uint32_t suspect; /* the node at fault when the ring was looked at last */
	uint32_t *ids;    /* all nodes by Node-ID: a hash table; NET_NONE: free */
	uint32_t ids_room;

	struct net_wire **wire_blocks; /* of NET_WIRES_PER_BLOCK each */
	uint32_t wire_count;           /* ever made */
	uint32_t free_wire;            /* by next[0] */
	uint32_t *links; /* (node, link) to a reference: a hash table; NET_NONE: free */
	uint32_t link_count;
	uint32_t link_room;

	struct map *cuts; /* (from, to) to struct net_cut, owned; NULL: none so far */
	uint32_t next_cut;

	/* What the peers borrow, by the number of bootstrap nodes in it; NULL: not needed yet. */
	struct configuration *configurations[BOOTSTRAP_NODES_MAX + 1];
	struct workspace *workspace; /* which they share */
	struct fake_certificates *certificates;
	struct peer_options *peer_options; /* for starting */
	bool is_regrouped; /* a node changed its group since the net last ran */
	char fault[256];
};

static inline struct net_node *net_node(const struct net *n, size_t index)
{
	return &n->node_blocks[index / NET_NODES_PER_BLOCK][index % NET_NODES_PER_BLOCK];
}

static inline struct net_wire *net_wire(const struct net *n, uint32_t wire)
{
	return &n->wire_blocks[wire / NET_WIRES_PER_BLOCK][wire % NET_WIRES_PER_BLOCK];
}

static inline struct net_wire *net_wire_of(const struct net *n, uint32_t reference)
{
	return net_wire(n, reference / 2);
}

/* net.c */
/* A seed for one purpose of one node; changes in all bits with each of the four. */
uint64_t net_seed(uint64_t seed, const char *purpose, uint64_t index, uint64_t incarnation);
void net_drain(struct net *n, struct net_node *node);

/* net_node.c: inputs wait for nodes that are paused or busy. */
void net_node_init(struct net *n, struct net_node *node);
void net_node_stop(struct net *n, struct net_node *node);
void net_node_free(struct net *n, struct net_node *node);
/* The time by the node's clocks, and the virtual time at which its monotonic clock gets to `local`. */
struct now net_node_clock(const struct net *n, const struct net_node *node);
uint64_t net_node_virtual(const struct net *n, const struct net_node *node, struct instant local);
/* False: the record waits now. */
bool net_node_admits(struct net *n, struct net_node *node, uint32_t record);
/* An input was handled. */
void net_node_handled(struct net *n, struct net_node *node);
/* The running node that an event reaches; NULL when it is void by now. */
struct net_node *net_node_target(struct net *n, const struct net_event *e);
/* The next record that waits and may be handled, or NET_HEAP_NONE. */
uint32_t net_node_take_turn(struct net *n, struct net_node *node);
void net_node_arm_wake(struct net *n, struct net_node *node);

/* net_port.c: a storage port that holds nothing. */
extern const struct storage_ops NET_NULL_STORAGE;
void net_port_stop(struct net_node *node);

/* net_table.c: wires and their ends. References are invalid once an end was removed. */
uint32_t net_wire_new(struct net *n);
/* The end has its link from now on. */
void net_end_add(struct net *n, uint32_t reference);
/* Takes an end away; a wire without ends is gone. No effect when it is not open. */
void net_end_remove(struct net *n, uint32_t reference);
/* The reference of a node's link, or NET_NONE. */
uint32_t net_end_find(const struct net *n, uint32_t node, link_id link);
void net_table_free(struct net *n);
size_t net_table_memory(const struct net *n);

/* net_wire.c */
void net_wire_open(struct net *n, struct net_node *from, const struct effect *e);
void net_wire_send(struct net *n, struct net_node *from, link_id link, const struct slice *parts,
		   size_t count);
void net_wire_close(struct net *n, struct net_node *from, link_id link);
/* The node that an event of a wire reaches; NULL when it is void by now. */
struct net_node *net_wire_target(struct net *n, const struct net_event *e);
void net_wire_event(struct net *n, struct net_node *node, const struct net_event *e);
/* Queues something for an end; streams keep their order. */
void net_wire_push(struct net *n, uint32_t reference, enum net_event_kind kind, uint64_t delay, uint8_t *bytes,
		   size_t len);
/* Both ends learn of its failure after so long. */
void net_wire_break(struct net *n, uint32_t wire, uint64_t delay);
/* All wires of a node that dies. */
void net_wire_kill(struct net *n, struct net_node *node, bool silent);
/* Wires between groups break. */
void net_wire_regroup(struct net *n);

/* net_weather.c */
#define NET_LOST UINT64_MAX
void net_weather_init(struct net *n);
/* How long a packet takes from a node, without loss. */
uint64_t net_weather_latency(struct net *n, const struct net_node *from);
/* The same for one that is sent again until it comes through; NET_LOST: it never does. */
uint64_t net_weather_reliable(struct net *n, const struct net_node *from);
/* How long `len` bytes to an end of a wire take; NET_LOST: they are. `again`: a second copy arrives after so long;
 * NET_LOST: none. */
uint64_t net_weather_send(struct net *n, uint32_t reference, size_t len, uint64_t *again);
/* One byte may be changed. */
void net_weather_flip(struct net *n, const struct net_node *from, uint8_t *bytes, size_t len);
/* One packet is. */
bool net_weather_loses(struct net *n, const struct net_node *from);

/* net_cut.c */
struct net_cut *net_cut_find(const struct net *n, const struct net_node *from, uint32_t to);
/* Keeps what a stream sends until the cut is over. */
void net_cut_park(struct net *n, struct net_cut *c, uint32_t reference, enum net_event_kind kind, uint8_t *bytes,
		  size_t len);
void net_cut_give_up(struct net *n, const struct net_event *e);
void net_cut_free_all(struct net *n);

/* net_check.c */
void net_ring_add(struct net *n, const struct net_node *node);
void net_ring_remove(struct net *n, const struct net_node *node);
void net_ids_add(struct net *n, const struct net_node *node);

#endif
