/* SPDX-License-Identifier: MIT */
/* What HIP's algorithms ask for in bytes, and the HIT of a Host Identity: all that needs no key. */
#include "overlay/host_security.h"

#define HOST_ALGORITHM_LENGTH 2 /* bytes in front of the Host Identity */
#define HIT_HASH_LENGTH 12      /* the 96 bits of Encode_96 */

/* RFC 7401 3.2: the Context ID of HITs. */
static const uint8_t host_context_id[] = {
	0xf0, 0xef, 0xf0, 0x2f, 0xbf, 0xf4, 0x3d, 0x0f, 0xe7, 0x93, 0x0c, 0x3c, 0x6e, 0x61, 0x74, 0xea,
};

bool host_esp_shape(enum host_esp_suite suite, struct host_esp_shape *out)
{
	/* HMAC-SHA-256-128 has a key of 256 bits and an ICV of 128 (RFC 4868 2.3); GCM draws its salt along with
	 * the key (RFC 4106 8.1). */
	static const struct {
		enum host_esp_suite suite;
		struct host_esp_shape shape;
	} shapes[] = {
		{ HOST_ESP_NULL_SHA256, { .key = 0, .authentication = 32, .iv = 0, .icv = 16, .block = 4 } },
		{ HOST_ESP_AES_128_CBC_SHA256, { .key = 16, .authentication = 32, .iv = 16, .icv = 16, .block = 16 } },
		{ HOST_ESP_AES_256_CBC_SHA256, { .key = 32, .authentication = 32, .iv = 16, .icv = 16, .block = 16 } },
		{ HOST_ESP_AES_GCM_8, { .key = 20, .authentication = 0, .iv = 8, .icv = 8, .block = 4 } },
		{ HOST_ESP_AES_GCM_16, { .key = 20, .authentication = 0, .iv = 8, .icv = 16, .block = 4 } },
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (shapes[i].suite != suite)
			continue;
		*out = shapes[i].shape;
		return true;
	}
	return false;
}

int host_cipher_key_length(enum host_cipher cipher)
{
	switch (cipher) {
	case HOST_CIPHER_NULL:
		return 0;
	case HOST_CIPHER_AES_128_CBC:
		return 16;
	case HOST_CIPHER_AES_256_CBC:
		return 32;
	default:
		return -1;
	}
}

size_t host_digest_length(enum hit_suite suite)
{
	switch (suite) {
	case HIT_SUITE_RSA:
		return 32;
	case HIT_SUITE_ECDSA:
		return 48;
	default:
		return 0;
	}
}

unsigned host_identity_suite(struct slice identity)
{
	if (identity.len <= HOST_ALGORITHM_LENGTH)
		return 0;
	switch (identity.data[0] << 8 | identity.data[1]) {
	case HOST_ALGORITHM_RSA:
		return HIT_SUITE_RSA;
	case HOST_ALGORITHM_ECDSA:
		return HIT_SUITE_ECDSA;
	default:
		return 0;
	}
}

int host_hit(const struct host_security *s, struct slice identity, struct hit *out)
{
	unsigned suite = host_identity_suite(identity);
	uint8_t hash[HOST_DIGEST_MAX];
	struct slice parts[2];
	size_t len;

	*out = (struct hit){ 0 };
	if (identity.len <= HOST_ALGORITHM_LENGTH || identity.len > HOST_IDENTITY_MAX)
		return ERR_MALFORMED;
	if (suite == 0)
		return ERR_UNSUPPORTED;
	parts[0] = slice_of(host_context_id, sizeof(host_context_id));
	parts[1] = slice_of(identity.data + HOST_ALGORITHM_LENGTH, identity.len - HOST_ALGORITHM_LENGTH);
	len = s->ops->digest(s->ctx, (enum hit_suite)suite, parts, 2, hash);
	if (len < HIT_HASH_LENGTH)
		return ERR_UNSUPPORTED;
	/* 2001:20::/28 and the four bits of the OGA ID, which is the suite. */
	out->bytes[0] = 0x20;
	out->bytes[1] = 0x01;
	out->bytes[2] = 0x00;
	out->bytes[3] = (uint8_t)(0x20 | suite);
	memcpy(out->bytes + 4, hash + (len - HIT_HASH_LENGTH) / 2, HIT_HASH_LENGTH);
	return 0;
}
