/* SPDX-License-Identifier: MIT */
/* The framing header at work: cutting, acknowledging, keeping alive. */
#include "overlay/framing.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/forwarding.h"
#include "overlay/fragment.h"
#include "overlay/link_table.h"
#include "overlay/peer_state.h"
#include "overlay/reliability.h"
#include "overlay/transport_state.h"

/* Of silence, then something is sent that must be acknowledged: on a link watched closely or with frames not
 * acknowledged, and on others. The end that opened the link asks first; the answer spares the other end its own
 * question, which is a fifth later. */
#define FRAMING_KEEPALIVE_MS 5000
#define FRAMING_KEEPALIVE_FAR_MS 25000
#define FRAMING_SUSPECT_RTOS 7 /* an RTO and three retransmissions that double (6.6.3.1): 1+2+4 */
#define FRAMING_SUSPECT_MIN_MS 2000
#define FRAMING_SUSPECT_MAX_MS 5000
#define FRAMING_LATE_MS 1000 /* a timer that comes so late says that this node itself stood still \
			      */
#define FRAMING_DEAD_S 30    /* a stream that stays silent is kept so long (6.6.5) */

void framing_init(struct framing *f, struct instant now, bool is_datagram)
{
	*f = (struct framing){ .last_received = now,
			       .timed_at = INSTANT_NEVER,
			       .keepalive_sent = now };
	round_trip_init(&f->round_trip);
	if (is_datagram)
		f->reliability = reliability_new();
}

void framing_free(struct framing *f)
{
	free(f->partial);
	reliability_free(f->reliability);
}

size_t framing_unacknowledged(const struct framing *f)
{
	if (f->reliability != NULL)
		return reliability_in_flight(f->reliability);
	return f->next_sequence - f->acknowledged;
}

/* ---- Acknowledging ---- */

/* Numbers before the newest that are remembered: an ack for the oldest of half of them still has its whole
 * mask. */
#define FRAMING_BEFORE 64

bool framing_is_noted(const struct framing *f, uint32_t sequence)
{
	uint32_t back = f->newest - sequence;

	if (!f->has_received || back > FRAMING_BEFORE)
		return false;
	return back == 0 || (f->received_before >> (back - 1) & 1) != 0;
}

void framing_note(struct framing *f, uint32_t sequence)
{
	uint32_t ahead = sequence - f->newest;
	uint32_t back = f->newest - sequence;

	if (f->has_received && back <= FRAMING_BEFORE) {
		if (back > 0)
			f->received_before |= (uint64_t)1 << (back - 1);
		return;
	}
	/* Far behind or far ahead: the other end counts anew. */
	if (!f->has_received || ahead > FRAMING_BEFORE)
		f->received_before = 0;
	else
		f->received_before = (ahead < FRAMING_BEFORE ? f->received_before << ahead : 0) |
				     (uint64_t)1 << (ahead - 1);
	f->newest = sequence;
	f->has_received = true;
}

uint32_t framing_received_mask(const struct framing *f, uint32_t sequence)
{
	uint32_t mask = 0;

	/* The usual case: one after the newest. */
	if (f->has_received && sequence == f->newest + 1)
		return ((uint32_t)f->received_before << 1 | 1) & ~(1u << (FRAMING_RECENT - 1));
	for (uint32_t back = 1; back < FRAMING_RECENT; back++)
		if (framing_is_noted(f, sequence - back))
			mask |= 1u << (back - 1);
	return mask;
}

/* Acks of one input, written in a row: on a stream they leave in one write. */
struct framing_acks {
	uint8_t bytes[16 * FRAME_ACK_SIZE];
	struct writer w;
};

static void framing_acks_flush(struct peer *p, struct link *l, struct framing_acks *acks)
{
	struct slice copy = arena_copy(peer_arena(p), writer_slice(&acks->w));

	acks->w = writer_of(acks->bytes, sizeof(acks->bytes));
	if (copy.len == 0 || copy.data == NULL || l->is_gone)
		return;
	l->bytes_out += copy.len;
	p->counters.bytes_out += copy.len;
	peer_queue_effect(p, &(struct effect){ .type = EFFECT_SEND,
					       .link = l->id,
					       .parts = { copy },
					       .part_count = 1 });
}

static void framing_acknowledge(struct peer *p, struct link *l, uint32_t sequence,
				struct framing_acks *acks)
{
	struct framing *f = &l->framing;
	struct frame ack = { .type = FRAME_ACK,
			     .sequence = sequence,
			     .received = framing_received_mask(f, sequence) };

	if (acks->w.len + FRAME_ACK_SIZE > sizeof(acks->bytes))
		framing_acks_flush(p, l, acks);
	frame_put(&acks->w, &ack);
	framing_note(f, sequence);
}

