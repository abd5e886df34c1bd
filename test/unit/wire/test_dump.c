/* SPDX-License-Identifier: MIT */
/* Tests of dump.c and its parts: one message of each method, and messages that do not decode. */
#include "overlay/wire/dump.h"

#include <stdio.h>

#include "overlay/wire/frame.h"
#include "overlay/wire/method.h"
#include "test/unit/wire/codec.h"
#include "test/unit/wire/sample.h"

static char text[1 << 20];
static size_t text_len;

static void collect(void *ctx, const char *line)
{
	size_t len = strlen(line);

	ck_assert_ptr_eq(ctx, text);
	ck_assert_uint_gt(len, 0);
	ck_assert_int_eq(line[len - 1], '\n');
	ck_assert_uint_lt(text_len + len, sizeof(text));
	memcpy(text + text_len, line, len + 1);
	text_len += len;
}

static int dump(struct slice bytes)
{
	text_len = 0;
	return dump_message(bytes, NULL, collect, text);
}

static void dump_code(uint16_t code, const char *expected)
{
	for (uint64_t seed = 0; seed < 10; seed++) {
		struct sample s;
		char name[64];

		sample_init(&s, seed);
		ck_assert_int_eq(dump(sample_message_bytes(&s, code)), 0);
		snprintf(name, sizeof(name), "message_code: 0x%x %s\n", code, message_code_name(code));
		ck_assert_msg(strstr(text, name) != NULL, "no '%s' in:\n%s", name, text);
		if (expected != NULL)
			ck_assert_msg(strstr(text, expected) != NULL, "no '%s' in:\n%s", expected, text);
		ck_assert_ptr_nonnull(strstr(text, "ForwardingHeader\n  relo_token: 0xd2454c4f\n"));
		ck_assert_ptr_nonnull(strstr(text, "SecurityBlock\n  certificates: "));
		ck_assert_ptr_null(strstr(text, "stopped in"));
		sample_free(&s);
	}
}

START_TEST(dump_prints_every_method)
{
	static const char *const expected[METHOD_COUNT][2] = {
		[METHOD_PROBE] = { "ProbeReq\n    requested_info: ", "ProbeAns\n    probe_info: " },
		[METHOD_ATTACH] = { "role: \"passive\"", "candidates: " },
		[METHOD_STORE] = { "StoreReq\n    resource: ", "StoreAns\n    kind_responses: " },
		[METHOD_FETCH] = { "FetchReq\n    resource: ", "FetchAns\n    kind_responses: " },
		[METHOD_FIND] = { "FindReq\n    resource: ", "FindAns\n    results: " },
		[METHOD_JOIN] = { "joining_peer_id: ", "overlay_specific_data: " },
		[METHOD_LEAVE] = { "ChordLeaveData\n", "LeaveAns\n" },
		[METHOD_UPDATE] = { "ChordUpdate\n    uptime: 3600\n", "UpdateAns\n" },
		[METHOD_ROUTE_QUERY] = { "send_update: ", "next_peer: " },
		[METHOD_PING] = { "padding: ", "time: 1700000000123 (2023-11-14T22:13:20.123Z)" },
		[METHOD_STAT] = { "StatReq\n    resource: ", "StatAns\n    kind_responses: " },
		[METHOD_APP_ATTACH] = { "application: 5060\n", "AppAttachAns\n" },
		[METHOD_CONFIG_UPDATE] = { "ConfigUpdateReq\n    type: ", "ConfigUpdateAns\n" },
		[METHOD_EXP_A] = { "HipPacket\n      packet_type: 1 I1\n", "HipCarryAns\n    outcome: " },
		[METHOD_EXP_B] = { "InspectReq\n", "version: \"peald 0.1.0\"" },
	};

	for (int m = 0; m < METHOD_COUNT; m++) {
		dump_code(method_request_code((enum method)m), expected[m][0]);
		dump_code(method_answer_code((enum method)m), expected[m][1]);
	}
	dump_code(MESSAGE_CODE_ERROR, "ErrorResponse\n    error_code: 0x");
}
END_TEST

START_TEST(dump_does_not_show_ice_passwords)
{
	struct sample s;

	sample_init(&s, 1);
	ck_assert_int_eq(dump(sample_message_bytes(&s, 0x03)), 0);
	ck_assert_ptr_nonnull(strstr(text, "bytes, not shown"));
	sample_free(&s);
}
END_TEST

START_TEST(dump_of_every_truncation_says_where_it_stopped)
{
	struct sample s;
	struct slice bytes;

	sample_init(&s, 2);
	bytes = sample_message_bytes(&s, 0x07);
	for (size_t len = 0; len < bytes.len; len++) {
		char place[64];

		ck_assert_int_ne(dump(slice_of(bytes.data, len)), 0);
		snprintf(place, sizeof(place), " of %zu: ", len);
		ck_assert_msg(strstr(text, "stopped in ") != NULL && strstr(text, place) != NULL,
			      "length %zu:\n%s", len, text);
	}
	sample_free(&s);
}
END_TEST

