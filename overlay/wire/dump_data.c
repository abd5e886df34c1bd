/* SPDX-License-Identifier: MIT */
/* Store, Fetch, Stat, Find and the values they carry as text. */
#include "overlay/wire/body_data.h"
#include "overlay/wire/dump_body.h"
#include "overlay/wire/sip_registration.h"

#define DUMP_KIND_SIP_REGISTRATION 0x1
#define DUMP_KIND_TURN_SERVICE 0x2
#define DUMP_KIND_HIP_RVS 0xf0000001

static void dump_value(struct dump *d, uint32_t kind, struct slice value)
{
	struct reader r = reader_of(value);
	dump_body_fn *print = NULL;
	const char *structure = NULL;

	switch (kind) {
	case DUMP_KIND_SIP_REGISTRATION:
		print = dump_sip_registration;
		structure = "SipRegistration";
		break;
	case DUMP_KIND_TURN_SERVICE:
		print = dump_turn_server;
		structure = "TurnServer";
		break;
	case DUMP_KIND_HIP_RVS:
		print = dump_hip_record;
		structure = "HipRecord";
		break;
	default:
		break;
	}

	if (print == NULL) {
		dump_text(d, "value", value);
		return;
	}
	dump_open(d, structure);
	print(d, &r);
	if (reader_finish(&r) != 0)
		dump_bytes(d, "value", value);
	dump_close(d);
}

static void dump_value_place(struct dump *d, uint8_t model, uint32_t index, struct slice key)
{
	if (model == DATA_MODEL_ARRAY && index == ARRAY_INDEX_LAST)
		dump_line(d, "index: 0xffffffff (append)");
	else if (model == DATA_MODEL_ARRAY)
		dump_line(d, "index: %u", index);
	else if (model == DATA_MODEL_DICTIONARY)
		dump_text(d, "key", key);
}

/* Bytes that failed with `err` on their own; the reader of the body around them hears of it. */
static void dump_undecodable(struct dump *d, const char *name, struct slice bytes, int err,
			     struct reader *outer)
{
	struct reader r = reader_of(bytes);

	dump_bytes(d, name, bytes);
	reader_fail(&r, err);
	reader_join(outer, &r);
}

/* A list of StoredData; where it stands in the message, `outer`, hears of failures. */
static void dump_stored_data_list(struct dump *d, uint32_t kind, struct slice values, struct reader *outer)
{
	uint8_t model = d->model_of(kind);
	struct stored_data *items;
	size_t count;
	int err;

	if (model == 0) {
		dump_bytes(d, "values", values);
		return;
	}
	err = stored_data_list_get(values, model, d->arena, &items, &count);
	if (err != 0) {
		dump_undecodable(d, "values", values, err, outer);
		return;
	}
	dump_line(d, "values: %zu", count);
	d->depth++;
	for (size_t i = 0; i < count; i++) {
		const struct stored_data *item = &items[i];

		dump_open(d, "StoredData");
		dump_time(d, "storage_time", item->storage_time);
		dump_line(d, "lifetime: %u", item->lifetime);
		dump_value_place(d, model, item->value.index, item->value.key);
		dump_bool(d, "exists", item->value.data.exists);
		if (item->value.data.exists)
			dump_value(d, kind, item->value.data.value);
		dump_signature(d, &item->signature);
		dump_close(d);
	}
	d->depth--;
}

static void dump_stored_meta_data_list(struct dump *d, uint32_t kind, struct slice values,
				       struct reader *outer)
{
	uint8_t model = d->model_of(kind);
	struct stored_meta_data *items;
	size_t count;
	int err;

	if (model == 0) {
		dump_bytes(d, "values", values);
		return;
	}
	err = stored_meta_data_list_get(values, model, d->arena, &items, &count);
	if (err != 0) {
		dump_undecodable(d, "values", values, err, outer);
		return;
	}
	dump_line(d, "values: %zu", count);
	d->depth++;
	for (size_t i = 0; i < count; i++) {
		const struct stored_meta_data *item = &items[i];

		dump_open(d, "StoredMetaData");
		dump_time(d, "storage_time", item->storage_time);
		dump_line(d, "lifetime: %u", item->lifetime);
		dump_value_place(d, model, item->index, item->key);
		dump_bool(d, "exists", item->data.exists);
		dump_line(d, "value_length: %u", item->data.value_length);
		dump_line(d, "hash_algorithm: %u", item->data.hash_algorithm);
		dump_bytes(d, "hash_value", item->data.hash_value);
		dump_close(d);
	}
	d->depth--;
}

