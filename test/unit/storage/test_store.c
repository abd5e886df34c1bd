/* SPDX-License-Identifier: MIT */
/* The Store request, rule by rule (RFC 6940 7.4.1). */
#include <stdio.h>

#include "test/unit/storage/lone.h"

static struct backend memory;
static struct lone *l;

static void begin(void)
{
	memory = backend_memory();
	l = lone_new(&memory);
}

static void end(void)
{
	lone_free(l);
	memory.ops->close(memory.ctx);
}

/* Of the Kind's only value. */
static void expect_single(const char *text)
{
	struct stored_data *values;
	size_t count;

	lone_fetch(l, LONE_SINGLE, &values, &count);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(values[0].value.data.exists, text != NULL);
	if (text != NULL)
		ck_assert(slice_equal(values[0].value.data.value, slice_text(text)));
}

static int store_single(const char *text, uint64_t time)
{
	struct stored_data data = lone_value(l, LONE_SINGLE, 0, NULL, text, time);

	return lone_store(l, LONE_SINGLE, &data);
}

START_TEST(store_single_overwrites)
{
	begin();
	ck_assert_int_eq(store_single("one", 100), 0);
	ck_assert_uint_eq(lone_generation(l), 1);
	ck_assert_int_eq(store_single("two", 101), 0);
	ck_assert_uint_eq(lone_generation(l), 2);
	expect_single("two");
	ck_assert_uint_eq(peer_counters(l->peer)->stores_accepted, 2);
	end();
}
END_TEST

START_TEST(store_is_answered_after_commit)
{
	struct resource_id resource;
	struct stored_data data;
	struct store_kind_data kind;
	const struct effect *e;
	bool asked = false;

	begin();
	resource = lone_resource(l, LONE_USER);
	data = lone_value(l, LONE_SINGLE, 0, NULL, "one", 100);
	kind = lone_kind_data(l, LONE_SINGLE, 0, &data, 1);
	lone_send(l, METHOD_STORE, lone_store_body(l, &resource, 0, &kind, 1), NULL, 0);
	/* Everything but the commit has happened. */
	for (int i = 0; i < 10; i++)
		peer_expire(l->peer, l->now);
	ck_assert_uint_eq(l->responses, 0);
	while ((e = peer_next_effect(l->peer)) != NULL)
		asked |= e->type == EFFECT_STORE_COMMIT;
	ck_assert(asked);
	peer_storage(l->peer)->ops->commit(peer_storage(l->peer)->ctx, l->now);
	lone_run(l);
	ck_assert_uint_eq(l->responses, 1);
	ck_assert_int_eq(l->err, 0);
	end();
}
END_TEST

START_TEST(store_refuses_older_value)
{
	begin();
	ck_assert_int_eq(store_single("one", 100), 0);
	ck_assert_int_eq(store_single("zero", 99), ERR_DATA_TOO_OLD);
	ck_assert_int_eq(store_single("other", 100), ERR_DATA_TOO_OLD);
	expect_single("one");
	ck_assert_uint_eq(peer_counters(l->peer)->stores_refused, 2);
	ck_assert_uint_gt(peer_counters(l->peer)->errors[ERR_INDEX_DATA_TOO_OLD], 0);
	ck_assert_uint_eq(lone_logged(l, "storage.refused", "reason=DATA_TOO_OLD"), 2);
	end();
}
END_TEST

START_TEST(store_accepts_identical_value_without_change)
{
	struct stored_data data, *values;
	size_t count;

	begin();
	data = lone_value(l, LONE_SINGLE, 0, NULL, "one", 100);
	ck_assert_int_eq(lone_store(l, LONE_SINGLE, &data), 0);
	lone_pass(l, 600000);
	/* The lifetime is not signed: repeating it with another one prolongs nothing. */
	data.lifetime = 90000;
	ck_assert_int_eq(lone_store(l, LONE_SINGLE, &data), 0);
	ck_assert_uint_eq(lone_generation(l), 1);
	lone_fetch(l, LONE_SINGLE, &values, &count);
	ck_assert_uint_eq(values[0].lifetime, 400);
	end();
}
END_TEST

