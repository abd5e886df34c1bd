/* SPDX-License-Identifier: MIT */
/* Tests of body_data.c: bytes worked out from the RFC. Random bodies are in test_method_map.c. */
#include "overlay/wire/body_data.h"

#include "test/unit/wire/codec.h"

ROUND_TRIP(store_req)
ROUND_TRIP(store_ans)
ROUND_TRIP(fetch_req)
ROUND_TRIP(fetch_ans)
ROUND_TRIP(find_req)
ROUND_TRIP(find_ans)

#define VALUE_CODEC(name, element, data_model)                                                     \
	static void *get_##name(struct reader *r, struct arena *a)                                 \
	{                                                                                          \
		struct element *x = arena_alloc(a, sizeof(*x));                                    \
                                                                                                   \
		element##_get(r, data_model, x);                                                   \
		return reader_finish(r) == 0 ? x : NULL;                                           \
	}                                                                                          \
	static void put_##name(struct writer *w, const void *x)                                    \
	{                                                                                          \
		element##_put(w, x);                                                               \
	}                                                                                          \
	static const struct round_trip name = { get_##name, put_##name, true };

VALUE_CODEC(single, stored_data, DATA_MODEL_SINGLE)
VALUE_CODEC(array, stored_data, DATA_MODEL_ARRAY)
VALUE_CODEC(dictionary, stored_data, DATA_MODEL_DICTIONARY)
VALUE_CODEC(meta_single, stored_meta_data, DATA_MODEL_SINGLE)
VALUE_CODEC(meta_array, stored_meta_data, DATA_MODEL_ARRAY)
VALUE_CODEC(meta_dictionary, stored_meta_data, DATA_MODEL_DICTIONARY)

/* storage_time 1700000000000, lifetime 3600; and the signature of a value that does not exist. */
#define TIME_AND_LIFETIME 0, 0, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00, 0, 0, 0x0e, 0x10
#define NO_SIGNATURE 0, 0, 3, 0, 0, 0, 0

START_TEST(stored_data_encodes_by_data_model)
{
	/* length counts what follows it: 12 + value + 7 */
	CODEC_CHECK(&single, 0, 0, 0, 25, TIME_AND_LIFETIME, 1, 0, 0, 0, 1, 'x', NO_SIGNATURE);
	CODEC_CHECK(&array, 0, 0, 0, 29, TIME_AND_LIFETIME, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1, 'x',
		    NO_SIGNATURE);
	CODEC_CHECK(&dictionary, 0, 0, 0, 28, TIME_AND_LIFETIME, 0, 1, 'k', 1, 0, 0, 0, 1, 'x', NO_SIGNATURE);
	CODEC_CHECK(&single, 0, 0, 0, 24, TIME_AND_LIFETIME, 0, 0, 0, 0, 0, NO_SIGNATURE);
}
END_TEST

START_TEST(stored_data_rejects_bytes_in_a_value_that_does_not_exist)
{
	CODEC_REFUSES(&single, ERR_MALFORMED, 0, 0, 0, 25, TIME_AND_LIFETIME, 0, 0, 0, 0, 1, 'x',
		      NO_SIGNATURE);
	CODEC_REFUSES(&single, ERR_MALFORMED, 0, 0, 0, 25, TIME_AND_LIFETIME, 2, 0, 0, 0, 1, 'x',
		      NO_SIGNATURE);
}
END_TEST

START_TEST(stored_data_rejects_a_length_other_than_its_own)
{
	CODEC_REFUSES(&single, ERR_TRUNCATED, 0, 0, 0, 23, TIME_AND_LIFETIME, 0, 0, 0, 0, 0, NO_SIGNATURE);
	CODEC_REFUSES(&single, ERR_TRAILING, 0, 0, 0, 25, TIME_AND_LIFETIME, 0, 0, 0, 0, 0, NO_SIGNATURE, 0);
	CODEC_REFUSES(&single, ERR_TRUNCATED, 0xff, 0xff, 0xff, 0xff, TIME_AND_LIFETIME, 0, 0, 0, 0, 0,
		      NO_SIGNATURE);
}
END_TEST

START_TEST(stored_data_of_an_unknown_model_is_an_unknown_kind)
{
	static const uint8_t bytes[] = { 0, 0, 0, 24, TIME_AND_LIFETIME, 0, 0, 0, 0, 0, NO_SIGNATURE };
	struct stored_data d, *items;
	struct reader r = reader_of(slice_of(bytes, sizeof(bytes)));
	uint8_t out[64];
	struct writer w = writer_of(out, sizeof(out));
	struct arena a;
	size_t count;

	stored_data_get(&r, 0, &d);
	ck_assert_int_eq(r.err, ERR_UNKNOWN_KIND);
	stored_data_put(&w, &(struct stored_data){ .signature = signature_none() });
	ck_assert_int_eq(w.err, ERR_UNKNOWN_KIND);
	arena_init(&a, 1000);
	ck_assert_int_eq(stored_data_list_get(slice_of(bytes, sizeof(bytes)), 4, &a, &items, &count),
			 ERR_UNKNOWN_KIND);
	ck_assert_int_eq(stored_data_list_get(SLICE_EMPTY, DATA_MODEL_SINGLE, &a, &items, &count), 0);
	ck_assert_uint_eq(count, 0);
	arena_free(&a);
}
END_TEST

START_TEST(stored_data_list_is_limited)
{
	static uint8_t bytes[28 * (STORED_VALUES_MAX + 1)];
	static const uint8_t one[] = { 0, 0, 0, 24, TIME_AND_LIFETIME, 0, 0, 0, 0, 0, NO_SIGNATURE };
	struct stored_data *items;
	struct arena a;
	size_t count;

	for (size_t i = 0; i <= STORED_VALUES_MAX; i++)
		memcpy(bytes + sizeof(one) * i, one, sizeof(one));
	arena_init(&a, 1 << 20);
	ck_assert_int_eq(stored_data_list_get(slice_of(bytes, sizeof(bytes) - 28),
		      DATA_MODEL_SINGLE, &a, &items,
					      &count), 0);
	ck_assert_uint_eq(count, STORED_VALUES_MAX);
	ck_assert_uint_eq(items[STORED_VALUES_MAX - 1].lifetime, 3600);
	ck_assert_int_eq(stored_data_list_get(slice_of(bytes, sizeof(bytes)), DATA_MODEL_SINGLE, &a, &items,
					      &count), ERR_LIMIT);
	arena_free(&a);
}
END_TEST

START_TEST(store_encodes_as_in_the_rfc)
{
	static const struct round_trip request = ROUND_TRIP_ROW(store_req, true),
				       answer = ROUND_TRIP_ROW(store_ans, true);

	CODEC_CHECK(&request, 3, 'F', 'O', 'O', 0, 0, 0, 0, 44, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9,
		    0, 0, 0, 28,
		    /* the values, opaque here */ ID(1), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
	CODEC_CHECK(&request, 1, 'F', 2, 0, 0, 0, 0);
	CODEC_REFUSES(&request, ERR_MALFORMED, 0, 0, 0, 0, 0, 0);
	CODEC_CHECK(&answer, 0, 0);
	CODEC_CHECK(&answer, 0, 30, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 16, ID(1));
}
END_TEST

START_TEST(fetch_encodes_as_in_the_rfc)
{
	static const struct round_trip request = ROUND_TRIP_ROW(fetch_req, true),
				       answer = ROUND_TRIP_ROW(fetch_ans, true);

	CODEC_CHECK(&request, 3, 'F', 'O', 'O', 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0);
	CODEC_CHECK(&answer, 0, 0, 0, 17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0xaa);
	CODEC_CHECK(&answer, 0, 0, 0, 0);
}
END_TEST

START_TEST(find_encodes_as_in_the_rfc)
{
	static const struct round_trip request = ROUND_TRIP_ROW(find_req, true),
				       answer = ROUND_TRIP_ROW(find_ans, true);

	CODEC_CHECK(&request, 1, 'F', 8, 0, 0, 0, 1, 0, 0, 0, 2);
	CODEC_CHECK(&answer, 0, 11, 0, 0, 0, 1, 1, 'F', 0, 0, 0, 2, 0);
	/* "Each value MUST appear only once." */
	CODEC_REFUSES(&request, ERR_MALFORMED, 1, 'F', 8, 0, 0, 0, 1, 0, 0, 0, 1);
}
END_TEST

static int ranges_err(struct slice selector)
{
	struct array_range *ranges;
	struct arena a;
	size_t count;
	int err;

	arena_init(&a, 100000);
	err = array_ranges_get(selector, &a, &ranges, &count);
	arena_free(&a);
	return err;
}

#define RANGES_ERR(...)                                                                            \
	ranges_err(slice_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })))

