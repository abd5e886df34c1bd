/* SPDX-License-Identifier: MIT */
/* The Connection Table and time: handshakes that hang, links that nobody uses, links gone quiet. */
#include "overlay/link_table.h"
#include "overlay/peer_state.h"

#define LINK_UNUSED_TIMEOUT_S 30 /* of a bootstrap link that was never attached */
#define LINK_CLIENT_TIMEOUT_S 60 /* for a node to show that it is a peer, where clients may not be */

/* Until when the other end may be taken for a node that is still joining (clients-permitted false, 11.1): a
 * peer sends an Update at once, a joining one within the time a join takes. A bootstrap link of ours is
 * exempt, as nobody sends an Update over it. */
static struct instant link_client_until(const struct peer *p, const struct link *l)
{
	if (p->configuration->clients_permitted || p->client || !l->is_client ||
	    (l->outgoing && l->state != LINK_ATTACHED))
		return INSTANT_NEVER;
	return instant_add(l->since, duration_s(LINK_CLIENT_TIMEOUT_S));
}

/* When link_due has to look again. */
static struct instant link_deadline(const struct peer *p, const struct link *l)
{
	struct instant at = l->close_at;

	if (l->state == LINK_OPENING)
		return instant_add(l->since, duration_ms(LINK_OPEN_TIMEOUT_MS));
	if (l->purpose != LINK_OVERLAY)
		return instant_min(at, instant_add(l->since, duration_s(LINK_UNUSED_TIMEOUT_S)));
	if (l->is_bootstrap)
		at = instant_min(at, instant_add(l->last_used, duration_s(LINK_UNUSED_TIMEOUT_S)));
	return instant_min(instant_min(at, link_client_until(p, l)), framing_deadline(l));
}

/* What has come for this link. */
static void link_due(struct peer *p, struct now now, struct link *l)
{
	bool is_unused = l->is_bootstrap || l->purpose != LINK_OVERLAY;

	if (l->state == LINK_OPENING) {
		if (instant_due(link_deadline(p, l), now.mono))
			link_close(p, now, l, ERR_LINK);
	} else if (instant_due(l->close_at, now.mono)) {
		link_close(p, now, l, ERR_DUPLICATE);
	} else if (is_unused &&
		   instant_due(instant_add(l->last_used, duration_s(LINK_UNUSED_TIMEOUT_S)),
			       now.mono)) {
		link_close(p, now, l, 0);
	} else if (l->purpose == LINK_OVERLAY && instant_due(link_client_until(p, l), now.mono)) {
		peer_link_refused(p, &l->address, ERR_FORBIDDEN);
		link_close(p, now, l, ERR_FORBIDDEN);
	} else if (l->purpose == LINK_OVERLAY) {
		framing_expire(p, now, l);
	}
}

/* Looks at all links: there are not so many, and one timer for them is cheaper than one each. */
static void link_watch(void *ctx, struct now now)
{
	struct peer *p = ctx;
	const struct link_list *all = &p->links->index.by_id;
	struct instant next = INSTANT_NEVER;
	size_t i = 0;

	while (i < all->count) {
		struct link *l = all->items[i];
		size_t cursor = (size_t)l->id + 1;
		struct instant at = link_deadline(p, l);

		if (instant_due(at, now.mono) || framing_is_due_early(l, now.mono)) {
			link_due(p, now, l);
			at = l->is_gone ? INSTANT_NEVER : link_deadline(p, l);
		}
		next = instant_min(next, at);
		/* It may be gone now, and others with it. */
		i = i < all->count && all->items[i] == l ? i + 1 : link_index_place(&p->links->index, cursor);
	}
	link_wake(p, next);
}

void link_wake(struct peer *p, struct instant at)
{
	struct timer *t = &p->links->timer;

	/* Armed earlier is good enough: link_watch looks again. So most frames cost no heap work. */
	if (!instant_is_never(at) && (!timer_is_armed(t) || instant_before(at, t->at)))
		timer_arm(&p->timers, t, at, link_watch, p);
}

void link_set_watch(struct peer *p, const struct node_id *node, bool close_watch)
{
	struct link *l = link_of_node(p, node);

	if (l == NULL || l->close_watch == close_watch)
		return;
	l->close_watch = close_watch;
	link_wake(p, framing_deadline(l));
}
