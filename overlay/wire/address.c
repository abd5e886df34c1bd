/* SPDX-License-Identifier: MIT */
/* IpAddressPort and the text of addresses (RFC 5952), without the system's resolver. */
#include "overlay/wire/address.h"

#include <stdio.h>
#include <string.h>

#define ADDRESS_IPV4_LENGTH 4
#define ADDRESS_IPV6_LENGTH 16
#define ADDRESS_GROUPS 8 /* of 16 bits in an IPv6 address */

static const uint8_t address_mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* struct { AddressType type; uint8 length; select (type) {
 *   case ipv4_address: uint32 addr; uint16 port;
 *   case ipv6_address: uint128 addr; uint16 port; }; } IpAddressPort; */
void address_get(struct reader *r, struct address *a)
{
	struct reader rest;

	*a = (struct address){ .type = reader_u8(r) };
	rest = reader_sub8(r);
	switch (a->type) {
	case ADDRESS_IPV4:
		reader_copy(&rest, a->bytes, ADDRESS_IPV4_LENGTH);
		a->port = reader_u16(&rest);
		break;
	case ADDRESS_IPV6:
		reader_copy(&rest, a->bytes, ADDRESS_IPV6_LENGTH);
		a->port = reader_u16(&rest);
		break;
	default:
		a->type = ADDRESS_NONE;
		reader_bytes(&rest, reader_left(&rest));
		break;
	}
	/* A wrong length inside the structure is a malformed address, not an early end. */
	if (reader_finish(&rest) != 0)
		rest.err = ERR_MALFORMED;
	reader_join(r, &rest);
}

void address_put(struct writer *w, const struct address *a)
{
	size_t place;

	writer_u8(w, a->type);
	place = writer_begin8(w);
	switch (a->type) {
	case ADDRESS_NONE:
		break;
	case ADDRESS_IPV4:
		writer_bytes(w, slice_of(a->bytes, ADDRESS_IPV4_LENGTH));
		writer_u16(w, a->port);
		break;
	case ADDRESS_IPV6:
		writer_bytes(w, slice_of(a->bytes, ADDRESS_IPV6_LENGTH));
		writer_u16(w, a->port);
		break;
	default:
		writer_fail(w, ERR_MALFORMED);
		break;
	}
	writer_end8(w, place);
}

static size_t address_length(const struct address *a)
{
	return a->type == ADDRESS_IPV4 ? ADDRESS_IPV4_LENGTH :
	       a->type == ADDRESS_IPV6 ? ADDRESS_IPV6_LENGTH : 0;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->type == b->type && a->port == b->port &&
	       memcmp(a->bytes, b->bytes, address_length(a)) == 0;
}

/* ::ffff:0:0/96, an IPv4 address in IPv6 form. */
static bool address_is_mapped(const struct address *a)
{
	return a->type == ADDRESS_IPV6 &&
	       memcmp(a->bytes, address_mapped_prefix, sizeof(address_mapped_prefix)) == 0;
}

bool address_is_loopback(const struct address *a)
{
	static const uint8_t loopback[ADDRESS_IPV6_LENGTH] = { [15] = 1 };

	if (a->type == ADDRESS_IPV4)
		return a->bytes[0] == 127;
	if (address_is_mapped(a))
		return a->bytes[sizeof(address_mapped_prefix)] == 127;
	return a->type == ADDRESS_IPV6 && memcmp(a->bytes, loopback, sizeof(loopback)) == 0;
}

bool address_is_any(const struct address *a)
{
	static const uint8_t any[ADDRESS_IPV6_LENGTH];

	return a->type != ADDRESS_NONE && memcmp(a->bytes, any, address_length(a)) == 0;
}

static unsigned address_group(const struct address *a, unsigned group)
{
	return (unsigned)a->bytes[2 * group] << 8 | a->bytes[2 * group + 1];
}

/* Start and length of the longest run of at least two zero groups, the first of equals (RFC 5952 4.2). */
static unsigned address_longest_zeroes(const struct address *a, unsigned *length)
{
	unsigned best = ADDRESS_GROUPS, run = 0;

	*length = 0;
	for (unsigned i = 0; i < ADDRESS_GROUPS; i++) {
		run = address_group(a, i) == 0 ? run + 1 : 0;
		if (run >= 2 && run > *length) {
			*length = run;
			best = i + 1 - run;
		}
	}
	return best;
}

static void address_text_ipv6(const struct address *a, char *text, size_t size)
{
	unsigned zeroes, start = address_longest_zeroes(a, &zeroes);
	size_t len = 0;

	for (unsigned i = 0; i < ADDRESS_GROUPS; i++) {
		if (zeroes > 0 && i == start) {
			len += (size_t)snprintf(text + len, size - len, "::");
			i += zeroes - 1;
			continue;
		}
		len += (size_t)snprintf(text + len, size - len, "%s%x",
					i == 0 || (zeroes > 0 && i == start + zeroes) ? "" : ":",
					address_group(a, i));
	}
}

const char *address_text(const struct address *a, char *text)
{
	char ipv6[48];

	if (a->type == ADDRESS_IPV4) {
		snprintf(text, ADDRESS_TEXT_SIZE, "%u.%u.%u.%u:%u", a->bytes[0], a->bytes[1], a->bytes[2],
			 a->bytes[3], a->port);
	} else if (address_is_mapped(a)) {
		snprintf(text, ADDRESS_TEXT_SIZE, "[::ffff:%u.%u.%u.%u]:%u", a->bytes[12], a->bytes[13],
			 a->bytes[14], a->bytes[15], a->port);
	} else if (a->type == ADDRESS_IPV6) {
		address_text_ipv6(a, ipv6, sizeof(ipv6));
		snprintf(text, ADDRESS_TEXT_SIZE, "[%s]:%u", ipv6, a->port);
	} else {
		snprintf(text, ADDRESS_TEXT_SIZE, "none");
	}
	return text;
}

