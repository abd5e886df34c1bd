/* SPDX-License-Identifier: MIT */
/* Finding a first link, and one to look over the fence with. */
#include "overlay/bootstrap.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/link_table.h"
#include "overlay/peer_state.h"

#define BOOTSTRAP_AT_ONCE 3 /* links being opened */
#define BOOTSTRAP_CACHED_MAX 32
#define BOOTSTRAP_LOST_MAX 16 /* peers whose links went, the latest, of each kind */
#define BOOTSTRAP_BACKOFF_MIN_MS 1000
#define BOOTSTRAP_BACKOFF_MAX_MS 30000

enum bootstrap_aim {
	BOOTSTRAP_IDLE,
	BOOTSTRAP_JOIN, /* the first link joins */
	BOOTSTRAP_LOOK  /* for peer_bootstrap_open */
};

struct bootstrap_entry {
	struct address address;
	enum overlay_link_type type;
};

/* Where peers were whose links went: the failed ones, and those that closed in order, which may be back some day.
 * Apart, as there may be many of the latter while a cut lasts. */
enum { BOOTSTRAP_FAILED, BOOTSTRAP_CLOSED, BOOTSTRAP_LOST_KINDS };

struct bootstrap_lost {
	struct bootstrap_entry *entries; /* owned; BOOTSTRAP_LOST_MAX at most, the latest */
	size_t count;
	size_t next;
};

/* Who answered at an address: a link to that node need not lead to that address. */
struct bootstrap_known {
	struct address address;
	struct node_id node;
};

struct bootstrap {
	enum bootstrap_aim aim;
	/* All owned, and no longer than needed: these lie idle for most of a peer's life. */
	struct bootstrap_known *known; /* BOOTSTRAP_NODES_MAX at most, the latest */
	size_t known_count;
	size_t known_next;
	struct bootstrap_entry *cached; /* BOOTSTRAP_CACHED_MAX at most */
	size_t cached_count;
	struct bootstrap_lost lost[BOOTSTRAP_LOST_KINDS];
	struct bootstrap_entry *entries; /* of this round, in the order tried */
	size_t entry_room;
	size_t entry_count;
	size_t entry_next;
	link_id opening[BOOTSTRAP_AT_ONCE]; /* 0: free */
	uint64_t backoff_ms;
	struct instant tried_at; /* the last round that joined */
	struct timer timer;
	peer_bootstrap_fn *done; /* BOOTSTRAP_LOOK */
	void *ctx;
};

void bootstrap_new(struct peer *p)
{
	p->bootstrap = memory_alloc(sizeof(*p->bootstrap));
	p->bootstrap->backoff_ms = BOOTSTRAP_BACKOFF_MIN_MS;
}

void bootstrap_free(struct peer *p)
{
	timer_disarm(&p->timers, &p->bootstrap->timer);
	free(p->bootstrap->known);
	free(p->bootstrap->cached);
	for (size_t i = 0; i < BOOTSTRAP_LOST_KINDS; i++)
		free(p->bootstrap->lost[i].entries);
	free(p->bootstrap->entries);
	free(p->bootstrap);
}

void bootstrap_set_cached(struct peer *p, const struct address *cached, size_t count,
			  enum overlay_link_type type)
{
	struct bootstrap *b = p->bootstrap;

	if (count > BOOTSTRAP_CACHED_MAX - b->cached_count)
		count = BOOTSTRAP_CACHED_MAX - b->cached_count;
	if (count == 0)
		return;
	b->cached = memory_resize(b->cached, (b->cached_count + count) * sizeof(*b->cached));
	for (size_t i = 0; i < count; i++)
		b->cached[b->cached_count++] = (struct bootstrap_entry){ cached[i], type };
}

static bool bootstrap_is_own(const struct peer *p, const struct address *address)
{
	for (size_t i = 0; i < p->candidate_count; i++)
		if (address_equal(&p->candidates[i].address, address))
			return true;
	return false;
}

static void bootstrap_add(struct peer *p, const struct address *address,
			  enum overlay_link_type type)
{
	struct bootstrap *b = p->bootstrap;

	if (!bootstrap_is_own(p, address) && b->entry_count < b->entry_room)
		b->entries[b->entry_count++] = (struct bootstrap_entry){ *address, type };
}

