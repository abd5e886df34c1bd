/* SPDX-License-Identifier: MIT */
/* xoshiro256** (Blackman and Vigna), seeded through splitmix64. */
#include "overlay/base/prng.h"

#include "overlay/base/invariant.h"

static uint64_t prng_splitmix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void prng_seed(struct prng *p, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		p->s[i] = prng_splitmix(&seed);
}

static uint64_t prng_rotate(uint64_t v, int bits)
{
	return v << bits | v >> (64 - bits);
}

uint64_t prng_next(struct prng *p)
{
	uint64_t result = prng_rotate(p->s[1] * 5, 7) * 9;
	uint64_t t = p->s[1] << 17;

	p->s[2] ^= p->s[0];
	p->s[3] ^= p->s[1];
	p->s[1] ^= p->s[2];
	p->s[0] ^= p->s[3];
	p->s[2] ^= t;
	p->s[3] = prng_rotate(p->s[3], 45);
	return result;
}

uint64_t prng_below(struct prng *p, uint64_t bound)
{
	uint64_t unfair, v;

	invariant(bound > 0);
	/* 2^64 mod bound: numbers below it would favour small results. */
	unfair = -bound % bound;
	do
		v = prng_next(p);
	while (v < unfair);
	return v % bound;
}
