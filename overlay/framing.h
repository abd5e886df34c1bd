/* SPDX-License-Identifier: MIT */
/* The framing header at work on one link (RFC 6940 6.6.2): cuts a stream into messages,
 * acknowledges them, measures the round trip, and finds a link out that has gone quiet. Datagram
 * links send through reliability.h. */
#ifndef OVERLAY_FRAMING_H
#define OVERLAY_FRAMING_H

#include <stdbool.h>

#include "overlay/round_trip.h"
#include "overlay/wire/forwarding_header.h"
#include "overlay/wire/frame.h"

#define FRAMING_RECENT 32 /* an ack for N tells of N-1 to N-31 (6.6.2) */

struct peer;
struct link;
struct reliability;

/* The frame that has begun to arrive on a stream. */
struct framing_partial {
	size_t len;
	size_t room;
	uint8_t bytes[];
};

struct framing {
	struct framing_partial *partial; /* owned; NULL between frames, and on a datagram link */
	struct reliability *reliability; /* owned; NULL on a stream */

	/* Receiving: which numbers came, bit i standing for newest - 1 - i. */
	uint64_t received_before;
	uint32_t newest;
	bool has_received;
	bool is_oversized; /* partial is the beginning of a message beyond max-message-size */
	struct instant last_received;

	/* Sending. */
	uint32_t next_sequence;
	struct round_trip round_trip;
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

/* Nothing is due, but a keepalive will be soon and may as well go now. */
bool framing_is_due_early(const struct link *l, struct instant now);

/* Frames sent and not acknowledged. */
size_t framing_unacknowledged(const struct framing *f);

/* `sequence` came. */
void framing_note(struct framing *f, uint32_t sequence);
/* It came before, as far as is remembered. */
bool framing_is_noted(const struct framing *f, uint32_t sequence);
/* The `received` mask of an ack for `sequence` (6.6.2), from the numbers noted. */
uint32_t framing_received_mask(const struct framing *f, uint32_t sequence);

#endif
