/* SPDX-License-Identifier: MIT */
/* Tests of node_id.c. */
#include "overlay/wire/node_id.h"

#include "overlay/base/prng.h"
#include "test/unit/wire/codec.h"

/* A struct around a list, so that it has a codec like the others. */
struct node_id_list {
	struct node_id *ids;
	size_t count;
};

static void node_id_list_struct_get(struct reader *r, struct arena *a, struct node_id_list *x)
{
	node_id_list_get(r, a, &x->ids, &x->count);
}

static void *get_list(struct reader *r, struct arena *a)
{
	struct node_id_list *x = arena_alloc(a, sizeof(*x));

	node_id_list_struct_get(r, a, x);
	return reader_finish(r) == 0 ? x : NULL;
}

static void put_list(struct writer *w, const void *x)
{
	const struct node_id_list *list = x;

	node_id_list_put(w, list->ids, list->count);
}

static void *get_resource(struct reader *r, struct arena *a)
{
	struct resource_id *x = arena_alloc(a, sizeof(*x));

	resource_id_get(r, x);
	return reader_finish(r) == 0 ? x : NULL;
}

static void put_resource(struct writer *w, const void *x)
{
	resource_id_put(w, x);
}

static const struct round_trip list_codec = { get_list, put_list, true };
static const struct round_trip resource_codec = { get_resource, put_resource, true };

static struct node_id id_of(const char *text)
{
	struct node_id id;

	ck_assert_int_eq(node_id_parse(text, &id), 0);
	return id;
}

#define ZERO "00000000000000000000000000000000"
#define ONE "00000000000000000000000000000001"
#define TWO "00000000000000000000000000000002"
#define TOP "ffffffffffffffffffffffffffffffff"
#define HALF "80000000000000000000000000000000"

START_TEST(resource_id_encodes_as_in_the_rfc)
{
	/* RFC 6940 6.3.1.1: "the 3-byte value "FOO" would be encoded as: 03 46 4f 4f" */
	struct resource_id foo;

	ck_assert_int_eq(resource_id_from_slice(slice_text("FOO"), &foo), 0);
	ck_assert_uint_eq(foo.length, 3);
	CODEC_CHECK(&resource_codec, 0x03, 0x46, 0x4f, 0x4f);
	CODEC_REFUSES(&resource_codec, ERR_MALFORMED, 0);
}
END_TEST

START_TEST(resource_id_has_at_most_254_bytes)
{
	uint8_t bytes[256] = { 255 };
	struct resource_id id;

	codec_refuses(&resource_codec, slice_of(bytes, 256), ERR_MALFORMED);
	bytes[0] = 254;
	codec_check(&resource_codec, slice_of(bytes, 255));
	ck_assert_int_eq(resource_id_from_slice(slice_of(bytes, 255), &id), ERR_MALFORMED);
	ck_assert_int_eq(resource_id_from_slice(slice_of(bytes, 0), &id), ERR_MALFORMED);
	ck_assert_int_eq(resource_id_from_slice(slice_of(bytes, 254), &id), 0);
}
END_TEST

START_TEST(node_id_list_round_trips_and_counts_whole_ids)
{
	CODEC_CHECK(&list_codec, 0, 0);
	CODEC_CHECK(&list_codec, 0, 32, ID(1), ID(2));
	CODEC_REFUSES(&list_codec, ERR_TRAILING, 0, 17, ID(1), 9);
	CODEC_REFUSES(&list_codec, ERR_MALFORMED, 0, 16, ID(0));
}
END_TEST

START_TEST(node_id_list_beyond_the_arena_is_a_limit)
{
	static const uint8_t bytes[] = { 0, 32, ID(1), ID(2) };
	struct reader r = reader_of(slice_of(bytes, sizeof(bytes)));
	struct node_id *ids;
	struct arena a;
	size_t count;

	arena_init(&a, 31);
	ck_assert_int_eq(node_id_list_get(&r, &a, &ids, &count), ERR_LIMIT);
	ck_assert_uint_eq(count, 0);
	arena_free(&a);
}
END_TEST

START_TEST(node_id_zero_is_never_on_the_wire)
{
	static const uint8_t zero[16];
	struct reader r = reader_of(slice_of(zero, sizeof(zero)));
	uint8_t out[16];
	struct writer w = writer_of(out, sizeof(out));
	struct node_id id;

	node_id_get(&r, &id);
	ck_assert_int_eq(r.err, ERR_MALFORMED);
	node_id_put(&w, &id);
	ck_assert_int_eq(w.err, ERR_MALFORMED);
	ck_assert(node_id_is_zero(&id));
	ck_assert(node_id_is_wildcard(&NODE_ID_WILDCARD));
	ck_assert(!node_id_is_wildcard(&id));
}
END_TEST

START_TEST(node_id_arithmetic_wraps_around_the_ring)
{
	struct node_id zero = id_of(ZERO), one = id_of(ONE), top = id_of(TOP), half = id_of(HALF), x;

	x = node_id_next(&top);
	ck_assert(node_id_equal(&x, &zero));
	x = node_id_add_power(&half, 127);
	ck_assert(node_id_equal(&x, &zero));
	x = node_id_add_power(&zero, 0);
	ck_assert(node_id_equal(&x, &one));
	x = node_id_add_power(&zero, 127);
	ck_assert(node_id_equal(&x, &half));
	x = id_of("0000000000000000ffffffffffffffff");
	x = node_id_add_power(&x, 0);
	ck_assert_int_eq(x.bytes[7], 1);
	ck_assert_int_eq(x.bytes[15], 0);
	x = node_id_subtract(&zero, &one);
	ck_assert(node_id_equal(&x, &top));
	x = node_id_subtract(&one, &top);
	ck_assert_int_eq(x.bytes[15], 2);
}
END_TEST

