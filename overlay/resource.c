/* SPDX-License-Identifier: MIT */
/* Store, Stat and Find for usages: signs what goes out. Fetch is in resource_fetch.c. */
#include "overlay/resource.h"

#include <stdlib.h>

#include "overlay/access.h"
#include "overlay/base/invariant.h"
#include "overlay/config_update.h"
#include "overlay/peer.h"
#include "overlay/resource_state.h"

#define RESOURCE_RETRIES 1              /* of a Store that newer data or a counter refused */

void resource_call_free(struct resource_call *call)
{
	*call->link = call->next;
	if (call->next != NULL)
		call->next->link = call->link;
	free(call->values);
	free(call->bytes);
	lookup_free(call->lookup);
	while (call->answers != NULL) {
		struct resource_answer *answer = call->answers;

		call->answers = answer->next;
		free(answer);
	}
	arena_free(&call->arena);
	free(call);
}

struct resource_call *resource_call_new(struct peer *p, const struct resource_id *resource, uint32_t kind,
					void *ctx)
{
	const struct kind *k = kind_find(&peer_configuration(p)->kinds, kind);
	struct resource_call *call;

	if (k == NULL)
		return NULL;
	call = memory_alloc(sizeof(*call));
	call->link = peer_resource_calls(p);
	call->next = *call->link;
	*call->link = call;
	if (call->next != NULL)
		call->next->link = &call->next;
	call->peer = p;
	call->resource = *resource;
	call->kind = kind;
	call->model = k->model;
	call->ctx = ctx;
	return call;
}

static struct slice resource_copy(uint8_t **at, struct slice bytes)
{
	uint8_t *copy = *at;

	if (bytes.len == 0)
		return SLICE_EMPTY;
	memcpy(copy, bytes.data, bytes.len);
	*at += bytes.len;
	return slice_of(copy, bytes.len);
}

static void resource_call_keep_values(struct resource_call *call, const struct resource_value *values,
				      size_t count)
{
	size_t len = 0;
	uint8_t *at;

	for (size_t i = 0; i < count; i++)
		len += values[i].key.len + values[i].value.len;
	call->values = memory_alloc(count * sizeof(*values));
	call->value_count = count;
	call->bytes = at = memory_alloc(len == 0 ? 1 : len);
	for (size_t i = 0; i < count; i++) {
		call->values[i] = values[i];
		call->values[i].key = resource_copy(&at, values[i].key);
		call->values[i].value = resource_copy(&at, values[i].value);
	}
}

/* A time later than that of every value this node stored before: one clock for all elements, so that each
 * element's times rise without a table of elements. */
static uint64_t resource_storage_time(struct peer *p, struct now now)
{
	uint64_t *last = peer_last_storage_time(p);

	*last = now.wall.ms > *last ? now.wall.ms : *last + 1;
	return *last;
}

static int resource_put_value(struct resource_call *call, const struct resource_value *v, uint64_t time,
			      struct arena *arena, struct writer *w)
{
	const struct security *s = peer_security(call->peer);
	struct stored_data data = {
		.storage_time = time,
		.lifetime = v->lifetime_s,
		.value = {
			.model = (uint8_t)call->model,
			.index = v->index,
			.key = v->key,
			.data = { .exists = v->exists, .value = v->exists ? v->value : SLICE_EMPTY },
		},
	};
	struct slice covered;
	int err = access_signed_data(&call->resource, call->kind, &data, arena, &covered);

	if (err == 0)
		err = s->ops->sign(s->ctx, &covered, 1, arena, &data.signature);
	if (err != 0)
		return err;
	stored_data_put(w, &data);
	return 0;
}

static response_fn resource_store_done;

static int resource_store_send(struct resource_call *call, struct now now)
{
	struct store_kind_data kind = { .kind = call->kind };
	struct store_req req = { .resource = call->resource, .kinds = &kind, .kind_count = 1 };
	size_t room = peer_configuration(call->peer)->max_message_size;
	uint64_t time = resource_storage_time(call->peer, now);
	struct arena arena;
	struct writer values, body;
	int err = 0;

	arena_init(&arena, RESOURCE_ARENA_BYTES);
	values = writer_of(arena_alloc(&arena, room), room);
	body = writer_of(arena_alloc(&arena, room), room);
	if (values.data == NULL || body.data == NULL)
		err = ERR_LIMIT;
	for (size_t i = 0; i < call->value_count && err == 0; i++)
		err = resource_put_value(call, &call->values[i], time, &arena, &values);
	if (err == 0) {
		kind.values = writer_slice(&values);
		store_req_put(&body, &req);
		err = values.err != 0 ? values.err : body.err;
	}
	if (err == 0)
		err = transport_request_resource(call->peer, now, METHOD_STORE, writer_slice(&body),
						 &call->resource, resource_store_done, call);
	arena_free(&arena);
	return err;
}

