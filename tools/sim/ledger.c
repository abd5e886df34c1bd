/* SPDX-License-Identifier: MIT */
/* The ledger of acknowledged records, lookups and their verdicts, and the constant workload. */
#include "tools/sim/ledger.h"

#include <stdio.h>
#include <stdlib.h>

#include "overlay/access.h"
#include "overlay/base/invariant.h"
#include "overlay/base/map.h"
#include "overlay/wire/sip_registration.h"

#define LEDGER_DRAWS 32       /* tries to hit a joined node by chance */
#define LEDGER_REMOVAL_S 3600 /* life of a removal when nothing is known of what it removes */
#define LEDGER_SPREAD 16      /* classes of time in each power of two: within 6 % */
#define LEDGER_CLASSES (64 * LEDGER_SPREAD)
#define LEDGER_SERIAL_TEXT "serial="

struct ledger;

/* A Store under way; its record's, for there is at most one. */
struct entry {
	struct record record; /* first: what the world hands out */
	struct ledger *ledger;
	uint64_t next_serial;
	bool is_busy, is_removal;
	uint64_t asked_ms; /* virtual wall clock */
	uint32_t asked_lifetime_s;
	uint64_t asked_time; /* storage_time, as far as is known */
	enum record_state state_before;
};

/* What a lookup must find of one record. */
struct expectation {
	size_t record;
	uint64_t protected_serial; /* 0: nothing */
	uint64_t serial;           /* acknowledged */
	uint64_t removed_serial;
	uint64_t found; /* the highest serial that came back; 0: none */
};

struct lookup {
	struct lookup *next; /* of the list it is in */
	struct ledger *ledger;
	size_t from, user;
	struct instant started, ended;
	enum lookup_verdict verdict;
	bool has_failed;
	world_lookup_fn *done;
	void *ctx;
	size_t count;
	struct expectation records[];
};

struct ledger {
	struct world *world;
	struct prng prng;
	struct entry **entries; /* by index of the record */
	size_t count;
	struct map *by_place;    /* user, node -> struct entry */
	struct map *by_user;     /* user -> the entry of its latest record */
	struct lookup *under_way;
	struct lookup *ended, **ended_end; /* not yet told */
	uint64_t took[LEDGER_CLASSES]; /* how long those found took */
	uint64_t took_count;
	uint64_t took_sum_us;
	struct world_totals totals;
	uint64_t store_every_us, lookup_every_us; /* 0: never */
	struct instant store_at, lookup_at;
	uint32_t lifetime_s;
};

struct ledger *ledger_new(struct world *w, uint64_t seed)
{
	struct ledger *l = memory_alloc(sizeof(*l));

	l->world = w;
	prng_seed(&l->prng, seed ^ 0x6c6564676572ull);
	l->by_place = map_new(seed);
	l->by_user = map_new(seed);
	l->ended_end = &l->ended;
	l->store_at = l->lookup_at = INSTANT_NEVER;
	return l;
}

static void ledger_free_lookups(struct lookup *list)
{
	while (list != NULL) {
		struct lookup *next = list->next;

		free(list);
		list = next;
	}
}

void ledger_free(struct ledger *l)
{
	ledger_free_lookups(l->under_way);
	ledger_free_lookups(l->ended);
	for (size_t i = 0; i < l->count; i++)
		free(l->entries[i]);
	free(l->entries);
	map_free(l->by_place);
	map_free(l->by_user);
	free(l);
}

size_t ledger_record_count(const struct ledger *l) { return l->count; }
struct record *ledger_record(const struct ledger *l, size_t index) { return &l->entries[index]->record; }

static struct entry *ledger_entry(const struct ledger *l, size_t user, size_t node)
{
	const uint64_t key[2] = { user, node };

	return map_find(l->by_place, slice_of(key, sizeof(key)));
}

struct record *ledger_record_of(const struct ledger *l, size_t user, size_t node)
{
	struct entry *e = ledger_entry(l, user, node);

	return e == NULL ? NULL : &e->record;
}

static struct resource_id ledger_resource(struct ledger *l, size_t node, size_t user)
{
	char aor[64];

	snprintf(aor, sizeof(aor), "user%zu@example.org", user);
	return access_user_resource(peer_security(net_peer(world_net(l->world), node)), aor);
}

