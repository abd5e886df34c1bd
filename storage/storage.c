/* SPDX-License-Identifier: MIT */
/* The storage object: the port to the core, loading, the turn's commit, and what the methods share. */
#include "storage/storage.h"

#include <stdio.h>
#include <stdlib.h>

#include "overlay/access.h"
#include "overlay/base/invariant.h"
#include "storage/data_model.h"
#include "storage/hand_over.h"
#include "storage/outage.h"
#include "storage/replication.h"
#include "storage/storage_state.h"

/* storage_next's cursor: the place in the map of Resources above, the value's number within it below. */
#define ROW_BITS 20

void storage_refuse(struct storage *s, struct now now, const struct incoming *request, int err,
		    struct slice info)
{
	int answer = error_reload_code(err) == 0 ? ERR_FORBIDDEN : err;

	/* Message Transport counts what it answers. */
	if (answer != err)
		counter_error(peer_counters(s->peer), err);
	/* An outage is told once, not by every Store that comes meanwhile. */
	if (err == ERR_STORAGE)
		log_debug(peer_log(s->peer), "storage.refused", "method=%s reason=%s",
			  method_name(request->method), error_name(err));
	else
		log_info(peer_log(s->peer), "storage.refused", "method=%s reason=%s",
			 method_name(request->method), error_name(err));
	transport_answer_error(s->peer, now, request->handle, answer, info);
}

void storage_refuse_kinds(struct storage *s, struct now now, const struct incoming *request,
			  const uint32_t *unknown, size_t count)
{
	/* The list's length prefix counts at most 255 bytes; a request with more gets the first 63. */
	uint8_t buffer[1 + 255];
	struct writer w = writer_of(buffer, sizeof(buffer));

	kind_id_list_put(&w, unknown, count < 63 ? count : 63);
	storage_refuse(s, now, request, ERR_UNKNOWN_KIND, writer_slice(&w));
}

void storage_wait_answer(struct storage *s, struct now now, struct store_wait *wait,
			 const struct node_id *replicas, size_t count)
{
	struct store_ans ans = { .kinds = wait->kinds, .kind_count = wait->kind_count };
	size_t room = 2 + wait->kind_count * (4 + 8 + 2 + count * NODE_ID_LENGTH);
	struct writer w = writer_of(memory_alloc(room), room);

	for (size_t i = 0; i < wait->kind_count; i++) {
		wait->kinds[i].replicas = (struct node_id *)replicas;
		wait->kinds[i].replica_count = count;
	}
	store_ans_put(&w, &ans);
	invariant(w.err == 0);
	transport_answer(s->peer, now, wait->handle, writer_slice(&w), NULL, 0);
	timer_disarm(peer_timers(s->peer), &wait->timer);
	free(w.data);
	free(wait);
}

int storage_check_value(struct storage *s, struct now now, const struct resource_id *resource,
			const struct certificate_list *bucket, struct arena *arena,
			struct checked_value *v)
{
	struct slice der = SLICE_EMPTY;
	struct identity signer;
	size_t len = v->data.value.key.len + v->data.value.data.value.len + v->data.signature.value.len;
	int err = access_verify_value(peer_security(s->peer), peer_configuration(s->peer), now.wall,
				      v->kind, resource, &v->data, bucket, arena, &signer, &der);

	if (err != 0)
		return err;
	v->certificate = store_certificate_use(&s->store, &signer, der);
	v->signer = signer.node_id;
	v->not_after = signer.not_after;
	/* In use: by its stored values, and by those of this request that were checked before. */
	if (v->certificate->uses > SIGNER_VALUES_MAX || v->certificate->bytes + len > SIGNER_BYTES_MAX)
		return ERR_LIMIT;
	return 0;
}

/* ---- Loading ---- */

struct storage_load {
	struct storage *storage;
	struct now now;
	struct map *certificates; /* hash -> owned copy of the DER, with its length before it */
	struct arena arena;
	size_t loaded;
	size_t dropped;
	struct backend_record *drop; /* owned; resource and entry of each in one block, owned */
	size_t drop_room;
};

struct loaded_certificate {
	bool needed; /* by a record that stays */
	size_t len;
	uint8_t der[];
};

static int storage_load_certificate(void *ctx, struct slice hash, struct slice der)
{
	struct storage_load *load = ctx;
	struct loaded_certificate *c = memory_alloc(sizeof(*c) + der.len);

	c->len = der.len;
	if (der.len > 0)
		memcpy(c->der, der.data, der.len);
	free(map_put(load->certificates, hash, c));
	return 0;
}

