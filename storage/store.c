/* SPDX-License-Identifier: MIT */
/* The working set in memory and its way to the backend. */
#include "storage/store.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/peer.h"
#include "storage/data_model.h"

/* In an encoded StoredData: after its length (4) and storage_time (8). */
#define STORED_DATA_LIFETIME_PLACE 12

/* One change of the turn: how to go back. */
struct store_undo {
	struct store_undo *next;
	struct node_id point;
	uint32_t kind;
	enum data_model model;
	uint64_t generation;        /* before */
	struct stored_value *taken; /* was there before; owned */
	struct stored_value *put;   /* was not; in its place by the time this change is undone */
};

static struct slice store_point_slice(const struct node_id *point)
{
	return slice_of(point->bytes, NODE_ID_LENGTH);
}

static struct slice store_hash_slice(const struct signer_certificate *c)
{
	return slice_of(c->hash, sizeof(c->hash));
}

void store_init(struct store *st, struct peer *p, struct backend *backend)
{
	*st = (struct store){ .peer = p, .backend = backend };
	st->resources = map_new(prng_next(peer_prng(p)));
	st->certificates = map_new(prng_next(peer_prng(p)));
}

/* Notes a backend call's result; the turn's commit then fails or is asked for. */
static void store_wrote(struct store *st, int err)
{
	if (err != 0 && st->failed == 0)
		st->failed = err;
	if (st->dirty != NULL)
		st->dirty(st->ctx);
}

struct stored_resource *store_resource(const struct store *st, const struct node_id *point)
{
	return map_find(st->resources, store_point_slice(point));
}

struct stored_kind *store_kind(const struct stored_resource *r, uint32_t kind)
{
	for (size_t i = 0; r != NULL && i < r->kind_count; i++)
		if (r->kinds[i]->id == kind)
			return r->kinds[i];
	return NULL;
}

static struct stored_resource *store_resource_make(struct store *st, const struct node_id *point)
{
	struct stored_resource *r = store_resource(st, point);

	if (r != NULL)
		return r;
	r = memory_alloc(sizeof(*r));
	r->point = *point;
	map_put(st->resources, store_point_slice(point), r);
	return r;
}

static struct stored_kind *store_kind_make(struct stored_resource *r, const struct kind *kind)
{
	struct stored_kind *k = store_kind(r, kind->id);

	if (k != NULL)
		return k;
	k = memory_alloc(sizeof(*k));
	k->id = kind->id;
	k->model = kind->model;
	r->kinds = memory_resize(r->kinds, (r->kind_count + 1) * sizeof(struct stored_kind *));
	r->kinds[r->kind_count++] = k;
	return k;
}

struct signer_certificate *store_certificate_use(struct store *st, const struct identity *signer,
						 struct slice der)
{
	struct slice hash = slice_of(signer->certificate_hash, CERTIFICATE_HASH_LENGTH);
	struct signer_certificate *c = map_find(st->certificates, hash);
	size_t user_len = strlen(signer->user);
	uint8_t *copy;

	if (c != NULL) {
		c->uses++;
		return c;
	}
	c = memory_alloc(sizeof(*c));
	c->uses = 1;
	memcpy(c->hash, signer->certificate_hash, sizeof(c->hash));
	copy = memory_alloc(der.len == 0 ? 1 : der.len);
	if (der.len > 0)
		memcpy(copy, der.data, der.len);
	c->der = slice_of(copy, der.len);
	c->user = memory_alloc(user_len + 1);
	memcpy(c->user, signer->user, user_len);
	map_put(st->certificates, hash, c);
	return c;
}

static void store_certificate_kept(struct store *st, struct signer_certificate *c, bool kept)
{
	if (!c->changed) {
		c->changed = true;
		c->kept_durably = c->kept;
		c->next_changed = st->changed_certificates;
		st->changed_certificates = c;
	}
	c->kept = kept;
}

static void store_certificate_free_unused(struct store *st, struct signer_certificate *c)
{
	if (c->uses > 0 || c->parked > 0)
		return;
	invariant(!c->changed);
	map_remove(st->certificates, store_hash_slice(c));
	free((void *)c->der.data);
	free(c->user);
	free(c);
}

void store_certificate_release(struct store *st, struct signer_certificate *c)
{
	if (c == NULL || --c->uses > 0)
		return;
	if (c->kept && st->held) {
		st->behind = true;
	} else if (c->kept) {
		store_certificate_kept(st, c, false);
		store_wrote(st, st->backend->ops->remove_certificate(st->backend->ctx,
								     store_hash_slice(c)));
	}
	store_certificate_free_unused(st, c);
}

