/* SPDX-License-Identifier: MIT */
/* Proxies on the in-memory net, and phones that are scripts: the world in which calls are tested. */
#ifndef TEST_UNIT_SIP_WORLD_H
#define TEST_UNIT_SIP_WORLD_H

#include "tools/sim/net.h"
#include "usage/sip/sip_usage.h"

#define WORLD_NODES_MAX 8
#define WORLD_PHONES_MAX 8
#define WORLD_INBOX 64 /* messages */
#define WORLD_LOG 65536
#define WORLD_DOMAIN "example.org"

struct world;

/* A phone: its address, and what it received and not yet looked at. */
struct phone {
	struct world *world;
	size_t node;
	char user[32];
	struct sip_flow flow; /* as the proxy sees it */
	char *inbox[WORLD_INBOX];
	size_t count;
	unsigned cseq;
	char tag[16];
	bool deaf; /* what is sent to it is lost */
	size_t received; /* messages ever */
	size_t pongs;
};

struct world_options {
	size_t nodes;
	const char *users[WORLD_NODES_MAX]; /* "alice@example.org" */
	struct sip_usage_options sip; /* listen is filled in */
	bool no_storage;              /* every Store fails */
	/* Called at each step for each node, before its proxy's turn; may be NULL. */
	void (*step)(void *ctx, struct world *w, size_t node);
	void *ctx;
};

struct world {
	struct net *net;
	struct world_options options;
	struct sip_usage *usages[WORLD_NODES_MAX];
	struct backend *backends[WORLD_NODES_MAX];
	struct phone phones[WORLD_PHONES_MAX];
	size_t phone_count;
	uint64_t next_stream;
	char log[WORLD_LOG]; /* sip.* events, one a line */
	size_t log_len;
};

/* Joined, ideal ring, SIP usages running. */
struct world *world_new(const struct world_options *options);
struct world *world_of(size_t nodes, ...); /* users */
void world_free(struct world *w);

/* Runs virtual time on, proxies' timers included. */
void world_run(struct world *w, uint64_t ms);
bool world_logged(const struct world *w, const char *text);

/* UDP when `tcp` is false. */
struct phone *phone_new(struct world *w, size_t node, const char *user, bool tcp);
/* A TCP phone's connection ends; another one is made from `port`, which is not the one it listens on. */
void phone_disconnect(struct phone *p);
void phone_connect(struct phone *p, uint16_t port);
/* Lines end in "\n" (or CRLF, as bodies do) in `text`; the phone sends them with CRLF. A "$V" is a fresh Via of this
 * phone. */
void phone_send(struct phone *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void phone_send_raw(struct phone *p, const void *bytes, size_t len);

/* Waits until a message that begins with `start` is there, takes it out and returns it (kept until the
 * world ends). Fails the test when none comes within `ms`. */
const char *phone_expect(struct phone *p, uint64_t ms, const char *start);
bool phone_has(const struct phone *p, const char *start);
/* Runs `ms` and fails when a message that begins with `start` is there. */
void phone_expect_none(struct phone *p, uint64_t ms, const char *start);

/* A header's value (of the n-th line, from 0) or NULL. Static, eight in turn. */
const char *header_of(const char *message, const char *name, unsigned n);
size_t header_count(const char *message, const char *name);

/* REGISTER and its 200. */
void phone_register(struct phone *p);
/* A request outside of a dialog, to a user of the overlay. */
void phone_request(struct phone *p, const char *method, const char *to, const char *call_id,
		   const char *extra, const char *body);
/* A response to a request the phone received. A body is a session description. */
void phone_respond(struct phone *p, const char *request, int status, const char *body);
/* A request in a dialog: `peer_message` is the 2xx (from a caller) or the INVITE (from a callee). */
void phone_in_dialog(struct phone *p, const char *method, const char *peer_message, bool is_caller,
		     const char *branch);
/* The same with a body, a session description. */
void phone_in_dialog_with(struct phone *p, const char *method, const char *peer_message, bool is_caller,
			  const char *branch, const char *body);
/* The ACK for a failure, in the INVITE's transaction. */
void phone_ack_failure(struct phone *p, const char *invite_via, const char *response);

#endif