static void resource_store_finish(struct resource_call *call, struct now now,
				  const struct resource_store_result *result)
{
	if (call->done.store != NULL && !call->cancelled)
		call->done.store(call->ctx, now, result);
	resource_call_free(call);
}

static void resource_store_retry(struct resource_call *call, struct now now, int reason)
{
	struct resource_store_result result = { 0 };

	log_info(peer_log(call->peer), "resource.store_again", "kind=%u reason=%s", call->kind,
		 error_name(reason));
	result.err = resource_store_send(call, now);
	if (result.err != 0)
		resource_store_finish(call, now, &result);
}

/* The owner holds a later value than we stored: our clock was behind, or it was stored before a restart.
 * Our next time must be later than what it told; an owner that claims a far future changes nothing. */
static void resource_learn_time_done(void *ctx, struct now now, const struct resource_stat_result *result)
{
	struct resource_call *call = ctx;
	uint64_t *last = peer_last_storage_time(call->peer);
	uint64_t limit = now.wall.ms + STORAGE_TIME_AHEAD_MAX_MS;

	for (size_t i = 0; result->err == 0 && i < result->count; i++)
		if (result->values[i].storage_time > *last && result->values[i].storage_time < limit)
			*last = result->values[i].storage_time;
	resource_store_retry(call, now, ERR_DATA_TOO_OLD);
}

/* True when the Store goes on after the refusal `err`. */
static bool resource_store_goes_on(struct resource_call *call, struct now now, int err)
{
	if (call->retries >= RESOURCE_RETRIES || call->cancelled)
		return false;
	if (err != ERR_DATA_TOO_OLD && err != ERR_GENERATION_COUNTER_TOO_LOW)
		return false;
	call->retries++;
	if (err == ERR_GENERATION_COUNTER_TOO_LOW)
		resource_store_retry(call, now, err);
	else if (resource_stat(call->peer, now, &call->resource, call->kind, resource_learn_time_done,
			       call) != 0)
		return false;
	return true;
}

/* 7.4.1.2: a peer that does not know a Kind of the configuration is sent the configuration. */
static void resource_tell_kind(const struct resource_call *call, struct now now,
			       const struct response *response)
{
	if (response->err == ERR_UNKNOWN_KIND && !node_id_is_zero(&response->signer.node_id))
		config_update_send(call->peer, now, &response->signer.node_id, response->link,
				   SLICE_EMPTY);
}

static void resource_store_done(void *ctx, struct now now, const struct response *response)
{
	struct resource_call *call = ctx;
	struct resource_store_result result = {
		.err = response->err,
		.owner = response->signer.node_id,
		.round_trip = response->round_trip,
	};
	struct reader r = reader_of(response->body);
	struct store_ans ans;
	struct arena arena;

	resource_tell_kind(call, now, response);
	if (response->err != 0 && resource_store_goes_on(call, now, response->err))
		return;
	arena_init(&arena, RESOURCE_ARENA_BYTES);
	if (result.err == 0) {
		store_ans_get(&r, &arena, &ans);
		result.err = reader_finish(&r);
	}
	for (size_t i = 0; result.err == 0 && i < ans.kind_count; i++) {
		if (ans.kinds[i].kind != call->kind)
			continue;
		result.generation = ans.kinds[i].generation_counter;
		result.replica_count = ans.kinds[i].replica_count;
	}
	arena_free(&arena);
	resource_store_finish(call, now, &result);
}

int resource_store(struct peer *p, struct now now, const struct resource_id *resource, uint32_t kind,
		   const struct resource_value *values, size_t count, resource_store_fn *done, void *ctx)
{
	struct resource_call *call;
	int err;

	if (count == 0 || count > STORED_VALUES_MAX)
		return ERR_LIMIT;
	call = resource_call_new(p, resource, kind, ctx);
	if (call == NULL)
		return ERR_UNKNOWN_KIND;
	call->done.store = done;
	resource_call_keep_values(call, values, count);
	err = resource_store_send(call, now);
	if (err != 0)
		resource_call_free(call);
	return err;
}

size_t resource_fetch_body(const struct resource_call *call, uint8_t body[RESOURCE_FETCH_BODY])
{
	static const struct array_range all = { 0, ARRAY_INDEX_LAST };
	uint8_t selector[16];
	struct writer s = writer_of(selector, sizeof(selector)), w = writer_of(body, RESOURCE_FETCH_BODY);
	struct stored_data_specifier specifier = { .kind = call->kind };
	struct fetch_req req = {
		.resource = call->resource,
		.specifiers = &specifier,
		.specifier_count = 1,
	};

	if (call->model == DATA_MODEL_ARRAY)
		array_ranges_put(&s, &all, 1);
	else if (call->model == DATA_MODEL_DICTIONARY)
		dictionary_keys_put(&s, NULL, 0);
	specifier.selector = writer_slice(&s);
	fetch_req_put(&w, &req);
	invariant(s.err == 0 && w.err == 0);
	return w.len;
}

