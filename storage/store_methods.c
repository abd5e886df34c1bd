/* SPDX-License-Identifier: MIT */
/* The Store request (RFC 6940 7.4.1). Everything is decoded and checked before anything is changed, so that
 * a refused request leaves no trace; what costs little is checked first, signatures last.
 *
 * Where the RFC leaves a choice: replica 0 at a peer that is not responsible is answered Not_Found, an
 * implausible replica Forbidden; a generation counter higher than ours is answered like one too low (the
 * error carries the right one); max-count counts values that exist, and as many removed ones again may
 * stand beside them until their lifetime ends; a value identical to the stored one is accepted and changes
 * nothing, its lifetime included, because the lifetime is not signed. */
#include "overlay/access.h"
#include "overlay/access_hit.h"
#include "storage/data_model.h"
#include "storage/outage.h"
#include "storage/replication.h"
#include "storage/storage_state.h"

#include "overlay/base/invariant.h"

/* One Kind of a request being checked. */
struct store_part {
	const struct kind *kind;
	struct stored_kind *stored; /* NULL: nothing there */
	uint64_t generation;        /* in the request */
	struct stored_data *data;   /* arena */
	struct checked_value *values; /* arena; as many as data */
	size_t count;
};

struct store_work {
	struct storage *storage;
	const struct incoming *request;
	struct store_req req;
	struct node_id point;
	bool is_owner;
	bool is_stranger;         /* the sender of a replica Store is neither a replica holder nor near */
	struct store_part *parts; /* arena */
	struct slice info;        /* of the Error */
};

/* Who may send this: 7.4.1.1, and the Stores that move data (10.5, 10.7.3). */
static int store_check_sender(struct store_work *w)
{
	const struct storage *s = w->storage;
	const struct topology *t = peer_topology(s->peer);
	const struct node_id *from = &w->request->signer.node_id;
	struct topology_view view;

	w->is_owner = t->ops->is_responsible(t->ctx, &w->point);
	if (w->req.replica_number == 0)
		return w->is_owner ? 0 : ERR_NOT_FOUND;
	if (t->ops->accepts_replica(t->ctx, from, &w->point))
		return 0;
	/* A Joining Node takes over from the Admitting Peer, whose link is direct. */
	if (peer_state(s->peer) == PEER_JOINING && w->request->direct)
		return 0;
	if (!w->is_owner)
		return ERR_FORBIDDEN;
	/* The owner takes what it lacks from anybody who has it: former owners and replicas come back from
	 * partitions and from other neighbourhoods, and cannot be told from others. Each value is its author's
	 * own, and newer than ours (docs/decisions/0012). */
	w->is_stranger = true;
	t->ops->view(t->ctx, &view);
	for (size_t i = 0; i < view.successor_count; i++)
		if (node_id_equal(&view.successors[i], from))
			w->is_stranger = false;
	return 0;
}

/* 7.4.1.1: a Kind only once; all unknown ones are told together. */
static int store_check_kinds(struct store_work *w, struct now now, bool *answered)
{
	const struct configuration *c = peer_configuration(w->storage->peer);
	struct arena *arena = peer_arena(w->storage->peer);
	uint32_t *unknown = arena_array(arena, w->req.kind_count, sizeof(*unknown));
	size_t unknown_count = 0;

	w->parts = arena_array(arena, w->req.kind_count, sizeof(*w->parts));
	if (unknown == NULL || w->parts == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < w->req.kind_count; i++) {
		struct store_part *part = &w->parts[i];

		for (size_t k = 0; k < i; k++)
			if (w->req.kinds[k].kind == w->req.kinds[i].kind)
				return ERR_INVALID_MESSAGE;
		part->kind = kind_find(&c->kinds, w->req.kinds[i].kind);
		part->generation = w->req.kinds[i].generation_counter;
		if (part->kind == NULL)
			unknown[unknown_count++] = w->req.kinds[i].kind;
	}
	if (unknown_count > 0) {
		storage_refuse_kinds(w->storage, now, w->request, unknown, unknown_count);
		*answered = true;
	}
	return 0;
}

