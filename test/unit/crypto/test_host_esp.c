/* SPDX-License-Identifier: MIT */
/* Tests of host_esp.c: packets of known bytes, and packets with any byte changed. */
#include "crypto/host_esp.h"

#include "test/unit/crypto/hex.h"
#include "test/unit/run.h"

#define PACKET_MAX 512

static const enum host_esp_suite suites[] = {
	HOST_ESP_NULL_SHA256, HOST_ESP_AES_128_CBC_SHA256, HOST_ESP_AES_256_CBC_SHA256, HOST_ESP_AES_GCM_8,
	HOST_ESP_AES_GCM_16,
};
#define SUITES (sizeof(suites) / sizeof(suites[0]))

/* A packet as it is on the wire, in pieces. */
struct packet {
	uint8_t header[8];
	uint32_t high;
	uint8_t iv[16], data[PACKET_MAX], icv[32];
	size_t len;
};

static struct host_esp_key *key_of(enum host_esp_suite suite, const char *key, const char *authentication, bool seals)
{
	struct hex_bytes k = hex(key), a = hex(authentication);
	struct host_esp_key *out;

	ck_assert_int_eq(host_esp_key_new(suite, hex_slice(&k), hex_slice(&a), seals, &out), 0);
	return out;
}

static struct packet packet_of(const char *header, uint32_t high, const char *iv, const char *data, const char *icv)
{
	struct hex_bytes h = hex(header), i = hex(iv), d = hex(data), c = hex(icv);
	struct packet p = { .high = high, .len = d.len };

	memcpy(p.header, h.bytes, 8);
	memcpy(p.iv, i.bytes, i.len);
	memcpy(p.data, d.bytes, d.len);
	memcpy(p.icv, c.bytes, c.len);
	return p;
}

static int packet_open(struct host_esp_key *key, struct packet *p)
{
	return host_esp_open(key, p->header, p->high, p->iv, p->data, p->len, p->icv);
}

#define AUTHENTICATION "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"

START_TEST(cbc_packet_of_known_bytes_is_opened)
{
	/* RFC 3602 4, case 1; HMAC-SHA-256 (RFC 4868) over header, IV, ciphertext and 00000001, computed apart. */
	struct host_esp_key *key = key_of(HOST_ESP_AES_128_CBC_SHA256, "06a9214036b8a15b512e03d534120006",
					  AUTHENTICATION, false);
	struct packet p = packet_of("0000123400000002", 1, "3dafba429d9eb430b422da802c9fac41",
				    "e353779c1079aeb82708942dbe77181a", "0c4d7b6c9fbf63c2d2a16ff2577e5d9a");

	ck_assert_int_eq(packet_open(key, &p), 0);
	ck_assert_mem_eq(p.data, "Single block msg", 16);
	host_esp_key_free(key);
}
END_TEST

START_TEST(null_packet_of_known_bytes_is_sealed_and_opened)
{
	struct host_esp_key *seals = key_of(HOST_ESP_NULL_SHA256, "", AUTHENTICATION, true);
	struct host_esp_key *opens = key_of(HOST_ESP_NULL_SHA256, "", AUTHENTICATION, false);
	struct packet wanted = packet_of("0000123400000002", 1, "", "53696e676c6520626c6f636b206d7367",
					 "5099675c1cea9fead35d02318779fd9a");
	struct packet p = wanted;

	memset(p.icv, 0, sizeof(p.icv));
	ck_assert_int_eq(host_esp_seal(seals, p.header, p.high, p.iv, p.data, p.len, p.icv), 0);
	ck_assert_mem_eq(&p, &wanted, sizeof(p));
	ck_assert_int_eq(packet_open(opens, &p), 0);
	ck_assert_mem_eq(p.data, "Single block msg", 16);
	host_esp_key_free(seals);
	host_esp_key_free(opens);
}
END_TEST

