/* SPDX-License-Identifier: MIT */
/* The stores from outside: what each node holds, whether it is genuine and never goes back, and whether every
 * acknowledged record is still held by somebody. Nodes are looked at when what they hold has changed; what was
 * last seen of each stays, so that a change can be judged. */
#include <stdio.h>
#include <stdlib.h>

#include "overlay/access.h"
#include "overlay/base/invariant.h"
#include "tools/sim/check_internal.h"

#define STORAGE_GROWTH_MS 4000  /* lifetimes are passed on in whole seconds, rounded up, and count from receipt */
#define STORAGE_LATE_MS 2000    /* how late the end of a lifetime may come */
#define STORAGE_OLD_MS 60000    /* how long a record may outlive what was asked for, for the same reason, in all */

static uint64_t storage_key(const struct storage_row *row)
{
	uint64_t h = 0xcbf29ce484222325ull ^ row->kind;
	const struct stored_data_value *v = &row->data.value;

	for (size_t i = 0; i < row->resource.length; i++)
		h = (h ^ row->resource.bytes[i]) * 0x100000001b3ull;
	h = (h ^ v->index) * 0x9e3779b97f4a7c15ull;
	for (size_t i = 0; i < v->key.len; i++)
		h = (h ^ v->key.data[i]) * 0x100000001b3ull;
	return h ^ h >> 29;
}

/* ---- Records and their holders ---- */

static struct check_record *storage_record(struct check *c, uint32_t index)
{
	size_t count = world_record_count(c->world);

	if (count > c->record_count) {
		c->records = memory_resize(c->records, count * sizeof(*c->records));
		memset(c->records + c->record_count, 0, (count - c->record_count) * sizeof(*c->records));
		c->record_count = count;
	}
	return &c->records[index];
}

static void storage_make_dirty(struct check *c, uint32_t index)
{
	struct check_record *r = storage_record(c, index);

	if (r->is_dirty)
		return;
	r->is_dirty = true;
	if (c->dirty_count == c->dirty_room) {
		c->dirty_room = c->dirty_room == 0 ? 64 : 2 * c->dirty_room;
		c->dirty = memory_resize(c->dirty, c->dirty_room * sizeof(*c->dirty));
	}
	c->dirty[c->dirty_count++] = index;
}

static struct check_holder *storage_holder(struct check_record *r, size_t node)
{
	for (uint32_t i = 0; i < r->holder_count; i++)
		if (r->holders[i].node == node)
			return &r->holders[i];
	return NULL;
}

static void storage_holds(struct check *c, uint32_t index, size_t node, uint64_t serial)
{
	struct check_record *r = storage_record(c, index);
	struct check_holder *h = storage_holder(r, node);

	if (h == NULL) {
		if (r->holder_count == r->holder_room) {
			r->holder_room = r->holder_room == 0 ? 4 : 2 * r->holder_room;
			r->holders = memory_resize(r->holders, r->holder_room * sizeof(*r->holders));
		}
		h = &r->holders[r->holder_count++];
	}
	*h = (struct check_holder){ (uint32_t)node, true, serial };
	storage_make_dirty(c, index);
}

static void storage_lets_go(struct check *c, uint32_t index, size_t node)
{
	struct check_record *r = storage_record(c, index);
	struct check_holder *h = storage_holder(r, node);

	if (h == NULL)
		return;
	*h = r->holders[--r->holder_count];
	storage_make_dirty(c, index);
}

/* What the overlay has promised to keep of a record, as of now; 0: nothing. */
static uint64_t storage_promised(const struct check *c, const struct record *r)
{
	uint64_t now_ms = world_now(c->world).wall.ms;

	return !r->is_excused && r->protected_expires_ms > now_ms + STORAGE_LATE_MS ? r->protected_serial : 0;
}

static bool storage_is_held(const struct check *c, const struct check_record *r, uint64_t serial)
{
	for (uint32_t i = 0; i < r->holder_count; i++)
		if (r->holders[i].is_running && r->holders[i].serial >= serial
		    && !c->nodes[r->holders[i].node].is_hostile)
			return true;
	return false;
}

