/* SPDX-License-Identifier: MIT */
/* First the occurrences of each kind, from a stream of chance of its own; then one walk in order of time that
 * gives each a node fit for it and leaves out what the scenario's contract forbids. */
#include "tools/sim/plan_draw.h"

#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"

#define PEER_HOUR_MS_MILLI 3600000000u /* ms of an hour, times 1,000 */
#define NEVER_MS UINT64_MAX

/* What is to happen; the walk decides to whom. */
struct occurrence {
	uint64_t at_ms;
	enum action_kind kind;
	size_t node;    /* SIZE_MAX: `pick` chooses among those fit */
	uint64_t pick, pick_other;
	uint64_t lasts_ms;
	int64_t strength;
	int64_t back_after_ms; /* below 0: never */
};

struct draw {
	const struct scenario *scenario;
	struct plan *plan;
	struct plan_times *times;
	size_t peers;
	struct occurrence *list;
	size_t count, room;
	uint64_t *up_from;      /* by node: ms from which on it runs; NEVER_MS: not at all */
	uint64_t *failures;     /* when, in order */
	size_t failure_count;
	uint64_t failures_max, repair_window_ms, peers_kept;
	uint64_t busy_until[ACTION_COUNT]; /* of what there can be only one of at a time */
};

static void occurrence_add(struct draw *d, const struct occurrence *o)
{
	if (d->count == d->room) {
		d->room = d->room == 0 ? 256 : 2 * d->room;
		d->list = memory_resize(d->list, d->room * sizeof(*d->list));
	}
	d->list[d->count++] = *o;
}

/* Each node once, in an order by chance. Owned. */
static size_t *shuffled(struct prng *chance, size_t count)
{
	size_t *order = memory_alloc((count + 1) * sizeof(*order));

	for (size_t i = 0; i < count; i++)
		order[i] = i;
	for (size_t i = count; i > 1; i--) {
		size_t k = (size_t)prng_below(chance, i), held = order[i - 1];

		order[i - 1] = order[k];
		order[k] = held;
	}
	return order;
}

static struct occurrence occurrence_draw(struct draw *d, const struct scenario_action *a, enum action_kind kind,
					 struct prng *chance)
{
	uint64_t length = d->times->trouble_until_ms - d->times->trouble_from_ms;
	int64_t at = range_draw(a->at_ms, chance);
	struct occurrence o = { .kind = kind, .node = SIZE_MAX };

	o.at_ms = d->times->trouble_from_ms + (at >= 0 ? (uint64_t)at : length == 0 ? 0 : prng_below(chance, length));
	o.pick = prng_next(chance);
	o.pick_other = prng_next(chance);
	o.lasts_ms = (uint64_t)range_draw(a->lasts_ms, chance);
	o.strength = range_draw(a->strength, chance);
	o.back_after_ms = range_draw(a->back_after_ms, chance);
	return o;
}

/* A share of all peers, one after the other or all at once. */
static void share_draw(struct draw *d, const struct scenario_action *a, struct occurrence first, size_t hit,
		       struct prng *chance)
{
	uint64_t spread = (uint64_t)range_draw(a->spread_ms, chance), from = first.at_ms;
	size_t *order = shuffled(chance, d->peers);

	for (size_t i = 0; i < hit; i++) {
		struct occurrence o = first;

		o.node = order[i];
		o.at_ms = from + spread * i / hit;
		o.pick_other = prng_next(chance);
		o.strength = range_draw(a->strength, chance);
		o.back_after_ms = range_draw(a->back_after_ms, chance);
		occurrence_add(d, &o);
	}
	free(order);
}

