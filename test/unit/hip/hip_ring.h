/* SPDX-License-Identifier: MIT */
/* A ring of two edges between two foreign hosts, without an overlay: HIP_CARRY is a function call, HIP-RVS
 * records are a table. Takes the places of hip_carrier.c, hip_locate.c and hip_publish.c. */
#ifndef TEST_UNIT_HIP_HIP_RING_H
#define TEST_UNIT_HIP_HIP_RING_H

#include "test/unit/hip/hip_fixture.h"
#include "usage/hip/hip_edge.h"
#include "usage/hip/hip_limit.h"
#include "usage/hip/hip_registrant.h"
#include "usage/hip/hip_transparent.h"

enum { RING_A, RING_B, RING_EDGE_A, RING_EDGE_B };
#define RING_RECORDS_MAX 8
#define RING_SEEN_MAX 64

struct ring_record {
	struct hit hit;
	struct node_id edge;
	uint8_t flags;
	uint32_t lifetime_s;
	uint8_t host_id[HOST_IDENTITY_MAX + 16], packet[HIP_PACKET_MAX];
	size_t host_id_len, packet_len;
	bool is_false; /* of a squatter: its edge says it delivers, and does not */
};

/* A HIP packet that a foreign host sent or got. */
struct ring_seen {
	size_t host;
	bool sent;
	uint8_t type;
	struct address other;
	uint8_t bytes[HIP_PACKET_MAX];
	size_t len;
};

struct ring {
	struct fixture f;
	struct ring_record records[RING_RECORDS_MAX];
	size_t record_count;
	size_t carried;      /* HIP_CARRYs */
	bool cut;            /* A and B do not reach each other */
	bool raw;            /* between hosts and edges: protocol 139 */
	bool bad_checksum;   /* one was wrong */
	uint8_t strip;       /* type of packets lost between edge and host; 0: none */
	struct address victim; /* whatever goes there is counted */
	size_t victim_packets, victim_bytes;
	struct ring_seen seen[RING_SEEN_MAX];
	size_t seen_count;
};

/* Two hosts and two edges. The options of the edges are `edge` with edge set. */
void ring_begin(struct ring *r, const struct hip_host_options *edge);
void ring_end(struct ring *r);
struct node_id ring_node(size_t host);
/* B registers at its edge; asserted. */
void ring_register(struct ring *r, uint8_t type, uint32_t lifetime_s);
/* A calls B at an address; whether both are established in time. */
bool ring_call(struct ring *r, const struct address *at, uint64_t ms);
const struct ring_record *ring_find(const struct ring *r, const struct hit *hit);
/* A packet arrives at an edge by HIP_CARRY. */
int ring_carry(struct ring *r, size_t edge, const struct node_id *from, const struct address *source,
	       struct slice packet);
const struct ring_seen *ring_seen(const struct ring *r, size_t host, bool sent, uint8_t type);

#endif
