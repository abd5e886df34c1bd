/* SPDX-License-Identifier: MIT */
/* The port to the cryptography of HIP (RFC 7401, 7402): what usage/hip asks of crypto/ (or of a fake one in a
 * simulation). Host Identities and signatures are in the formats of RFC 7401 5.2.9; everything is synchronous. */
#ifndef OVERLAY_HOST_SECURITY_H
#define OVERLAY_HOST_SECURITY_H

#include "overlay/base/error.h"
#include "overlay/wire/hip_packet.h"

#define HOST_IDENTITY_MAX 600   /* bytes: RSA of 4,096 bits with an 8-byte exponent, and the algorithm */
#define HOST_SIGNATURE_MAX 512
#define HOST_DIGEST_MAX 48
#define HOST_DH_PUBLIC_MAX 384  /* group 4 */
#define HOST_DH_SHARED_MAX 384
#define HOST_CBC_IV 16

/* HIT Suite IDs (5.2.10): signature and hash together. RHASH is that of the Responder's HIT. */
enum hit_suite {
	HIT_SUITE_RSA = 1,       /* RSA or DSA with SHA-256 */
	HIT_SUITE_ECDSA = 2,     /* ECDSA on P-256 or P-384 with SHA-384 */
	HIT_SUITE_ECDSA_LOW = 3  /* SECP160R1 with SHA-1: only ever carried */
};

/* Algorithms of HOST_ID (5.2.9). */
enum host_algorithm {
	HOST_ALGORITHM_DSA = 3, HOST_ALGORITHM_RSA = 5, HOST_ALGORITHM_ECDSA = 7, HOST_ALGORITHM_ECDSA_LOW = 9
};

/* DH Group IDs (5.2.7). */
enum host_dh_group {
	HOST_DH_MODP_1536 = 3, HOST_DH_MODP_3072 = 4, HOST_DH_P256 = 7, HOST_DH_P384 = 8, HOST_DH_P521 = 9,
	HOST_DH_SECP160R1 = 10
};

/* HIP_CIPHER (5.2.8). */
enum host_cipher { HOST_CIPHER_NULL = 1, HOST_CIPHER_AES_128_CBC = 2, HOST_CIPHER_AES_256_CBC = 4 };

/* ESP transforms (RFC 7402 5.1.2). */
enum host_esp_suite {
	HOST_ESP_NULL_SHA256 = 7, HOST_ESP_AES_128_CBC_SHA256 = 8, HOST_ESP_AES_256_CBC_SHA256 = 9,
	HOST_ESP_AES_GCM_8 = 12, HOST_ESP_AES_GCM_16 = 13 /* keys of 128 bits; ICV of 8 and of 16 bytes */
};

struct host_dh;      /* one ephemeral key pair; owned by the caller */
struct host_esp_key; /* keys of one direction of an SA, ready for use; owned by the caller */

struct host_security_ops {
	/* Unpredictable bytes. Cannot fail. */
	void (*random)(void *ctx, void *out, size_t len);

	/* This node's Host Identity: algorithm (2 bytes) and Host Identity, as struct hip_host_id has it. Borrowed for
	 * the port's life. Its HIT is host_hit() of it. */
	struct slice (*own_identity)(void *ctx);

	/* RHASH of a suite over the parts in a row: 32 bytes (RSA) or 48 (ECDSA). Returns that length; 0: no such
	 * suite. */
	size_t (*digest)(void *ctx, enum hit_suite suite, const struct slice *parts, size_t count,
			 uint8_t out[HOST_DIGEST_MAX]);
	/* HMAC with RHASH. Returns its length. */
	size_t (*mac)(void *ctx, enum hit_suite suite, struct slice key, const struct slice *parts, size_t count,
		      uint8_t out[HOST_DIGEST_MAX]);
	/* HKDF, extract and expand, with RHASH (6.5, RFC 5869): fills `out`. ERR_LIMIT beyond 255 blocks. */
	int (*derive)(void *ctx, enum hit_suite suite, struct slice salt, struct slice input, struct slice info,
		      uint8_t *out, size_t len);

