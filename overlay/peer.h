/* SPDX-License-Identifier: MIT */
/* The peer: bytes and time in, effects and a deadline out. A peer moves only inside the calls of this
 * page. Hostile input is counted, logged and dropped or answered; a negative return means that the caller
 * broke the contract, unless said otherwise. Slices are borrowed until the call returns. Nothing calls out
 * from the middle of a step but the ports given to peer_new.
 *
 * After each input the caller drains peer_next_effect() before it reuses the input's buffer: a message
 * that is only passed on is sent from the very bytes that came in. */
#ifndef OVERLAY_PEER_H
#define OVERLAY_PEER_H

#include "overlay/base/log.h"
#include "overlay/base/prng.h"
#include "overlay/base/timer.h"
#include "overlay/configuration.h"
#include "overlay/counter.h"
#include "overlay/effect.h"
#include "overlay/storage_port.h"
#include "overlay/topology.h"
#include "overlay/transport.h"

struct peer;
struct resource_call;
struct workspace;

struct peer_options {
	/* Borrowed for the peer's life: peers of one process share it. A newer one that comes by ConfigUpdate or
	 * peer_configure is copied, and is the peer's own. */
	const struct configuration *configuration;
	const struct configuration_ops *configuration_ops; /* may be NULL: ConfigUpdate is refused */
	void *configuration_ctx;
	struct security security;
	const struct log *log; /* borrowed for the peer's life; may be NULL */
	uint64_t seed;         /* of the prng for jitter and fingers */
	bool client;           /* never joins, stores nothing for others (4.2) */
	bool first;            /* the overlay's first peer: owns the whole ring (4.5.2) */
	/* Own addresses offered as No-ICE candidates, in order of preference. */
	struct ice_candidate candidates[CANDIDATES_MAX]; /* strings borrowed for the peer's life */
	size_t candidate_count;
	/* The same for application links; the driver listens there apart from overlay links. */
	struct ice_candidate app_candidates[CANDIDATES_MAX];
	size_t app_candidate_count;
	struct workspace *workspace; /* workspace.h; borrowed for the peer's life; NULL: one of its own */
	size_t links_max;         /* connections at most; 0: the default of 256 */
	size_t datagram_mtu;      /* bytes of one datagram's payload; 0: the default of 1,200 */
};

/* Owned by the caller. The topology plug-in and storage are set next, before peer_start. */
struct peer *peer_new(const struct peer_options *options);
void peer_free(struct peer *p);

void peer_set_topology(struct peer *p, const struct topology_ops *ops, void *ctx);
void peer_set_storage(struct peer *p, const struct storage_ops *ops, void *ctx);

/* Begins: the first peer forms the ring; others connect to the bootstrap addresses (configuration's and
 * `cached`, tried in a random order, several at once), Attach and join. Retried for ever, with back-off. */
void peer_start(struct peer *p, struct now now, const struct address *cached, size_t cached_count,
		enum overlay_link_type cached_type);

/* The node's addresses changed: what Attach and AppAttach offer from now on. Strings borrowed as in the options. */
void peer_set_candidates(struct peer *p, const struct ice_candidate *candidates, size_t count,
			 const struct ice_candidate *app_candidates, size_t app_count);

/* Hands over, sends Leave, then PEER_LEFT (after at most 13 s; commonly at once). */
void peer_leave(struct peer *p, struct now now);

/* An incoming connection whose handshake is done. `certificate` is the other end's DER. Returns the new
 * link's id, or 0 when it is refused (the reason is logged and counted): then just close it. */
link_id peer_link_accept(struct peer *p, struct now now, enum link_purpose purpose,
			 enum overlay_link_type type, const struct address *remote,
			 struct slice certificate);

/* An incoming connection whose handshake failed, be it for its certificate: counted and logged as refused. */
void peer_link_refused(struct peer *p, const struct address *remote, int reason);

/* A link asked for by LINK_OPEN: handshake done. The peer may refuse the certificate (LINK_CLOSE follows). */
void peer_link_up(struct peer *p, struct now now, link_id link, struct slice certificate);

/* A link failed or timed out (ERR_*), or the other end closed it in good order (0). */
void peer_link_down(struct peer *p, struct now now, link_id link, int reason);

/* Bytes of a stream, in order, or one whole datagram's payload. */
void peer_receive(struct peer *p, struct now now, link_id link, struct slice bytes);

/* Runs what is due. */
void peer_expire(struct peer *p, struct now now);
struct instant peer_deadline(const struct peer *p);

/* The next effect, valid until the next call of this or of an input; NULL when drained. */
const struct effect *peer_next_effect(struct peer *p);

/* A newer configuration that the node fetched itself: the same as an accepted ConfigUpdate. Copied. */
void peer_configure(struct peer *p, struct now now, const struct configuration *configuration);

/* ---- What plug-ins, storage and usages use (queueing only, never re-entrant). ---- */

enum peer_state peer_state(const struct peer *p);
const struct configuration *peer_configuration(const struct peer *p);
const struct security *peer_security(const struct peer *p);
const struct log *peer_log(const struct peer *p);
struct prng *peer_prng(struct peer *p);
struct timer_heap *peer_timers(struct peer *p);
struct counters *peer_counters(struct peer *p);
const struct node_id *peer_node_id(const struct peer *p);
bool peer_is_client(const struct peer *p);
uint32_t peer_uptime_s(const struct peer *p, struct now now);
const struct topology *peer_topology(const struct peer *p);
const struct storage_port *peer_storage(const struct peer *p);
/* storage_time of the latest value this node signed; read and moved on by resource.c. */
uint64_t *peer_last_storage_time(struct peer *p);
/* The list of calls that resource.c waits for. */
struct resource_call **peer_resource_calls(struct peer *p);
/* The arena of the message being handled; reset once its effects have been drained. */
struct arena *peer_arena(struct peer *p);
/* Queues an effect; parts must stay valid until drained (the arena's do). */
void peer_queue_effect(struct peer *p, const struct effect *e);
void peer_set_state(struct peer *p, struct now now, enum peer_state state);

/* Joining failed, or this node was cut off: begins again with the bootstrap nodes, after a back-off when the
 * last try was recent. topology->join is called (again) when a link is up. A peer in PEER_JOINED stays in
 * that state meanwhile; any other goes to PEER_CONNECTING. The core does this by itself when the last
 * overlay link is lost. */
void peer_rejoin(struct peer *p, struct now now);

/* `link` is up and leads to `node` when err == 0; else ERR_LINK, ERR_NO_ROUTE (no bootstrap node but us). */
typedef void peer_bootstrap_fn(void *ctx, struct now now, int err, link_id link,
			       const struct node_id *node);

/* A link to a bootstrap node picked at random, for the check for partitions (10.7.4.4): an existing one or a
 * new one, which is closed again when it stays unused. ERR_IN_PROGRESS while another such call or a
 * bootstrap is under way: `done` is then not called. */
int MUST_CHECK peer_bootstrap_open(struct peer *p, struct now now, peer_bootstrap_fn *done, void *ctx);

#endif
