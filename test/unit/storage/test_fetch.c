/* SPDX-License-Identifier: MIT */
/* Fetch, Stat and Find (RFC 6940 7.4.2 to 7.4.4). */
#include <stdio.h>

#include "test/unit/storage/lone.h"

static struct backend memory;
static struct lone *l;
static struct resource_id resource;

static void begin(void)
{
	memory = backend_memory();
	l = lone_new(&memory);
	resource = lone_resource(l, LONE_USER);
}

static void end(void)
{
	lone_free(l);
	memory.ops->close(memory.ctx);
}

static void store(uint32_t kind, uint32_t index, const char *key, const char *text)
{
	struct stored_data data = lone_value(l, kind, index, key, text, 100);

	ck_assert_int_eq(lone_store(l, kind, &data), 0);
}

/* The one Kind of the latest answer. */
static struct fetch_kind_response answer(void)
{
	struct reader r = reader_of(slice_of(l->body, l->body_len));
	struct fetch_ans ans;

	fetch_ans_get(&r, &l->arena, &ans);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(ans.kind_count, 1);
	return ans.kinds[0];
}

static struct stored_data *values(uint8_t model, size_t *count)
{
	struct stored_data *items;

	ck_assert_int_eq(stored_data_list_get(answer().values, model, &l->arena, &items, count), 0);
	return items;
}

static struct slice ranges(const struct array_range *items, size_t count)
{
	struct writer w = writer_of(arena_alloc(&l->arena, 256), 256);

	array_ranges_put(&w, items, count);
	ck_assert_int_eq(w.err, 0);
	return writer_slice(&w);
}

static int fetch(uint32_t kind, uint64_t generation, struct slice selector)
{
	return lone_request(l, METHOD_FETCH,
			    lone_fetch_body(l, &resource, kind, generation, selector), NULL, 0);
}

START_TEST(fetch_missing_single_is_synthetic)
{
	struct stored_data *items;
	size_t count;

	begin();
	ck_assert_int_eq(fetch(LONE_SINGLE, 0, SLICE_EMPTY), 0);
	ck_assert_uint_eq(answer().generation, 0);
	items = values(DATA_MODEL_SINGLE, &count);
	ck_assert_uint_eq(count, 1);
	ck_assert(!items[0].value.data.exists);
	ck_assert(signature_is_none(&items[0].signature));
	end();
}
END_TEST

START_TEST(fetch_of_known_generation_gives_no_values)
{
	size_t count;

	begin();
	store(LONE_SINGLE, 0, NULL, "one");
	ck_assert_int_eq(fetch(LONE_SINGLE, 1, SLICE_EMPTY), 0);
	ck_assert_uint_eq(answer().generation, 1);
	values(DATA_MODEL_SINGLE, &count);
	ck_assert_uint_eq(count, 0);
	ck_assert_int_eq(fetch(LONE_SINGLE, 7, SLICE_EMPTY), 0);
	values(DATA_MODEL_SINGLE, &count);
	ck_assert_uint_eq(count, 1);
	end();
}
END_TEST

START_TEST(fetch_selects_array_ranges)
{
	static const struct array_range some[] = { { 1, 1 }, { 3, 5 } }, last = { 2, ARRAY_INDEX_LAST },
					beyond = { 7, ARRAY_INDEX_LAST }, huge = { 0, 0xfffffffe };
	struct stored_data *items;
	size_t count;

	begin();
	for (uint32_t i = 0; i < 4; i++)
		store(LONE_ARRAY, i, NULL, "v");
	ck_assert_int_eq(fetch(LONE_ARRAY, 0, ranges(some, 2)), 0);
	items = values(DATA_MODEL_ARRAY, &count);
	ck_assert_uint_eq(count, 4);
	ck_assert_uint_eq(items[0].value.index, 1);
	ck_assert(items[1].value.data.exists);
	ck_assert_uint_eq(items[3].value.index, 5);
	ck_assert(!items[3].value.data.exists);
	ck_assert_int_eq(fetch(LONE_ARRAY, 0, ranges(&last, 1)), 0);
	values(DATA_MODEL_ARRAY, &count);
	ck_assert_uint_eq(count, 2);
	ck_assert_int_eq(fetch(LONE_ARRAY, 0, ranges(&beyond, 1)), 0);
	values(DATA_MODEL_ARRAY, &count);
	ck_assert_uint_eq(count, 0);
	ck_assert_int_eq(fetch(LONE_ARRAY, 0, ranges(&huge, 1)), ERR_RESPONSE_TOO_LARGE);
	end();
}
END_TEST

