/* SPDX-License-Identifier: MIT */
/* Fetch, Stat and Find (RFC 6940 7.4.2 to 7.4.4). Whoever holds a Resource answers when it was addressed by
 * its Node-ID; a request for the Resource-ID is answered by the owner alone.
 *
 * A value is answered as it was kept, with what is left of its lifetime; it is not verified again here, the
 * reader does that. An answer that would not fit a message, or max_response_length, becomes
 * Response_Too_Large. Find answers with the next Resource-ID clockwise, itself included, so that the walk of
 * 7.4.4 visits each one once. */
#include "storage/data_model.h"
#include "storage/storage_state.h"

#define SHA256_LENGTH 32 /* bytes */

struct fetch_work {
	struct storage *storage;
	const struct incoming *request;
	struct now now;
	struct arena *arena;
	struct fetch_req req;
	struct node_id point;
	bool is_stat;
	struct writer values; /* of the Kind at hand */
	struct slice certificates[SECURITY_BLOCK_CERTIFICATES_MAX];
	size_t certificate_count;
	size_t certificate_bytes;
	int err;
};

static void fetch_add_certificate(struct fetch_work *w, const struct signer_certificate *c)
{
	for (size_t i = 0; i < w->certificate_count; i++)
		if (w->certificates[i].data == c->der.data)
			return;
	if (w->certificate_count == SECURITY_BLOCK_CERTIFICATES_MAX) {
		w->err = ERR_RESPONSE_TOO_LARGE;
		return;
	}
	w->certificates[w->certificate_count++] = c->der;
	w->certificate_bytes += 3 + c->der.len;
}

static void fetch_put_meta_data(struct fetch_work *w, const struct stored_data_value *entry,
				const struct stored_value *v)
{
	const struct security *s = peer_security(w->storage->peer);
	struct stored_meta_data meta = { .model = entry->model, .index = entry->index, .key = entry->key };
	uint8_t digest[SHA256_LENGTH], length[4];
	struct writer prefix = writer_of(length, sizeof(length));
	struct slice parts[2] = { SLICE_EMPTY, v == NULL ? SLICE_EMPTY : v->data.value.data.value };

	if (v != NULL) {
		meta.storage_time = v->data.storage_time;
		meta.lifetime = store_remaining_s(v, w->now);
		meta.data.exists = v->data.value.data.exists;
	}
	meta.data.value_length = (uint32_t)parts[1].len;
	/* 7.4.3.2: the digest covers the value with its four length bytes. */
	writer_u32(&prefix, meta.data.value_length);
	parts[0] = writer_slice(&prefix);
	s->ops->digest(s->ctx, HASH_SHA256, parts, 2, digest);
	meta.data.hash_algorithm = HASH_SHA256;
	meta.data.hash_value = slice_of(digest, sizeof(digest));
	stored_meta_data_put(&w->values, &meta);
}

/* A selected entry; one that is not there is a synthetic value (7.4.2.2). */
static void fetch_put_entry(void *ctx, const struct stored_data_value *entry, const struct stored_value *v)
{
	struct stored_data synthetic = { .value = *entry, .signature = signature_none() };
	struct fetch_work *w = ctx;

	if (w->is_stat) {
		fetch_put_meta_data(w, entry, v);
		return;
	}
	if (v == NULL) {
		synthetic.value.data = (struct data_value){ 0 };
		stored_data_put(&w->values, &synthetic);
		return;
	}
	store_value_encode(&w->values, v, w->now);
	fetch_add_certificate(w, v->certificate);
}

/* Bytes that the answer's body may have, certificates included. */
static size_t fetch_room(const struct fetch_work *w)
{
	const struct security *s = peer_security(w->storage->peer);
	size_t limit = peer_configuration(w->storage->peer)->max_message_size;
	size_t overhead = STORAGE_MESSAGE_OVERHEAD + s->ops->own_certificate(s->ctx).len;

	if (w->request->max_response_length != 0 && w->request->max_response_length < limit)
		limit = w->request->max_response_length;
	return limit > overhead ? limit - overhead : 0;
}

static int fetch_decode(struct fetch_work *w)
{
	const struct topology *t = peer_topology(w->storage->peer);
	struct reader r = reader_of(w->request->body);

	fetch_req_get(&r, w->arena, &w->req);
	if (reader_finish(&r) != 0 || node_id_from_resource_id(&w->req.resource, &w->point) != 0)
		return ERR_INVALID_MESSAGE;
	if (w->request->destination.type != DESTINATION_NODE &&
	    !t->ops->is_responsible(t->ctx, &w->point))
		return ERR_NOT_FOUND;
	return 0;
}

/* True when all Kinds are known; else the request is answered. */
static bool fetch_check_kinds(struct fetch_work *w)
{
	const struct configuration *c = peer_configuration(w->storage->peer);
	uint32_t *unknown = arena_array(w->arena, w->req.specifier_count, sizeof(*unknown));
	size_t count = 0;

	if (unknown == NULL) {
		w->err = ERR_LIMIT;
		return true;
	}
	for (size_t i = 0; i < w->req.specifier_count; i++)
		if (kind_find(&c->kinds, w->req.specifiers[i].kind) == NULL)
			unknown[count++] = w->req.specifiers[i].kind;
	if (count == 0)
		return true;
	storage_refuse_kinds(w->storage, w->now, w->request, unknown, count);
	return false;
}