static void bootstrap_shuffle(struct peer *p, size_t from)
{
	struct bootstrap *b = p->bootstrap;

	for (size_t i = b->entry_count; i > from + 1; i--) {
		size_t j = from + prng_below(&p->prng, i - from);
		struct bootstrap_entry other = b->entries[j];

		b->entries[j] = b->entries[i - 1];
		b->entries[i - 1] = other;
	}
}

static bool bootstrap_speaks(const struct peer *p, enum overlay_link_type type)
{
	for (size_t i = 0; i < p->candidate_count; i++)
		if (p->candidates[i].overlay_link == type)
			return true;
	return p->candidate_count == 0;
}

static bool bootstrap_is_linked(const struct peer *p, const struct address *address)
{
	const struct link *l;
	size_t cursor = 0;

	while ((l = link_table_next(p, &cursor)) != NULL)
		if (l->purpose == LINK_OVERLAY && l->state != LINK_OPENING &&
		    address_equal(&l->listens_at, address))
			return true;
	return false;
}

static void bootstrap_add_lost(struct peer *p, const struct bootstrap_lost *lost)
{
	for (size_t i = 0; i < lost->count; i++)
		if (!bootstrap_is_linked(p, &lost->entries[i].address))
			bootstrap_add(p, &lost->entries[i].address, lost->entries[i].type);
}

/* TLS to the bootstrap nodes and the cached peers first, then DTLS to the bootstrap nodes; last the peers
 * lost: where no bootstrap node is reached, those who lost each other have only their own memory. */
static void bootstrap_fill(struct peer *p)
{
	struct bootstrap *b = p->bootstrap;
	const struct configuration *c = p->configuration;
	size_t from;

	b->entry_room = 2 * c->bootstrap_node_count + b->cached_count;
	for (size_t i = 0; i < BOOTSTRAP_LOST_KINDS; i++)
		b->entry_room += b->lost[i].count;
	b->entries = memory_resize(b->entries, (b->entry_room + 1) * sizeof(*b->entries));
	b->entry_count = b->entry_next = 0;
	if (bootstrap_speaks(p, OVERLAY_LINK_TLS_TCP_FH_NO_ICE))
		for (size_t i = 0; i < c->bootstrap_node_count; i++)
			bootstrap_add(p, &c->bootstrap_nodes[i], OVERLAY_LINK_TLS_TCP_FH_NO_ICE);
	for (size_t i = 0; i < b->cached_count && b->aim == BOOTSTRAP_JOIN; i++)
		bootstrap_add(p, &b->cached[i].address, b->cached[i].type);
	bootstrap_shuffle(p, 0);
	from = b->entry_count;
	if (bootstrap_speaks(p, OVERLAY_LINK_DTLS_UDP_SR_NO_ICE))
		for (size_t i = 0; i < c->bootstrap_node_count; i++)
			bootstrap_add(p, &c->bootstrap_nodes[i], OVERLAY_LINK_DTLS_UDP_SR_NO_ICE);
	bootstrap_shuffle(p, from);
	for (size_t i = 0; i < BOOTSTRAP_LOST_KINDS; i++) {
		from = b->entry_count;
		bootstrap_add_lost(p, &b->lost[i]);
		bootstrap_shuffle(p, from);
	}
}

static size_t bootstrap_opening_count(const struct bootstrap *b)
{
	size_t count = 0;

	for (size_t i = 0; i < BOOTSTRAP_AT_ONCE; i++)
		count += b->opening[i] != 0;
	return count;
}

/* Gives up on those still being opened. */
static void bootstrap_abandon(struct peer *p, struct now now)
{
	struct bootstrap *b = p->bootstrap;

	for (size_t i = 0; i < BOOTSTRAP_AT_ONCE; i++) {
		struct link *l = link_of_id(p, b->opening[i]);

		b->opening[i] = 0;
		if (l == NULL || l->state != LINK_OPENING)
			continue;
		l->opened = NULL;
		link_close(p, now, l, 0);
	}
}

void bootstrap_stop(struct peer *p, struct now now)
{
	p->bootstrap->aim = BOOTSTRAP_IDLE;
	timer_disarm(&p->timers, &p->bootstrap->timer);
	bootstrap_abandon(p, now);
}

static void bootstrap_due(void *ctx, struct now now)
{
	bootstrap_start(ctx, now);
}