static void storage_judge_dirty(struct check *c)
{
	while (c->dirty_count > 0) {
		uint32_t index = c->dirty[--c->dirty_count];
		struct check_record *known = storage_record(c, index);
		struct record *r = world_record(c->world, index);
		uint64_t serial = storage_promised(c, r);

		known->is_dirty = false;
		c->looked++;
		if (serial != 0 && !storage_is_held(c, known, serial))
			check_lost(c, r, known, serial);
	}
}

/* With looks once a second only, others may hold what was not seen there yet: the second judges. */
static void storage_judge_if_seen(struct check *c)
{
	if (c->options.every_event)
		storage_judge_dirty(c);
}

/* ---- What one node holds ---- */

/* With the security port of the node itself, and the certificate that the signer really has. */
static void storage_verify(struct check *c, size_t node, const struct storage_row *row)
{
	struct peer *p = net_peer(world_net(c->world), node);
	const struct configuration *configuration = peer_configuration(p);
	const struct kind *kind = kind_find(&configuration->kinds, row->kind);
	size_t signer = world_find(c->world, &row->signer);
	struct slice der = signer == SIZE_MAX ? SLICE_EMPTY : world_certificate(c->world, signer);
	struct certificate_list bucket = { &der, signer != SIZE_MAX };
	struct identity identity;
	int err;

	c->looked++;
	if (kind == NULL) {
		check_violate(c, CHECK_VALUES, node, "node %zu holds a value of Kind %u, which the overlay does "
		"not have",
			      node, row->kind);
		return;
	}
	err = access_verify_value(peer_security(p), configuration, world_own_now(c->world, node).wall, kind,
				  &row->resource, &row->data, &bucket, &c->arena, &identity, NULL);
	arena_reset(&c->arena);
	if (err != 0)
		check_violate(c, CHECK_VALUES, node,
			      "node %zu holds a value of Kind %u, stored at %llu and signed by node %zu, that "
			      "does not verify: "
			      "%s", node, row->kind, (unsigned long long)row->data.storage_time, signer,
			      error_text(err));
}