START_TEST(store_refuses_unknown_kinds_with_list)
{
	struct resource_id resource;
	struct stored_data data;
	struct store_kind_data kinds[3];
	struct reader r;
	uint32_t *unknown;
	size_t count;

	begin();
	resource = lone_resource(l, LONE_USER);
	data = lone_value(l, LONE_SINGLE, 0, NULL, "one", 100);
	kinds[0] = (struct store_kind_data){ 0xf0000099u, 0, SLICE_EMPTY };
	kinds[1] = lone_kind_data(l, LONE_SINGLE, 0, &data, 1);
	kinds[2] = (struct store_kind_data){ 0xf0000098u, 0, SLICE_EMPTY };
	ck_assert_int_eq(lone_request(l, METHOD_STORE, lone_store_body(l, &resource, 0, kinds, 3), NULL, 0),
			 ERR_UNKNOWN_KIND);
	r = reader_of(slice_of(l->info, l->info_len));
	kind_id_list_get(&r, &l->arena, &unknown, &count);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(unknown[0], 0xf0000099u);
	ck_assert_uint_eq(unknown[1], 0xf0000098u);
	expect_single(NULL);
	end();
}
END_TEST

START_TEST(store_refuses_repeated_kind)
{
	struct resource_id resource;
	struct stored_data data;
	struct store_kind_data kinds[2];

	begin();
	resource = lone_resource(l, LONE_USER);
	data = lone_value(l, LONE_SINGLE, 0, NULL, "one", 100);
	kinds[0] = kinds[1] = lone_kind_data(l, LONE_SINGLE, 0, &data, 1);
	ck_assert_int_eq(lone_request(l, METHOD_STORE, lone_store_body(l, &resource, 0, kinds, 2), NULL, 0),
			 ERR_INVALID_MESSAGE);
	end();
}
END_TEST

START_TEST(store_refuses_malformed_bodies)
{
	struct resource_id resource, narrow = { .length = 3 };
	struct stored_data data;
	struct store_kind_data kind;
	struct slice body;

	begin();
	resource = lone_resource(l, LONE_USER);
	data = lone_value(l, LONE_SINGLE, 0, NULL, "one", 100);
	kind = lone_kind_data(l, LONE_SINGLE, 0, &data, 1);
	body = lone_store_body(l, &resource, 0, &kind, 1);
	for (size_t len = 0; len < body.len; len++)
		ck_assert_int_eq(lone_request(l, METHOD_STORE, slice_of(body.data, len), NULL, 0),
				 ERR_INVALID_MESSAGE);
	body = lone_store_body(l, &narrow, 0, &kind, 1);
	ck_assert_int_eq(lone_request(l, METHOD_STORE, body, NULL, 0), ERR_INVALID_MESSAGE);
	end();
}
END_TEST

START_TEST(store_refuses_too_much)
{
	char text[102];
	struct resource_id resource;
	struct stored_data data[6];
	struct store_kind_data kind;
	char keys[6][2] = { "a", "b", "c", "d", "e", "f" };

	begin();
	resource = lone_resource(l, LONE_USER);
	memset(text, 'x', sizeof(text));
	text[101] = '\0';
	ck_assert_int_eq(store_single(text, 100), ERR_DATA_TOO_LARGE);
	text[100] = '\0';
	ck_assert_int_eq(store_single(text, 100), 0);
	for (size_t i = 0; i < 5; i++)
		data[i] = lone_value(l, LONE_DICTIONARY, 0, keys[i], "v", 100);
	kind = lone_kind_data(l, LONE_DICTIONARY, 0, data, 5);
	ck_assert_int_eq(lone_request(l, METHOD_STORE, lone_store_body(l, &resource, 0, &kind, 1), NULL, 0),
			 ERR_DATA_TOO_LARGE);
	kind = lone_kind_data(l, LONE_DICTIONARY, 0, data, 4);
	ck_assert_int_eq(lone_request(l, METHOD_STORE, lone_store_body(l, &resource, 0, &kind, 1), NULL, 0),
			 0);
	ck_assert_int_eq(lone_store(l, LONE_DICTIONARY, &data[4]), ERR_DATA_TOO_LARGE);
	/* A removed value makes room; it is kept, but does not count. */
	data[0] = lone_value(l, LONE_DICTIONARY, 0, "a", NULL, 200);
	ck_assert_int_eq(lone_store(l, LONE_DICTIONARY, &data[0]), 0);
	ck_assert_int_eq(lone_store(l, LONE_DICTIONARY, &data[4]), 0);
	end();
}
END_TEST