static void bootstrap_later(struct peer *p, struct now now)
{
	struct bootstrap *b = p->bootstrap;
	uint64_t wait_ms = b->backoff_ms / 2 + prng_below(&p->prng, b->backoff_ms / 2 + 1);

	log_info(p->log, "bootstrap.later", "wait_ms=%llu", (unsigned long long)wait_ms);
	timer_arm(&p->timers, &b->timer, instant_add(now.mono, duration_ms(wait_ms)), bootstrap_due,
		  p);
	b->backoff_ms *= 2;
	if (b->backoff_ms > BOOTSTRAP_BACKOFF_MAX_MS)
		b->backoff_ms = BOOTSTRAP_BACKOFF_MAX_MS;
}

/* The round is over without a link. */
static void bootstrap_failed(struct peer *p, struct now now)
{
	struct bootstrap *b = p->bootstrap;
	peer_bootstrap_fn *done = b->done;

	if (b->aim == BOOTSTRAP_JOIN) {
		bootstrap_later(p, now);
		return;
	}
	b->aim = BOOTSTRAP_IDLE;
	b->done = NULL;
	if (done != NULL)
		done(b->ctx, now, b->entry_count == 0 ? ERR_NO_ROUTE : ERR_LINK, 0, NULL);
}

static void bootstrap_up(struct peer *p, struct now now, struct link *l)
{
	struct bootstrap *b = p->bootstrap;
	enum bootstrap_aim aim = b->aim;
	peer_bootstrap_fn *done = b->done;

	b->aim = BOOTSTRAP_IDLE;
	b->done = NULL;
	bootstrap_abandon(p, now);
	/* Of two links to one node the new one need not be the one that stays. */
	if (link_of_node(p, &l->node_id) != NULL)
		l = link_of_node(p, &l->node_id);
	if (aim == BOOTSTRAP_LOOK) {
		if (done != NULL)
			done(b->ctx, now, 0, l->id, &l->node_id);
		return;
	}
	b->tried_at = now.mono;
	if (p->state != PEER_JOINED)
		peer_set_state(p, now, PEER_JOINING);
	p->topology.ops->join(p->topology.ctx, now, l->id, &l->node_id);
}

static void bootstrap_open_more(struct peer *p, struct now now);

static const struct node_id *bootstrap_known_node(const struct bootstrap *b,
						  const struct address *address)
{
	for (size_t i = 0; i < b->known_count; i++)
		if (address_equal(&b->known[i].address, address))
			return &b->known[i].node;
	return NULL;
}

static void bootstrap_remember(struct bootstrap *b, const struct link *l)
{
	const struct node_id *known = bootstrap_known_node(b, &l->address);

	if (known != NULL && node_id_equal(known, &l->node_id))
		return;
	if (b->known_count < BOOTSTRAP_NODES_MAX)
		b->known = memory_resize(b->known, ++b->known_count * sizeof(*b->known));
	b->known[b->known_next++ % BOOTSTRAP_NODES_MAX] =
		(struct bootstrap_known){ l->address, l->node_id };
}

static void bootstrap_opened(void *ctx, struct now now, struct link *l, int err)
{
	struct peer *p = ctx;
	struct bootstrap *b = p->bootstrap;

	for (size_t i = 0; i < BOOTSTRAP_AT_ONCE; i++)
		if (b->opening[i] == l->id)
			b->opening[i] = 0;
	if (b->aim == BOOTSTRAP_IDLE)
		return;
	if (err == 0) {
		bootstrap_remember(b, l);
		l->is_bootstrap = l->state == LINK_UP;
		bootstrap_up(p, now, l);
	} else {
		bootstrap_open_more(p, now);
	}
}

static void bootstrap_open_more(struct peer *p, struct now now)
{
	struct bootstrap *b = p->bootstrap;
	size_t at_once = b->aim == BOOTSTRAP_JOIN ? BOOTSTRAP_AT_ONCE : 1;

	for (size_t i = 0; i < at_once; i++) {
		const struct bootstrap_entry *e;
		struct link *l;

		if (b->opening[i] != 0 || b->entry_next == b->entry_count)
			continue;
		e = &b->entries[b->entry_next++];
		l = link_open(p, now, &e->address, e->type, LINK_OVERLAY, bootstrap_opened, p);
		if (l != NULL)
			b->opening[i] = l->id;
	}
	if (bootstrap_opening_count(b) == 0)
		bootstrap_failed(p, now);
}

