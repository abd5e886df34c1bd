/* SPDX-License-Identifier: MIT */
/* The lines that dump prints. */
#include "overlay/wire/dump_print.h"

#include <stdarg.h>
#include <stdio.h>

#define DUMP_LINE_SIZE 500
#define DUMP_INDENT 2
#define DUMP_BYTES_SHORT 32 /* bytes that stay on the line of their name, and on each line below it */
#define DUMP_BYTES_MAX 512  /* bytes of one field that are shown */

void dump_line(struct dump *d, const char *format, ...)
{
	char line[DUMP_LINE_SIZE + 2];
	int indent = snprintf(line, sizeof(line), "%*s", (int)d->depth * DUMP_INDENT, "");
	va_list arguments;
	size_t len;

	va_start(arguments, format);
	vsnprintf(line + indent, DUMP_LINE_SIZE - (size_t)indent, format, arguments);
	va_end(arguments);
	len = strlen(line);
	line[len] = '\n';
	line[len + 1] = '\0';
	d->sink(d->ctx, line);
}

void dump_open(struct dump *d, const char *name)
{
	dump_line(d, "%s", name);
	d->depth++;
}

void dump_close(struct dump *d)
{
	d->depth--;
}

/* At most DUMP_BYTES_SHORT bytes as hex. */
static const char *dump_hex(struct slice bytes, char text[static 2 * DUMP_BYTES_SHORT + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.len; i++) {
		text[2 * i] = digits[bytes.data[i] >> 4];
		text[2 * i + 1] = digits[bytes.data[i] & 0xf];
	}
	text[2 * bytes.len] = '\0';
	return text;
}

void dump_bytes(struct dump *d, const char *name, struct slice bytes)
{
	struct reader r = reader_of(bytes);
	char text[2 * DUMP_BYTES_SHORT + 1];

	if (bytes.len <= DUMP_BYTES_SHORT) {
		dump_line(d, "%s: %zu bytes%s%s", name, bytes.len, bytes.len > 0 ? " " : "",
			  dump_hex(bytes, text));
		return;
	}
	dump_line(d, "%s: %zu bytes", name, bytes.len);
	d->depth++;
	while (reader_more(&r) && bytes.len - reader_left(&r) < DUMP_BYTES_MAX) {
		size_t len = reader_left(&r) < DUMP_BYTES_SHORT ? reader_left(&r) : DUMP_BYTES_SHORT;

		dump_line(d, "%s", dump_hex(reader_bytes(&r, len), text));
	}
	if (reader_more(&r))
		dump_line(d, "... and %zu bytes more", reader_left(&r));
	d->depth--;
}

void dump_text(struct dump *d, const char *name, struct slice bytes)
{
	bool printable = bytes.len > 0 && bytes.len < DUMP_LINE_SIZE / 2;

	for (size_t i = 0; i < bytes.len && printable; i++)
		printable = bytes.data[i] >= 0x20 && bytes.data[i] < 0x7f;
	if (printable)
		dump_line(d, "%s: \"%.*s\"", name, (int)bytes.len, (const char *)bytes.data);
	else
		dump_bytes(d, name, bytes);
}

void dump_time(struct dump *d, const char *name, uint64_t ms)
{
	const uint64_t day_ms = 86400000;
	const uint64_t latest_ms = 253402300799999; /* the end of the year 9999 */
	uint64_t days = ms / day_ms + 719468; /* since 0000-03-01, so that leap days end a year */
	unsigned second = (unsigned)(ms % day_ms / 1000);
	unsigned era, day_of_era, year_of_era, day_of_year, month, day;

	if (ms > latest_ms) {
		dump_line(d, "%s: %llu", name, (unsigned long long)ms);
		return;
	}
	era = (unsigned)(days / 146097);
	day_of_era = (unsigned)(days % 146097);
	year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * day_of_year + 2) / 153; /* 0 is March */
	day = day_of_year - (153 * month + 2) / 5 + 1;
	dump_line(d, "%s: %llu (%04u-%02u-%02uT%02u:%02u:%02u.%03uZ)", name, (unsigned long long)ms,
		  era * 400 + year_of_era + (month >= 10), month >= 10 ? month - 9 : month + 3, day,
		  second / 3600, second / 60 % 60, second % 60, (unsigned)(ms % 1000));
}