/* Made with the node's first Store. */
static struct entry *ledger_entry_make(struct ledger *l, size_t user, size_t node)
{
	const uint64_t key[2] = { user, node };
	struct entry *e = ledger_entry(l, user, node), *other;

	if (e != NULL)
		return e;
	if ((l->count & (l->count + 1)) == 0 || l->count == 0)
		l->entries = memory_resize(l->entries, 2 * (l->count + 1) * sizeof(struct entry *));
	e = memory_alloc(sizeof(*e));
	e->ledger = l;
	e->next_serial = 1;
	other = map_find(l->by_user, slice_of(&key[0], sizeof(key[0])));
	e->record = (struct record){
		.user = user,
		.node = node,
		.resource = ledger_resource(l, node, user),
		.index = l->count,
		.next_of_user = other == NULL ? SIZE_MAX : other->record.index,
	};
	l->entries[l->count++] = e;
	map_put(l->by_place, slice_of(key, sizeof(key)), e);
	map_put(l->by_user, slice_of(&key[0], sizeof(key[0])), e);
	return e;
}

/* ---- Contents ---- */

/* What usage/sip stores, with a serial in the preferences. */
static void ledger_value_put(struct writer *w, const struct node_id *node, uint64_t serial)
{
	struct destination own = destination_of_node(node);
	struct sip_registration registration = {
		.type = SIP_REGISTRATION_ROUTE,
		.destinations = { &own, 1 },
	};
	char preferences[64];

	snprintf(preferences, sizeof(preferences), "(&(sip.schemes=SIP)(" LEDGER_SERIAL_TEXT "%llu))",
		 (unsigned long long)serial);
	registration.contact_prefs = slice_text(preferences);
	sip_registration_put(w, &registration);
}

uint64_t world_serial(struct slice value)
{
	const char *text = (const char *)value.data;
	const char *at = value.len == 0 ? NULL : memmem(text, value.len, LEDGER_SERIAL_TEXT,
							strlen(LEDGER_SERIAL_TEXT));
	uint64_t serial = 0;

	if (at == NULL)
		return 0;
	for (at += strlen(LEDGER_SERIAL_TEXT); at < text + value.len && *at >= '0' && *at <= '9'; at++)
		serial = 10 * serial + (uint64_t)(*at - '0');
	return serial;
}

/* ---- Stores ---- */

/* So many replicas mean that the overlay promises to keep it: two, or all others of a ring of one or two. */
static bool ledger_is_protected(struct ledger *l, size_t replicas)
{
	size_t joined = 0;

	for (size_t i = 0; replicas < TOPOLOGY_REPLICAS && i < world_count(l->world); i++) {
		const struct peer *p = net_peer(world_net(l->world), i);

		joined += p != NULL && peer_state(p) == PEER_JOINED;
	}
	return replicas >= TOPOLOGY_REPLICAS || replicas + 1 >= joined;
}

static void ledger_acknowledged(struct entry *e, size_t replicas)
{
	const struct world_observer *o = world_observer(e->ledger->world);
	struct record *r = &e->record;
	bool is_protected = ledger_is_protected(e->ledger, replicas);

	e->ledger->totals.stores_protected += is_protected;
	e->ledger->totals.stores_unprotected += !is_protected;
	r->serial = r->asked_serial;
	r->storage_time = e->asked_time;
	r->expires_ms = e->asked_ms + 1000ull * e->asked_lifetime_s;
	r->acknowledged_ms = world_now(e->ledger->world).wall.ms;
	r->is_excused = false;
	if (e->is_removal) {
		r->state = RECORD_NONE;
		if (is_protected)
			r->removed_serial = r->serial;
	} else {
		r->state = is_protected ? RECORD_PROTECTED : RECORD_STORED;
		if (is_protected) {
			r->protected_serial = r->serial;
			r->protected_expires_ms = r->expires_ms;
		}
	}
	if (o->stored != NULL)
		o->stored(o->ctx, r);
}

/* Whether it was stored nobody knows: what was promised before still holds, but for what was to be removed. */
static void ledger_store_failed(struct entry *e)
{
	e->ledger->totals.stores_failed++;
	e->record.state = e->is_removal ? RECORD_NONE : e->state_before;
}

