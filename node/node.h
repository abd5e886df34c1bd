/* SPDX-License-Identifier: MIT */
/* A running node: the peer with its plug-ins, and the event loop around it. Private to node/. */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include <uv.h>

#include "crypto/keystore.h"
#include "crypto/provider.h"
#include "crypto/tls_engine.h"
#include "node/cached_peers.h"
#include "node/admission.h"
#include "node/configuration_file.h"
#include "node/settings.h"
#include "overlay/base/map.h"
#include "overlay/chord/chord.h"
#include "overlay/peer.h"
#include "storage/storage.h"
#include "usage/certificate/certificate_usage.h"
#include "usage/hip/hip_host.h"
#include "usage/hip/hip_known.h"
#include "usage/media/media_relay.h"
#include "usage/sip/sip_usage.h"

#define NODE_USAGES_MAX 4
#define READ_BUFFER_SIZE (64 * 1024) /* shared by all streams */

struct connection;
struct control;
struct hip_address_watch;
struct hip_capture;
struct hip_sockets;
struct hip_tun;
struct issuer_rule;
struct host_provider;
struct log_file;
struct media_ports;
struct sip_listener;
struct tcp_listener;
struct udp_listener;

enum node_phase {
	NODE_RUNNING,
	NODE_STOPPING_USAGES, /* they remove what should not outlive us */
	NODE_LEAVING,         /* handing over, then Leave */
	NODE_LEFT,            /* out of the ring; stays up to be looked at, until told to end */
	NODE_CLOSING          /* every handle is being closed; the loop ends */
};

/* The turn of the loop under way. */
struct driver {
	uv_timer_t timer;
	uv_prepare_t prepare;
	uv_check_t check;
	bool commit_wanted;          /* EFFECT_STORE_COMMIT was seen */
	bool draining;
	struct connection *dirty;    /* have output to be written at the end of the turn */
	struct connection *failed;   /* the peer is told of them after the drain */
	struct connection *resumed;  /* application links whose first bytes wait for their usage */
	uint64_t turns, effects;
};

/* All transport connections. */
struct connections {
	struct map *by_link;            /* link_id (8 bytes) to struct connection */
	struct connection *handshaking; /* list: deadlines are looked for here only */
	struct connection *all;         /* list */
	size_t count;
	struct tcp_listener *tcp_listeners; /* list */
	struct udp_listener *udp_listeners; /* list */
	struct admission admission;
	uint8_t *read_buffer;     /* READ_BUFFER_SIZE, for streams */
	uint8_t *datagram_buffer; /* for recvmmsg */
	uint8_t *cipher;          /* ciphertext of one engine call, streams */
	size_t cipher_len, cipher_room;
};

struct node {
	struct settings settings;
	uv_loop_t loop;
	enum node_phase phase;
	struct log log;
	struct log_file *log_file;

	struct configuration_file *configuration;
	struct issuer_rule *issuer_rules; /* of the settings */
	struct keystore *keys;
	struct provider *provider;
	struct tls_context *tls;
	struct host_provider *host_keys; /* the key as Host Identity; NULL: HIP is off */
	struct ice_candidate candidates[CANDIDATES_MAX];
	size_t candidate_count;
	struct ice_candidate app_candidates[CANDIDATES_MAX];
	size_t app_candidate_count;

	/* The core and its leaves; made anew when a bootstrap peer ends its search (bootstrap.c). */
	struct backend backend;
	struct configuration *first_configuration; /* what the peer began with, and borrows */
	struct peer *peer;
	struct chord *chord;
	struct storage *storage;
	struct certificate_usage *certificates;
	struct sip_usage *sip; /* NULL: no sip-listen */
	struct hip_host *hip;  /* NULL: off */
	struct media_relay *media; /* NULL: no SIP, no HIP, or hip-media is off */
	uint64_t known_version;    /* of the first uses that are in the file */
	struct usage usages[NODE_USAGES_MAX];
	size_t usage_count;

	struct driver driver;
	struct connections connections;
	struct sip_listener *sip_listener;
	struct hip_sockets *hip_sockets;
	struct media_ports *media_ports;
	struct hip_tun *hip_tun;
	struct hip_capture *hip_capture;
	struct hip_address_watch *hip_watch;
	struct control *control;

	uv_signal_t signals[3];
	uv_timer_t bootstrap_timer; /* how long a bootstrap peer looks for others */
	uv_timer_t cache_timer;     /* when cached peers are written */
	char cached_peers[CACHED_PEERS_TEXT_SIZE]; /* what was written last */
	uv_timer_t stop_timer;      /* bounds leaving */
	size_t usages_stopping;
	bool leave_wanted; /* a new configuration left no place for us */
	bool left;         /* the peer is done */
	bool stay;         /* end in NODE_LEFT */
	struct now started;
	int exit_code;
};

/* Opens everything and starts the peer. ERR_*; `detail` says what to do. The node is freed on failure. */
int MUST_CHECK node_new(struct node **out, const struct settings *settings, bool keylog, char *detail,
			size_t detail_size);

/* Runs until the node has stopped; the process's exit code. */
int node_run(struct node *n);
void node_free(struct node *n);

/* Unregister, hand over, Leave; then end, or with `stay` remain outside the ring. */
void node_leave(struct node *n, bool stay);

/* Flushes, closes, ends; the overlay is not told. */
void node_shutdown(struct node *n);

/* The next step of stopping that is due; false when there is none. Between drains. */
bool node_advance(struct node *n, struct now now);

/* EFFECT_PEER_STATE and EFFECT_CONFIGURATION. `reason`: 0, or ERR_UNSUPPORTED when the newer document cannot be
 * followed. */
void node_on_state(struct node *n, struct now now, enum peer_state state);
void node_on_configuration(struct node *n, struct now now, int reason);

struct now node_now(void);

#endif