void bootstrap_start(struct peer *p, struct now now)
{
	p->bootstrap->aim = BOOTSTRAP_JOIN;
	if (p->state != PEER_JOINED || p->client)
		peer_set_state(p, now, PEER_CONNECTING);
	bootstrap_fill(p);
	bootstrap_open_more(p, now);
}

void peer_rejoin(struct peer *p, struct now now)
{
	struct bootstrap *b = p->bootstrap;
	struct instant settled =
		instant_add(b->tried_at, duration_ms(2 * BOOTSTRAP_BACKOFF_MAX_MS));

	if (p->state == PEER_IDLE || p->state == PEER_LEAVING || p->state == PEER_LEFT ||
	    b->aim == BOOTSTRAP_JOIN)
		return;
	/* A look over the fence under way has become pointless. */
	if (b->aim == BOOTSTRAP_LOOK) {
		bootstrap_stop(p, now);
		bootstrap_failed(p, now);
	}
	if (instant_due(settled, now.mono))
		b->backoff_ms = BOOTSTRAP_BACKOFF_MIN_MS;
	if (p->state != PEER_JOINED || p->client)
		peer_set_state(p, now, PEER_CONNECTING);
	b->aim = BOOTSTRAP_JOIN;
	bootstrap_later(p, now);
}

static bool bootstrap_has_lost(const struct bootstrap_lost *lost, const struct link *l)
{
	for (size_t i = 0; i < lost->count; i++)
		if (address_equal(&lost->entries[i].address, &l->listens_at) && lost->entries[i].type == l->type)
			return true;
	return false;
}

void bootstrap_peer_lost(struct peer *p, const struct link *l, bool is_orderly)
{
	struct bootstrap_lost *lost = &p->bootstrap->lost[is_orderly ? BOOTSTRAP_CLOSED : BOOTSTRAP_FAILED];

	if (l->listens_at.type == ADDRESS_NONE)
		return;
	for (size_t i = 0; i < BOOTSTRAP_LOST_KINDS; i++)
		if (bootstrap_has_lost(&p->bootstrap->lost[i], l))
			return;
	if (lost->count < BOOTSTRAP_LOST_MAX)
		lost->entries = memory_resize(lost->entries, ++lost->count * sizeof(*lost->entries));
	lost->entries[lost->next++ % BOOTSTRAP_LOST_MAX] = (struct bootstrap_entry){ l->listens_at, l->type };
}

void bootstrap_link_lost(struct peer *p, struct now now)
{
	if (link_usable_count(p) == 0)
		peer_rejoin(p, now);
}

/* An existing link to one of the bootstrap nodes. */
static const struct link *bootstrap_existing(const struct peer *p, const struct address *address)
{
	const struct node_id *known = bootstrap_known_node(p->bootstrap, address);
	const struct link *l;
	size_t cursor = 0;

	if (known != NULL && link_of_node(p, known) != NULL)
		return link_of_node(p, known);
	while ((l = link_table_next(p, &cursor)) != NULL)
		if (l->purpose == LINK_OVERLAY &&
		    (l->state == LINK_UP || l->state == LINK_ATTACHED) &&
		    address_equal(&l->address, address))
			return l;
	return NULL;
}

int peer_bootstrap_open(struct peer *p, struct now now, peer_bootstrap_fn *done, void *ctx)
{
	struct bootstrap *b = p->bootstrap;
	const struct link *l;

	if (b->aim != BOOTSTRAP_IDLE)
		return ERR_IN_PROGRESS;
	b->aim = BOOTSTRAP_LOOK;
	bootstrap_fill(p);
	l = b->entry_count == 0 ? NULL : bootstrap_existing(p, &b->entries[0].address);
	if (b->entry_count == 0 || l != NULL)
		b->aim = BOOTSTRAP_IDLE;
	if (b->entry_count == 0)
		return ERR_NO_ROUTE;
	if (l != NULL) {
		done(ctx, now, 0, l->id, &l->node_id);
		return 0;
	}
	b->done = done;
	b->ctx = ctx;
	bootstrap_open_more(p, now);
	return 0;
}
