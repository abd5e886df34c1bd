/* SPDX-License-Identifier: MIT */
/* StoredData and the bodies of Store, Fetch, Stat and Find. */
#include "overlay/wire/body_data.h"

#include "overlay/wire/list.h"

/* struct { Boolean exists; opaque value<0..2^32-1>; } DataValue; */
static void data_value_get(struct reader *r, struct data_value *v)
{
	v->exists = reader_bool(r);
	v->value = reader_opaque32(r);
	/* 7.4.1.3: a value that does not exist has no bytes. */
	if (!v->exists && v->value.len != 0)
		reader_fail(r, ERR_MALFORMED);
}

static void data_value_put(struct writer *w, const struct data_value *v)
{
	if (!v->exists && v->value.len != 0)
		writer_fail(w, ERR_MALFORMED);
	writer_bool(w, v->exists);
	writer_opaque32(w, v->value);
}

/* What stands before a value or its metadata: nothing, an array's index, or a dictionary's key. */
static void data_place_get(struct reader *r, uint8_t model, uint32_t *index, struct slice *key)
{
	*index = 0;
	*key = SLICE_EMPTY;
	if (model == DATA_MODEL_ARRAY)
		*index = reader_u32(r);
	else if (model == DATA_MODEL_DICTIONARY)
		*key = reader_opaque16(r);
	else if (model != DATA_MODEL_SINGLE)
		reader_fail(r, ERR_UNKNOWN_KIND);
}

static void data_place_put(struct writer *w, uint8_t model, uint32_t index, struct slice key)
{
	if (model == DATA_MODEL_ARRAY)
		writer_u32(w, index);
	else if (model == DATA_MODEL_DICTIONARY)
		writer_opaque16(w, key);
	else if (model != DATA_MODEL_SINGLE)
		writer_fail(w, ERR_UNKNOWN_KIND);
}

/* single_value: DataValue; array: uint32 index; DataValue value; dictionary: DictionaryKey key;
 * DataValue value, where opaque DictionaryKey<0..2^16-1> */
void stored_data_value_get(struct reader *r, uint8_t model, struct stored_data_value *v)
{
	v->model = model;
	data_place_get(r, model, &v->index, &v->key);
	data_value_get(r, &v->data);
}

void stored_data_value_put(struct writer *w, const struct stored_data_value *v)
{
	data_place_put(w, v->model, v->index, v->key);
	data_value_put(w, &v->data);
}

/* struct { uint32 length; uint64 storage_time; uint32 lifetime; StoredDataValue value; Signature signature; }
 *   StoredData; */
void stored_data_get(struct reader *r, uint8_t model, struct stored_data *d)
{
	struct reader rest = reader_sub32(r);

	d->storage_time = reader_u64(&rest);
	d->lifetime = reader_u32(&rest);
	stored_data_value_get(&rest, model, &d->value);
	signature_get(&rest, &d->signature);
	reader_join(r, &rest);
}

void stored_data_put(struct writer *w, const struct stored_data *d)
{
	size_t place = writer_begin32(w);

	writer_u64(w, d->storage_time);
	writer_u32(w, d->lifetime);
	stored_data_value_put(w, &d->value);
	signature_put(w, &d->signature);
	writer_end32(w, place);
}

static void length32_skip(struct reader *r)
{
	reader_opaque32(r);
}

int stored_data_list_get(struct slice bytes, uint8_t model, struct arena *a, struct stored_data **items,
			 size_t *count)
{
	struct reader r = reader_of(bytes);

	*items = list_room(&r, a, STORED_VALUES_MAX, length32_skip, sizeof(struct stored_data), count);
	for (size_t i = 0; i < *count; i++)
		stored_data_get(&r, model, &(*items)[i]);
	return reader_finish(&r);
}

/* Kind, generation counter and a list of up to 2^32-1 bytes: StoreKindData, FetchKindResponse and
 * StatKindResponse alike. */
static void kind_list32_skip(struct reader *r)
{
	reader_u32(r);
	reader_u64(r);
	reader_opaque32(r);
}

