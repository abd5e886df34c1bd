/* SPDX-License-Identifier: MIT */
/* The Connection Table: links come up, become ATTACHED, go quiet, are superseded and go. */
#include "overlay/link_table.h"

#include <stdlib.h>

#include "overlay/attach_table.h"
#include "overlay/base/invariant.h"
#include "overlay/bootstrap.h"
#include "overlay/peer_state.h"
#include "overlay/transport_state.h"

#define LINK_EVICT_IDLE_S 5        /* unattached links idle for so long give way in a full table */
#define LINK_SUPERSEDED_MS 1000    /* the end that decides closes the older link after this */
#define LINK_SUPERSEDED_OTHER_S 10 /* the other end, should the first not have done it */
#define LINK_SIMULTANEOUS_S 5      /* links younger than this may have crossed */

void link_table_new(struct peer *p)
{
	p->links = memory_alloc(sizeof(*p->links));
}

static void link_free(struct link *l)
{
	framing_free(&l->framing);
	free(l->identity);
	free(l);
}

void link_table_sweep(struct peer *p)
{
	while (p->links->gone != NULL) {
		struct link *l = p->links->gone;

		p->links->gone = l->next_gone;
		link_free(l);
	}
}

void link_table_free(struct peer *p)
{
	struct link_index *x = &p->links->index;

	link_table_sweep(p);
	timer_disarm(&p->timers, &p->links->timer);
	for (size_t i = 0; i < x->by_id.count; i++)
		link_free(x->by_id.items[i]);
	link_index_free(x);
	free(p->links);
}

struct link *link_of_id(const struct peer *p, link_id id)
{
	return link_index_find(&p->links->index, id);
}

struct link *link_of_node(const struct peer *p, const struct node_id *node)
{
	return link_index_find_node(&p->links->index, node);
}

struct link *link_table_next(const struct peer *p, size_t *cursor)
{
	return link_index_next(&p->links->index, cursor);
}

size_t link_count(const struct peer *p)
{
	return p->links->index.by_id.count;
}

size_t link_usable_count(const struct peer *p)
{
	return p->links->index.by_node.count;
}

/* ---- What the certificate says ---- */

static struct link_identity *link_identity_new(const struct identity *from)
{
	size_t ids = from->node_id_count * sizeof(from->node_ids[0]);
	size_t user = strlen(from->user) + 1;
	struct link_identity *i = memory_alloc(sizeof(*i) + ids + user);

	i->node_id_count = (uint8_t)from->node_id_count;
	i->is_vouched = from->is_vouched;
	i->hit = from->hit;
	memcpy(i->node_ids, from->node_ids, ids);
	memcpy((char *)(i->node_ids + from->node_id_count), from->user, user);
	return i;
}

bool link_has_node_id(const struct link *l, const struct node_id *id)
{
	for (size_t i = 0; l->identity != NULL && i < l->identity->node_id_count; i++)
		if (node_id_equal(&l->identity->node_ids[i], id))
			return true;
	return false;
}

const char *link_user(const struct link *l)
{
	return l->identity == NULL
		       ? ""
		       : (const char *)(l->identity->node_ids + l->identity->node_id_count);
}

/* ---- Coming and going ---- */

static struct link *link_add(struct peer *p, struct now now, const struct address *address,
			     enum overlay_link_type type, enum link_purpose purpose)
{
	struct link *l;

	if (link_count(p) >= p->links_max)
		return NULL;
	l = memory_alloc(sizeof(*l));
	l->id = ++p->links->last_id;
	l->type = (uint8_t)type;
	l->purpose = (uint8_t)purpose;
	l->address = *address;
	l->is_client = true;
	l->since = l->last_used = now.mono;
	l->close_at = INSTANT_NEVER;
	framing_init(&l->framing, now.mono, type != OVERLAY_LINK_TLS_TCP_FH_NO_ICE);
	link_index_add(&p->links->index, l);
	return l;
}