static int store_decode_values(struct store_work *w)
{
	struct arena *arena = peer_arena(w->storage->peer);
	const struct stored_resource *r = store_resource(&w->storage->store, &w->point);

	for (size_t i = 0; i < w->req.kind_count; i++) {
		struct store_part *part = &w->parts[i];
		int err = stored_data_list_get(w->req.kinds[i].values, (uint8_t)part->kind->model, arena,
					       &part->data, &part->count);

		if (err != 0)
			return err == ERR_LIMIT ? ERR_DATA_TOO_LARGE : ERR_INVALID_MESSAGE;
		part->stored = store_kind(r, part->kind->id);
		part->values = arena_array(arena, part->count, sizeof(*part->values));
		if (part->values == NULL)
			return ERR_DATA_TOO_LARGE;
		for (size_t k = 0; k < part->count; k++) {
			part->values[k].kind = part->kind;
			part->values[k].data = part->data[k];
			if (!part->data[k].value.data.exists && part->data[k].value.data.value.len > 0)
				return ERR_INVALID_MESSAGE;
		}
	}
	return 0;
}

/* Gives an appended value its true index. One that was appended before (a repeated Store) finds its place
 * again instead of being appended twice. */
static void store_place_append(const struct store_part *part, struct stored_data *data, uint32_t *next)
{
	for (size_t i = 0; part->stored != NULL && i < part->stored->count; i++) {
		const struct stored_data *old = &part->stored->values[i]->data;

		if (data_model_same(old, data)) {
			data->value.index = old->value.index;
			return;
		}
	}
	data->value.index = (*next)++;
}

/* True indices; no entry twice in one request. */
static int store_place_values(const struct store_part *part)
{
	uint32_t next = data_model_array_length(part->stored);

	for (size_t i = 0; i < part->count; i++) {
		const struct stored_data_value *value = &part->values[i].data.value;

		if (value->model == DATA_MODEL_ARRAY && value->index != ARRAY_INDEX_LAST &&
		    value->index >= next && value->index < STORE_ARRAY_LENGTH_MAX)
			next = value->index + 1;
	}
	for (size_t i = 0; i < part->count; i++) {
		struct stored_data *data = &part->values[i].data;

		if (data->value.model == DATA_MODEL_ARRAY) {
			if (data->value.index == ARRAY_INDEX_LAST)
				store_place_append(part, data, &next);
			if (data->value.index >= STORE_ARRAY_LENGTH_MAX)
				return ERR_DATA_TOO_LARGE;
		}
		for (size_t k = 0; k < i; k++) {
			const struct stored_data_value *other = &part->values[k].data.value;

			if (other->index == data->value.index && slice_equal(other->key, data->value.key))
				return ERR_INVALID_MESSAGE;
		}
	}
	return 0;
}

/* HIT-MATCH: entries for which no HIT gave its word have half of the room, so that nobody crowds out those that are
 * proven. One that takes the place of another is always welcome: so there may be more of them in the end, and who is
 * handed them over does not count again. */
static bool store_has_room_unproven(const struct store_work *w, const struct store_part *part)
{
	size_t unproven = 0, added = 0;

	if (part->kind->access != ACCESS_HIT_MATCH || w->req.replica_number > 0)
		return true;
	for (size_t i = 0; part->stored != NULL && i < part->stored->count; i++)
		unproven += access_hit_is_unproven(&part->stored->values[i]->data.value);
	for (size_t i = 0; i < part->count; i++) {
		const struct stored_data_value *value = &part->values[i].data.value;
		struct stored_value *old = NULL;

		if (part->stored != NULL)
			data_model_place(part->stored, value, &old);
		added += old == NULL && access_hit_is_unproven(value);
	}
	return added == 0 || unproven + added <= (part->kind->max_count + 1) / 2;
}

/* max-size, max-count, and our own bounds. */
static int store_check_limits(const struct store_work *w, const struct store_part *part)
{
	const struct store *st = &w->storage->store;
	size_t existing = 0, entries = part->stored == NULL ? 0 : part->stored->count;

	for (size_t i = 0; part->stored != NULL && i < part->stored->count; i++)
		existing += part->stored->values[i]->data.value.data.exists;
	for (size_t i = 0; i < part->count; i++) {
		const struct stored_data *data = &part->values[i].data;
		struct stored_value *old = NULL;

		if (data->value.data.value.len > part->kind->max_size)
			return ERR_DATA_TOO_LARGE;
		if (part->stored != NULL)
			data_model_place(part->stored, &data->value, &old);
		entries += old == NULL;
		existing += data->value.data.exists;
		existing -= old != NULL && old->data.value.data.exists;
	}
	if (existing > part->kind->max_count || entries > 2 * (size_t)part->kind->max_count ||
	    !store_has_room_unproven(w, part))
		return ERR_DATA_TOO_LARGE;
	if (st->values + part->count > STORE_VALUES_MAX || st->bytes + w->request->body.len > STORE_BYTES_MAX)
		return ERR_LIMIT;
	return 0;
}

