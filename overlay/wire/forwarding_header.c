/* SPDX-License-Identifier: MIT */
/* The forwarding header and its options. */
#include "overlay/wire/forwarding_header.h"

#include <endian.h>

/* Where the fields of the fixed part lie. It is copied out with one bounds check and taken apart there:
 * every message passes here at every hop. */
enum {
	HEADER_RELO_TOKEN = 0,
	HEADER_OVERLAY = 4,
	HEADER_CONFIGURATION_SEQUENCE = 8,
	HEADER_VERSION = 10,
	HEADER_TTL = 11,
	HEADER_FRAGMENT = 12,
	HEADER_LENGTH = 16,
	HEADER_TRANSACTION_ID = 20,
	HEADER_MAX_RESPONSE_LENGTH = 28,
	HEADER_VIA_LIST_LENGTH = 32,
	HEADER_DESTINATION_LIST_LENGTH = 34,
	HEADER_OPTIONS_LENGTH = 36
};

static inline uint16_t header_u16(const uint8_t fixed[static FORWARDING_HEADER_FIXED], size_t at)
{
	uint16_t v;

	memcpy(&v, &fixed[at], sizeof(v));
	return be16toh(v);
}

static inline uint32_t header_u32(const uint8_t fixed[static FORWARDING_HEADER_FIXED], size_t at)
{
	uint32_t v;

	memcpy(&v, &fixed[at], sizeof(v));
	return be32toh(v);
}

/* struct {
 *   uint32 relo_token; uint32 overlay; uint16 configuration_sequence; uint8 version; uint8 ttl;
 *   uint32 fragment; uint32 length; uint64 transaction_id; uint32 max_response_length;
 *   uint16 via_list_length; uint16 destination_list_length; uint16 options_length;
 *   Destination via_list[via_list_length]; Destination destination_list[destination_list_length];
 *   ForwardingOption options[options_length];
 * } ForwardingHeader; */
void forwarding_header_get(struct reader *r, struct forwarding_header *h)
{
	uint8_t fixed[FORWARDING_HEADER_FIXED];

	reader_copy(r, fixed, sizeof(fixed));
	h->relo_token = header_u32(fixed, HEADER_RELO_TOKEN);
	h->overlay = header_u32(fixed, HEADER_OVERLAY);
	h->configuration_sequence = header_u16(fixed, HEADER_CONFIGURATION_SEQUENCE);
	h->version = fixed[HEADER_VERSION];
	h->ttl = fixed[HEADER_TTL];
	h->fragment = header_u32(fixed, HEADER_FRAGMENT);
	h->length = header_u32(fixed, HEADER_LENGTH);
	h->transaction_id = (uint64_t)header_u32(fixed, HEADER_TRANSACTION_ID) << 32 |
			    header_u32(fixed, HEADER_TRANSACTION_ID + 4);
	h->max_response_length = header_u32(fixed, HEADER_MAX_RESPONSE_LENGTH);
	h->via_list = reader_bytes(r, header_u16(fixed, HEADER_VIA_LIST_LENGTH));
	h->destination_list = reader_bytes(r, header_u16(fixed, HEADER_DESTINATION_LIST_LENGTH));
	h->options = reader_bytes(r, header_u16(fixed, HEADER_OPTIONS_LENGTH));
}

static void forwarding_list_length_put(struct writer *w, struct slice list)
{
	if (list.len > UINT16_MAX)
		writer_fail(w, ERR_LIMIT);
	writer_u16(w, (uint16_t)list.len);
}

void forwarding_header_put(struct writer *w, const struct forwarding_header *h)
{
	writer_u32(w, h->relo_token);
	writer_u32(w, h->overlay);
	writer_u16(w, h->configuration_sequence);
	writer_u8(w, h->version);
	writer_u8(w, h->ttl);
	writer_u32(w, h->fragment);
	writer_u32(w, h->length);
	writer_u64(w, h->transaction_id);
	writer_u32(w, h->max_response_length);
	forwarding_list_length_put(w, h->via_list);
	forwarding_list_length_put(w, h->destination_list);
	forwarding_list_length_put(w, h->options);
	writer_bytes(w, h->via_list);
	writer_bytes(w, h->destination_list);
	writer_bytes(w, h->options);
}

size_t forwarding_header_size(const struct forwarding_header *h)
{
	return FORWARDING_HEADER_FIXED + h->via_list.len + h->destination_list.len + h->options.len;
}

/* struct { ForwardingOptionType type; uint8 flags; uint16 length; select (type) {}; } ForwardingOption; */
void forwarding_option_get(struct reader *r, struct forwarding_option *o)
{
	o->type = reader_u8(r);
	o->flags = reader_u8(r);
	o->value = reader_opaque16(r);
}

void forwarding_option_put(struct writer *w, const struct forwarding_option *o)
{
	writer_u8(w, o->type);
	writer_u8(w, o->flags);
	writer_opaque16(w, o->value);
}