static int storage_compare(const void *a, const void *b)
{
	const struct check_value *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

/* Reads all that the node holds into `scan`, by key; values not seen before are verified. */
static size_t storage_read(struct check *c, size_t node)
{
	struct storage *s = world_storage(c->world, node);
	struct now own = world_own_now(c->world, node);
	struct storage_row row;
	size_t cursor = 0, count = 0, in_kind = 0;
	const struct kind *kind = NULL;
	struct resource_id resource = { 0 };

	while (storage_next(s, own, &cursor, &row)) {
		const struct record *r = NULL;

		if (count == c->scan_room) {
			c->scan_room = c->scan_room == 0 ? 64 : 2 * c->scan_room;
			c->scan = memory_resize(c->scan, c->scan_room * sizeof(*c->scan));
		}
		if (row.kind == KIND_SIP_REGISTRATION && row.data.value.data.exists)
			r = world_record_find(c->world, &row.resource, row.data.value.key);
		c->scan[count] = (struct check_value){
			.key = storage_key(&row),
			.storage_time = row.data.storage_time,
			.generation = row.generation,
			.expires_ms = check_now_ms(c) + 1000ull * row.remaining_s,
			.serial = r == NULL ? 0 : world_serial(row.data.value.data.value),
			.record = r == NULL ? CHECK_NONE : (uint32_t)r->index,
		};
		if (kind == NULL || kind->id != row.kind || !resource_id_equal(&resource, &row.resource)) {
			kind = kind_find(&peer_configuration(net_peer(world_net(c->world), node))->kinds, row.kind);
			resource = row.resource;
			in_kind = 0;
		}
		if (kind != NULL && ++in_kind > kind->max_count)
			check_violate(c, CHECK_VALUES, node, "node %zu holds %zu values of Kind %u under one "
				      "Resource-ID; at most %u are allowed", node, in_kind, row.kind, kind->max_count);
		/* A removal is kept as long as what it removed could have lived. */
		if (row.data.value.data.exists && row.remaining_s > row.data.lifetime)
			check_violate(c, CHECK_VALUES, node, "a value at node %zu has %u s to live, more than "
			"the %u s it came with", node, row.remaining_s, row.data.lifetime);
		count++;
	}
	if (count > 0)
		qsort(c->scan, count, sizeof(*c->scan), storage_compare);
	return count;
}

static void storage_check_kept(struct check *c, size_t node, const struct check_value *old,
			       const struct check_value *new)
{
	uint64_t now_ms = check_now_ms(c);

	c->looked++;
	if (old->expires_ms <= now_ms)
		return;
	if (new->storage_time < old->storage_time)
		check_violate(c, CHECK_NO_ROLLBACK, node,
			      "node %zu held a value of storage time %llu and holds one of %llu in its place, "
			      "though the newer one had %llu s to live (content %llu, then %llu)", node,
			      (unsigned long long)old->storage_time, (unsigned long long)new->storage_time,
			      (unsigned long long)(old->expires_ms - now_ms) / 1000, (unsigned long long)old->serial,
			      (unsigned long long)new->serial);
	if (new->generation < old->generation)
		check_violate(c, CHECK_NO_ROLLBACK, node,
			      "at node %zu the generation of a Kind's values went back from %llu to %llu", node,
			      (unsigned long long)old->generation, (unsigned long long)new->generation);
	if (new->storage_time == old->storage_time && new->expires_ms > old->expires_ms + STORAGE_GROWTH_MS &&
	    !world_has_own_clock(c->world, node))
		check_violate(c, CHECK_NO_ROLLBACK, node,
			      "at node %zu a value of storage time %llu got %llu ms more to live than it had", node,
			      (unsigned long long)old->storage_time,
			      (unsigned long long)(new->expires_ms - old->expires_ms));
}

/* A holder whose clock was changed while it was down counts a lifetime wrongly, and hands it on. */
static bool storage_any_own_clock(const struct check *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (world_has_own_clock(c->world, i))
			return true;
	return false;
}

static void storage_check_new(struct check *c, size_t node, const struct check_value *v)
{
	const struct record *r = v->record == CHECK_NONE ? NULL : world_record(c->world, v->record);
	uint64_t now_ms = check_now_ms(c), wall_ms = world_now(c->world).wall.ms;

	if (r == NULL || v->serial != r->serial || r->state == RECORD_NONE || world_has_own_clock(c->world, node))
		return;
	c->looked++;
	if (wall_ms + (v->expires_ms - now_ms) > r->expires_ms + STORAGE_OLD_MS && !storage_any_own_clock(c))
		check_violate(c, CHECK_NO_ROLLBACK, node,
			      "node %zu holds content %llu of the record of node %zu for %llu s beyond the end "
			      "of its life",
			      node, (unsigned long long)v->serial, r->node,
			      (unsigned long long)(wall_ms + (v->expires_ms - now_ms) - r->expires_ms) / 1000);
}

/* What came back from the disk is what was held when the process ended, but for what expired meanwhile. */
static void storage_check_missing(struct check *c, size_t node, const struct check_value *old)
{
	const struct check_node *n = &c->nodes[node];

	if (n->is_uncertain || old->expires_ms <= check_now_ms(c) + STORAGE_LATE_MS ||
	    world_has_own_clock(c->world, node))
		return;
	check_violate(c, CHECK_NO_ROLLBACK, node,
		      "node %zu came back with its disk, but without a value of storage time %llu (content %llu) "
		      "that it held when it stopped and that has %llu s to live", node,
		      (unsigned long long)old->storage_time,
		      (unsigned long long)old->serial, (unsigned long long)(old->expires_ms - check_now_ms(c)) / 1000);
}

static bool storage_is_same(const struct check_value *a, const struct check_value *b)
{
	return a->storage_time == b->storage_time && a->serial == b->serial;
}

/* Verifies the values that were not there, or others, when the node was last looked at. */
static void storage_verify_new(struct check *c, size_t node)
{
	const struct check_node *n = &c->nodes[node];
	struct storage *s = world_storage(c->world, node);
	struct now own = world_own_now(c->world, node);
	struct storage_row row;
	size_t cursor = 0;

	while (storage_next(s, own, &cursor, &row)) {
		struct check_value v = { .key = storage_key(&row) };
		const struct check_value *old = n->value_count == 0 ? NULL : bsearch(&v, n->values, n->value_count,
										    sizeof(v), storage_compare);

		if (old == NULL || old->storage_time != row.data.storage_time)
			storage_verify(c, node, &row);
	}
}

/* Compares what the node holds with what it held. */
static void storage_look(struct check *c, size_t node, bool is_start)
{
	struct check_node *n = &c->nodes[node];
	size_t count = storage_read(c, node), i = 0, k = 0;

	storage_verify_new(c, node);
	while (i < n->value_count || k < count) {
		const struct check_value *old = i < n->value_count ? &n->values[i] : NULL;
		const struct check_value *new = k < count ? &c->scan[k] : NULL;

		if (new == NULL || (old != NULL && old->key < new->key)) {
			if (is_start)
				storage_check_missing(c, node, old);
			if (old->record != CHECK_NONE)
				storage_lets_go(c, old->record, node);
			i++;
			continue;
		}
		if (old != NULL && old->key == new->key) {
			if (!is_start || !n->is_uncertain)
				storage_check_kept(c, node, old, new);
			/* A tombstone has no record any more. */
			if (old->record != CHECK_NONE && new->record == CHECK_NONE)
				storage_lets_go(c, old->record, node);
			i++;
		} else {
			old = NULL;
		}
		if (new->record != CHECK_NONE && (old == NULL || is_start || !storage_is_same(old, new))) {
			storage_check_new(c, node, new);
			storage_holds(c, new->record, node, new->serial);
		}
		k++;
	}
	n->values = memory_resize(n->values, (count + 1) * sizeof(*n->values));
	if (count > 0)
		memcpy(n->values, c->scan, count * sizeof(*n->values));
	n->value_count = count;
	n->changes = storage_changes(world_storage(c->world, node));
	n->is_uncertain = false;
}

void check_storage_node(struct check *c, size_t node)
{
	struct storage *s = world_storage(c->world, node);

	if (s == NULL || c->nodes[node].is_hostile || storage_changes(s) == c->nodes[node].changes)
		return;
	storage_look(c, node, false);
	storage_judge_if_seen(c);
}

void check_storage_all(struct check *c)
{
	/* First all are looked at: a record that one lets go of may be at another that was not seen yet. */
	for (size_t i = 0; i < c->count; i++) {
		struct storage *s = world_storage(c->world, i);

		if (s != NULL && !c->nodes[i].is_hostile && storage_changes(s) != c->nodes[i].changes)
			storage_look(c, i, false);
	}
	storage_judge_dirty(c);
}

/* ---- Processes that begin and end ---- */

void check_storage_starting(struct check *c, size_t node)
{
	if (c->nodes[node].is_hostile)
		return;
	storage_look(c, node, true);
	storage_judge_if_seen(c);
}

void check_storage_stopping(struct check *c, size_t node, enum world_stop how)
{
	struct check_node *n = &c->nodes[node];
	uint64_t now_ms = check_now_ms(c);

	if (n->is_hostile)
		return;
	if (how == WORLD_STOP_CRASHED)
		n->is_uncertain = true;
	else if (storage_changes(world_storage(c->world, node)) != n->changes)
		storage_look(c, node, false);
	for (size_t i = 0; i < n->value_count; i++) {
		uint32_t index = n->values[i].record;
		struct check_record *known;
		struct check_holder *h;

		if (index == CHECK_NONE)
			continue;
		known = storage_record(c, index);
		h = storage_holder(known, node);
		if (h == NULL)
			continue;
		if (how != WORLD_STOP_LEFT && how != WORLD_STOP_AGAIN && h->serial >= world_record(c->world,
		    index)->protected_serial) {
			known->failed_ms[known->next_failure++ % CHECK_COPIES] = now_ms;
			known->failed_group = n->group;
		}
		h->is_running = false;
		storage_make_dirty(c, index);
	}
	/* With looks once a second only, others may hold what was not seen there yet. */
	if (how == WORLD_STOP_AGAIN)
		; /* it is back in a moment */
	else if (!c->options.every_event)
		check_storage_all(c);
	else
		storage_judge_dirty(c);
	n->changes = UINT64_MAX;
}

void check_storage_wiped(struct check *c, size_t node)
{
	struct check_node *n = &c->nodes[node];

	for (size_t i = 0; i < n->value_count; i++)
		if (n->values[i].record != CHECK_NONE)
			storage_lets_go(c, n->values[i].record, node);
	n->value_count = 0;
	n->is_uncertain = false;
}

void check_storage_stored(struct check *c, const struct record *r)
{
	storage_make_dirty(c, (uint32_t)r->index);
}

void check_storage_free(struct check *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->nodes[i].values);
	for (size_t i = 0; i < c->record_count; i++)
		free(c->records[i].holders);
	free(c->records);
	free(c->dirty);
	free(c->scan);
}

