/* SPDX-License-Identifier: MIT */
/* Store, Fetch, Stat, Find, and the lists inside them under each data model. */
#include "overlay/wire/body_data.h"

#include "test/fuzz/round_trip.h"

ROUND_TRIP(store_req)
ROUND_TRIP(store_ans)
ROUND_TRIP(fetch_req)
ROUND_TRIP(fetch_ans)
ROUND_TRIP(find_req)
ROUND_TRIP(find_ans)

/* A list with its length, as the functions below hand it from get to put. */
struct list {
	void *items;
	size_t count;
};

static struct list *list_new(struct arena *a)
{
	struct list *x = arena_alloc(a, sizeof(*x));

	invariant(x != NULL);
	return x;
}

#define LIST_OF_VALUES(name, element, model, list_get, element_put)                                \
	static void *round_trip_get_##name(struct reader *r, struct arena *a)                      \
	{                                                                                          \
		struct list *x = list_new(a);                                                      \
		struct element *items;                                                             \
		int err = list_get(reader_bytes(r, reader_left(r)), model, a, &items, &x->count);  \
                                                                                                   \
		x->items = items;                                                                  \
		return err == 0 ? x : NULL;                                                        \
	}                                                                                          \
	static void round_trip_put_##name(struct writer *w, const void *x)                         \
	{                                                                                          \
		const struct list *list = x;                                                       \
		const struct element *items = list->items;                                         \
                                                                                                   \
		for (size_t i = 0; i < list->count; i++)                                           \
			element_put(w, &items[i]);                                                 \
	}

LIST_OF_VALUES(stored_single, stored_data, DATA_MODEL_SINGLE, stored_data_list_get, stored_data_put)
LIST_OF_VALUES(stored_array, stored_data, DATA_MODEL_ARRAY, stored_data_list_get, stored_data_put)
LIST_OF_VALUES(stored_dictionary, stored_data, DATA_MODEL_DICTIONARY, stored_data_list_get, stored_data_put)
LIST_OF_VALUES(meta_single, stored_meta_data, DATA_MODEL_SINGLE, stored_meta_data_list_get,
	       stored_meta_data_put)
LIST_OF_VALUES(meta_array, stored_meta_data, DATA_MODEL_ARRAY, stored_meta_data_list_get,
	       stored_meta_data_put)
LIST_OF_VALUES(meta_dictionary, stored_meta_data, DATA_MODEL_DICTIONARY, stored_meta_data_list_get,
	       stored_meta_data_put)

#define SELECTOR(name, element)                                                                    \
	static void *round_trip_get_##name(struct reader *r, struct arena *a)                      \
	{                                                                                          \
		struct list *x = list_new(a);                                                      \
		element *items;                                                                    \
		int err = name##_get(reader_bytes(r, reader_left(r)), a, &items, &x->count);       \
                                                                                                   \
		x->items = items;                                                                  \
		return err == 0 ? x : NULL;                                                        \
	}                                                                                          \
	static void round_trip_put_##name(struct writer *w, const void *x)                         \
	{                                                                                          \
		const struct list *list = x;                                                       \
                                                                                                   \
		name##_put(w, list->items, list->count);                                           \
	}

SELECTOR(array_ranges, struct array_range)
SELECTOR(dictionary_keys, struct slice)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct round_trip codecs[] = {
		ROUND_TRIP_ROW(store_req, true),
		ROUND_TRIP_ROW(store_ans, true),
		ROUND_TRIP_ROW(fetch_req, true),
		ROUND_TRIP_ROW(fetch_ans, true),
		ROUND_TRIP_ROW(find_req, true),
		ROUND_TRIP_ROW(find_ans, true),
		ROUND_TRIP_ROW(stored_single, true),
		ROUND_TRIP_ROW(stored_array, true),
		ROUND_TRIP_ROW(stored_dictionary, true),
		ROUND_TRIP_ROW(meta_single, true),
		ROUND_TRIP_ROW(meta_array, true),
		ROUND_TRIP_ROW(meta_dictionary, true),
		ROUND_TRIP_ROW(array_ranges, true),
		ROUND_TRIP_ROW(dictionary_keys, true),
	};

	return round_trip_choose(codecs, sizeof(codecs) / sizeof(codecs[0]), data, size);
}
