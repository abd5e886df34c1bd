/* SPDX-License-Identifier: MIT */
/* Commands on records: fetch, store, stat, find. */
#include <stdlib.h>

#include "node/control_call.h"
#include "node/control_value.h"
#include "overlay/base/invariant.h"
#include "overlay/resource.h"
#include "overlay/wire/sip_registration.h"
#include "usage/sip/sip_text.h"
#include "usage/sip/sip_uri.h"

#define LIFETIME_DEFAULT_S 3600
#define VALUE_BUFFER 2048 /* bytes of a SipRegistration made here */

/* What all four need to know when the answer comes. */
struct data_call {
	struct resource_id resource;
	struct kind kind;
};

/* Reads target and kind. NULL: the call has ended. */
static struct data_call *data_begin(struct control_call *call)
{
	const struct kind *kind = control_kind(call);
	struct data_call *state;

	if (kind == NULL)
		return NULL;
	state = memory_alloc(sizeof(*state));
	call->state = state;
	state->kind = *kind;
	return control_resource(call, kind, &state->resource) == 0 ? state : NULL;
}

/* After a service accepted or refused the request. */
static void data_started(struct control_call *call, int err, const char *what)
{
	if (err == 0)
		return;
	control_unexpect(call);
	control_overlay_error(call, err, what);
}

static json_t *data_result(struct control_call *call, const struct node_id *owner, struct duration round_trip)
{
	struct data_call *state = call->state;
	json_t *result = json_object();

	(void)json_object_set_new(result, "resource", control_resource_id(&state->resource));
	(void)json_object_set_new(result, "kind", control_kind_name(call->node, state->kind.id));
	(void)json_object_set_new(result, "owner", control_node_id(owner));
	(void)json_object_set_new(result, "round_trip_ms", control_milliseconds(round_trip));
	return result;
}

static json_t *fetched_json(struct control_call *call, struct now now, const struct resource_fetched *v)
{
	struct data_call *state = call->state;
	json_t *item = json_object();

	(void)json_object_set_new(item, "entry", control_entry(&v->data.value));
	(void)json_object_set_new(item, "exists", json_boolean(v->data.value.data.exists));
	(void)json_object_set_new(item, "value",
				  v->data.value.data.exists ? control_value(call->node, now, state->kind.id,
									    v->data.value.data.value)
							    : json_null());
	(void)json_object_set_new(item, "user", json_string(v->signer.user));
	(void)json_object_set_new(item, "signer", control_node_id(&v->signer.node_id));
	(void)json_object_set_new(item, "storage_time_ms", json_integer((json_int_t)v->data.storage_time));
	(void)json_object_set_new(item, "lifetime_s", json_integer(v->data.lifetime));
	/* What does not verify is never handed on by the resource service, only counted. */
	(void)json_object_set_new(item, "verified", json_boolean(!v->is_synthetic));
	return item;
}

/* An answer has come for a call that still waits; what failed is told to it. */
static bool data_arrived(struct control_call *call, int err, const char *command)
{
	if (!control_arrived(call))
		return false;
	if (err != 0)
		control_overlay_error(call, err, command);
	return err == 0;
}

static void on_fetched(void *ctx, struct now now, const struct resource_fetch_result *result)
{
	struct control_call *call = ctx;
	size_t shown = 0;
	json_t *out;

	if (!data_arrived(call, result->err, "fetch"))
		return;
	for (size_t i = 0; i < result->count; i++) {
		if (result->values[i].is_synthetic)
			continue;
		control_item(call, fetched_json(call, now, &result->values[i]));
		shown++;
	}
	out = data_result(call, &result->owner, result->round_trip);
	(void)json_object_set_new(out, "values", json_integer((json_int_t)shown));
	(void)json_object_set_new(out, "discarded", json_integer((json_int_t)result->discarded));
	(void)json_object_set_new(out, "generation", json_integer((json_int_t)result->generation));
	control_result(call, out);
}

