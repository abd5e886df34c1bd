/* SPDX-License-Identifier: MIT */
/* Tests of writer.c. */
#include "overlay/base/writer.h"

#include "test/unit/run.h"

START_TEST(writer_writes_big_endian)
{
	static const uint8_t expected[] = { 1,  2,  3,  4,  5,  6,  7,  8,  9, 10,
					    11, 12, 13, 14, 15, 16, 17, 18, 1, 0 };
	uint8_t buffer[sizeof(expected)];
	struct writer w = writer_of(buffer, sizeof(buffer));

	writer_u8(&w, 0x01);
	writer_u16(&w, 0x0203);
	writer_u24(&w, 0x040506);
	writer_u32(&w, 0x0708090a);
	writer_u64(&w, 0x0b0c0d0e0f101112);
	writer_bool(&w, true);
	writer_bool(&w, false);
	ck_assert_int_eq(w.err, 0);
	ck_assert(slice_equal(writer_slice(&w), slice_of(expected, sizeof(expected))));
}
END_TEST

START_TEST(writer_fails_once_full_and_stays_failed)
{
	uint8_t buffer[4] = { 0 };
	struct writer w = writer_of(buffer, 3);

	writer_u16(&w, 0x0102);
	writer_u16(&w, 0x0304);
	ck_assert_int_eq(w.err, ERR_LIMIT);
	ck_assert_uint_eq(writer_slice(&w).len, 0);
	writer_u8(&w, 5);
	ck_assert_uint_eq(w.len, 2);
	ck_assert_uint_eq(buffer[2], 0);
	writer_fail(&w, ERR_MALFORMED);
	ck_assert_int_eq(w.err, ERR_LIMIT);
}
END_TEST

START_TEST(writer_opaque_rejects_what_its_prefix_cannot_count)
{
	static uint8_t buffer[70000], bytes[70000];
	struct writer w = writer_of(buffer, sizeof(buffer));

	writer_opaque8(&w, slice_of(bytes, 255));
	ck_assert_int_eq(w.err, 0);
	ck_assert_uint_eq(w.len, 256);
	writer_opaque8(&w, slice_of(bytes, 256));
	ck_assert_int_eq(w.err, ERR_LIMIT);

	w = writer_of(buffer, sizeof(buffer));
	writer_opaque16(&w, slice_of(bytes, 65536));
	ck_assert_int_eq(w.err, ERR_LIMIT);

	w = writer_of(buffer, sizeof(buffer));
	writer_opaque24(&w, slice_of(bytes, 65536));
	ck_assert_int_eq(w.err, 0);
	ck_assert_uint_eq(buffer[0], 1);

	w = writer_of(buffer, sizeof(buffer));
	writer_opaque32(&w, SLICE_EMPTY);
	ck_assert_uint_eq(w.len, 4);
	writer_u24(&w, 0x1000000);
	ck_assert_int_eq(w.err, ERR_LIMIT);
}
END_TEST

START_TEST(writer_end_fills_in_the_length)
{
	static const uint8_t expected[] = { 10, 0, 8, 0, 0, 5, 0, 0, 0, 1, 0x77 };
	uint8_t buffer[32];
	struct writer w = writer_of(buffer, sizeof(buffer));
	size_t a = writer_begin8(&w), b = writer_begin16(&w), c = writer_begin24(&w),
	       d = writer_begin32(&w);

	writer_u8(&w, 0x77);
	writer_end32(&w, d);
	writer_end24(&w, c);
	writer_end16(&w, b);
	writer_end8(&w, a);
	ck_assert_int_eq(w.err, 0);
	ck_assert(slice_equal(writer_slice(&w), slice_of(expected, sizeof(expected))));
}
END_TEST

START_TEST(writer_end_rejects_more_than_its_prefix_counts)
{
	static uint8_t buffer[70000], bytes[70000];
	struct writer w = writer_of(buffer, sizeof(buffer));
	size_t place = writer_begin8(&w);

	writer_bytes(&w, slice_of(bytes, 256));
	writer_end8(&w, place);
	ck_assert_int_eq(w.err, ERR_LIMIT);
	w = writer_of(buffer, sizeof(buffer));
	place = writer_begin16(&w);
	writer_bytes(&w, slice_of(bytes, 65535));
	writer_end16(&w, place);
	ck_assert_int_eq(w.err, 0);
	w = writer_of(buffer, 1);
	place = writer_begin16(&w);
	writer_end16(&w, place);
	ck_assert_int_eq(w.err, ERR_LIMIT);
}
END_TEST

START_TEST(writer_patch_overwrites_four_bytes)
{
	uint8_t buffer[8];
	struct writer w = writer_of(buffer, sizeof(buffer));

	writer_u64(&w, 0);
	writer_patch_u32(&w, 2, 0x01020304);
	ck_assert_uint_eq(buffer[2], 1);
	ck_assert_uint_eq(buffer[5], 4);
	ck_assert_uint_eq(buffer[6], 0);
	ck_assert_uint_eq(w.len, 8);
}
END_TEST

int main(void)
{
	return RUN_TESTS("writer", writer_writes_big_endian, writer_fails_once_full_and_stays_failed,
			 writer_opaque_rejects_what_its_prefix_cannot_count,
			 writer_end_fills_in_the_length, writer_end_rejects_more_than_its_prefix_counts,
			 writer_patch_overwrites_four_bytes);
}