/* ---- Receiving ---- */

static void framing_acknowledged(struct peer *p, struct now now, struct link *l,
				 const struct frame *ack)
{
	struct framing *f = &l->framing;
	uint32_t in_flight = f->next_sequence - f->acknowledged;

	if (f->reliability != NULL) {
		reliability_acknowledge(p, now, l, ack);
		return;
	}
	if (ack->sequence - f->acknowledged >= in_flight)
		return; /* known already, or never sent */
	if (!instant_is_never(f->timed_at) && (int32_t)(ack->sequence - f->timed_sequence) >= 0) {
		if (ack->sequence == f->timed_sequence)
			round_trip_add(&f->round_trip, instant_since(now.mono, f->timed_at));
		f->timed_at = INSTANT_NEVER;
	}
	f->acknowledged = ack->sequence + 1;
	f->waiting_since = now.mono;
}

static void framing_frame(struct peer *p, struct now now, struct link *l, const struct frame *f,
			  struct framing_acks *acks)
{
	if (f->type == FRAME_ACK) {
		framing_acknowledged(p, now, l, f);
		return;
	}
	if (l->framing.reliability != NULL && framing_is_noted(&l->framing, f->sequence)) {
		/* The network doubled it; perhaps our ack was lost. */
		framing_acknowledge(p, l, f->sequence, acks);
		return;
	}
	framing_acknowledge(p, l, f->sequence, acks);
	l->messages_in++;
	/* An empty message only asks for its ack. */
	if (f->message.len > 0)
		forwarding_receive(p, now, l, f->message);
}

static void framing_refuse(struct peer *p, struct now now, struct link *l, int err)
{
	p->counters.dropped_malformed++;
	counter_error(&p->counters, err);
	log_warning(p->log, "link.refused_frame", "link=%llu reason=%s", (unsigned long long)l->id,
		    error_name(err));
	link_close(p, now, l, err);
}

/* A message beyond max-message-size: an Error as soon as its forwarding header is there, then the
 * link is closed; without an Error when the header alone is too large (6.6). False: more bytes are
 * needed. */
static bool framing_oversized(struct peer *p, struct now now, struct link *l, struct slice bytes)
{
	struct reader r = reader_of(bytes);
	struct forwarding_header h;

	reader_bytes(&r, FRAME_DATA_HEADER);
	forwarding_header_get(&r, &h);
	if (r.err != 0 && bytes.len < p->configuration->max_message_size)
		return false;
	if (r.err == 0)
		forwarding_refuse(p, now, l, &h, r, ERR_MESSAGE_TOO_LARGE);
	framing_refuse(p, now, l, ERR_MESSAGE_TOO_LARGE);
	return true;
}

static void framing_keep(struct framing *f, struct slice bytes)
{
	struct framing_partial *b = f->partial;
	size_t len = (b == NULL ? 0 : b->len) + bytes.len;

	if (bytes.len == 0)
		return;
	if (b == NULL || len > b->room) {
		size_t room = len + 512;

		b = memory_resize(b, sizeof(*b) + room);
		if (f->partial == NULL)
			*b = (struct framing_partial){ 0 };
		b->room = room;
		f->partial = b;
	}
	memcpy(b->bytes + b->len, bytes.data, bytes.len);
	b->len = len;
}

static void framing_forget(struct framing *f)
{
	free(f->partial);
	f->partial = NULL;
}

static struct slice framing_kept(const struct framing *f)
{
	return f->partial == NULL ? SLICE_EMPTY : slice_of(f->partial->bytes, f->partial->len);
}

/* Bytes still missing from the frame that has begun: as many as its header asks for, or of the
 * header. */
static size_t framing_missing(const struct framing *f, size_t max_message)
{
	struct slice kept = framing_kept(f);
	struct reader r = reader_of(kept);
	size_t whole;

	if (f->is_oversized)
		return max_message;
	if (kept.data[0] == FRAME_ACK)
		return FRAME_ACK_SIZE - kept.len;
	if (kept.len < FRAME_DATA_HEADER)
		return FRAME_DATA_HEADER - kept.len;
	reader_bytes(&r, FRAME_DATA_HEADER - 3);
	whole = FRAME_DATA_HEADER + (size_t)reader_u24(&r);
	return whole > kept.len ? whole - kept.len : 0;
}

/* What frame_cut found at the head of `stream`. Returns the bytes used; 0: stop. */
static size_t framing_cut(struct peer *p, struct now now, struct link *l, struct slice stream,
			  struct framing_acks *acks)
{
	struct frame frame;
	size_t taken = 0;
	int got = frame_cut(stream, p->configuration->max_message_size, &frame, &taken);

