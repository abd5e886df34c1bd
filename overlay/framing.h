/* SPDX-License-Identifier: MIT */
/* The framing header at work on one link (RFC 6940 6.6.2): cuts a stream into messages,
 * acknowledges them, measures the round trip, and finds a link out that has gone quiet. Datagram
 * links send through reliability.h. */
#ifndef OVERLAY_FRAMING_H
#define OVERLAY_FRAMING_H

#include "overlay/round_trip.h"
#include "overlay/wire/forwarding_header.h"
#include "overlay/wire/frame.h"

#define FRAMING_RECENT 32 /* received numbers remembered (6.6.2) */

struct peer;
struct link;
struct reliability;

struct framing {
	/* Receiving. */
	uint8_t *partial; /* owned: the frame that has begun to arrive on a stream */
	size_t partial_len;
	size_t partial_room;
	bool is_oversized; /* partial is the beginning of a message beyond max-message-size */
	uint32_t recent[FRAMING_RECENT]; /* the latest numbers received, in order of arrival */
	size_t recent_count;             /* grows without end */
	struct instant last_received;

	/* Sending. */
	uint32_t next_sequence;
	struct round_trip round_trip;
	struct reliability *reliability; /* owned; NULL on a stream */
	/* A stream delivers in order, so an ack for N covers all before. */
	uint32_t acknowledged;   /* every number below is */
	uint32_t timed_sequence; /* the frame whose round trip is being measured */
	struct instant timed_at; /* when it was sent; never: none is */
	struct instant
		waiting_since; /* of the oldest unacknowledged frame, or the latest progress */
	struct instant keepalive_sent;
};

void framing_init(struct framing *f, struct instant now, bool is_datagram);
void framing_free(struct framing *f);

/* Bytes of a stream, or one datagram. May close the link. */
void framing_receive(struct peer *p, struct now now, struct link *l, struct slice bytes);

/* Sends one message: `h` (its length is filled in) and what follows the header. On a stream `tail`
 * is borrowed until the effects are drained; on a datagram link it is copied, and fragmented where
 * needed. ERR_LIMIT, ERR_MESSAGE_TOO_LARGE. */
int MUST_CHECK framing_send(struct peer *p, struct now now, struct link *l,
			    struct forwarding_header *h, struct slice tail);

/* Runs what is due at now; may close the link. */
void framing_expire(struct peer *p, struct now now, struct link *l);
struct instant framing_deadline(const struct link *l);

/* Frames sent and not acknowledged. */
size_t framing_unacknowledged(const struct framing *f);

/* The `received` mask of an ack for `sequence` (6.6.2), from the numbers received before it. */
uint32_t framing_received_mask(const struct framing *f, uint32_t sequence);

#endif