static void store_write(struct store *st, struct now now, const struct stored_value *v)
{
	uint8_t index[4];
	uint64_t left_ms = instant_since(v->expires, now.mono).us / 1000;
	struct backend_record record = {
		.resource = store_point_slice(&v->resource->point),
		.kind = v->kind->id,
		.generation = v->kind->generation,
		.entry = data_model_entry(&v->data.value, index),
		.storage_time = v->data.storage_time,
		.expires = { now.wall.ms + left_ms },
		.stored_data = slice_of(v->bytes, v->len),
		.certificate_hash = store_hash_slice(v->certificate),
	};

	if (st->held) {
		st->behind = true;
		return;
	}
	if (!v->certificate->kept) {
		store_certificate_kept(st, v->certificate, true);
		store_wrote(st, st->backend->ops->put_certificate(
					st->backend->ctx, store_hash_slice(v->certificate),
					v->certificate->der));
	}
	store_wrote(st, st->backend->ops->put(st->backend->ctx, &record));
}

static void store_expire(void *ctx, struct now now)
{
	struct stored_value *v = ctx;
	struct store *st = v->store;

	peer_counters(st->peer)->values_expired++;
	log_debug(peer_log(st->peer), "store.expired", "kind=%u", v->kind->id);
	store_remove(st, now, v);
}

/* Takes the value out of its Kind, which stays; it is nobody's then, and still uses its certificate. */
static void store_detach(struct store *st, struct stored_value *v)
{
	struct stored_kind *k = v->kind;
	struct stored_value *found;
	size_t place = data_model_place(k, &v->data.value, &found);

	invariant(found == v);
	timer_disarm(peer_timers(st->peer), &v->expiry);
	k->count--;
	memmove(&k->values[place], &k->values[place + 1], (k->count - place) * sizeof(k->values[0]));
	st->values--;
	st->changes++;
	st->bytes -= v->len;
	v->certificate->values--;
	v->certificate->bytes -= v->len;
}

static void store_drop(struct store *st, struct stored_value *v)
{
	store_detach(st, v);
	store_certificate_release(st, v->certificate);
	free(v);
}

/* Notes what a change takes away, detached (or NULL), and what it adds (or NULL). */
static void store_note(struct store *st, const struct stored_resource *r, const struct stored_kind *k,
		       uint64_t generation, struct stored_value *taken, struct stored_value *put)
{
	struct store_undo *u;

	/* Without a turn to undo. */
	if (st->held) {
		if (taken != NULL)
			store_certificate_release(st, taken->certificate);
		free(taken);
		return;
	}
	u = memory_alloc(sizeof(*u));
	*u = (struct store_undo){ st->undo, r->point, k->id, k->model, generation, taken, put };
	st->undo = u;
	if (taken != NULL) {
		taken->certificate->parked++;
		store_certificate_release(st, taken->certificate);
	}
}

/* A copy of the value with its own bytes, not yet anywhere. */
static struct stored_value *store_value_new(const struct stored_data *data)
{
	/* The fixed fields of StoredData and Signature take less than 64 bytes. */
	size_t room = 64 + data->value.key.len + data->value.data.value.len +
		      data->signature.identity.hash.len + data->signature.value.len;
	struct stored_value *v = memory_alloc(sizeof(*v) + room);
	struct writer w = writer_of(v->bytes, room);
	struct reader r;

	stored_data_put(&w, data);
	invariant(w.err == 0);
	v->len = w.len;
	v = memory_resize(v, sizeof(*v) + v->len);
	r = reader_of(slice_of(v->bytes, v->len));
	stored_data_get(&r, data->value.model, &v->data);
	invariant(reader_finish(&r) == 0);
	return v;
}

/* Puts a value that is nobody's in its place, where nothing stands. */
static void store_attach(struct store *st, const struct node_id *point, const struct kind *kind,
			 struct stored_value *v)
{
	struct stored_resource *r = store_resource_make(st, point);
	struct stored_kind *k = store_kind_make(r, kind);
	struct stored_value *found;
	size_t place = data_model_place(k, &v->data.value, &found);

	invariant(found == NULL);
	if (k->count == k->room) {
		k->room = k->room == 0 ? 1 : 2 * k->room;
		k->values = memory_resize(k->values, k->room * sizeof(k->values[0]));
	}
	memmove(&k->values[place + 1], &k->values[place], (k->count - place) * sizeof(k->values[0]));
	k->values[place] = v;
	k->count++;
	v->resource = r;
	v->kind = k;
	if (r->version < v->version)
		r->version = v->version;
	v->certificate->values++;
	v->certificate->bytes += v->len;
	st->values++;
	st->changes++;
	st->bytes += v->len;
	timer_arm(peer_timers(st->peer), &v->expiry, v->expires, store_expire, v);
}

