/* SPDX-License-Identifier: MIT */
/* The usage as its own files see it: the tables, and who calls whom.
 *
 *   sip_usage (inputs, effects) > sip_stream > sip_proxy (what to do with a message)
 *     > sip_registration (REGISTER) > sip_record (the overlay's side of it)
 *     > sip_media_pass (session descriptions to the media port) > sip_body
 *     > sip_fork (response context) > sip_hangup, sip_resolve (AOR to routes) > sip_link (connections to other proxies)
 *     > sip_transaction (servers and clients, timers) */
#ifndef USAGE_SIP_SIP_INTERNAL_H
#define USAGE_SIP_SIP_INTERNAL_H

#include "overlay/base/map.h"
#include "overlay/counter.h"
#include "usage/sip/sip_media.h"
#include "usage/sip/sip_message.h"
#include "usage/sip/sip_text.h"
#include "usage/sip/sip_usage.h"

#define SIP_PORT 5060 /* also the Application-ID */
#define SIP_SERVERS_MAX 1024
#define SIP_CLIENTS_MAX 2048
#define SIP_STREAMS_MAX 256
#define SIP_UDP_SAFE_MAX 1300 /* bytes; larger requests go by TCP where there is a choice (18.1.1) */

/* RFC 3261 table 4, in ms. */
#define SIP_T1 500
#define SIP_T2 4000
#define SIP_T4 5000
#define SIP_64_T1 (64 * SIP_T1)

/* Where a message came from or goes to: a phone's flow, or another Peal proxy by its Node-ID (whatever
 * connection there is to it then). */
struct sip_hop {
	struct sip_flow flow;
	struct node_id node; /* SIP_OVERLAY */
};

/* A Destination List, encoded, that ends in `node`. */
struct sip_route {
	struct node_id node;
	uint8_t bytes[DESTINATION_WIRE_MAX * 4];
	size_t len;
};

/* An effect that owns its bytes. */
struct sip_output {
	struct sip_output *next;
	struct sip_effect effect;
	struct sip_text bytes;
};

struct sip_fork;
struct sip_registrar;
struct sip_digest;
struct sip_calls;
struct sip_resolution;

struct sip_usage {
	struct peer *peer;
	const struct log *log;
	struct sip_usage_options options;
	struct timer_heap timers;
	uint8_t secret[32];          /* of flow tokens */
	char aor[SIP_AOR_SIZE];      /* of the node's certificate */
	char node[NODE_ID_TEXT_SIZE];
	char host[NODE_ID_TEXT_SIZE + OVERLAY_NAME_MAX + 1]; /* Via sent-by on application links */

	struct sip_output *first, *last; /* waiting to be drained */
	struct sip_output *drained;      /* lent out, freed before the next batch */

	struct map *servers; /* by sip_server key */
	struct map *clients; /* by branch and method */
	struct map *streams; /* by number */
	struct map *links;   /* by Node-ID */
	struct sip_registrar *registrar;
	struct sip_digest *digest;
	struct sip_calls *calls;
	struct sip_resolution *resolutions;
	struct sip_media media; /* ops NULL: none */
	bool stopping;
};

/* Queues an effect; the bytes are copied. */
void sip_output_send(struct sip_usage *s, const struct sip_flow *flow, struct slice bytes);
void sip_output_close(struct sip_usage *s, const struct sip_flow *flow);

/* Sends to a hop. ERR_LINK when its stream is gone, ERR_LIMIT, ERR_NO_ROUTE. `route` may be NULL: then the
 * Node-ID alone. */
int MUST_CHECK sip_hop_send(struct sip_usage *s, struct now now, const struct sip_hop *hop,
			    const struct sip_route *route, struct slice bytes);
static inline bool sip_hop_is_datagram(const struct sip_hop *hop)
{
	return hop->flow.transport == SIP_UDP;
}
const char *sip_hop_text(const struct sip_hop *hop, char text[ADDRESS_TEXT_SIZE + 8]);
bool sip_hop_equal(const struct sip_hop *a, const struct sip_hop *b);

/* A message, whole, from a hop (sip_proxy.c). */
void sip_proxy_message(struct sip_usage *s, struct now now, const struct sip_hop *from, struct slice bytes);

/* The own listen address that `remote` would use: same family, loopback only for loopback. Never NULL. */
const struct address *sip_listen_for(const struct sip_usage *s, const struct address *remote);
bool sip_is_own_address(const struct sip_usage *s, struct slice host, uint16_t port);

/* What is refused, dropped or lost is counted beside the peer's own (overlay/counter.h). */
static inline struct counters *sip_counters(const struct sip_usage *s) { return peer_counters(s->peer); }
/* A table is full: counted and logged. */
void sip_limit_met(const struct sip_usage *s, const char *what, int max);

/* `count` random bytes as hex. */
void sip_random_hex(struct sip_usage *s, size_t count, char *out);

#endif
