/* SPDX-License-Identifier: MIT */
/* Who else must hold what we hold, and making it so.
 *
 * A Store is answered by the owner when both replicas confirmed it, or after three seconds with those that
 * did: 10.4 lets the owner answer first, but then an acknowledged record would have a single copy.
 *
 * What topology changes ask (10.7.3) is not followed change by change. A sweep looks at every Resource and
 * compares what is with what should be: the owner makes the replicas that are missing; who stopped being the
 * owner tells the new one; who is no longer even a replica does so too and then forgets. Nothing is forgotten
 * before the new owner answered a Store of all of it and named two replicas that confirmed: the answer to a
 * Store is this proof, for an owner answers a hand-over like any Store, after its replicas. Three
 * predecessors then lie between us and the Resource, for we are neither owner nor one of two successors.
 *
 * Hand-over Stores carry replica number 1: their request is signed by us, not by who may write, and so only
 * 7.4.1.1's check of the sender applies. Each value's own signature is checked in any case. An owner takes
 * them from whoever has them; a node that refuses (Forbidden) is none, and is asked again from time to time. */
#include "storage/replication.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/link.h"
#include "storage/hand_over.h"
#include "storage/outage.h"
#include "storage/transfer.h"

#define REPLICA_WAIT_MS 3000u      /* an owner's patience with its replicas */
#define SWEEP_SETTLE_MS 50u        /* changes of the topology come in bursts */
#define SWEEP_RETRY_MS 5000u
/* Nothing is forgotten so soon after a change: two may take themselves for its owner. */
#define PARTING_HOLD_MS 10000u
/* After this a new owner that has given us no replica of a Resource is told what we have of it. */
#define OWNER_SILENT_MS 30000u
#define LINKS_CHECK_S 10u          /* a replica that starts again within a moment changes no neighbourhood */

static void replication_sweep(void *ctx, struct now now);
static void replication_check_links(void *ctx, struct now now);

static size_t replication_nodes(const struct storage *s, struct node_id out[TOPOLOGY_REPLICAS])
{
	const struct topology *t = peer_topology(s->peer);

	return t->ops->replicas(t->ctx, out);
}

static enum responsibility replication_role(const struct storage *s, const struct node_id *point)
{
	const struct topology *t = peer_topology(s->peer);

	return t->ops->responsibility(t->ctx, point);
}

/* ---- Stores that wait ---- */

void replication_dirty(struct storage *s)
{
	struct effect e = { .type = EFFECT_STORE_COMMIT };

	if (s->commit_queued)
		return;
	s->commit_queued = true;
	peer_queue_effect(s->peer, &e);
}

void replication_await_commit(struct storage *s, struct store_wait *wait)
{
	wait->next = NULL;
	*s->uncommitted_end = wait;
	s->uncommitted_end = &wait->next;
	replication_dirty(s);
}

/* The replicas that hold everything up to `version`. */
static size_t replication_confirmed(const struct storage *s, struct stored_resource *r, uint64_t version,
				    struct node_id out[TOPOLOGY_REPLICAS], size_t *wanted)
{
	struct node_id replicas[TOPOLOGY_REPLICAS];
	size_t count = 0;

	*wanted = replication_nodes(s, replicas);
	for (size_t i = 0; i < *wanted; i++) {
		struct holder *h = store_holder(r, &replicas[i], false);

		if (h != NULL)
			transfer_doubt(s, h);
		if (h != NULL && h->confirmed >= version)
			out[count++] = replicas[i];
	}
	return count;
}

/* Answers those whose replicas have all confirmed. */
static void replication_progress(struct storage *s, struct now now, struct stored_resource *r)
{
	struct store_wait **link = &r->waits;

	while (*link != NULL) {
		struct node_id confirmed[TOPOLOGY_REPLICAS];
		struct store_wait *wait = *link;
		size_t wanted;
		size_t count = replication_confirmed(s, r, wait->version, confirmed, &wanted);

		if (count < wanted) {
			link = &wait->next;
			continue;
		}
		*link = wait->next;
		storage_wait_answer(s, now, wait, confirmed, count);
	}
}

/* Answers one with the replicas that there are. */
static void replication_give_up(struct storage *s, struct now now, struct stored_resource *r,
				struct store_wait *wait)
{
	struct node_id confirmed[TOPOLOGY_REPLICAS];
	char text[NODE_ID_TEXT_SIZE];
	size_t wanted;
	size_t count = replication_confirmed(s, r, wait->version, confirmed, &wanted);

