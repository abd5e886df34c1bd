/* SPDX-License-Identifier: MIT */
/* Many peers in one process on virtual time: the second interpreter of effects beside node/driver.c. One
 * seed decides everything; the same seed gives the same run. Tests drive it with net_run and look at the
 * peers with the same functions that node/ uses. */
#ifndef TOOLS_SIM_NET_H
#define TOOLS_SIM_NET_H

#include "overlay/chord/chord.h"
#include "overlay/peer.h"

#define NET_WALL_START 1800000000000ull /* ms: the wall clock when a net begins */

struct net;

/* The conditions on a way from one node to another. Zeroed: nothing is lost or changed, no limit, and the
 * latency of the net's options. Streams (TLS over TCP) never lose or reorder: what would be lost costs them
 * a retransmission's delay instead; datagrams suffer everything. */
struct net_weather {
	struct duration latency;  /* one way */
	struct duration jitter;   /* added at random, uniformly */
	uint32_t loss_ppm;        /* parts per million of what is sent; so the others */
	uint32_t duplicate_ppm;   /* datagrams delivered twice */
	uint32_t reorder_ppm;     /* datagrams that later ones overtake */
	uint32_t flip_ppm;        /* deliveries in which one byte is changed: what an other end with a bug, or
				   * a hostile one, could send through TLS */
	uint64_t bytes_per_s;     /* of one link and direction; 0: no limit */
	uint32_t mtu;             /* bytes; longer datagrams are lost; 0: no limit */
};

/* Purposes of chance. Each has a stream of its own, so that one more draw for one purpose leaves the others
 * as they were. */
enum net_chance { NET_CHANCE_NETWORK, NET_CHANCE_NODES, NET_CHANCE_FAULTS, NET_CHANCE_WORKLOAD, NET_CHANCE_COUNT };

/* What a test may plug in. All may be NULL. `ctx` is net_options.ctx. */
struct net_hooks {
	/* Makes and sets a node's storage, called between the topology plug-in and peer_start. NULL: a port
	 * that holds nothing and hands over nothing at once. */
	void *(*storage_new)(void *ctx, struct net *n, size_t node, struct peer *p, struct now now);
	void (*storage_free)(void *ctx, void *storage);
	/* A node's log line. */
	void (*log)(void *ctx, struct now now, size_t node, enum log_level level, const char *event,
		    const char *text);
	/* EFFECT_APP_LINK_READY, EFFECT_PEER_STATE and EFFECT_CONFIGURATION, as they are drained. */
	void (*effect)(void *ctx, struct net *n, size_t node, const struct effect *e);
	/* Bytes about to reach `node` from `from` on an overlay link. May put others in their place, valid until
	 * its next call; false: they do not arrive. For hostile nodes. */
	bool (*intercept)(void *ctx, struct net *n, size_t node, size_t from, struct slice *bytes);
	/* After each event, when the effects of the node it reached have been drained: for checks. Not called
	 * for events that reached no running node. */
	void (*stepped)(void *ctx, struct net *n, size_t node);
	/* A node's identity and security port, instead of the fake one; `incarnation` counts its starts. The
	 * certificate is borrowed until the next call with this node. */
	struct security (*security_new)(void *ctx, struct net *n, size_t node, uint32_t incarnation,
					struct slice *certificate, void **owned);
	void (*security_free)(void *ctx, void *owned);
	/* Bytes that came on an application link; and its end (an empty slice). */
	void (*app_bytes)(void *ctx, struct net *n, size_t node, link_id link, struct slice bytes);
};

struct net_options {
	uint64_t seed;
	struct duration latency;     /* one way; 0: 5 ms */
	struct duration jitter;      /* added at random, uniformly; streams stay in order */
	uint32_t loss_ppm;           /* of datagrams */
	struct net_weather weather;  /* the rest of the weather; its latency, jitter and loss when not zero */
	enum overlay_link_type link_type; /* 0: TLS-TCP-FH-NO-ICE */
	uint32_t bootstrap_count;    /* the first so many nodes are in the configuration; 0: 3 */
	enum log_level log_level;    /* for hooks.log */
	const struct configuration *configuration; /* template, copied; NULL: the defaults */
	const struct configuration_ops *configuration_ops; /* of every peer; NULL: ConfigUpdate is refused */
	void *configuration_ctx;
	struct net_hooks hooks;
	void *ctx;
};

struct net_node_options {
	const struct node_id *id; /* NULL: random from the seed */
	const char *user;         /* NULL: "user<index>@example.org" */
	bool client;
	bool first; /* forms the overlay; net_add_peers makes node 0 the first */
};

/* The configuration of a net whose options give none. */
void net_configuration_default(struct configuration *c);

struct net *net_new(const struct net_options *options);
void net_free(struct net *n);

/* Adds a node, not started, and returns its index. Options may be NULL. */
size_t net_add(struct net *n, const struct net_node_options *options);
/* Adds `count` peers; the very first node of a net is the overlay's first. */
void net_add_peers(struct net *n, size_t count);