	if (got == ERR_MESSAGE_TOO_LARGE) {
		l->framing.is_oversized = true;
		framing_oversized(p, now, l, stream);
		return 0;
	}
	if (got < 0)
		framing_refuse(p, now, l, got);
	if (got <= 0)
		return 0;
	framing_frame(p, now, l, &frame, acks);
	return l->is_gone ? 0 : taken;
}

/* Completes the frame that has begun, if `bytes` suffice, and returns how many of them it took. */
static size_t framing_complete(struct peer *p, struct now now, struct link *l, struct slice bytes,
			       struct framing_acks *acks)
{
	struct framing *f = &l->framing;
	size_t used = 0;

	while (used < bytes.len && f->partial != NULL && !l->is_gone) {
		size_t missing = framing_missing(f, p->configuration->max_message_size);
		size_t take = missing < bytes.len - used ? missing : bytes.len - used;
		struct slice whole;

		framing_keep(f, slice_of(bytes.data + used, take));
		used += take;
		if (f->is_oversized) {
			framing_oversized(p, now, l, framing_kept(f));
			continue;
		}
		if (take < missing)
			break;
		/* The message may be passed on from these bytes, which must outlive the buffer. */
		whole = arena_copy(peer_arena(p), framing_kept(f));
		if (whole.data == NULL) {
			p->counters.dropped_limit++;
			framing_forget(f);
		} else if (framing_cut(p, now, l, whole, acks) > 0) {
			framing_forget(f);
		}
	}
	return used;
}

static void framing_stream(struct peer *p, struct now now, struct link *l, struct slice bytes)
{
	struct framing_acks acks;
	size_t at;

	acks.w = writer_of(acks.bytes, sizeof(acks.bytes));
	at = framing_complete(p, now, l, bytes, &acks);
	while (at < bytes.len && !l->is_gone) {
		struct slice rest = slice_of(bytes.data + at, bytes.len - at);
		size_t used = framing_cut(p, now, l, rest, &acks);

		if (used == 0) {
			if (!l->is_gone)
				framing_keep(&l->framing, rest);
			break;
		}
		at += used;
	}
	framing_acks_flush(p, l, &acks);
}

static void framing_datagram(struct peer *p, struct now now, struct link *l, struct slice bytes)
{
	struct reader r = reader_of(bytes);
	struct framing_acks acks;
	struct frame frame;
	int err;

	acks.w = writer_of(acks.bytes, sizeof(acks.bytes));
	frame_get(&r, &frame);
	err = reader_finish(&r);
	if (err == 0 && frame.message.len > p->configuration->max_message_size)
		err = ERR_MESSAGE_TOO_LARGE;
	if (err != 0) {
		/* Anything can come in a datagram: no reason to lose the link. */
		p->counters.dropped_malformed++;
		counter_error(&p->counters, err);
		return;
	}
	framing_frame(p, now, l, &frame, &acks);
	framing_acks_flush(p, l, &acks);
}

void framing_receive(struct peer *p, struct now now, struct link *l, struct slice bytes)
{
	struct framing *f = &l->framing;

	f->last_received = now.mono;
	f->waiting_since = now.mono;
	l->bytes_in += bytes.len;
	p->counters.bytes_in += bytes.len;
	if (l->state == LINK_SUSPECT)
		link_recover(p, now, l);
	if (f->reliability != NULL)
		framing_datagram(p, now, l, bytes);
	else
		framing_stream(p, now, l, bytes);
}

/* ---- Sending ---- */

/* A data frame on a stream: frame header and forwarding header in the arena, the tail borrowed. */
static int framing_send_stream(struct peer *p, struct now now, struct link *l,
			       const struct forwarding_header *h, struct slice tail)
{
	struct framing *f = &l->framing;
	size_t header_len = h == NULL ? 0 : forwarding_header_size(h);
	size_t head_len = FRAME_DATA_HEADER + header_len;
	uint8_t *head = arena_alloc(peer_arena(p), head_len);
	struct writer w = writer_of(head, head == NULL ? 0 : head_len);

	frame_data_header_put(&w, f->next_sequence, header_len + tail.len);
	if (h != NULL)
		forwarding_header_put(&w, h);
	if (w.err != 0)
		return w.err;
	if (framing_unacknowledged(f) == 0)
		f->waiting_since = now.mono;
	if (instant_is_never(f->timed_at)) {
		f->timed_at = now.mono;
		f->timed_sequence = f->next_sequence;
	}
	f->next_sequence++;
	peer_queue_effect(p, &(struct effect){ .type = EFFECT_SEND,
					       .link = l->id,
					       .parts = { writer_slice(&w), tail },
					       .part_count = tail.len > 0 ? 2 : 1 });
	l->bytes_out += head_len + tail.len;
	p->counters.bytes_out += head_len + tail.len;
	link_wake(p, framing_deadline(l));
	return 0;
}