struct link *link_open(struct peer *p, struct now now, const struct address *address,
		       enum overlay_link_type type, enum link_purpose purpose,
		       link_opened_fn *opened, void *ctx)
{
	struct link *l = link_add(p, now, address, type, purpose);
	char text[ADDRESS_TEXT_SIZE];

	if (l == NULL) {
		log_warning(p->log, "link.limit", "links=%zu", link_count(p));
		return NULL;
	}
	l->state = LINK_OPENING;
	l->outgoing = true;
	l->listens_at = *address;
	l->opened = opened;
	l->opened_ctx = ctx;
	link_wake(p, instant_add(now.mono, duration_ms(LINK_OPEN_TIMEOUT_MS)));
	peer_queue_effect(p, &(struct effect){ .type = EFFECT_LINK_OPEN,
					       .link = l->id,
					       .address = *address,
					       .link_type = type,
					       .purpose = purpose });
	log_debug(p->log, "link.open", "link=%llu address=%s type=%s", (unsigned long long)l->id,
		  address_text(address, text), overlay_link_type_name(type));
	return l;
}

/* Another usable link to the same node, to take over when `l` goes. */
static struct link *link_other(const struct peer *p, const struct link *l)
{
	struct link *other;
	size_t cursor = 0;

	while ((other = link_table_next(p, &cursor)) != NULL) {
		if (other != l && other->purpose == LINK_OVERLAY &&
		    (other->state == LINK_UP || other->state == LINK_ATTACHED) &&
		    node_id_equal(&other->node_id, &l->node_id))
			return other;
	}
	return NULL;
}

/* Out of routing: another link takes its place, or the topology plug-in hears of it. `is_orderly`: the other end
 * closed it, which lives. */
static void link_unroute(struct peer *p, struct now now, struct link *l, bool is_orderly)
{
	const struct topology_ops *ops = p->topology.ops;
	struct link *other;

	if (link_of_node(p, &l->node_id) != l)
		return;
	link_index_unroute(&p->links->index, &l->node_id);
	other = link_other(p, l);
	if (other != NULL) {
		link_index_route(&p->links->index, other);
		other->close_at = INSTANT_NEVER;
		if (l->is_announced)
			other->state = LINK_ATTACHED;
		other->is_announced |= l->is_announced;
		other->is_client &= l->is_client;
		other->close_watch |= l->close_watch;
	} else if (!l->is_let_go && is_orderly && ops->link_closed != NULL) {
		ops->link_closed(p->topology.ctx, now, &l->node_id);
	} else if (!l->is_let_go) {
		/* Announced or not: a direct Update makes the plug-in know nodes too. */
		ops->link_down(p->topology.ctx, now, &l->node_id);
	}
	l->is_announced = false;
	transport_link_lost(p, now, l->id);
}

/* Takes `l` out of the table and tells whoever counted on it. `reason` 0: closed in good order. */
static void link_remove(struct peer *p, struct now now, struct link *l, int reason, bool by_other)
{
	bool was_opening = l->state == LINK_OPENING;
	bool was_attached = l->state == LINK_ATTACHED ||
			    (l->state == LINK_SUSPECT && l->state_before == LINK_ATTACHED);

	l->is_gone = true;
	link_index_remove(&p->links->index, l);
	l->next_gone = p->links->gone;
	p->links->gone = l;
	if (was_opening) {
		if (l->opened != NULL)
			l->opened(l->opened_ctx, now, l, reason == 0 ? ERR_LINK : reason);
		return;
	}
	if (l->purpose != LINK_OVERLAY)
		return;
	p->counters.links_lost++;
	if (was_attached && !l->is_client && (reason != 0 || by_other) && reason != ERR_BAD_NODE)
		bootstrap_peer_lost(p, l, reason == 0);
	link_unroute(p, now, l, by_other && reason == 0);
	/* A link to look over the fence with comes and goes without meaning anything. */
	if (was_attached || p->state != PEER_JOINED)
		bootstrap_link_lost(p, now);
}

