/* SPDX-License-Identifier: MIT */
/* Two sorted arrays of links. */
#include "overlay/link_index.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/link_table.h"

#define LINK_LIST_STEP 4 /* rooms added at least; there are many tables, and they seldom grow */

void link_index_free(struct link_index *x)
{
	free(x->by_id.items);
	free(x->ids);
	free(x->by_node.items);
	*x = (struct link_index){ 0 };
}

static void link_list_resize(struct link_list *t, size_t room)
{
	t->items = memory_resize(t->items, room * sizeof(*t->items));
	t->room = room;
}

static void link_list_insert(struct link_list *t, size_t at, struct link *l)
{
	if (t->count == t->room)
		link_list_resize(t, t->room + t->room / 8 + LINK_LIST_STEP);
	memmove(t->items + at + 1, t->items + at, (t->count - at) * sizeof(*t->items));
	t->items[at] = l;
	t->count++;
}

static void link_list_remove(struct link_list *t, size_t at)
{
	t->count--;
	memmove(t->items + at, t->items + at + 1, (t->count - at) * sizeof(*t->items));
	if (t->room > 4 * LINK_LIST_STEP && t->count < t->room - t->room / 4)
		link_list_resize(t, t->count + t->count / 8 + LINK_LIST_STEP);
}

size_t link_index_place(const struct link_index *x, link_id id)
{
	size_t low = 0;
	size_t high = x->by_id.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (x->ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The same in by_node for Node-IDs. */
static size_t link_list_of_node(const struct link_list *t, const struct node_id *node)
{
	size_t low = 0;
	size_t high = t->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (node_id_compare(&t->items[middle]->node_id, node) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* As much room for ids as for links. */
static void link_index_follow(struct link_index *x)
{
	if (x->id_room == x->by_id.room)
		return;
	x->id_room = x->by_id.room;
	x->ids = memory_resize(x->ids, x->id_room * sizeof(*x->ids));
}

void link_index_add(struct link_index *x, struct link *l)
{
	struct link_list *t = &x->by_id;

	invariant(t->count == 0 || t->items[t->count - 1]->id < l->id);
	link_list_insert(t, t->count, l);
	link_index_follow(x);
	x->ids[t->count - 1] = l->id;
}

void link_index_remove(struct link_index *x, const struct link *l)
{
	size_t at = link_index_place(x, l->id);

	if (at == x->by_id.count || x->by_id.items[at] != l)
		return;
	link_list_remove(&x->by_id, at);
	memmove(x->ids + at, x->ids + at + 1, (x->by_id.count - at) * sizeof(*x->ids));
	link_index_follow(x);
}

struct link *link_index_find(const struct link_index *x, link_id id)
{
	size_t at = link_index_place(x, id);

	if (at == x->by_id.count || x->ids[at] != id)
		return NULL;
	return x->by_id.items[at];
}

struct link *link_index_next(const struct link_index *x, size_t *cursor)
{
	/* The cursor is the id after the one last seen, so that links may go while the walk goes on. */
	size_t at = link_index_place(x, *cursor);

	if (at == x->by_id.count)
		return NULL;
	*cursor = (size_t)x->ids[at] + 1;
	return x->by_id.items[at];
}

void link_index_route(struct link_index *x, struct link *l)
{
	size_t at = link_list_of_node(&x->by_node, &l->node_id);

	if (at < x->by_node.count && node_id_equal(&x->by_node.items[at]->node_id, &l->node_id))
		x->by_node.items[at] = l;
	else
		link_list_insert(&x->by_node, at, l);
}

void link_index_unroute(struct link_index *x, const struct node_id *node)
{
	size_t at = link_list_of_node(&x->by_node, node);

	if (at < x->by_node.count && node_id_equal(&x->by_node.items[at]->node_id, node))
		link_list_remove(&x->by_node, at);
}

struct link *link_index_find_node(const struct link_index *x, const struct node_id *node)
{
	size_t at = link_list_of_node(&x->by_node, node);

	if (at == x->by_node.count || !node_id_equal(&x->by_node.items[at]->node_id, node))
		return NULL;
	return x->by_node.items[at];
}