START_TEST(gcm_packet_of_known_bytes_is_opened)
{
	/* draft-mcgrew-gcm-test-01 4, case 1: extended sequence number 8765432100000000. */
	static const char key[] = "4c80cdefbb5d10da906ac73c3613a634 2e443b68";
	static const char plain[] = "45000048699a000080114db7c0a80102c0a801010a9bf15638d3010000010000"
				    "00000000045f736970045f756470037369700963796265726369747902646b00"
				    "0021000101020201";
	static const char sealed[] = "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34"
				     "cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce"
				     "61bc17d768fd9732";
	static const enum host_esp_suite both[] = { HOST_ESP_AES_GCM_8, HOST_ESP_AES_GCM_16 };
	struct hex_bytes wanted = hex(plain);

	for (size_t i = 0; i < 2; i++) {
		struct host_esp_key *opens = key_of(both[i], key, "", false);
		struct packet p = packet_of("0000432100000000", 0x87654321, "4956ed7e3b244cfe", sealed,
					    i == 0 ? "459018148f6cbe72" : "459018148f6cbe722fd04796562dfdb4");

		ck_assert_int_eq(packet_open(opens, &p), 0);
		ck_assert(slice_equal(slice_of(p.data, p.len), hex_slice(&wanted)));
		host_esp_key_free(opens);
	}
}
END_TEST

/* Keys of both directions' ends for a suite. */
static void keys_of(enum host_esp_suite suite, struct host_esp_key **seals, struct host_esp_key **opens)
{
	uint8_t key[64], authentication[64];
	struct host_esp_shape shape;

	ck_assert(host_esp_shape(suite, &shape));
	memset(key, 0x21, sizeof(key));
	memset(authentication, 0x84, sizeof(authentication));
	ck_assert_int_eq(host_esp_key_new(suite, slice_of(key, shape.key),
					  slice_of(authentication, shape.authentication), true, seals), 0);
	ck_assert_int_eq(host_esp_key_new(suite, slice_of(key, shape.key),
					  slice_of(authentication, shape.authentication), false, opens), 0);
}

static struct packet packet_sealed(struct host_esp_key *seals, size_t len, uint32_t sequence, uint32_t high)
{
	struct packet p = { .header = { 1, 2, 3, 4 }, .high = high, .len = len };

	for (size_t i = 0; i < 4; i++)
		p.header[4 + i] = (uint8_t)(sequence >> (24 - 8 * i));
	for (size_t i = 0; i < len; i++)
		p.data[i] = (uint8_t)i;
	ck_assert_int_eq(host_esp_seal(seals, p.header, p.high, p.iv, p.data, p.len, p.icv), 0);
	return p;
}

START_TEST(every_suite_opens_what_it_sealed)
{
	for (size_t s = 0; s < SUITES; s++) {
		struct host_esp_key *seals, *opens;
		struct host_esp_shape shape;

		keys_of(suites[s], &seals, &opens);
		ck_assert(host_esp_shape(suites[s], &shape));
		for (size_t len = 0; len <= 256; len += shape.block) {
			struct packet p = packet_sealed(seals, len, (uint32_t)len + 1, len > 128);

			ck_assert_int_eq(packet_open(opens, &p), 0);
			for (size_t i = 0; i < len; i++)
				ck_assert_uint_eq(p.data[i], (uint8_t)i);
		}
		host_esp_key_free(seals);
		host_esp_key_free(opens);
	}
}
END_TEST