/* The same with 2^16-1 bytes: StoreKindResponse and StoredDataSpecifier. */
static void kind_list16_skip(struct reader *r)
{
	reader_u32(r);
	reader_u64(r);
	reader_opaque16(r);
}

/* struct { KindId kind; uint64 generation_counter; StoredData values<0..2^32-1>; } StoreKindData;
 * struct { ResourceId resource; uint8 replica_number; StoreKindData kind_data<0..2^32-1>; } StoreReq; */
int store_req_get(struct reader *r, struct arena *a, struct store_req *x)
{
	struct reader list;

	resource_id_get(r, &x->resource);
	x->replica_number = reader_u8(r);
	list = reader_sub32(r);
	x->kinds = list_room(&list, a, STORED_VALUES_MAX, kind_list32_skip, sizeof(struct store_kind_data),
			     &x->kind_count);
	for (size_t i = 0; i < x->kind_count; i++) {
		x->kinds[i].kind = reader_u32(&list);
		x->kinds[i].generation_counter = reader_u64(&list);
		x->kinds[i].values = reader_opaque32(&list);
	}
	reader_join(r, &list);
	return r->err;
}

void store_req_put(struct writer *w, const struct store_req *x)
{
	size_t place;

	resource_id_put(w, &x->resource);
	writer_u8(w, x->replica_number);
	place = writer_begin32(w);
	for (size_t i = 0; i < x->kind_count; i++) {
		writer_u32(w, x->kinds[i].kind);
		writer_u64(w, x->kinds[i].generation_counter);
		writer_opaque32(w, x->kinds[i].values);
	}
	writer_end32(w, place);
}

/* struct { KindId kind; uint64 generation_counter; NodeId replicas<0..2^16-1>; } StoreKindResponse;
 * struct { StoreKindResponse kind_responses<0..2^16-1>; } StoreAns; */
int store_ans_get(struct reader *r, struct arena *a, struct store_ans *x)
{
	struct reader list = reader_sub16(r);

	x->kinds = list_room(&list, a, STORED_VALUES_MAX, kind_list16_skip,
			     sizeof(struct store_kind_response), &x->kind_count);
	for (size_t i = 0; i < x->kind_count; i++) {
		x->kinds[i].kind = reader_u32(&list);
		x->kinds[i].generation_counter = reader_u64(&list);
		node_id_list_get(&list, a, &x->kinds[i].replicas, &x->kinds[i].replica_count);
	}
	reader_join(r, &list);
	return r->err;
}

void store_ans_put(struct writer *w, const struct store_ans *x)
{
	size_t place = writer_begin16(w);

	for (size_t i = 0; i < x->kind_count; i++) {
		writer_u32(w, x->kinds[i].kind);
		writer_u64(w, x->kinds[i].generation_counter);
		node_id_list_put(w, x->kinds[i].replicas, x->kinds[i].replica_count);
	}
	writer_end16(w, place);
}

/* struct { KindId kind; uint64 generation; uint16 length; select (DataModel) {..} model_specifier; }
 *   StoredDataSpecifier;
 * struct { ResourceId resource; StoredDataSpecifier specifiers<0..2^16-1>; } FetchReq; */
int fetch_req_get(struct reader *r, struct arena *a, struct fetch_req *x)
{
	struct reader list;

	resource_id_get(r, &x->resource);
	list = reader_sub16(r);
	x->specifiers = list_room(&list, a, STORED_VALUES_MAX, kind_list16_skip,
				  sizeof(struct stored_data_specifier), &x->specifier_count);
	for (size_t i = 0; i < x->specifier_count; i++) {
		x->specifiers[i].kind = reader_u32(&list);
		x->specifiers[i].generation = reader_u64(&list);
		x->specifiers[i].selector = reader_opaque16(&list);
	}
	reader_join(r, &list);
	return r->err;
}

