/* SPDX-License-Identifier: MIT */
/* ESP packets with the real ciphers: what is sealed opens, and nothing else does. */
#include "usage/hip/esp.h"

#include "crypto/host_provider.h"
#include "test/unit/run.h"

#define ROOM (ESP_PAYLOAD_MAX + ESP_OVERHEAD_MAX)

static const enum host_esp_suite suites[] = { HOST_ESP_NULL_SHA256, HOST_ESP_AES_128_CBC_SHA256,
					      HOST_ESP_AES_256_CBC_SHA256, HOST_ESP_AES_GCM_8,
					      HOST_ESP_AES_GCM_16 };
#define SUITES (sizeof(suites) / sizeof(suites[0]))

static struct host_provider *provider;
static struct host_security security;
static struct esp_sa sender, receiver;

static void set_up(void)
{
	ck_assert_int_eq(host_provider_generate(&provider, HIT_SUITE_ECDSA), 0);
	security = host_provider_port(provider);
}

static void tear_down(void)
{
	esp_sa_free(&sender);
	esp_sa_free(&receiver);
	host_provider_free(provider);
}

static void sas_make(enum host_esp_suite suite)
{
	struct host_esp_shape shape;
	uint8_t keys[128];

	esp_sa_free(&sender);
	esp_sa_free(&receiver);
	for (size_t i = 0; i < sizeof(keys); i++)
		keys[i] = (uint8_t)(i * 7 + 3);
	ck_assert(host_esp_shape(suite, &shape));
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(esp_sa_init(i == 0 ? &sender : &receiver, &security, suite, 0x12345678,
					     slice_of(keys, shape.key), slice_of(keys + 64, shape.authentication),
					     i == 0), 0);
}

static size_t seal(const void *bytes, size_t len, uint8_t packet[ROOM])
{
	struct writer w = writer_of(packet, ROOM);
	struct slice parts[2] = { slice_of(bytes, len / 3), slice_of((const uint8_t *)bytes + len / 3, len - len / 3) };

	ck_assert_int_eq(esp_seal(&sender, 17, parts, 2, &w), 0);
	return w.len;
}

/* Opens a copy. */
static int try_open(const uint8_t *packet, size_t len, uint8_t *out, size_t *out_len)
{
	uint8_t copy[ROOM], next_header = 0;
	struct slice payload = SLICE_EMPTY;
	int err;

	memcpy(copy, packet, len);
	err = esp_open(&receiver, copy, len, &next_header, &payload);
	if (err == 0) {
		ck_assert_uint_eq(next_header, 17);
		if (out != NULL)
			memcpy(out, payload.data, payload.len);
	}
	if (out_len != NULL)
		*out_len = payload.len;
	return err;
}

START_TEST(payload_returns_for_each_suite_and_length)
{
	uint8_t bytes[ESP_PAYLOAD_MAX], packet[ROOM], out[ROOM];
	size_t len, out_len;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 13);
	for (size_t s = 0; s < SUITES; s++) {
		sas_make(suites[s]);
		for (size_t n = 0; n <= ESP_PAYLOAD_MAX; n += n < 70 ? 1 : 193) {
			len = seal(bytes, n, packet);
			ck_assert_uint_le(len, n + ESP_OVERHEAD_MAX);
			ck_assert_int_eq(try_open(packet, len, out, &out_len), 0);
			ck_assert_uint_eq(out_len, n);
			ck_assert_mem_eq(out, bytes, n);
			if (suites[s] != HOST_ESP_NULL_SHA256 && n >= 16)
				ck_assert_ptr_null(memmem(packet, len, bytes, 16));
		}
		ck_assert_uint_eq(receiver.packets, sender.packets);
		ck_assert_uint_eq(receiver.bytes, sender.bytes);
		ck_assert_uint_eq(packet[0], 0x12);
		ck_assert_uint_eq(packet[7], (uint8_t)sender.sequence);
	}
}
END_TEST