/* ---- Everything in its place ---- */

static bool storage_record_is_placed(struct check *c, uint32_t index, size_t *node, char *text, size_t size)
{
	const struct record *r = world_record(c->world, index);
	struct check_record *known = storage_record(c, index);
	const struct check_part *part = &c->parts[c->nodes[r->node].group];
	uint64_t serial = storage_promised(c, r);
	size_t place, wanted = part->count < CHECK_COPIES ? part->count : CHECK_COPIES;
	char resource[NODE_ID_TEXT_SIZE];
	struct node_id point;

	c->looked++;
	if (serial == 0 || part->count == 0 || node_id_from_resource_id(&r->resource, &point) != 0)
		return true;
	place = check_place(c, part, &point);
	for (size_t i = 0; i < wanted; i++) {
		const struct check_holder *h;

		*node = part->members[(place + i) % part->count];
		h = storage_holder(known, *node);
		if (c->nodes[*node].is_hostile || (h != NULL && h->is_running && h->serial >= serial))
			continue;
		snprintf(text, size,
			 "%s of the record of node %zu (user%zu) at %s, content %llu, is node %zu; it holds %s",
			 i == 0 ? "the owner" : "a replica holder", r->node, r->user, node_id_text(&point, resource),
			 (unsigned long long)serial, *node,
			 h == NULL ? "nothing of it" : "an older content");
		return false;
	}
	return true;
}

