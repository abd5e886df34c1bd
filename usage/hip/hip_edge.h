/* SPDX-License-Identifier: MIT */
/* The edge as its own files see it: hosts served here, and one packet on its way through.
 *
 *   hip_edge (who may send what to whom) > hip_registrar (who is served here, RFC 8003)
 *     > hip_rendezvous (RFC 8004), hip_relay (RFC 9028), hip_transparent (neither): to a host served here
 *     > hip_journey (the ring, to the edge that serves the receiver) */
#ifndef USAGE_HIP_HIP_EDGE_H
#define USAGE_HIP_HIP_EDGE_H

#include "usage/hip/hip_pair.h"

/* Registration types (RFC 8004 4.1, RFC 9028 5.9), and the one that nobody asked for. */
enum hip_service { HIP_SERVICE_TRANSPARENT = 0, HIP_SERVICE_RVS = 1, HIP_SERVICE_RELAY = 2, HIP_SERVICE_COUNT };

/* Lifetimes of registrations (RFC 8003 5: 10 s must, 120 s should be supported). */
#define HIP_REGISTRATION_MIN_S 10
#define HIP_REGISTRATION_MAX_S 3600
#define HIP_TRANSPARENT_S 600       /* a host that did not register is remembered so long after its last packet */
#define HIP_R1_CREDIT_MAX 8
#define HIP_JOURNEYS_MAX 1024       /* packets that wait for a lookup or an answer of the ring */
#define HIP_SYNTHETIC_COUNT 65536u  /* addresses of the range */
#define HIP_SYNTHETIC_MAX 4096      /* of them in use; the one unused for the longest gives way */

/* A host served here. */
struct hip_client {
	struct hip_edge *edge;
	struct hit hit;
	struct hip_path path;  /* where it registered from, or was heard */
	struct instant expires[HIP_SERVICE_COUNT]; /* us == 0: not this service */
	struct timer timer;
	bool published;
	uint64_t carried_in, carried_out;
};

struct hip_journey;
struct hip_synthetic;

struct hip_edge {
	struct hip_host *host;
	struct map *clients;         /* by HIT */
	size_t transparent_count;    /* of them without a registration */
	struct hip_pairs *pairs;
	struct map *synthetic_hits, *synthetic_places;
	struct hip_synthetic *synthetic_oldest, *synthetic_newest;
	struct hip_journey *journeys;
	size_t journey_count;
};

/* One packet on its way. */
struct hip_passage {
	struct hip_edge *edge;
	struct hip_host *host;
	struct now now;
	const struct hip_path *path;
	const struct hip_packet *packet;
	const struct hip_carry *carry; /* NULL: from a wire */
	struct hip_pair *pair;
	struct hip_end *from, *to;
};

/* ---- hip_edge.c ---- */

/* Counts the packet as lost and logs why; returns `outcome`. */
int hip_passage_drop(const struct hip_passage *x, uint64_t *counter, const char *reason, int outcome);
/* Sends the packet's bytes as they are along a path, for a host served here (may be NULL). */
int hip_passage_send(const struct hip_passage *x, struct hip_client *client, const struct hip_path *path,
		     struct slice bytes);
/* The packet with `parameter` (whole) in its place and behind it an HMAC by the client's integrity key, all
 * else as it came (RFC 8004 4.2, RFC 9028 5.8). ERR_LIMIT: too long then; ERR_MALFORMED; ERR_NOT_FOUND: no
 * association. */
int MUST_CHECK hip_passage_protect(const struct hip_passage *x, const struct hip_client *client,
				   struct slice parameter, uint16_t hmac, struct writer *w);
/* Where the host is heard at now. */
struct hip_path hip_client_path(const struct hip_client *c);
/* Our address as the host knows it. */
struct address hip_client_local(const struct hip_client *c);

/* ---- hip_registrar.c ---- */

struct hip_client *hip_client_find(const struct hip_edge *e, const struct hit *hit);
bool hip_client_has(const struct hip_client *c, struct now now, enum hip_service service);
/* Serves a host without a registration until `expires`; more than before if it is served so already. NULL: no
 * room. */
struct hip_client *hip_client_serve(struct hip_edge *e, struct now now, const struct hit *hit,
				    const struct hip_path *path, struct instant expires);
void hip_clients_free(struct hip_edge *e);

/* ---- hip_rendezvous.c, hip_relay.c, hip_transparent.c: the packet reaches a host served here; the outcome ---- */

int hip_rendezvous_deliver(const struct hip_passage *x, struct hip_client *client);
int hip_relay_deliver(const struct hip_passage *x, struct hip_client *client);
/* RFC 9028 4.5: R1 and I2 must tell the NAT traversal mode, unless this edge is lenient. */
bool hip_relay_admits(const struct hip_passage *x);
/* The address of RELAY_TO in a packet of this client, when it says so (RFC 5770 4.10). */
bool hip_relay_to(const struct hip_passage *x, const struct hip_client *client, struct hip_path *out);
int hip_transparent_deliver(const struct hip_passage *x, struct hip_client *client);
/* A packet came from a host that is not registered. */
void hip_transparent_heard(const struct hip_passage *x);
void hip_synthetics_free(struct hip_edge *e);

/* ---- hip_journey.c ---- */

/* To the edge of the receiver, through the ring. */
int hip_journey_begin(const struct hip_passage *x);
void hip_journeys_free(struct hip_edge *e);

#endif
