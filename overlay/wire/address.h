/* SPDX-License-Identifier: MIT */
/* IpAddressPort (RFC 6940 6.3.1.1): a transport address, used wherever Peal keeps one. */
#ifndef OVERLAY_WIRE_ADDRESS_H
#define OVERLAY_WIRE_ADDRESS_H

#include <stdbool.h>

#include "overlay/base/reader.h"
#include "overlay/base/writer.h"

#define ADDRESS_TEXT_SIZE 56 /* "[v6]:port" and NUL */

enum address_type { ADDRESS_NONE = 0, ADDRESS_IPV4 = 1, ADDRESS_IPV6 = 2 };

struct address {
	uint8_t type;      /* enum address_type; ADDRESS_NONE after skipping an unknown type */
	uint8_t bytes[16]; /* network order; the first 4 for IPv4 */
	uint16_t port;     /* host order */
};

/* An unknown type is skipped by its length and leaves type == ADDRESS_NONE. */
void address_get(struct reader *r, struct address *a);
void address_put(struct writer *w, const struct address *a);

bool address_equal(const struct address *a, const struct address *b);
bool address_is_loopback(const struct address *a);
/* 0.0.0.0 or :: */
bool address_is_any(const struct address *a);

/* "192.0.2.1:6084", "[2001:db8::1]:6084". Returns text (room for ADDRESS_TEXT_SIZE). */
const char *address_text(const struct address *a, char *text);
/* Numeric only, with or without ":port" (`default_port` then). ERR_MALFORMED. */
int MUST_CHECK address_parse(const char *text, uint16_t default_port, struct address *a);

#endif
