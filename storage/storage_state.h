/* SPDX-License-Identifier: MIT */
/* What the files of storage/ share: the object, its helpers, and who does what. */
#ifndef STORAGE_STORAGE_STATE_H
#define STORAGE_STORAGE_STATE_H

#include "overlay/base/timer.h"
#include "overlay/peer.h"
#include "storage/storage.h"
#include "storage/store.h"

#define STORAGE_ARENA_BYTES (4u << 20) /* cap of one step's working memory */
#define TRANSFERS_MAX 16u /* maintenance Stores in flight; those of clients' Stores come on top */
/* Bytes of a message beside body and certificates: forwarding header with its lists, signature. */
#define STORAGE_MESSAGE_OVERHEAD 600

/* A Store that is done in memory and waits: first for the commit, then, at the owner, for replicas. */
struct store_wait {
	struct store_wait *next; /* of the uncommitted, then of the Resource */
	struct storage *storage;
	struct node_id point;
	uint64_t handle;
	uint64_t version; /* replicas that confirmed this one hold what was stored */
	bool is_owner;
	struct timer timer;
	size_t kind_count;
	struct store_kind_response kinds[]; /* replicas left empty */
};

struct transfer;
struct hand_over;

struct storage {
	struct peer *peer;
	struct backend *backend;
	struct store store;
	bool commit_queued;
	struct store_wait *uncommitted; /* in order of arrival */
	struct store_wait **uncommitted_end;
	/* replication.c */
	struct transfer *transfers; /* in flight */
	size_t transfer_count;
	struct hand_over *hand_overs; /* hand_over.c */
	bool replicas_settled;
	struct instant changed; /* when the topology did last */
	link_id replica_links[TOPOLOGY_REPLICAS]; /* as they were when last looked at */
	struct timer links_timer;
	struct timer sweep_timer;
	struct node_id *sweep_points; /* owned; the Resources of the sweep under way, NULL: none is */
	size_t sweep_count;
	size_t sweep_at;
	bool sweep_left; /* something has to be looked at again */
	/* outage.c */
	struct timer outage_timer; /* armed as long as the backend is not asked to store anything */
	unsigned outage_tries;
};

/* store_methods.c, fetch_methods.c: request handlers; ctx is the storage. */
request_fn store_methods_store;
request_fn fetch_methods_fetch;
request_fn fetch_methods_stat;
request_fn fetch_methods_find;

/* Answers with the Error for `err`; what is never answered (a bad signature) becomes Error_Forbidden. */
void storage_refuse(struct storage *s, struct now now, const struct incoming *request, int err,
		    struct slice info);
/* Error_Unknown_Kind with the list of those. */
void storage_refuse_kinds(struct storage *s, struct now now, const struct incoming *request,
			  const uint32_t *unknown, size_t count);

/* Visits the backend's expired records that are not held any more, and certificates that none of its other
 * records needs: takes them out of the backend, uncommitted. Kinds whose counter stood with such a record write
 * it with another. */
int MUST_CHECK storage_tidy_backend(struct storage *s, struct now now);

/* Answers a wait with the replicas that confirmed, and frees it. */
void storage_wait_answer(struct storage *s, struct now now, struct store_wait *w,
			 const struct node_id *replicas, size_t count);

/* A value that came out of a message or the backend, checked with access_verify_value. */
struct checked_value {
	const struct kind *kind;
	struct stored_data data; /* array: true index once known */
	struct signer_certificate *certificate;
	struct node_id signer;
	struct walltime not_after;
	bool unchanged; /* what is stored is the same */
};

/* Verifies and finds or makes its certificate, to be released by the caller also after an error. Errors of
 * access_verify_value, ERR_LIMIT for a quota. */
int MUST_CHECK storage_check_value(struct storage *s, struct now now, const struct resource_id *resource,
				   const struct certificate_list *bucket, struct arena *arena,
				   struct checked_value *v);

#endif
