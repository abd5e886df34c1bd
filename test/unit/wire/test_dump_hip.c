/* SPDX-License-Identifier: MIT */
/* Tests of dump_hip.c: values of Kind HIP-RVS, and packets that are none. (HIP_CARRY is in test_dump.c.) */
#include "overlay/wire/dump.h"

#include "overlay/wire/body_data.h"
#include "overlay/wire/hip_parameter.h"
#include "overlay/wire/hip_record.h"
#include "overlay/wire/method.h"
#include "test/unit/wire/codec.h"
#include "test/unit/wire/sample.h"

static char text[1 << 16];
static size_t text_len;

static void collect(void *ctx, const char *line)
{
	ck_assert_ptr_eq(ctx, text);
	ck_assert_uint_lt(text_len + strlen(line), sizeof(text));
	memcpy(text + text_len, line, strlen(line) + 1);
	text_len += strlen(line);
}

static int dump_body(uint16_t code, struct slice body)
{
	static uint8_t bytes[8192];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct message m;
	struct sample s;

	sample_init(&s, 3);
	m = sample_message(&s, code);
	m.contents.body = body;
	message_put(&w, &m);
	sample_free(&s);
	ck_assert_int_eq(w.err, 0);
	text_len = 0;
	return dump_message(writer_slice(&w), NULL, collect, text);
}

static void has(const char *expected)
{
	ck_assert_msg(strstr(text, expected) != NULL, "no '%s' in:\n%s", expected, text);
}

static struct slice i2_of(uint8_t *out, size_t cap)
{
	struct writer w = writer_of(out, cap);
	struct hit sender = { { 0x20, 1, 0, 0x22, [15] = 1 } }, receiver = { { 0x20, 1, 0, 0x21, [15] = 2 } };

	hip_packet_begin(&w, HIP_I2, HIP_CONTROL_ANONYMOUS, &sender, &receiver);
	hip_reg_request_put(&w, &(struct hip_registration){ 119, { .items = { 1 }, .count = 1 } });
	hip_bytes_put(&w, HIP_PARAMETER_HIP_MAC, slice_of(sender.bytes, HIT_LENGTH));
	hip_packet_end(&w);
	return writer_slice(&w);
}

START_TEST(dump_prints_the_value_of_hip_rvs)
{
	uint8_t packet[256], value[512], values[1024], body[2048];
	struct node_id id = { { 7 } };
	struct destination node = destination_of_node(&id);
	struct hip_record record = { .hit = { { 0x20, 1, 0, 0x22, [15] = 1 } }, .flags = HIP_RECORD_RVS, .sequence = 5,
				     .lifetime_s = 120, .destinations = { &node, 1 }, .locator_count = 1,
				     .proof = HIP_PROOF_REGISTRATION, .proof_host_id = slice_text("key"),
				     .proof_packet = i2_of(packet, sizeof(packet)) };
	struct writer value_writer = writer_of(value, sizeof(value));
	struct writer values_writer = writer_of(values, sizeof(values));
	struct writer w = writer_of(body, sizeof(body));
	struct stored_data stored = { .storage_time = 1700000000000, .lifetime = 120,
				      .value = { .model = DATA_MODEL_DICTIONARY, .key = slice_text("edge"),
						 .data.exists = true },
				      .signature.identity.type = SIGNER_NONE };
	struct store_kind_data kind = { .kind = 0xf0000001, .generation_counter = 1 };

	record.locators[0] = (struct address){ .type = ADDRESS_IPV4, .bytes = { 192, 0, 2, 1 }, .port = 10500 };
	hip_record_put(&value_writer, &record);
	stored.value.data.value = writer_slice(&value_writer);
	stored_data_put(&values_writer, &stored);
	kind.values = writer_slice(&values_writer);
	store_req_put(&w, &(struct store_req){ resource_id_from_node_id(&id), 0, &kind, 1 });
	ck_assert_int_eq(dump_body(0x07, writer_slice(&w)), 0);
	has("HipRecord\n");
	has("hit: 2001:22:0:0:0:0:0:1\n");
	has("flags: 0x01 rvs\n");
	has("locator: 192.0.2.1:10500\n");
	has("proof: registration\n");
	has("packet_type: 3 I2\n");
	has("controls: 0x0001 anonymous\n");
	has("parameter: 932 REG_REQUEST, 2 bytes\n");
	has("parameter: 61505 HIP_MAC, 16 bytes\n");
}
END_TEST

START_TEST(dump_shows_a_carried_packet_that_is_not_well_formed)
{
	uint8_t packet[256], body[512];
	struct writer w = writer_of(body, sizeof(body));
	struct hip_carry carry = { .hops = 3, .protocol = HIP_PROTOCOL, .packet = i2_of(packet, sizeof(packet)) };

	packet[3] = 0x11;
	hip_carry_put(&w, &carry);
	ck_assert_int_eq(dump_body(0x23, writer_slice(&w)), 0);
	has("protocol: 139 HIP\n");
	has("source: none\n");
	has("version: 1\n");
	has("not well-formed: not supported\n");
	packet[1] = 3;
	w = writer_of(body, sizeof(body));
	hip_carry_put(&w, &carry);
	ck_assert_int_eq(dump_body(0x23, writer_slice(&w)), 0);
	has("HipPacket: ");
}
END_TEST

START_TEST(dump_names_the_outcome_of_a_carry)
{
	ck_assert_int_eq(dump_body(0x24, slice_of("\1\2", 2)), 0);
	has("outcome: 2 not served here\n");
	ck_assert_int_eq(dump_body(0x24, slice_of("\1\77", 2)), 0);
	has("outcome: 63 unknown\n");
	ck_assert_int_eq(dump_body(0x24, slice_of("\2\1", 2)), ERR_UNSUPPORTED);
	has("stopped in HipCarryAns");
}
END_TEST

int main(void)
{
	return RUN_TESTS("dump_hip", dump_prints_the_value_of_hip_rvs,
			 dump_shows_a_carried_packet_that_is_not_well_formed, dump_names_the_outcome_of_a_carry);
}
