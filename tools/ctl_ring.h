/* SPDX-License-Identifier: MIT */
/* The ring as a walk found it, and whether it is one consistent ring: every point has exactly one
 * responsible peer and neighbors agree on each other. */
#ifndef TOOLS_CTL_RING_H
#define TOOLS_CTL_RING_H

#include "overlay/wire/node_id.h"

#define RING_USER_SIZE 256
#define RING_ADDRESS_SIZE 64
#define RING_FINDING_SIZE 400

/* One peer as it describes itself. Fields that were not learned have their has_ flag false. */
struct ring_peer {
	struct node_id id;
	char user[RING_USER_SIZE];
	char address[RING_ADDRESS_SIZE];
	bool is_self;      /* the peer that walked */
	bool unreachable;  /* known from a neighbor, did not answer */
	bool outside;      /* answers but is no member of the ring now: joining, or it does not tell */
	bool has_predecessor;
	struct node_id predecessor;
	bool has_successor;
	struct node_id successor;
	bool has_share;
	uint32_t share_ppb; /* what it says it is responsible for (Probe, 6.4.2.5) */
	bool has_uptime;
	uint64_t uptime_s;
	bool has_records;
	uint64_t records;
	bool has_rtt;
	uint64_t rtt_us;
};

struct ring {
	struct ring_peer *peers; /* owned; in ring order after ring_sort */
	size_t count;
	size_t room;
};

enum ring_finding_type {
	RING_GAP,          /* a range that no peer answers for */
	RING_OVERLAP,      /* a range that two peers answer for */
	RING_DISAGREEMENT, /* neighbors that do not know each other as such */
	RING_DUPLICATE,    /* one Node-ID twice */
	RING_UNREACHABLE   /* a peer that neighbors name and that does not answer */
};

struct ring_finding {
	enum ring_finding_type type;
	size_t place;                 /* index of the peer it is about */
	char text[RING_FINDING_SIZE]; /* one line that says what it means */
};

void ring_init(struct ring *r);
void ring_free(struct ring *r);

/* Appends a zeroed peer and returns it; valid until the next call. */
struct ring_peer *ring_add(struct ring *r);

/* Ascending Node-IDs. */
void ring_sort(struct ring *r);

/* Checks a sorted ring. Writes up to `max` findings in ring order and returns how many there are in all
 * (0: consistent). An empty ring has none. */
size_t ring_check(const struct ring *r, struct ring_finding *findings, size_t max);

/* "gap", "overlap", ... */
const char *ring_finding_name(enum ring_finding_type type);

#define RING_SHORT_SIZE 12

/* The first 8 hex digits. Returns out (room for RING_SHORT_SIZE). */
const char *ring_short(const struct node_id *id, char *out);

#endif
