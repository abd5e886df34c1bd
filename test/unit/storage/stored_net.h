/* SPDX-License-Identifier: MIT */
/* A ring of peers with storage on the in-memory net; each keeps its backend when it is killed. */
#ifndef TEST_UNIT_STORAGE_STORED_NET_H
#define TEST_UNIT_STORAGE_STORED_NET_H

#include "overlay/resource.h"
#include "storage/storage.h"
#include "tools/sim/net.h"
#include "test/unit/run.h"

#define STORED_NET_NODES_MAX 64
#define STORED_NET_KIND 0xf0000001u  /* SINGLE, USER-MATCH */
#define STORED_NET_ARRAY 0xf0000002u /* ARRAY, USER-MATCH */

struct stored_net {
	struct net *n;
	struct configuration *configuration; /* owned */
	struct backend backends[STORED_NET_NODES_MAX];
	unsigned logged_discards; /* resource.discarded lines of all nodes */
};

/* `count` peers started 300 ms apart, their ring ideal. The nodes' users are "user<index>@example.org". */
struct stored_net *stored_net_new(size_t count, uint64_t seed);
void stored_net_free(struct stored_net *s);
/* Waits until the ring is ideal, at most `limit_s`. */
void stored_net_settle(struct stored_net *s, uint64_t limit_s);

/* H(user of the node). */
struct resource_id stored_net_resource(struct stored_net *s, size_t node);
struct node_id stored_net_point(struct stored_net *s, size_t node);
/* Forgets what the node had on its disk. */
void stored_net_wipe(struct stored_net *s, size_t node);

/* `node` stores `text` at H(its user) and waits for the answer, which is returned. */
struct resource_store_result stored_net_store(struct stored_net *s, size_t node, const char *text,
					      uint32_t lifetime_s);

struct stored_net_fetched {
	bool called;
	int err;
	size_t count;     /* values that exist */
	size_t discarded;
	char text[128];   /* of the first that exists */
	uint64_t generation;
	struct node_id owner;
};

/* `from` fetches what `of` stored. */
struct stored_net_fetched stored_net_fetch(struct stored_net *s, size_t from, size_t of);

/* True when `node` holds a value with this text at H(user of `of`). */
bool stored_net_holds(struct stored_net *s, size_t node, size_t of, const char *text);
/* How many running peers hold it; and whether owner and the next two do. */
size_t stored_net_holders(struct stored_net *s, size_t of, const char *text);
bool stored_net_is_protected(struct stored_net *s, size_t of, const char *text);

#endif
