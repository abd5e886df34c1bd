/* SPDX-License-Identifier: MIT */
/* Tests of reader.c. */
#include "overlay/base/reader.h"

#include "test/unit/run.h"

static const uint8_t bytes_1_to_18[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18 };

START_TEST(reader_reads_big_endian)
{
	struct reader r = reader_of(slice_of(bytes_1_to_18, sizeof(bytes_1_to_18)));

	ck_assert_uint_eq(reader_u8(&r), 0x01);
	ck_assert_uint_eq(reader_u16(&r), 0x0203);
	ck_assert_uint_eq(reader_u24(&r), 0x040506);
	ck_assert_uint_eq(reader_u32(&r), 0x0708090a);
	ck_assert_uint_eq(reader_u64(&r), 0x0b0c0d0e0f101112);
	ck_assert_int_eq(reader_finish(&r), 0);
}
END_TEST

START_TEST(reader_fails_once_and_gives_zeroes_after)
{
	struct reader r = reader_of(slice_of(bytes_1_to_18, 3));
	uint8_t out[4] = { 9, 9, 9, 9 };

	ck_assert_uint_eq(reader_u32(&r), 0);
	ck_assert_int_eq(r.err, ERR_TRUNCATED);
	ck_assert(!reader_more(&r));
	ck_assert_uint_eq(reader_u8(&r), 0);
	ck_assert_uint_eq(reader_u64(&r), 0);
	ck_assert_uint_eq(reader_opaque16(&r).len, 0);
	reader_copy(&r, out, sizeof(out));
	ck_assert_uint_eq(out[0] | out[3], 0);
	ck_assert_int_eq(reader_fail(&r, ERR_MALFORMED), ERR_TRUNCATED);
	ck_assert_int_eq(reader_finish(&r), ERR_TRUNCATED);
}
END_TEST

START_TEST(reader_finish_rejects_bytes_left_over)
{
	struct reader r = reader_of(slice_of(bytes_1_to_18, 2));

	reader_u8(&r);
	ck_assert_int_eq(reader_finish(&r), ERR_TRAILING);
}
END_TEST

START_TEST(reader_bool_rejects_other_than_0_and_1)
{
	static const uint8_t bytes[] = { 0, 1, 2 };
	struct reader r = reader_of(slice_of(bytes, sizeof(bytes)));

	ck_assert(!reader_bool(&r));
	ck_assert(reader_bool(&r));
	ck_assert_int_eq(r.err, 0);
	ck_assert(!reader_bool(&r));
	ck_assert_int_eq(r.err, ERR_MALFORMED);
}
END_TEST

START_TEST(reader_accepts_empty_input_without_an_address)
{
	struct reader r = reader_of(SLICE_EMPTY);

	ck_assert_uint_eq(reader_bytes(&r, 0).len, 0);
	reader_copy(&r, NULL, 0);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(reader_u8(&r), 0);
	ck_assert_int_eq(reader_finish(&r), ERR_TRUNCATED);
}
END_TEST

START_TEST(reader_opaque_borrows_what_its_prefix_says)
{
	static const uint8_t bytes[] = { 1, 'a', 0, 1, 'b', 0, 0, 1, 'c', 0, 0, 0, 1, 'd' };
	struct reader r = reader_of(slice_of(bytes, sizeof(bytes)));

	ck_assert(slice_equal(reader_opaque8(&r), slice_text("a")));
	ck_assert(slice_equal(reader_opaque16(&r), slice_text("b")));
	ck_assert(slice_equal(reader_opaque24(&r), slice_text("c")));
	ck_assert(slice_equal(reader_opaque32(&r), slice_text("d")));
	ck_assert_int_eq(reader_finish(&r), 0);
}
END_TEST

START_TEST(reader_sub_confines_and_join_reports)
{
	static const uint8_t bytes[] = { 2, 0xaa, 0xbb, 0xcc };
	struct reader r = reader_of(slice_of(bytes, sizeof(bytes)));
	struct reader inner = reader_sub8(&r);

	ck_assert_uint_eq(reader_left(&inner), 2);
	ck_assert_uint_eq(reader_left(&r), 1);
	ck_assert_uint_eq(reader_u8(&inner), 0xaa);
	reader_join(&r, &inner);
	ck_assert_int_eq(r.err, ERR_TRAILING);

	r = reader_of(slice_of(bytes, sizeof(bytes)));
	inner = reader_sub8(&r);
	ck_assert_uint_eq(reader_u24(&inner), 0);
	ck_assert_int_eq(inner.err, ERR_TRUNCATED);
	ck_assert_int_eq(r.err, 0);
	reader_join(&r, &inner);
	ck_assert_int_eq(r.err, ERR_TRUNCATED);
}
END_TEST

START_TEST(reader_sub_of_a_failed_reader_carries_its_error)
{
	static const uint8_t bytes[] = { 0, 0, 0, 9, 1 };
	struct reader r = reader_of(slice_of(bytes, sizeof(bytes)));
	struct reader inner = reader_sub32(&r);

	ck_assert(!reader_more(&inner));
	ck_assert_int_eq(inner.err, ERR_TRUNCATED);
	ck_assert_int_eq(r.err, ERR_TRUNCATED);
	inner = reader_sub16(&r);
	ck_assert_int_eq(inner.err, ERR_TRUNCATED);
	inner = reader_sub24(&r);
	ck_assert_int_eq(inner.err, ERR_TRUNCATED);
}
END_TEST

int main(void)
{
	return RUN_TESTS("reader", reader_reads_big_endian, reader_fails_once_and_gives_zeroes_after,
			 reader_finish_rejects_bytes_left_over, reader_bool_rejects_other_than_0_and_1,
			 reader_accepts_empty_input_without_an_address,
			 reader_opaque_borrows_what_its_prefix_says,
			 reader_sub_confines_and_join_reports,
			 reader_sub_of_a_failed_reader_carries_its_error);
}
