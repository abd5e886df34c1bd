/* SPDX-License-Identifier: MIT */
/* Ring order and consistency. Peers that do not answer or are not (yet) on the ring are listed but take no part
 * in who follows whom. */
#include "tools/ctl_ring.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"

/* Rounding of a Probe's parts per 10^9, on both ends of a range. */
#define SHARE_SLACK_PPB 2

void ring_init(struct ring *r)
{
	memset(r, 0, sizeof(*r));
}

void ring_free(struct ring *r)
{
	free(r->peers);
	ring_init(r);
}

struct ring_peer *ring_add(struct ring *r)
{
	if (r->count == r->room) {
		r->room = r->room == 0 ? 16 : r->room * 2;
		r->peers = memory_resize(r->peers, r->room * sizeof(*r->peers));
	}
	memset(&r->peers[r->count], 0, sizeof(*r->peers));
	return &r->peers[r->count++];
}

static int peer_compare(const void *a, const void *b)
{
	return node_id_compare(&((const struct ring_peer *)a)->id, &((const struct ring_peer *)b)->id);
}

void ring_sort(struct ring *r)
{
	if (r->count > 1)
		qsort(r->peers, r->count, sizeof(*r->peers), peer_compare);
}

const char *ring_finding_name(enum ring_finding_type type)
{
	switch (type) {
	case RING_GAP:
		return "gap";
	case RING_OVERLAP:
		return "overlap";
	case RING_DISAGREEMENT:
		return "disagreement";
	case RING_DUPLICATE:
		return "duplicate";
	case RING_UNREACHABLE:
		return "unreachable";
	}
	return "unknown";
}

const char *ring_short(const struct node_id *id, char *out)
{
	char text[NODE_ID_TEXT_SIZE];

	node_id_text(id, text);
	memcpy(out, text, 8);
	out[8] = '\0';
	return out;
}

/* Where findings go: as many as fit, all counted. */
struct check {
	const struct ring *ring;
	struct ring_finding *findings;
	size_t max;
	size_t count;
};

__attribute__((format(printf, 4, 5)))
static void check_note(struct check *c, enum ring_finding_type type, size_t place, const char *format, ...)
{
	va_list args;

	if (c->count < c->max) {
		struct ring_finding *f = &c->findings[c->count];

		f->type = type;
		f->place = place;
		va_start(args, format);
		vsnprintf(f->text, sizeof(f->text), format, args);
		va_end(args);
	}
	c->count++;
}

/* The nearest other peer before or after that answers; `place` itself when it is alone. */
static size_t answering_neighbor(const struct ring *r, size_t place, bool forward)
{
	size_t i = place;

	do {
		i = forward ? (i + 1) % r->count : (i + r->count - 1) % r->count;
	} while (i != place &&
		 (r->peers[i].unreachable || r->peers[i].outside ||
		  node_id_equal(&r->peers[i].id, &r->peers[place].id)));
	return i;
}

/* Responsibility is (predecessor, own Node-ID] (RFC 6940 10.1): compare what the peer takes for its
 * predecessor with the peer that really stands before it. */
static void check_predecessor(struct check *c, size_t place)
{
	const struct ring_peer *p = &c->ring->peers[place];
	const struct ring_peer *before = &c->ring->peers[answering_neighbor(c->ring, place, false)];
	char self[RING_SHORT_SIZE], has[RING_SHORT_SIZE], real[RING_SHORT_SIZE];

	if (node_id_equal(&p->predecessor, &before->id))
		return;
	ring_short(&p->id, self);
	ring_short(&p->predecessor, has);
	ring_short(&before->id, real);
	if (before == p)
		check_note(c, RING_DISAGREEMENT, place,
			   "%s is alone on the ring but takes %s for its predecessor: that peer left or "
			   "is cut off; it is dropped when its link fails", self, has);
	else if (node_id_between(&p->predecessor, &before->id, &p->id))
		check_note(c, RING_GAP, place,
			   "nobody found answers for %s..%s: %s takes %s for its predecessor, but the walk "
			   "found %s before it; records in between are not found until it stabilizes",
			   real, has, self, has, real);
	else
		check_note(c, RING_OVERLAP, place,
			   "%s and %s both answer for %s..%s: %s still takes %s for its predecessor; "
			   "requests may reach either until it stabilizes", self, real, has, real, self, has);
}

static void check_successor(struct check *c, size_t place)
{
	const struct ring_peer *p = &c->ring->peers[place];
	const struct ring_peer *after = &c->ring->peers[answering_neighbor(c->ring, place, true)];
	char self[RING_SHORT_SIZE], has[RING_SHORT_SIZE], real[RING_SHORT_SIZE];

	if (node_id_equal(&p->successor, &after->id))
		return;
	ring_short(&p->id, self);
	ring_short(&p->successor, has);
	ring_short(&after->id, real);
	check_note(c, RING_DISAGREEMENT, place,
		   "%s takes %s for its successor, but %s comes next: %s", self, has, real,
		   node_id_between(&p->successor, &p->id, &after->id) ?
			   "it knows a peer the walk did not find, or one that is gone" :
			   "it has not yet learned of the peer between them");
}

/* Used when the peer did not name its predecessor: the share it claims against the room it has. */
static void check_share(struct check *c, size_t place)
{
	const struct ring_peer *p = &c->ring->peers[place];
	const struct ring_peer *before = &c->ring->peers[answering_neighbor(c->ring, place, false)];
	uint32_t room = node_id_share_ppb(&before->id, &p->id);
	char self[RING_SHORT_SIZE], real[RING_SHORT_SIZE];

	ring_short(&p->id, self);
	ring_short(&before->id, real);
	if (p->share_ppb + SHARE_SLACK_PPB < room)
		check_note(c, RING_GAP, place,
			   "%s answers for %.4f %% of the ring but %.4f %% lies between %s and it: records "
			   "in the rest are not found until it stabilizes", self, (double)p->share_ppb / 1e7,
			   (double)room / 1e7, real);
	else if (p->share_ppb > room + SHARE_SLACK_PPB)
		check_note(c, RING_OVERLAP, place,
			   "%s answers for %.4f %% of the ring but only %.4f %% lies between %s and it: it has "
			   "not yet learned of %s", self, (double)p->share_ppb / 1e7, (double)room / 1e7, real,
			   real);
}

size_t ring_check(const struct ring *r, struct ring_finding *findings, size_t max)
{
	struct check c = { .ring = r, .findings = findings, .max = max };
	char id[RING_SHORT_SIZE];

	for (size_t i = 0; i < r->count; i++) {
		const struct ring_peer *p = &r->peers[i];

		if (i > 0 && node_id_equal(&p->id, &r->peers[i - 1].id)) {
			check_note(&c, RING_DUPLICATE, i,
				   "Node-ID %s is used by two nodes (%s and %s): one of them runs with a "
				   "copied identity; stop one and enroll it again",
				   ring_short(&p->id, id), r->peers[i - 1].address, p->address);
			continue;
		}
		if (p->unreachable) {
			check_note(&c, RING_UNREACHABLE, i,
				   "%s is named by a neighbor but does not answer: it crashed or is cut off; "
				   "its neighbors drop it when its link fails", ring_short(&p->id, id));
			continue;
		}
		if (p->outside)
			continue;
		if (p->has_predecessor)
			check_predecessor(&c, i);
		else if (p->has_share)
			check_share(&c, i);
		if (p->has_successor)
			check_successor(&c, i);
	}
	return c.count;
}
