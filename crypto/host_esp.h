/* SPDX-License-Identifier: MIT */
/* The transforms of ESP (RFC 7402 5.1.2): AES-CBC or NULL with HMAC-SHA-256-128 (RFC 3602, RFC 4868), AES-GCM
 * (RFC 4106). */
#ifndef CRYPTO_HOST_ESP_H
#define CRYPTO_HOST_ESP_H

#include "overlay/host_security.h"

/* As host_security_ops has them. */
int MUST_CHECK host_esp_key_new(enum host_esp_suite suite, struct slice key, struct slice authentication, bool seals,
				struct host_esp_key **out);
void host_esp_key_free(struct host_esp_key *key);
int MUST_CHECK host_esp_seal(struct host_esp_key *key, const uint8_t header[8], uint32_t sequence_high, uint8_t *iv,
			     uint8_t *data, size_t len, uint8_t *icv);
int MUST_CHECK host_esp_open(struct host_esp_key *key, const uint8_t header[8], uint32_t sequence_high,
			     const uint8_t *iv, uint8_t *data, size_t len, const uint8_t *icv);

#endif
