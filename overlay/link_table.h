/* SPDX-License-Identifier: MIT */
/* The Connection Table from inside. Everything that happens to a link passes here, so that the
 * topology plug-in, the Message Transport, Attach and bootstrap learn of it in one order. */
#ifndef OVERLAY_LINK_TABLE_H
#define OVERLAY_LINK_TABLE_H

#include "overlay/base/timer.h"
#include "overlay/framing.h"
#include "overlay/link.h"
#include "overlay/link_index.h"

#define LINK_OPEN_TIMEOUT_MS 5000 /* connection and handshake */

struct peer;
struct link;

/* How an opening link ended: it is up (err == 0), or it is gone. */
typedef void link_opened_fn(void *ctx, struct now now, struct link *l, int err);

/* What is kept of the other end's certificate. */
struct link_identity {
	uint8_t node_id_count;
	bool is_vouched; /* struct identity */
	struct hit hit;
	struct node_id node_ids[]; /* and behind them the user's name with its NUL */
};

/* There are many: small things are kept small. */
struct link {
	link_id id;
	struct link_identity *identity; /* owned; NULL while LINK_OPENING */
	struct node_id node_id;         /* the Node-ID it uses: Attach tells among several */
	struct address address;
	struct address
		listens_at; /* where the other end accepts links; ADDRESS_NONE: it has not said */
	uint8_t state;        /* enum link_state */
	uint8_t state_before; /* the same, of LINK_SUSPECT */
	uint8_t purpose;      /* enum link_purpose */
	uint8_t type;         /* enum overlay_link_type */
	bool outgoing;
	bool is_client;    /* no Join or Update came from it */
	bool is_announced; /* the topology plug-in knows of it */
	bool is_let_go;    /* by the topology plug-in, which need not be told of its end */
	bool is_gone;      /* closed; memory kept until the effects are drained */
	bool is_bootstrap; /* opened to bootstrap: closed when unused */
	bool close_watch;  /* link_set_watch */
	struct instant since;
	struct instant last_used; /* a message passed, keepalives not counted */
	struct instant close_at;  /* superseded by another link to the same node; never: not */
	uint64_t bytes_in, bytes_out, messages_in, messages_out;
	struct framing framing;
	link_opened_fn *opened; /* while LINK_OPENING; NULL: nobody waits any more */
	void *opened_ctx;
	struct link *next_gone;
};

struct link_table {
	struct link_index index; /* its links are owned */
	struct link *gone;       /* closed in this turn */
	link_id last_id;
	struct timer timer; /* fires for whichever link comes first */
};

void link_table_new(struct peer *p);
void link_table_free(struct peer *p);
/* Frees what was closed; called when no effect can refer to it. */
void link_table_sweep(struct peer *p);

/* Asks for a link. NULL: the table is full. */
struct link *link_open(struct peer *p, struct now now, const struct address *address,
		       enum overlay_link_type type, enum link_purpose purpose,
		       link_opened_fn *opened, void *ctx);

/* NULL when there is none. */
struct link *link_of_id(const struct peer *p, link_id id);
/* The usable (UP, ATTACHED) overlay link to a node. */
struct link *link_of_node(const struct peer *p, const struct node_id *node);

/* Walks the table in order of creation; start with *cursor == 0; NULL at the end. Links may come and go meanwhile. */
struct link *link_table_next(const struct peer *p, size_t *cursor);

/* Nodes to which a usable overlay link leads. */
size_t link_usable_count(const struct peer *p);

/* Attach is complete: `node` is the Node-ID the other end uses. Tells the topology plug-in. */
void link_attach(struct peer *p, struct now now, struct link *l, const struct node_id *node,
		 bool send_update);
/* A Join or an Update came over it: the other end is a peer (and takes us for attached). */
void link_is_peer(struct peer *p, struct now now, struct link *l);

/* Closes it (EFFECT_LINK_CLOSE) and tells everybody. `reason`: 0 or ERR_*. */
void link_close(struct peer *p, struct now now, struct link *l, int reason);
void link_close_all(struct peer *p, struct now now);
/* Closes links to nodes that the configuration lists as bad. */
void link_close_bad(struct peer *p, struct now now);

/* No longer, or again, answering (6.6.3.1). */
void link_suspect(struct peer *p, struct now now, struct link *l);
void link_recover(struct peer *p, struct now now, struct link *l);

/* Takes an application link, just up, out of the table without closing it: it is the driver's now.
 */
void link_release(struct peer *p, struct link *l);

/* One of the other end's Node-IDs. */
bool link_has_node_id(const struct link *l, const struct node_id *id);
/* "" while it is not known. */
const char *link_user(const struct link *l);

/* ---- link_watch.c ---- */

/* The table looks at its links at `at` or before. */
void link_wake(struct peer *p, struct instant at);

#endif
