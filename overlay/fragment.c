/* SPDX-License-Identifier: MIT */
/* Splitting for datagram links, and the holding buffer at the destination. */
#include "overlay/fragment.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/base/map.h"
#include "overlay/link_table.h"
#include "overlay/peer_state.h"
#include "overlay/reliability.h"
#include "overlay/transport.h"

struct fragment_range {
	size_t from;
	size_t to;
};

/* A message being put together. */
struct fragment_message {
	uint64_t key[2];   /* link, transaction id */
	struct instant at; /* its first fragment came */
	uint8_t *body;     /* owned */
	size_t room;
	size_t total;                                      /* 0: the last fragment has not come */
	struct fragment_range ranges[FRAGMENT_RANGES_MAX]; /* sorted, apart from each other */
	size_t range_count;
};

struct fragment_table {
	struct peer *peer;
	struct map *messages; /* key -> struct fragment_message, owned; in order of age */
	struct timer timer;
};

void fragment_table_new(struct peer *p)
{
	p->fragments = memory_alloc(sizeof(*p->fragments));
	p->fragments->peer = p;
	p->fragments->messages = map_new(prng_next(&p->prng));
}

static void fragment_message_free(struct fragment_message *m)
{
	free(m->body);
	free(m);
}

void fragment_table_free(struct peer *p)
{
	size_t cursor = 0;
	void *m;

	while (map_next(p->fragments->messages, &cursor, NULL, &m))
		fragment_message_free(m);
	map_free(p->fragments->messages);
	timer_disarm(&p->timers, &p->fragments->timer);
	free(p->fragments);
}

/* ---- Splitting ---- */

size_t fragment_piece(size_t header_len, size_t body_len, size_t room)
{
	size_t largest, pieces, piece;

	if (header_len >= room)
		return 0;
	largest = room - header_len;
	pieces = (body_len + largest - 1) / largest;
	if (pieces < 2)
		return 0;
	piece = (body_len + pieces - 1) / pieces;
	/* The last piece is the smallest. */
	if (piece < FRAGMENT_BODY_MIN || body_len - (pieces - 1) * piece < FRAGMENT_BODY_MIN)
		return 0;
	return piece;
}

int fragment_send(struct peer *p, struct now now, struct link *l, const struct forwarding_header *h,
		  struct slice tail)
{
	size_t header_len = forwarding_header_size(h);
	size_t frame_room = p->datagram_mtu - FRAME_DATA_HEADER;
	size_t room = frame_room > FRAGMENT_GROWTH ? frame_room - FRAGMENT_GROWTH : 0;
	size_t piece = fragment_piece(header_len, tail.len, room);
	uint32_t offset = h->fragment & FRAGMENT_OFFSET;

	if (piece == 0 || tail.len + offset > FRAGMENT_OFFSET)
		return reliability_send(p, now, l, h, tail);
	for (size_t at = 0; at < tail.len; at += piece) {
		size_t len = tail.len - at < piece ? tail.len - at : piece;
		bool is_end = at + len == tail.len;
		struct forwarding_header part = *h;
		int err;

		part.fragment = FRAGMENT_ALWAYS | (offset + (uint32_t)at);
		if (is_end)
			part.fragment |= h->fragment & FRAGMENT_LAST;
		part.length = (uint32_t)(header_len + len);
		err = reliability_send(p, now, l, &part, slice_of(tail.data + at, len));
		if (err != 0)
			return err;
	}
	return 0;
}

/* ---- Putting together ---- */

static void fragment_sweep(void *ctx, struct now now)
{
	struct fragment_table *t = ctx;
	struct slice key;
	size_t cursor = 0;
	void *at;

	while (map_next(t->messages, &cursor, &key, &at)) {
		struct fragment_message *m = at;
		struct instant end = instant_add(m->at, transport_lifetime(t->peer));

		if (!instant_due(end, now.mono)) {
			timer_arm(&t->peer->timers, &t->timer, end, fragment_sweep, t);
			return;
		}
		t->peer->counters.dropped_fragment++;
		map_remove(t->messages, slice_of(m->key, sizeof(m->key)));
		fragment_message_free(m);
	}
}

/* Bytes held for a link. */
static size_t fragment_link_bytes(const struct fragment_table *t, link_id link)
{
	size_t cursor = 0;
	size_t bytes = 0;
	void *at;

	while (map_next(t->messages, &cursor, NULL, &at)) {
		const struct fragment_message *m = at;

		if (m->key[0] == link)
			bytes += m->room;
	}
	return bytes;
}