	log_info(peer_log(s->peer), "storage.unprotected", "resource=%s replicas=%zu wanted=%zu",
		 node_id_text(&r->point, text), count, wanted);
	for (struct store_wait **link = &r->waits; *link != NULL; link = &(*link)->next) {
		if (*link == wait) {
			*link = wait->next;
			break;
		}
	}
	storage_wait_answer(s, now, wait, confirmed, count);
}

static void replication_wait_over(void *ctx, struct now now)
{
	struct store_wait *wait = ctx;
	struct stored_resource *r = store_resource(&wait->storage->store, &wait->point);

	invariant(r != NULL);
	replication_give_up(wait->storage, now, r, wait);
}

void replication_forget(struct storage *s, struct now now, struct stored_resource *r)
{
	while (r->waits != NULL)
		replication_give_up(s, now, r, r->waits);
}

/* What cannot be sent now is put off; the sweep comes back to it. */
static void replication_start(struct storage *s, struct now now, struct stored_resource *r,
			      const struct node_id *to, size_t replica_number)
{
	if (transfer_start(s, now, r, to, (uint8_t)replica_number, NULL) != 0)
		s->sweep_left = true;
}

/* Stores to every replica what it lacks, whether the neighbourhood has settled or not. */
static void replication_replicate(struct storage *s, struct now now, struct stored_resource *r)
{
	struct node_id replicas[TOPOLOGY_REPLICAS];
	size_t count = replication_nodes(s, replicas);

	for (size_t i = 0; i < count; i++) {
		const struct holder *h = store_holder(r, &replicas[i], true);

		if (h != NULL && !h->in_flight && h->confirmed < r->version)
			replication_start(s, now, r, &replicas[i], i + 1);
	}
}

/* Nothing is acknowledged before this node's own commit, but the replicas need not wait for it: should it
 * fail, they hold a value that its author will store again. */
void replication_ahead(struct storage *s, struct now now)
{
	for (const struct store_wait *wait = s->uncommitted; wait != NULL; wait = wait->next) {
		struct stored_resource *r = wait->is_owner ? store_resource(&s->store, &wait->point) : NULL;

		if (r != NULL)
			replication_replicate(s, now, r);
	}
}

void replication_committed(struct storage *s, struct now now)
{
	struct store_wait *wait = s->uncommitted;

	if (!timer_is_armed(&s->links_timer))
		replication_check_links(s, now);

	s->uncommitted = NULL;
	s->uncommitted_end = &s->uncommitted;
	while (wait != NULL) {
		struct stored_resource *r = store_resource(&s->store, &wait->point);
		struct store_wait *next = wait->next;

		if (!wait->is_owner || r == NULL) {
			storage_wait_answer(s, now, wait, NULL, 0);
		} else {
			wait->next = r->waits;
			r->waits = wait;
			r->owner_may_lack_it = true;
			timer_arm(peer_timers(s->peer), &wait->timer,
				  instant_add(now.mono, duration_ms(REPLICA_WAIT_MS)),
				  replication_wait_over, wait);
			replication_replicate(s, now, r);
			replication_progress(s, now, r);
		}
		wait = next;
	}
}

static size_t replication_held(const struct stored_resource *r)
{
	size_t count = 0;

	for (size_t i = 0; i < r->kind_count; i++)
		count += r->kinds[i]->count;
	return count;
}

void replication_source(struct stored_resource *r, const struct node_id *from, uint8_t replica_number, size_t count)
{
	bool forgets = replica_number == REPLICA_PARTING;

	for (size_t i = 0; i < r->holder_count; i++) {
		struct holder *h = &r->holders[i];
		bool is_from = node_id_equal(&h->node, from);

		/* Should it become a replica again, it is given everything again. */
		if (is_from && forgets)
			h->confirmed = 0;
		/* One of us is about to forget, and the other gave it everything just now: neither word holds. */
		if (h->in_flight && (r->is_parting || (forgets && (is_from || node_id_is_zero(&h->node)))))
			h->crossed = true;
	}
	r->is_parting = false;
	if (replica_number == 0 || forgets)
		return;
	/* A new owner begins with all it has; what we hold beyond that it does not know. */
	if ((!node_id_equal(&r->owner, from) || r->owner_unheard.us != 0) && replication_held(r) > count)
		r->owner_may_lack_it = true;
	r->owner = *from;
	r->owner_unheard = (struct instant){ 0 };
}

