/* SPDX-License-Identifier: MIT */
/* Places, order and selection of values by data model. */
#include "storage/data_model.h"

static int data_model_slice_compare(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len == 0 ? 0 : memcmp(a.data, b.data, len);

	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

static int data_model_entry_compare(enum data_model model, const struct stored_data_value *a,
				    const struct stored_data_value *b)
{
	switch (model) {
	case DATA_MODEL_ARRAY:
		return a->index < b->index ? -1 : a->index > b->index;
	case DATA_MODEL_DICTIONARY:
		return data_model_slice_compare(a->key, b->key);
	case DATA_MODEL_SINGLE:
		break;
	}
	return 0;
}

size_t data_model_place(const struct stored_kind *k, const struct stored_data_value *entry,
			struct stored_value **found)
{
	size_t low = 0, high = k->count;

	*found = NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = data_model_entry_compare(k->model, &k->values[middle]->data.value, entry);

		if (order == 0) {
			*found = k->values[middle];
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t data_model_array_length(const struct stored_kind *k)
{
	return k == NULL || k->count == 0 ? 0 : k->values[k->count - 1]->data.value.index + 1;
}

struct slice data_model_entry(const struct stored_data_value *value, uint8_t *buffer)
{
	struct writer w = writer_of(buffer, 4);

	if (value->model == DATA_MODEL_DICTIONARY)
		return value->key;
	if (value->model == DATA_MODEL_ARRAY)
		writer_u32(&w, value->index);
	return writer_slice(&w);
}

int data_model_entry_parse(enum data_model model, struct slice entry, struct stored_data_value *value)
{
	struct reader r = reader_of(entry);

	*value = (struct stored_data_value){ .model = (uint8_t)model };
	if (model == DATA_MODEL_DICTIONARY)
		value->key = reader_bytes(&r, entry.len);
	else if (model == DATA_MODEL_ARRAY)
		value->index = reader_u32(&r);
	return reader_finish(&r) == 0 ? 0 : ERR_MALFORMED;
}

bool data_model_same(const struct stored_data *a, const struct stored_data *b)
{
	const struct signer_identity *x = &a->signature.identity, *y = &b->signature.identity;

	return a->storage_time == b->storage_time && a->value.data.exists == b->value.data.exists &&
	       slice_equal(a->value.key, b->value.key) &&
	       slice_equal(a->value.data.value, b->value.data.value) &&
	       a->signature.hash == b->signature.hash &&
	       a->signature.algorithm == b->signature.algorithm && x->type == y->type &&
	       x->hash_alg == y->hash_alg && slice_equal(x->hash, y->hash) &&
	       slice_equal(a->signature.value, b->signature.value);
}

int data_model_order(const struct stored_data *a, const struct stored_data *b)
{
	int order;

	if (a->storage_time != b->storage_time)
		return a->storage_time < b->storage_time ? -1 : 1;
	order = data_model_slice_compare(a->value.data.value, b->value.data.value);
	if (order == 0)
		order = data_model_slice_compare(a->signature.identity.hash, b->signature.identity.hash);
	return order != 0 ? order : data_model_slice_compare(a->signature.value, b->signature.value);
}

static int data_model_select_ranges(const struct stored_kind *k, struct slice selector,
				    struct arena *arena, data_model_select_fn *each, void *ctx)
{
	uint32_t length = data_model_array_length(k);
	struct array_range *ranges;
	size_t count, selected = 0;
	int err = array_ranges_get(selector, arena, &ranges, &count);

	for (size_t i = 0; i < count && err == 0; i++) {
		uint64_t end = ranges[i].last == ARRAY_INDEX_LAST ? length : (uint64_t)ranges[i].last + 1;

		/* A range from "the last" to "the last" is the last element alone. */
		if (ranges[i].first == ARRAY_INDEX_LAST)
			ranges[i].first = length == 0 ? 0 : length - 1;
		if (end <= ranges[i].first)
			continue;
		if (end - ranges[i].first > STORED_VALUES_MAX - selected)
			return ERR_RESPONSE_TOO_LARGE;
		selected += end - ranges[i].first;
		for (uint64_t index = ranges[i].first; index < end; index++) {
			struct stored_data_value entry = {
				.model = DATA_MODEL_ARRAY,
				.index = (uint32_t)index,
			};
			struct stored_value *v = NULL;

			if (k != NULL)
				data_model_place(k, &entry, &v);
			each(ctx, &entry, v);
		}
	}
	return err;
}

static int data_model_select_keys(const struct stored_kind *k, struct slice selector,
				  struct arena *arena, data_model_select_fn *each, void *ctx)
{
	struct slice *keys;
	size_t count;
	int err = dictionary_keys_get(selector, arena, &keys, &count);

	if (err != 0)
		return err;
	if (count == 0 && k != NULL) {
		for (size_t i = 0; i < k->count; i++)
			each(ctx, &k->values[i]->data.value, k->values[i]);
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		struct stored_data_value entry = { .model = DATA_MODEL_DICTIONARY, .key = keys[i] };
		struct stored_value *v = NULL;

		if (k != NULL)
			data_model_place(k, &entry, &v);
		each(ctx, &entry, v);
	}
	return 0;
}

int data_model_select(const struct stored_kind *k, enum data_model model, struct slice selector,
		      struct arena *arena, data_model_select_fn *each, void *ctx)
{
	static const struct stored_data_value single = { .model = DATA_MODEL_SINGLE };

	switch (model) {
	case DATA_MODEL_ARRAY:
		return data_model_select_ranges(k, selector, arena, each, ctx);
	case DATA_MODEL_DICTIONARY:
		return data_model_select_keys(k, selector, arena, each, ctx);
	case DATA_MODEL_SINGLE:
		break;
	}
	if (selector.len != 0)
		return ERR_MALFORMED;
	each(ctx, &single, k != NULL && k->count > 0 ? k->values[0] : NULL);
	return 0;
}
