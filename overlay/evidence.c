/* SPDX-License-Identifier: MIT */
/* Evidence about next hops and about how lookups fare. All in whole numbers: what is chosen must not depend on a
 * compiler's floating point. */
#include "overlay/evidence.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/peer_state.h"

#define EVIDENCE_WAIT_US 5000000ull     /* a Store waits 3 s for its replicas */
#define EVIDENCE_WAIT_FULL_US 500000ull /* when the table of requests is full */
#define EVIDENCE_HALF_LIFE_US 600000000ull
#define EVIDENCE_UNIT 1000u             /* one event */
#define EVIDENCE_FORGETTING 995u        /* per thousand */
#define EVIDENCE_MARGIN 200000u         /* ppm: so much more is clearly more */
#define EVIDENCE_CAUGHT 8               /* events that a proof is worth */
#define EVIDENCE_DOUBT 450000u          /* ppm: trusted less, somebody else is looked for */
#define EVIDENCE_TROUBLE 10000u         /* ppm of lookups */
#define EVIDENCE_CALM 50                /* lookups */
#define EVIDENCE_PATIENCE_MIN_MS 300
#define EVIDENCE_PATIENCE_MAX_MS 2000
#define EVIDENCE_PATIENCE_FIRST_MS 1000

/* Good and bad events, in thousandths. */
struct evidence_score {
	struct node_id node;
	uint32_t good;
	uint32_t bad;
	struct instant latest;
};

/* A request whose answer has not passed yet. */
struct evidence_pending {
	struct node_id hop;
	struct instant sent;
};

struct evidence {
	struct evidence_score *scores; /* owned; ascending by node */
	size_t score_count;
	size_t score_room;
	/* A ring buffer in order of sending; ids apart, to be searched fast. id 0: answered. */
	uint64_t *ids;                     /* owned */
	struct evidence_pending *pendings; /* owned */
	size_t pending_room;               /* a power of two */
	uint64_t first, end;               /* positions, growing without end */
	struct evidence_score lookups;
	struct duration round_trip; /* smoothed as in RFC 6298; 0: not known */
	struct instant now_hint; /* of the latest event, for questions that carry no time */
};

void evidence_new(struct peer *p)
{
	p->evidence = memory_alloc(sizeof(*p->evidence));
}

void evidence_free(struct peer *p)
{
	free(p->evidence->scores);
	free(p->evidence->ids);
	free(p->evidence->pendings);
	free(p->evidence);
}

bool evidence_counts(enum method method, struct slice destinations)
{
	struct destination first;
	struct slice rest;

	if (method != METHOD_FETCH && method != METHOD_STORE && method != METHOD_STAT && method != METHOD_FIND)
		return false;
	return destination_list_first(destinations, &first, &rest) == 0 && first.type == DESTINATION_RESOURCE;
}

/* ---- Scores ---- */