START_TEST(store_checks_generation)
{
	struct resource_id resource;
	struct stored_data data;
	struct store_kind_data kind;
	struct store_ans ans;
	struct reader r;

	begin();
	resource = lone_resource(l, LONE_USER);
	ck_assert_int_eq(store_single("one", 100), 0);
	ck_assert_int_eq(store_single("two", 101), 0);
	data = lone_value(l, LONE_SINGLE, 0, NULL, "three", 102);
	for (uint64_t generation = 1; generation <= 3; generation += 2) {
		kind = lone_kind_data(l, LONE_SINGLE, generation, &data, 1);
		ck_assert_int_eq(lone_request(l, METHOD_STORE, lone_store_body(l, &resource, 0, &kind, 1),
					      NULL, 0), ERR_GENERATION_COUNTER_TOO_LOW);
		r = reader_of(slice_of(l->info, l->info_len));
		store_ans_get(&r, &l->arena, &ans);
		ck_assert_int_eq(reader_finish(&r), 0);
		ck_assert_uint_eq(ans.kind_count, 1);
		ck_assert_uint_eq(ans.kinds[0].generation_counter, 2);
		ck_assert_uint_eq(ans.kinds[0].replica_count, 0);
	}
	expect_single("two");
	kind = lone_kind_data(l, LONE_SINGLE, 2, &data, 1);
	ck_assert_int_eq(lone_request(l, METHOD_STORE, lone_store_body(l, &resource, 0, &kind, 1), NULL, 0),
			 0);
	ck_assert_uint_eq(lone_generation(l), 3);
	end();
}
END_TEST

START_TEST(store_is_atomic_over_kinds)
{
	struct resource_id resource;
	struct stored_data good, bad;
	struct store_kind_data kinds[2];

	begin();
	resource = lone_resource(l, LONE_USER);
	good = lone_value(l, LONE_SINGLE, 0, NULL, "good", 100);
	bad = lone_value(l, LONE_DICTIONARY, 0, "k", "bad", 100);
	bad.storage_time++;
	kinds[0] = lone_kind_data(l, LONE_SINGLE, 0, &good, 1);
	kinds[1] = lone_kind_data(l, LONE_DICTIONARY, 0, &bad, 1);
	ck_assert_int_eq(lone_request(l, METHOD_STORE, lone_store_body(l, &resource, 0, kinds, 2), NULL, 0),
			 ERR_FORBIDDEN);
	expect_single(NULL);
	bad = lone_value(l, LONE_DICTIONARY, 0, "k", "now good", 100);
	kinds[1] = lone_kind_data(l, LONE_DICTIONARY, 0, &bad, 1);
	ck_assert_int_eq(lone_request(l, METHOD_STORE, lone_store_body(l, &resource, 0, kinds, 2), NULL, 0),
			 0);
	expect_single("good");
	end();
}
END_TEST

START_TEST(store_appends_to_array)
{
	struct stored_data data[2], *values;
	struct resource_id resource;
	struct store_kind_data kind;
	size_t count;

	begin();
	resource = lone_resource(l, LONE_USER);
	data[0] = lone_value(l, LONE_ARRAY, ARRAY_INDEX_LAST, NULL, "zero", 100);
	data[1] = lone_value(l, LONE_ARRAY, ARRAY_INDEX_LAST, NULL, "one", 100);
	kind = lone_kind_data(l, LONE_ARRAY, 0, data, 2);
	ck_assert_int_eq(lone_request(l, METHOD_STORE, lone_store_body(l, &resource, 0, &kind, 1), NULL, 0),
			 0);
	/* Appended once, however often it is stored. */
	ck_assert_int_eq(lone_store(l, LONE_ARRAY, &data[1]), 0);
	data[0] = lone_value(l, LONE_ARRAY, 3, NULL, "three", 100);
	ck_assert_int_eq(lone_store(l, LONE_ARRAY, &data[0]), 0);
	lone_fetch(l, LONE_ARRAY, &values, &count);
	ck_assert_uint_eq(count, 4);
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_uint_eq(values[i].value.index, i);
	ck_assert(slice_equal(values[1].value.data.value, slice_text("one")));
	ck_assert(!values[2].value.data.exists);
	ck_assert(signature_is_none(&values[2].signature));
	ck_assert(slice_equal(values[3].value.data.value, slice_text("three")));
	/* So far that no Fetch could show the gap. */
	data[0] = lone_value(l, LONE_ARRAY, 100000, NULL, "far", 100);
	ck_assert_int_eq(lone_store(l, LONE_ARRAY, &data[0]), ERR_DATA_TOO_LARGE);
	end();
}
END_TEST