/* Somebody holds it whose task that is not. */
static bool storage_record_is_spread(struct check *c, uint32_t index, size_t *node, char *text, size_t size)
{
	const struct record *r = world_record(c->world, index);
	struct check_record *known = storage_record(c, index);
	const struct check_part *part = &c->parts[c->nodes[r->node].group];
	struct node_id point;
	size_t place;

	c->looked++;
	if (storage_promised(c, r) == 0 || part->count <= CHECK_COPIES ||
	    node_id_from_resource_id(&r->resource, &point) != 0)
		return false;
	place = check_place(c, part, &point);
	for (uint32_t i = 0; i < known->holder_count; i++) {
		const struct check_holder *h = &known->holders[i];
		size_t distance = (c->nodes[h->node].place + part->count - place) % part->count;

		*node = h->node;
		if (!h->is_running || !c->nodes[h->node].is_member || distance < CHECK_COPIES ||
		    c->nodes[h->node].is_hostile)
			continue;
		snprintf(text, size,
			 "node %u still holds the record of node %zu (user%zu), although the owner, both "
			 "replica holders and "
			 "%zu other nodes are nearer to it", h->node, r->node, r->user, distance - CHECK_COPIES);
		return true;
	}
	return false;
}

bool check_storage_is_spread(struct check *c, size_t *node, char *text, size_t size)
{
	for (size_t i = 0; i < world_record_count(c->world); i++)
		if (storage_record_is_spread(c, (uint32_t)i, node, text, size))
			return true;
	return false;
}

bool check_storage_is_placed(struct check *c, size_t *node, char *text, size_t size)
{
	for (size_t i = 0; i < world_record_count(c->world); i++)
		if (!storage_record_is_placed(c, (uint32_t)i, node, text, size))
			return false;
	return true;
}
