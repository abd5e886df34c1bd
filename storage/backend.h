/* SPDX-License-Identifier: MIT */
/* Where records are kept: in memory, or in an SQLite database. Storage keeps its working set in memory and
 * writes through: a backend is an ordered journal of puts and removals that becomes durable at commit. */
#ifndef STORAGE_BACKEND_H
#define STORAGE_BACKEND_H

#include "overlay/base/error.h"
#include "overlay/base/instant.h"
#include "overlay/wire/body_data.h"

/* One value as kept. Encoded StoredData is exactly as received, with the remaining lifetime derived from
 * `expires`. */
struct backend_record {
	struct slice resource; /* Resource-ID bytes */
	uint32_t kind;
	uint64_t generation;   /* of the Kind under this Resource-ID */
	struct slice entry;    /* "" for single, 4 bytes index for array, the key for dictionary */
	uint64_t storage_time;
	struct walltime expires;
	struct slice stored_data;  /* encoded */
	struct slice certificate_hash; /* SHA-256 of the signer's certificate */
};

struct backend_ops {
	/* Inserts or replaces by (resource, kind, entry). */
	int (*put)(void *ctx, const struct backend_record *record);
	/* Removes; no error when there is none. An empty `entry` with `all` removes the whole Kind. */
	int (*remove)(void *ctx, struct slice resource, uint32_t kind, struct slice entry, bool all);
	/* Keeps a certificate (DER) by its SHA-256. */
	int (*put_certificate)(void *ctx, struct slice hash, struct slice der);
	int (*remove_certificate)(void *ctx, struct slice hash);
	/* All since the last commit becomes durable, or nothing (then ERR_STORAGE and the caller reloads). */
	int (*commit)(void *ctx);
	void (*rollback)(void *ctx);
	/* Walks everything once, certificates first. A callback that returns non-zero ends the walk. */
	int (*load)(void *ctx, int (*certificate)(void *to, struct slice hash, struct slice der),
		    int (*record)(void *to, const struct backend_record *record), void *to);
	void (*close)(void *ctx);
};

struct backend {
	const struct backend_ops *ops;
	void *ctx;
};

/* Nothing survives close. */
struct backend backend_memory(void);

/* WAL, synchronous=FULL, STRICT rowid table. Makes the file 0600; ERR_PERMISSION when it is readable by
 * others or its folder is not private; ERR_STORAGE when damaged (`detail` says what and what to do). */
int MUST_CHECK backend_sqlite(const char *path, struct backend *out, char *detail, size_t detail_size);

/* The same in a file of a registered SQLite VFS, made when it is not there. Who may read it is not looked at:
 * for files that are not the operating system's. */
int MUST_CHECK backend_sqlite_vfs(const char *path, const char *vfs, struct backend *out, char *detail,
				  size_t detail_size);

#endif
