/* SPDX-License-Identifier: MIT */
/* Calls' media over HIP: a phone's RTP and RTCP go to a port of this node, cross as ESP between the two nodes, and
 * come out at the other phone. Between nodes a session description names the node's HIT as address; towards a phone it
 * names this node. One port number serves both sides: the UDP port that the phone sends to is the port on our HIT.
 * Implements the port of usage/sip/sip_media.h on top of usage/hip/hip_host.h. */
#ifndef USAGE_MEDIA_MEDIA_RELAY_H
#define USAGE_MEDIA_MEDIA_RELAY_H

#include "usage/hip/hip_host.h"
#include "usage/hip/hip_known.h"
#include "usage/sip/sip_media.h"

struct media_relay;

#define MEDIA_PORTS_SPARE 16 /* port pairs that should be ready at any time */

enum media_policy {
	MEDIA_HIP_PREFER,   /* protected where the other node can, else as the phones do */
	MEDIA_HIP_REQUIRE,  /* calls whose media cannot be protected are refused */
	MEDIA_HIP_OFF
};

struct media_relay_options {
	const struct log *log;
	enum media_policy policy;
	uint32_t streams_max;      /* port pairs in use at most; 0: 2,048 */
	uint32_t idle_s;           /* without a packet and without a word of SIP: ended; 0: 7,200 */
};

/* Takes the host's payloads. Owned by the caller, freed before `host`. */
struct media_relay *media_relay_new(struct hip_host *host, struct counters *counters,
				    const struct media_relay_options *options);
void media_relay_free(struct media_relay *r);
struct usage media_relay_port(struct media_relay *r);
struct sip_media media_relay_sip(struct media_relay *r);

/* ---- Ports: the node opens them ahead, because a session description is answered at once ---- */

/* An even UDP port and the next one are bound on every address that phones use. */
void media_relay_lend(struct media_relay *r, uint16_t port);

/* ---- Inputs ---- */

/* A datagram of a phone at one of the lent ports (RTP: even, RTCP: the next). */
void media_relay_datagram(struct media_relay *r, struct now now, uint16_t port, const struct address *from,
			  struct slice bytes);

/* ---- Effects ---- */

enum media_effect_type {
	MEDIA_EFFECT_SEND,   /* `bytes` from `port` to `remote`, a phone */
	MEDIA_EFFECT_WANT,   /* `count` more port pairs are wanted */
	MEDIA_EFFECT_RETURN  /* the pair at `port` is not used any more: close it or lend it again */
};
struct media_effect {
	enum media_effect_type type;
	uint16_t port;
	struct address local, remote; /* local: the address that this phone speaks to; port 0 */
	size_t count;
	struct slice bytes; /* borrowed until the next input */
};
const struct media_effect *media_relay_next_effect(struct media_relay *r);

/* ---- View ---- */

struct media_stream_info {
	char call_id[128];
	char kind[16];           /* "audio" */
	struct hit hit;
	enum hip_vouched vouched;
	uint16_t port, remote_port;
	struct address phone;
	uint64_t packets_in, packets_out, dropped; /* from the other node; from the phone */
};
bool media_relay_next_stream(const struct media_relay *r, size_t *cursor, struct media_stream_info *out);

#endif
