/* SPDX-License-Identifier: MIT */
/* Copies at other nodes: replicas (RFC 6940 10.4) and what topology changes ask (10.7.3). */
#ifndef STORAGE_REPLICATION_H
#define STORAGE_REPLICATION_H

#include "storage/storage_state.h"

struct transfer;

/* Takes the wait; it goes on with replication_commit. Queues EFFECT_STORE_COMMIT once. */
void replication_await_commit(struct storage *s, struct store_wait *wait);
/* The backend was written to. */
void replication_dirty(struct storage *s);
/* What the uncommitted wait for is durable: replicas, or answers. */
void replication_committed(struct storage *s, struct now now);
/* Begins their replicas before the commit. */
void replication_ahead(struct storage *s, struct now now);

/* A Resource goes: those who wait for its replicas are answered. */
void replication_forget(struct storage *s, struct now now, struct stored_resource *r);

/* Another node holds what `t` says (err == 0), or could not be reached, or refused. `t` is a copy. */
void replication_transferred(struct storage *s, struct now now, const struct transfer *t, int err);

/* Replica number of a Store whose sender is about to forget what it stores. CHORD-RELOAD leaves all but 0 to us
 * (RFC 6940 10.4). */
#define REPLICA_PARTING 255

/* `from` stored `count` values of what it holds of `r` here, with this replica number. */
void replication_source(struct stored_resource *r, const struct node_id *from, uint8_t replica_number, size_t count);
/* A Store for `point` was taken. When we are not to hold it, as who sent it did not know yet, it is looked at again
 * even if nothing around us changes any more. */
void replication_taken(struct storage *s, struct now now, const struct node_id *point);

void replication_topology_changed(struct storage *s, struct now now, bool replicas_settled);

/* Frees everything without a word to anybody. */
void replication_free(struct storage *s);

#endif