/* One Kind into `out`; its values stay in w->values. */
static void fetch_kind(struct fetch_work *w, const struct stored_data_specifier *specifier,
		       struct fetch_kind_response *out)
{
	const struct configuration *c = peer_configuration(w->storage->peer);
	const struct kind *kind = kind_find(&c->kinds, specifier->kind);
	const struct stored_kind *k =
		store_kind(store_resource(&w->storage->store, &w->point), specifier->kind);
	size_t before = w->values.len;
	int err;

	out->kind = specifier->kind;
	out->generation = k == NULL ? 0 : k->generation;
	if (specifier->generation != 0 && specifier->generation == out->generation)
		return;
	err = data_model_select(k, kind->model, specifier->selector, w->arena, fetch_put_entry, w);
	if (err != 0 && w->err == 0)
		w->err = err == ERR_RESPONSE_TOO_LARGE ? err : ERR_INVALID_MESSAGE;
	if (w->values.err != 0 && w->err == 0)
		w->err = ERR_RESPONSE_TOO_LARGE;
	if (w->err == 0)
		out->values = slice_of(w->values.data + before, w->values.len - before);
}

static void fetch_answer(struct fetch_work *w, size_t room)
{
	struct fetch_ans ans = { .kind_count = w->req.specifier_count };
	struct writer body = writer_of(arena_alloc(w->arena, room), room);

	w->values = writer_of(arena_alloc(w->arena, room), room);
	ans.kinds = arena_array(w->arena, ans.kind_count, sizeof(*ans.kinds));
	if (body.data == NULL || w->values.data == NULL || ans.kinds == NULL)
		w->err = ERR_RESPONSE_TOO_LARGE;
	for (size_t i = 0; i < ans.kind_count && w->err == 0; i++)
		fetch_kind(w, &w->req.specifiers[i], &ans.kinds[i]);
	if (w->err != 0)
		return;
	fetch_ans_put(&body, &ans);
	if (body.err != 0 || body.len + w->certificate_bytes > room) {
		w->err = ERR_RESPONSE_TOO_LARGE;
		return;
	}
	transport_answer(w->storage->peer, w->now, w->request->handle, writer_slice(&body),
			 w->certificates, w->certificate_count);
}

static void fetch_handle(struct storage *s, struct now now, const struct incoming *request, bool is_stat)
{
	struct fetch_work w = {
		.storage = s,
		.request = request,
		.now = now,
		.arena = peer_arena(s->peer),
		.is_stat = is_stat,
	};

	w.err = fetch_decode(&w);
	if (w.err == 0 && !fetch_check_kinds(&w))
		return;
	if (w.err == 0)
		fetch_answer(&w, fetch_room(&w));
	if (w.err != 0)
		storage_refuse(s, now, request, w.err, SLICE_EMPTY);
}

void fetch_methods_fetch(void *ctx, struct now now, const struct incoming *request)
{
	fetch_handle(ctx, now, request, false);
}

void fetch_methods_stat(void *ctx, struct now now, const struct incoming *request)
{
	fetch_handle(ctx, now, request, true);
}

/* A value of the Kind that exists is there. */
static bool find_has_kind(const struct stored_resource *r, uint32_t kind)
{
	const struct stored_kind *k = store_kind(r, kind);

	for (size_t i = 0; k != NULL && i < k->count; i++)
		if (k->values[i]->data.value.data.exists)
			return true;
	return false;
}

static struct resource_id find_closest(const struct storage *s, const struct node_id *point, uint32_t kind)
{
	struct node_id least;
	const struct stored_resource *closest = NULL;
	size_t cursor = 0;
	void *item;

	while (map_next(s->store.resources, &cursor, NULL, &item)) {
		const struct stored_resource *r = item;
		struct node_id distance = node_id_subtract(&r->point, point);

		if (closest != NULL && node_id_compare(&distance, &least) >= 0)
			continue;
		if (!find_has_kind(r, kind))
			continue;
		closest = r;
		least = distance;
	}
	return closest == NULL ? (struct resource_id){ 0 } : resource_id_from_node_id(&closest->point);
}

static int find_answer(struct storage *s, struct now now, const struct incoming *request)
{
	const struct topology *t = peer_topology(s->peer);
	struct arena *arena = peer_arena(s->peer);
	struct reader r = reader_of(request->body);
	struct find_req req;
	struct find_ans ans = { 0 };
	struct node_id point;
	struct writer w;
	size_t room;

	find_req_get(&r, arena, &req);
	if (reader_finish(&r) != 0 || node_id_from_resource_id(&req.resource, &point) != 0)
		return ERR_INVALID_MESSAGE;
	for (size_t i = 0; i < req.kind_count; i++)
		for (size_t k = 0; k < i; k++)
			if (req.kinds[i] == req.kinds[k])
				return ERR_INVALID_MESSAGE;
	if (!t->ops->is_responsible(t->ctx, &point))
		return ERR_NOT_FOUND;
	room = 2 + req.kind_count * (4 + 1 + NODE_ID_LENGTH);
	w = writer_of(arena_alloc(arena, room), room);
	ans.results = arena_array(arena, req.kind_count, sizeof(*ans.results));
	if (w.data == NULL || ans.results == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < req.kind_count; i++, ans.count++) {
		ans.results[i].kind = req.kinds[i];
		ans.results[i].closest = find_closest(s, &point, req.kinds[i]);
	}
	find_ans_put(&w, &ans);
	if (w.err != 0)
		return ERR_INTERNAL;
	transport_answer(s->peer, now, request->handle, writer_slice(&w), NULL, 0);
	return 0;
}

void fetch_methods_find(void *ctx, struct now now, const struct incoming *request)
{
	struct storage *s = ctx;
	int err = find_answer(s, now, request);

	if (err != 0)
		storage_refuse(s, now, request, err, SLICE_EMPTY);
}
