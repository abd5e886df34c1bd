/* SPDX-License-Identifier: MIT */
/* The windowed sender of datagram links. */
#include "overlay/reliability.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/link_table.h"
#include "overlay/peer_state.h"

#define RELIABILITY_SENT 256       /* transmissions remembered; a power of two */
#define RELIABILITY_WINDOW_FIRST 4 /* messages (RFC 5405 3.1.1, RFC 3390) */
#define RELIABILITY_WINDOW_MAX 64
#define RELIABILITY_REORDERING 3 /* a frame is lost when the third one after it is acknowledged */
#define RELIABILITY_SUSPECT_AT 4 /* the third retransmission (6.6.3.1) */
/* The timeout doubles up to here: frames that were in flight together expire one by one, and
 * without a bound a dead link would be noticed after minutes. */
#define RELIABILITY_TIMEOUT_MAX_MS 4000

enum entry_state { ENTRY_FREE, ENTRY_QUEUED, ENTRY_IN_FLIGHT };

/* A message on its way to the neighbour. */
struct entry {
	enum entry_state state;
	unsigned transmissions;
	uint32_t sequence;      /* of the latest transmission */
	struct instant sent_at; /* likewise */
	struct instant first_sent_at;
	uint8_t *message; /* owned */
	size_t len;
};

/* A transmission: which message it carried and when. */
struct transmission {
	uint32_t sequence;
	bool is_open; /* not acknowledged */
	uint64_t ordinal;
	struct instant at;
};

struct reliability {
	struct entry entries[RELIABILITY_QUEUE]; /* message number n is in n % RELIABILITY_QUEUE */
	uint64_t first;                          /* oldest message that is not acknowledged */
	uint64_t next;                           /* number of the next message */
	size_t bytes;
	size_t in_flight;
	size_t window;
	size_t threshold; /* slow start below, additive increase above */
	size_t credit;    /* acks counted towards the next increase */
	unsigned backoff; /* doublings of the timeout */
	uint32_t recover; /* losses of earlier frames belong to the same congestion event */
	struct instant last_ack;
	struct transmission sent[RELIABILITY_SENT];
};

struct reliability *reliability_new(void)
{
	struct reliability *r = memory_alloc(sizeof(*r));

	r->window = RELIABILITY_WINDOW_FIRST;
	r->threshold = RELIABILITY_WINDOW_MAX;
	return r;
}

void reliability_free(struct reliability *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < RELIABILITY_QUEUE; i++)
		free(r->entries[i].message);
	free(r);
}

size_t reliability_in_flight(const struct reliability *r)
{
	return r->in_flight;
}

size_t reliability_window(const struct reliability *r)
{
	return r->window;
}

static struct entry *reliability_entry(struct reliability *r, uint64_t ordinal)
{
	return &r->entries[ordinal % RELIABILITY_QUEUE];
}

/* Serial number arithmetic. */
static bool sequence_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static void reliability_transmit(struct peer *p, struct now now, struct link *l, uint64_t ordinal)
{
	struct reliability *r = l->framing.reliability;
	struct entry *e = reliability_entry(r, ordinal);
	uint32_t sequence = l->framing.next_sequence++;
	uint8_t *head = arena_alloc(peer_arena(p), FRAME_DATA_HEADER);
	struct writer w = writer_of(head, head == NULL ? 0 : FRAME_DATA_HEADER);

	e->state = ENTRY_IN_FLIGHT;
	e->sequence = sequence;
	e->sent_at = now.mono;
	if (e->transmissions++ == 0)
		e->first_sent_at = now.mono;
	else
		p->counters.frames_retransmitted++;
	r->in_flight++;
	r->sent[sequence % RELIABILITY_SENT] =
		(struct transmission){ sequence, true, ordinal, now.mono };
	frame_data_header_put(&w, sequence, e->len);
	if (w.err != 0)
		return; /* no memory for it in this turn: as if it had been lost */
	peer_queue_effect(
		p, &(struct effect){ .type = EFFECT_SEND,
				     .link = l->id,
				     .parts = { writer_slice(&w), slice_of(e->message, e->len) },
				     .part_count = 2 });
	l->bytes_out += FRAME_DATA_HEADER + e->len;
	p->counters.bytes_out += FRAME_DATA_HEADER + e->len;
	if (e->transmissions >= RELIABILITY_SUSPECT_AT &&
	    !instant_before(e->first_sent_at, r->last_ack))
		link_suspect(p, now, l);
}

/* Sends queued messages, oldest first, as far as the window goes. */
static void reliability_pump(struct peer *p, struct now now, struct link *l)
{
	struct reliability *r = l->framing.reliability;

	for (uint64_t n = r->first; n != r->next && r->in_flight < r->window; n++)
		if (reliability_entry(r, n)->state == ENTRY_QUEUED)
			reliability_transmit(p, now, l, n);
	link_wake(p, reliability_deadline(l));
}

static struct entry *reliability_queue(struct reliability *r, size_t len)
{
	struct entry *e = reliability_entry(r, r->next);

	if (r->next - r->first >= RELIABILITY_QUEUE || r->bytes + len > RELIABILITY_QUEUE_BYTES)
		return NULL;
	*e = (struct entry){ .state = ENTRY_QUEUED, .message = memory_alloc(len), .len = len };
	r->bytes += len;
	r->next++;
	return e;
}

int reliability_send(struct peer *p, struct now now, struct link *l,
		     const struct forwarding_header *h, struct slice tail)
{
	size_t len = forwarding_header_size(h) + tail.len;
	struct entry *e = reliability_queue(l->framing.reliability, len);
	struct writer w;

	if (e == NULL)
		return ERR_LIMIT;
	w = writer_of(e->message, len);
	forwarding_header_put(&w, h);
	writer_bytes(&w, tail);
	invariant(w.err == 0);
	reliability_pump(p, now, l);
	return 0;
}

