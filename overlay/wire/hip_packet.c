/* SPDX-License-Identifier: MIT */
/* The header of HIP packets, the walk over their parameters, the checksum, and HITs as text. */
#include "overlay/wire/hip_packet.h"

#include <stdio.h>
#include <string.h>

#include "overlay/base/hex.h"
#include "overlay/wire/hip_parameter.h"

#define HIP_VERSION 2
#define HIP_VERSION_BYTE 0x21     /* version, three reserved bits, and the fixed bit of SHIM6 */
#define HIP_TYPE_BITS 0x7f        /* the first bit is fixed and not looked at (5.1) */
#define HIP_UNIT 8                /* bytes: lengths and padding */
#define HIP_LENGTH_MIN 4          /* of the header's length field: both HITs are there */
#define HIP_PARAMETER_HEADER 4    /* type and length */
#define HIP_CHECKSUM_AT 4
#define HIT_GROUPS 8

/* ---- Reading ---- */

int hip_packet_peek(struct slice bytes, struct hip_packet *x)
{
	struct reader r = reader_of(bytes);
	uint8_t next_header = reader_u8(&r);
	uint8_t units = reader_u8(&r);
	size_t len = ((size_t)units + 1) * HIP_UNIT;

	*x = (struct hip_packet){ .type = reader_u8(&r) & HIP_TYPE_BITS };
	x->version = reader_u8(&r) >> 4;
	x->checksum = reader_u16(&r);
	x->controls = reader_u16(&r);
	hit_get(&r, &x->sender);
	hit_get(&r, &x->receiver);
	if (r.err != 0)
		return r.err;
	if (units < HIP_LENGTH_MIN)
		return ERR_MALFORMED;
	if (bytes.len < len)
		return ERR_TRUNCATED;
	/* What follows another next header than "none" is to be ignored (5.1). */
	if (bytes.len > len && next_header == HIP_NEXT_HEADER_NONE)
		return ERR_TRAILING;
	x->bytes = slice_of(bytes.data, len);
	return 0;
}

bool hip_parameter_next(const struct hip_packet *x, size_t *cursor, struct hip_parameter *out)
{
	size_t at = *cursor == 0 ? HIP_HEADER_LENGTH : *cursor;
	struct reader r;
	uint16_t type, len;
	size_t whole;

	if (at > x->bytes.len || x->bytes.len - at < HIP_PARAMETER_HEADER)
		return false;
	r = reader_of(slice_of(x->bytes.data + at, x->bytes.len - at));
	type = reader_u16(&r);
	len = reader_u16(&r);
	whole = (HIP_PARAMETER_HEADER + (size_t)len + HIP_UNIT - 1) / HIP_UNIT * HIP_UNIT;
	if (whole > x->bytes.len - at)
		return false;
	*out = (struct hip_parameter){
		.type = type,
		.contents = slice_of(x->bytes.data + at + HIP_PARAMETER_HEADER, len),
		.whole = slice_of(x->bytes.data + at, whole),
		.at = at,
	};
	*cursor = at + whole;
	return true;
}

int hip_packet_get(struct slice bytes, struct hip_packet *x)
{
	struct hip_parameter p;
	uint16_t last = 0;
	size_t cursor = 0;
	int err = hip_packet_peek(bytes, x);

	if (err != 0)
		return err;
	if (x->version != HIP_VERSION)
		return ERR_UNSUPPORTED;
	while (hip_parameter_next(x, &cursor, &p)) {
		/* Equal ones stand together, so no descent is all there is to check. */
		if (p.type < last)
			return ERR_MALFORMED;
		last = p.type;
	}
	if (cursor != x->bytes.len && !(cursor == 0 && x->bytes.len == HIP_HEADER_LENGTH))
		return ERR_MALFORMED;
	return 0;
}

bool hip_parameter_find(const struct hip_packet *x, uint16_t type, struct hip_parameter *out)
{
	size_t cursor = 0;

	while (hip_parameter_next(x, &cursor, out))
		if (out->type == type)
			return true;
	return false;
}

uint16_t hip_packet_unknown_critical(const struct hip_packet *x)
{
	struct hip_parameter p;
	size_t cursor = 0;

	while (hip_parameter_next(x, &cursor, &p))
		if (hip_parameter_is_critical(p.type) && !hip_parameter_is_known(p.type))
			return p.type;
	return 0;
}

/* ---- Building ---- */

void hip_packet_begin(struct writer *w, uint8_t type, uint16_t controls, const struct hit *sender,
		      const struct hit *receiver)
{
	writer_u8(w, HIP_NEXT_HEADER_NONE);
	writer_u8(w, HIP_LENGTH_MIN);
	writer_u8(w, type & HIP_TYPE_BITS);
	writer_u8(w, HIP_VERSION_BYTE);
	writer_u16(w, 0);
	writer_u16(w, controls);
	hit_put(w, sender);
	hit_put(w, receiver);
}

size_t hip_parameter_begin(struct writer *w, uint16_t type)
{
	size_t place = w->len;

	writer_u16(w, type);
	writer_u16(w, 0);
	return place;
}