START_TEST(node_id_compares_as_an_unsigned_number)
{
	struct node_id one = id_of(ONE), top = id_of(TOP), half = id_of(HALF);

	ck_assert_int_lt(node_id_compare(&one, &half), 0);
	ck_assert_int_lt(node_id_compare(&half, &top), 0);
	ck_assert_int_gt(node_id_compare(&top, &one), 0);
	ck_assert_int_eq(node_id_compare(&top, &NODE_ID_WILDCARD), 0);
}
END_TEST

START_TEST(node_id_range_is_open_below_and_closed_above)
{
	struct node_id zero = id_of(ZERO), one = id_of(ONE), two = id_of(TWO), top = id_of(TOP);

	ck_assert(node_id_in_range(&two, &one, &two));
	ck_assert(!node_id_in_range(&one, &one, &two));
	ck_assert(!node_id_in_range(&zero, &one, &two));
	ck_assert(node_id_in_range(&zero, &top, &one));
	ck_assert(node_id_in_range(&one, &top, &one));
	ck_assert(!node_id_in_range(&two, &top, &one));
	ck_assert(!node_id_in_range(&top, &top, &one));
	/* The whole ring when both ends meet. */
	ck_assert(node_id_in_range(&zero, &two, &two));
	ck_assert(node_id_in_range(&two, &two, &two));
}
END_TEST

START_TEST(node_id_between_excludes_both_ends)
{
	struct node_id zero = id_of(ZERO), one = id_of(ONE), two = id_of(TWO), top = id_of(TOP);

	ck_assert(node_id_between(&one, &zero, &two));
	ck_assert(!node_id_between(&zero, &zero, &two));
	ck_assert(!node_id_between(&two, &zero, &two));
	ck_assert(node_id_between(&zero, &top, &one));
	ck_assert(!node_id_between(&one, &one, &two));
	ck_assert(!node_id_between(&two, &one, &two));
	ck_assert(node_id_between(&one, &two, &two));
	ck_assert(!node_id_between(&two, &two, &two));
}
END_TEST

START_TEST(node_id_share_is_parts_per_billion)
{
	struct node_id zero = id_of(ZERO), one = id_of(ONE), top = id_of(TOP), half = id_of(HALF),
		       quarter = id_of("40000000000000000000000000000000");

	ck_assert_uint_eq(node_id_share_ppb(&zero, &half), 500000000);
	ck_assert_uint_eq(node_id_share_ppb(&half, &zero), 500000000);
	ck_assert_uint_eq(node_id_share_ppb(&half, &quarter), 750000000);
	ck_assert_uint_eq(node_id_share_ppb(&zero, &one), 0);
	ck_assert_uint_eq(node_id_share_ppb(&zero, &top), 999999999);
	ck_assert_uint_eq(node_id_share_ppb(&one, &one), 1000000000);
}
END_TEST

START_TEST(node_id_text_and_parse_are_inverse)
{
	char text[NODE_ID_TEXT_SIZE], resource_text[RESOURCE_ID_TEXT_SIZE];
	struct node_id id = id_of("00112233445566778899aAbBcCdDeEfF"), back;
	struct resource_id resource = resource_id_from_node_id(&id);

	ck_assert_str_eq(node_id_text(&id, text), "00112233445566778899aabbccddeeff");
	ck_assert_str_eq(resource_id_text(&resource, resource_text), text);
	ck_assert_int_eq(node_id_from_resource_id(&resource, &back), 0);
	ck_assert(node_id_equal(&id, &back));
	resource.length = 15;
	ck_assert_int_eq(node_id_from_resource_id(&resource, &back), ERR_MALFORMED);
	ck_assert_int_eq(node_id_parse("", &back), ERR_MALFORMED);
	ck_assert_int_eq(node_id_parse("0", &back), ERR_MALFORMED);
	ck_assert_int_eq(node_id_parse("00112233445566778899aabbccddeef", &back), ERR_MALFORMED);
	ck_assert_int_eq(node_id_parse("00112233445566778899aabbccddeefff", &back), ERR_MALFORMED);
	ck_assert_int_eq(node_id_parse("0011223344556677 899aabbccddeeff", &back), ERR_MALFORMED);
	ck_assert(node_id_equal(&id, &back));
}
END_TEST

START_TEST(resource_id_equal_compares_length_and_bytes)
{
	struct resource_id a, b;

	ck_assert_int_eq(resource_id_from_slice(slice_text("ab"), &a), 0);
	ck_assert_int_eq(resource_id_from_slice(slice_text("abc"), &b), 0);
	ck_assert(!resource_id_equal(&a, &b));
	ck_assert_int_eq(resource_id_from_slice(slice_text("ab"), &b), 0);
	ck_assert(resource_id_equal(&a, &b));
}
END_TEST

int main(void)
{
	return RUN_TESTS("node_id", resource_id_encodes_as_in_the_rfc, resource_id_has_at_most_254_bytes,
			 node_id_list_round_trips_and_counts_whole_ids,
			 node_id_list_beyond_the_arena_is_a_limit, node_id_zero_is_never_on_the_wire,
			 node_id_arithmetic_wraps_around_the_ring, node_id_compares_as_an_unsigned_number,
			 node_id_range_is_open_below_and_closed_above,
			 node_id_between_excludes_both_ends, node_id_share_is_parts_per_billion,
			 node_id_text_and_parse_are_inverse, resource_id_equal_compares_length_and_bytes);
}
