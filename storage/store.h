/* SPDX-License-Identifier: MIT */
/* The working set: Resource > Kind > values in memory, written through to the backend. Nothing here sends or
 * verifies; what comes in has been checked by store_methods.c or replication.c. */
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include "overlay/base/map.h"
#include "overlay/base/timer.h"
#include "overlay/kind.h"
#include "overlay/security.h"
#include "storage/backend.h"

#define STORE_VALUES_MAX 500000u       /* values held for everybody */
#define STORE_BYTES_MAX (256u << 20)   /* bytes of encoded values held for everybody */
#define SIGNER_VALUES_MAX 4096u        /* values held for one certificate */
#define SIGNER_BYTES_MAX (1u << 20)    /* bytes of encoded values held for one certificate */
#define STORE_HOLDERS_MAX 6            /* nodes remembered to hold a Resource besides us */
#define STORE_ARRAY_LENGTH_MAX STORED_VALUES_MAX /* so that a Fetch of all can show every gap */

struct peer;
struct store;
struct store_wait;

/* The certificate of a signer, kept as long as a value needs it. */
struct signer_certificate {
	uint8_t hash[CERTIFICATE_HASH_LENGTH];
	struct slice der; /* owned */
	char *user;       /* owned */
	size_t uses;      /* stored values, and checks in progress: at 0 it goes */
	size_t parked;    /* values that the turn took out and that may come back */
	size_t values;    /* stored values that need it */
	size_t bytes;     /* of those */
	bool kept;        /* the backend has it */
	bool kept_durably; /* it had when the turn began */
	bool changed;     /* `kept` was set or cleared in this turn */
	struct signer_certificate *next_changed;
};

struct stored_value {
	struct store *store;
	struct stored_resource *resource;
	struct stored_kind *kind;
	uint64_t version; /* numbers all puts of the store; never used twice, by no other Resource either */
	struct instant expires;
	struct timer expiry;
	struct signer_certificate *certificate;
	struct node_id signer;
	struct stored_data data; /* borrows from `bytes`; lifetime is that of arrival */
	size_t len;              /* bytes of encoded StoredData */
	uint8_t bytes[];
};

struct stored_kind {
	uint32_t id;
	enum data_model model;
	uint64_t generation;
	struct stored_value **values; /* owned, in order of their entries */
	size_t count;
	size_t room;
};

/* Another node that holds, or is to hold, the Resource. */
struct holder {
	struct node_id node;
	uint64_t confirmed;   /* it holds everything up to this version */
	uint64_t link;        /* ours to it when it confirmed; 0: none */
	uint32_t replicas;    /* as an owner it confirmed this many replicas of its own */
	bool in_flight;       /* a Store to it is not answered */
	bool crossed;         /* a Store of its own came meanwhile: perhaps it forgets what it was just given */
	uint8_t failures;     /* in a row */
	struct instant retry; /* not before */
};

struct stored_resource {
	struct node_id point; /* the Resource-ID */
	uint64_t version;     /* of the latest value put */
	struct stored_kind **kinds; /* owned */
	size_t kind_count;
	struct holder holders[STORE_HOLDERS_MAX];
	size_t holder_count;
	struct node_id owner;   /* the last one known, who had it; zero: none */
	struct instant owner_unheard; /* since when `owner` is it without having given us a replica; 0: it has */
	bool owner_may_lack_it; /* we owned it, or loaded it: its owner must be told before we rest */
	bool is_parting; /* we are about to forget it, and its owner is being told so */
	struct store_wait *waits; /* Stores answered when replicas confirm; owned by replication.c */
};

struct store_undo;

struct store {
	struct peer *peer;
	struct backend *backend;
	struct map *resources;    /* 16 bytes of Resource-ID -> struct stored_resource */
	struct map *certificates; /* SHA-256 -> struct signer_certificate */
	size_t values;
	size_t bytes;
	uint64_t version; /* the latest put's */
	uint64_t changes; /* grows with each change of what is held */
	int failed; /* ERR_* of a backend call since the last commit */
	struct store_undo *undo; /* what the turn changed, newest first; owned */
	struct signer_certificate *changed_certificates;
	/* The backend takes no changes: values still expire, in memory alone. `behind` says that some did. */
	bool held;
	bool behind;
	/* Told when the backend was written to and needs a commit. */
	void (*dirty)(void *ctx);
	/* Told before a Resource goes. */
	void (*forget)(void *ctx, struct now now, struct stored_resource *resource);
	void *ctx;
};

/* One value to be put; checked by the caller. */
struct store_put {
	const struct stored_data *data; /* array: with its true index */
	struct signer_certificate *certificate;
	struct node_id signer;
	struct walltime not_after; /* of the certificate: no value is served beyond it */
	uint64_t generation;       /* the Kind's from now on */
};

void store_init(struct store *st, struct peer *p, struct backend *backend);
/* The turn is durable; or it never was: memory is again as it was after the last commit. The backend is not
 * touched, and not read either: it may be broken. */
void store_keep_turn(struct store *st);
void store_undo_turn(struct store *st, struct now now);
/* Frees what is in memory; the backend is not touched. */
void store_free(struct store *st, struct now now);

struct stored_resource *store_resource(const struct store *st, const struct node_id *point);
struct stored_kind *store_kind(const struct stored_resource *r, uint32_t kind);

/* The certificate by its hash, made from `der` when it is new. In use until store_certificate_release. */
struct signer_certificate *store_certificate_use(struct store *st, const struct identity *signer,
						 struct slice der);
/* NULL is allowed. */
void store_certificate_release(struct store *st, struct signer_certificate *certificate);

/* Puts the value in place of an older one. Cannot fail; a backend's failure shows in st->failed. */
struct stored_value *store_put(struct store *st, struct now now, const struct node_id *point,
			       const struct kind *kind, const struct store_put *put);
/* Changes the counter alone; it is written through with one of the Kind's records. */
void store_set_generation(struct store *st, struct now now, struct stored_kind *k, uint64_t generation);
/* Loading: as store_put, but with the end of life given and without writing. The highest counter of the
 * Kind's records is the Kind's. */
struct stored_value *store_restore(struct store *st, const struct node_id *point,
				   const struct kind *kind, const struct store_put *put,
				   struct instant expires);

/* Writes one of the Kind's records again, for its counter. */
void store_rewrite(struct store *st, struct now now, const struct stored_kind *k);

/* Removes it and its Kind and Resource when they become empty. */
void store_remove(struct store *st, struct now now, struct stored_value *v);
/* Removes all values of the Resource. */
void store_remove_resource(struct store *st, struct now now, struct stored_resource *r);

/* Seconds of life left, rounded up. */
uint32_t store_remaining_s(const struct stored_value *v, struct now now);
/* The encoded StoredData with what is left of its lifetime. */
void store_value_encode(struct writer *w, const struct stored_value *v, struct now now);

/* The place of `node` among the holders; made, instead of the least useful one, when `make`. Else NULL. */
struct holder *store_holder(struct stored_resource *r, const struct node_id *node, bool make);

#endif
