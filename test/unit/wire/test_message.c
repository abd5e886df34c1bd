/* SPDX-License-Identifier: MIT */
/* Tests of message.c. */
#include "overlay/wire/message.h"

#include "overlay/wire/method.h"
#include "test/unit/wire/codec.h"
#include "test/unit/wire/sample.h"

static void *get_contents(struct reader *r, struct arena *a)
{
	struct message_contents *c = arena_alloc(a, sizeof(*c));

	message_contents_get(r, a, c);
	return reader_finish(r) == 0 ? c : NULL;
}

static void put_contents(struct writer *w, const void *x)
{
	message_contents_put(w, x);
}

static const struct round_trip codec = { get_contents, put_contents, true };

START_TEST(message_contents_encode_code_body_extensions)
{
	CODEC_CHECK(&codec, 0x00, 0x17, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0);
	CODEC_CHECK(&codec, 0x00, 0x01, 0, 0, 0, 0, 0, 0, 0, 9, 0x12, 0x34, 1, 0, 0, 0, 2, 0xaa, 0xbb);
	CODEC_CHECK(&codec, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0);
	CODEC_CHECK(&codec, 0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0, 0);
}
END_TEST

START_TEST(message_contents_reject_reserved_codes_and_odd_booleans)
{
	CODEC_REFUSES(&codec, ERR_MALFORMED, 0x00, 0x00, 0, 0, 0, 0, 0, 0, 0, 0);
	CODEC_REFUSES(&codec, ERR_MALFORMED, 0x80, 0x00, 0, 0, 0, 0, 0, 0, 0, 0);
	CODEC_REFUSES(&codec, ERR_MALFORMED, 0xff, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0);
	CODEC_REFUSES(&codec, ERR_MALFORMED, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1, 2, 0, 0, 0, 0);
	CODEC_REFUSES(&codec, ERR_TRUNCATED, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1, 1, 0, 0, 0, 1);
	CODEC_REFUSES(&codec, ERR_TRUNCATED, 0, 1, 0xff, 0xff, 0xff, 0xff, 0);
}
END_TEST

START_TEST(message_contents_limit_extensions)
{
	uint8_t bytes[10 + 7 * 33] = { 0, 1, 0, 0, 0, 0, 0, 0, 0, 7 * 32 };

	codec_check(&codec, slice_of(bytes, 10 + 7 * 32));
	bytes[9] = 7 * 33;
	codec_refuses(&codec, slice_of(bytes, sizeof(bytes)), ERR_LIMIT);
}
END_TEST

START_TEST(message_keeps_the_bytes_that_were_signed)
{
	struct sample s;
	struct slice bytes;
	struct message m;
	struct writer w;
	uint8_t contents[4096];

	sample_init(&s, 3);
	bytes = sample_message_bytes(&s, 0x18);
	ck_assert_int_eq(message_get(bytes, &s.arena, &m), 0);
	ck_assert_uint_eq(m.header.length, bytes.len);
	ck_assert_ptr_eq(m.header_bytes.data, bytes.data);
	ck_assert_uint_eq(m.header_bytes.len, forwarding_header_size(&m.header));
	ck_assert_ptr_eq(m.contents_bytes.data, bytes.data + m.header_bytes.len);
	w = writer_of(contents, sizeof(contents));
	message_contents_put(&w, &m.contents);
	ck_assert(slice_equal(writer_slice(&w), m.contents_bytes));
	sample_free(&s);
}
END_TEST

START_TEST(message_rejects_a_length_other_than_its_own)
{
	struct sample s;
	struct slice bytes;
	struct message m;
	uint8_t *copy;

	sample_init(&s, 4);
	bytes = sample_message_bytes(&s, 0x17);
	copy = arena_alloc(&s.arena, bytes.len);
	memcpy(copy, bytes.data, bytes.len);
	copy[19]++;
	ck_assert_int_eq(message_get(slice_of(copy, bytes.len), &s.arena, &m), ERR_MALFORMED);
	copy[19]--;
	ck_assert_int_eq(message_get(slice_of(copy, bytes.len), &s.arena, &m), 0);
	sample_free(&s);
}
END_TEST

START_TEST(message_fails_cleanly_with_any_smaller_arena)
{
	struct sample s;
	struct message original, m;
	uint8_t bytes[8192];
	struct writer w = writer_of(bytes, sizeof(bytes));
	bool decoded = false;

	sample_init(&s, 5);
	original = sample_message(&s, 0x17);
	original.contents.extension_count = 1;
	original.security.certificates.count = 2;
	message_put(&w, &original);
	for (size_t cap = 0; cap < 1000; cap += 16) {
		struct arena a;
		int err;

		arena_init(&a, cap);
		err = message_get(writer_slice(&w), &a, &m);
		ck_assert(err == 0 || err == ERR_LIMIT);
		ck_assert(err == 0 || !decoded);
		decoded = err == 0;
		arena_free(&a);
	}
	ck_assert(decoded);
	sample_free(&s);
}
END_TEST

START_TEST(message_put_appends_to_what_is_written)
{
	struct sample s;
	struct message m;
	uint8_t bytes[8192];
	struct writer w = writer_of(bytes, sizeof(bytes));

	sample_init(&s, 6);
	m = sample_message(&s, 0x01);
	writer_u64(&w, 0);
	message_put(&w, &m);
	ck_assert_int_eq(w.err, 0);
	ck_assert_int_eq(message_get(slice_of(bytes + 8, w.len - 8), &s.arena, &m), 0);
	ck_assert_uint_eq(m.header.length, w.len - 8);
	sample_free(&s);
}
END_TEST

START_TEST(kind_id_list_counts_whole_kinds)
{
	static const uint8_t good[] = { 8, 0, 0, 0, 1, 0, 0, 0, 0x10 }, bad[] = { 5, 0, 0, 0, 1, 0 };
	struct reader r = reader_of(slice_of(good, sizeof(good)));
	uint8_t out[300];
	struct writer w = writer_of(out, sizeof(out));
	uint32_t *kinds, many[64] = { 0 };
	struct arena a;
	size_t count;

	arena_init(&a, 1000);
	ck_assert_int_eq(kind_id_list_get(&r, &a, &kinds, &count), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(kinds[1], 0x10);
	kind_id_list_put(&w, kinds, count);
	ck_assert(slice_equal(writer_slice(&w), slice_of(good, sizeof(good))));
	r = reader_of(slice_of(bad, sizeof(bad)));
	ck_assert_int_ne(kind_id_list_get(&r, &a, &kinds, &count), 0);
	kind_id_list_put(&w, many, 64);
	ck_assert_int_eq(w.err, ERR_LIMIT);
	arena_free(&a);
}
END_TEST

int main(void)
{
	return RUN_TESTS("message", message_contents_encode_code_body_extensions,
			 message_contents_reject_reserved_codes_and_odd_booleans,
			 message_contents_limit_extensions, message_keeps_the_bytes_that_were_signed,
			 message_rejects_a_length_other_than_its_own,
			 message_fails_cleanly_with_any_smaller_arena,
			 message_put_appends_to_what_is_written, kind_id_list_counts_whole_kinds);
}
