/* SPDX-License-Identifier: MIT */
/* Fetch for usages: what a lookup brings is verified, compared with what was seen before, and put together when
 * several holders had to be asked. */
#include <stdlib.h>

#include "overlay/access.h"
#include "overlay/base/invariant.h"
#include "overlay/peer.h"
#include "overlay/resource_state.h"
#include "overlay/rollback.h"

#define RESOURCE_FETCH_LIMIT_S 12
#define RESOURCE_ANSWERS_MAX 8 /* kept */

/* Fills *out with `data` when it can be believed. */
static int resource_accept(const struct resource_call *call, struct now now, const struct stored_data *data,
			   const struct certificate_list *certificates, struct arena *arena,
			   struct resource_fetched *out)
{
	const struct configuration *c = peer_configuration(call->peer);
	const struct kind *kind = kind_find(&c->kinds, call->kind);
	int err;

	out->data = *data;
	out->is_synthetic = false;
	out->is_stale = false;
	if (kind == NULL)
		return ERR_UNKNOWN_KIND;
	if (signature_is_none(&data->signature) && !data->value.data.exists) {
		memset(&out->signer, 0, sizeof(out->signer));
		out->is_synthetic = true;
		return 0;
	}
	err = access_verify_value(peer_security(call->peer), c, now.wall, kind, &call->resource, data,
				  certificates, arena, &out->signer, NULL);
	if (err == 0 && rollback_found(call->peer, now, &call->resource, call->kind, data,
				       &out->signer.node_id))
		err = ERR_DATA_TOO_OLD;
	return err;
}

static void resource_count_discarded(const struct resource_call *call, const struct node_id *owner, int err)
{
	struct counters *counters = peer_counters(call->peer);
	const char *event = err == ERR_DATA_TOO_OLD ? "resource.rollback" : "resource.discarded";
	char text[NODE_ID_TEXT_SIZE];

	counters->values_discarded++;
	counter_error(counters, err);
	log_warning(peer_log(call->peer), event, "kind=%u owner=%s reason=%s", call->kind,
		    node_id_text(owner, text), error_name(err));
}

/* What one answer holds. */
struct resource_reading {
	int err;
	struct resource_fetched *values; /* arena */
	size_t count;
	size_t real;      /* of them, signed */
	size_t stale;     /* of them, older than what was seen before */
	size_t discarded; /* did not verify */
	uint64_t generation;
};

static void resource_read_item(struct resource_call *call, struct now now, const struct response *response,
			       const struct stored_data *item, bool counts, struct resource_reading *out)
{
	struct resource_fetched *value = &out->values[out->count];
	int err = resource_accept(call, now, item, &response->certificates, &call->arena, value);

	if (err != 0 && counts)
		resource_count_discarded(call, &response->signer.node_id, err);
	if (err != 0 && err != ERR_DATA_TOO_OLD) {
		out->discarded++;
		return;
	}
	value->is_stale = err != 0;
	out->stale += value->is_stale;
	out->real += !value->is_synthetic && !value->is_stale;
	out->count++;
}

/* `counts`: the answer is new, and what is wrong with it is counted. */
static struct resource_reading resource_read(struct resource_call *call, struct now now,
					     const struct response *response, bool counts)
{
	struct resource_reading out = { 0 };
	struct fetch_kind_response kind = { 0 };
	struct stored_data *items = NULL;
	size_t count = 0;

	out.err = resource_fetch_answer(call, response, &call->arena, &kind);
	if (out.err == 0)
		out.err = stored_data_list_get(kind.values, (uint8_t)call->model, &call->arena, &items, &count);
	if (out.err != 0)
		return out;
	out.generation = kind.generation;
	out.values = arena_array(&call->arena, count, sizeof(*out.values));
	if (out.values == NULL)
		out.err = ERR_LIMIT;
	for (size_t i = 0; i < count && out.err == 0; i++)
		resource_read_item(call, now, response, &items[i], counts, &out);
	return out;
}

/* ---- Answers that did not end it ---- */