START_TEST(altered_or_cut_packets_change_nothing)
{
	uint8_t packet[ROOM];
	struct esp_sa before;
	size_t len;

	for (size_t s = 0; s < SUITES; s++) {
		sas_make(suites[s]);
		for (int i = 0; i < 5; i++)
			len = seal("some words to be kept", 21, packet);
		ck_assert_int_eq(try_open(packet, len, NULL, NULL), 0);
		len = seal("some words to be kept", 21, packet);
		before = receiver;
		for (size_t cut = 0; cut < len; cut++)
			ck_assert_int_ne(try_open(packet, cut, NULL, NULL), 0);
		for (size_t i = 0; i < len; i++) {
			packet[i] ^= 0x40;
			ck_assert_int_ne(try_open(packet, len, NULL, NULL), 0);
			packet[i] ^= 0x40;
		}
		ck_assert_uint_eq(receiver.sequence, before.sequence);
		ck_assert_mem_eq(receiver.window, before.window, sizeof(before.window));
		ck_assert_uint_eq(receiver.packets, before.packets);
		ck_assert_uint_eq(receiver.bytes, before.bytes);
		ck_assert_int_eq(try_open(packet, len, NULL, NULL), 0);
	}
}
END_TEST

START_TEST(replayed_packets_and_those_below_the_window_are_refused)
{
	static uint8_t packets[ESP_REPLAY_WINDOW + 2][128];
	size_t lens[ESP_REPLAY_WINDOW + 2];
	uint8_t packet[ROOM];

	sas_make(HOST_ESP_AES_GCM_8);
	for (size_t i = 0; i < ESP_REPLAY_WINDOW + 2; i++) {
		lens[i] = seal("abc", 3, packet);
		memcpy(packets[i], packet, lens[i]);
	}
	/* Number 1,024: the window is 1 .. 1,024. */
	ck_assert_int_eq(try_open(packets[ESP_REPLAY_WINDOW - 1], lens[ESP_REPLAY_WINDOW - 1], NULL, NULL), 0);
	ck_assert_int_eq(try_open(packets[0], lens[0], NULL, NULL), 0);
	ck_assert_int_eq(try_open(packets[0], lens[0], NULL, NULL), ERR_DUPLICATE);
	/* One further: 2 is the lowest. */
	ck_assert_int_eq(try_open(packets[ESP_REPLAY_WINDOW], lens[ESP_REPLAY_WINDOW], NULL, NULL), 0);
	ck_assert_int_eq(try_open(packets[1], lens[1], NULL, NULL), 0);
	ck_assert_int_eq(try_open(packets[1], lens[1], NULL, NULL), ERR_DUPLICATE);
	ck_assert_int_eq(try_open(packets[ESP_REPLAY_WINDOW + 1], lens[ESP_REPLAY_WINDOW + 1], NULL, NULL), 0);
	/* 2 fell out; the others in between come once each, in reverse order. */
	for (size_t i = ESP_REPLAY_WINDOW - 2; i >= 2; i--)
		ck_assert_int_eq(try_open(packets[i], lens[i], NULL, NULL), 0);
	/* Below the window a number can only be one of the next subspace, and then its ICV is wrong. */
	for (size_t i = 0; i < ESP_REPLAY_WINDOW + 2; i++)
		ck_assert_int_eq(try_open(packets[i], lens[i], NULL, NULL), i < 2 ? ERR_SIGNATURE : ERR_DUPLICATE);
	ck_assert_uint_eq(receiver.refused, 2);
	ck_assert_uint_eq(receiver.replayed, ESP_REPLAY_WINDOW + 2);
}
END_TEST

START_TEST(window_forgets_what_a_leap_left_behind)
{
	uint8_t packet[ROOM], early[ROOM];
	size_t len, early_len;

	sas_make(HOST_ESP_AES_128_CBC_SHA256);
	len = seal("abc", 3, packet);
	ck_assert_int_eq(try_open(packet, len, NULL, NULL), 0);
	sender.sequence = 500;
	early_len = seal("abc", 3, early);
	for (uint64_t leap = 501; leap < 40000; leap += 1023) {
		sender.sequence = leap;
		len = seal("abc", 3, packet);
		ck_assert_int_eq(try_open(packet, len, NULL, NULL), 0);
		ck_assert_int_eq(try_open(packet, len, NULL, NULL), ERR_DUPLICATE);
		/* Those passed over are still open, each once. */
		sender.sequence = leap - 500;
		len = seal("abc", 3, packet);
		ck_assert_int_eq(try_open(packet, len, NULL, NULL), 0);
		ck_assert_int_eq(try_open(packet, len, NULL, NULL), ERR_DUPLICATE);
		if (leap == 501)
			ck_assert_int_eq(try_open(early, early_len, NULL, NULL), 0);
	}
}
END_TEST