void fetch_req_put(struct writer *w, const struct fetch_req *x)
{
	size_t place;

	resource_id_put(w, &x->resource);
	place = writer_begin16(w);
	for (size_t i = 0; i < x->specifier_count; i++) {
		writer_u32(w, x->specifiers[i].kind);
		writer_u64(w, x->specifiers[i].generation);
		writer_opaque16(w, x->specifiers[i].selector);
	}
	writer_end16(w, place);
}

/* struct { KindId kind; uint64 generation; StoredData values<0..2^32-1>; } FetchKindResponse;
 * struct { FetchKindResponse kind_responses<0..2^32-1>; } FetchAns; */
int fetch_ans_get(struct reader *r, struct arena *a, struct fetch_ans *x)
{
	struct reader list = reader_sub32(r);

	x->kinds = list_room(&list, a, STORED_VALUES_MAX, kind_list32_skip,
			     sizeof(struct fetch_kind_response), &x->kind_count);
	for (size_t i = 0; i < x->kind_count; i++) {
		x->kinds[i].kind = reader_u32(&list);
		x->kinds[i].generation = reader_u64(&list);
		x->kinds[i].values = reader_opaque32(&list);
	}
	reader_join(r, &list);
	return r->err;
}

void fetch_ans_put(struct writer *w, const struct fetch_ans *x)
{
	size_t place = writer_begin32(w);

	for (size_t i = 0; i < x->kind_count; i++) {
		writer_u32(w, x->kinds[i].kind);
		writer_u64(w, x->kinds[i].generation);
		writer_opaque32(w, x->kinds[i].values);
	}
	writer_end32(w, place);
}

/* struct { ResourceId resource; KindId kinds<0..2^8-1>; } FindReq; */
int find_req_get(struct reader *r, struct arena *a, struct find_req *x)
{
	resource_id_get(r, &x->resource);
	kind_id_list_get(r, a, &x->kinds, &x->kind_count);
	/* "Each value MUST appear only once.  Otherwise, the request MUST be rejected with an error." */
	for (size_t i = 1; i < x->kind_count; i++)
		for (size_t j = 0; j < i; j++)
			if (x->kinds[i] == x->kinds[j])
				return reader_fail(r, ERR_MALFORMED);
	return r->err;
}

void find_req_put(struct writer *w, const struct find_req *x)
{
	resource_id_put(w, &x->resource);
	kind_id_list_put(w, x->kinds, x->kind_count);
}

static void find_kind_data_skip(struct reader *r)
{
	reader_u32(r);
	reader_opaque8(r);
}

/* struct { KindId kind; ResourceId closest; } FindKindData;
 * struct { FindKindData results<0..2^16-1>; } FindAns; */
int find_ans_get(struct reader *r, struct arena *a, struct find_ans *x)
{
	struct reader list = reader_sub16(r);

	x->results = list_room(&list, a, STORED_VALUES_MAX, find_kind_data_skip,
			       sizeof(struct find_kind_data), &x->count);
	for (size_t i = 0; i < x->count; i++) {
		struct slice closest;

		x->results[i].kind = reader_u32(&list);
		closest = reader_opaque8(&list);
		/* "It is 0 if no Resource-ID is known": sent as an empty one. */
		x->results[i].closest.length = 0;
		if (closest.len != 0 && resource_id_from_slice(closest, &x->results[i].closest) != 0)
			reader_fail(&list, ERR_MALFORMED);
	}
	reader_join(r, &list);
	return r->err;
}

void find_ans_put(struct writer *w, const struct find_ans *x)
{
	size_t place = writer_begin16(w);

	for (size_t i = 0; i < x->count; i++) {
		writer_u32(w, x->results[i].kind);
		writer_opaque8(w, resource_id_slice(&x->results[i].closest));
	}
	writer_end16(w, place);
}

static void array_range_skip(struct reader *r)
{
	reader_u64(r);
}

