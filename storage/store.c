/* SPDX-License-Identifier: MIT */
/* The working set in memory and its way to the backend. */
#include "storage/store.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/peer.h"
#include "storage/data_model.h"

/* In an encoded StoredData: after its length (4) and storage_time (8). */
#define STORED_DATA_LIFETIME_PLACE 12

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

void store_certificate_release(struct store *st, struct signer_certificate *c)
{
	if (c == NULL || --c->uses > 0)
		return;
	if (c->kept)
		store_wrote(st, st->backend->ops->remove_certificate(st->backend->ctx,
								     store_hash_slice(c)));
	map_remove(st->certificates, store_hash_slice(c));
	free((void *)c->der.data);
	free(c->user);
	free(c);
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

	if (!v->certificate->kept) {
		v->certificate->kept = true;
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

/* Takes the value out of memory; the Kind and the Resource stay. */
static void store_take(struct store *st, struct stored_value *v)
{
	struct stored_kind *k = v->kind;
	struct stored_value *found;
	size_t place = data_model_place(k, &v->data.value, &found);

	invariant(found == v);
	timer_disarm(peer_timers(st->peer), &v->expiry);
	k->count--;
	memmove(&k->values[place], &k->values[place + 1], (k->count - place) * sizeof(k->values[0]));
	st->values--;
	st->bytes -= v->len;
	v->certificate->values--;
	v->certificate->bytes -= v->len;
	store_certificate_release(st, v->certificate);
	free(v);
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

static struct stored_value *store_insert(struct store *st, const struct node_id *point,
					 const struct kind *kind, const struct store_put *put,
					 struct instant expires)
{
	struct stored_resource *r = store_resource_make(st, point);
	struct stored_kind *k = store_kind_make(r, kind);
	struct stored_value *v = store_value_new(put->data), *old;
	size_t place;

	/* Counted before the old value goes: a certificate that both need must not fall to none. */
	v->certificate = put->certificate;
	v->certificate->uses++;
	v->certificate->values++;
	v->certificate->bytes += v->len;
	place = data_model_place(k, &put->data->value, &old);
	if (old != NULL)
		store_take(st, old);
	if (k->count == k->room) {
		k->room = k->room == 0 ? 1 : 2 * k->room;
		k->values = memory_resize(k->values, k->room * sizeof(k->values[0]));
	}
	memmove(&k->values[place + 1], &k->values[place], (k->count - place) * sizeof(k->values[0]));
	k->values[place] = v;
	k->count++;
	v->store = st;
	v->resource = r;
	v->kind = k;
	v->version = r->version = ++st->version;
	v->signer = put->signer;
	v->expires = expires;
	st->values++;
	st->bytes += v->len;
	timer_arm(peer_timers(st->peer), &v->expiry, expires, store_expire, v);
	return v;
}

struct stored_value *store_put(struct store *st, struct now now, const struct node_id *point,
			       const struct kind *kind, const struct store_put *put)
{
	uint64_t certified_ms =
		put->not_after.ms > now.wall.ms ? put->not_after.ms - now.wall.ms : 0;
	struct instant expires = instant_add(now.mono, duration_s(put->data->lifetime));
	struct stored_value *v;

	/* A signature is not valid longer than its certificate (7.1), so neither is the value kept. */
	if (certified_ms < (uint64_t)put->data->lifetime * 1000)
		expires = instant_add(now.mono, duration_ms(certified_ms));
	v = store_insert(st, point, kind, put, expires);
	v->kind->generation = put->generation;
	store_write(st, now, v);
	return v;
}

struct stored_value *store_restore(struct store *st, const struct node_id *point,
				   const struct kind *kind, const struct store_put *put,
				   struct instant expires)
{
	struct stored_value *v = store_insert(st, point, kind, put, expires);

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
	k->generation = generation;
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

	store_wrote(st, st->backend->ops->remove(st->backend->ctx, store_point_slice(&r->point), k->id,
						 data_model_entry(&v->data.value, index), false));
	store_take(st, v);
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

void store_clear(struct store *st, struct now now)
{
	size_t cursor = 0;
	void *item;

	/* What leaves memory stays in the backend. */
	while (map_next(st->certificates, &cursor, NULL, &item))
		((struct signer_certificate *)item)->kept = false;
	cursor = 0;
	while (map_next(st->resources, &cursor, NULL, &item)) {
		struct stored_resource *r = item;

		while (r->kind_count > 0) {
			struct stored_kind *k = r->kinds[r->kind_count - 1];

			while (k->count > 0)
				store_take(st, k->values[k->count - 1]);
			store_kind_free(r, k);
		}
		store_resource_free(st, now, r);
	}
	invariant(map_count(st->certificates) == 0);
	st->failed = 0;
}

void store_free(struct store *st, struct now now)
{
	store_clear(st, now);
	map_free(st->resources);
	map_free(st->certificates);
}

uint32_t store_remaining_s(const struct stored_value *v, struct now now)
{
	uint64_t s = (instant_since(v->expires, now.mono).us + 999999) / 1000000;

	return s > v->data.lifetime ? v->data.lifetime : (uint32_t)s;
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
