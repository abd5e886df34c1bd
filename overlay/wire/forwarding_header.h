/* SPDX-License-Identifier: MIT */
/* The forwarding header (RFC 6940 6.3.2) and forwarding options (6.3.2.3). */
#ifndef OVERLAY_WIRE_FORWARDING_HEADER_H
#define OVERLAY_WIRE_FORWARDING_HEADER_H

#include "overlay/wire/destination.h"

#define RELO_TOKEN 0xd2454c4fu
#define RELOAD_VERSION 0x0a
#define FORWARDING_HEADER_FIXED 38 /* bytes before the three lists */

#define FRAGMENT_ALWAYS 0x80000000u
#define FRAGMENT_LAST 0x40000000u
#define FRAGMENT_RESERVED 0x3f000000u
#define FRAGMENT_OFFSET 0x00ffffffu
#define FRAGMENT_WHOLE (FRAGMENT_ALWAYS | FRAGMENT_LAST)

enum forwarding_option_flags {
	FORWARD_CRITICAL = 0x01,
	DESTINATION_CRITICAL = 0x02,
	RESPONSE_COPY = 0x04
};

/* The lists stay as raw bytes: a node that only passes the message on decodes no more than the first
 * destination. */
struct forwarding_header {
	uint32_t relo_token;
	uint32_t overlay; /* low 32 bits of SHA-1 of the overlay name */
	uint16_t configuration_sequence;
	uint8_t version;
	uint8_t ttl;
	uint32_t fragment;
	uint32_t length; /* bytes of this message (or fragment), header included */
	uint64_t transaction_id;
	uint32_t max_response_length; /* bytes; 0: no limit */
	struct slice via_list;         /* borrowed */
	struct slice destination_list; /* borrowed */
	struct slice options;          /* borrowed */
};

struct forwarding_option {
	uint8_t type;
	uint8_t flags; /* enum forwarding_option_flags */
	struct slice value;
};

/* Decodes structure only: whether token, version or overlay fit is forwarding.c's business. */
void forwarding_header_get(struct reader *r, struct forwarding_header *h);
void forwarding_header_put(struct writer *w, const struct forwarding_header *h);

/* Bytes that h takes on the wire. */
size_t forwarding_header_size(const struct forwarding_header *h);

void forwarding_option_get(struct reader *r, struct forwarding_option *o);
void forwarding_option_put(struct writer *w, const struct forwarding_option *o);

#endif