void control_fetch(struct control_call *call, struct now now)
{
	struct data_call *state = data_begin(call);

	if (state == NULL)
		return;
	control_expect(call);
	data_started(call, resource_fetch(call->node->peer, now, &state->resource, state->kind.id, on_fetched,
					  call), "fetch");
}

static void on_stat(void *ctx, struct now now, const struct resource_stat_result *result)
{
	struct control_call *call = ctx;
	json_t *out;

	(void)now;
	if (!data_arrived(call, result->err, "stat"))
		return;
	for (size_t i = 0; i < result->count; i++) {
		const struct stored_meta_data *m = &result->values[i];
		struct stored_data_value place = { .model = m->model, .index = m->index, .key = m->key };

		control_item(call, json_pack("{s:o, s:b, s:I, s:o, s:I, s:I}", "entry", control_entry(&place),
					     "exists", m->data.exists, "value_bytes",
					     (json_int_t)m->data.value_length, "hash",
					     control_bytes(m->data.hash_value), "storage_time_ms",
					     (json_int_t)m->storage_time, "lifetime_s",
					     (json_int_t)m->lifetime));
	}
	out = data_result(call, &result->owner, result->round_trip);
	(void)json_object_set_new(out, "values", json_integer((json_int_t)result->count));
	(void)json_object_set_new(out, "generation", json_integer((json_int_t)result->generation));
	control_result(call, out);
}

void control_stat(struct control_call *call, struct now now)
{
	struct data_call *state = data_begin(call);

	if (state == NULL)
		return;
	control_expect(call);
	data_started(call, resource_stat(call->node->peer, now, &state->resource, state->kind.id, on_stat, call),
		     "stat");
}

static void on_found(void *ctx, struct now now, const struct resource_find_result *result)
{
	struct control_call *call = ctx;
	json_t *out;

	(void)now;
	if (!data_arrived(call, result->err, "find"))
		return;
	out = data_result(call, &result->owner, result->round_trip);
	(void)json_object_set_new(out, "closest",
				  result->closest.length == 0 ? json_null()
							      : control_resource_id(&result->closest));
	control_result(call, out);
}

void control_find(struct control_call *call, struct now now)
{
	struct data_call *state = data_begin(call);

	if (state == NULL)
		return;
	control_expect(call);
	data_started(call, resource_find(call->node->peer, now, &state->resource, state->kind.id, on_found, call),
		     "find");
}

/* ---- store ---- */

static void on_stored(void *ctx, struct now now, const struct resource_store_result *result)
{
	struct control_call *call = ctx;
	json_t *out;

	(void)now;
	if (!data_arrived(call, result->err, "store"))
		return;
	out = data_result(call, &result->owner, result->round_trip);
	(void)json_object_set_new(out, "generation", json_integer((json_int_t)result->generation));
	(void)json_object_set_new(out, "replicas", json_integer((json_int_t)result->replica_count));
	(void)json_object_set_new(out, "protected",
				  json_boolean(result->replica_count >= TOPOLOGY_REPLICAS));
	control_result(call, out);
}

/* A SipRegistration: to another AOR, or without a text to this node. */
static int registration_make(struct control_call *call, const char *text, uint8_t **out, size_t *len)
{
	struct destination self = destination_of_node(peer_node_id(call->node->peer));
	struct sip_registration x = { .type = SIP_REGISTRATION_ROUTE, .destinations = { &self, 1 } };
	uint8_t *buffer = memory_alloc(VALUE_BUFFER);
	struct writer w = writer_of(buffer, VALUE_BUFFER);

	if (text != NULL)
		x = (struct sip_registration){ .type = SIP_REGISTRATION_URI, .uri = slice_text(text) };
	sip_registration_put(&w, &x);
	*out = buffer;
	*len = w.len;
	return w.err;
}