void dump_bool(struct dump *d, const char *name, bool v)
{
	dump_line(d, "%s: %s", name, v ? "true" : "false");
}

void dump_node_id(struct dump *d, const char *name, const struct node_id *id)
{
	char text[NODE_ID_TEXT_SIZE];

	dump_line(d, "%s: %s", name, node_id_text(id, text));
}

void dump_node_ids(struct dump *d, const char *name, const struct node_id *ids, size_t count)
{
	char text[NODE_ID_TEXT_SIZE];

	dump_line(d, "%s: %zu", name, count);
	d->depth++;
	for (size_t i = 0; i < count; i++)
		dump_line(d, "%s", node_id_text(&ids[i], text));
	d->depth--;
}

void dump_resource_id(struct dump *d, const char *name, const struct resource_id *id)
{
	char text[RESOURCE_ID_TEXT_SIZE];

	dump_line(d, "%s: %s", name, id->length == 0 ? "none" : resource_id_text(id, text));
}

void dump_kind(struct dump *d, uint32_t kind)
{
	static const struct {
		uint32_t kind;
		const char *name;
	} names[] = {
		{ 0x1, " SIP-REGISTRATION" },
		{ 0x2, " TURN-SERVICE" },
		{ 0x3, " CERTIFICATE_BY_NODE" },
		{ 0x10, " CERTIFICATE_BY_USER" },
	};
	const char *name = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].kind == kind)
			name = names[i].name;
	dump_line(d, "kind: 0x%x%s", kind, name);
}

void dump_address(struct dump *d, const char *name, const struct address *a)
{
	char text[ADDRESS_TEXT_SIZE];

	dump_line(d, "%s: %s", name, address_text(a, text));
}

void dump_destination(struct dump *d, const char *name, const struct destination *x)
{
	char text[NODE_ID_TEXT_SIZE], label[64];

	switch (x->type) {
	case DESTINATION_COMPACT:
		dump_line(d, "%s: opaque_id 0x%04x (two-byte form)", name, x->id.compact);
		return;
	case DESTINATION_NODE:
		dump_line(d, "%s: node %s%s", name, node_id_text(&x->id.node, text),
			  node_id_is_wildcard(&x->id.node) ? " (wildcard)" : "");
		return;
	case DESTINATION_RESOURCE:
		snprintf(label, sizeof(label), "%s: resource", name);
		break;
	case DESTINATION_OPAQUE:
		snprintf(label, sizeof(label), "%s: opaque_id", name);
		break;
	default:
		snprintf(label, sizeof(label), "%s: type %u", name, x->type);
		break;
	}
	dump_bytes(d, label, x->id.bytes);
}

static const char *dump_hash_name(uint8_t hash)
{
	switch (hash) {
	case HASH_NONE:
		return "none";
	case HASH_SHA1:
		return "sha1";
	case HASH_SHA256:
		return "sha256";
	case HASH_SHA384:
		return "sha384";
	case HASH_SHA512:
		return "sha512";
	default:
		return "unknown";
	}
}

static const char *dump_signature_name(uint8_t algorithm)
{
	switch (algorithm) {
	case SIGNATURE_ANONYMOUS:
		return "anonymous";
	case SIGNATURE_RSA:
		return "rsa";
	case SIGNATURE_ECDSA:
		return "ecdsa";
	default:
		return "unknown";
	}
}

void dump_signature(struct dump *d, const struct signature *s)
{
	static const char *const identities[] = {
		[SIGNER_CERT_HASH] = "cert_hash",
		[SIGNER_CERT_HASH_NODE_ID] = "cert_hash_node_id",
		[SIGNER_NONE] = "none",
	};

	dump_open(d, "signature");
	dump_line(d, "algorithm: %u %s, %u %s", s->hash, dump_hash_name(s->hash), s->algorithm,
		  dump_signature_name(s->algorithm));
	dump_line(d, "identity_type: %u %s", s->identity.type, identities[s->identity.type]);
	if (s->identity.type != SIGNER_NONE) {
		dump_line(d, "hash_alg: %u %s", s->identity.hash_alg, dump_hash_name(s->identity.hash_alg));
		dump_bytes(d, s->identity.type == SIGNER_CERT_HASH ? "certificate_hash"
								   : "certificate_node_id_hash",
			   s->identity.hash);
	}
	dump_bytes(d, "signature_value", s->value);
	dump_close(d);
}