void link_close(struct peer *p, struct now now, struct link *l, int reason)
{
	char node[NODE_ID_TEXT_SIZE];

	if (l->is_gone)
		return;
	log_debug(p->log, "link.close", "link=%llu node=%s reason=%s", (unsigned long long)l->id,
		  node_id_text(&l->node_id, node), error_name(reason));
	peer_queue_effect(
		p, &(struct effect){ .type = EFFECT_LINK_CLOSE, .link = l->id, .reason = reason });
	link_remove(p, now, l, reason, false);
}

void peer_link_down(struct peer *p, struct now now, link_id link, int reason)
{
	struct link *l = link_of_id(p, link);
	char node[NODE_ID_TEXT_SIZE];

	if (l == NULL)
		return;
	log_info(p->log, "link.down", "link=%llu node=%s state=%s reason=%s",
		 (unsigned long long)link, node_id_text(&l->node_id, node),
		 link_state_name(l->state), error_name(reason));
	/* Frames that were never acknowledged may not have been read. */
	if (reason == 0 && l->purpose == LINK_OVERLAY && framing_unacknowledged(&l->framing) > 0)
		reason = ERR_LINK;
	link_remove(p, now, l, reason, true);
	transport_run_local(p, now);
}

/* The end with the larger Node-ID decides which of two links stays, so that both cannot close each
 * other's; the other end follows, and sweeps up late. */
static void link_supersede(struct peer *p, struct now now, struct link *old, struct link *fresh)
{
	bool decides = node_id_compare(&p->node_id, &fresh->node_id) > 0;
	bool crossed = old->outgoing != fresh->outgoing &&
		       instant_since(now.mono, old->since).us < LINK_SIMULTANEOUS_S * 1000000ull;
	/* Links that crossed: the one that the larger Node-ID opened stays. */
	bool keep_old = crossed && old->outgoing == decides;
	struct link *loser = keep_old ? fresh : old;

	loser->close_at = instant_add(now.mono, decides ? duration_ms(LINK_SUPERSEDED_MS)
							: duration_s(LINK_SUPERSEDED_OTHER_S));
	link_wake(p, loser->close_at);
	if (keep_old) {
		fresh->state = old->state;
		return;
	}
	link_index_route(&p->links->index, fresh);
	fresh->state = old->state;
	fresh->is_announced = old->is_announced;
	fresh->is_client = old->is_client;
	fresh->close_watch = old->close_watch;
	old->is_announced = false;
}

/* The handshake is done and the certificate accepted. */
static void link_came_up(struct peer *p, struct now now, struct link *l)
{
	struct link *old = link_of_node(p, &l->node_id);
	char node[NODE_ID_TEXT_SIZE];
	char address[ADDRESS_TEXT_SIZE];

	l->state = LINK_UP;
	l->since = l->last_used = now.mono;
	l->framing.last_received = now.mono;
	p->counters.links_opened++;
	log_info(p->log, "link.up", "link=%llu node=%s address=%s type=%s direction=%s",
		 (unsigned long long)l->id, node_id_text(&l->node_id, node),
		 address_text(&l->address, address), overlay_link_type_name(l->type),
		 l->outgoing ? "out" : "in");
	if (l->purpose != LINK_OVERLAY)
		return;
	if (old == NULL)
		link_index_route(&p->links->index, l);
	else
		link_supersede(p, now, old, l);
	link_wake(p, instant_min(framing_deadline(l), l->close_at));
}

/* 0, or why the other end's certificate is refused. */
static int link_identify(struct peer *p, struct now now, struct slice certificate,
			 struct identity *out)
{
	int err = p->security.ops->identify(p->security.ctx, now.wall, certificate, out);