/* Starts a node (again). A restarted one is a new process with the old identity. */
void net_start(struct net *n, size_t node);
/* The same with addresses that it knows from before (RFC 6940 11.4), and as the overlay's first peer when `first`. */
void net_start_knowing(struct net *n, size_t node, const struct address *cached, size_t count, bool first);
void net_start_all(struct net *n);
/* The process dies. Stream links are reset at once; with `silent` (power loss) the other ends learn of it
 * only by their own timers, and from the kernel after 15 s. */
void net_kill(struct net *n, size_t node, bool silent);
/* peer_leave; the node is stopped when it reports PEER_LEFT. */
void net_leave(struct net *n, size_t node);

/* Nodes of different groups cannot reach each other; all begin in group 0. Existing stream links between
 * groups break after 3 s, datagrams are lost. Nodes moved before the net runs on move together: the links
 * among them hold. */
void net_set_group(struct net *n, size_t node, unsigned group);

/* Breaks the link between two nodes once, as a reset would. */
void net_break_link(struct net *n, size_t a, size_t b);

/* Changes the weather for all; for what one node sends (NULL: as all). */
void net_set_weather(struct net *n, const struct net_weather *weather);
void net_set_node_weather(struct net *n, size_t node, const struct net_weather *weather);

/* Nothing that `from` sends reaches `to`, or it does again; the other way is untouched. Existing stream links
 * break after 15 s of that, as their kernels give up. */
void net_cut(struct net *n, size_t from, size_t to, bool is_cut);

/* The process stands still (SIGSTOP, a stalled machine); what arrives waits. Then it goes on. */
void net_pause(struct net *n, size_t node);
void net_resume(struct net *n, size_t node);
bool net_is_paused(const struct net *n, size_t node);

/* The node's wall clock is off by so much, and its monotonic clock runs fast by drift_ppm (slow: below 0)
 * from now on. */
void net_set_clock(struct net *n, size_t node, int64_t offset_ms, int32_t drift_ppm);
/* A slow processor: each input keeps the node busy for so long, and the next ones wait. */
void net_set_slowness(struct net *n, size_t node, struct duration per_input);

struct prng *net_chance(struct net *n, enum net_chance purpose);

/* Runs for so long of virtual time. */
void net_run(struct net *n, struct duration d);
/* Runs until `condition` holds, looked at after every event. False when `limit` passed first. */
bool net_run_until(struct net *n, bool (*condition)(struct net *n, void *ctx), void *ctx,
		   struct duration limit);

/* Virtual time, and what a node's own clocks show: that is what a direct call of its peer's functions takes. */
struct now net_now(const struct net *n);
struct now net_node_now(const struct net *n, size_t node);
size_t net_count(const struct net *n);
bool net_is_running(const struct net *n, size_t node);
/* NULL when the node is not running. */
struct peer *net_peer(struct net *n, size_t node);
void *net_storage(struct net *n, size_t node);
const struct node_id *net_node_id(const struct net *n, size_t node);
const struct address *net_address(const struct net *n, size_t node);
/* The node with this Node-ID, or SIZE_MAX. */
size_t net_find(const struct net *n, const struct node_id *id);

/* Drains what a direct call of a peer's functions (transport_request, resource_store, ...) queued; to be
 * called after such a call. */
void net_flush(struct net *n, size_t node);

/* Sends bytes on an application link. */
void net_app_send(struct net *n, size_t node, link_id link, struct slice bytes);

/* A raw end of a link without a peer behind it: an attacker or a foreign implementation. Bytes are put on
 * the wire of the link between two nodes as if `from` had sent them. */
void net_inject(struct net *n, size_t from, size_t to, struct slice bytes);

/* Events that reached a running node so far; and a hash over (time, node, kind, bytes) of all of them: equal runs,
 * equal hash, whatever the compiler. With the real provider keys and signatures differ from run to run. */
uint64_t net_event_count(const struct net *n);
uint64_t net_trace_hash(const struct net *n);

struct net_statistics {
	uint64_t messages;   /* deliveries of bytes on overlay links */
	uint64_t bytes;      /* in them */
	uint64_t lost, duplicated, reordered, flipped; /* by the weather */
	uint64_t links_opened, links_broken;
	uint64_t peer_seconds; /* virtual, summed over the running nodes */
};
void net_statistics(const struct net *n, struct net_statistics *out);
/* Bytes that the net itself holds: not peers, storage and security ports. */
size_t net_memory(const struct net *n);

/* ---- Checks outside the code under test ---- */

/* All running peers (not clients) are PEER_JOINED. */
bool net_all_joined(struct net *n, void *unused);
/* All joined, and each one's first min(r, count - 1) successors and predecessors are exactly the running
 * peers nearest to it, where r is at least three. */
bool net_ring_is_ideal(struct net *n, void *unused);
/* Why not, for messages of a failed test; empty when ideal. Static per net. */
const char *net_ring_fault(struct net *n);
/* The running peer that ought to own a point, from the Node-IDs alone. SIZE_MAX when none runs. */
size_t net_owner(struct net *n, const struct node_id *point);

#endif