START_TEST(sequence_goes_on_beyond_its_low_half)
{
	uint8_t packet[ROOM], late[ROOM];
	size_t len, late_len;

	for (size_t s = 0; s < SUITES; s++) {
		sas_make(suites[s]);
		sender.sequence = receiver.sequence = (UINT64_C(7) << 32) - 20;
		memset(receiver.window, 0xff, sizeof(receiver.window));
		late_len = seal("late", 4, late);
		for (int i = 0; i < 2000; i++) {
			len = seal("abc", 3, packet);
			ck_assert_int_eq(try_open(packet, len, NULL, NULL), 0);
			/* From the other side of the wrap, within the window. */
			if (i == 1000)
				ck_assert_int_eq(try_open(late, late_len, NULL, NULL), 0);
			if (i > 1000)
				ck_assert_int_ne(try_open(late, late_len, NULL, NULL), 0);
		}
		ck_assert_uint_eq(receiver.sequence, (UINT64_C(7) << 32) + 1981);
	}
}
END_TEST

START_TEST(high_half_is_inferred_and_covered)
{
	uint8_t packet[ROOM];
	size_t len;

	for (size_t s = 0; s < SUITES; s++) {
		sas_make(suites[s]);
		/* The receiver saw nothing of a part of the sequence less than a half-space long. */
		receiver.sequence = (UINT64_C(3) << 32) + 5000;
		sender.sequence = (UINT64_C(3) << 32) + 0x7fffffff;
		len = seal("abc", 3, packet);
		ck_assert_int_eq(try_open(packet, len, NULL, NULL), 0);
		/* The same low bits of another subspace: the ICV knows. */
		sender.sequence = (UINT64_C(9) << 32) + 0x8fffffff;
		len = seal("abc", 3, packet);
		ck_assert_int_eq(try_open(packet, len, NULL, NULL), ERR_SIGNATURE);
	}
	/* Below the first packet of all there is nothing. */
	sas_make(HOST_ESP_AES_GCM_8);
	sender.sequence = UINT32_MAX - 4;
	len = seal("abc", 3, packet);
	ck_assert_int_eq(try_open(packet, len, NULL, NULL), ERR_DUPLICATE);
	sender.sequence = UINT64_MAX; /* so that the next would be number 0 */
	receiver.sequence = UINT64_MAX;
	ck_assert_int_eq(try_open(packet, len, NULL, NULL), ERR_SIGNATURE);
}
END_TEST

/* Seals bytes that carry their own padding and trailer. */
static size_t seal_raw(const uint8_t *inner, size_t len, uint8_t packet[ROOM])
{
	struct host_esp_shape shape = sender.shape;
	struct writer w = writer_of(packet, ROOM);
	uint8_t *iv = packet + ESP_HEADER_LENGTH, *data = iv + shape.iv;

	writer_u32(&w, sender.spi);
	writer_u32(&w, (uint32_t)++sender.sequence);
	memcpy(data, inner, len);
	ck_assert_int_eq(security.ops->esp_seal(security.ctx, sender.key, packet, 0, iv, data, len, data + len), 0);
	return ESP_HEADER_LENGTH + shape.iv + len + shape.icv;
}

