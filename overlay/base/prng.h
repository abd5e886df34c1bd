/* SPDX-License-Identifier: MIT */
/* xoshiro256**: jitter and finger choice, never secrets. Seeded by whoever makes the peer. */
#ifndef OVERLAY_BASE_PRNG_H
#define OVERLAY_BASE_PRNG_H

#include <stdint.h>

struct prng {
	uint64_t s[4];
};

void prng_seed(struct prng *p, uint64_t seed);
uint64_t prng_next(struct prng *p);

/* Uniform in [0, bound); bound > 0. */
uint64_t prng_below(struct prng *p, uint64_t bound);

#endif