static void ledger_store_done(void *ctx, struct now now, const struct resource_store_result *result)
{
	struct entry *e = ctx;

	(void)now;
	e->is_busy = false;
	if (result->err == 0)
		ledger_acknowledged(e, result->replica_count);
	else
		ledger_store_failed(e);
}

/* A removal lives as long as what it removes. */
static uint32_t ledger_lifetime(const struct entry *e, uint64_t now_ms, uint32_t lifetime_s, bool exists)
{
	uint64_t expires = e->record.expires_ms;

	if (exists)
		return lifetime_s;
	if (e->record.state == RECORD_NONE || expires <= now_ms)
		return LEDGER_REMOVAL_S;
	return (uint32_t)((expires - now_ms) / 1000 + 60);
}

void ledger_register(struct ledger *l, size_t node, uint32_t lifetime_s, bool exists)
{
	struct net *n = world_net(l->world);
	struct peer *p = world_storage(l->world, node) == NULL ? NULL : net_peer(n, node);
	struct entry *e;
	struct resource_value value;
	uint8_t bytes[160];
	struct writer w = writer_of(bytes, sizeof(bytes));

	if (p != NULL && (e = ledger_entry(l, world_user(l->world, node), node)) != NULL && e->is_busy)
		return;
	l->totals.stores++;
	if (p == NULL || peer_state(p) != PEER_JOINED || net_is_paused(n, node)) {
		l->totals.stores_failed++;
		return;
	}
	e = ledger_entry_make(l, world_user(l->world, node), node);
	ledger_value_put(&w, peer_node_id(p), e->next_serial);
	invariant(w.err == 0);
	e->asked_ms = world_now(l->world).wall.ms;
	e->asked_lifetime_s = ledger_lifetime(e, e->asked_ms, lifetime_s, exists);
	value = (struct resource_value){
		.key = slice_of(peer_node_id(p)->bytes, NODE_ID_LENGTH),
		.exists = exists,
		.value = exists ? writer_slice(&w) : SLICE_EMPTY,
		.lifetime_s = e->asked_lifetime_s,
	};
	if (resource_store(p, world_own_now(l->world, node), &e->record.resource, KIND_SIP_REGISTRATION, &value, 1,
			   ledger_store_done, e) != 0) {
		l->totals.stores_failed++;
		return;
	}
	e->is_busy = true;
	e->is_removal = !exists;
	e->state_before = e->record.state;
	e->record.state = RECORD_ASKED;
	e->record.asked_serial = e->next_serial++;
	e->asked_time = *peer_last_storage_time(p);
	if (!exists)
		e->record.protected_serial = 0;
	net_flush(n, node);
}

/* ---- Lookups ---- */

static struct lookup *ledger_lookup_new(struct ledger *l, size_t from, size_t user)
{
	const uint64_t key = user;
	const struct entry *first = map_find(l->by_user, slice_of(&key, sizeof(key)));
	uint64_t now_ms = world_now(l->world).wall.ms;
	struct lookup *u;
	size_t count = 0;

	for (const struct entry *e = first; e != NULL; count++)
		e = e->record.next_of_user == SIZE_MAX ? NULL : l->entries[e->record.next_of_user];
	u = memory_alloc(sizeof(*u) + count * sizeof(u->records[0]));
	u->ledger = l;
	u->from = from;
	u->user = user;
	u->started = world_now(l->world).mono;
	for (const struct entry *e = first; e != NULL;) {
		const struct record *r = &e->record;

		u->records[u->count++] = (struct expectation){
			.record = r->index,
			.protected_serial = r->protected_expires_ms > now_ms ? r->protected_serial : 0,
			.serial = r->state != RECORD_NONE && r->expires_ms > now_ms ? r->serial : 0,
			.removed_serial = r->removed_serial,
		};
		e = r->next_of_user == SIZE_MAX ? NULL : l->entries[r->next_of_user];
	}
	return u;
}

static enum lookup_verdict ledger_judge_record(const struct lookup *u, const struct expectation *x)
{
	const struct record *r = &u->ledger->entries[x->record]->record;
	uint64_t now_ms = world_now(u->ledger->world).wall.ms;
	bool must = x->protected_serial != 0 && r->protected_serial != 0 && r->protected_expires_ms > now_ms &&
		    !r->is_excused;