void dump_store_req(struct dump *d, struct reader *r)
{
	struct store_req x;

	if (store_req_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_resource_id(d, "resource", &x.resource);
	dump_line(d, "replica_number: %u", x.replica_number);
	dump_line(d, "kind_data: %zu", x.kind_count);
	d->depth++;
	for (size_t i = 0; i < x.kind_count; i++) {
		dump_kind(d, x.kinds[i].kind);
		d->depth++;
		dump_line(d, "generation_counter: %llu", (unsigned long long)x.kinds[i].generation_counter);
		dump_stored_data_list(d, x.kinds[i].kind, x.kinds[i].values, r);
		d->depth--;
	}
	d->depth--;
}

void dump_store_ans(struct dump *d, struct reader *r)
{
	struct store_ans x;

	if (store_ans_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_line(d, "kind_responses: %zu", x.kind_count);
	d->depth++;
	for (size_t i = 0; i < x.kind_count; i++) {
		dump_kind(d, x.kinds[i].kind);
		d->depth++;
		dump_line(d, "generation_counter: %llu", (unsigned long long)x.kinds[i].generation_counter);
		dump_node_ids(d, "replicas", x.kinds[i].replicas, x.kinds[i].replica_count);
		d->depth--;
	}
	d->depth--;
}

static int dump_array_ranges(struct dump *d, struct slice selector)
{
	struct array_range *ranges;
	size_t count;
	int err = array_ranges_get(selector, d->arena, &ranges, &count);

	if (err != 0)
		return err;
	dump_line(d, "indices: %zu", count);
	d->depth++;
	for (size_t i = 0; i < count; i++)
		if (ranges[i].last == ARRAY_INDEX_LAST)
			dump_line(d, "%u to the last", ranges[i].first);
		else
			dump_line(d, "%u to %u", ranges[i].first, ranges[i].last);
	d->depth--;
	return 0;
}

static int dump_dictionary_keys(struct dump *d, struct slice selector)
{
	struct slice *keys;
	size_t count;
	int err = dictionary_keys_get(selector, d->arena, &keys, &count);

	if (err != 0)
		return err;
	dump_line(d, "keys: %zu%s", count, count == 0 ? " (all)" : "");
	d->depth++;
	for (size_t i = 0; i < count; i++)
		dump_text(d, "key", keys[i]);
	d->depth--;
	return 0;
}

static void dump_selector(struct dump *d, uint32_t kind, struct slice selector, struct reader *outer)
{
	int err = 0;

	switch (d->model_of(kind)) {
	case DATA_MODEL_SINGLE:
		err = selector.len == 0 ? 0 : ERR_TRAILING;
		break;
	case DATA_MODEL_ARRAY:
		err = dump_array_ranges(d, selector);
		break;
	case DATA_MODEL_DICTIONARY:
		err = dump_dictionary_keys(d, selector);
		break;
	default:
		dump_bytes(d, "model_specifier", selector);
		break;
	}
	if (err != 0)
		dump_undecodable(d, "model_specifier", selector, err, outer);
}

void dump_fetch_req(struct dump *d, struct reader *r)
{
	struct fetch_req x;

	if (fetch_req_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_resource_id(d, "resource", &x.resource);
	dump_line(d, "specifiers: %zu", x.specifier_count);
	d->depth++;
	for (size_t i = 0; i < x.specifier_count; i++) {
		dump_kind(d, x.specifiers[i].kind);
		d->depth++;
		dump_line(d, "generation: %llu", (unsigned long long)x.specifiers[i].generation);
		dump_selector(d, x.specifiers[i].kind, x.specifiers[i].selector, r);
		d->depth--;
	}
	d->depth--;
}

void dump_stat_req(struct dump *d, struct reader *r)
{
	dump_fetch_req(d, r);
}

static void dump_kind_responses(struct dump *d, struct reader *r, bool meta)
{
	struct fetch_ans x;

	if (fetch_ans_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_line(d, "kind_responses: %zu", x.kind_count);
	d->depth++;
	for (size_t i = 0; i < x.kind_count; i++) {
		dump_kind(d, x.kinds[i].kind);
		d->depth++;
		dump_line(d, "generation: %llu", (unsigned long long)x.kinds[i].generation);
		if (meta)
			dump_stored_meta_data_list(d, x.kinds[i].kind, x.kinds[i].values, r);
		else
			dump_stored_data_list(d, x.kinds[i].kind, x.kinds[i].values, r);
		d->depth--;
	}
	d->depth--;
}

void dump_fetch_ans(struct dump *d, struct reader *r)
{
	dump_kind_responses(d, r, false);
}

void dump_stat_ans(struct dump *d, struct reader *r)
{
	dump_kind_responses(d, r, true);
}

void dump_find_req(struct dump *d, struct reader *r)
{
	struct find_req x;

	if (find_req_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_resource_id(d, "resource", &x.resource);
	dump_line(d, "kinds: %zu", x.kind_count);
	d->depth++;
	for (size_t i = 0; i < x.kind_count; i++)
		dump_kind(d, x.kinds[i]);
	d->depth--;
}

void dump_find_ans(struct dump *d, struct reader *r)
{
	struct find_ans x;

	if (find_ans_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	dump_line(d, "results: %zu", x.count);
	d->depth++;
	for (size_t i = 0; i < x.count; i++) {
		dump_kind(d, x.results[i].kind);
		d->depth++;
		dump_resource_id(d, "closest", &x.results[i].closest);
		d->depth--;
	}
	d->depth--;
}

void dump_sip_registration(struct dump *d, struct reader *r)
{
	struct sip_registration x;

	if (sip_registration_get(r, d->arena, &x) != 0 || reader_finish(r) != 0)
		return;
	switch (x.type) {
	case SIP_REGISTRATION_URI:
		dump_line(d, "type: 1 sip_registration_uri");
		dump_text(d, "uri", x.uri);
		break;
	case SIP_REGISTRATION_ROUTE:
		dump_line(d, "type: 2 sip_registration_route");
		dump_text(d, "contact_prefs", x.contact_prefs);
		for (size_t i = 0; i < x.destinations.count; i++)
			dump_destination(d, "destination", &x.destinations.items[i]);
		break;
	default:
		dump_line(d, "type: %u unknown", x.type);
		dump_bytes(d, "data", x.unknown);
		break;
	}
}