START_TEST(padding_that_lies_is_refused)
{
	uint8_t packet[ROOM], inner[16] = { 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 1, 2, 3, 4, 4, 17 };
	size_t len, out_len;

	for (size_t s = 0; s < SUITES; s++) {
		sas_make(suites[s]);
		len = seal_raw(inner, 16, packet);
		ck_assert_int_eq(try_open(packet, len, NULL, &out_len), 0);
		ck_assert_uint_eq(out_len, 10);
		inner[14] = 15; /* longer than the packet */
		len = seal_raw(inner, 16, packet);
		ck_assert_int_eq(try_open(packet, len, NULL, NULL), ERR_MALFORMED);
		ck_assert_int_eq(try_open(packet, len, NULL, NULL), ERR_DUPLICATE);
		inner[14] = 255;
		len = seal_raw(inner, 16, packet);
		ck_assert_int_eq(try_open(packet, len, NULL, NULL), ERR_MALFORMED);
		inner[14] = 5; /* one that is no padding */
		len = seal_raw(inner, 16, packet);
		ck_assert_int_eq(try_open(packet, len, NULL, NULL), ERR_MALFORMED);
		inner[14] = 4;
		inner[12] = 9;
		len = seal_raw(inner, 16, packet);
		ck_assert_int_eq(try_open(packet, len, NULL, NULL), ERR_MALFORMED);
		inner[12] = 3;
		ck_assert_uint_eq(receiver.refused, 4);
	}
}
END_TEST

START_TEST(dummy_packets_have_no_payload)
{
	uint8_t packet[ROOM], inner[16] = { 0xde, 0xad, 1, 2, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 77, 59 }, next_header;
	struct slice payload;
	size_t len;

	sas_make(HOST_ESP_AES_GCM_16);
	len = seal_raw(inner, 16, packet);
	ck_assert_int_eq(esp_open(&receiver, packet, len, &next_header, &payload), 0);
	ck_assert_uint_eq(next_header, 59);
	ck_assert_uint_eq(payload.len, 0);
}
END_TEST

START_TEST(limits_hold)
{
	uint8_t packet[ROOM], bytes[ESP_PAYLOAD_MAX + 1] = { 0 }, short_key[8] = { 0 };
	struct slice part = slice_of(bytes, sizeof(bytes)), huge[2] = { slice_of(bytes, 9), slice_of(bytes, SIZE_MAX) };
	struct writer w = writer_of(packet, sizeof(packet));
	struct esp_sa sa = { 0 };

	sas_make(HOST_ESP_AES_GCM_8);
	ck_assert_int_eq(esp_seal(&sender, 17, &part, 1, &w), ERR_LIMIT);
	ck_assert_int_eq(esp_seal(&sender, 17, huge, 2, &w), ERR_LIMIT);
	part.len = 100;
	w.cap = 60;
	ck_assert_int_eq(esp_seal(&sender, 17, &part, 1, &w), ERR_LIMIT);
	ck_assert_uint_eq(sender.sequence, 0);
	w.cap = sizeof(packet);
	ck_assert(!esp_sa_wants_rekey(&sender));
	sender.sequence = ESP_SEQUENCE_REKEY - 1;
	ck_assert_int_eq(esp_seal(&sender, 17, &part, 1, &w), 0);
	ck_assert(esp_sa_wants_rekey(&sender));
	sender.sequence = UINT64_MAX;
	ck_assert_int_eq(esp_seal(&sender, 17, &part, 1, &w), ERR_LIMIT);
	ck_assert_int_eq(esp_sa_init(&sa, &security, (enum host_esp_suite)1, 1, SLICE_EMPTY, SLICE_EMPTY, true),
			 ERR_UNSUPPORTED);
	ck_assert_int_eq(esp_sa_init(&sa, &security, HOST_ESP_AES_GCM_8, 1, slice_of(short_key, 8), SLICE_EMPTY,
				     true), ERR_KEY);
	ck_assert(sa.key == NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("esp");
	TCase *group = tcase_create("esp");
	const TTest *const tests[] = {
		payload_returns_for_each_suite_and_length, altered_or_cut_packets_change_nothing,
		replayed_packets_and_those_below_the_window_are_refused, window_forgets_what_a_leap_left_behind,
		sequence_goes_on_beyond_its_low_half, high_half_is_inferred_and_covered, padding_that_lies_is_refused,
		dummy_packets_have_no_payload, limits_hold
	};
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(group, set_up, tear_down);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(group, tests[i]);
	suite_add_tcase(suite, group);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