/* Room for `need` bytes of the body, within the limits. */
static bool fragment_room(struct peer *p, struct fragment_message *m, size_t need)
{
	if (need <= m->room)
		return true;
	if (need > p->configuration->max_message_size ||
	    fragment_link_bytes(p->fragments, m->key[0]) + need - m->room > FRAGMENT_LINK_BYTES_MAX)
		return false;
	m->body = memory_resize(m->body, need);
	m->room = need;
	return true;
}

/* Notes that [from, to) is there. False: too many separate runs. */
static bool fragment_note(struct fragment_message *m, size_t from, size_t to)
{
	size_t first = 0;
	size_t last;

	while (first < m->range_count && m->ranges[first].to < from)
		first++;
	for (last = first; last < m->range_count && m->ranges[last].from <= to; last++) {
		from = m->ranges[last].from < from ? m->ranges[last].from : from;
		to = m->ranges[last].to > to ? m->ranges[last].to : to;
	}
	if (last == first && m->range_count == FRAGMENT_RANGES_MAX)
		return false;
	memmove(&m->ranges[first + 1], &m->ranges[last],
		(m->range_count - last) * sizeof(m->ranges[0]));
	m->range_count = m->range_count - (last - first) + 1;
	m->ranges[first] = (struct fragment_range){ from, to };
	return true;
}

static struct fragment_message *fragment_find(struct peer *p, struct now now, link_id link,
					      uint64_t transaction_id)
{
	struct fragment_table *t = p->fragments;
	const uint64_t key[2] = { link, transaction_id };
	struct fragment_message *m = map_find(t->messages, slice_of(key, sizeof(key)));

	if (m != NULL || map_count(t->messages) >= FRAGMENT_MESSAGES_MAX)
		return m;
	m = memory_alloc(sizeof(*m));
	memcpy(m->key, key, sizeof(key));
	m->at = now.mono;
	map_put(t->messages, slice_of(m->key, sizeof(m->key)), m);
	if (!timer_is_armed(&t->timer))
		timer_arm(&p->timers, &t->timer,
			  instant_add(now.mono, transport_lifetime(p)), fragment_sweep, t);
	return m;
}

/* Header and body in one piece, as if it had never been cut. */
static int fragment_whole(struct peer *p, const struct forwarding_header *h,
			  const struct fragment_message *m, struct slice *whole)
{
	struct forwarding_header header = *h;
	size_t len = forwarding_header_size(h) + m->total;
	uint8_t *bytes = arena_alloc(peer_arena(p), len);
	struct writer w = writer_of(bytes, bytes == NULL ? 0 : len);

	header.fragment = FRAGMENT_WHOLE;
	header.length = (uint32_t)len;
	forwarding_header_put(&w, &header);
	writer_bytes(&w, slice_of(m->body, m->total));
	*whole = writer_slice(&w);
	return w.err != 0 ? ERR_LIMIT : 1;
}

int fragment_add(struct peer *p, struct now now, link_id link, const struct forwarding_header *h,
		 struct slice body, struct slice *whole)
{
	size_t from = h->fragment & FRAGMENT_OFFSET;
	size_t to = from + body.len;
	struct fragment_message *m = fragment_find(p, now, link, h->transaction_id);
	bool is_last = (h->fragment & FRAGMENT_LAST) != 0;
	int err = 0;

	if (m == NULL)
		return ERR_LIMIT;
	if (body.len == 0 || (m->total != 0 && (to > m->total || (is_last && to != m->total))) ||
	    (is_last && m->range_count > 0 && to < m->ranges[m->range_count - 1].to))
		err = ERR_MALFORMED;
	else if (!fragment_room(p, m, to) || !fragment_note(m, from, to))
		err = ERR_LIMIT;
	if (err == 0) {
		memcpy(m->body + from, body.data, body.len);
		if (is_last)
			m->total = to;
		if (m->total == 0 || m->ranges[0].from != 0 || m->ranges[0].to != m->total)
			return 0;
		err = fragment_whole(p, h, m, whole);
	}
	/* Complete, or spoilt: either way it is not held any longer. */
	map_remove(p->fragments->messages, slice_of(m->key, sizeof(m->key)));
	fragment_message_free(m);
	return err;
}