static void resource_keep(struct resource_call *call, const struct response *response)
{
	const struct certificate_list *from = &response->certificates;
	struct resource_answer **end = &call->answers;
	struct resource_answer *answer;
	size_t len = response->body.len;
	uint8_t *at;

	if (call->answer_count == RESOURCE_ANSWERS_MAX)
		return;
	call->answer_count++;
	for (size_t i = 0; i < from->count; i++)
		len += from->items[i].len;
	answer = memory_alloc(sizeof(*answer) + from->count * sizeof(answer->items[0]) + len + 1);
	at = (uint8_t *)&answer->items[from->count];
	answer->owner = response->signer.node_id;
	answer->certificates = (struct certificate_list){ answer->items, from->count };
	for (size_t i = 0; i <= from->count; i++) {
		struct slice bytes = i < from->count ? from->items[i] : response->body;

		if (bytes.len > 0)
			memcpy(at, bytes.data, bytes.len);
		if (i < from->count)
			answer->items[i] = slice_of(at, bytes.len);
		else
			answer->body = slice_of(at, bytes.len);
		at += bytes.len;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = answer;
}

static bool resource_is_same_place(const struct stored_data *a, const struct stored_data *b)
{
	return a->value.index == b->value.index && slice_equal(a->value.key, b->value.key);
}

/* Puts a value into the result unless a later one of its place is there. `out` has room. */
static void resource_merge(struct resource_fetch_result *result, struct resource_fetched *out,
			   const struct resource_fetched *value)
{
	for (size_t i = 0; i < result->count; i++) {
		if (!resource_is_same_place(&out[i].data, &value->data))
			continue;
		if (!value->is_synthetic && value->data.storage_time > out[i].data.storage_time)
			out[i] = *value;
		return;
	}
	out[result->count++] = *value;
}

/* ---- The end ---- */

static void resource_merge_reading(const struct resource_call *call, struct resource_fetch_result *result,
				   struct resource_fetched *out, const struct resource_reading *reading)
{
	result->discarded += reading->discarded;
	if (reading->generation > result->generation)
		result->generation = reading->generation;
	for (size_t i = 0; i < reading->count; i++) {
		if (reading->values[i].is_stale && !call->accepts_stale)
			result->discarded++;
		else
			resource_merge(result, out, &reading->values[i]);
	}
}

/* Several holders were asked. */
static void resource_compose(struct resource_call *call, struct now now, struct resource_fetch_result *result)
{
	struct resource_reading *readings =
		arena_array(&call->arena, RESOURCE_ANSWERS_MAX + 1, sizeof(*readings));
	struct resource_fetched *out;
	size_t count = 0;
	size_t values = 0;

	if (readings == NULL) {
		result->err = ERR_LIMIT;
		return;
	}
	if (call->last != NULL)
		readings[count++] = (struct resource_reading){
			.values = call->read, .count = call->read_count, .generation = call->read_generation
		};
	for (const struct resource_answer *a = call->answers; a != NULL; a = a->next) {
		const struct response response = {
			.body = a->body, .certificates = a->certificates, .signer = { .node_id = a->owner }
		};

		readings[count++] = resource_read(call, now, &response, false);
	}
	for (size_t i = 0; i < count; i++)
		values += readings[i].count;
	out = arena_array(&call->arena, values, sizeof(*out));
	if (out == NULL && values > 0) {
		result->err = ERR_LIMIT;
		return;
	}
	for (size_t i = 0; i < count; i++)
		resource_merge_reading(call, result, out, &readings[i]);
	/* Nothing bad is told of what was found well elsewhere. */
	if (call->last != NULL)
		result->discarded = call->read_discarded;
	result->values = out;
}

static void resource_fetch_over(void *ctx, struct now now)
{
	struct resource_call *call = ctx;
	struct resource_fetch_result result = {
		.round_trip = instant_since(now.mono, call->started),
		.requests = lookup_requests(call->lookup),
	};

	if (call->last != NULL)
		result.owner = call->last->signer.node_id;
	else if (call->answers != NULL)
		result.owner = call->answers->owner;
	else
		result.err = call->last_err != 0 ? call->last_err : ERR_REQUEST_TIMEOUT;
	if (call->answers == NULL) {
		result.values = call->read;
		result.count = call->read_count;
		result.discarded = call->read_discarded;
		result.generation = call->read_generation;
	} else {
		resource_compose(call, now, &result);
	}
	/* It frees itself. */
	call->lookup = NULL;
	if (call->done.fetch != NULL && !call->cancelled)
		call->done.fetch(call->ctx, now, &result);
	resource_call_free(call);
}

static enum lookup_answer resource_judge(void *ctx, struct now now, const struct response *response)
{
	struct resource_call *call = ctx;
	struct resource_reading reading = resource_read(call, now, response, true);

	if (reading.err != 0) {
		call->last_err = reading.err;
		arena_reset(&call->arena);
		return ANSWER_BAD;
	}
	if (reading.stale == 0 && reading.real > 0) {
		call->last = response;
		call->read = reading.values;
		call->read_count = reading.count;
		call->read_discarded = reading.discarded;
		call->read_generation = reading.generation;
		return ANSWER_VALUE;
	}
	resource_keep(call, response);
	arena_reset(&call->arena);
	if (reading.stale > 0 || rollback_expects(call->peer, now, &call->resource, call->kind))
		return ANSWER_OLD;
	return reading.discarded > 0 ? ANSWER_BAD : ANSWER_NOTHING;
}

int resource_fetch_with(struct peer *p, struct now now, const struct resource_id *resource, uint32_t kind,
			const struct resource_fetch_options *options, resource_fetch_fn *done, void *ctx)
{
	struct resource_call *call = resource_call_new(p, resource, kind, ctx);
	uint8_t body[RESOURCE_FETCH_BODY];
	struct lookup_request request = {
		.resource = resource,
		.method = METHOD_FETCH,
		.limit = duration_s(RESOURCE_FETCH_LIMIT_S),
		.is_plain = options != NULL && options->plain,
		.judge = resource_judge,
		.done = resource_fetch_over,
		.ctx = call,
	};
	int err;

	if (call == NULL)
		return ERR_UNKNOWN_KIND;
	call->done.fetch = done;
	call->started = now.mono;
	call->accepts_stale = options != NULL && options->accept_stale;
	arena_init(&call->arena, RESOURCE_ARENA_BYTES);
	if (options != NULL && options->limit.us != 0)
		request.limit = options->limit;
	request.body = slice_of(body, resource_fetch_body(call, body));
	err = lookup_start(p, now, &request, &call->lookup);
	if (err != 0)
		resource_call_free(call);
	return err;
}

int resource_fetch(struct peer *p, struct now now, const struct resource_id *resource, uint32_t kind,
		   resource_fetch_fn *done, void *ctx)
{
	return resource_fetch_with(p, now, resource, kind, NULL, done, ctx);
}
