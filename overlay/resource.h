/* SPDX-License-Identifier: MIT */
/* The service for usages: sign and store values, fetch and verify them, stat, find. */
#ifndef OVERLAY_RESOURCE_H
#define OVERLAY_RESOURCE_H

#include "overlay/transport.h"
#include "overlay/wire/body_data.h"

struct peer;

/* A value to store. Strings are borrowed until resource_store returns. */
struct resource_value {
	uint32_t index;   /* array: ARRAY_INDEX_LAST appends */
	struct slice key; /* dictionary */
	bool exists;      /* false removes (7.4.1.3) */
	struct slice value;
	uint32_t lifetime_s;
};

struct resource_store_result {
	int err;
	uint64_t generation;
	size_t replica_count; /* confirmed replicas; fewer than two: stored, not yet protected */
	struct node_id owner; /* who answered */
	struct duration round_trip;
};

typedef void resource_store_fn(void *ctx, struct now now, const struct resource_store_result *result);

/* Signs each value with this node's identity at now.wall (made later than this node's previous store of the
 * same element) and stores them in one request, generation 0 (not checked). `done` is called once unless an
 * error is returned: ERR_UNKNOWN_KIND, ERR_NO_ROUTE, ERR_LIMIT, ERR_KEY. */
int MUST_CHECK resource_store(struct peer *p, struct now now, const struct resource_id *resource,
			      uint32_t kind, const struct resource_value *values, size_t count,
			      resource_store_fn *done, void *ctx);

/* A value that was verified: signature, certificate, dates, Node-ID rule and the Kind's access policy. */
struct resource_fetched {
	struct stored_data data;
	struct identity signer;
	bool is_synthetic; /* exists == false without signature: nothing was ever stored there */
	bool is_stale;     /* resource_fetch_options.accept_stale: a later one was seen before, but nobody has it */
};

struct resource_fetch_result {
	int err; /* 0 also when nothing is stored (count == 0) */
	const struct resource_fetched *values; /* borrowed until the callback returns */
	size_t count;
	size_t discarded; /* values that failed verification, or older than one fetched before */
	size_t requests;  /* sent for it; one when all is well */
	uint64_t generation;
	struct node_id owner; /* who answered */
	struct duration round_trip;
};

typedef void resource_fetch_fn(void *ctx, struct now now, const struct resource_fetch_result *result);

/* All values of one Kind (array: all indices, dictionary: all keys). Errors as resource_store.
 *
 * One request when it is answered well. When it is not answered, or with an Error, with nothing or with less than
 * was seen before, further holders are asked by other ways (overlay/lookup.h) for up to 12 s: a value that verifies
 * is believed whoever answers, and of several the one stored last. "Nothing there" is believed when all three
 * holders say so, or two when lookups have gone well for long.
 *
 * A value older than one fetched before is discarded when no holder has the later one: the holders of the later one
 * may have died, but it may also be a rollback (13.5.3), and what was revoked or moved must not come back by default.
 * Who would rather have an old value than none, such as a caller that can only fail to ring, says so. */
int MUST_CHECK resource_fetch(struct peer *p, struct now now, const struct resource_id *resource,
			      uint32_t kind, resource_fetch_fn *done, void *ctx);

struct resource_fetch_options {
	struct duration limit; /* of the whole; 0: 12 s */
	bool accept_stale;     /* values marked is_stale are handed out, when there is nothing better */
	bool plain;            /* one request and no more, as RFC 6940 has it: to measure, and to look at one holder */
};

/* Options may be NULL. */
int MUST_CHECK resource_fetch_with(struct peer *p, struct now now, const struct resource_id *resource,
				   uint32_t kind, const struct resource_fetch_options *options,
				   resource_fetch_fn *done, void *ctx);

struct resource_stat_result {
	int err;
	const struct stored_meta_data *values;
	size_t count;
	uint64_t generation;
	struct node_id owner;
	struct duration round_trip;
};

typedef void resource_stat_fn(void *ctx, struct now now, const struct resource_stat_result *result);
int MUST_CHECK resource_stat(struct peer *p, struct now now, const struct resource_id *resource,
			     uint32_t kind, resource_stat_fn *done, void *ctx);

struct resource_find_result {
	int err;
	struct resource_id closest; /* length 0: none */
	struct node_id owner;
	struct duration round_trip;
};

typedef void resource_find_fn(void *ctx, struct now now, const struct resource_find_result *result);
int MUST_CHECK resource_find(struct peer *p, struct now now, const struct resource_id *resource,
			     uint32_t kind, resource_find_fn *done, void *ctx);

/* The callbacks of all calls made with `ctx` will not be called: whoever owns it goes. */
void resource_cancel(struct peer *p, void *ctx);

/* Drops all calls without a word; for peer_free, before Message Transport goes. */
void resource_free(struct peer *p);

#endif