/* Decodes and verifies a record as if it had just come from the network. */
static int storage_load_check(struct storage_load *load, const struct backend_record *record,
			      struct node_id *point, struct checked_value *v)
{
	struct storage *s = load->storage;
	struct loaded_certificate *c = map_find(load->certificates, record->certificate_hash);
	struct reader r = reader_of(record->stored_data);
	struct stored_data_value entry;
	struct resource_id resource;
	struct certificate_list bucket = { 0 };
	struct slice der;
	int err = resource_id_from_slice(record->resource, &resource);

	if (err == 0)
		err = node_id_from_resource_id(&resource, point);
	if (err != 0)
		return err;
	v->kind = kind_find(&peer_configuration(s->peer)->kinds, record->kind);
	if (v->kind == NULL)
		return ERR_UNKNOWN_KIND;
	stored_data_get(&r, (uint8_t)v->kind->model, &v->data);
	err = reader_finish(&r);
	if (err == 0)
		err = data_model_entry_parse(v->kind->model, record->entry, &entry);
	if (err != 0)
		return err;
	if (entry.index != v->data.value.index || !slice_equal(entry.key, v->data.value.key) ||
	    record->generation == 0)
		return ERR_MALFORMED;
	if (c != NULL) {
		der = slice_of(c->der, c->len);
		bucket = (struct certificate_list){ &der, 1 };
	}
	return storage_check_value(s, load->now, &resource, &bucket, &load->arena, v);
}

/* `err` is 0 when the record's lifetime is simply over. */
static void storage_load_drop(struct storage_load *load, const struct backend_record *record, int err)
{
	uint8_t *copy = memory_alloc(record->resource.len + record->entry.len + 1);
	struct backend_record *drop;

	if (err != 0) {
		log_warning(peer_log(load->storage->peer), "storage.record_dropped", "kind=%u reason=%s",
			    record->kind, error_name(err));
		counter_error(peer_counters(load->storage->peer), err);
	}
	if (load->dropped == load->drop_room) {
		load->drop_room = load->drop_room == 0 ? 16 : 2 * load->drop_room;
		load->drop = memory_resize(load->drop, load->drop_room * sizeof(*load->drop));
	}
	/* The backend is being walked: it is changed when the walk is over. */
	drop = &load->drop[load->dropped++];
	*drop = *record;
	if (record->resource.len > 0)
		memcpy(copy, record->resource.data, record->resource.len);
	if (record->entry.len > 0)
		memcpy(copy + record->resource.len, record->entry.data, record->entry.len);
	drop->resource = slice_of(copy, record->resource.len);
	drop->entry = slice_of(copy + record->resource.len, record->entry.len);
}

/* The record stays in the backend, and its certificate with it. */
static void storage_load_keep(struct storage_load *load, const struct backend_record *record)
{
	struct loaded_certificate *c = map_find(load->certificates, record->certificate_hash);

	if (c != NULL)
		c->needed = true;
}

static int storage_load_record(void *ctx, const struct backend_record *record)
{
	struct storage_load *load = ctx;
	struct storage *s = load->storage;
	struct checked_value v = { 0 };
	struct node_id point;
	int err = 0;

	if (record->expires.ms <= load->now.wall.ms) {
		peer_counters(s->peer)->values_expired++;
		storage_load_drop(load, record, 0);
		return 0;
	}
	err = storage_load_check(load, record, &point, &v);
	if (err == 0) {
		struct store_put put = {
			.data = &v.data,
			.certificate = v.certificate,
			.signer = v.signer,
			.not_after = v.not_after,
			.generation = record->generation,
		};
		uint64_t left_ms = record->expires.ms - load->now.wall.ms;
		uint64_t whole_ms = 1000ull * v.data.lifetime;

		/* The clock was set back meanwhile. A removal outlives its own lifetime (store_put). */
		if (v.data.value.data.exists && left_ms > whole_ms)
			left_ms = whole_ms;
		store_restore(&s->store, &point, v.kind, &put,
			      instant_add(load->now.mono, duration_ms(left_ms)));
		storage_load_keep(load, record);
		load->loaded++;
	} else if (err == ERR_CERTIFICATE_EXPIRED || err == ERR_FROM_THE_FUTURE) {
		/* Perhaps it is our clock that is wrong: not served, but kept until its lifetime ends. */
		storage_load_keep(load, record);
		counter_error(peer_counters(s->peer), err);
		log_warning(peer_log(s->peer), "storage.record_ignored", "kind=%u reason=%s", record->kind,
			    error_name(err));
	} else {
		storage_load_drop(load, record, err);
	}
	store_certificate_release(&s->store, v.certificate);
	arena_reset(&load->arena);
	return 0;
}