	if (x->found != 0 && x->found < x->removed_serial)
		return LOOKUP_STALE;
	if (x->found != 0 && x->found >= x->serial)
		return LOOKUP_FOUND;
	if (!must)
		return LOOKUP_EXCUSED;
	if (x->found == 0)
		return u->has_failed ? LOOKUP_FAILED : LOOKUP_MISSED;
	return x->found >= x->protected_serial ? LOOKUP_EXCUSED : LOOKUP_STALE;
}

/* The worst of its records. */
static enum lookup_verdict ledger_judge(const struct lookup *u)
{
	static const int rank[] = {
		[LOOKUP_EXCUSED] = 0, [LOOKUP_FOUND] = 1, [LOOKUP_STALE] = 2, [LOOKUP_MISSED] = 3,
		[LOOKUP_FAILED] = 4,
	};
	enum lookup_verdict worst = LOOKUP_EXCUSED;

	for (size_t i = 0; i < u->count; i++) {
		enum lookup_verdict v = ledger_judge_record(u, &u->records[i]);

		if (rank[v] > rank[worst])
			worst = v;
	}
	if ((worst == LOOKUP_MISSED || worst == LOOKUP_FAILED) && world_is_partitioned(u->ledger->world))
		worst = LOOKUP_EXCUSED;
	return worst;
}

static size_t ledger_class(uint64_t us)
{
	unsigned bits = 63 - (unsigned)__builtin_clzll(us | LEDGER_SPREAD);

	return (bits - 3) * LEDGER_SPREAD + (size_t)(us >> (bits - 4)) - LEDGER_SPREAD;
}

/* The middle of a class. */
static uint64_t ledger_class_us(size_t class)
{
	unsigned shift = (unsigned)(class / LEDGER_SPREAD);

	if (shift == 0)
		return class;
	shift--;
	return ((uint64_t)(LEDGER_SPREAD + class % LEDGER_SPREAD) << shift) + ((1ull << shift) >> 1);
}

static void ledger_lookup_end(struct lookup *u, enum lookup_verdict verdict)
{
	struct ledger *l = u->ledger;
	struct lookup **at = &l->under_way;

	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	u->next = NULL;
	u->verdict = verdict;
	u->ended = world_now(l->world).mono;
	l->totals.lookups[verdict]++;
	if (verdict == LOOKUP_FOUND) {
		uint64_t us = instant_since(u->ended, u->started).us;

		l->took[ledger_class(us)]++;
		l->took_count++;
		l->took_sum_us += us;
	}
	*l->ended_end = u;
	l->ended_end = &u->next;
}

static void ledger_lookup_done(void *ctx, struct now now, const struct resource_fetch_result *result)
{
	struct lookup *u = ctx;

	(void)now;
	u->has_failed = result->err != 0;
	for (size_t i = 0; result->err == 0 && i < result->count; i++) {
		const struct stored_data_value *v = &result->values[i].data.value;
		uint64_t serial = v->data.exists ? world_serial(v->data.value) : 0;

		for (size_t k = 0; serial != 0 && k < u->count; k++) {
			const struct record *r = &u->ledger->entries[u->records[k].record]->record;
			const struct node_id *id = net_node_id(world_net(u->ledger->world), r->node);

			if (slice_equal(v->key, slice_of(id->bytes, NODE_ID_LENGTH)) && serial > u->records[k].found)
				u->records[k].found = serial;
		}
	}
	ledger_lookup_end(u, ledger_judge(u));
}

void ledger_lookup(struct ledger *l, size_t from, size_t user, world_lookup_fn *done, void *ctx)
{
	struct net *n = world_net(l->world);
	struct peer *p = world_storage(l->world, from) == NULL ? NULL : net_peer(n, from);
	struct lookup *u = ledger_lookup_new(l, from, user);
	struct resource_id resource;

	u->done = done;
	u->ctx = ctx;
	u->next = l->under_way;
	l->under_way = u;
	if (p == NULL || peer_state(p) != PEER_JOINED || net_is_paused(n, from)) {
		ledger_lookup_end(u, LOOKUP_EXCUSED);
		return;
	}
	resource = ledger_resource(l, from, user);
	u->has_failed = resource_fetch(p, world_own_now(l->world, from), &resource, KIND_SIP_REGISTRATION,
				       ledger_lookup_done, u) != 0;
	if (u->has_failed)
		ledger_lookup_end(u, ledger_judge(u));
	else
		net_flush(n, from);
}

