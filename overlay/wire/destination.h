/* SPDX-License-Identifier: MIT */
/* Destination, Destination List and Via List (RFC 6940 6.3.2.2). */
#ifndef OVERLAY_WIRE_DESTINATION_H
#define OVERLAY_WIRE_DESTINATION_H

#include "overlay/wire/node_id.h"

/* An entry of a list costs at most this on the wire. */
#define DESTINATION_WIRE_MAX 258

enum destination_type {
	DESTINATION_NODE = 1,
	DESTINATION_RESOURCE = 2,
	DESTINATION_OPAQUE = 3,
	/* The two-byte form of an opaque ID; never a type byte on the wire. */
	DESTINATION_COMPACT = 0x100
};

struct destination {
	unsigned type; /* enum destination_type, or an unknown type kept as it came */
	union {
		struct node_id node;  /* DESTINATION_NODE */
		struct slice bytes;   /* resource or opaque ID without its length byte, or the unknown
		                       * type's data; borrowed */
		uint16_t compact;     /* DESTINATION_COMPACT, top bit set */
	} id;
};

struct destination_list {
	struct destination *items; /* arena */
	size_t count;
};

/* Types 128 to 255 and malformed lengths: ERR_MALFORMED. */
void destination_get(struct reader *r, struct destination *d);
void destination_put(struct writer *w, const struct destination *d);

/* All of `bytes` as a list. ERR_LIMIT beyond 256 entries. Arena: list->items. */
int MUST_CHECK destination_list_get(struct slice bytes, struct arena *a, struct destination_list *list);
void destination_list_put(struct writer *w, const struct destination_list *list);

/* Only the first entry of a non-empty list; `rest` is what follows it. */
int MUST_CHECK destination_list_first(struct slice bytes, struct destination *first, struct slice *rest);

/* True when two entries are equal (RFC 6940 13.6.5: such a list is refused). */
bool destination_list_has_duplicates(const struct destination_list *list);

bool destination_equal(const struct destination *a, const struct destination *b);

struct destination destination_of_node(const struct node_id *id);
/* Borrows id->bytes. */
struct destination destination_of_resource(const struct resource_id *id);

#endif
