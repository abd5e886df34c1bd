/* SPDX-License-Identifier: MIT */
/* The Attaches that the plug-in makes: to neighbours through whoever named them (10.6), to fingers by
 * ordinary routing, to the Admitting Peer and to a foreign ring through a bootstrap node. */
#include <stdlib.h>

#include "overlay/chord/chord_state.h"

static struct chord_attach *chord_attach_new(struct chord *c, const struct chord_attach *what)
{
	struct chord_attach *a;

	if (c->attach_count == CHORD_ATTACHES_MAX)
		return NULL;
	a = memory_alloc(sizeof(*a));
	*a = *what;
	a->chord = c;
	a->next = c->attaches;
	c->attaches = a;
	c->attach_count++;
	return a;
}

static void chord_attach_free(struct chord_attach *a)
{
	struct chord_attach **at = &a->chord->attaches;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	a->chord->attach_count--;
	free(a);
}

void chord_attach_stop(struct chord *c)
{
	while (c->attaches != NULL)
		chord_attach_free(c->attaches);
}

static void chord_attach_log(const struct chord *c, const struct chord_attach *a, int err)
{
	char text[NODE_ID_TEXT_SIZE];

	log_debug(peer_log(c->peer), "chord.attach_failed", "node=%s error=%s",
		  node_id_text(&a->id, text), error_name(err));
}

static void chord_attach_done(void *ctx, struct now now, int err, const struct node_id *node,
			      link_id link)
{
	struct chord_attach *done = ctx;
	struct chord_attach a = *done;
	struct chord *c = a.chord;
	struct chord_node *found = node == NULL ? NULL : chord_tables_find(c, node);

	(void)link;
	/* It is over from here on: what follows may start another Attach. */
	chord_attach_free(done);
	c->now_hint = now.mono;
	if (err != 0)
		chord_attach_log(c, &a, err);
	else if (found != NULL)
		found->is_sought = true;
	switch (a.purpose) {
	case ATTACH_ADMITTING:
		if (c->is_client)
			client_on_attached(c, now, err, node);
		else
			join_on_attached(c, now, err, node, a.attempt);
		break;
	case ATTACH_FINGER:
		fingers_on_attached(c, now, a.finger, err, node);
		break;
	case ATTACH_NEIGHBOR:
	case ATTACH_PARTITION:
		/* With ERR_IN_PROGRESS the other side's own Attach is under way and will do. */
		if (err != 0 && err != ERR_IN_PROGRESS && chord_tables_find(c, &a.id) == NULL) {
			quarantine_add_missed(c, now, &a.id);
			chord_tables_recompute(c, now);
		}
		/* A foreign ring learns who we are, wherever its node stands (10.7.4.4). */
		if (err == 0 && a.purpose == ATTACH_PARTITION)
			update_send(c, now, &a.id, CHORD_NEIGHBORS);
		join_progress(c, now);
		break;
	}
}

/* Nothing stands against an Attach to this Node-ID. */
static bool chord_attach_is_wanted(struct chord *c, struct now now, const struct node_id *id)
{
	const struct chord_node *node = chord_tables_find(c, id);

	if (node_id_equal(id, &c->self) || node_id_is_zero(id) || node_id_is_wildcard(id))
		return false;
	if ((node != NULL && node->is_attached) || quarantine_has(c, now, id))
		return false;
	for (const struct chord_attach *a = c->attaches; a != NULL; a = a->next)
		if (node_id_equal(&a->id, id))
			return false;
	return true;
}

static bool chord_attach_begin(struct chord *c, struct now now, const struct chord_attach *what,
			       const struct destination *destinations, size_t count, link_id via)
{
	struct chord_attach *a = chord_attach_new(c, what);

	if (a == NULL)
		return false;
	if (attach_start(c->peer, now, destinations, count, via, true, chord_attach_done, a) != 0) {
		chord_attach_free(a);
		return false;
	}
	return true;
}

bool chord_attach_neighbor(struct chord *c, struct now now, const struct node_id *id,
			   const struct node_id *via)
{
	const struct chord_attach a = { .purpose = ATTACH_NEIGHBOR, .id = *id };
	const struct destination path[] = { destination_of_node(via != NULL ? via : id),
					    destination_of_node(id) };

	if (!chord_attach_is_wanted(c, now, id))
		return false;
	if (via == NULL || node_id_equal(id, via))
		return chord_attach_begin(c, now, &a, path, 1, 0);
	return chord_attach_begin(c, now, &a, path, 2, link_find_node(c->peer, via));
}

bool chord_attach_finger(struct chord *c, struct now now, size_t finger, const struct node_id *id)
{
	const struct chord_attach a = { .purpose = ATTACH_FINGER, .id = *id, .finger = finger };
	const struct destination path[] = { destination_of_node(id) };

	return chord_attach_is_wanted(c, now, id) && chord_attach_begin(c, now, &a, path, 1, 0);
}

int chord_attach_admitting(struct chord *c, struct now now, link_id via, uint32_t attempt)
{
	const struct chord_attach a = { .purpose = ATTACH_ADMITTING, .attempt = attempt };
	struct node_id next = node_id_next(&c->self);
	struct resource_id resource = resource_id_from_node_id(&next);
	const struct destination path[] = { destination_of_resource(&resource) };

	return chord_attach_begin(c, now, &a, path, 1, via) ? 0 : ERR_NO_ROUTE;
}

bool chord_attach_partition(struct chord *c, struct now now, const struct node_id *id, link_id via,
			    const struct node_id *bootstrap)
{
	const struct chord_attach a = { .purpose = ATTACH_PARTITION, .id = *id };
	const struct destination path[] = { destination_of_node(bootstrap), destination_of_node(id) };
	bool is_bootstrap = node_id_equal(id, bootstrap);

	return chord_attach_is_wanted(c, now, id) &&
	       chord_attach_begin(c, now, &a, is_bootstrap ? &path[1] : path, is_bootstrap ? 1 : 2,
				  via);
}

bool chord_attach_is_busy(const struct chord *c)
{
	for (const struct chord_attach *a = c->attaches; a != NULL; a = a->next)
		if (a->purpose == ATTACH_NEIGHBOR)
			return true;
	return false;
}