static void kind_draw(struct draw *d, enum action_kind kind, uint64_t seed)
{
	const struct scenario_action *a = &d->scenario->actions[kind];
	uint64_t length = d->times->trouble_until_ms - d->times->trouble_from_ms;
	uint64_t count, rate;
	struct prng chance;

	scenario_chance(&chance, seed, PURPOSE_ACTION + kind);
	if (!a->is_set || prng_below(&chance, 100) >= (uint64_t)range_draw(a->chance_percent, &chance))
		return;
	count = (uint64_t)range_draw(a->per_run, &chance);
	rate = (uint64_t)range_draw(a->per_peer_hour_milli, &chance) * d->peers * length;
	count += rate / PEER_HOUR_MS_MILLI;
	count += prng_below(&chance, PEER_HOUR_MS_MILLI) < rate % PEER_HOUR_MS_MILLI;
	for (uint64_t i = 0; i < count; i++) {
		struct occurrence o = occurrence_draw(d, a, kind, &chance);
		size_t hit = d->peers * (size_t)range_draw(a->share_percent, &chance) / 100;

		if (hit == 0)
			occurrence_add(d, &o);
		else
			share_draw(d, a, o, hit, &chance);
	}
}

static int occurrence_order(const void *a, const void *b)
{
	const struct occurrence *x = *(const struct occurrence *const *)a, *y = *(const struct occurrence *const *)b;

	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return x < y ? -1 : 1; /* places in one array: the order of drawing */
}

static bool node_is_up(const struct draw *d, size_t node, uint64_t at)
{
	return d->up_from[node] <= at;
}

static size_t nodes_up(const struct draw *d, uint64_t at)
{
	size_t up = 0;

	for (size_t i = 0; i < d->peers; i++)
		up += node_is_up(d, i, at);
	return up;
}

/* The (pick mod how many)th node that runs then, but for `other`. SIZE_MAX when there is none. */
static size_t node_pick(const struct draw *d, uint64_t at, uint64_t pick, size_t other)
{
	size_t fit = nodes_up(d, at);

	if (other != SIZE_MAX)
		fit--;
	if (fit == 0)
		return SIZE_MAX;
	pick %= fit;
	for (size_t i = 0; i < d->peers; i++)
		if (node_is_up(d, i, at) && i != other && pick-- == 0)
			return i;
	return SIZE_MAX;
}

static bool kind_stops(enum action_kind kind)
{
	return kind == ACTION_KILL || kind == ACTION_SILENT_KILL || kind == ACTION_DESTROY || kind == ACTION_LEAVE;
}

static bool is_failure(const struct occurrence *o)
{
	return (kind_stops(o->kind) && o->kind != ACTION_LEAVE) ||
	       (o->kind == ACTION_PAUSE && o->lasts_ms > PLAN_PAUSE_IS_FAILURE_MS);
}

/* Within the contract: not too many failures in one repair window, and enough peers left. */
static bool failure_is_allowed(struct draw *d, const struct occurrence *o)
{
	bool fails = is_failure(o);

	if ((fails || kind_stops(o->kind)) && nodes_up(d, o->at_ms) <= d->peers_kept)
		return false;
	if (!fails)
		return true;
	if (d->failures_max != 0 && d->failure_count >= d->failures_max &&
	    d->failures[d->failure_count - d->failures_max] + d->repair_window_ms > o->at_ms)
		return false;
	d->failures[d->failure_count++] = o->at_ms;
	return true;
}

/* A node stops; it begins again when the occurrence says so and the trouble still lasts. One of the
 * bootstrap nodes always does, since without them nobody could join. */
static void place_stop(struct draw *d, const struct occurrence *o, struct action a)
{
	uint64_t until = d->times->trouble_until_ms, back = NEVER_MS;

	if (o->back_after_ms >= 0)
		back = o->at_ms + (uint64_t)o->back_after_ms;
	if (back > until && a.node < PLAN_BOOTSTRAP_NODES)
		back = until;
	plan_add(d->plan, a);
	d->up_from[a.node] = back <= until ? back : NEVER_MS;
	if (back <= until)
		plan_add(d->plan, (struct action){ .at_ms = back, .kind = ACTION_START, .node = a.node });
}