/* ---- The sweep ---- */

static void replication_sweep_soon(struct storage *s, struct now now, uint64_t ms)
{
	struct instant at = instant_add(now.mono, duration_ms(ms));

	if (!timer_is_armed(&s->sweep_timer) || instant_before(at, s->sweep_timer.at))
		timer_arm(peer_timers(s->peer), &s->sweep_timer, at, replication_sweep, s);
}

/* The node that owns `point` as far as we can see among our predecessors; else *out stays as it is. */
static void replication_owner(const struct storage *s, const struct node_id *point, struct node_id *out)
{
	const struct topology *t = peer_topology(s->peer);
	struct topology_view view;

	t->ops->view(t->ctx, &view);
	for (size_t i = 0; i + 1 < view.predecessor_count; i++) {
		if (node_id_in_range(point, &view.predecessors[i + 1], &view.predecessors[i])) {
			*out = view.predecessors[i];
			return;
		}
	}
}

/* What was confirmed by nodes that are gone, or that may have forgotten since, counts no longer. */
static void replication_prune_holders(const struct storage *s, struct stored_resource *r)
{
	const struct topology *t = peer_topology(s->peer);
	struct node_id replicas[TOPOLOGY_REPLICAS];
	size_t count = replication_nodes(s, replicas);
	struct topology_view view;

	t->ops->view(t->ctx, &view);
	for (size_t i = 0; i < r->holder_count; i++) {
		bool stays = false;

		for (size_t k = 0; k < count; k++)
			stays |= node_id_equal(&r->holders[i].node, &replicas[k]);
		for (size_t k = 0; k < view.predecessor_count; k++)
			stays |= node_id_equal(&r->holders[i].node, &view.predecessors[k]);
		if (!stays)
			r->holders[i].confirmed = 0;
	}
}

static void replication_sweep_owned(struct storage *s, struct now now, struct stored_resource *r)
{
	struct node_id replicas[TOPOLOGY_REPLICAS];
	size_t count = replication_nodes(s, replicas);

	r->owner = *peer_node_id(s->peer);
	r->owner_may_lack_it = true;
	r->is_parting = false;
	replication_prune_holders(s, r);
	for (size_t i = 0; i < count; i++) {
		struct holder *h = store_holder(r, &replicas[i], true);

		if (h != NULL)
			transfer_doubt(s, h);
		if (h != NULL && h->confirmed >= r->version)
			continue;
		s->sweep_left = true;
		if (h != NULL && !h->in_flight && s->replicas_settled &&
		    instant_due(h->retry, now.mono))
			replication_start(s, now, r, &replicas[i], i + 1);
	}
}

/* While another node owns it, those we made replicas once may forget, and it is not us they tell. */
static void replication_keep_holder(struct stored_resource *r, const struct node_id *owner)
{
	for (size_t i = 0; i < r->holder_count; i++)
		if (!node_id_equal(&r->holders[i].node, owner))
			r->holders[i].confirmed = 0;
}

/* An owner that took the place of one that is gone need not be a former replica: it may have joined between the
 * dead owner and us before the death was noticed, and been given only its own part. One that took the place of a
 * neighbor has it from that one, commonly; but the former may itself have owned it for a moment only, while a third
 * died. So each is heard or told: an owner gives its replicas what it has, and who hears nothing gives what it has. */
static void replication_note_owner(const struct storage *s, struct now now, struct stored_resource *r,
				   const struct node_id *owner)
{
	const struct topology *t = peer_topology(s->peer);
	struct topology_view view;
	bool is_here = node_id_is_zero(&r->owner) || node_id_equal(&r->owner, peer_node_id(s->peer));

	if (node_id_is_zero(owner) || node_id_equal(&r->owner, owner))
		return;
	t->ops->view(t->ctx, &view);
	for (size_t i = 0; i < view.predecessor_count; i++)
		is_here |= node_id_equal(&view.predecessors[i], &r->owner);
	if (!is_here)
		r->owner_may_lack_it = true;
	r->owner = *owner;
	r->owner_unheard = now.mono;
}