void reliability_send_empty(struct peer *p, struct now now, struct link *l)
{
	/* With messages in flight their acks will tell. */
	if (l->framing.reliability->next == l->framing.reliability->first &&
	    reliability_queue(l->framing.reliability, 0) != NULL)
		reliability_pump(p, now, l);
}

static void reliability_lost(struct reliability *r, struct entry *e)
{
	e->state = ENTRY_QUEUED;
	r->in_flight--;
}

/* One acknowledged number. True when it was news. */
static bool reliability_take(struct reliability *r, uint32_t sequence)
{
	struct transmission *t = &r->sent[sequence % RELIABILITY_SENT];
	struct entry *e;

	if (t->sequence != sequence || !t->is_open)
		return false;
	t->is_open = false;
	if (t->ordinal < r->first)
		return false; /* an earlier transmission of something acknowledged meanwhile */
	e = reliability_entry(r, t->ordinal);
	if (e->state == ENTRY_FREE)
		return false;
	if (e->state == ENTRY_IN_FLIGHT)
		r->in_flight--;
	e->state = ENTRY_FREE;
	r->bytes -= e->len;
	free(e->message);
	e->message = NULL;
	while (r->first != r->next && reliability_entry(r, r->first)->state == ENTRY_FREE)
		r->first++;
	return true;
}

/* Slow start, then one more for each window that was acknowledged. */
static void reliability_grow(struct reliability *r, size_t acknowledged)
{
	for (size_t i = 0; i < acknowledged && r->window < RELIABILITY_WINDOW_MAX; i++) {
		if (r->window < r->threshold) {
			r->window++;
		} else if (++r->credit >= r->window) {
			r->credit = 0;
			r->window++;
		}
	}
}

/* Frames well before `highest` will not be acknowledged any more: halve the window, once per
 * window. */
static void reliability_find_losses(struct reliability *r, uint32_t highest, uint32_t next_sequence)
{
	for (uint64_t n = r->first; n != r->next; n++) {
		struct entry *e = reliability_entry(r, n);

		if (e->state != ENTRY_IN_FLIGHT || e->transmissions >= RELIABILITY_TRANSMISSIONS ||
		    !sequence_before(e->sequence + RELIABILITY_REORDERING - 1, highest))
			continue;
		if (!sequence_before(e->sequence, r->recover)) {
			r->threshold = r->window / 2 < 2 ? 2 : r->window / 2;
			r->window = r->threshold;
			r->recover = next_sequence;
		}
		reliability_lost(r, e);
	}
}

void reliability_acknowledge(struct peer *p, struct now now, struct link *l,
			     const struct frame *ack)
{
	struct reliability *r = l->framing.reliability;
	struct transmission *t = &r->sent[ack->sequence % RELIABILITY_SENT];
	size_t news = 0;

	if (!sequence_before(ack->sequence, l->framing.next_sequence))
		return; /* of something never sent */
	if (t->sequence == ack->sequence && t->is_open)
		round_trip_add(&l->framing.round_trip, instant_since(now.mono, t->at));
	news += reliability_take(r, ack->sequence);
	for (uint32_t bit = 0; bit < FRAMING_RECENT; bit++)
		if ((ack->received >> bit & 1) != 0)
			news += reliability_take(r, ack->sequence - 1 - bit);
	if (news > 0) {
		r->backoff = 0;
		r->last_ack = now.mono;
		reliability_grow(r, news);
	}
	reliability_find_losses(r, ack->sequence, l->framing.next_sequence);
	reliability_pump(p, now, l);
}

static struct duration reliability_timeout(const struct link *l)
{
	const uint64_t most = RELIABILITY_TIMEOUT_MAX_MS * 1000;
	uint64_t us = round_trip_timeout(&l->framing.round_trip).us;

	for (unsigned i = 0; i < l->framing.reliability->backoff && us < most; i++)
		us *= 2;
	return duration_us(us < most ? us : most);
}

struct instant reliability_deadline(const struct link *l)
{
	const struct reliability *r = l->framing.reliability;
	struct instant oldest = INSTANT_NEVER;

	if (r->in_flight == 0)
		return oldest;
	for (uint64_t n = r->first; n != r->next; n++) {
		const struct entry *e = &r->entries[n % RELIABILITY_QUEUE];

		if (e->state == ENTRY_IN_FLIGHT)
			oldest = instant_min(oldest, e->sent_at);
	}
	return instant_add(oldest, reliability_timeout(l));
}

void reliability_expire(struct peer *p, struct now now, struct link *l)
{
	struct reliability *r = l->framing.reliability;
	struct duration timeout = reliability_timeout(l);
	bool is_due = false;
	bool is_event = false;

	for (uint64_t n = r->first; n != r->next; n++) {
		struct entry *e = reliability_entry(r, n);

		if (e->state != ENTRY_IN_FLIGHT ||
		    !instant_due(instant_add(e->sent_at, timeout), now.mono))
			continue;
		if (e->transmissions >= RELIABILITY_TRANSMISSIONS) {
			link_close(p, now, l, ERR_LINK);
			return;
		}
		reliability_lost(r, e);
		/* Frames that were in flight together are one event, even when they expire one by
		 * one. */
		is_event |= !sequence_before(e->sequence, r->recover);
		is_due = true;
	}
	if (is_event)
		r->backoff++; /* at most as often as a message is sent */
	if (!is_due)
		return;
	r->threshold = r->window / 2 < 2 ? 2 : r->window / 2;
	r->window = 1;
	r->credit = 0;
	r->recover = l->framing.next_sequence;
	reliability_pump(p, now, l);
}