static size_t evidence_place(const struct evidence *e, const struct node_id *node)
{
	size_t low = 0;
	size_t high = e->score_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (node_id_compare(&e->scores[middle].node, node) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct evidence_score *evidence_find(const struct evidence *e, const struct node_id *node)
{
	size_t place = evidence_place(e, node);

	if (place < e->score_count && node_id_equal(&e->scores[place].node, node))
		return &e->scores[place];
	return NULL;
}

static void evidence_drop_oldest(struct evidence *e)
{
	size_t oldest = 0;

	for (size_t i = 1; i < e->score_count; i++)
		if (instant_before(e->scores[i].latest, e->scores[oldest].latest))
			oldest = i;
	e->score_count--;
	memmove(&e->scores[oldest], &e->scores[oldest + 1], (e->score_count - oldest) * sizeof(*e->scores));
}

static struct evidence_score *evidence_add(struct evidence *e, const struct node_id *node)
{
	struct evidence_score *known = evidence_find(e, node);
	size_t place;

	if (known != NULL)
		return known;
	if (e->score_count == EVIDENCE_NODES_MAX)
		evidence_drop_oldest(e);
	if (e->score_count == e->score_room) {
		e->score_room = e->score_room == 0 ? 8 : 2 * e->score_room;
		e->scores = memory_resize(e->scores, e->score_room * sizeof(*e->scores));
	}
	place = evidence_place(e, node);
	memmove(&e->scores[place + 1], &e->scores[place], (e->score_count - place) * sizeof(*e->scores));
	e->score_count++;
	e->scores[place] = (struct evidence_score){ .node = *node };
	return &e->scores[place];
}

/* What is left of `events` after so long. */
static uint32_t evidence_faded(uint32_t events, struct instant latest, struct instant now)
{
	uint64_t halvings = instant_since(now, latest).us / EVIDENCE_HALF_LIFE_US;

	return halvings > 31 ? 0 : events >> halvings;
}

static void evidence_count(struct evidence_score *s, struct instant now, bool good)
{
	uint32_t r = evidence_faded(s->good, s->latest, now) * EVIDENCE_FORGETTING / 1000;
	uint32_t b = evidence_faded(s->bad, s->latest, now) * EVIDENCE_FORGETTING / 1000;

	s->good = good ? r + EVIDENCE_UNIT : r;
	s->bad = good ? b : b + EVIDENCE_UNIT;
	s->latest = now;
}

static uint32_t evidence_expectation(const struct evidence_score *s, struct instant now)
{
	uint64_t r = evidence_faded(s->good, s->latest, now);
	uint64_t b = evidence_faded(s->bad, s->latest, now);

	return (uint32_t)((r + EVIDENCE_UNIT) * EVIDENCE_PPM / (r + b + 2 * EVIDENCE_UNIT));
}

void evidence_note(struct peer *p, struct now now, const struct node_id *node, bool good)
{
	struct evidence *e = p->evidence;

	e->now_hint = now.mono;
	if (!node_id_is_zero(node) && !node_id_equal(node, &p->node_id))
		evidence_count(evidence_add(e, node), now.mono, good);
}

void evidence_caught(struct peer *p, struct now now, const struct node_id *hop)
{
	for (unsigned i = 0; i < EVIDENCE_CAUGHT; i++)
		evidence_note(p, now, hop, false);
}

uint32_t evidence_trust(const struct peer *p, const struct node_id *node)
{
	const struct evidence *e = p->evidence;
	const struct evidence_score *s = evidence_find(e, node);

	return s == NULL ? EVIDENCE_PPM / 2 : evidence_expectation(s, e->now_hint);
}

size_t evidence_choose(const struct peer *p, const struct node_id *hops, size_t count)
{
	size_t best = 0;
	uint32_t highest;

	if (count < 2 || p->evidence->score_count == 0)
		return 0;
	/* Nothing is known against it: others may be known better, but they are farther. */
	highest = evidence_trust(p, &hops[0]);
	if (highest >= EVIDENCE_DOUBT)
		return 0;
	highest += EVIDENCE_MARGIN;
	for (size_t i = 1; i < count; i++) {
		uint32_t trust = evidence_trust(p, &hops[i]);

		if (trust <= highest)
			continue;
		best = i;
		highest = trust;
	}
	return best;
}

/* ---- Requests on their way ---- */

static size_t evidence_slot(const struct evidence *e, uint64_t position)
{
	return position & (e->pending_room - 1);
}

/* Those that waited in vain. */
static void evidence_expire(struct peer *p, struct now now, uint64_t wait_us)
{
	struct evidence *e = p->evidence;

	for (; e->first < e->end; e->first++) {
		size_t slot = evidence_slot(e, e->first);

		if (e->ids[slot] == 0)
			continue;
		if (instant_since(now.mono, e->pendings[slot].sent).us < wait_us)
			return;
		evidence_note(p, now, &e->pendings[slot].hop, false);
	}
}

static void evidence_grow(struct evidence *e)
{
	size_t room = e->pending_room == 0 ? 16 : 2 * e->pending_room;
	uint64_t *ids = memory_alloc(room * sizeof(*ids));
	struct evidence_pending *pendings = memory_alloc(room * sizeof(*pendings));

	for (uint64_t at = e->first; at < e->end; at++) {
		ids[at & (room - 1)] = e->ids[evidence_slot(e, at)];
		pendings[at & (room - 1)] = e->pendings[evidence_slot(e, at)];
	}
	free(e->ids);
	free(e->pendings);
	e->ids = ids;
	e->pendings = pendings;
	e->pending_room = room;
}

void evidence_sent(struct peer *p, struct now now, uint64_t transaction_id, const struct node_id *hop)
{
	struct evidence *e = p->evidence;
	size_t slot;

	e->now_hint = now.mono;
	evidence_expire(p, now, EVIDENCE_WAIT_US);
	if (e->end - e->first == e->pending_room && e->pending_room < EVIDENCE_PENDING_MAX)
		evidence_grow(e);
	if (e->end - e->first == e->pending_room)
		evidence_expire(p, now, EVIDENCE_WAIT_FULL_US);
	if (e->end - e->first == e->pending_room)
		e->first++; /* too much passes here to wait for all of it */
	slot = evidence_slot(e, e->end++);
	e->ids[slot] = transaction_id;
	e->pendings[slot] = (struct evidence_pending){ *hop, now.mono };
}

void evidence_answered(struct peer *p, struct now now, uint64_t transaction_id, const struct node_id *hop)
{
	struct evidence *e = p->evidence;

	e->now_hint = now.mono;
	for (uint64_t at = e->end; transaction_id != 0 && at > e->first; at--) {
		size_t slot = evidence_slot(e, at - 1);

		if (e->ids[slot] != transaction_id || !node_id_equal(&e->pendings[slot].hop, hop))
			continue;
		e->ids[slot] = 0;
		evidence_note(p, now, hop, true);
		return;
	}
}

/* ---- Lookups ---- */

void evidence_lookup(struct peer *p, struct now now, bool good)
{
	evidence_count(&p->evidence->lookups, now.mono, good);
}

bool evidence_is_calm(const struct peer *p)
{
	const struct evidence_score *s = &p->evidence->lookups;
	uint64_t good = evidence_faded(s->good, s->latest, p->evidence->now_hint);
	uint64_t bad = evidence_faded(s->bad, s->latest, p->evidence->now_hint);

	return good >= EVIDENCE_CALM * EVIDENCE_UNIT && bad * EVIDENCE_PPM <= (good + bad) * EVIDENCE_TROUBLE;
}

void evidence_round_trip(struct peer *p, struct duration measured)
{
	struct duration *smoothed = &p->evidence->round_trip;

	smoothed->us = smoothed->us == 0 ? measured.us : (7 * smoothed->us + measured.us) / 8;
}

struct duration evidence_patience(const struct peer *p)
{
	uint64_t ms = 4 * p->evidence->round_trip.us / 1000;

	if (p->evidence->round_trip.us == 0)
		ms = EVIDENCE_PATIENCE_FIRST_MS;
	else if (ms < EVIDENCE_PATIENCE_MIN_MS)
		ms = EVIDENCE_PATIENCE_MIN_MS;
	return duration_ms(ms < EVIDENCE_PATIENCE_MAX_MS ? ms : EVIDENCE_PATIENCE_MAX_MS);
}
