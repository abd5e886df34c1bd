/* SPDX-License-Identifier: MIT */
/* The events of a net, by (time, order of pushing), and the bytes they carry. Keys are small and apart from the
 * records, so that finding the next event touches few cache lines; records and buffers are reused. */
#ifndef TOOLS_SIM_NET_HEAP_H
#define TOOLS_SIM_NET_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define NET_HEAP_EVENTS_MAX (1u << 24) /* pending at once */
#define NET_HEAP_NONE UINT32_MAX
#define NET_HEAP_CLASSES 11 /* buffers of 64 bytes, 128, ... 64 KiB */

struct net_event {
	uint8_t *bytes;  /* of the heap's pool; NULL: none */
	uint32_t len;
	uint32_t target; /* a node, or a wire */
	uint32_t tag;    /* which life of the target is meant */
	uint32_t next;   /* in a list of records: free ones, or those that wait for a node */
	uint8_t kind;    /* enum net_event_kind */
	uint8_t end;     /* of a wire, whom it reaches: 0 opened it, 1 accepted it */
};

struct net_key {
	uint64_t at;    /* us */
	uint64_t order; /* sequence, and the record in the lower 24 bits */
};

struct net_chunk;

struct net_heap {
	struct net_key *keys; /* four children each: 4i + 1 ...; those of one parent in one cache line */
	void *keys_memory;
	size_t count;
	size_t room;
	uint64_t next_sequence;
	struct net_event *events; /* by record */
	uint32_t event_count;
	uint32_t event_room;
	uint32_t free_event;
	uint8_t *free_bytes[NET_HEAP_CLASSES];
	struct net_chunk *chunks;
};

void net_heap_init(struct net_heap *h);
void net_heap_free(struct net_heap *h);

/* A record for later; not among the keys yet. */
uint32_t net_heap_record(struct net_heap *h, const struct net_event *e);
void net_heap_push_record(struct net_heap *h, uint64_t at, uint32_t record);
void net_heap_push(struct net_heap *h, uint64_t at, const struct net_event *e);

/* The earliest event's record, which stays the caller's until net_heap_recycle. The heap must not be empty. */
uint32_t net_heap_pop(struct net_heap *h, uint64_t *at);
/* Gives back a record and its bytes. */
void net_heap_recycle(struct net_heap *h, uint32_t record);

/* Not zeroed. */
uint8_t *net_heap_bytes(struct net_heap *h, size_t len);
void net_heap_bytes_free(struct net_heap *h, uint8_t *bytes, size_t len);

/* Bytes of memory held. */
size_t net_heap_memory(const struct net_heap *h);

#endif