START_TEST(fetch_refuses_bad_ranges)
{
	static const struct array_range overlapping[] = { { 0, 3 }, { 3, 5 } }, backwards = { 3, 2 };

	begin();
	store(LONE_ARRAY, 0, NULL, "v");
	ck_assert_int_eq(fetch(LONE_ARRAY, 0, ranges(overlapping, 2)), ERR_INVALID_MESSAGE);
	ck_assert_int_eq(fetch(LONE_ARRAY, 0, ranges(&backwards, 1)), ERR_INVALID_MESSAGE);
	ck_assert_int_eq(fetch(LONE_SINGLE, 0, ranges(&backwards, 1)), ERR_INVALID_MESSAGE);
	end();
}
END_TEST

START_TEST(fetch_selects_dictionary_keys)
{
	struct slice keys[2] = { slice_text("b"), slice_text("none") };
	struct writer w;
	struct stored_data *items;
	size_t count;

	begin();
	store(LONE_DICTIONARY, 0, "a", "1");
	store(LONE_DICTIONARY, 0, "b", "2");
	w = writer_of(arena_alloc(&l->arena, 64), 64);
	dictionary_keys_put(&w, keys, 2);
	ck_assert_int_eq(fetch(LONE_DICTIONARY, 0, writer_slice(&w)), 0);
	items = values(DATA_MODEL_DICTIONARY, &count);
	ck_assert_uint_eq(count, 2);
	ck_assert(slice_equal(items[0].value.data.value, slice_text("2")));
	ck_assert(slice_equal(items[1].value.key, keys[1]));
	ck_assert(!items[1].value.data.exists);
	w = writer_of(arena_alloc(&l->arena, 64), 64);
	dictionary_keys_put(&w, NULL, 0);
	ck_assert_int_eq(fetch(LONE_DICTIONARY, 0, writer_slice(&w)), 0);
	values(DATA_MODEL_DICTIONARY, &count);
	ck_assert_uint_eq(count, 2);
	end();
}
END_TEST

START_TEST(fetch_refuses_what_does_not_fit)
{
	char text[2001];
	struct writer w;

	begin();
	memset(text, 'x', sizeof(text));
	text[2000] = '\0';
	store(LONE_WIDE, 0, "a", text);
	store(LONE_WIDE, 0, "b", text);
	store(LONE_WIDE, 0, "c", text);
	w = writer_of(arena_alloc(&l->arena, 64), 64);
	dictionary_keys_put(&w, NULL, 0);
	ck_assert_int_eq(fetch(LONE_WIDE, 0, writer_slice(&w)), ERR_RESPONSE_TOO_LARGE);
	end();
}
END_TEST

START_TEST(fetch_refuses_unknown_kind)
{
	struct reader r;
	uint32_t *unknown;
	size_t count;

	begin();
	ck_assert_int_eq(fetch(0xf0000077u, 0, SLICE_EMPTY), ERR_UNKNOWN_KIND);
	r = reader_of(slice_of(l->info, l->info_len));
	kind_id_list_get(&r, &l->arena, &unknown, &count);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(unknown[0], 0xf0000077u);
	end();
}
END_TEST

