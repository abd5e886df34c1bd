/* SPDX-License-Identifier: MIT */
/* The overlay's parameters, as its configuration document gives them (RFC 6940 11.1). Plain values: the
 * XML is read in node/configuration_document.c, the signature checked by crypto. */
#ifndef OVERLAY_CONFIGURATION_H
#define OVERLAY_CONFIGURATION_H

#include "overlay/base/instant.h"
#include "overlay/kind.h"
#include "overlay/wire/address.h"

#define OVERLAY_NAME_MAX 253
#define BOOTSTRAP_NODES_MAX 32
#define BAD_NODES_MAX 256
#define SIGNERS_MAX 16

struct configuration {
	char overlay_name[OVERLAY_NAME_MAX + 1]; /* instance-name */
	uint16_t sequence;
	struct walltime expiration; /* ms; 0: none given */
	struct address bootstrap_nodes[BOOTSTRAP_NODES_MAX];
	size_t bootstrap_node_count;
	bool clients_permitted;
	bool no_ice;
	uint32_t chord_update_interval_s;
	uint32_t chord_ping_interval_s;
	bool chord_reactive;
	uint32_t max_message_size; /* bytes */
	uint8_t initial_ttl;
	uint32_t overlay_reliability_timer_ms;
	uint8_t turn_density;
	struct node_id bad_nodes[BAD_NODES_MAX];
	size_t bad_node_count;
	struct node_id configuration_signers[SIGNERS_MAX];
	size_t configuration_signer_count;
	struct node_id kind_signers[SIGNERS_MAX];
	size_t kind_signer_count;
	struct kind_table kinds;
	/* Extension aor-derived-node-ids (docs/decisions/0003); bits 0: the overlay does not use it. */
	uint8_t node_id_bits;
	uint8_t node_id_slots;
};

/* RFC 6940's defaults, the registered Kinds, no name. */
void configuration_init(struct configuration *c);

/* a newer than b in the modulo sense of 6.3.2.1 (65534 is followed by 0). */
bool configuration_sequence_newer(uint16_t a, uint16_t b);

/* What the core asks of whoever reads documents. */
struct configuration_ops {
	/* Parses and verifies a new document (its exact bytes) against the current one. On success
	 * *out is the new configuration and the bytes have been kept. ERR_CONFIG, ERR_SIGNATURE,
	 * ERR_CONFIG_TOO_OLD; ERR_UNSUPPORTED: newer and genuine, but this node cannot follow it. */
	int (*update)(void *ctx, struct now now, struct slice document, struct configuration *out);
	/* The same for kind-blocks (6.5.4, type kind). ERR_CONFIG, ERR_FORBIDDEN. */
	int (*update_kind)(void *ctx, struct now now, struct slice kind_block, struct configuration *out);
	/* The current document's bytes, borrowed. */
	struct slice (*document)(void *ctx);
};

#endif
