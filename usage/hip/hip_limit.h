/* SPDX-License-Identifier: MIT */
/* What a source or a HIT may ask for: so many at once, then so many in each second. */
#ifndef USAGE_HIP_HIP_LIMIT_H
#define USAGE_HIP_HIP_LIMIT_H

#define HIP_LIMIT_BUCKETS_MAX 4096 /* of one kind; the one unused for the longest gives way */

/* The I1s of one source: an eighth of what all sources together may send to one HIT, so that a source alone
 * cannot use up what a HIT has. */
#define HIP_I1_SOURCE_BURST 64
#define HIP_I1_SOURCE_PER_S 32
#define HIP_I1_HIT_BURST 512
#define HIP_I1_HIT_PER_S 256
/* Each I2 costs a Diffie-Hellman. */
#define HIP_I2_SOURCE_BURST 32
#define HIP_I2_SOURCE_PER_S 16
/* All packets that one edge (or one host, through this edge) has carried. */
#define HIP_CARRY_SOURCE_BURST 1024
#define HIP_CARRY_SOURCE_PER_S 256
#define HIP_NOTIFY_BURST 8
#define HIP_NOTIFY_PER_S 2

#endif
