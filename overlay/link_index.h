/* SPDX-License-Identifier: MIT */
/* How the Connection Table finds its links: by id, which is also the order of creation, and by the node a usable
 * one leads to. Sorted arrays: few bytes a link, the same order on every machine, and nothing that a hostile node
 * could make collide. */
#ifndef OVERLAY_LINK_INDEX_H
#define OVERLAY_LINK_INDEX_H

#include "overlay/effect.h"

struct link;

struct link_list {
	struct link **items; /* owned array of borrowed links */
	size_t count;
	size_t room;
};

struct link_index {
	struct link_list by_id;   /* all */
	link_id *ids;             /* owned; theirs, so that a search need not touch the links */
	size_t id_room;
	struct link_list by_node; /* those that carry messages to their node, one for each */
};

void link_index_free(struct link_index *x);

/* A new link; its id is larger than all before. */
void link_index_add(struct link_index *x, struct link *l);
void link_index_remove(struct link_index *x, const struct link *l);
/* Where in by_id the first link with this id or a larger one is, or would be. */
size_t link_index_place(const struct link_index *x, link_id id);
/* NULL when there is none. */
struct link *link_index_find(const struct link_index *x, link_id id);
/* Walks in order of creation; start with *cursor == 0; NULL at the end. Links may come and go meanwhile. */
struct link *link_index_next(const struct link_index *x, size_t *cursor);

/* `l` leads to its Node-ID from now on, instead of any other. Its node_id may not change while it does. */
void link_index_route(struct link_index *x, struct link *l);
void link_index_unroute(struct link_index *x, const struct node_id *node);
/* NULL when there is none. */
struct link *link_index_find_node(const struct link_index *x, const struct node_id *node);

#endif