/* In place of what stands there: that is detached, and given back in *taken. */
static struct stored_value *store_insert(struct store *st, const struct node_id *point,
					 const struct kind *kind, const struct store_put *put,
					 struct instant expires, struct stored_value **taken)
{
	struct stored_kind *k = store_kind_make(store_resource_make(st, point), kind);
	struct stored_value *v = store_value_new(put->data);

	data_model_place(k, &put->data->value, taken);
	if (*taken != NULL)
		store_detach(st, *taken);
	v->store = st;
	v->certificate = put->certificate;
	v->certificate->uses++;
	v->signer = put->signer;
	v->expires = expires;
	store_attach(st, point, kind, v);
	v->version = v->resource->version = ++st->version;
	return v;
}

struct stored_value *store_put(struct store *st, struct now now, const struct node_id *point,
			       const struct kind *kind, const struct store_put *put)
{
	uint64_t certified_ms =
		put->not_after.ms > now.wall.ms ? put->not_after.ms - now.wall.ms : 0;
	struct instant expires = instant_add(now.mono, duration_s(put->data->lifetime));
	struct stored_value *v, *taken;

	/* A signature is not valid longer than its certificate (7.1), so neither is the value kept. */
	if (certified_ms < (uint64_t)put->data->lifetime * 1000)
		expires = instant_add(now.mono, duration_ms(certified_ms));
	v = store_insert(st, point, kind, put, expires, &taken);
	/* A removal outlives what it removes, however short its own lifetime: a holder that was away may come back
	 * with that. */
	if (!put->data->value.data.exists && taken != NULL && instant_before(expires, taken->expires)) {
		v->expires = taken->expires;
		timer_arm(peer_timers(st->peer), &v->expiry, v->expires, store_expire, v);
	}
	/* After the new one is in: a certificate that both need must not fall to none. */
	store_note(st, v->resource, v->kind, v->kind->generation, taken, v);
	v->kind->generation = put->generation;
	store_write(st, now, v);
	return v;
}

struct stored_value *store_restore(struct store *st, const struct node_id *point,
				   const struct kind *kind, const struct store_put *put,
				   struct instant expires)
{
	struct stored_value *taken, *v = store_insert(st, point, kind, put, expires, &taken);

	/* A backend has a place once; one that is damaged may have it twice. */
	if (taken != NULL)
		store_certificate_release(st, taken->certificate);
	free(taken);
	v->certificate->kept = true;
	v->resource->owner_may_lack_it = true;
	if (v->kind->generation < put->generation)
		v->kind->generation = put->generation;
	return v;
}

void store_set_generation(struct store *st, struct now now, struct stored_kind *k, uint64_t generation)
{
	if (k->generation == generation || k->count == 0)
		return;
	store_note(st, k->values[0]->resource, k, k->generation, NULL, NULL);
	k->generation = generation;
	st->changes++;
	store_write(st, now, k->values[0]);
}

void store_rewrite(struct store *st, struct now now, const struct stored_kind *k)
{
	store_write(st, now, k->values[0]);
}

static void store_kind_free(struct stored_resource *r, struct stored_kind *k)
{
	for (size_t i = 0; i < r->kind_count; i++) {
		if (r->kinds[i] != k)
			continue;
		r->kinds[i] = r->kinds[--r->kind_count];
		break;
	}
	free(k->values);
	free(k);
}

static void store_resource_free(struct store *st, struct now now, struct stored_resource *r)
{
	if (st->forget != NULL)
		st->forget(st->ctx, now, r);
	map_remove(st->resources, store_point_slice(&r->point));
	free(r->kinds);
	free(r);
}

void store_remove(struct store *st, struct now now, struct stored_value *v)
{
	struct stored_resource *r = v->resource;
	struct stored_kind *k = v->kind;
	uint8_t index[4];

	if (st->held)
		st->behind = true;
	else
		store_wrote(st, st->backend->ops->remove(st->backend->ctx, store_point_slice(&r->point), k->id,
							 data_model_entry(&v->data.value, index), false));
	store_detach(st, v);
	store_note(st, r, k, k->generation, v, NULL);
	/* The counter must outlive the record that carried it. */
	if (k->count > 0)
		store_write(st, now, k->values[0]);
	else
		store_kind_free(r, k);
	if (r->kind_count == 0)
		store_resource_free(st, now, r);
}