/* A packet with one bit changed somewhere is refused; the untouched one opens afterwards. */
START_TEST(any_changed_byte_is_refused)
{
	for (size_t s = 0; s < SUITES; s++) {
		struct host_esp_key *seals, *opens;
		struct host_esp_shape shape;
		struct packet good, p;

		keys_of(suites[s], &seals, &opens);
		ck_assert(host_esp_shape(suites[s], &shape));
		good = packet_sealed(seals, 48, 5, 6);
		for (size_t at = 0; at < 8u + 4 + shape.iv + 48 + shape.icv; at++) {
			size_t i = at;

			p = good;
			if (i < 8)
				p.header[i] ^= 1;
			else if ((i -= 8) < 4)
				p.high ^= 1u << (8 * i);
			else if ((i -= 4) < shape.iv)
				p.iv[i] ^= 0x80;
			else if ((i -= shape.iv) < 48)
				p.data[i] ^= 4;
			else
				p.icv[i - 48] ^= 2;
			ck_assert_msg(packet_open(opens, &p) == ERR_SIGNATURE, "suite %d, byte %zu", suites[s], at);
			/* Nothing of the plaintext is left behind. */
			for (size_t k = 0; k + 8 <= p.len && shape.key > 0; k += 8)
				ck_assert_mem_ne(p.data + k, "\0\1\2\3\4\5\6\7", 8);
		}
		for (size_t len = 0; len < 48; len++) {
			p = good;
			p.len = len;
			ck_assert_int_eq(packet_open(opens, &p), ERR_SIGNATURE);
		}
		p = good;
		ck_assert_int_eq(packet_open(opens, &p), 0);
		host_esp_key_free(seals);
		host_esp_key_free(opens);
	}
}
END_TEST

START_TEST(ivs_of_cbc_never_repeat_and_those_of_gcm_are_the_sequence)
{
	uint8_t ivs[100][16];
	struct host_esp_key *seals, *opens;
	struct packet p;

	keys_of(HOST_ESP_AES_128_CBC_SHA256, &seals, &opens);
	for (size_t i = 0; i < 100; i++) {
		p = packet_sealed(seals, 16, (uint32_t)i, 0);
		memcpy(ivs[i], p.iv, 16);
		for (size_t k = 0; k < i; k++)
			ck_assert_mem_ne(ivs[k], ivs[i], 16);
	}
	host_esp_key_free(seals);
	host_esp_key_free(opens);
	keys_of(HOST_ESP_AES_GCM_16, &seals, &opens);
	p = packet_sealed(seals, 16, 0x01020304, 0x05060708);
	ck_assert_mem_eq(p.iv, "\5\6\7\10\1\2\3\4", 8);
	host_esp_key_free(seals);
	host_esp_key_free(opens);
}
END_TEST

START_TEST(wrong_use_of_a_key_is_refused)
{
	uint8_t key[64] = { 0 };
	struct host_esp_key *seals, *opens, *none;
	struct host_esp_shape shape;
	struct packet p;

	keys_of(HOST_ESP_AES_128_CBC_SHA256, &seals, &opens);
	p = packet_sealed(seals, 16, 1, 0);
	ck_assert_int_eq(packet_open(seals, &p), ERR_KEY);
	ck_assert_int_eq(host_esp_seal(opens, p.header, 0, p.iv, p.data, 16, p.icv), ERR_KEY);
	ck_assert_int_eq(host_esp_seal(seals, p.header, 0, p.iv, p.data, 17, p.icv), ERR_MALFORMED);
	host_esp_key_free(seals);
	host_esp_key_free(opens);
	host_esp_key_free(NULL);
	for (int suite = 0; suite < 20; suite++) {
		bool known = host_esp_shape((enum host_esp_suite)suite, &shape);

		ck_assert(known == (suite == 7 || suite == 8 || suite == 9 || suite == 12 || suite == 13));
		ck_assert_int_eq(host_esp_key_new((enum host_esp_suite)suite, slice_of(key, 33), slice_of(key, 32),
						  true, &none), known ? ERR_KEY : ERR_UNSUPPORTED);
		ck_assert_ptr_null(none);
	}
}
END_TEST

int main(void)
{
	return RUN_TESTS("host esp", cbc_packet_of_known_bytes_is_opened,
			 null_packet_of_known_bytes_is_sealed_and_opened,
			 gcm_packet_of_known_bytes_is_opened, every_suite_opens_what_it_sealed,
			 any_changed_byte_is_refused, ivs_of_cbc_never_repeat_and_those_of_gcm_are_the_sequence,
			 wrong_use_of_a_key_is_refused);
}