/* True once a new owner has had its time to give us a replica and has not. */
static bool replication_owner_is_silent(struct storage *s, struct now now, struct stored_resource *r)
{
	if (r->owner_unheard.us == 0)
		return false;
	if (!instant_due(instant_add(r->owner_unheard, duration_ms(OWNER_SILENT_MS)), now.mono)) {
		s->sweep_left = true;
		return false;
	}
	r->owner_unheard = (struct instant){ 0 };
	return true;
}

/* Tells the owner. True when it and two replicas of its own hold everything. */
static bool replication_tell_owner(struct storage *s, struct now now, struct stored_resource *r, bool must)
{
	struct node_id owner = { 0 };
	struct holder *h;

	/* Unknown: the zero Node-ID stands for whoever is responsible. */
	replication_owner(s, &r->point, &owner);
	replication_note_owner(s, now, r, &owner);
	r->owner_may_lack_it |= replication_owner_is_silent(s, now, r);
	replication_keep_holder(r, &owner);
	h = store_holder(r, &owner, true);
	if (h == NULL)
		return false;
	if (!must && !r->owner_may_lack_it) {
		r->is_parting = false;
		return false;
	}
	/* What it confirmed before does not do: it must learn now that we hold this no longer. */
	if (must && !r->is_parting)
		h->confirmed = 0;
	r->is_parting = must;
	transfer_doubt(s, h);
	if (h->confirmed >= r->version) {
		r->owner_may_lack_it = false;
		if (!must)
			return false;
		if (h->replicas >= TOPOLOGY_REPLICAS)
			return true;
		/* It has the data and lacks replicas: ask again, with the same Store. */
		h->confirmed = 0;
		h->retry = instant_add(now.mono, duration_ms(SWEEP_RETRY_MS));
	}
	s->sweep_left = true;
	if (!h->in_flight && instant_due(h->retry, now.mono))
		replication_start(s, now, r, &owner, must ? REPLICA_PARTING : 1);
	return false;
}

/* Data of Kinds that a newer configuration no longer has, or shapes otherwise, goes (11.1). True when
 * nothing is left of `r`. */
static bool replication_drop_kinds(struct storage *s, struct now now, struct stored_resource *r)
{
	const struct kind_table *kinds = &peer_configuration(s->peer)->kinds;
	struct node_id point = r->point;

	for (size_t i = 0; r != NULL && i < r->kind_count;) {
		struct stored_kind *k = r->kinds[i];
		const struct kind *kind = kind_find(kinds, k->id);
		size_t left = k->count;

		if (kind != NULL && kind->model == k->model) {
			i++;
			continue;
		}
		log_info(peer_log(s->peer), "storage.kind_dropped", "kind=%u values=%zu", k->id, left);
		/* The Kind goes with its last value, the Resource with its last Kind. */
		for (; left > 0; left--)
			store_remove(&s->store, now, k->values[left - 1]);
		r = store_resource(&s->store, &point);
	}
	return r == NULL;
}

/* `r` may be gone afterwards. */
static void replication_sweep_resource(struct storage *s, struct now now, struct stored_resource *r)
{
	char text[NODE_ID_TEXT_SIZE];

	if (!outage_is_on(s) && replication_drop_kinds(s, now, r))
		return;
	switch (replication_role(s, &r->point)) {
	case RESPONSIBLE_OWNER:
		replication_sweep_owned(s, now, r);
		break;
	case RESPONSIBLE_REPLICA:
		replication_tell_owner(s, now, r, false);
		break;
	case RESPONSIBLE_NOT:
		if (!instant_due(instant_add(s->changed, duration_ms(PARTING_HOLD_MS)), now.mono)) {
			(void)replication_tell_owner(s, now, r, false);
			s->sweep_left = true;
			break;
		}
		if (replication_tell_owner(s, now, r, true) && r->waits == NULL && !outage_is_on(s)) {
			log_info(peer_log(s->peer), "storage.forgotten", "resource=%s kinds=%zu",
				 node_id_text(&r->point, text), r->kind_count);
			store_remove_resource(&s->store, now, r);
		}
		break;
	}
}

static void replication_sweep_begin(struct storage *s)
{
	size_t cursor = 0;
	void *r;

	free(s->sweep_points);
	s->sweep_points = memory_alloc((map_count(s->store.resources) + 1) * sizeof(*s->sweep_points));
	s->sweep_count = s->sweep_at = 0;
	s->sweep_left = false;
	while (map_next(s->store.resources, &cursor, NULL, &r))
		s->sweep_points[s->sweep_count++] = ((struct stored_resource *)r)->point;
}

