/* SPDX-License-Identifier: MIT */
/* One TLS or DTLS connection and what it carries: an overlay link of the peer, or an application link. */
#ifndef NODE_CONNECTION_H
#define NODE_CONNECTION_H

#include "node/node.h"
#include "node/socket_address.h"

#define HANDSHAKE_TIMEOUT_MS 5000      /* connecting included */
#define HELD_MAX (64 * 1024) /* bytes an application link may send before a usage has it */
#define OUTPUT_QUEUE_MAX (1024 * 1024) /* bytes waiting for a slow receiver; more: the link is given up */

struct connection;

/* What TCP and UDP do differently. */
struct carrier {
	bool stream;
	/* Takes one run of ciphertext, or one datagram. */
	void (*write)(struct connection *c, struct slice bytes);
	/* Closes the socket and frees the connection, now or when libuv allows it. */
	void (*close)(struct connection *c);
	/* Bytes accepted by write and not yet sent. */
	size_t (*queued)(struct connection *c);
};

struct connection {
	struct node *node;
	const struct carrier *carrier;
	enum overlay_link_type type;
	enum link_purpose purpose;
	link_id link; /* 0: an incoming one whose handshake is under way */
	bool outgoing;
	bool holds_slot; /* of admission */
	bool established;
	bool closing;
	uint16_t application; /* not 0: an application link in use by a usage */
	size_t held;          /* bytes that came before a usage had it */
	int failure;          /* not 0: in the list of failed ones */
	struct address remote;
	struct tls_engine *engine;
	struct instant give_up; /* end of the handshake */
	uint8_t *output;        /* plaintext of this turn, each run behind its length; streams only */
	size_t output_len, output_room;
	bool dirty;
	struct connection *next, *previous;   /* all */
	struct connection *next_handshaking;
	struct connection *next_dirty, *next_failed, *next_resumed;
};

void connections_init(struct node *n);
void connections_close(struct node *n);
void connections_free(struct node *n);

/* Enters a new connection in the tables; `link` may be 0. Its handshake has to end in time. */
void connection_begin(struct connection *c, struct node *n, const struct carrier *carrier,
		      enum overlay_link_type type, enum link_purpose purpose, link_id link,
		      const struct address *remote);

struct connection *connection_find(struct node *n, link_id link);

/* The ciphertext sink given to tls_engine_new; ctx is the connection. */
void connection_on_ciphertext(void *ctx, struct slice bytes);
/* Writes what the engine produced since the last call; after each engine call. */
void connection_flush_ciphertext(struct connection *c);

/* Starts the handshake of an outgoing one whose transport is connected. */
void connection_connected(struct connection *c);

/* Ciphertext came in; ends with a drain. */
void connection_receive(struct connection *c, struct slice bytes);

/* Plaintext to be sent: a datagram at once, stream bytes at the end of the turn. */
void connection_send(struct connection *c, const struct slice *parts, size_t count);
/* Writes all that waited for the end of the turn. */
void connections_flush(struct node *n);

/* A usage now reads from it and writes to it; connections_resume hands on what came before. */
void connection_set_application(struct connection *c, uint16_t application);
/* Hands on what one such connection held; false when there was none. */
bool connections_resume(struct node *n);

/* Notes that it is lost; the peer or the usage is told by connections_report_failed. */
void connection_fail(struct connection *c, int reason, const char *why);
/* Reports one failed connection; false when there was none. */
bool connections_report_failed(struct node *n, struct now now);

/* The other end is told, nobody here is. */
void connection_close(struct connection *c);

/* Handshake deadlines. */
struct instant connections_deadline(const struct node *n);
void connections_expire(struct node *n, struct now now);

/* Called by the carriers last of all. */
void connection_free(struct connection *c);

#endif