void hip_parameter_end(struct writer *w, size_t place)
{
	size_t len;

	if (w->err != 0)
		return;
	len = w->len - place - HIP_PARAMETER_HEADER;
	if (len > HIP_PACKET_MAX - HIP_HEADER_LENGTH - HIP_PARAMETER_HEADER) {
		writer_fail(w, ERR_LIMIT);
		return;
	}
	w->data[place + 2] = (uint8_t)(len >> 8);
	w->data[place + 3] = (uint8_t)(len & 0xff);
	while (w->err == 0 && (w->len - place) % HIP_UNIT != 0)
		writer_u8(w, 0);
}

void hip_packet_end(struct writer *w)
{
	if (w->err != 0)
		return;
	if (w->len > HIP_PACKET_MAX) {
		writer_fail(w, ERR_LIMIT);
		return;
	}
	if (w->len < HIP_HEADER_LENGTH || w->len % HIP_UNIT != 0) {
		writer_fail(w, ERR_MALFORMED);
		return;
	}
	w->data[1] = (uint8_t)(w->len / HIP_UNIT - 1);
}

/* ---- Checksum ---- */

/* Adds the bytes as 16-bit numbers, but for the one at `skipped`; an odd last byte counts as a high half. */
static uint32_t hip_checksum_add(uint32_t sum, struct slice bytes, size_t skipped)
{
	for (size_t i = 0; i < bytes.len; i++)
		if (i / 2 != skipped / 2)
			sum += i % 2 == 0 ? (uint32_t)bytes.data[i] << 8 : bytes.data[i];
	return sum;
}

uint16_t hip_checksum(const struct address *source, const struct address *destination, struct slice packet)
{
	size_t width = source->type == ADDRESS_IPV4 ? 4 : source->type == ADDRESS_IPV6 ? 16 : 0;
	/* Length and protocol stand at other places for IPv4 and IPv6, but give the same sum. */
	uint32_t sum = HIP_PROTOCOL + (uint32_t)packet.len;

	sum = hip_checksum_add(sum, slice_of(source->bytes, width), width);
	sum = hip_checksum_add(sum, slice_of(destination->bytes, width), width);
	sum = hip_checksum_add(sum, packet, HIP_CHECKSUM_AT);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(~sum & 0xffff);
}

void hip_checksum_set(uint8_t *packet, uint16_t checksum)
{
	packet[HIP_CHECKSUM_AT] = (uint8_t)(checksum >> 8);
	packet[HIP_CHECKSUM_AT + 1] = (uint8_t)(checksum & 0xff);
}

/* ---- HITs ---- */

void hit_get(struct reader *r, struct hit *x)
{
	reader_copy(r, x->bytes, HIT_LENGTH);
}

void hit_put(struct writer *w, const struct hit *x)
{
	writer_bytes(w, slice_of(x->bytes, HIT_LENGTH));
}

int hit_compare(const struct hit *a, const struct hit *b)
{
	return memcmp(a->bytes, b->bytes, HIT_LENGTH);
}

bool hit_is_zero(const struct hit *x)
{
	static const struct hit zero;

	return hit_equal(x, &zero);
}

/* The 28 bits before the suite, in their byte's upper half. */
static bool hit_has_prefix(const struct hit *x, unsigned last)
{
	return x->bytes[0] == 0x20 && x->bytes[1] == 0x01 && x->bytes[2] == 0x00 && x->bytes[3] >> 4 == last;
}

unsigned hit_suite(const struct hit *x)
{
	return hit_has_prefix(x, 2) ? x->bytes[3] & 0x0f : 0;
}

bool hit_is_version_1(const struct hit *x)
{
	return hit_has_prefix(x, 1);
}

const char *hit_text(const struct hit *x, char text[HIT_TEXT_SIZE])
{
	size_t len = 0;

	for (unsigned i = 0; i < HIT_GROUPS; i++)
		len += (size_t)snprintf(text + len, HIT_TEXT_SIZE - len, "%s%x", i == 0 ? "" : ":",
					(unsigned)x->bytes[2 * i] << 8 | x->bytes[2 * i + 1]);
	return text;
}

/* Exactly 32 hex digits. */
static bool hit_parse_hex(const char *text, struct hit *x)
{
	if (strlen(text) != 2 * HIT_LENGTH)
		return false;
	for (size_t i = 0; i < HIT_LENGTH; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		x->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

int hit_parse(const char *text, struct hit *x)
{
	struct address a;
	struct hit parsed;

	if (hit_parse_hex(text, &parsed)) {
		*x = parsed;
		return 0;
	}
	/* Brackets and a port belong to a transport address, which a HIT is not. */
	if (*text == '[' || address_parse(text, 0, &a) != 0 || a.type != ADDRESS_IPV6)
		return ERR_MALFORMED;
	memcpy(x->bytes, a.bytes, HIT_LENGTH);
	return 0;
}

const char *hip_packet_type_name(uint8_t type)
{
	switch (type) {
	case HIP_I1:
		return "I1";
	case HIP_R1:
		return "R1";
	case HIP_I2:
		return "I2";
	case HIP_R2:
		return "R2";
	case HIP_UPDATE:
		return "UPDATE";
	case HIP_NOTIFY:
		return "NOTIFY";
	case HIP_CLOSE:
		return "CLOSE";
	case HIP_CLOSE_ACK:
		return "CLOSE_ACK";
	default:
		return "unknown";
	}
}