static int value_make(struct control_call *call, const struct kind *kind, uint8_t **out, size_t *len)
{
	const char *text = control_text(call, "value");
	const char *hex = control_text(call, "value_hex");

	if (hex != NULL)
		return control_hex(hex, out, len);
	if (kind->id == KIND_SIP_REGISTRATION)
		return registration_make(call, text, out, len);
	if (text == NULL)
		return ERR_MALFORMED;
	*len = strlen(text);
	*out = memory_alloc(*len + 1);
	memcpy(*out, text, *len);
	return 0;
}

/* Index or key. A dictionary's key is this node's Node-ID when none is given, as its policy may want. */
static int entry_make(struct control_call *call, const struct kind *kind, struct resource_value *value,
		      uint8_t **key)
{
	const char *text = control_text(call, "entry");
	char *end = NULL;
	size_t len = 0;

	value->index = ARRAY_INDEX_LAST;
	if (kind->model == DATA_MODEL_ARRAY && text != NULL) {
		value->index = (uint32_t)strtoul(text, &end, 10);
		return *text != '\0' && *end == '\0' ? 0 : ERR_MALFORMED;
	}
	if (kind->model != DATA_MODEL_DICTIONARY)
		return 0;
	if (text == NULL) {
		value->key = slice_of(peer_node_id(call->node->peer)->bytes, NODE_ID_LENGTH);
		return 0;
	}
	if (control_hex(text, key, &len) == 0 && len > 0)
		value->key = slice_of(*key, len);
	else
		value->key = slice_text(text);
	return 0;
}

/* False: arguments contradict each other, and the call has ended. */
static bool store_check(struct control_call *call, const struct kind *kind, uint64_t lifetime)
{
	const char *text = control_text(call, "value");
	bool has_hex = control_text(call, "value_hex") != NULL;
	char aor[SIP_AOR_SIZE];
	struct slice params;

	if (text != NULL && has_hex)
		control_error(call, ERR_MALFORMED, "leave one of them out", "value and value_hex are both given");
	else if (control_flag(call, "remove") && (text != NULL || has_hex))
		control_error(call, ERR_MALFORMED, "leave the value or remove out",
			      "remove stores that there is no value, and one is given");
	else if (lifetime == 0 || lifetime > UINT32_MAX)
		control_error(call, ERR_MALFORMED, "give 1 to 4294967295 seconds; remove takes a value away",
			      "a lifetime of %llu s is not possible", (unsigned long long)lifetime);
	else if (text != NULL && kind->id == KIND_SIP_REGISTRATION &&
		 sip_aor_normalise(sip_cut(slice_text(text), ';', &params), aor) != 0)
		control_error(call, ERR_MALFORMED, "give user@domain or sip:user@domain",
			      "\"%.60s\" is not a SIP URI", text);
	else
		return true;
	return false;
}

void control_store(struct control_call *call, struct now now)
{
	struct data_call *state = data_begin(call);
	uint64_t lifetime = control_number(call, "lifetime", LIFETIME_DEFAULT_S);
	struct resource_value value = { .exists = true };
	uint8_t *bytes = NULL, *key = NULL;
	size_t len = 0;
	int err;

	if (state == NULL || !store_check(call, &state->kind, lifetime))
		return;
	value.exists = !control_flag(call, "remove");
	value.lifetime_s = (uint32_t)lifetime;
	err = value.exists ? value_make(call, &state->kind, &bytes, &len) : 0;
	if (err == 0)
		err = entry_make(call, &state->kind, &value, &key);
	if (err != 0) {
		control_error(call, ERR_MALFORMED,
			      "give value as text or value_hex as hex digits; entry is an index or a key",
			      "the value or its entry cannot be read");
	} else {
		value.value = slice_of(bytes, len);
		control_expect(call);
		data_started(call, resource_store(call->node->peer, now, &state->resource, state->kind.id,
						  &value, 1, on_stored, call), "store");
	}
	free(bytes);
	free(key);
}
