/* SPDX-License-Identifier: MIT */
/* The keyed hash behind the fake security port: four lanes of multiply and rotate, eight bytes at a time. Enough to
 * notice any changed byte; no cryptography. The same on every machine, however the bytes are cut into parts. */
#ifndef TOOLS_SIM_FAKE_HASH_H
#define TOOLS_SIM_FAKE_HASH_H

#include "overlay/base/slice.h"

#define FAKE_DIGEST 32 /* bytes */

struct fake_hash {
	uint64_t lane[4];
	uint64_t tail; /* bytes that do not fill a word yet */
	uint64_t len;
};

static inline uint64_t fake_hash_load(const uint8_t *at)
{
	uint64_t word = 0;

	for (size_t i = 0; i < 8; i++)
		word |= (uint64_t)at[i] << (8 * i);
	return word;
}

static inline void fake_hash_word(struct fake_hash *h, uint64_t word, size_t index)
{
	uint64_t lane = (h->lane[index & 3] ^ word) * 0x9e3779b97f4a7c15ull;

	h->lane[index & 3] = lane << 29 | lane >> 35;
}

static inline struct fake_hash fake_hash_start(uint64_t key)
{
	return (struct fake_hash){
		.lane = { key, key ^ 0x243f6a8885a308d3ull, ~key, key * 0xff51afd7ed558ccdull },
	};
}

static inline void fake_hash_add(struct fake_hash *h, struct slice bytes)
{
	unsigned shift = (unsigned)(h->len & 7) * 8;
	size_t index = (size_t)(h->len / 8);
	size_t at = 0;

	for (; at + 8 <= bytes.len; at += 8) {
		uint64_t word = fake_hash_load(bytes.data + at);

		fake_hash_word(h, h->tail | word << shift, index++);
		h->tail = shift == 0 ? 0 : word >> (64 - shift);
	}
	for (; at < bytes.len; at++) {
		h->tail |= (uint64_t)bytes.data[at] << shift;
		shift += 8;
		if (shift < 64)
			continue;
		fake_hash_word(h, h->tail, index++);
		h->tail = 0;
		shift = 0;
	}
	h->len += bytes.len;
}

static inline void fake_hash_end(struct fake_hash *h, uint8_t out[FAKE_DIGEST])
{
	uint64_t mix = h->len;

	fake_hash_word(h, h->tail, (size_t)(h->len / 8));
	for (size_t round = 0; round < 8; round++) {
		mix ^= h->lane[round & 3];
		mix ^= mix >> 33;
		mix *= 0xff51afd7ed558ccdull;
		mix ^= mix >> 29;
		if (round >= 4)
			for (size_t i = 0; i < 8; i++)
				out[(round - 4) * 8 + i] = (uint8_t)(mix >> (8 * i));
	}
}

#endif