	if (err == 0 && out->node_id_count == 0)
		err = ERR_CERTIFICATE;
	/* A bootstrap address may be our own. */
	if (err == 0 && identity_has_node_id(out, &p->node_id))
		err = ERR_DUPLICATE;
	for (size_t i = 0; err == 0 && i < p->configuration->bad_node_count; i++)
		if (identity_has_node_id(out, &p->configuration->bad_nodes[i]))
			err = ERR_BAD_NODE;
	return err;
}

/* In a full table the link that did nothing for longest goes, if nobody attached it: a bootstrap node
 * would otherwise be shut by those who have long found their place. */
static void link_make_room(struct peer *p, struct now now)
{
	struct link *idlest = NULL;
	struct link *l;
	size_t cursor = 0;

	if (link_count(p) < p->links_max)
		return;
	while ((l = link_table_next(p, &cursor)) != NULL)
		if (l->state == LINK_UP && l->purpose == LINK_OVERLAY &&
		    (idlest == NULL || instant_before(l->last_used, idlest->last_used)))
			idlest = l;
	if (idlest != NULL && instant_due(instant_add(idlest->last_used, duration_s(LINK_EVICT_IDLE_S)),
					  now.mono))
		link_close(p, now, idlest, ERR_LIMIT);
}

void peer_link_refused(struct peer *p, const struct address *remote, int reason)
{
	char text[ADDRESS_TEXT_SIZE];

	p->counters.links_refused++;
	counter_error(&p->counters, reason);
	log_info(p->log, "link.refused", "address=%s reason=%s", address_text(remote, text),
		 error_name(reason));
}

link_id peer_link_accept(struct peer *p, struct now now, enum link_purpose purpose,
			 enum overlay_link_type type, const struct address *remote,
			 struct slice certificate)
{
	struct identity identity;
	struct link *l;
	int err = link_identify(p, now, certificate, &identity);

	if (err == 0 && (p->state == PEER_IDLE || p->state == PEER_LEFT))
		err = ERR_NOT_JOINED;
	if (err == 0 && purpose == LINK_APPLICATION && !attach_expects_app_link(p, &identity))
		err = ERR_FORBIDDEN;
	if (err == 0)
		link_make_room(p, now);
	l = err == 0 ? link_add(p, now, remote, type, purpose) : NULL;
	if (err == 0 && l == NULL)
		err = ERR_LIMIT;
	if (err != 0) {
		peer_link_refused(p, remote, err);
		return 0;
	}
	l->identity = link_identity_new(&identity);
	l->node_id = identity.node_id;
	attach_name_link(p, l);
	link_came_up(p, now, l);
	attach_link_accepted(p, now, l);
	transport_run_local(p, now);
	return l->id;
}

void peer_link_up(struct peer *p, struct now now, link_id link, struct slice certificate)
{
	struct link *l = link_of_id(p, link);
	struct identity identity;
	int err;

	if (l == NULL || l->state != LINK_OPENING)
		return;
	err = link_identify(p, now, certificate, &identity);
	if (err != 0) {
		peer_link_refused(p, &l->address, err);
		link_close(p, now, l, err);
		return;
	}
	l->identity = link_identity_new(&identity);
	l->node_id = identity.node_id;
	attach_name_link(p, l);
	link_came_up(p, now, l);
	if (l->opened != NULL)
		l->opened(l->opened_ctx, now, l, 0);
	transport_run_local(p, now);
}

void link_attach(struct peer *p, struct now now, struct link *l, const struct node_id *node,
		 bool send_update)
{
	bool is_renamed = !node_id_equal(&l->node_id, node) && link_of_node(p, &l->node_id) == l;
	struct link *routed;

	/* Several Node-IDs in the certificate: now it is known which one is meant. */
	if (is_renamed)
		link_index_unroute(&p->links->index, &l->node_id);
	l->node_id = *node;
	if (is_renamed)
		link_index_route(&p->links->index, l);
	if (l->state == LINK_SUSPECT)
		link_recover(p, now, l);
	l->state = LINK_ATTACHED;
	l->is_bootstrap = false;
	l->last_used = now.mono;
	/* Of two links to the node the one that messages take stands for both. */
	routed = link_of_node(p, node);
	if (routed != NULL) {
		routed->state = LINK_ATTACHED;
		routed->is_bootstrap = false;
		routed->is_announced = true;
	}
	p->topology.ops->link_up(p->topology.ctx, now, node, send_update);
}

