/* SPDX-License-Identifier: MIT */
/* What a peer is made of. For the core's own files only; everybody else uses peer.h. Each part is
 * known to its own file alone. */
#ifndef OVERLAY_PEER_STATE_H
#define OVERLAY_PEER_STATE_H

#include "overlay/peer.h"
#include "overlay/workspace.h"

struct peer {
	const struct configuration *configuration; /* the options' one, or configuration_own */
	struct configuration *configuration_own;   /* owned: a newer one came; NULL: none did */
	const struct configuration_ops *configuration_ops;
	void *configuration_ctx;
	struct security security;
	const struct log *log;
	struct prng prng;
	struct timer_heap timers;
	struct counters counters;
	struct topology topology;
	struct storage_port storage;
	struct workspace *workspace;
	bool owns_workspace;
	struct turn *turn; /* from the workspace; NULL: this peer is at rest */

	struct node_id node_id;
	uint32_t overlay_hash; /* of the overlay's name, as every forwarding header carries it */
	bool client;
	bool first;
	enum peer_state state;
	struct instant started;
	uint64_t last_storage_time;           /* ms */
	struct resource_call *resource_calls; /* owned by resource.c */
	size_t links_max;
	size_t datagram_mtu; /* bytes */
	struct ice_candidate *candidates; /* owned */
	size_t candidate_count;
	struct ice_candidate *app_candidates; /* owned */
	size_t app_candidate_count;
	struct timer leave_timer;

	struct link_table *links;            /* link_table.h */
	struct fragment_table *fragments;    /* fragment.h */
	struct forwarding *forwarding;       /* forwarding.h */
	struct transport *transport;         /* transport_state.h */
	struct attach_table *attaches;       /* attach_table.h */
	struct bootstrap *bootstrap;         /* bootstrap.h */
	struct config_update *config_update; /* config_update.h */
	struct rollback *rollback;           /* rollback.h */
	struct evidence *evidence;           /* evidence.h */
};

/* "joining"; for logs. */
const char *peer_state_name(enum peer_state s);

#endif