void ledger_deliver(struct ledger *l)
{
	while (l->ended != NULL) {
		struct lookup *u = l->ended;

		l->ended = u->next;
		if (l->ended == NULL)
			l->ended_end = &l->ended;
		if (u->done != NULL)
			u->done(u->ctx, u->verdict, instant_since(u->ended, u->started));
		free(u);
	}
}

void ledger_node_stopped(struct ledger *l, size_t node)
{
	struct entry *e = ledger_entry(l, world_user(l->world, node), node);
	struct lookup *next;

	if (e != NULL && e->is_busy) {
		e->is_busy = false;
		ledger_store_failed(e);
	}
	for (struct lookup *u = l->under_way; u != NULL; u = next) {
		next = u->next;
		if (u->from == node)
			ledger_lookup_end(u, LOOKUP_EXCUSED);
	}
}

/* ---- The constant workload ---- */

/* A joined node by chance, or SIZE_MAX when none was hit. */
static size_t ledger_draw_node(struct ledger *l)
{
	for (int i = 0; i < LEDGER_DRAWS && world_count(l->world) > 0; i++) {
		size_t node = prng_below(&l->prng, world_count(l->world));
		const struct peer *p = net_peer(world_net(l->world), node);

		if (p != NULL && peer_state(p) == PEER_JOINED)
			return node;
	}
	return SIZE_MAX;
}

/* Uniformly up to twice the mean. */
static struct instant ledger_next(struct ledger *l, struct instant from, uint64_t every_us)
{
	if (every_us == 0)
		return INSTANT_NEVER;
	return instant_add(from, duration_us(1 + prng_below(&l->prng, 2 * every_us)));
}

static uint64_t ledger_every(uint32_t per_1000_s)
{
	return per_1000_s == 0 ? 0 : 1000000000ull / per_1000_s;
}

void ledger_set_load(struct ledger *l, struct now now, uint32_t stores_per_1000_s, uint32_t lookups_per_1000_s,
		     uint32_t lifetime_s)
{
	l->store_every_us = ledger_every(stores_per_1000_s);
	l->lookup_every_us = ledger_every(lookups_per_1000_s);
	l->lifetime_s = lifetime_s;
	l->store_at = ledger_next(l, now.mono, l->store_every_us);
	l->lookup_at = ledger_next(l, now.mono, l->lookup_every_us);
}

struct instant ledger_deadline(const struct ledger *l)
{
	return instant_min(l->store_at, l->lookup_at);
}

void ledger_expire(struct ledger *l, struct now now)
{
	while (instant_due(l->store_at, now.mono)) {
		size_t node = ledger_draw_node(l);

		if (node != SIZE_MAX)
			ledger_register(l, node, l->lifetime_s, true);
		l->store_at = ledger_next(l, l->store_at, l->store_every_us);
	}
	while (instant_due(l->lookup_at, now.mono)) {
		size_t from = ledger_draw_node(l);

		if (from != SIZE_MAX && l->count > 0)
			ledger_lookup(l, from, l->entries[prng_below(&l->prng, l->count)]->record.user, NULL, NULL);
		l->lookup_at = ledger_next(l, l->lookup_at, l->lookup_every_us);
	}
}

/* ---- Totals ---- */

static uint64_t ledger_percentile(const struct ledger *l, unsigned percent)
{
	uint64_t rank = (l->took_count * percent + 99) / 100, count = 0;

	for (size_t i = 0; i < LEDGER_CLASSES && rank > 0; i++) {
		count += l->took[i];
		if (count >= rank)
			return ledger_class_us(i);
	}
	return 0;
}

void ledger_totals(const struct ledger *l, struct world_totals *out)
{
	out->stores = l->totals.stores;
	out->stores_protected = l->totals.stores_protected;
	out->stores_unprotected = l->totals.stores_unprotected;
	out->stores_failed = l->totals.stores_failed;
	memcpy(out->lookups, l->totals.lookups, sizeof(out->lookups));
	out->lookup_us_p50 = ledger_percentile(l, 50);
	out->lookup_us_p99 = ledger_percentile(l, 99);
	out->lookup_us_mean = l->took_count == 0 ? 0 : l->took_sum_us / l->took_count;
}