void store_remove_resource(struct store *st, struct now now, struct stored_resource *r)
{
	while (r->kind_count > 1 || r->kinds[0]->count > 1) {
		struct stored_kind *k = r->kinds[r->kind_count - 1];

		store_remove(st, now, k->values[k->count - 1]);
	}
	store_remove(st, now, r->kinds[0]->values[0]);
}

/* ---- The end of a turn ---- */

void store_keep_turn(struct store *st)
{
	while (st->changed_certificates != NULL) {
		struct signer_certificate *c = st->changed_certificates;

		st->changed_certificates = c->next_changed;
		c->changed = false;
	}
	while (st->undo != NULL) {
		struct store_undo *u = st->undo;

		if (u->taken != NULL) {
			u->taken->certificate->parked--;
			store_certificate_free_unused(st, u->taken->certificate);
			free(u->taken);
		}
		st->undo = u->next;
		free(u);
	}
	st->failed = 0;
}

static void store_undo_one(struct store *st, struct now now, struct store_undo *u)
{
	const struct kind kind = { .id = u->kind, .model = u->model };
	struct stored_resource *r;
	struct stored_kind *k;

	if (u->put != NULL)
		store_drop(st, u->put);
	if (u->taken != NULL) {
		u->taken->certificate->parked--;
		u->taken->certificate->uses++;
		store_attach(st, &u->point, &kind, u->taken);
	}
	r = store_resource(st, &u->point);
	k = store_kind(r, u->kind);
	if (k == NULL)
		return;
	k->generation = u->generation;
	st->changes++;
	if (k->count == 0)
		store_kind_free(r, k);
	if (r->kind_count == 0)
		store_resource_free(st, now, r);
	else
		r->owner_may_lack_it |= u->taken != NULL;
}

void store_undo_turn(struct store *st, struct now now)
{
	bool held = st->held;

	/* First, so that what is released below has not been written. */
	while (st->changed_certificates != NULL) {
		struct signer_certificate *c = st->changed_certificates;

		st->changed_certificates = c->next_changed;
		c->changed = false;
		c->kept = c->kept_durably;
	}
	st->held = true;
	while (st->undo != NULL) {
		struct store_undo *u = st->undo;

		store_undo_one(st, now, u);
		st->undo = u->next;
		free(u);
	}
	st->held = held;
	st->failed = 0;
}

void store_free(struct store *st, struct now now)
{
	size_t cursor = 0;
	void *item;

	store_keep_turn(st);
	/* What leaves memory stays in the backend. */
	st->held = true;
	while (map_next(st->resources, &cursor, NULL, &item)) {
		struct stored_resource *r = item;

		while (r->kind_count > 0) {
			struct stored_kind *k = r->kinds[r->kind_count - 1];

			while (k->count > 0)
				store_drop(st, k->values[k->count - 1]);
			store_kind_free(r, k);
		}
		store_resource_free(st, now, r);
	}
	invariant(map_count(st->certificates) == 0);
	map_free(st->resources);
	map_free(st->certificates);
}

uint32_t store_remaining_s(const struct stored_value *v, struct now now)
{
	uint64_t s = (instant_since(v->expires, now.mono).us + 999999) / 1000000;

	/* A removal may be kept longer than it was stored for; other holders must keep it as long. */
	return v->data.value.data.exists && s > v->data.lifetime ? v->data.lifetime : (uint32_t)s;
}

void store_value_encode(struct writer *w, const struct stored_value *v, struct now now)
{
	size_t place = w->len;

	writer_bytes(w, slice_of(v->bytes, v->len));
	writer_patch_u32(w, place + STORED_DATA_LIFETIME_PLACE, store_remaining_s(v, now));
}

struct holder *store_holder(struct stored_resource *r, const struct node_id *node, bool make)
{
	struct holder *place = NULL;

	for (size_t i = 0; i < r->holder_count; i++)
		if (node_id_equal(&r->holders[i].node, node))
			return &r->holders[i];
	if (!make)
		return NULL;
	if (r->holder_count < STORE_HOLDERS_MAX) {
		place = &r->holders[r->holder_count++];
	} else {
		for (size_t i = 0; i < r->holder_count; i++)
			if (!r->holders[i].in_flight &&
			    (place == NULL || r->holders[i].confirmed < place->confirmed))
				place = &r->holders[i];
		if (place == NULL)
			return NULL;
	}
	*place = (struct holder){ .node = *node };
	return place;
}
