/* SPDX-License-Identifier: MIT */
/* HIP version 2 packets (RFC 7401 section 5): the fixed header, the list of parameters, the checksum. What each
 * parameter holds is in hip_parameter.h. MACs and signatures cover the bytes as they came, so a packet is read in
 * place and never built again from what was read. */
#ifndef OVERLAY_WIRE_HIP_PACKET_H
#define OVERLAY_WIRE_HIP_PACKET_H

#include "overlay/wire/address.h"

#define HIT_LENGTH 16
#define HIT_TEXT_SIZE 40          /* "2001:2x:..." and NUL */
#define HIP_HEADER_LENGTH 40
#define HIP_PACKET_MAX 2048       /* bytes: header and at most 2,008 bytes of parameters (5.1) */
#define HIP_PROTOCOL 139          /* of IP */
#define HIP_NEXT_HEADER_NONE 59
#define HIP_UDP_PORT 10500        /* RFC 9028 5.1 */
#define HIP_CONTROL_ANONYMOUS 0x0001u

/* Host Identity Tag: an ORCHIDv2 (RFC 7343), or a HIPv1 tag that is only ever carried. Compared as an unsigned
 * number in network order (6.5). All zeroes: none, or in an I1 "whoever is there" (4.1.8). */
struct hit {
	uint8_t bytes[HIT_LENGTH];
};

enum hip_packet_type {
	HIP_I1 = 1, HIP_R1 = 2, HIP_I2 = 3, HIP_R2 = 4,
	HIP_UPDATE = 16, HIP_NOTIFY = 17, HIP_CLOSE = 18, HIP_CLOSE_ACK = 19
};

/* Borrows the bytes it was read from. */
struct hip_packet {
	uint8_t type;        /* enum hip_packet_type or unknown */
	uint8_t version;     /* 2; 1 only by hip_packet_peek */
	uint16_t checksum;   /* as received */
	uint16_t controls;
	struct hit sender, receiver;
	struct slice bytes;  /* all of it: header and parameters */
};

struct hip_parameter {
	uint16_t type;
	struct slice contents; /* without type, length and padding */
	struct slice whole;    /* with them */
	size_t at;             /* where `whole` begins in the packet */
};

/* Header, length, version 2, and the walk: types ascending, lengths within the packet (5.1, 5.2.1). What the
 * parameters hold is not looked at. `bytes` is one packet without the zero marker of UDP. ERR_TRUNCATED, ERR_TRAILING,
 * ERR_MALFORMED, ERR_UNSUPPORTED (another version). */
int MUST_CHECK hip_packet_get(struct slice bytes, struct hip_packet *x);

/* Only what an edge needs to carry a packet of any version unread: header and length. ERR_TRUNCATED, ERR_TRAILING,
 * ERR_MALFORMED. */
int MUST_CHECK hip_packet_peek(struct slice bytes, struct hip_packet *x);

/* The next parameter; start with *cursor == 0. False at the end. Only after hip_packet_get. */
bool hip_parameter_next(const struct hip_packet *x, size_t *cursor, struct hip_parameter *out);
/* The first one of `type`. */
bool hip_parameter_find(const struct hip_packet *x, uint16_t type, struct hip_parameter *out);
/* Odd types must be understood (5.2.1). */
static inline bool hip_parameter_is_critical(uint16_t type) { return (type & 1) != 0; }
/* The type of a critical parameter that hip_parameter.h does not know; 0: none. Such a packet is dropped, and
 * answered with NOTIFY UNSUPPORTED_CRITICAL_PARAMETER_TYPE where state allows. */
uint16_t hip_packet_unknown_critical(const struct hip_packet *x);

/* ---- Building, into a writer of at least HIP_PACKET_MAX ---- */

/* Header with zero checksum; the length is set by hip_packet_end, which is called once all is in. */
void hip_packet_begin(struct writer *w, uint8_t type, uint16_t controls, const struct hit *sender,
		      const struct hit *receiver);
/* A parameter: begin returns its place, end sets its length and pads to 8 with zeroes. They do not nest. */
size_t hip_parameter_begin(struct writer *w, uint16_t type);
void hip_parameter_end(struct writer *w, size_t place);
/* Sets the header's length. May be called again after more was added. ERR_LIMIT through w->err. */
void hip_packet_end(struct writer *w);

/* ---- Checksum (5.1.1) ---- */

/* Over the pseudo-header of protocol 139 and the packet with its checksum field taken as zero. `source` and
 * `destination` are of one type; ports are ignored. */
uint16_t hip_checksum(const struct address *source, const struct address *destination, struct slice packet);
/* Writes it into a packet's bytes; zero as RFC 9028 5.1 has it for UDP. */
void hip_checksum_set(uint8_t *packet, uint16_t checksum);

/* ---- HITs ---- */

void hit_get(struct reader *r, struct hit *x);
void hit_put(struct writer *w, const struct hit *x);
int hit_compare(const struct hit *a, const struct hit *b);
static inline bool hit_equal(const struct hit *a, const struct hit *b) { return hit_compare(a, b) == 0; }
bool hit_is_zero(const struct hit *x);
/* 2001:20::/28 (RFC 7343), with the suite (OGA, its four bits behind the prefix); 0: no ORCHIDv2. */
unsigned hit_suite(const struct hit *x);
/* 2001:10::/28: a HIPv1 tag, taken as an opaque name. */
bool hit_is_version_1(const struct hit *x);
/* As an IPv6 address, in lower case and full groups ("2001:24:..."), without "::" compression. Returns text. */
const char *hit_text(const struct hit *x, char text[HIT_TEXT_SIZE]);
/* An IPv6 address in any spelling, or 32 hex digits. ERR_MALFORMED. */
int MUST_CHECK hit_parse(const char *text, struct hit *x);

const char *hip_packet_type_name(uint8_t type); /* "I1" ... "CLOSE_ACK"; "unknown" */

#endif
