/* SPDX-License-Identifier: MIT */
/* The calls of usages that wait for answers, from inside: resource.c and resource_fetch.c share them. */
#ifndef OVERLAY_RESOURCE_STATE_H
#define OVERLAY_RESOURCE_STATE_H

#include "overlay/lookup.h"
#include "overlay/resource.h"

#define RESOURCE_ARENA_BYTES (1u << 20) /* cap of one call's working memory */
#define RESOURCE_FETCH_BODY (RESOURCE_ID_MAX + 64)

/* A copy of an answer that did not end a lookup. */
struct resource_answer {
	struct resource_answer *next;
	struct node_id owner; /* who answered */
	struct slice body;    /* these two borrow from what follows */
	struct certificate_list certificates;
	struct slice items[]; /* certificates, then all bytes */
};

/* One request on its way; freed when its callback has been called. */
struct resource_call {
	struct resource_call *next;
	struct resource_call **link; /* what points to this one */
	struct peer *peer;
	struct resource_id resource;
	uint32_t kind;
	enum data_model model;
	union {
		resource_store_fn *store;
		resource_fetch_fn *fetch;
		resource_stat_fn *stat;
		resource_find_fn *find;
	} done;
	void *ctx;
	bool cancelled; /* nobody wants to hear of it */
	unsigned retries;
	/* Of a Store, for its repetition: keys and values are copies within `bytes`. */
	struct resource_value *values; /* owned */
	size_t value_count;
	uint8_t *bytes; /* owned */
	/* Of a Fetch. */
	struct lookup *lookup;           /* owned */
	struct resource_answer *answers; /* owned; poor ones, in order of arrival */
	size_t answer_count;
	bool accepts_stale;
	int last_err; /* an Error that a holder answered, or what was wrong with its answer */
	struct instant started;
	/* The answer that ends it, only while that is being handled. */
	const struct response *last;
	struct arena arena;
	struct resource_fetched *read; /* arena */
	size_t read_count;
	size_t read_discarded;
	uint64_t read_generation;
};

/* Adds a call to the peer's. NULL when the Kind is not known. */
struct resource_call *resource_call_new(struct peer *p, const struct resource_id *resource, uint32_t kind,
					void *ctx);
/* Takes it out of the peer's calls and frees it with all it owns. */
void resource_call_free(struct resource_call *call);

/* The body of a FetchReq or StatReq for all there is of the call's Kind; returns its length. */
size_t resource_fetch_body(const struct resource_call *call, uint8_t body[RESOURCE_FETCH_BODY]);
/* The one Kind that was asked for, out of a FetchAns or StatAns. */
int MUST_CHECK resource_fetch_answer(const struct resource_call *call, const struct response *response,
				     struct arena *arena, struct fetch_kind_response *out);

#endif
