/* SPDX-License-Identifier: MIT */
/* Letting go of links that nobody needs: a growing overlay leaves those behind that were made to former neighbours.
 *
 * Whoever made a link knows what for, so it lets go when that is over; the other end may need it although we do not.
 * A few places beyond the neighbours are left alone, as two peers need not agree on how many there are. With
 * many links, as a bootstrap node has in a storm of joins, whatever we do not need goes: who misses it attaches
 * anew. */
#include "overlay/chord/chord_state.h"

#define SURPLUS_CHECK_MS 10000
#define SURPLUS_CROWDED_CHECK_MS 1000
#define SURPLUS_NEEDLESS_S 30 /* before it goes */
#define SURPLUS_CROWDED_NEEDLESS_S 3
#define SURPLUS_CROWDED 128  /* links */
#define SURPLUS_MARGIN 2     /* places beyond the neighbours */
#define SURPLUS_AT_ONCE 32   /* links */

static bool surplus_is_finger(const struct chord *c, const struct node_id *id)
{
	size_t index = chord_tables_finger_of(c, id);

	return index < c->finger_count && node_id_equal(&c->fingers[index].id, id);
}

static bool surplus_is_needed(const struct chord *c, const struct chord_node *n)
{
	const struct topology_ops *ops = peer_topology(c->peer)->ops;

	if (n->is_neighbor || chord_tables_rank(c, &n->id) < c->reach + SURPLUS_MARGIN)
		return true;
	if (!n->is_ready) /* a client, or on its way into the ring */
		return ops->is_responsible((void *)(uintptr_t)c, &n->id) ||
		       node_id_equal(&c->admission.joining, &n->id);
	return surplus_is_finger(c, &n->id);
}

static void surplus_let_go(struct chord *c, struct now now, const struct node_id *id)
{
	char text[NODE_ID_TEXT_SIZE];

	log_debug(peer_log(c->peer), "link.surplus", "node=%s", node_id_text(id, text));
	chord_tables_remove(c, id);
	link_let_go(c->peer, now, id);
}

static bool surplus_may_go(const struct chord_node *n, struct now now, bool is_crowded)
{
	uint64_t s = is_crowded ? SURPLUS_CROWDED_NEEDLESS_S : SURPLUS_NEEDLESS_S;

	if (n->needless_since.us == 0 ||
	    !instant_due(instant_add(n->needless_since, duration_s(s)), now.mono))
		return false;
	return is_crowded || (n->is_ready && n->is_sought);
}

static void surplus_arm(struct chord *c, struct now now);

static void surplus_fire(void *ctx, struct now now)
{
	struct chord *c = ctx;
	bool is_crowded = link_count(c->peer) > SURPLUS_CROWDED;
	struct node_id gone[SURPLUS_AT_ONCE];
	size_t count = 0;

	c->now_hint = now.mono;
	for (size_t i = 0; i < c->node_count; i++) {
		struct chord_node *n = &c->nodes[i];

		if (surplus_is_needed(c, n))
			n->needless_since = (struct instant){ 0 };
		else if (n->needless_since.us == 0)
			n->needless_since = now.mono;
		if (count < SURPLUS_AT_ONCE && surplus_may_go(n, now, is_crowded))
			gone[count++] = n->id;
	}
	for (size_t i = 0; i < count; i++)
		surplus_let_go(c, now, &gone[i]);
	if (count > 0)
		chord_tables_recompute(c, now);
	surplus_arm(c, now);
}

static void surplus_arm(struct chord *c, struct now now)
{
	bool is_crowded = link_count(c->peer) > SURPLUS_CROWDED;

	timer_arm(peer_timers(c->peer), &c->surplus_timer,
		  chord_jittered(c, now, is_crowded ? SURPLUS_CROWDED_CHECK_MS : SURPLUS_CHECK_MS),
		  surplus_fire, c);
}

void surplus_begin(struct chord *c, struct now now)
{
	surplus_arm(c, now);
}

void surplus_stop(struct chord *c)
{
	timer_disarm(peer_timers(c->peer), &c->surplus_timer);
}