START_TEST(store_refuses_one_entry_twice)
{
	struct stored_data data[2];
	struct resource_id resource;
	struct store_kind_data kind;

	begin();
	resource = lone_resource(l, LONE_USER);
	data[0] = lone_value(l, LONE_DICTIONARY, 0, "k", "one", 100);
	data[1] = lone_value(l, LONE_DICTIONARY, 0, "k", "two", 101);
	kind = lone_kind_data(l, LONE_DICTIONARY, 0, data, 2);
	ck_assert_int_eq(lone_request(l, METHOD_STORE, lone_store_body(l, &resource, 0, &kind, 1), NULL, 0),
			 ERR_INVALID_MESSAGE);
	end();
}
END_TEST

START_TEST(removed_value_stays_as_tombstone)
{
	struct stored_data data, *values;
	size_t count;

	begin();
	ck_assert_int_eq(store_single("one", 100), 0);
	data = lone_value(l, LONE_SINGLE, 0, NULL, NULL, 200);
	ck_assert_int_eq(lone_store(l, LONE_SINGLE, &data), 0);
	lone_fetch(l, LONE_SINGLE, &values, &count);
	ck_assert_uint_eq(count, 1);
	ck_assert(!values[0].value.data.exists);
	ck_assert(!signature_is_none(&values[0].signature));
	ck_assert_uint_eq(values[0].storage_time, 200);
	/* The removed value cannot be brought back. */
	ck_assert_int_eq(store_single("one", 100), ERR_DATA_TOO_OLD);
	lone_pass(l, 1001000);
	lone_fetch(l, LONE_SINGLE, &values, &count);
	ck_assert(signature_is_none(&values[0].signature));
	end();
}
END_TEST

START_TEST(value_expires)
{
	struct storage_statistics statistics;
	struct stored_data *values;
	size_t count;

	begin();
	ck_assert_int_eq(store_single("one", 100), 0);
	lone_pass(l, 10000);
	lone_fetch(l, LONE_SINGLE, &values, &count);
	ck_assert_uint_eq(values[0].lifetime, 990);
	lone_pass(l, 989000);
	expect_single("one");
	lone_pass(l, 1000);
	expect_single(NULL);
	ck_assert_uint_eq(peer_counters(l->peer)->values_expired, 1);
	peer_storage(l->peer)->ops->statistics(peer_storage(l->peer)->ctx, &statistics);
	ck_assert_uint_eq(statistics.resources, 0);
	ck_assert_uint_eq(statistics.values, 0);
	ck_assert_uint_eq(statistics.bytes, 0);
	end();
}
END_TEST

START_TEST(failed_commit_changes_nothing)
{
	struct failing_backend failing;

	failing_backend_init(&failing, backend_memory());
	l = lone_new(&failing.backend);
	ck_assert_int_eq(store_single("one", 100), 0);
	failing.fail_commit = true;
	ck_assert_int_eq(store_single("two", 101), ERR_NOT_FOUND);
	expect_single("one");
	failing.fail_commit = false;
	lone_pass(l, 1000);
	failing.fail_put = true;
	ck_assert_int_eq(store_single("two", 101), ERR_NOT_FOUND);
	expect_single("one");
	failing.fail_put = false;
	lone_pass(l, 1000);
	ck_assert_int_eq(store_single("two", 101), 0);
	ck_assert_uint_eq(lone_generation(l), 2);
	expect_single("two");
	ck_assert_uint_eq(lone_logged(l, "storage.commit_failed", "STORAGE"), 2);
	lone_free(l);
	failing.backend.ops->close(failing.backend.ctx);
}
END_TEST