/* Goes on as long as there is room for Stores. */
static void replication_sweep_step(struct storage *s, struct now now)
{
	if (s->sweep_points == NULL)
		return;
	while (s->sweep_at < s->sweep_count && s->transfer_count < TRANSFERS_MAX) {
		struct stored_resource *r = store_resource(&s->store, &s->sweep_points[s->sweep_at++]);

		if (r != NULL)
			replication_sweep_resource(s, now, r);
	}
	if (s->sweep_at < s->sweep_count)
		return;
	free(s->sweep_points);
	s->sweep_points = NULL;
	if (s->sweep_left)
		replication_sweep_soon(s, now, SWEEP_RETRY_MS);
}

static void replication_sweep(void *ctx, struct now now)
{
	struct storage *s = ctx;
	enum peer_state state = peer_state(s->peer);

	if (state == PEER_JOINED) {
		replication_sweep_begin(s);
		replication_sweep_step(s, now);
	} else if (state != PEER_LEAVING && state != PEER_LEFT && s->store.values > 0) {
		/* Nobody's neighbour yet: who owns what is not known. */
		replication_sweep_soon(s, now, SWEEP_RETRY_MS);
	}
}

/* The neighbourhood may look the same, and yet a replica be another process than before. */
static void replication_check_links(void *ctx, struct now now)
{
	struct storage *s = ctx;
	struct node_id replicas[TOPOLOGY_REPLICAS];
	size_t count = replication_nodes(s, replicas);
	bool same = true;

	if (s->store.values == 0)
		return;
	for (size_t i = 0; i < count; i++) {
		link_id link = link_find_node(s->peer, &replicas[i]);

		same &= link == s->replica_links[i];
		s->replica_links[i] = link;
	}
	if (!same)
		replication_sweep_soon(s, now, SWEEP_SETTLE_MS);
	timer_arm(peer_timers(s->peer), &s->links_timer, instant_add(now.mono, duration_s(LINKS_CHECK_S)),
		  replication_check_links, s);
}

void replication_taken(struct storage *s, struct now now, const struct node_id *point)
{
	const struct stored_resource *r = store_resource(&s->store, point);
	enum responsibility role = replication_role(s, point);

	if (role == RESPONSIBLE_NOT || (role == RESPONSIBLE_REPLICA && r != NULL && r->owner_may_lack_it))
		replication_sweep_soon(s, now, SWEEP_RETRY_MS);
}

void replication_topology_changed(struct storage *s, struct now now, bool replicas_settled)
{
	s->replicas_settled = replicas_settled;
	s->changed = now.mono;
	if (s->store.values == 0)
		return;
	replication_sweep_soon(s, now, SWEEP_SETTLE_MS);
	if (!timer_is_armed(&s->links_timer))
		replication_check_links(s, now);
}

void replication_transferred(struct storage *s, struct now now, const struct transfer *t, int err)
{
	struct stored_resource *r = store_resource(&s->store, &t->point);
	enum peer_state state = peer_state(s->peer);

	if (r != NULL) {
		replication_progress(s, now, r);
		if (r->waits != NULL && err == 0)
			replication_replicate(s, now, r);
	}
	if (t->hand_over != NULL)
		hand_over_transferred(t->hand_over, now, r, err);
	else if (r != NULL && state == PEER_JOINED)
		replication_sweep_resource(s, now, r);
	if (s->sweep_points != NULL)
		replication_sweep_step(s, now);
	else if (s->sweep_left && state == PEER_JOINED)
		replication_sweep_soon(s, now, SWEEP_RETRY_MS);
}

void replication_free(struct storage *s)
{
	size_t cursor = 0;
	void *item;

	transfer_cancel_all(s);
	timer_disarm(peer_timers(s->peer), &s->sweep_timer);
	timer_disarm(peer_timers(s->peer), &s->links_timer);
	free(s->sweep_points);
	while (s->uncommitted != NULL) {
		struct store_wait *next = s->uncommitted->next;

		free(s->uncommitted);
		s->uncommitted = next;
	}
	while (map_next(s->store.resources, &cursor, NULL, &item)) {
		struct stored_resource *r = item;

		while (r->waits != NULL) {
			struct store_wait *next = r->waits->next;

			timer_disarm(peer_timers(s->peer), &r->waits->timer);
			free(r->waits);
			r->waits = next;
		}
	}
	hand_over_free_all(s);
}