/* A decimal number without leading zeroes; moves *text past it. -1 when there is none up to `max`. */
static int address_parse_number(const char **text, int max)
{
	const char *c = *text;
	int v = 0;

	if (*c < '0' || *c > '9' || (c[0] == '0' && c[1] >= '0' && c[1] <= '9'))
		return -1;
	for (; *c >= '0' && *c <= '9'; c++) {
		v = 10 * v + (*c - '0');
		if (v > max)
			return -1;
	}
	*text = c;
	return v;
}

/* Four numbers with dots between; moves *text past them. */
static int address_parse_ipv4(const char **text, uint8_t bytes[static ADDRESS_IPV4_LENGTH])
{
	for (int i = 0; i < ADDRESS_IPV4_LENGTH; i++) {
		int v;

		if (i > 0 && *(*text)++ != '.')
			return ERR_MALFORMED;
		v = address_parse_number(text, 255);
		if (v < 0)
			return ERR_MALFORMED;
		bytes[i] = (uint8_t)v;
	}
	return 0;
}

/* One to four hex digits; moves *text past them. -1 when there are none, or more. */
static int address_parse_group(const char **text)
{
	const char *c = *text;
	int v = 0, digits = 0;

	for (; *c != '\0'; c++, digits++) {
		int digit;

		if (*c >= '0' && *c <= '9')
			digit = *c - '0';
		else if (*c >= 'a' && *c <= 'f')
			digit = *c - 'a' + 10;
		else if (*c >= 'A' && *c <= 'F')
			digit = *c - 'A' + 10;
		else
			break;
		if (digits == 4)
			return -1;
		v = v << 4 | digit;
	}
	*text = c;
	return digits == 0 ? -1 : v;
}

/* How far an IPv6 text is read. */
struct address_ipv6_parse {
	uint8_t bytes[ADDRESS_IPV6_LENGTH];
	size_t len;
	size_t gap; /* where "::" stood; ADDRESS_IPV6_LENGTH + 1: nowhere */
};

/* A group of hex digits or, as the last, a dotted IPv4 address. 1: more may follow, 0: it was the last. */
static int address_parse_piece(const char **text, struct address_ipv6_parse *p)
{
	const char *start = *text;
	int v;

	if (p->len > ADDRESS_IPV6_LENGTH - 2)
		return ERR_MALFORMED;
	v = address_parse_group(text);
	if (**text == '.') {
		*text = start;
		if (p->len > ADDRESS_IPV6_LENGTH - ADDRESS_IPV4_LENGTH ||
		    address_parse_ipv4(text, &p->bytes[p->len]) != 0)
			return ERR_MALFORMED;
		p->len += ADDRESS_IPV4_LENGTH;
		return 0;
	}
	if (v < 0)
		return ERR_MALFORMED;
	p->bytes[p->len++] = (uint8_t)(v >> 8);
	p->bytes[p->len++] = (uint8_t)(v & 0xff);
	return 1;
}

/* Moves *text past an IPv6 address (RFC 4291 2.2). */
static int address_parse_ipv6(const char **text, uint8_t bytes[static ADDRESS_IPV6_LENGTH])
{
	struct address_ipv6_parse p = { .gap = ADDRESS_IPV6_LENGTH + 1 };
	const char *c = *text;
	size_t tail;
	int more = 1;

	if (c[0] == ':' && c[1] != ':')
		return ERR_MALFORMED;
	while (more == 1) {
		if (c[0] == ':' && c[1] == ':') {
			if (p.gap <= ADDRESS_IPV6_LENGTH)
				return ERR_MALFORMED;
			p.gap = p.len;
			c += 2;
			if (*c == '\0' || *c == ']')
				break;
		} else if (c[0] == ':') {
			c++;
		} else if (p.len > 0) {
			break;
		}
		more = address_parse_piece(&c, &p);
		if (more < 0)
			return more;
	}
	if (p.gap > ADDRESS_IPV6_LENGTH ? p.len != ADDRESS_IPV6_LENGTH : p.len > ADDRESS_IPV6_LENGTH - 2)
		return ERR_MALFORMED;
	tail = p.gap > ADDRESS_IPV6_LENGTH ? 0 : p.len - p.gap;
	memset(bytes, 0, ADDRESS_IPV6_LENGTH);
	memcpy(bytes, p.bytes, p.len - tail);
	memcpy(bytes + ADDRESS_IPV6_LENGTH - tail, p.bytes + p.len - tail, tail);
	*text = c;
	return 0;
}

int address_parse(const char *text, uint16_t default_port, struct address *a)
{
	struct address parsed = { .port = default_port };
	const char *c = text;
	bool bracket = *c == '[';
	int err;

	if (bracket)
		c++;
	/* A colon before any dot, or a bracket, tells IPv6. */
	if (bracket || c[strcspn(c, ".:")] == ':') {
		parsed.type = ADDRESS_IPV6;
		err = address_parse_ipv6(&c, parsed.bytes);
		if (err == 0 && bracket && *c++ != ']')
			err = ERR_MALFORMED;
	} else {
		parsed.type = ADDRESS_IPV4;
		err = address_parse_ipv4(&c, parsed.bytes);
	}
	if (err == 0 && *c == ':' && (bracket || parsed.type == ADDRESS_IPV4)) {
		int port;

		c++;
		port = address_parse_number(&c, UINT16_MAX);
		if (port < 0)
			return ERR_MALFORMED;
		parsed.port = (uint16_t)port;
	}
	if (err != 0 || *c != '\0')
		return ERR_MALFORMED;
	*a = parsed;
	return 0;
}