void link_is_peer(struct peer *p, struct now now, struct link *l)
{
	l->is_client = false;
	/* Attached it may be and yet not announced: the one that took the place of a link let go. */
	if (l->state == LINK_UP ||
	    (l->state == LINK_ATTACHED && !l->is_announced && link_of_node(p, &l->node_id) == l))
		link_attach(p, now, l, &l->node_id, false);
}

void link_suspect(struct peer *p, struct now now, struct link *l)
{
	char node[NODE_ID_TEXT_SIZE];
	bool was_announced = l->is_announced;

	if (l->state != LINK_UP && l->state != LINK_ATTACHED)
		return;
	log_info(p->log, "link.suspect", "link=%llu node=%s unacknowledged=%zu",
		 (unsigned long long)l->id, node_id_text(&l->node_id, node),
		 framing_unacknowledged(&l->framing));
	l->state_before = was_announced ? (uint8_t)LINK_ATTACHED : l->state;
	l->state = LINK_SUSPECT;
	link_unroute(p, now, l, false);
}

void link_recover(struct peer *p, struct now now, struct link *l)
{
	struct link *routed = link_of_node(p, &l->node_id);
	char node[NODE_ID_TEXT_SIZE];

	if (l->state != LINK_SUSPECT)
		return;
	log_info(p->log, "link.recovered", "link=%llu node=%s", (unsigned long long)l->id,
		 node_id_text(&l->node_id, node));
	l->state = l->state_before;
	if (routed != NULL) {
		/* Another one has come meanwhile: this one is not needed. The other end has it attached. */
		l->close_at = instant_add(now.mono, duration_s(LINK_SUPERSEDED_OTHER_S));
		link_wake(p, l->close_at);
		if (l->state == LINK_ATTACHED && !routed->is_announced)
			link_attach(p, now, routed, &l->node_id, true);
		return;
	}
	link_index_route(&p->links->index, l);
	if (l->state != LINK_ATTACHED)
		return;
	l->is_announced = true;
	p->topology.ops->link_up(p->topology.ctx, now, &l->node_id, true);
}

void link_release(struct peer *p, struct link *l)
{
	l->is_gone = true;
	link_index_remove(&p->links->index, l);
	l->next_gone = p->links->gone;
	p->links->gone = l;
}

void link_close_bad(struct peer *p, struct now now)
{
	struct link *l;
	size_t cursor = 0;

	while ((l = link_table_next(p, &cursor)) != NULL) {
		bool is_bad = false;

		for (size_t i = 0; i < p->configuration->bad_node_count; i++)
			is_bad |=
				link_has_node_id(l, &p->configuration->bad_nodes[i]);
		if (!is_bad)
			continue;
		peer_link_refused(p, &l->address, ERR_BAD_NODE);
		link_close(p, now, l, ERR_BAD_NODE);
		cursor = 0; /* closing may have opened others */
	}
}

void link_let_go(struct peer *p, struct now now, const struct node_id *node)
{
	struct link *l = link_of_node(p, node);

	if (l == NULL)
		return;
	l->is_announced = false;
	l->is_let_go = true;
	link_close(p, now, l, 0);
}

void link_close_all(struct peer *p, struct now now)
{
	struct link *l;
	size_t cursor = 0;

	while ((l = link_table_next(p, &cursor)) != NULL) {
		link_close(p, now, l, 0);
		cursor = 0;
	}
}
