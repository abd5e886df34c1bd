/* SPDX-License-Identifier: MIT */
/* Simple Reliability (RFC 6940 6.6.3): the sender of a datagram link. A window of frames, opened
 * and closed as RFC 5405 asks (AIMD), timed by RFC 6298; the acks' bitmask shows losses before the
 * timer does. Each transmission has a sequence number of its own. With a window of one it is the
 * RFC's stop and wait. */
#ifndef OVERLAY_RELIABILITY_H
#define OVERLAY_RELIABILITY_H

#include "overlay/base/slice.h"
#include "overlay/wire/forwarding_header.h"
#include "overlay/wire/frame.h"

#include "overlay/base/instant.h"

#define RELIABILITY_QUEUE 128 /* messages waiting or in flight on a link */
#define RELIABILITY_QUEUE_BYTES 262144
#define RELIABILITY_TRANSMISSIONS 5 /* of one message, then the link is down (6.6.3.1) */

struct peer;
struct link;
struct reliability;

struct reliability *reliability_new(void);
void reliability_free(struct reliability *r);

/* Queues header and tail as one message and sends what the window lets pass. ERR_LIMIT: the queue
 * is full. */
int MUST_CHECK reliability_send(struct peer *p, struct now now, struct link *l,
				const struct forwarding_header *h, struct slice tail);
/* An empty data frame, to be acknowledged. */
void reliability_send_empty(struct peer *p, struct now now, struct link *l);

void reliability_acknowledge(struct peer *p, struct now now, struct link *l,
			     const struct frame *ack);

/* Retransmits what is due; may close the link. */
void reliability_expire(struct peer *p, struct now now, struct link *l);
struct instant reliability_deadline(const struct link *l);

/* Messages in flight; of `window` that may be. */
size_t reliability_in_flight(const struct reliability *r);
size_t reliability_window(const struct reliability *r);

#endif
