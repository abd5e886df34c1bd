/* SPDX-License-Identifier: MIT */
/* Puzzles: searching and checking. */
#include "usage/hip/hip_puzzle.h"

#include "overlay/base/invariant.h"

static bool hip_puzzle_fits(const struct host_security *security, enum hit_suite rhash, uint8_t k, struct slice i,
			    struct slice j, const struct hit *initiator, const struct hit *responder)
{
	const struct slice parts[] = { i, slice_of(initiator->bytes, HIT_LENGTH),
				       slice_of(responder->bytes, HIT_LENGTH), j };
	uint8_t digest[HOST_DIGEST_MAX];
	size_t len = security->ops->digest(security->ctx, rhash, parts, 4, digest);

	if (len == 0 || k > 8 * len)
		return false;
	for (; k >= 8; k = (uint8_t)(k - 8))
		if (digest[--len] != 0)
			return false;
	return k == 0 || (digest[len - 1] & ((1u << k) - 1)) == 0;
}

void hip_puzzle_search_begin(struct hip_puzzle_search *s, const struct host_security *security, enum hit_suite rhash,
			     uint8_t k, struct slice i, const struct hit *initiator, const struct hit *responder)
{
	invariant(i.len > 0 && i.len <= HIP_RHASH_MAX && i.len == host_digest_length(rhash));
	*s = (struct hip_puzzle_search){ .rhash = rhash, .k = k, .len = i.len, .initiator = *initiator,
					 .responder = *responder };
	memcpy(s->i, i.data, i.len);
	security->ops->random(security->ctx, s->j, s->len);
}

/* J as a number, modulo its length. */
static void hip_puzzle_next(struct hip_puzzle_search *s)
{
	for (size_t at = s->len; at-- > 0;)
		if (++s->j[at] != 0)
			return;
}

bool hip_puzzle_search_step(struct hip_puzzle_search *s, const struct host_security *security, unsigned attempts)
{
	for (unsigned n = 0; n < attempts; n++) {
		if (hip_puzzle_fits(security, s->rhash, s->k, slice_of(s->i, s->len), slice_of(s->j, s->len),
				    &s->initiator, &s->responder))
			return true;
		hip_puzzle_next(s);
	}
	return false;
}

bool hip_puzzle_is_solved(const struct host_security *security, enum hit_suite rhash, const struct hip_solution *x,
			  const struct hit *initiator, const struct hit *responder)
{
	size_t len = host_digest_length(rhash);

	return len > 0 && x->i.len == len && x->j.len == len &&
	       hip_puzzle_fits(security, rhash, x->k, x->i, x->j, initiator, responder);
}
