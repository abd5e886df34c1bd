/* SPDX-License-Identifier: MIT */
/* Tests of map.c. */
#include "overlay/base/map.h"

#include <stdio.h>

#include "test/unit/run.h"

#define MANY 5000

static int values[MANY];

/* Keys of 1 to 40 bytes, so that both ways of keeping them are met. */
static struct slice key_of(int i, char text[static 64])
{
	snprintf(text, 64, "%d-%.*s", i, i % 36, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	return slice_text(text);
}

START_TEST(map_finds_what_was_put)
{
	struct map *m = map_new(42);
	char text[64];

	ck_assert_ptr_null(map_find(m, slice_text("none")));
	ck_assert_ptr_null(map_remove(m, slice_text("none")));
	for (int i = 0; i < MANY; i++)
		ck_assert_ptr_null(map_put(m, key_of(i, text), &values[i]));
	ck_assert_uint_eq(map_count(m), MANY);
	for (int i = 0; i < MANY; i++)
		ck_assert_ptr_eq(map_find(m, key_of(i, text)), &values[i]);
	ck_assert_ptr_null(map_find(m, slice_text("none")));
	map_free(m);
}
END_TEST

START_TEST(map_put_replaces_and_returns_the_old_value)
{
	struct map *m = map_new(1);

	ck_assert_ptr_null(map_put(m, slice_text("k"), &values[0]));
	ck_assert_ptr_eq(map_put(m, slice_text("k"), &values[1]), &values[0]);
	ck_assert_ptr_eq(map_find(m, slice_text("k")), &values[1]);
	ck_assert_uint_eq(map_count(m), 1);
	ck_assert_ptr_null(map_put(m, SLICE_EMPTY, &values[2]));
	ck_assert_ptr_eq(map_find(m, SLICE_EMPTY), &values[2]);
	map_free(m);
}
END_TEST

START_TEST(map_walks_in_order_of_insertion)
{
	struct map *m = map_new(7);
	char text[64], expected[64];
	size_t cursor = 0;
	struct slice key;
	void *value;
	int i = 0;

	for (i = 0; i < MANY; i++)
		map_put(m, key_of(i, text), &values[i]);
	for (i = 0; i < MANY; i += 3)
		ck_assert_ptr_eq(map_remove(m, key_of(i, text)), &values[i]);
	for (i = 1; map_next(m, &cursor, &key, &value); i += i % 3 == 2 ? 2 : 1) {
		ck_assert_ptr_eq(value, &values[i]);
		ck_assert(slice_equal(key, key_of(i, expected)));
	}
	ck_assert_int_ge(i, MANY);
	map_free(m);
}
END_TEST

START_TEST(map_entry_may_be_removed_while_walking)
{
	struct map *m = map_new(7);
	char text[64];
	size_t cursor = 0;
	struct slice key;
	void *value;

	for (int i = 0; i < 100; i++)
		map_put(m, key_of(i, text), &values[i]);
	while (map_next(m, &cursor, &key, &value))
		ck_assert_ptr_eq(map_remove(m, key), value);
	ck_assert_uint_eq(map_count(m), 0);
	cursor = 0;
	ck_assert(!map_next(m, &cursor, &key, &value));
	map_free(m);
}
END_TEST

START_TEST(map_does_not_grow_under_steady_churn)
{
	struct map *m = map_new(9);
	char text[64];

	for (int i = 0; i < 200000; i++) {
		map_put(m, key_of(i, text), &values[i % MANY]);
		if (i >= 10)
			ck_assert_ptr_eq(map_remove(m, key_of(i - 10, text)), &values[(i - 10) % MANY]);
	}
	ck_assert_uint_eq(map_count(m), 10);
	for (int i = 199990; i < 200000; i++)
		ck_assert_ptr_eq(map_find(m, key_of(i, text)), &values[i % MANY]);
	map_free(m);
}
END_TEST

START_TEST(map_gives_memory_back)
{
	struct map *m = map_new(3);
	char text[64];
	size_t cursor = 0;
	void *value;

	for (int i = 0; i < MANY; i++)
		map_put(m, key_of(i, text), &values[i]);
	for (int i = 0; i < MANY - 10; i++)
		ck_assert_ptr_eq(map_remove(m, key_of(i, text)), &values[i]);
	map_trim(m);
	map_trim(m);
	for (int i = MANY - 10; i < MANY; i++) {
		ck_assert_ptr_eq(map_find(m, key_of(i, text)), &values[i]);
		ck_assert(map_next(m, &cursor, NULL, &value));
		ck_assert_ptr_eq(value, &values[i]);
		ck_assert_ptr_eq(map_remove(m, key_of(i, text)), &values[i]);
	}
	ck_assert(!map_next(m, &cursor, NULL, &value));
	map_trim(m);
	/* Empty, and good for use again. */
	ck_assert_ptr_null(map_find(m, key_of(1, text)));
	map_put(m, key_of(1, text), &values[1]);
	ck_assert_ptr_eq(map_find(m, key_of(1, text)), &values[1]);
	map_free(m);
}
END_TEST

int main(void)
{
	return RUN_TESTS("map", map_gives_memory_back, map_finds_what_was_put,
			 map_put_replaces_and_returns_the_old_value,
			 map_walks_in_order_of_insertion, map_entry_may_be_removed_while_walking,
			 map_does_not_grow_under_steady_churn);
}
