/* SPDX-License-Identifier: MIT */
/* Attach from inside: the table of Attach and AppAttach transactions, and what the Connection Table
 * asks of it when a link comes up. */
#ifndef OVERLAY_ATTACH_TABLE_H
#define OVERLAY_ATTACH_TABLE_H

#include "overlay/attach.h"
#include "overlay/base/timer.h"
#include "overlay/security.h"

#define ATTACH_PENDING_MAX 256 /* in both directions */
#define ATTACH_TIMEOUT_S 10    /* from the answer to the link */
/* Then the requester opens a link itself, to the candidates of the answer, beyond what 6.5.1 asks for: the answerer
 * may have taken a link for good of which the requester has lost its end. */
#define ATTACH_PATIENCE_S 3
#define ATTACH_APPLICATIONS_MAX 16

struct link;
struct incoming;

enum attach_state {
	ATTACH_REQUESTED, /* we asked; no answer yet */
	ATTACH_AWAITING,  /* answered: the other end opens the link */
	ATTACH_CONNECTING /* they asked: we open the link */
};

/* A way to reach the other end. */
struct attach_way {
	struct address address;
	enum overlay_link_type type;
};

struct attachment {
	struct peer *peer;
	struct attachment *next;
	enum attach_state state;
	enum link_purpose purpose;
	uint16_t application; /* LINK_APPLICATION */
	bool is_initiator;    /* we asked */
	bool is_node_known;
	bool has_yielded;    /* Error_In_Progress came: the other end's own Attach is on its way */
	struct node_id node; /* the other end */
	uint64_t transaction_id;
	bool send_update; /* the other end wants an Update */
	attach_done_fn *done;
	void *ctx;
	struct attach_way ways[CANDIDATES_MAX];
	size_t way_count;
	size_t way_next;
	link_id opening; /* 0: none */
	struct timer timer;
};

struct attach_table {
	struct attachment *first; /* owned; newest first */
	size_t count;
	uint16_t applications[ATTACH_APPLICATIONS_MAX];
	size_t application_count;
};

void attach_new(struct peer *p);
void attach_free(struct peer *p);

/* Someone waits for an application link of this identity. */
bool attach_expects_app_link(const struct peer *p, const struct identity *identity);
/* Which of several Node-IDs in its certificate a new link's other end goes by, where an Attach
 * tells. */
void attach_name_link(const struct peer *p, struct link *l);
/* An incoming link is up. */
void attach_link_accepted(struct peer *p, struct now now, struct link *l);

/* ---- Between the two files of Attach ---- */

/* NULL: the table is full. */
struct attachment *attachment_new(struct peer *p, enum link_purpose purpose,
				  enum attach_state state);
/* Ends it; `done` is called when there is one. */
void attachment_finish(struct attachment *a, struct now now, int err, link_id link);
/* The overlay Attach with this node, or NULL. */
struct attachment *attachment_of_node(const struct peer *p, const struct node_id *node);
/* Tries its ways, one after the other. */
void attachment_connect(struct attachment *a, struct now now);
/* Takes the other end's usable ways: those of types we offer ourselves, TLS first. */
void attachment_take_ways(struct attachment *a, const struct ice_candidate *candidates,
			  size_t count);
void attachment_await(struct attachment *a, struct now now);
/* The overlay link of an Attach is there. */
void attachment_attach(struct attachment *a, struct now now, struct link *l);

/* attach_answer.c: handlers of Attach and AppAttach requests. */
void attach_requested(void *ctx, struct now now, const struct incoming *request);
void app_attach_requested(void *ctx, struct now now, const struct incoming *request);
/* Bodies with our own candidates, in the arena; empty when they do not fit. */
struct slice attach_body(struct peer *p, const char *role, bool send_update);
struct slice app_attach_body(struct peer *p, const char *role, uint16_t application);

#endif
