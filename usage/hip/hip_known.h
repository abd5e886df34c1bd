/* SPDX-License-Identifier: MIT */
/* The pool of known HITs (draft-tschofenig-hiprg-host-identities 3): who is behind a HIT, and how that was vouched for.
 * Initiators in the pool are admitted first. First uses are remembered beyond a restart, as SSH does. */
#ifndef USAGE_HIP_HIP_KNOWN_H
#define USAGE_HIP_HIP_KNOWN_H

#include "overlay/base/log.h"
#include "overlay/security.h"
#include "overlay/wire/hip_packet.h"

#define HIP_KNOWN_MAX 4096        /* entries of the pool; the one that expires first gives way */
#define HIP_FIRST_USES_MAX 10000  /* remembered AORs */
#define HIP_DIALOG_MAX 127

/* Strongest first. */
enum hip_vouched {
	HIP_VOUCHED_CERTIFICATE = 1, /* of an issuer trusted for the AOR's domain: key, AOR and Node-ID in one */
	HIP_VOUCHED_RECORD,   /* signed registration record of that AOR */
	HIP_VOUCHED_LINK,     /* said in a dialog over a link whose other end is verified */
	HIP_VOUCHED_FIRST_USE, /* the key first seen for this AOR, unchanged since */
	HIP_VOUCHED_SDP       /* said in SDP that anybody on the way could have changed: leap of faith */
};
const char *hip_vouched_name(enum hip_vouched vouched); /* "certificate", "record", "link", "first-use", "sdp" */

struct hip_known {
	struct hit hit;
	char user[USER_NAME_MAX + 1];   /* AOR without scheme */
	char dialog[HIP_DIALOG_MAX + 1]; /* Call-ID it was learnt in; "" */
	enum hip_vouched vouched;
	struct instant expires;
};

/* An AOR's key as first seen; `pending` is a changed one that waits for the operator. */
struct hip_first_use {
	char user[USER_NAME_MAX + 1];
	struct hit hit, pending;  /* pending: zero when there is none */
	uint64_t seen_ms;         /* wall time of the first use */
};

struct hip_pool;
struct hip_pool *hip_pool_new(uint64_t seed, const struct log *log);
void hip_pool_free(struct hip_pool *pool);

/* Adds or strengthens. An AOR is bound by its certificate or record whatever was there before; with `vouched` weaker
 * than a record the first key is remembered, and another one is refused: ERR_FORBIDDEN, logged as
 * identity.changed, and kept as pending. Copied. */
int MUST_CHECK hip_pool_learn(struct hip_pool *pool, struct now now, const struct hip_known *known);
/* The strongest entry of a HIT that has not expired; NULL: unknown. Borrowed until the next call. */
const struct hip_known *hip_pool_find(const struct hip_pool *pool, struct now now, const struct hit *hit);
bool hip_pool_next(const struct hip_pool *pool, size_t *cursor, struct hip_known *out);

/* ---- First uses ---- */

bool hip_pool_next_first_use(const struct hip_pool *pool, size_t *cursor, struct hip_first_use *out);
/* What the operator says: the pending key (or `hit`, when not NULL) is the AOR's from now on. ERR_NOT_FOUND. */
int MUST_CHECK hip_pool_trust(struct hip_pool *pool, struct now now, const char *user, const struct hit *hit);
/* Forgets the AOR's first use. ERR_NOT_FOUND. */
int MUST_CHECK hip_pool_forget(struct hip_pool *pool, const char *user);
/* Puts back what a file remembered. ERR_LIMIT, ERR_DUPLICATE. */
int MUST_CHECK hip_pool_restore(struct hip_pool *pool, const struct hip_first_use *use);
/* Grows with each change of the first uses: the node writes its file when it differs from what it wrote. */
uint64_t hip_pool_version(const struct hip_pool *pool);

/* The host's own pool (hip_host.h), with which usage/media speaks. */
struct hip_host;
struct hip_pool *hip_host_pool(struct hip_host *h);

#endif
