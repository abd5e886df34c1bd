/* SPDX-License-Identifier: MIT */
/* A simulated overlay as a whole: the net, each node with storage on a disk of its own and the usages that
 * peald runs, a workload of registrations, and the ledger of what was acknowledged. Scenarios act on a world,
 * checks look at it. */
#ifndef TOOLS_SIM_WORLD_H
#define TOOLS_SIM_WORLD_H

#include "overlay/resource.h"
#include "storage/storage.h"
#include "tools/sim/disk.h"
#include "tools/sim/net.h"

struct world;
struct hip_host;
struct hip_host_options;
struct ledger;
struct lookups;

/* Whether peers are HIP hosts as well, and whether their datagrams reach each other. Needs the keyed hash. */
enum world_hosts_reach {
	WORLD_HOSTS_NONE,
	WORLD_HOSTS_OVERLAY, /* each behind a NAT: only through the overlay */
	WORLD_HOSTS_DIRECT
};

struct world_options {
	uint64_t seed;
	struct net_weather weather;
	enum overlay_link_type link_type; /* 0: TLS-TCP-FH-NO-ICE */
	uint32_t bootstrap_count;         /* 0: 3 */
	enum disk_kind disk;
	bool real_security; /* OpenSSL; else the keyed hash. At most 200 nodes */
	enum log_level log_level;
	/* A node's log line, for traces; may be NULL. */
	void (*log)(void *ctx, struct now now, size_t node, enum log_level level, const char *event,
		    const char *text);
	/* Further hooks of the net that the world passes through; may be NULL. */
	void (*stepped)(void *ctx, struct world *w, size_t node);
	bool (*intercept)(void *ctx, struct world *w, size_t node, size_t from, struct slice *bytes);
	void (*started)(void *ctx, struct world *w, size_t node); /* a node's peer was made; before peer_start */
	void *ctx;
	const struct configuration *configuration; /* template, copied; NULL: the defaults */
	const struct configuration_ops *configuration_ops; /* of every peer; NULL: ConfigUpdate is refused */
	void *configuration_ctx;
	uint32_t nodes_per_user; /* so many nodes in a row have one user; 0: 1 */
	bool no_certificates;    /* without the certificate store usage, which peald always runs */
	enum world_hosts_reach hosts;
	const struct hip_host_options *host_options; /* template; identity, peer and addresses are filled in; or NULL */
};

struct world *world_new(const struct world_options *options);
void world_free(struct world *w);
struct net *world_net(struct world *w);
struct now world_now(const struct world *w);
/* The clocks of a node, which may be off and run at another rate. */
struct now world_own_now(const struct world *w, size_t node);

/* Adds `count` peers, not started; the very first is the overlay's first. */
void world_add_peers(struct world *w, size_t count);
size_t world_count(const struct world *w);
struct storage *world_storage(struct world *w, size_t node); /* NULL: not running */
struct disk *world_disk(struct world *w, size_t node);

/* The node's process begins (again), with what its disk holds and the addresses of peers that it was linked to
 * (node/cached_peers.h). A bootstrap node that finds no ring forms one when its turn comes, as in node/core.c. */
void world_start(struct world *w, size_t node);
void world_kill(struct world *w, size_t node, bool silent);
/* As world_kill, and the disk is lost. */
void world_destroy(struct world *w, size_t node, bool silent);
void world_leave(struct world *w, size_t node);

void world_run(struct world *w, struct duration d);
bool world_run_until(struct world *w, bool (*condition)(struct world *w, void *ctx), void *ctx,
		     struct duration limit);

/* The node with this Node-ID, or SIZE_MAX; at no cost that grows with the world. */
size_t world_find(const struct world *w, const struct node_id *id);
/* Node whose AOR this node's user has: the first of the nodes that share it. */
size_t world_user(const struct world *w, size_t node);

/* The node's certificate, borrowed; its part of the net (0 unless nodes are partitioned); whether something keeps
 * its bytes from some node, or its clocks are its own. */
struct slice world_certificate(const struct world *w, size_t node);
unsigned world_group(const struct world *w, size_t node);
bool world_is_cut(const struct world *w, size_t node);
bool world_has_own_clock(const struct world *w, size_t node);

/* How a node's process ended. */
enum world_stop {
	WORLD_STOP_KILLED,    /* the disk is left */
	WORLD_STOP_DESTROYED, /* the disk is gone as well */
	WORLD_STOP_LEFT,      /* it handed over and left */
	WORLD_STOP_CRASHED,   /* its disk ended it, within a turn */
	WORLD_STOP_AGAIN      /* a bootstrap node that found no ring begins again at once, as the first peer */
};

struct record;

/* What the checks want to be told. Any may be NULL. */
struct world_observer {
	/* The node's storage has loaded its disk; before peer_start. */
	void (*starting)(void *ctx, size_t node);
	/* Its peer and storage are still there, for the last time. */
	void (*stopping)(void *ctx, size_t node, enum world_stop how);
	/* The disk of a node, running no more, was emptied. */
	void (*wiped)(void *ctx, size_t node);
	/* Bytes about to reach the node on an overlay link. */
	void (*arriving)(void *ctx, size_t node, size_t from, struct slice bytes);
	/* A Store of the record was acknowledged. */
	void (*stored)(void *ctx, struct record *r);
	void *ctx;
};
/* Copied; NULL: nobody. */
void world_observe(struct world *w, const struct world_observer *observer);

/* ---- HIP hosts: UDP port 10500 of each running peer, over a network of its own with the weather's latency ---- */

