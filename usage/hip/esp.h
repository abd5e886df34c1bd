/* SPDX-License-Identifier: MIT */
/* ESP in user space (RFC 4303 as RFC 7402 uses it): BEET mode, so the inner IP header is not sent; 64-bit sequence
 * numbers of which 32 are on the wire; a replay window. One struct is one direction of one SA. */
#ifndef USAGE_HIP_ESP_H
#define USAGE_HIP_ESP_H

#include "overlay/host_security.h"

#define ESP_HEADER_LENGTH 8
#define ESP_OVERHEAD_MAX (ESP_HEADER_LENGTH + 16 + 2 + 15 + 16)
#define ESP_PAYLOAD_MAX 2000   /* bytes of one inner payload */
#define ESP_REPLAY_WINDOW 1024 /* packets */
/* A new key is asked for long before the sequence number or the cipher's comfort ends (7402 6.8). */
#define ESP_SEQUENCE_REKEY (UINT64_C(1) << 48)
#define ESP_BYTES_REKEY (UINT64_C(1) << 36)

struct esp_sa {
	const struct host_security *security;
	struct host_esp_key *key; /* owned */
	struct host_esp_shape shape;
	uint32_t spi;
	uint64_t sequence;        /* sent: the last one; received: the highest one accepted */
	uint64_t window[ESP_REPLAY_WINDOW / 64];
	uint64_t packets, bytes, replayed, refused;
};

/* `key` and `authentication` of the shape's lengths. ERR_UNSUPPORTED, ERR_KEY. */
int MUST_CHECK esp_sa_init(struct esp_sa *sa, const struct host_security *security, enum host_esp_suite suite,
			   uint32_t spi, struct slice key, struct slice authentication, bool seals);
void esp_sa_free(struct esp_sa *sa);

/* Writes the ESP packet for the parts in a row. ERR_LIMIT: too large, or the sequence numbers are used up. */
int MUST_CHECK esp_seal(struct esp_sa *sa, uint8_t next_header, const struct slice *parts, size_t count,
			struct writer *out);

/* Opens a packet in place; `payload` borrows from it, and is empty for a dummy packet (next header 59). Nothing but the
 * SA's statistics changes unless the ICV is right. ERR_TRUNCATED, ERR_MALFORMED (length, padding), ERR_DUPLICATE
 * (replayed), ERR_SIGNATURE (also older than the window: its number is then taken for one of the next subspace). */
int MUST_CHECK esp_open(struct esp_sa *sa, uint8_t *packet, size_t len, uint8_t *next_header, struct slice *payload);

bool esp_sa_wants_rekey(const struct esp_sa *sa);

#endif