int resource_fetch_answer(const struct resource_call *call, const struct response *response,
				 struct arena *arena, struct fetch_kind_response *out)
{
	struct reader r = reader_of(response->body);
	struct fetch_ans ans;

	if (response->err != 0)
		return response->err;
	fetch_ans_get(&r, arena, &ans);
	if (reader_finish(&r) != 0)
		return ERR_INVALID_MESSAGE;
	for (size_t i = 0; i < ans.kind_count; i++) {
		if (ans.kinds[i].kind == call->kind) {
			*out = ans.kinds[i];
			return 0;
		}
	}
	return ERR_INVALID_MESSAGE;
}

static void resource_stat_done(void *ctx, struct now now, const struct response *response)
{
	struct resource_call *call = ctx;
	struct resource_stat_result result = {
		.owner = response->signer.node_id,
		.round_trip = response->round_trip,
	};
	struct fetch_kind_response kind = { 0 };
	struct stored_meta_data *items = NULL;
	struct arena arena;

	arena_init(&arena, RESOURCE_ARENA_BYTES);
	result.err = resource_fetch_answer(call, response, &arena, &kind);
	if (result.err == 0)
		result.err = stored_meta_data_list_get(kind.values, (uint8_t)call->model, &arena, &items,
						       &result.count);
	result.values = items;
	result.generation = kind.generation;
	if (call->done.stat != NULL && !call->cancelled)
		call->done.stat(call->ctx, now, &result);
	arena_free(&arena);
	resource_call_free(call);
}

int resource_stat(struct peer *p, struct now now, const struct resource_id *resource, uint32_t kind,
		  resource_stat_fn *done, void *ctx)
{
	struct resource_call *call = resource_call_new(p, resource, kind, ctx);
	uint8_t body[RESOURCE_FETCH_BODY];
	int err;

	if (call == NULL)
		return ERR_UNKNOWN_KIND;
	call->done.stat = done;
	err = transport_request_resource(p, now, METHOD_STAT, slice_of(body, resource_fetch_body(call, body)),
					 &call->resource, resource_stat_done, call);
	if (err != 0)
		resource_call_free(call);
	return err;
}

static void resource_find_done(void *ctx, struct now now, const struct response *response)
{
	struct resource_call *call = ctx;
	struct resource_find_result result = {
		.err = response->err,
		.owner = response->signer.node_id,
		.round_trip = response->round_trip,
	};
	struct reader r = reader_of(response->body);
	struct find_ans ans;
	struct arena arena;

	arena_init(&arena, RESOURCE_ARENA_BYTES);
	if (result.err == 0) {
		find_ans_get(&r, &arena, &ans);
		if (reader_finish(&r) != 0)
			result.err = ERR_INVALID_MESSAGE;
	}
	for (size_t i = 0; result.err == 0 && i < ans.count; i++)
		if (ans.results[i].kind == call->kind)
			result.closest = ans.results[i].closest;
	if (call->done.find != NULL && !call->cancelled)
		call->done.find(call->ctx, now, &result);
	arena_free(&arena);
	resource_call_free(call);
}

int resource_find(struct peer *p, struct now now, const struct resource_id *resource, uint32_t kind,
		  resource_find_fn *done, void *ctx)
{
	uint8_t body[RESOURCE_ID_MAX + 16];
	struct writer w = writer_of(body, sizeof(body));
	struct find_req req = { .resource = *resource, .kinds = &kind, .kind_count = 1 };
	struct resource_call *call = resource_call_new(p, resource, kind, ctx);
	int err;

	if (call == NULL)
		return ERR_UNKNOWN_KIND;
	call->done.find = done;
	find_req_put(&w, &req);
	invariant(w.err == 0);
	err = transport_request_resource(p, now, METHOD_FIND, writer_slice(&w), resource,
					 resource_find_done, call);
	if (err != 0)
		resource_call_free(call);
	return err;
}

void resource_cancel(struct peer *p, void *ctx)
{
	struct resource_call *next;

	for (struct resource_call *call = *peer_resource_calls(p); call != NULL; call = next) {
		next = call->next;
		if (call->ctx != ctx)
			continue;
		call->cancelled = true;
		/* A search that nobody wants need not go on. */
		if (call->lookup != NULL)
			resource_call_free(call);
	}
}

void resource_free(struct peer *p)
{
	while (*peer_resource_calls(p) != NULL)
		resource_call_free(*peer_resource_calls(p));
}