/* Strictly later than what it replaces. Replica Stores of equal time are ordered by their bytes, so that two
 * holders never refuse each other for ever. */
static int store_check_age(const struct store_work *w, const struct store_part *part)
{
	for (size_t i = 0; part->stored != NULL && i < part->count; i++) {
		struct checked_value *v = &part->values[i];
		struct stored_value *old;

		data_model_place(part->stored, &v->data.value, &old);
		if (old == NULL)
			continue;
		v->unchanged = data_model_same(&old->data, &v->data);
		if (v->unchanged)
			continue;
		if (w->req.replica_number == 0 ? v->data.storage_time <= old->data.storage_time
					       : data_model_order(&v->data, &old->data) <= 0)
			return ERR_DATA_TOO_OLD;
	}
	return 0;
}

/* 7.4.1.2: the Error carries a StoreAns with the counters as they are, for every Kind of the request. */
static void store_tell_generations(struct store_work *w)
{
	struct arena *arena = peer_arena(w->storage->peer);
	struct store_ans ans = { .kind_count = w->req.kind_count };
	size_t room = 4 + w->req.kind_count * 16;
	struct writer writer = writer_of(arena_alloc(arena, room), room);

	ans.kinds = arena_array(arena, w->req.kind_count, sizeof(*ans.kinds));
	if (writer.data == NULL || ans.kinds == NULL)
		return;
	for (size_t i = 0; i < w->req.kind_count; i++) {
		const struct stored_kind *k = w->parts[i].stored;

		ans.kinds[i].kind = w->parts[i].kind->id;
		ans.kinds[i].generation_counter = k == NULL ? 0 : k->generation;
	}
	store_ans_put(&writer, &ans);
	w->info = writer_slice(&writer);
}

static int store_check_generations(struct store_work *w)
{
	for (size_t i = 0; i < w->req.kind_count; i++) {
		const struct store_part *part = &w->parts[i];
		uint64_t current = part->stored == NULL ? 0 : part->stored->generation;

		if (w->req.replica_number > 0) {
			if (part->generation == 0)
				return ERR_INVALID_MESSAGE;
		} else if (part->generation != 0 && part->generation != current) {
			store_tell_generations(w);
			return ERR_GENERATION_COUNTER_TOO_LOW;
		}
	}
	return 0;
}

/* The policy for the request's signer (replica 0), then everything that storage_check_value asks. A value
 * that is stored already was verified when it came. */
static int store_verify_part(struct store_work *w, struct now now, struct store_part *part)
{
	const struct security *security = peer_security(w->storage->peer);
	const struct configuration *c = peer_configuration(w->storage->peer);

	for (size_t i = 0; i < part->count; i++) {
		struct checked_value *v = &part->values[i];
		int err = 0;

		if (w->req.replica_number == 0) {
			err = access_check(security, part->kind, &w->req.resource, &w->request->signer,
					   &v->data.value);
			if (err == 0)
				err = access_check_domain(c, part->kind, w->request->signer.user);
		}
		if (err == 0 && !v->unchanged)
			err = storage_check_value(w->storage, now, &w->req.resource,
						  &w->request->certificates,
						  peer_arena(w->storage->peer), v);
		if (err != 0)
			return err;
	}
	return 0;
}

/* Certificates that no stored value came to need go again. */
static void store_release_certificates(struct store_work *w)
{
	for (size_t i = 0; w->parts != NULL && i < w->req.kind_count; i++)
		for (size_t k = 0; w->parts[i].values != NULL && k < w->parts[i].count; k++)
			store_certificate_release(&w->storage->store, w->parts[i].values[k].certificate);
}