START_TEST(array_ranges_must_not_overlap_or_run_backwards)
{
	ck_assert_int_eq(RANGES_ERR(0, 0), 0);
	ck_assert_int_eq(RANGES_ERR(0, 8, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff), 0);
	ck_assert_int_eq(RANGES_ERR(0, 16, 0, 0, 0, 5, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 4), 0);
	ck_assert_int_eq(RANGES_ERR(0, 16, 0, 0, 0, 5, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5), ERR_MALFORMED);
	ck_assert_int_eq(RANGES_ERR(0, 16, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 5), ERR_MALFORMED);
	ck_assert_int_eq(RANGES_ERR(0, 8, 0, 0, 0, 1, 0, 0, 0, 0), ERR_MALFORMED);
	ck_assert_int_ne(RANGES_ERR(0, 7, 0, 0, 0, 1, 0, 0, 0), 0);
	ck_assert_int_eq(RANGES_ERR(0, 0, 0), ERR_TRAILING);
	ck_assert_int_eq(RANGES_ERR(0), ERR_TRUNCATED);
}
END_TEST

START_TEST(dictionary_keys_round_trip)
{
	static const uint8_t bytes[] = { 0, 7, 0, 1, 'k', 0, 2, 'a', 'b' };
	struct slice *keys;
	struct arena a;
	size_t count;
	uint8_t out[16];
	struct writer w = writer_of(out, sizeof(out));

	arena_init(&a, 1000);
	ck_assert_int_eq(dictionary_keys_get(slice_of(bytes, sizeof(bytes)), &a, &keys, &count), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert(slice_equal(keys[1], slice_text("ab")));
	dictionary_keys_put(&w, keys, count);
	ck_assert(slice_equal(writer_slice(&w), slice_of(bytes, sizeof(bytes))));
	for (size_t len = 0; len < sizeof(bytes); len++)
		ck_assert_int_ne(dictionary_keys_get(slice_of(bytes, len), &a, &keys, &count), 0);
	arena_free(&a);
}
END_TEST

START_TEST(stored_meta_data_encodes_by_data_model)
{
	/* value_length of the structure, time, lifetime, place, exists, value_length, hash_algorithm, hash */
	CODEC_CHECK(&meta_single, 0, 0, 0, 21, TIME_AND_LIFETIME, 1, 0, 0, 0, 9, 4, 2, 0xaa, 0xbb);
	CODEC_CHECK(&meta_array, 0, 0, 0, 23, TIME_AND_LIFETIME, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0);
	CODEC_CHECK(&meta_dictionary, 0, 0, 0, 22, TIME_AND_LIFETIME, 0, 1, 'k', 1, 0, 0, 0, 9, 4, 0);
}
END_TEST

int main(void)
{
	return RUN_TESTS("body_data", stored_data_encodes_by_data_model,
			 stored_data_rejects_bytes_in_a_value_that_does_not_exist,
			 stored_data_rejects_a_length_other_than_its_own,
			 stored_data_of_an_unknown_model_is_an_unknown_kind, stored_data_list_is_limited,
			 store_encodes_as_in_the_rfc, fetch_encodes_as_in_the_rfc,
			 find_encodes_as_in_the_rfc, array_ranges_must_not_overlap_or_run_backwards,
			 dictionary_keys_round_trip, stored_meta_data_encodes_by_data_model);
}
