/* SPDX-License-Identifier: MIT */
/* Finding the holders of a Resource when somebody does not want them found. A lookup costs one request as long as it
 * is answered well. If not, it asks further, step by step:
 *
 * 1. the same request by another first hop, after four usual round trips without an answer;
 * 2. "nothing there" is checked with the next holders, whom Pings to the identifier after the last one find: with
 *    both, or with one when fifty lookups went well of late; by a search when a value was seen before;
 * 3. a search: RouteQueries, source-routed by Destination Lists through the nodes that answered before, on several
 *    branches side by side, nearest to the Resource-ID first and back again where a branch ends; the owner and its
 *    replicas found so are asked by their Node-IDs, for whoever holds a Resource answers then.
 *
 * Nothing of this is trusted: the values' signatures are what counts, and the search only decides whom to ask. */
#ifndef OVERLAY_LOOKUP_H
#define OVERLAY_LOOKUP_H

#include "overlay/transport.h"

struct lookup;

/* What an answer was worth. */
enum lookup_answer {
	ANSWER_VALUE,   /* what was looked for: the lookup ends */
	ANSWER_NOTHING, /* "nothing there" */
	ANSWER_OLD,     /* older or less than what was seen before: perhaps others have more */
	ANSWER_BAD      /* an Error, or nothing that verifies */
};

typedef enum lookup_answer lookup_judge_fn(void *ctx, struct now now, const struct response *response);
/* The lookup is over, and its memory goes when this returns. */
typedef void lookup_done_fn(void *ctx, struct now now);

struct lookup_request {
	const struct resource_id *resource; /* copied; 16 bytes */
	enum method method;
	struct slice body;     /* copied */
	struct duration limit; /* ends then at the latest */
	bool is_plain;         /* one request and no more */
	lookup_judge_fn *judge;
	lookup_done_fn *done;
	void *ctx;
};

/* Sends the first request. ERR_NO_ROUTE, ERR_LIMIT, ERR_KEY as transport_request: `done` is then not called. */
int MUST_CHECK lookup_start(struct peer *p, struct now now, const struct lookup_request *request,
			    struct lookup **out);
/* Ends it without a word. NULL is allowed. */
void lookup_free(struct lookup *l);

/* Requests sent for it so far. */
size_t lookup_requests(const struct lookup *l);

#endif
