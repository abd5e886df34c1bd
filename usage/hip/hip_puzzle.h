/* SPDX-License-Identifier: MIT */
/* The puzzle (RFC 7401 4.1.2, 6.3): the low-order K bits of RHASH(I | HIT-I | HIT-R | J) are zero. A search goes in
 * steps, so that a hard one does not hold up everything else. */
#ifndef USAGE_HIP_HIP_PUZZLE_H
#define USAGE_HIP_HIP_PUZZLE_H

#include "overlay/host_security.h"
#include "overlay/wire/hip_parameter.h"

struct hip_puzzle_search {
	enum hit_suite rhash; /* of the Responder's HIT */
	uint8_t k;
	size_t len;           /* of I and J: that of RHASH */
	uint8_t i[HIP_RHASH_MAX], j[HIP_RHASH_MAX];
	struct hit initiator, responder;
};

/* J begins at a random place. `i` has the length of RHASH. */
void hip_puzzle_search_begin(struct hip_puzzle_search *s, const struct host_security *security, enum hit_suite rhash,
			     uint8_t k, struct slice i, const struct hit *initiator, const struct hit *responder);
/* Tries at most `attempts` values. True: `j` solves it. */
bool hip_puzzle_search_step(struct hip_puzzle_search *s, const struct host_security *security, unsigned attempts);

/* One hash. False also for an I or J of another length, and a K that RHASH has no bits for. */
bool hip_puzzle_is_solved(const struct host_security *security, enum hit_suite rhash, const struct hip_solution *x,
			  const struct hit *initiator, const struct hit *responder);

#endif