/* A Kind's counter must outlive the record that carried it. */
static void storage_load_keep_generation(struct storage_load *load, const struct backend_record *drop)
{
	struct store *st = &load->storage->store;
	struct resource_id resource;
	struct stored_kind *k = NULL;
	struct node_id point;

	if (resource_id_from_slice(drop->resource, &resource) == 0 &&
	    node_id_from_resource_id(&resource, &point) == 0)
		k = store_kind(store_resource(st, &point), drop->kind);
	if (k == NULL || k->count == 0)
		return;
	if (k->generation < drop->generation)
		k->generation = drop->generation;
	store_rewrite(st, load->now, k);
}

/* Takes out of the backend what was dropped on the walk, and certificates that nothing needs. Uncommitted. */
static int storage_load_tidy(struct storage_load *load)
{
	const struct backend *b = load->storage->backend;
	size_t cursor = 0;
	struct slice hash;
	int err = 0;
	void *c;

	for (size_t i = 0; i < load->dropped && err == 0; i++) {
		const struct backend_record *drop = &load->drop[i];

		err = b->ops->remove(b->ctx, drop->resource, drop->kind, drop->entry, false);
		if (err == 0 && drop->expires.ms <= load->now.wall.ms)
			storage_load_keep_generation(load, drop);
	}
	while (err == 0 && map_next(load->certificates, &cursor, &hash, &c))
		if (!((struct loaded_certificate *)c)->needed)
			err = b->ops->remove_certificate(b->ctx, hash);
	return err != 0 ? err : load->storage->store.failed;
}

static void storage_load_begin(struct storage_load *load, struct storage *s, struct now now)
{
	*load = (struct storage_load){ .storage = s, .now = now, .certificates = map_new(1) };
	arena_init(&load->arena, STORAGE_ARENA_BYTES);
}

static void storage_load_end(struct storage_load *load)
{
	size_t cursor = 0;
	void *c;

	for (size_t i = 0; i < load->dropped; i++)
		free((void *)load->drop[i].resource.data);
	free(load->drop);
	while (map_next(load->certificates, &cursor, NULL, &c))
		free(c);
	map_free(load->certificates);
	arena_free(&load->arena);
}

/* Fills the working set from the backend; what does not verify is dropped from both. What cannot be dropped
 * now is dropped another time: a full disk must not keep a peer from serving. */
static int storage_load(struct storage *s, struct now now)
{
	const struct backend *b = s->backend;
	struct storage_load load;
	int err, tidied;

	storage_load_begin(&load, s, now);
	s->store.held = true; /* what is in the backend need not be written */
	err = b->ops->load(b->ctx, storage_load_certificate, storage_load_record, &load);
	s->store.held = s->store.behind = false;
	tidied = err != 0 ? err : storage_load_tidy(&load);
	if (tidied == 0)
		tidied = b->ops->commit(b->ctx);
	if (tidied != 0)
		b->ops->rollback(b->ctx);
	s->store.failed = 0;
	log_info(peer_log(s->peer), "storage.loaded", "values=%zu dropped=%zu result=%s", load.loaded,
		 load.dropped, error_name(err));
	if (err == 0 && tidied != 0) {
		s->store.behind = true;
		outage_begin(s, now, tidied);
	}
	storage_load_end(&load);
	return err;
}

static int storage_tidy_record(void *ctx, const struct backend_record *record)
{
	struct storage_load *load = ctx;

	if (record->expires.ms <= load->now.wall.ms)
		storage_load_drop(load, record, 0);
	else
		storage_load_keep(load, record);
	return 0;
}

int storage_tidy_backend(struct storage *s, struct now now)
{
	const struct backend *b = s->backend;
	struct storage_load load;
	int err;

	storage_load_begin(&load, s, now);
	err = b->ops->load(b->ctx, storage_load_certificate, storage_tidy_record, &load);
	if (err == 0)
		err = storage_load_tidy(&load);
	s->store.failed = 0;
	storage_load_end(&load);
	return err;
}

/* ---- The port ---- */

/* The turn cannot be made durable: back to what the backend holds, and nobody is told that it was stored. */
static void storage_commit_failed(struct storage *s, struct now now, int err)
{
	struct store_wait *wait = s->uncommitted;

	s->uncommitted = NULL;
	s->uncommitted_end = &s->uncommitted;
	s->backend->ops->rollback(s->backend->ctx);
	store_undo_turn(&s->store, now);
	outage_begin(s, now, err);
	while (wait != NULL) {
		struct store_wait *next = wait->next;

		transport_answer_error(s->peer, now, wait->handle, ERR_STORAGE, SLICE_EMPTY);
		free(wait);
		wait = next;
	}
}

