/* SPDX-License-Identifier: MIT */
/* The security port: what the core asks of crypto/ (or of a fake one in a simulation). All calls are
 * synchronous and have no effect on the peer. */
#ifndef OVERLAY_SECURITY_H
#define OVERLAY_SECURITY_H

#include "overlay/base/instant.h"
#include "overlay/wire/hip_packet.h"
#include "overlay/wire/node_id.h"
#include "overlay/wire/security_block.h"

#define USER_NAME_MAX 255          /* bytes of an rfc822Name */
#define IDENTITY_NODE_IDS_MAX 8    /* Node-IDs in one certificate */
#define CERTIFICATE_HASH_LENGTH 32 /* SHA-256 of the DER */

/* Whom a verified certificate speaks for. Plain data, copied freely. */
struct identity {
	struct node_id node_id; /* the Node-ID that signed; of a link: the first one */
	struct node_id node_ids[IDENTITY_NODE_IDS_MAX];
	size_t node_id_count;
	char user[USER_NAME_MAX + 1]; /* rfc822Name without scheme */
	struct hit hit;        /* of the certificate's key as a Host Identity (RFC 7401 3.2); zero: it can have none */
	bool is_vouched;       /* the issuer is trusted for the user's domain (settings; by default for every one) */
	uint8_t certificate_hash[CERTIFICATE_HASH_LENGTH];
	struct walltime not_before;
	struct walltime not_after;
};

struct security_ops {
	/* Fills `out` with unpredictable bytes. Cannot fail. */
	void (*random)(void *ctx, void *out, size_t len);

	/* Digest of the parts in a row. `out` has room for 20 (SHA-1) or 32 (SHA-256) bytes. */
	void (*digest)(void *ctx, enum hash_algorithm algorithm, const struct slice *parts, size_t count,
		       uint8_t *out);

	/* This node's identity and its certificate (DER), borrowed for the provider's life. */
	const struct identity *(*own_identity)(void *ctx);
	struct slice (*own_certificate)(void *ctx);

	/* Signs the parts in a row followed by the encoded SignerIdentity (6.3.4, 7.1). `out` borrows from
	 * the arena. ERR_KEY, ERR_LIMIT. */
	int (*sign)(void *ctx, const struct slice *parts, size_t count, struct arena *arena,
		    struct signature *out);

	/* Verifies `signature` over the parts followed by its encoded SignerIdentity. The certificate is
	 * looked for in `bucket` (may be NULL) and among certificates seen before; chain, dates at `now`,
	 * Node-ID rule (architecture section 6) and bad-nodes are checked. On success *signer is filled
	 * and, when `certificate` is not NULL, *certificate is the signer's DER, borrowed until the next
	 * call. ERR_SIGNATURE, ERR_CERTIFICATE_UNKNOWN, ERR_CERTIFICATE, ERR_CERTIFICATE_EXPIRED,
	 * ERR_NODE_ID_MISMATCH, ERR_BAD_NODE, ERR_FORBIDDEN (identity none or algorithm {0,0}). */
	int (*verify)(void *ctx, struct walltime now, const struct slice *parts, size_t count,
		      const struct signature *signature, const struct certificate_list *bucket,
		      struct identity *signer, struct slice *certificate);

	/* Checks one certificate as `verify` does and tells whom it speaks for. Same errors. */
	int (*identify)(void *ctx, struct walltime now, struct slice certificate, struct identity *out);

	/* For HIT-MATCH (access.h): the HIT of a Host Identity, and a signature made with it, as in host_security.h.
	 * Both may be NULL: then records with a foreign proof are refused. */
	int (*host_hit)(void *ctx, struct slice identity, struct hit *out);
	int (*host_verify)(void *ctx, struct slice identity, const struct slice *parts, size_t count,
			   struct slice signature);
};

struct security {
	const struct security_ops *ops;
	void *ctx;
};

/* Resource-ID of a Resource Name in CHORD-RELOAD: SHA-1 cut to 128 bits (RFC 6940 10.2). */
struct resource_id security_resource_id(const struct security *s, struct slice resource_name);

/* True when `id` is one of the identity's Node-IDs. */
bool identity_has_node_id(const struct identity *identity, const struct node_id *id);

#endif