static int store_check(struct store_work *w, struct now now, bool *answered)
{
	struct reader r = reader_of(w->request->body);
	int err;

	store_req_get(&r, peer_arena(w->storage->peer), &w->req);
	if (reader_finish(&r) != 0 || node_id_from_resource_id(&w->req.resource, &w->point) != 0)
		return ERR_INVALID_MESSAGE;
	err = store_check_kinds(w, now, answered);
	if (err != 0 || *answered)
		return err;
	err = store_check_sender(w);
	/* Before anything that costs: nothing could be acknowledged. */
	if (err == 0 && outage_is_on(w->storage))
		err = ERR_STORAGE;
	if (err == 0)
		err = store_decode_values(w);
	for (size_t i = 0; i < w->req.kind_count && err == 0; i++) {
		err = store_place_values(&w->parts[i]);
		if (err == 0)
			err = store_check_limits(w, &w->parts[i]);
	}
	if (err == 0)
		err = store_check_generations(w);
	for (size_t i = 0; i < w->req.kind_count && err == 0; i++)
		err = store_check_age(w, &w->parts[i]);
	for (size_t i = 0; i < w->req.kind_count && err == 0; i++)
		err = store_verify_part(w, now, &w->parts[i]);
	return err;
}

/* The counter after this Store. It never goes back while values live, whatever an owner that knows less says:
 * an old counter must not fit again. A replica Store may have brought any counter: at the highest it stays,
 * for 0 means that nothing is stored. A stranger's is not taken at its word. */
static uint64_t store_next_generation(const struct store_work *w, const struct store_part *part)
{
	uint64_t current = part->stored == NULL ? 0 : part->stored->generation;
	bool changed = false;

	for (size_t i = 0; i < part->count; i++)
		changed |= !part->values[i].unchanged;
	if (w->req.replica_number > 0 && !w->is_stranger)
		return current > part->generation ? current : part->generation;
	return changed && current < UINT64_MAX ? current + 1 : current;
}

static void store_apply_part(struct store_work *w, struct now now, struct store_part *part)
{
	struct store *st = &w->storage->store;
	uint64_t generation = store_next_generation(w, part);

	for (size_t i = 0; i < part->count; i++) {
		struct checked_value *v = &part->values[i];
		struct store_put put = {
			.data = &v->data,
			.certificate = v->certificate,
			.signer = v->signer,
			.not_after = v->not_after,
			.generation = generation,
		};

		if (v->unchanged)
			continue;
		store_put(st, now, &w->point, part->kind, &put);
		peer_counters(w->storage->peer)->stores_accepted++;
	}
	part->stored = store_kind(store_resource(st, &w->point), part->kind->id);
	if (part->stored != NULL)
		store_set_generation(st, now, part->stored, generation);
}

/* Everything is checked: change it, and let the answer wait for the commit. */
static void store_apply(struct store_work *w, struct now now)
{
	struct storage *s = w->storage;
	struct store_wait *wait =
		memory_alloc(sizeof(*wait) + w->req.kind_count * sizeof(wait->kinds[0]));
	struct stored_resource *r;
	size_t count = 0;

	for (size_t i = 0; i < w->req.kind_count; i++) {
		struct store_part *part = &w->parts[i];

		count += part->count;
		store_apply_part(w, now, part);
		wait->kinds[i].kind = part->kind->id;
		wait->kinds[i].generation_counter = part->stored == NULL ? 0 : part->stored->generation;
	}
	r = store_resource(&s->store, &w->point);
	if (r != NULL)
		replication_source(r, &w->request->signer.node_id, w->req.replica_number, count);
	replication_taken(s, now, &w->point);
	wait->storage = s;
	wait->point = w->point;
	wait->handle = w->request->handle;
	wait->version = r == NULL ? 0 : r->version;
	wait->is_owner = w->is_owner;
	wait->kind_count = w->req.kind_count;
	replication_await_commit(s, wait);
}

void store_methods_store(void *ctx, struct now now, const struct incoming *request)
{
	struct store_work w = { .storage = ctx, .request = request };
	struct storage *s = ctx;
	char text[NODE_ID_TEXT_SIZE];
	bool answered = false;
	int err = store_check(&w, now, &answered);

	if (err == 0 && !answered) {
		store_apply(&w, now);
		log_debug(peer_log(s->peer), "store.applied", "resource=%s replica=%u kinds=%zu",
			  node_id_text(&w.point, text), w.req.replica_number, w.req.kind_count);
	} else {
		peer_counters(s->peer)->stores_refused++;
		if (!answered)
			storage_refuse(s, now, request, err, w.info);
	}
	store_release_certificates(&w);
}