struct hip_host *world_host(struct world *w, size_t node); /* NULL: none, or not running */
/* After a direct call of a host's functions: sends what it queued. */
void world_host_flush(struct world *w, size_t node);
/* Behind a NAT, or not: no datagram reaches it, and none of its own reaches anybody. */
void world_host_hide(struct world *w, size_t node, bool hidden);
/* A datagram reaches the node as if it came from `from`. */
void world_host_inject(struct world *w, size_t node, const struct address *from, struct slice bytes);
/* Datagrams that a node sent to an address where nobody is, or that did not arrive. */
uint64_t world_host_lost(const struct world *w);

/* `from` makes a base exchange with `to`, which is counted. Nothing when one of them is no host that runs. */
void world_exchange(struct world *w, size_t from, size_t to);

/* Times of all base exchanges that were completed, as their initiators saw them, from the request on. */
enum world_exchange_step { EXCHANGE_I1, EXCHANGE_R1, EXCHANGE_I2, EXCHANGE_R2, EXCHANGE_STEPS };
struct world_exchange_times {
	uint64_t mean_us[EXCHANGE_STEPS], p50_us[EXCHANGE_STEPS], p99_us[EXCHANGE_STEPS];
	uint64_t round_trip_us; /* mean from the I2 to the R2 */
};
struct world_exchanges {
	uint64_t asked, made, failed, through_overlay;
	struct world_exchange_times times;
};
void world_exchanges(const struct world *w, struct world_exchanges *out);

/* ---- Workload: SIP registrations, Kind SIP-REGISTRATION, dictionary entry of the node (RFC 7904) ---- */

/* What became of a record's latest Store. */
enum record_state {
	RECORD_NONE,     /* never stored, or removed */
	RECORD_ASKED,    /* a Store is under way: the former or the new content may be found */
	RECORD_STORED,   /* acknowledged by the owner alone: not yet protected (fewer than two replicas) */
	RECORD_PROTECTED /* acknowledged with two replicas (or all peers, in a ring of fewer than three) */
};

/* One dictionary entry: what `node` stored under the AOR of user `user`. The ledger keeps what an honest
 * observer knows of it, from the answers to Stores alone. */
struct record {
	size_t user;            /* index of the node whose AOR it is */
	size_t node;            /* who stored it */
	struct resource_id resource;
	enum record_state state;
	uint64_t serial;        /* content of the latest acknowledged Store: grows with each */
	uint64_t asked_serial;  /* of the Store under way */
	uint64_t storage_time;  /* ms, of the acknowledged one; as the storing node's clock had it */
	uint64_t expires_ms;    /* virtual wall clock */
	uint64_t acknowledged_ms; /* virtual wall clock */
	bool is_excused; /* lost out of contract: all its holders failed inside one repair window */
	/* What the overlay promised to keep: the latest content acknowledged with enough replicas. 0: nothing,
	 * also once a removal was asked for. */
	uint64_t protected_serial;
	uint64_t protected_expires_ms;
	/* The latest acknowledged removal: nothing older may be found any more. */
	uint64_t removed_serial;
	size_t index;        /* of world_record */
	size_t next_of_user; /* index of another record at the same AOR, SIZE_MAX: none */
};

/* Stores the record of `node` with new content; the ledger follows the answer. Nothing happens while another
 * Store of it is under way, or when the node has not joined (that counts as a failed Store). */
void world_register(struct world *w, size_t node, uint32_t lifetime_s);
void world_unregister(struct world *w, size_t node);
size_t world_record_count(const struct world *w);
struct record *world_record(struct world *w, size_t index);
/* The record that a value of Kind SIP-REGISTRATION under this Resource-ID and key belongs to, or NULL. */
struct record *world_record_find(struct world *w, const struct resource_id *resource, struct slice key);
/* The serial in a stored value of the workload; 0: none. */
uint64_t world_serial(struct slice value);

/* A lookup: `from` fetches the registrations at the AOR of `user`. Judged when it ends. */
enum lookup_verdict {
	LOOKUP_FOUND,  /* a value at least as new as the one acknowledged before the lookup began */
	LOOKUP_STALE,  /* an older one */
	LOOKUP_MISSED, /* "nothing there", though something was acknowledged and alive all the time */
	LOOKUP_FAILED, /* an error or a timeout */
	LOOKUP_EXCUSED /* nothing was alive, or it changed meanwhile, or the asking node died, or only content that
			* was never protected is missing, or nodes are partitioned and nothing was found */
};
typedef void world_lookup_fn(void *ctx, enum lookup_verdict verdict, struct duration took);
/* `done` may be NULL. The totals are kept in any case. */
void world_lookup(struct world *w, size_t from, size_t user, world_lookup_fn *done, void *ctx);

struct world_totals {
	uint64_t stores, stores_protected, stores_unprotected, stores_failed;
	uint64_t lookups[LOOKUP_EXCUSED + 1]; /* by verdict */
	uint64_t lookup_us_p50, lookup_us_p99, lookup_us_mean; /* of those found */
	uint64_t kills, silent_kills, destroyed, leaves, starts;
	uint64_t starts_refused; /* the disk could not be read: the process ends at once, as peald does */
	uint64_t formed_again;   /* bootstrap nodes that found no ring and formed one */
	uint64_t disk_crashes;   /* nodes that ended because disk_crash_after said so */
};
void world_totals(const struct world *w, struct world_totals *out);

/* A constant workload while the world runs: so many registrations refreshed and lookups made per second in
 * all, from and for nodes drawn by chance. 0 stops it. */
void world_set_load(struct world *w, uint32_t stores_per_1000_s, uint32_t lookups_per_1000_s, uint32_t lifetime_s);

#endif
