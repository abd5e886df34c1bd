/* SPDX-License-Identifier: MIT */
/* RFC 6940 section 7 behind Message Transport: handles Store, Fetch, Stat and Find, keeps replicas, hands
 * over. A Store is answered when both replicas confirmed it, or after 3 s with those that did. */
#ifndef STORAGE_STORAGE_H
#define STORAGE_STORAGE_H

#include "overlay/peer.h"
#include "storage/backend.h"

struct storage;

/* Sets itself on the peer (peer_set_storage, handlers for Store, Fetch, Stat, Find). `backend` is borrowed
 * for the storage's life; what it holds is loaded, checked (signature, dates) and served. */
int MUST_CHECK storage_new(struct storage **out, struct peer *p, struct backend *backend, struct now now);
void storage_free(struct storage *s);

/* Timers of its own run on the peer's heap. Rows for pealctl: one stored value. */
struct storage_row {
	struct resource_id resource;
	uint32_t kind;
	uint64_t generation;
	struct stored_data data;
	char user[USER_NAME_MAX + 1];
	struct node_id signer;
	uint32_t remaining_s; /* lifetime left */
	bool owned;           /* we are responsible; else a replica or not yet handed over */
};

/* Walks all values in a stable order; start with *cursor == 0; borrowed until the next call. */
bool storage_next(struct storage *s, struct now now, size_t *cursor, struct storage_row *out);

/* Another number after each change of what storage_next shows, but for the lifetimes that pass. */
uint64_t storage_changes(const struct storage *s);

#endif