	/* Signature with the own key over the parts in a row: RSA-PSS with SHA-256 and a salt of 32 bytes, ECDSA as r|s
	 * with SHA-384. ERR_KEY. */
	int (*sign)(void *ctx, const struct slice *parts, size_t count, uint8_t out[HOST_SIGNATURE_MAX],
		    size_t *len);
	/* Verifies with a Host Identity in the form of own_identity. ERR_SIGNATURE; ERR_MALFORMED: no usable Host
	 * Identity; ERR_UNSUPPORTED: another algorithm or curve. */
	int (*verify)(void *ctx, struct slice identity, const struct slice *parts, size_t count,
		      struct slice signature);

	/* A fresh key pair of a group; *public_len bytes of `public` are its value as DIFFIE_HELLMAN carries it (EC:
	 * x|y without the leading 04). ERR_UNSUPPORTED, ERR_KEY. */
	int (*dh_new)(void *ctx, enum host_dh_group group, struct host_dh **out, uint8_t public[HOST_DH_PUBLIC_MAX],
		      size_t *public_len);
	/* Kij with the other end's value, left-padded to the group's size. ERR_MALFORMED: not an element of the group,
	 * or a degenerate one. */
	int (*dh_shared)(void *ctx, const struct host_dh *dh, struct slice other, uint8_t out[HOST_DH_SHARED_MAX],
			 size_t *len);
	void (*dh_free)(void *ctx, struct host_dh *dh);

	/* AES-CBC with PKCS#7 padding (5.2.18); the NULL cipher copies. `out` has room for in.len + 16. ERR_MALFORMED:
	 * bad padding or length. */
	int (*cbc_encrypt)(void *ctx, enum host_cipher cipher, struct slice key, const uint8_t iv[HOST_CBC_IV],
			   struct slice in, uint8_t *out, size_t *len);
	int (*cbc_decrypt)(void *ctx, enum host_cipher cipher, struct slice key, const uint8_t iv[HOST_CBC_IV],
			   struct slice in, uint8_t *out, size_t *len);

	/* Keys of one direction. Lengths are host_esp_shape's. GCM: the last 4 bytes of `key` are the salt (RFC 4106).
	 * ERR_UNSUPPORTED, ERR_KEY. */
	int (*esp_key_new)(void *ctx, enum host_esp_suite suite, struct slice key, struct slice authentication,
			   bool seals, struct host_esp_key **out);
	void (*esp_key_free)(void *ctx, struct host_esp_key *key);
	/* Encrypts `len` bytes at `data` in place and appends the ICV. `header` is SPI and the low 32 bits of the
	 * sequence number (8 bytes), `sequence_high` the rest, which the ICV covers unsent; `iv` has the shape's
	 * length and is chosen here: random for CBC, the sequence number for GCM, and written by the callee. */
	int (*esp_seal)(void *ctx, struct host_esp_key *key, const uint8_t header[8], uint32_t sequence_high,
			uint8_t *iv, uint8_t *data, size_t len, uint8_t *icv);
	/* Checks the ICV, then decrypts in place. ERR_SIGNATURE: the ICV does not fit; `data` may then be wiped.
	 * ERR_MALFORMED: the ICV fits, the length does not. */
	int (*esp_open)(void *ctx, struct host_esp_key *key, const uint8_t header[8], uint32_t sequence_high,
			const uint8_t *iv, uint8_t *data, size_t len, const uint8_t *icv);
};

struct host_security {
	const struct host_security_ops *ops;
	void *ctx;
};

/* What an ESP transform asks for, in bytes. */
struct host_esp_shape {
	uint8_t key;            /* encryption key, the salt of GCM included */
	uint8_t authentication; /* authentication key; 0 for GCM */
	uint8_t iv, icv, block; /* block: the plaintext is padded to a multiple of it (at least 4) */
};
/* False: not supported here. */
bool host_esp_shape(enum host_esp_suite suite, struct host_esp_shape *out);

/* Bytes of the keys of a HIP_CIPHER (0 for NULL; -1 not supported) and of RHASH (0: not supported). */
int host_cipher_key_length(enum host_cipher cipher);
size_t host_digest_length(enum hit_suite suite);
/* The suite that a Host Identity's algorithm belongs to; 0: not supported. */
unsigned host_identity_suite(struct slice identity);

/* ORCHIDv2 of a Host Identity (RFC 7343 2, RFC 7401 3.2): prefix, suite, the middle 96 bits of the hash over context
 * and Host Identity (without its algorithm). ERR_UNSUPPORTED, ERR_MALFORMED. */
int MUST_CHECK host_hit(const struct host_security *s, struct slice identity, struct hit *out);

#endif