START_TEST(fetch_refuses_every_truncation)
{
	static const struct array_range all = { 0, ARRAY_INDEX_LAST };
	struct slice body;

	begin();
	body = lone_fetch_body(l, &resource, LONE_ARRAY, 0, ranges(&all, 1));
	for (size_t len = 0; len < body.len; len++) {
		ck_assert_int_eq(lone_request(l, METHOD_FETCH, slice_of(body.data, len), NULL, 0),
				 ERR_INVALID_MESSAGE);
		ck_assert_int_eq(lone_request(l, METHOD_STAT, slice_of(body.data, len), NULL, 0),
				 ERR_INVALID_MESSAGE);
	}
	end();
}
END_TEST

START_TEST(stat_tells_length_and_digest)
{
	const struct security *s;
	struct stored_meta_data *items;
	struct slice whole = slice_of("\0\0\0\3one", 7);
	uint8_t digest[32];
	size_t count;

	begin();
	store(LONE_SINGLE, 0, NULL, "one");
	lone_pass(l, 1000);
	ck_assert_int_eq(lone_request(l, METHOD_STAT,
				      lone_fetch_body(l, &resource, LONE_SINGLE, 0, SLICE_EMPTY), NULL, 0),
			 0);
	ck_assert_int_eq(stored_meta_data_list_get(answer().values, DATA_MODEL_SINGLE, &l->arena, &items,
						   &count), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(items[0].storage_time, 100);
	ck_assert_uint_eq(items[0].lifetime, 999);
	ck_assert(items[0].data.exists);
	ck_assert_uint_eq(items[0].data.value_length, 3);
	s = peer_security(l->peer);
	s->ops->digest(s->ctx, HASH_SHA256, &whole, 1, digest);
	ck_assert(slice_equal(items[0].data.hash_value, slice_of(digest, 32)));
	end();
}
END_TEST

static struct find_ans find(const struct resource_id *from, uint32_t *kinds, size_t count)
{
	struct find_req req = { .resource = *from, .kinds = kinds, .kind_count = count };
	struct writer w = writer_of(arena_alloc(&l->arena, 1024), 1024);
	struct find_ans ans = { 0 };
	struct reader r;

	find_req_put(&w, &req);
	ck_assert_int_eq(w.err, 0);
	if (lone_request(l, METHOD_FIND, writer_slice(&w), NULL, 0) != 0)
		return ans;
	r = reader_of(slice_of(l->body, l->body_len));
	find_ans_get(&r, &l->arena, &ans);
	ck_assert_int_eq(reader_finish(&r), 0);
	return ans;
}

START_TEST(find_names_the_next_resource)
{
	uint32_t kinds[] = { LONE_SINGLE, LONE_ARRAY, 0xf0000077u }, twice[] = { LONE_SINGLE, LONE_SINGLE };
	struct resource_id anywhere = { .length = 16, .bytes = { 1 } };
	struct find_ans ans;

	begin();
	store(LONE_SINGLE, 0, NULL, "one");
	ans = find(&anywhere, kinds, 3);
	ck_assert_uint_eq(ans.count, 3);
	ck_assert(resource_id_equal(&ans.results[0].closest, &resource));
	ck_assert_uint_eq(ans.results[1].closest.length, 0);
	ck_assert_uint_eq(ans.results[2].closest.length, 0);
	find(&anywhere, twice, 2);
	ck_assert_int_eq(l->err, ERR_INVALID_MESSAGE);
	end();
}
END_TEST

int main(void)
{
	return RUN_TESTS("fetch", fetch_missing_single_is_synthetic,
			 fetch_of_known_generation_gives_no_values, fetch_selects_array_ranges,
			 fetch_refuses_bad_ranges, fetch_selects_dictionary_keys,
			 fetch_refuses_what_does_not_fit, fetch_refuses_unknown_kind,
			 fetch_refuses_every_truncation, stat_tells_length_and_digest,
			 find_names_the_next_resource);
}