START_TEST(one_commit_serves_a_turn)
{
	struct failing_backend counting;
	struct resource_id resource;

	failing_backend_init(&counting, backend_memory());
	l = lone_new(&counting.backend);
	resource = lone_resource(l, LONE_USER);
	counting.commits = 0;
	for (uint32_t i = 0; i < 4; i++) {
		struct stored_data data = lone_value(l, LONE_ARRAY, i, NULL, "v", 100);
		struct store_kind_data kind = lone_kind_data(l, LONE_ARRAY, 0, &data, 1);

		lone_send(l, METHOD_STORE, lone_store_body(l, &resource, 0, &kind, 1), NULL, 0);
	}
	lone_run(l);
	ck_assert_uint_eq(l->responses, 4);
	ck_assert_uint_eq(counting.commits, 1);
	lone_free(l);
	counting.backend.ops->close(counting.backend.ctx);
}
END_TEST

START_TEST(store_bounds_what_one_signer_takes)
{
	char text[4000], key[16];
	size_t accepted = 0;
	int err = 0;

	begin();
	memset(text, 'x', sizeof(text));
	text[3999] = '\0';
	while (err == 0 && accepted < 1000) {
		struct stored_data data;

		snprintf(key, sizeof(key), "%zu", accepted);
		data = lone_value(l, LONE_WIDE, 0, key, text, 100);
		err = lone_store(l, LONE_WIDE, &data);
		accepted += err == 0;
		arena_reset(&l->arena);
	}
	/* 1 MiB of values of 4 KB. */
	ck_assert_int_eq(err, ERR_FORBIDDEN);
	ck_assert(accepted > 240 && accepted < 263);
	ck_assert_uint_eq(lone_logged(l, "storage.refused", "reason=LIMIT"), 1);
	end();
}
END_TEST

START_TEST(data_of_dropped_kinds_goes)
{
	struct configuration *c;
	struct storage_statistics statistics;
	struct stored_data data;

	begin();
	ck_assert_int_eq(store_single("one", 100), 0);
	data = lone_value(l, LONE_WIDE, 0, "k", "v", 100);
	ck_assert_int_eq(lone_store(l, LONE_WIDE, &data), 0);
	/* A ConfigUpdate: the last Kind is gone. Its data does not wait for the ring to change. */
	c = lone_configuration();
	c->kinds.count--;
	peer_configure(l->peer, l->now, c);
	free(c);
	lone_pass(l, 100);
	peer_storage(l->peer)->ops->statistics(peer_storage(l->peer)->ctx, &statistics);
	ck_assert_uint_eq(statistics.values, 1);
	expect_single("one");
	ck_assert_uint_eq(lone_logged(l, "storage.kind_dropped", "kind=4026531844 values=1"), 1);
	end();
}
END_TEST

START_TEST(rows_show_every_value_once)
{
	struct storage_row row;
	size_t cursor = 0, count = 0;

	begin();
	ck_assert_int_eq(store_single("one", 100), 0);
	for (uint32_t i = 0; i < 3; i++) {
		struct stored_data data = lone_value(l, LONE_ARRAY, i, NULL, "v", 100);

		ck_assert_int_eq(lone_store(l, LONE_ARRAY, &data), 0);
	}
	while (storage_next(l->storage, l->now, &cursor, &row)) {
		ck_assert_str_eq(row.user, LONE_USER);
		ck_assert(node_id_equal(&row.signer, peer_node_id(l->peer)));
		ck_assert_uint_eq(row.remaining_s, 1000);
		ck_assert(row.owned);
		count++;
	}
	ck_assert_uint_eq(count, 4);
	end();
}
END_TEST

int main(void)
{
	return RUN_TESTS("store", store_single_overwrites, store_is_answered_after_commit,
			 store_refuses_older_value, store_accepts_identical_value_without_change,
			 store_refuses_unknown_kinds_with_list, store_refuses_repeated_kind,
			 store_refuses_malformed_bodies, store_refuses_too_much, store_checks_generation,
			 store_is_atomic_over_kinds, store_appends_to_array, store_refuses_one_entry_twice,
			 removed_value_stays_as_tombstone, value_expires, failed_commit_changes_nothing,
			 one_commit_serves_a_turn, store_bounds_what_one_signer_takes,
			 data_of_dropped_kinds_goes, rows_show_every_value_once);
}