static bool array_ranges_overlap(const struct array_range *ranges, size_t count)
{
	size_t i = 1;

	/* Ranges in order, as everybody sends them, need one look each. */
	while (i < count && ranges[i].first > ranges[i - 1].last)
		i++;
	for (; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (ranges[i].first <= ranges[j].last && ranges[j].first <= ranges[i].last)
				return true;
	return false;
}

/* struct { int32 first; int32 last; } ArrayRange; ArrayRange indices<0..2^16-1>; */
int array_ranges_get(struct slice selector, struct arena *a, struct array_range **ranges, size_t *count)
{
	struct reader r = reader_of(selector);
	struct reader list = reader_sub16(&r);

	*ranges = list_room(&list, a, STORED_VALUES_MAX, array_range_skip, sizeof(struct array_range), count);
	for (size_t i = 0; i < *count; i++) {
		struct array_range *range = &(*ranges)[i];

		range->first = reader_u32(&list);
		range->last = reader_u32(&list);
		if (range->first > range->last)
			reader_fail(&list, ERR_MALFORMED);
	}
	if (list.err == 0 && array_ranges_overlap(*ranges, *count))
		reader_fail(&list, ERR_MALFORMED);
	reader_join(&r, &list);
	return reader_finish(&r);
}

void array_ranges_put(struct writer *w, const struct array_range *ranges, size_t count)
{
	size_t place = writer_begin16(w);

	for (size_t i = 0; i < count; i++) {
		writer_u32(w, ranges[i].first);
		writer_u32(w, ranges[i].last);
	}
	writer_end16(w, place);
}

static void dictionary_key_skip(struct reader *r)
{
	reader_opaque16(r);
}

/* DictionaryKey keys<0..2^16-1>; */
int dictionary_keys_get(struct slice selector, struct arena *a, struct slice **keys, size_t *count)
{
	struct reader r = reader_of(selector);
	struct reader list = reader_sub16(&r);

	*keys = list_room(&list, a, STORED_VALUES_MAX, dictionary_key_skip, sizeof(struct slice), count);
	for (size_t i = 0; i < *count; i++)
		(*keys)[i] = reader_opaque16(&list);
	reader_join(&r, &list);
	return reader_finish(&r);
}

void dictionary_keys_put(struct writer *w, const struct slice *keys, size_t count)
{
	size_t place = writer_begin16(w);

	for (size_t i = 0; i < count; i++)
		writer_opaque16(w, keys[i]);
	writer_end16(w, place);
}

/* struct { Boolean exists; uint32 value_length; HashAlgorithm hash_algorithm; opaque hash_value<0..255>; }
 *   MetaData;
 * struct { uint32 value_length; uint64 storage_time; uint32 lifetime; MetaDataValue metadata; }
 *   StoredMetaData;
 * where the outer value_length is what StoredData calls length. */
void stored_meta_data_get(struct reader *r, uint8_t model, struct stored_meta_data *m)
{
	struct reader rest = reader_sub32(r);

	m->storage_time = reader_u64(&rest);
	m->lifetime = reader_u32(&rest);
	m->model = model;
	data_place_get(&rest, model, &m->index, &m->key);
	m->data.exists = reader_bool(&rest);
	m->data.value_length = reader_u32(&rest);
	m->data.hash_algorithm = reader_u8(&rest);
	m->data.hash_value = reader_opaque8(&rest);
	reader_join(r, &rest);
}

void stored_meta_data_put(struct writer *w, const struct stored_meta_data *m)
{
	size_t place = writer_begin32(w);

	writer_u64(w, m->storage_time);
	writer_u32(w, m->lifetime);
	data_place_put(w, m->model, m->index, m->key);
	writer_bool(w, m->data.exists);
	writer_u32(w, m->data.value_length);
	writer_u8(w, m->data.hash_algorithm);
	writer_opaque8(w, m->data.hash_value);
	writer_end32(w, place);
}

int stored_meta_data_list_get(struct slice bytes, uint8_t model, struct arena *a,
			      struct stored_meta_data **items, size_t *count)
{
	struct reader r = reader_of(bytes);

	*items = list_room(&r, a, STORED_VALUES_MAX, length32_skip, sizeof(struct stored_meta_data), count);
	for (size_t i = 0; i < *count; i++)
		stored_meta_data_get(&r, model, &(*items)[i]);
	return reader_finish(&r);
}