/* A PingReq with two bytes too many in its body, unsigned. */
static const uint8_t broken[] = {
	0xd2, 0x45, 0x4c, 0x4f, 0, 0, 0, 1, 0, 1, 10, 100, 0xc0, 0, 0, 0, 0, 0, 0, 61,
	0,    0,    0,	  0,	0, 0, 0, 1, 0, 0, 0,  0,   0,	 0, 0, 2, 0, 0,
	0x80, 1,                            /* destination_list, from byte 38 */
	0,    0x17, 0,    0,    0, 4,       /* code and length of the body */
	0,    0,    9,    9,                /* the body, from byte 46 */
	0,    0,    0,    0,                /* extensions */
	0,    0,    0,    0,    3, 0, 0, 0, 0, /* certificates and signature */
};

START_TEST(dump_names_the_byte_where_a_body_fails)
{
	uint8_t bytes[sizeof(broken)];

	memcpy(bytes, broken, sizeof(broken));
	bytes[19] = sizeof(broken);
	ck_assert_int_eq(dump(slice_of(bytes, sizeof(bytes))), ERR_TRAILING);
	ck_assert_msg(strstr(text, "stopped in PingReq at byte 48 of 63: bytes left over") != NULL,
		      "%s", text);
	/* What follows the body is printed all the same. */
	ck_assert_ptr_nonnull(strstr(text, "SecurityBlock\n"));
	bytes[19]--;
	bytes[45] = 2;
	ck_assert_int_ne(dump(slice_of(bytes, sizeof(bytes))), 0);
}
END_TEST

START_TEST(dump_of_a_fragment_shows_it_as_bytes)
{
	uint8_t bytes[sizeof(broken)];

	memcpy(bytes, broken, sizeof(broken));
	bytes[12] = 0x80;
	ck_assert_int_eq(dump(slice_of(bytes, sizeof(bytes))), 0);
	ck_assert_ptr_nonnull(strstr(text, "fragment of a message: 23 bytes"));
}
END_TEST

START_TEST(dump_frames_goes_on_until_a_frame_is_broken)
{
	uint8_t bytes[4096];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct sample s;

	sample_init(&s, 8);
	frame_put(&w, &(struct frame){ .type = FRAME_ACK, .sequence = 5, .received = 3 });
	frame_put(&w, &(struct frame){ .type = FRAME_DATA, .sequence = 6,
				       .message = sample_message_bytes(&s, 0x18) });
	text_len = 0;
	ck_assert_int_eq(dump_frames(writer_slice(&w), NULL, collect, text), 0);
	ck_assert_ptr_nonnull(strstr(text,
		      "FramedMessage at byte 0: ack, ack_sequence 5, received 0x00000003\n"));
	ck_assert_ptr_nonnull(strstr(text, "FramedMessage at byte 9: data, sequence 6, message "));
	ck_assert_ptr_nonnull(strstr(text, "PingAns\n"));
	text_len = 0;
	writer_u8(&w, 7);
	ck_assert_int_eq(dump_frames(writer_slice(&w), NULL, collect, text), ERR_MALFORMED);
	ck_assert_ptr_nonnull(strstr(text, "stopped in FramedMessage at byte "));
	text_len = 0;
	ck_assert_int_eq(dump_frames(slice_of(bytes, 5), NULL, collect, text), ERR_TRUNCATED);
	sample_free(&s);
}
END_TEST

static uint8_t no_model(uint32_t kind)
{
	(void)kind;
	return 0;
}

START_TEST(dump_of_unknown_kinds_shows_bytes)
{
	struct sample s;
	struct slice bytes;

	sample_init(&s, 9);
	do
		bytes = sample_message_bytes(&s, 0x07);
	while (dump(bytes) == 0 && strstr(text, "StoredData\n") == NULL);
	text_len = 0;
	ck_assert_int_eq(dump_message(bytes, no_model, collect, text), 0);
	ck_assert_ptr_null(strstr(text, "StoredData\n"));
	sample_free(&s);
}
END_TEST

int main(void)
{
	return RUN_TESTS("dump", dump_prints_every_method, dump_does_not_show_ice_passwords,
			 dump_of_every_truncation_says_where_it_stopped,
			 dump_names_the_byte_where_a_body_fails, dump_of_a_fragment_shows_it_as_bytes,
			 dump_frames_goes_on_until_a_frame_is_broken, dump_of_unknown_kinds_shows_bytes);
}