/* What concerns the net as a whole, one at a time. */
static void place_global(struct draw *d, const struct occurrence *o, struct action a)
{
	static const unsigned bits_max = 8;

	if (d->busy_until[o->kind] > o->at_ms || o->lasts_ms == 0)
		return;
	a.other = o->lasts_ms;
	if (o->kind == ACTION_PARTITION) {
		unsigned bits = o->strength < 1 || o->strength > bits_max ? 1 : (unsigned)o->strength;
		uint64_t chance = o->pick;

		/* One bit halves the peers; each further bit halves the smaller part. */
		a.amount = 0;
		while (bits-- > 0) {
			a.amount |= (int64_t)1 << (chance % 62);
			chance = chance / 62 + o->pick_other;
		}
		d->times->has_partition = true;
	}
	d->busy_until[o->kind] = o->at_ms + o->lasts_ms;
	plan_add(d->plan, a);
}

/* An action that ends by another one of its kind with amount 0. */
static void place_until(struct draw *d, const struct occurrence *o, struct action a)
{
	if (o->kind == ACTION_CLOCK && (o->pick & 1) != 0)
		a.amount = -a.amount;
	plan_add(d->plan, a);
	if (o->lasts_ms != 0) {
		a.at_ms += o->lasts_ms;
		a.amount = 0;
		plan_add(d->plan, a);
	}
}

static void place(struct draw *d, struct occurrence *o)
{
	struct action a = { .at_ms = o->at_ms, .kind = o->kind, .amount = o->strength };
	uint64_t until = d->times->trouble_until_ms;

	if (o->at_ms >= until && o->at_ms > d->times->trouble_from_ms)
		return;
	if (o->at_ms + o->lasts_ms > until)
		o->lasts_ms = until - o->at_ms;
	if (o->kind == ACTION_PARTITION || o->kind == ACTION_WEATHER) {
		place_global(d, o, a);
		return;
	}
	a.node = o->node != SIZE_MAX ? o->node : node_pick(d, o->at_ms, o->pick / 2, SIZE_MAX);
	if (a.node == SIZE_MAX || !node_is_up(d, a.node, o->at_ms) || !failure_is_allowed(d, o))
		return;
	if (o->kind == ACTION_BREAK || o->kind == ACTION_CUT || o->kind == ACTION_LOOKUP ||
	    o->kind == ACTION_ASSOCIATE) {
		a.other = node_pick(d, o->at_ms, o->pick_other, o->kind == ACTION_LOOKUP ? SIZE_MAX : a.node);
		if (a.other == SIZE_MAX)
			return;
	}
	if (kind_stops(o->kind)) {
		place_stop(d, o, a);
	} else if (o->kind == ACTION_SLOW || o->kind == ACTION_CLOCK) {
		place_until(d, o, a);
	} else {
		if (o->kind == ACTION_PAUSE)
			d->up_from[a.node] = o->at_ms + o->lasts_ms;
		if (o->kind == ACTION_REGISTER && a.amount == 0)
			a.amount = d->scenario->lifetime_s.high;
		else if (o->kind != ACTION_REGISTER)
			a.amount = (int64_t)o->lasts_ms;
		plan_add(d->plan, a);
	}
}

static void walk(struct draw *d)
{
	struct occurrence **order = memory_alloc((d->count + 1) * sizeof(struct occurrence *));

	for (size_t i = 0; i < d->count; i++)
		order[i] = &d->list[i];
	qsort(order, d->count, sizeof(struct occurrence *), occurrence_order);
	d->failures = memory_alloc((d->count + 1) * sizeof(*d->failures));
	for (size_t i = 0; i < d->count; i++)
		place(d, order[i]);
	free(d->failures);
	free(order);
}

