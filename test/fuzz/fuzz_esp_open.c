/* SPDX-License-Identifier: MIT */
/* ESP packets with real cryptography. The first byte chooses the transform, and what the rest is: a packet as it came,
 * or (0x80) what a peer sealed, trailer and all, so that also what lies behind a right ICV is anybody's. */
#include "crypto/host_esp.h"
#include "overlay/base/invariant.h"
#include "usage/hip/esp.h"

#define PACKET_MAX 4096
#define IS_SEALED 0x80u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t secret[64] = "the same key for every input, which so gives the same output...";

static int op_key_new(void *ctx, enum host_esp_suite suite, struct slice key, struct slice authentication, bool seals,
		      struct host_esp_key **out)
{
	(void)ctx;
	return host_esp_key_new(suite, key, authentication, seals, out);
}

static void op_key_free(void *ctx, struct host_esp_key *key)
{
	(void)ctx;
	host_esp_key_free(key);
}

static int op_open(void *ctx, struct host_esp_key *key, const uint8_t header[8], uint32_t sequence_high,
		   const uint8_t *iv, uint8_t *data, size_t len, const uint8_t *icv)
{
	(void)ctx;
	return host_esp_open(key, header, sequence_high, iv, data, len, icv);
}

/* Header of 8 bytes from the input, the rest as plaintext; cut to whole blocks. Returns the packet's length. */
static size_t seal(enum host_esp_suite suite, const struct host_esp_shape *shape, struct slice input, uint8_t *packet)
{
	struct host_esp_key *key;
	uint8_t *iv = packet + ESP_HEADER_LENGTH, *inner = iv + shape->iv;
	size_t len;

	if (input.len < ESP_HEADER_LENGTH)
		return 0;
	len = input.len - ESP_HEADER_LENGTH;
	len -= len % shape->block;
	memcpy(packet, input.data, ESP_HEADER_LENGTH);
	if (len > 0)
		memcpy(inner, input.data + ESP_HEADER_LENGTH, len);
	invariant(host_esp_key_new(suite, slice_of(secret, shape->key), slice_of(secret, shape->authentication), true,
				   &key) == 0);
	invariant(host_esp_seal(key, packet, 0, iv, inner, len, inner + len) == 0);
	host_esp_key_free(key);
	return ESP_HEADER_LENGTH + shape->iv + len + shape->icv;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct host_security_ops ops = {
		.esp_key_new = op_key_new, .esp_key_free = op_key_free, .esp_open = op_open,
	};
	static const enum host_esp_suite suites[] = {
		HOST_ESP_NULL_SHA256, HOST_ESP_AES_128_CBC_SHA256, HOST_ESP_AES_256_CBC_SHA256, HOST_ESP_AES_GCM_8,
		HOST_ESP_AES_GCM_16,
	};
	const struct host_security security = { &ops, NULL };
	uint8_t packet[PACKET_MAX + 64], copy[PACKET_MAX + 64], next_header;
	struct host_esp_shape shape;
	enum host_esp_suite suite;
	struct slice payload;
	struct esp_sa sa;
	bool is_sealed;
	size_t len;
	int err;

	if (size == 0 || size > PACKET_MAX)
		return 0;
	suite = suites[(data[0] & ~IS_SEALED) % (sizeof(suites) / sizeof(suites[0]))];
	is_sealed = (data[0] & IS_SEALED) != 0;
	invariant(host_esp_shape(suite, &shape));
	len = size - 1;
	if (is_sealed)
		len = seal(suite, &shape, slice_of(data + 1, size - 1), packet);
	else
		memcpy(packet, data + 1, len);
	memcpy(copy, packet, len);
	invariant(esp_sa_init(&sa, &security, suite, 1, slice_of(secret, shape.key),
			      slice_of(secret, shape.authentication), false) == 0);
	err = esp_open(&sa, packet, len, &next_header, &payload);
	if (err == 0) {
		/* Within the packet, and not a second time. */
		invariant(payload.data >= packet && payload.data + payload.len <= packet + len);
		invariant(esp_open(&sa, copy, len, &next_header, &payload) == ERR_DUPLICATE);
	}
	/* A right ICV is never called wrong. */
	invariant(!is_sealed || err != ERR_SIGNATURE);
	esp_sa_free(&sa);
	return 0;
}
