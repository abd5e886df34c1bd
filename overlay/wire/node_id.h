/* SPDX-License-Identifier: MIT */
/* Node-ID and Resource-ID (RFC 6940 6.3.1.1) and arithmetic on the ring (10.1). CHORD-RELOAD is defined
 * on 128-bit identifiers, so a Node-ID is 16 bytes everywhere (docs/decisions/0002). */
#ifndef OVERLAY_WIRE_NODE_ID_H
#define OVERLAY_WIRE_NODE_ID_H

#include <stdbool.h>

#include "overlay/base/arena.h"
#include "overlay/base/reader.h"
#include "overlay/base/writer.h"

#define NODE_ID_LENGTH 16
#define NODE_ID_TEXT_SIZE (2 * NODE_ID_LENGTH + 1)
#define RESOURCE_ID_MAX 254
#define RESOURCE_ID_TEXT_SIZE (2 * RESOURCE_ID_MAX + 1)

/* A point on the ring, big-endian. All zeroes: invalid, never on the wire. All ones: the wildcard, only
 * ever a destination (RFC 6940 section 3). */
struct node_id {
	uint8_t bytes[NODE_ID_LENGTH];
};

/* 1 to RESOURCE_ID_MAX bytes on the wire; 16 in a CHORD-RELOAD overlay. */
struct resource_id {
	uint8_t length;
	uint8_t bytes[RESOURCE_ID_MAX];
};

extern const struct node_id NODE_ID_WILDCARD;

void node_id_get(struct reader *r, struct node_id *id);
void node_id_put(struct writer *w, const struct node_id *id);

/* NodeId list<0..2^16-1>. Arena: *ids. */
int node_id_list_get(struct reader *r, struct arena *a, struct node_id **ids, size_t *count);
void node_id_list_put(struct writer *w, const struct node_id *ids, size_t count);

void resource_id_get(struct reader *r, struct resource_id *id);
void resource_id_put(struct writer *w, const struct resource_id *id);

bool node_id_equal(const struct node_id *a, const struct node_id *b);
bool node_id_is_zero(const struct node_id *id);
bool node_id_is_wildcard(const struct node_id *id);

/* Unsigned comparison: below 0, 0, above 0. */
int node_id_compare(const struct node_id *a, const struct node_id *b);

bool resource_id_equal(const struct resource_id *a, const struct resource_id *b);
static inline struct slice resource_id_slice(const struct resource_id *id)
{
	return slice_of(id->bytes, id->length);
}

/* ERR_MALFORMED unless 1 to RESOURCE_ID_MAX bytes. */
int MUST_CHECK resource_id_from_slice(struct slice bytes, struct resource_id *id);

/* The same 16 bytes as a point on the ring. ERR_MALFORMED when `id` is not 16 bytes long. */
int MUST_CHECK node_id_from_resource_id(const struct resource_id *id, struct node_id *point);
struct resource_id resource_id_from_node_id(const struct node_id *id);

/* id + 2^bit, id + 1, a - b; modulo 2^128. */
struct node_id node_id_add_power(const struct node_id *id, unsigned bit);
struct node_id node_id_next(const struct node_id *id);
struct node_id node_id_subtract(const struct node_id *a, const struct node_id *b);

/* after < x <= upto going clockwise; the whole ring when after == upto. This is responsibility (10.1). */
bool node_id_in_range(const struct node_id *x, const struct node_id *after, const struct node_id *upto);

/* after < x < before going clockwise; everything but `after` when after == before. */
bool node_id_between(const struct node_id *x, const struct node_id *after, const struct node_id *before);

/* Share of the ring in (after, upto], in parts per 10^9 rounded down; 10^9 for the whole ring. */
uint32_t node_id_share_ppb(const struct node_id *after, const struct node_id *upto);

/* Lower-case hex. `text` has room for NODE_ID_TEXT_SIZE / RESOURCE_ID_TEXT_SIZE. Returns text. */
const char *node_id_text(const struct node_id *id, char *text);
const char *resource_id_text(const struct resource_id *id, char *text);

/* Exactly 32 hex digits of either case. ERR_MALFORMED otherwise. */
int MUST_CHECK node_id_parse(const char *text, struct node_id *id);

#endif
