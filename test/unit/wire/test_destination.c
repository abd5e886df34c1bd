/* SPDX-License-Identifier: MIT */
/* Tests of destination.c. */
#include "overlay/wire/destination.h"

#include "test/unit/wire/codec.h"
#include "test/unit/wire/sample.h"

static void *get_destination(struct reader *r, struct arena *a)
{
	struct destination *d = arena_alloc(a, sizeof(*d));

	destination_get(r, d);
	return reader_finish(r) == 0 ? d : NULL;
}

static void put_destination(struct writer *w, const void *x)
{
	destination_put(w, x);
}

static const struct round_trip codec = { get_destination, put_destination, true };

START_TEST(destination_encodes_type_length_value)
{
	CODEC_CHECK(&codec, 1, 16, ID(7));
	CODEC_CHECK(&codec, 2, 4, 3, 'F', 'O', 'O');
	CODEC_CHECK(&codec, 3, 3, 2, 0xab, 0xcd);
	CODEC_CHECK(&codec, 3, 1, 0);
	CODEC_CHECK(&codec, 0x85, 0x01);
	/* A type that is not known yet is kept, so that it can be passed on. */
	CODEC_CHECK(&codec, 127, 2, 1, 2);
	CODEC_CHECK(&codec, 4, 0);
}
END_TEST

START_TEST(destination_rejects_what_is_not_one)
{
	CODEC_REFUSES(&codec, ERR_MALFORMED, 0, 1, 1);
	CODEC_REFUSES(&codec, ERR_MALFORMED, 1, 15, ID(7));
	CODEC_REFUSES(&codec, ERR_MALFORMED, 1, 17, ID(7), 7);
	CODEC_REFUSES(&codec, ERR_MALFORMED, 1, 16, ID(0));
	CODEC_REFUSES(&codec, ERR_MALFORMED, 2, 1, 0);
	CODEC_REFUSES(&codec, ERR_MALFORMED, 2, 3, 3, 1, 2);
	CODEC_REFUSES(&codec, ERR_MALFORMED, 2, 0);
	CODEC_REFUSES(&codec, ERR_TRUNCATED, 1, 16, 1);
	CODEC_REFUSES(&codec, ERR_TRUNCATED, 0x80);
}
END_TEST

START_TEST(destination_put_rejects_types_that_cannot_be_written)
{
	static const unsigned types[] = { 0, 128, 255, DESTINATION_COMPACT };
	uint8_t out[8];

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct writer w = writer_of(out, sizeof(out));

		destination_put(&w, &(struct destination){ .type = types[i] });
		ck_assert_int_eq(w.err, ERR_MALFORMED);
	}
}
END_TEST

START_TEST(destination_list_gives_entries_in_order)
{
	static const uint8_t bytes[] = { 1, 16, ID(1), 0x80, 5, 2, 4, 3, 'F', 'O', 'O' };
	struct slice all = slice_of(bytes, sizeof(bytes)), rest;
	struct destination_list list;
	struct destination first;
	struct arena a;

	arena_init(&a, 10000);
	ck_assert_int_eq(destination_list_get(all, &a, &list), 0);
	ck_assert_uint_eq(list.count, 3);
	ck_assert_uint_eq(list.items[0].type, DESTINATION_NODE);
	ck_assert_uint_eq(list.items[1].type, DESTINATION_COMPACT);
	ck_assert_uint_eq(list.items[1].id.compact, 0x8005);
	ck_assert_uint_eq(list.items[2].type, DESTINATION_RESOURCE);
	ck_assert(slice_equal(list.items[2].id.bytes, slice_text("FOO")));
	ck_assert_int_eq(destination_list_first(all, &first, &rest), 0);
	ck_assert(destination_equal(&first, &list.items[0]));
	ck_assert_uint_eq(rest.len, sizeof(bytes) - 18);
	ck_assert_int_eq(destination_list_get(SLICE_EMPTY, &a, &list), 0);
	ck_assert_uint_eq(list.count, 0);
	ck_assert_int_eq(destination_list_first(SLICE_EMPTY, &first, &rest), ERR_TRUNCATED);
	for (size_t len = 1; len < sizeof(bytes); len++)
		if (len != 18 && len != 20)
			ck_assert_int_ne(destination_list_get(slice_of(bytes, len), &a, &list), 0);
	arena_free(&a);
}
END_TEST

START_TEST(destination_list_is_limited)
{
	uint8_t bytes[514];
	struct destination_list list;
	struct arena a;

	memset(bytes, 0x80, sizeof(bytes));
	arena_init(&a, 1 << 20);
	ck_assert_int_eq(destination_list_get(slice_of(bytes, 512), &a, &list), 0);
	ck_assert_uint_eq(list.count, 256);
	ck_assert_int_eq(destination_list_get(slice_of(bytes, 514), &a, &list), ERR_LIMIT);
	arena_free(&a);
	arena_init(&a, 100);
	ck_assert_int_eq(destination_list_get(slice_of(bytes, 512), &a, &list), ERR_LIMIT);
	arena_free(&a);
}
END_TEST

START_TEST(destination_list_finds_duplicates)
{
	struct node_id one = { { 1 } }, two = { { 2 } };
	uint8_t opaque[] = { 0x80, 5 };
	struct destination items[] = {
		destination_of_node(&one),
		destination_of_node(&two),
		{ .type = DESTINATION_COMPACT, .id.compact = 0x8005 },
		{ .type = DESTINATION_OPAQUE, .id.bytes = slice_of(opaque, 2) },
	};
	struct destination_list list = { items, 3 };

	ck_assert(!destination_list_has_duplicates(&list));
	/* The two-byte form means the same as the full form of two bytes (6.3.2.2). */
	list.count = 4;
	ck_assert(destination_list_has_duplicates(&list));
	opaque[1] = 6;
	ck_assert(!destination_list_has_duplicates(&list));
	items[3] = items[0];
	ck_assert(destination_list_has_duplicates(&list));
}
END_TEST

START_TEST(destination_round_trips_whatever_it_holds)
{
	struct sample s;

	sample_init(&s, 11);
	for (int i = 0; i < 200; i++) {
		uint8_t out[DESTINATION_WIRE_MAX];
		struct writer w = writer_of(out, sizeof(out));
		struct destination d = sample_destination(&s);

		destination_put(&w, &d);
		codec_check(&codec, writer_slice(&w));
	}
	sample_free(&s);
}
END_TEST

int main(void)
{
	return RUN_TESTS("destination", destination_encodes_type_length_value,
			 destination_rejects_what_is_not_one,
			 destination_put_rejects_types_that_cannot_be_written,
			 destination_list_gives_entries_in_order, destination_list_is_limited,
			 destination_list_finds_duplicates, destination_round_trips_whatever_it_holds);
}
