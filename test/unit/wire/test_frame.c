/* SPDX-License-Identifier: MIT */
/* Tests of frame.c. */
#include "overlay/wire/frame.h"

#include "test/unit/wire/codec.h"

static void *get_frame(struct reader *r, struct arena *a)
{
	struct frame *f = arena_alloc(a, sizeof(*f));

	frame_get(r, f);
	return reader_finish(r) == 0 ? f : NULL;
}

static void put_frame(struct writer *w, const void *x)
{
	frame_put(w, x);
}

static const struct round_trip codec = { get_frame, put_frame, true };

START_TEST(frame_encodes_as_in_the_rfc)
{
	/* RFC 6940 6.6.2: data(128), sequence, message<0..2^24-1>; ack(129), ack_sequence, received */
	CODEC_CHECK(&codec, 0x80, 0, 0, 0, 5, 0, 0, 3, 'a', 'b', 'c');
	CODEC_CHECK(&codec, 0x80, 0xff, 0xff, 0xff, 0xff, 0, 0, 0);
	CODEC_CHECK(&codec, 0x81, 0, 0, 0, 5, 0, 0, 0, 3);
	CODEC_REFUSES(&codec, ERR_MALFORMED, 0x82, 0, 0, 0, 5, 0, 0, 0, 3);
	CODEC_REFUSES(&codec, ERR_MALFORMED, 0x00, 0, 0, 0, 5, 0, 0, 0, 3);
}
END_TEST

START_TEST(frame_cut_takes_one_frame_at_a_time)
{
	static const uint8_t stream[] = { 0x80, 0, 0, 0, 5, 0, 0, 3, 'a', 'b', 'c',
					  0x81, 0, 0, 0, 5, 0, 0, 0, 3,
					  0x80, 0, 0, 0, 6, 0, 0, 1, 'd' };
	struct frame f;
	size_t taken = 0;

	for (size_t len = 0; len < 11; len++)
		ck_assert_int_eq(frame_cut(slice_of(stream, len), 100, &f, &taken), 0);
	ck_assert_int_eq(frame_cut(slice_of(stream, sizeof(stream)), 100, &f, &taken), 1);
	ck_assert_uint_eq(taken, 11);
	ck_assert_uint_eq(f.type, FRAME_DATA);
	ck_assert_uint_eq(f.sequence, 5);
	ck_assert(slice_equal(f.message, slice_text("abc")));
	for (size_t len = 11; len < 20; len++)
		ck_assert_int_eq(frame_cut(slice_of(stream + 11, len - 11), 100, &f, &taken), 0);
	ck_assert_int_eq(frame_cut(slice_of(stream + 11, sizeof(stream) - 11), 100, &f, &taken), 1);
	ck_assert_uint_eq(taken, FRAME_ACK_SIZE);
	ck_assert_uint_eq(f.type, FRAME_ACK);
	ck_assert_uint_eq(f.received, 3);
	ck_assert_int_eq(frame_cut(slice_of(stream + 20, sizeof(stream) - 20), 100, &f, &taken), 1);
	ck_assert_uint_eq(f.sequence, 6);
	ck_assert_uint_eq(taken, 9);
}
END_TEST

START_TEST(frame_cut_rejects_unknown_types_at_the_first_byte)
{
	static const uint8_t stream[] = { 0x16, 3, 3 };
	struct frame f;
	size_t taken;

	ck_assert_int_eq(frame_cut(slice_of(stream, 1), 100, &f, &taken), ERR_MALFORMED);
}
END_TEST

START_TEST(frame_cut_rejects_large_messages_before_they_arrive)
{
	static const uint8_t stream[] = { 0x80, 0, 0, 0, 5, 0, 0, 101 };
	struct frame f;
	size_t taken;

	ck_assert_int_eq(frame_cut(slice_of(stream, 8), 100, &f, &taken), ERR_MESSAGE_TOO_LARGE);
	ck_assert_int_eq(frame_cut(slice_of(stream, 8), 101, &f, &taken), 0);
	ck_assert_int_eq(frame_cut(slice_of(stream, 7), 100, &f, &taken), 0);
}
END_TEST

START_TEST(frame_data_header_is_what_stands_before_the_message)
{
	static const uint8_t expected[] = { 0x80, 1, 2, 3, 4, 0x01, 0x00, 0x02 };
	uint8_t out[FRAME_DATA_HEADER];
	struct writer w = writer_of(out, sizeof(out));

	frame_data_header_put(&w, 0x01020304, 65538);
	ck_assert(slice_equal(writer_slice(&w), slice_of(expected, sizeof(expected))));
	w = writer_of(out, sizeof(out));
	frame_data_header_put(&w, 1, 1 << 24);
	ck_assert_int_eq(w.err, ERR_LIMIT);
}
END_TEST

int main(void)
{
	return RUN_TESTS("frame", frame_encodes_as_in_the_rfc, frame_cut_takes_one_frame_at_a_time,
			 frame_cut_rejects_unknown_types_at_the_first_byte,
			 frame_cut_rejects_large_messages_before_they_arrive,
			 frame_data_header_is_what_stands_before_the_message);
}
