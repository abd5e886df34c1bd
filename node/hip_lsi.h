/* SPDX-License-Identifier: MIT */
/* IPv4 names for HITs, for programs that know no IPv6: each HIT has a Local Scope Identifier 1.x.y.z, and packets are
 * translated between IPv4 and what ESP carries, whose checksums cover the HITs (RFC 7401 4.5.1). */
#ifndef NODE_HIP_LSI_H
#define NODE_HIP_LSI_H

#include "overlay/base/error.h"
#include "overlay/wire/hip_packet.h"

#define HIP_LSI_MAX 8192       /* HITs that have a name; the oldest gives way */
#define HIP_LSI_FLOWS_MAX 4096 /* conversations begun over IPv4 */
#define HIP_INNER_MAX 2048     /* bytes of a packet with its IP header */

struct hip_lsi;

struct hip_lsi *hip_lsi_new(const struct hit *own, uint64_t seed);
void hip_lsi_free(struct hip_lsi *l);

/* The name of a HIT (as an IPv4 address, port 0), given now unless it has one. It is made of the HIT's last bytes, so
 * that it is the same again after a restart as long as no other HIT has it. */
struct address hip_lsi_of(struct hip_lsi *l, const struct hit *hit);
struct address hip_lsi_own(const struct hip_lsi *l);
/* False: no HIT has this name. */
bool hip_lsi_find(const struct hip_lsi *l, const uint8_t ipv4[4], struct hit *out);

/* A packet from a program, turned in place into what ESP carries. */
struct hip_inner {
	struct hit to;
	uint8_t next_header;
	struct slice payload;
};
/* IPv6 from our HIT or IPv4 from our own name. ERR_NOT_FOUND: an IPv4 address that is no HIT's name (yet);
 * ERR_UNSUPPORTED: not for a HIT, fragmented, or nothing that can be translated; ERR_MALFORMED. */
int MUST_CHECK hip_lsi_outwards(struct hip_lsi *l, uint8_t *packet, size_t len, struct hip_inner *out);

/* A payload from `from` as an IP packet for programs here: IPv4 when the conversation began so, else IPv6. Returns its
 * length; 0: it cannot be one. */
size_t hip_lsi_inwards(struct hip_lsi *l, const struct hit *from, uint8_t next_header, struct slice payload,
		       uint8_t out[HIP_INNER_MAX]);

#endif
