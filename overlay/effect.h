/* SPDX-License-Identifier: MIT */
/* Everything a peer may ask of the world. There are two interpreters: node/driver.c and the simulator. */
#ifndef OVERLAY_EFFECT_H
#define OVERLAY_EFFECT_H

#include "overlay/security.h"
#include "overlay/wire/address.h"
#include "overlay/wire/body_routing.h"

/* Names a link for its whole life; never 0, never used twice by one peer. */
typedef uint64_t link_id;

#define EFFECT_PARTS_MAX 3

enum link_purpose {
	LINK_OVERLAY,    /* carries RELOAD frames through the peer */
	LINK_APPLICATION /* carries an application's bytes past the peer (AppAttach, 6.5.2) */
};

enum peer_state {
	PEER_IDLE,
	PEER_CONNECTING, /* trying bootstrap nodes */
	PEER_JOINING,
	PEER_JOINED, /* part of the ring; a client: attached and able to send requests */
	PEER_LEAVING,
	PEER_LEFT
};

enum effect_type {
	/* Write the parts in a row on `link`. On a datagram link they are one datagram. The parts are
	 * borrowed until the next input to the peer. */
	EFFECT_SEND,
	/* Connect and do the TLS/DTLS handshake as its client; then peer_link_up or peer_link_down. */
	EFFECT_LINK_OPEN,
	/* Close; the peer has forgotten the link already, no event is expected back. */
	EFFECT_LINK_CLOSE,
	/* An application link is usable: hand it to the usage of `application`. From here on it is the
	 * driver's: the peer has forgotten it. */
	EFFECT_APP_LINK_READY,
	/* Something stored waits for storage_ops.commit: call it once before the turn ends. */
	EFFECT_STORE_COMMIT,
	/* The peer's state changed. */
	EFFECT_PEER_STATE,
	/* The configuration changed (ConfigUpdate was accepted). With a reason of ERR_UNSUPPORTED it did not:
	 * the overlay goes on with a document that this node cannot follow and has to leave for (11.1). */
	EFFECT_CONFIGURATION
};

struct effect {
	enum effect_type type;
	link_id link; /* SEND, LINK_OPEN, LINK_CLOSE, APP_LINK_READY */
	struct slice parts[EFFECT_PARTS_MAX]; /* SEND */
	size_t part_count;
	struct address address;           /* LINK_OPEN */
	enum overlay_link_type link_type; /* LINK_OPEN */
	enum link_purpose purpose;        /* LINK_OPEN */
	uint16_t application;             /* APP_LINK_READY */
	bool initiator;                   /* APP_LINK_READY: we sent the AppAttach */
	struct node_id node_id;           /* APP_LINK_READY: the verified other end */
	struct hit hit;                   /* APP_LINK_READY: of the other end's certificate; zero: none */
	const char *user;                 /* APP_LINK_READY: its user name, borrowed like parts; "" */
	bool user_is_vouched;             /* APP_LINK_READY: struct identity */
	int reason;                       /* LINK_CLOSE: 0 or ERR_*, for the log; CONFIGURATION */
	enum peer_state state;            /* PEER_STATE */
};

#endif
