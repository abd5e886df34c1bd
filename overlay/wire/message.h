/* SPDX-License-Identifier: MIT */
/* A whole message: forwarding header, MessageContents, SecurityBlock (RFC 6940 6.3), its extensions
 * (6.3.3) and the Error body (6.3.3.1). */
#ifndef OVERLAY_WIRE_MESSAGE_H
#define OVERLAY_WIRE_MESSAGE_H

#include "overlay/wire/forwarding_header.h"
#include "overlay/wire/security_block.h"

#define MESSAGE_EXTENSIONS_MAX 32

struct message_extension {
	uint16_t type;
	bool critical;
	struct slice contents; /* borrowed */
};

struct message_contents {
	uint16_t code; /* a method's, or MESSAGE_CODE_ERROR; 0 and 0x8000..0xfffe are ERR_MALFORMED */
	struct slice body; /* borrowed */
	struct message_extension *extensions; /* arena */
	size_t extension_count;
};

/* As received: `header_bytes` is the header, `contents_bytes` the exact bytes that the signature covers;
 * they are never re-encoded for verification. */
struct message {
	struct forwarding_header header;
	struct slice header_bytes;
	struct slice contents_bytes;
	struct message_contents contents;
	struct security_block security;
};

struct error_response {
	uint16_t code;
	struct slice info; /* borrowed: UTF-8, or what the code defines (StoreAns for 5, KindIds for 0xc) */
};

int message_contents_get(struct reader *r, struct arena *a, struct message_contents *c);
void message_contents_put(struct writer *w, const struct message_contents *c);

/* A whole, unfragmented message. ERR_MALFORMED when header.length is not bytes.len. */
int MUST_CHECK message_get(struct slice bytes, struct arena *a, struct message *m);
/* Writes header (with length filled in), contents and security block. */
void message_put(struct writer *w, const struct message *m);

void error_response_get(struct reader *r, struct error_response *e);
void error_response_put(struct writer *w, const struct error_response *e);

/* KindId list<0..2^8-1>, the error_info of Error_Unknown_Kind and FindReq's list. Arena: *kinds. */
int kind_id_list_get(struct reader *r, struct arena *a, uint32_t **kinds, size_t *count);
void kind_id_list_put(struct writer *w, const uint32_t *kinds, size_t count);

#endif
