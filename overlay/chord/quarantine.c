/* SPDX-License-Identifier: MIT */
/* Nodes just found dead, gone or not answering: they are not believed in again for a while, whoever names them,
 * because an old Update may still be on its way. Without end it must not be: after a cut they are back. */
#include <stdlib.h>

#include "overlay/chord/chord_state.h"

static struct chord_quarantine *quarantine_find(const struct chord *c, const struct node_id *id)
{
	for (size_t i = 0; i < c->quarantine_count; i++)
		if (node_id_equal(&c->quarantine[i].id, id))
			return &c->quarantine[i];
	return NULL;
}

/* For how long after the end a failure is remembered, so that the next one counts as one in a row. */
static bool quarantine_is_past(const struct chord_quarantine *q, struct now now)
{
	uint64_t ms = (uint64_t)CHORD_QUARANTINE_MS << CHORD_QUARANTINE_DOUBLINGS;

	return instant_due(instant_add(q->until, duration_ms(ms)), now.mono);
}

static void quarantine_drop(struct chord *c, size_t i)
{
	c->quarantine[i] = c->quarantine[--c->quarantine_count];
	if (c->quarantine_count > 0)
		return;
	free(c->quarantine);
	c->quarantine = NULL;
}

static void quarantine_sweep(struct chord *c, struct now now)
{
	size_t first = 0;

	for (size_t i = c->quarantine_count; i-- > 0;)
		if (quarantine_is_past(&c->quarantine[i], now))
			quarantine_drop(c, i);
	if (c->quarantine_count < CHORD_QUARANTINE_MAX)
		return;
	for (size_t i = 1; i < c->quarantine_count; i++)
		if (instant_before(c->quarantine[i].until, c->quarantine[first].until))
			first = i;
	quarantine_drop(c, first);
}

void quarantine_add(struct chord *c, struct now now, const struct node_id *id)
{
	struct chord_quarantine *q;
	unsigned doublings;

	q = quarantine_find(c, id);
	if (q == NULL || quarantine_is_past(q, now)) {
		quarantine_sweep(c, now);
		q = NULL;
	}
	if (q == NULL) {
		c->quarantine = memory_resize(c->quarantine,
					      (c->quarantine_count + 1) * sizeof(*c->quarantine));
		q = &c->quarantine[c->quarantine_count++];
		*q = (struct chord_quarantine){ .id = *id };
	} else if (!instant_due(q->until, now.mono)) {
		/* The same failure, seen once more. */
		return;
	}
	doublings = q->failures < CHORD_QUARANTINE_DOUBLINGS ? q->failures : CHORD_QUARANTINE_DOUBLINGS;
	if (q->failures < CHORD_QUARANTINE_DOUBLINGS)
		q->failures++;
	q->until = instant_add(now.mono, duration_ms((uint64_t)CHORD_QUARANTINE_MS << doublings));
}

static void quarantine_over(void *ctx, struct now now);

/* At the end of the first that is missed. */
static void quarantine_arm(struct chord *c)
{
	struct instant first = INSTANT_NEVER;

	for (size_t i = 0; i < c->quarantine_count; i++)
		if (c->quarantine[i].is_missed)
			first = instant_min(first, c->quarantine[i].until);
	if (!instant_is_never(first))
		timer_arm(peer_timers(c->peer), &c->quarantine_timer, first, quarantine_over, c);
}

static void quarantine_over(void *ctx, struct now now)
{
	struct chord *c = ctx;
	bool is_wanted = false;

	c->now_hint = now.mono;
	for (size_t i = 0; i < c->quarantine_count; i++) {
		struct chord_quarantine *q = &c->quarantine[i];

		if (!q->is_missed || !instant_due(q->until, now.mono))
			continue;
		q->is_missed = false;
		is_wanted |= chord_tables_would_be_neighbor(c, &q->id, c->reach) &&
			     !chord_tables_is_ready(c, &q->id);
	}
	quarantine_arm(c);
	if (is_wanted)
		update_pull(c, now);
}

void quarantine_add_missed(struct chord *c, struct now now, const struct node_id *id)
{
	struct chord_quarantine *q;

	quarantine_add(c, now, id);
	q = quarantine_find(c, id);
	q->is_missed = true;
	quarantine_arm(c);
}

void quarantine_stop(struct chord *c)
{
	timer_disarm(peer_timers(c->peer), &c->quarantine_timer);
}

bool quarantine_has(const struct chord *c, struct now now, const struct node_id *id)
{
	const struct chord_quarantine *q = quarantine_find(c, id);

	return q != NULL && !instant_due(q->until, now.mono);
}

void quarantine_remove(struct chord *c, const struct node_id *id)
{
	const struct chord_quarantine *q = quarantine_find(c, id);

	if (q != NULL)
		quarantine_drop(c, (size_t)(q - c->quarantine));
}
