/* SPDX-License-Identifier: MIT */
/* This node as a client of a rendezvous server (RFC 8004) or control relay (RFC 9028) elsewhere: registers in
 * I2 or UPDATE (RFC 8003), keeps the registration, takes only what the server vouches for, and answers the way
 * the server's mode says. */
#ifndef USAGE_HIP_HIP_REGISTRANT_H
#define USAGE_HIP_HIP_REGISTRANT_H

#include "usage/hip/hip_host.h"

struct hip_association;
struct hip_packet;

#define HIP_REGISTRANTS_MAX 8     /* servers of one host */
#define HIP_REGISTRANT_NO_FAILURE 255

/* Registers for `type` (1 RENDEZVOUS, 2 RELAY_UDP_HIP) at the server with that HIT and address (UDP), and keeps
 * it up until it is called with lifetime 0, which cancels. ERR_LIMIT, ERR_MALFORMED, ERR_NOT_FOUND (nothing to
 * cancel). */
int MUST_CHECK hip_host_register(struct hip_host *h, struct now now, const struct hit *rvs_hit,
				 const struct address *rvs_address, uint8_t type, uint32_t lifetime_s);

/* What this node has registered elsewhere. */
struct hip_registrant_info {
	struct hit server;
	struct address address;
	uint8_t type;
	bool registered;
	uint8_t failure;      /* of REG_FAILED, or HIP_REGISTRANT_NO_FAILURE */
	uint32_t remaining_s;
	struct address seen;  /* REG_FROM: where the server sees us; type NONE: not told */
};
bool hip_host_next_registrant(const struct hip_host *h, struct now now, size_t *cursor,
			      struct hip_registrant_info *out);

/* Where the servers are at which this host is registered, in the order they were asked, each once: for others, as a
 * hint. Returns how many. */
size_t hip_host_rendezvous(const struct hip_host *h, struct address out[HIP_REGISTRANTS_MAX]);

/* ---- For the exchange ---- */

/* FROM or RELAY_FROM of a packet for us: checks the server's HMAC. `back` is where the packet is to be taken to
 * come from and answered to: FROM, or the relay, or `path` itself. ERR_SIGNATURE: to be dropped (counted). */
int MUST_CHECK hip_registrant_check_from(struct hip_host *h, struct now now, const struct hip_path *path,
					 const struct hip_packet *p, struct hip_path *back);
/* What comes by this path (`back`) from this host came by a server that vouched for it, and that has limits of
 * its own. */
bool hip_registrant_is_vouched(const struct hip_host *h, const struct hip_path *path, const struct hit *peer);
/* The path leads to a relay of ours, and not to the peer itself. */
bool hip_registrant_is_relay(const struct hip_host *h, const struct hip_path *path, const struct hit *peer);
/* A packet of ours on its way: RELAY_TO or VIA_RVS is appended when it has to be. Returns `packet`, or what was
 * written. */
struct slice hip_registrant_dress(struct hip_host *h, struct now now, const struct hip_path *path, struct slice packet,
				  struct writer *w);
/* REG_REQUEST for I2 (`r1` says what is offered) or UPDATE (`r1` NULL), when one is due. */
void hip_registrant_put_request(struct hip_association *a, const struct hip_packet *r1, struct writer *w);
/* REG_RESPONSE, REG_FAILED and REG_FROM of a verified R2 or UPDATE. */
void hip_registrant_receive(struct hip_association *a, struct now now, const struct hip_packet *p);
/* We are reached through a relay: R1s then tell NAT_TRAVERSAL_MODE (RFC 9028 4.5). */
bool hip_registrant_is_relayed(const struct hip_host *h);
void hip_registrants_free(struct hip_host *h);

#endif