int framing_send(struct peer *p, struct now now, struct link *l, struct forwarding_header *h,
		 struct slice tail)
{
	size_t len = forwarding_header_size(h) + tail.len;
	int err;

	if (len > p->configuration->max_message_size)
		return ERR_MESSAGE_TOO_LARGE;
	h->length = (uint32_t)len;
	if (l->framing.reliability == NULL)
		err = framing_send_stream(p, now, l, h, tail);
	else if (FRAME_DATA_HEADER + len <= p->datagram_mtu)
		err = reliability_send(p, now, l, h, tail);
	else
		err = fragment_send(p, now, l, h, tail);
	if (err != 0)
		return err;
	l->messages_out++;
	l->last_used = now.mono;
	return 0;
}

/* ---- Time ---- */

/* When a stream whose frames stay unacknowledged becomes suspect. */
static struct instant framing_suspect_at(const struct framing *f)
{
	uint64_t us = round_trip_timeout(&f->round_trip).us * FRAMING_SUSPECT_RTOS;

	if (us < FRAMING_SUSPECT_MIN_MS * 1000)
		us = FRAMING_SUSPECT_MIN_MS * 1000;
	if (us > FRAMING_SUSPECT_MAX_MS * 1000)
		us = FRAMING_SUSPECT_MAX_MS * 1000;
	return instant_add(f->waiting_since, duration_us(us));
}

static uint64_t framing_keepalive_ms(const struct link *l)
{
	if (l->close_watch || l->state == LINK_SUSPECT || framing_unacknowledged(&l->framing) > 0)
		return FRAMING_KEEPALIVE_MS;
	return FRAMING_KEEPALIVE_FAR_MS;
}

static struct instant framing_keepalive_at(const struct link *l)
{
	const struct framing *f = &l->framing;
	struct instant from = instant_before(f->last_received, f->keepalive_sent)
				      ? f->keepalive_sent
				      : f->last_received;
	uint64_t ms = framing_keepalive_ms(l);

	return instant_add(from, duration_ms(l->outgoing ? ms : ms + ms / 5));
}

/* When links are looked at anyway, those that would be asked soon are asked at once: questions that leave together
 * cost one awakening. Not by the end that hopes to be asked. */
bool framing_is_due_early(const struct link *l, struct instant now)
{
	uint64_t early_ms = l->outgoing ? framing_keepalive_ms(l) / 5 : 0;

	return l->state != LINK_OPENING && l->purpose == LINK_OVERLAY &&
	       instant_due(framing_keepalive_at(l), instant_add(now, duration_ms(early_ms)));
}

struct instant framing_deadline(const struct link *l)
{
	const struct framing *f = &l->framing;
	struct instant at = framing_keepalive_at(l);

	if (f->reliability != NULL)
		return instant_min(at, reliability_deadline(l));
	if (framing_unacknowledged(f) == 0)
		return at;
	if (l->state == LINK_SUSPECT)
		return instant_min(at, instant_add(f->waiting_since, duration_s(FRAMING_DEAD_S)));
	return instant_min(at, framing_suspect_at(f));
}

static void framing_keepalive(struct peer *p, struct now now, struct link *l)
{
	l->framing.keepalive_sent = now.mono;
	if (l->framing.reliability != NULL)
		reliability_send_empty(p, now, l);
	else if (framing_send_stream(p, now, l, NULL, SLICE_EMPTY) != 0)
		p->counters.dropped_limit++;
}

void framing_expire(struct peer *p, struct now now, struct link *l)
{
	struct framing *f = &l->framing;

	if (f->reliability != NULL) {
		reliability_expire(p, now, l);
	} else if (framing_unacknowledged(f) > 0) {
		/* What came meanwhile has not been read yet: the other end gets its time again. */
		if (l->state != LINK_SUSPECT &&
		    instant_since(now.mono, framing_suspect_at(f)).us > FRAMING_LATE_MS * 1000)
			f->waiting_since = now.mono;
		if (instant_due(instant_add(f->waiting_since, duration_s(FRAMING_DEAD_S)),
				now.mono))
			link_close(p, now, l, ERR_LINK);
		else if (instant_due(framing_suspect_at(f), now.mono))
			link_suspect(p, now, l);
	}
	if (!l->is_gone && framing_is_due_early(l, now.mono))
		framing_keepalive(p, now, l);
}

void peer_receive(struct peer *p, struct now now, link_id link, struct slice bytes)
{
	struct link *l = link_of_id(p, link);

	if (l == NULL || l->state == LINK_OPENING || l->purpose != LINK_OVERLAY || bytes.len == 0)
		return;
	framing_receive(p, now, l, bytes);
	transport_run_local(p, now);
}
