/* SPDX-License-Identifier: MIT */
/* R1s made in advance (RFC 7401 4.1.4, 6.7.1, appendix A): one for each DH group and each difficulty, signed once a
 * generation. An I1 costs a copy and one MAC and leaves nothing behind: the puzzle's I is a MAC over what the I2 will
 * say again. */
#ifndef USAGE_HIP_HIP_R1_POOL_H
#define USAGE_HIP_HIP_R1_POOL_H

#include "usage/hip/hip_internal.h"

#define HIP_R1_GENERATION_S 128    /* offered so long, accepted twice as long */
#define HIP_R1_PUZZLE_LIFETIME 39  /* 2^(39 - 32) s */
#define HIP_R1_USED_MAX 4096       /* accepted I2s remembered in one generation; then the next one begins */

struct hip_r1_generation;

/* Writes the R1 that answers an I1 with these groups: the first own one that is among them, else the first own one.
 * `known`: the initiator is, and gets the easier puzzle. ERR_KEY, ERR_UNSUPPORTED. */
int MUST_CHECK hip_r1_pool_answer(struct hip_r1_pool *pool, struct now now, const struct hip_path *path,
				  const struct hit *initiator, const struct hip_list *groups, bool known,
				  struct writer *w);

/* What an I2's solution was found to belong to; borrowed until the next call. */
struct hip_r1_match {
	struct hip_r1_generation *generation;
	const struct host_dh *dh;
};
/* The I is ours, for this initiator on this path, and J solves it. `counter`: NULL when the I2 has no R1_COUNTER.
 * ERR_DUPLICATE: of a generation that is over (or never was); ERR_SIGNATURE: not our puzzle, or not solved. */
int MUST_CHECK hip_r1_pool_check(struct hip_r1_pool *pool, struct now now, const struct hip_path *path,
				 const struct hit *initiator, const uint64_t *counter, uint8_t group,
				 const struct hip_solution *solution, struct hip_r1_match *out);
/* An I2 is taken once: its keys would be the same again. `mark` names it: a digest over solution and public value. */
bool hip_r1_pool_is_used(const struct hip_r1_match *match, struct slice mark);
void hip_r1_pool_use(struct hip_r1_pool *pool, const struct hip_r1_match *match, struct slice mark);

/* What R1s say changed (locators): they are made anew, with the same keys and puzzles. */
void hip_r1_pool_change(struct hip_r1_pool *pool);

#endif