static void storage_replicate_ahead(void *ctx, struct now now)
{
	struct storage *s = ctx;

	if (s->commit_queued && s->store.failed == 0)
		replication_ahead(s, now);
}

static void storage_commit(void *ctx, struct now now)
{
	struct storage *s = ctx;
	int err = s->store.failed;

	if (!s->commit_queued)
		return;
	s->commit_queued = false;
	if (err == 0)
		err = s->backend->ops->commit(s->backend->ctx);
	if (err != 0) {
		storage_commit_failed(s, now, err);
		return;
	}
	store_keep_turn(&s->store);
	replication_committed(s, now);
}

static void storage_hand_over(void *ctx, struct now now, const struct node_id *to,
			      const struct node_id *after, const struct node_id *upto,
			      storage_done_fn *done, void *done_ctx)
{
	hand_over_start(ctx, now, to, after, upto, done, done_ctx);
}

static void storage_topology_changed(void *ctx, struct now now, bool replicas_settled)
{
	replication_topology_changed(ctx, now, replicas_settled);
}

static void storage_statistics(void *ctx, struct storage_statistics *out)
{
	const struct storage *s = ctx;

	out->resources = (uint32_t)map_count(s->store.resources);
	out->values = (uint32_t)s->store.values;
	out->bytes = s->store.bytes;
}

static const struct storage_ops storage_port_ops = {
	.hand_over = storage_hand_over,
	.topology_changed = storage_topology_changed,
	.replicate_ahead = storage_replicate_ahead,
	.commit = storage_commit,
	.statistics = storage_statistics,
};

static void storage_dirty(void *ctx)
{
	replication_dirty(ctx);
}

static void storage_forget(void *ctx, struct now now, struct stored_resource *r)
{
	replication_forget(ctx, now, r);
}

int storage_new(struct storage **out, struct peer *p, struct backend *backend, struct now now)
{
	struct storage *s = memory_alloc(sizeof(*s));
	int err;

	s->peer = p;
	s->backend = backend;
	s->uncommitted_end = &s->uncommitted;
	s->replicas_settled = true;
	store_init(&s->store, p, backend);
	err = storage_load(s, now);
	if (err != 0) {
		outage_free(s);
		store_free(&s->store, now);
		free(s);
		return err;
	}
	s->store.ctx = s;
	s->store.dirty = storage_dirty;
	s->store.forget = storage_forget;
	peer_set_storage(p, &storage_port_ops, s);
	transport_set_handler(p, METHOD_STORE, store_methods_store, s);
	transport_set_handler(p, METHOD_FETCH, fetch_methods_fetch, s);
	transport_set_handler(p, METHOD_STAT, fetch_methods_stat, s);
	transport_set_handler(p, METHOD_FIND, fetch_methods_find, s);
	*out = s;
	return 0;
}

void storage_free(struct storage *s)
{
	if (s == NULL)
		return;
	replication_free(s);
	outage_free(s);
	s->store.dirty = NULL;
	s->store.forget = NULL;
	store_free(&s->store, (struct now){ 0 });
	free(s);
}

/* The `number`th value of a Resource, or NULL. */
static const struct stored_value *storage_value_number(const struct stored_resource *r, size_t number)
{
	for (size_t i = 0; i < r->kind_count; i++) {
		if (number < r->kinds[i]->count)
			return r->kinds[i]->values[number];
		number -= r->kinds[i]->count;
	}
	return NULL;
}

bool storage_next(struct storage *s, struct now now, size_t *cursor, struct storage_row *out)
{
	const struct topology *t = peer_topology(s->peer);
	size_t at = *cursor >> ROW_BITS, number = *cursor & ((1u << ROW_BITS) - 1);
	const struct stored_value *v = NULL;
	size_t here;
	void *item;

	do {
		here = at;
		if (!map_next(s->store.resources, &at, NULL, &item))
			return false;
		v = storage_value_number(item, number);
		if (v == NULL)
			number = 0;
	} while (v == NULL);
	*cursor = here << ROW_BITS | (number + 1);
	memset(out, 0, sizeof(*out));
	out->resource = resource_id_from_node_id(&v->resource->point);
	out->kind = v->kind->id;
	out->generation = v->kind->generation;
	out->data = v->data;
	snprintf(out->user, sizeof(out->user), "%s", v->certificate->user);
	out->signer = v->signer;
	out->remaining_s = store_remaining_s(v, now);
	out->owned = t->ops->is_responsible(t->ctx, &v->resource->point);
	return true;
}

uint64_t storage_changes(const struct storage *s)
{
	return s->store.changes;
}
