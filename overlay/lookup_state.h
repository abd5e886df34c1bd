/* SPDX-License-Identifier: MIT */
/* A lookup from inside: lookup.c makes the requests and decides how far to go, lookup_search.c knows the nodes met
 * on the way and says whom to ask next. */
#ifndef OVERLAY_LOOKUP_STATE_H
#define OVERLAY_LOOKUP_STATE_H

#include "overlay/base/timer.h"
#include "overlay/lookup.h"

#define LOOKUP_NODES_MAX 512   /* met in one search */
#define LOOKUP_REQUESTS_MAX 384 /* of one lookup, 256 RouteQueries among them at most */
#define LOOKUP_TRIES_MAX 6     /* requests at a time */
#define LOOKUP_DEPTH_MAX 12    /* entries of a Destination List */
#define LOOKUP_WAYS_MAX 12     /* ways to one node, */
#define LOOKUP_WAYS_NAMED 6    /* through those who named it */
#define LOOKUP_ASKS_MAX 6      /* RouteQueries to one node */
#define LOOKUP_HOLDERS 3       /* owner and replicas */
#define LOOKUP_CANDIDATES 6    /* likely holders asked in turn while some do not answer */
#define LOOKUP_HOLDER_TRIES 4  /* requests to one of them, by its ways, while there is something else to do */
#define LOOKUP_HOLDER_TRIES_LAST 10 /* when there is not */

#define LOOKUP_LINKED (-1) /* a way: over our own link to the node */
#define LOOKUP_ROUTED (-2) /* as any message for its Node-ID */

/* A node met. */
struct lookup_node {
	struct node_id id;
	struct node_id after; /* how far behind the Resource-ID, clockwise */
	struct node_id near;  /* how far from it, the shorter way round */
	struct node_id query; /* whither the next RouteQuery asks */
	int16_t ways[LOOKUP_WAYS_MAX]; /* LOOKUP_*, or the node that named it */
	uint8_t fails[LOOKUP_WAYS_MAX]; /* requests by that way without answer */
	uint8_t way_count;
	uint8_t way;   /* index of the best one left; way_count: none is */
	uint16_t cost; /* of that way: its hops, and what speaks against them */
	uint8_t tries; /* data requests to it */
	uint8_t doubt;       /* data requests that went through it and were not answered */
	uint8_t asked;       /* RouteQueries */
	uint16_t branch;     /* the node linked to us it was found through */
	bool is_asking;      /* a RouteQuery is under way */
	bool is_exhausted;   /* names nobody new */
	bool is_fetching;    /* the data request is under way */
	bool has_said;       /* it answered the data request */
};

struct lookup_search {
	struct node_id target;
	struct node_id reach; /* holders are not farther behind the target */
	struct lookup_node *nodes; /* owned */
	size_t count;
	size_t room;
	size_t root_count;  /* the first so many are linked to us, nearest to the target first */
	size_t active;      /* branches 0 .. active-1 are in work */
	size_t next_branch; /* whose turn it is */
	size_t queries;
	uint8_t tries_max; /* requests to one holder */
	bool is_stale; /* ways or doubts changed since costs were reckoned */
	bool *has_answered; /* owned: by branch */
};

void lookup_search_begin(struct lookup_search *s, struct peer *p, const struct node_id *target);
void lookup_search_free(struct lookup_search *s);
/* Finds or adds, with one more way to it. SIZE_MAX at the limits, and for what is no other node. */
size_t lookup_search_add(struct lookup_search *s, struct peer *p, const struct node_id *id, int way, size_t branch);
/* A likely holder that was not asked yet; SIZE_MAX: none. */
size_t lookup_search_holder(struct lookup_search *s);
/* Whom to send a RouteQuery next; SIZE_MAX: nobody. */
size_t lookup_search_query(struct lookup_search *s);
/* The answer to it. */
void lookup_search_answered(struct lookup_search *s, struct peer *p, size_t node, const struct node_id *next);
/* A request by the node's present way got no answer; `is_data`: which speaks against those on the way as well, for
 * they may pass on RouteQueries and nothing else. */
void lookup_search_failed(struct lookup_search *s, size_t node, bool is_data);
/* The nearest `count` nodes behind the target all have answered the data request. */
bool lookup_search_have_said(struct lookup_search *s, size_t count);
/* Branches that have answered. */
size_t lookup_search_branches(const struct lookup_search *s);
/* Destination List to the node; 0 when there is no way. *root: the first hop, or NULL when it is to be routed. */
size_t lookup_search_path(struct lookup_search *s, size_t node, struct destination *out,
			  const struct node_id **root);

#endif