/* The first starts; and so the times of the trouble. */
static void starts_draw(struct draw *d, uint64_t seed, uint64_t duration_ms)
{
	const struct scenario *s = d->scenario;
	struct prng chance;
	uint64_t late, at = 0;

	scenario_chance(&chance, seed, PURPOSE_START);
	late = (uint64_t)range_draw(s->start_late_percent, &chance);
	for (size_t i = 0; i < d->peers; i++) {
		d->up_from[i] = NEVER_MS;
		if (i >= PLAN_BOOTSTRAP_NODES && prng_below(&chance, 100) < late)
			continue;
		if (i > 0)
			at += (uint64_t)range_draw(s->start_spacing_ms, &chance);
		d->up_from[i] = at;
		plan_add(d->plan, (struct action){ .at_ms = at, .kind = ACTION_START, .node = i });
	}
	d->times->trouble_from_ms = at + (uint64_t)range_draw(s->start_settle_ms, &chance);
	if (duration_ms == 0)
		duration_ms = (uint64_t)range_draw(s->duration_ms, &chance);
	d->times->trouble_until_ms = d->times->trouble_from_ms + duration_ms;
	for (size_t i = 0; i < d->peers; i++)
		if (d->up_from[i] == NEVER_MS) {
			d->up_from[i] = d->times->trouble_from_ms + prng_below(&chance, duration_ms + 1);
			plan_add(d->plan, (struct action){ .at_ms = d->up_from[i], .kind = ACTION_START, .node = i });
		}
}

void plan_draw(struct plan *p, const struct scenario *s, uint64_t seed, size_t peers, uint64_t duration_ms,
	       struct plan_times *times)
{
	struct draw d = { .scenario = s, .plan = p, .times = times, .peers = peers };
	struct prng chance;

	*times = (struct plan_times){ 0 };
	d.up_from = memory_alloc((peers + 1) * sizeof(*d.up_from));
	starts_draw(&d, seed, duration_ms);
	scenario_chance(&chance, seed, PURPOSE_TIMES);
	d.failures_max = (uint64_t)range_draw(s->failures_max, &chance);
	d.repair_window_ms = (uint64_t)range_draw(s->repair_window_ms, &chance);
	d.peers_kept = (uint64_t)range_draw(s->peers_kept, &chance);
	for (int k = 0; k < ACTION_COUNT; k++)
		kind_draw(&d, (enum action_kind)k, seed);
	walk(&d);
	plan_sort(p);
	free(d.up_from);
	free(d.list);
}

static int index_parse(const char **at, size_t *out)
{
	size_t value = 0;

	if (**at < '0' || **at > '9')
		return ERR_CONFIG;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		if (value > SIZE_MAX / 100)
			return ERR_CONFIG;
		value = value * 10 + (size_t)(**at - '0');
	}
	*out = value;
	return 0;
}

int plan_keep_marks(const char *list, bool *keep, size_t count)
{
	const char *at = list;

	while (*at != '\0') {
		size_t first, last;

		if (index_parse(&at, &first) != 0)
			return ERR_CONFIG;
		last = first;
		if (*at == '-') {
			at++;
			last = count == 0 ? 0 : count - 1;
			if (*at >= '0' && *at <= '9' && (index_parse(&at, &last) != 0 || last < first))
				return ERR_CONFIG;
		}
		for (size_t i = first; i <= last && i < count; i++)
			keep[i] = true;
		if (*at == ',' && at[1] != '\0')
			at++;
		else if (*at != '\0')
			return ERR_CONFIG;
	}
	return 0;
}

int plan_keep(struct plan *p, const char *list)
{
	bool *keep = memory_alloc(p->count + 1);
	size_t kept = 0;
	int err = plan_keep_marks(list, keep, p->count);

	for (size_t i = 0; err == 0 && i < p->count; i++)
		if (keep[i])
			p->actions[kept++] = p->actions[i];
	if (err == 0)
		p->count = kept;
	free(keep);
	return err;
}

char *plan_keep_text(const bool *keep, size_t count)
{
	size_t size = count * 42 + 2, len = 0;
	char *text = memory_alloc(size);

	for (size_t i = 0; i < count; i++) {
		size_t last = i;

		if (!keep[i])
			continue;
		while (last + 1 < count && keep[last + 1])
			last++;
		len += (size_t)snprintf(text + len, size - len, "%s%zu", len == 0 ? "" : ",", i);
		if (last > i)
			len += (size_t)snprintf(text + len, size - len, "-%zu", last);
		i = last;
	}
	return text;
}
