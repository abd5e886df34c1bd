/* SPDX-License-Identifier: MIT */
/* What an edge remembers of two hosts that talk through it: by which path each was heard last, so that replies
 * go back the way they came; what was asked of whom, so that no host gets more than it asked for; and when the
 * last I1 came, so that the race of an initiator's channels ends in one I1. */
#ifndef USAGE_HIP_HIP_PAIR_H
#define USAGE_HIP_HIP_PAIR_H

#include "usage/hip/hip_internal.h"

#define HIP_PAIR_IDLE_S 120      /* without a packet */
#define HIP_PAIRS_MAX 8192
#define HIP_PAIRS_SOURCE_MAX 512 /* that one source may have begun: its own oldest gives way */
#define HIP_ASKED_MAX 4          /* edges that an I1 of one pair went to */
#define HIP_REPEAT_MS 1000       /* a second I1 by another channel is the same attempt */
/* By the same channel it is a repetition of the host's own, which only a hasty one sends sooner than this. */
#define HIP_REPEAT_SAME_MS 500

struct hip_pair_source;

/* One of the two hosts. */
struct hip_end {
	struct hit hit;
	struct hip_path path;  /* by which it was heard; channel NONE: not yet */
	/* R1s that may go there: one for each I1 that came from there, so that a forged source address gains no
	 * more than one R1 for one I1 (and no other packet, before it has sent something else than I1s). */
	uint8_t r1_credit;
	bool spoke;            /* something else than an I1 */
};

/* An edge to which an I1 was carried, and whether its R1 is still to come. */
struct hip_asked {
	struct node_id edge;
	bool waits;
};

struct hip_pair {
	struct hip_pair *older, *newer;               /* of all, by last use */
	struct hip_pair *source_older, *source_newer; /* of those its source began */
	struct hip_pair_source *source;
	struct hip_end ends[2];    /* the smaller HIT first */
	uint8_t initiator;         /* index of who sent the first packet, or the latest I1 */
	struct instant used;
	struct instant i1_at;      /* the latest I1 let through, and by what it came */
	struct hip_path i1_path;
	unsigned i1_count, rounds; /* I1s let through; I1s sent into the ring */
	bool through;              /* RVS mode: the responder was given this edge's own address as FROM */
	bool answered;             /* an R1 came back */
	struct hip_asked asked[HIP_ASKED_MAX];
	size_t asked_count;
};

struct hip_pairs;
struct hip_pairs *hip_pairs_new(uint64_t seed);
void hip_pairs_free(struct hip_pairs *t);
size_t hip_pairs_count(const struct hip_pairs *t);

/* The pair, unless it was idle for too long; NULL: none. */
struct hip_pair *hip_pair_find(struct hip_pairs *t, struct now now, const struct hit *a, const struct hit *b);
/* The pair, begun when there is none by the source of `path`. */
struct hip_pair *hip_pair_touch(struct hip_pairs *t, struct now now, const struct hit *sender,
				const struct hit *receiver, const struct hip_path *path);

struct hip_end *hip_pair_end(struct hip_pair *pair, const struct hit *hit);
/* An I1 of this pair came by `path`: true when it is let through, and is from now on the latest. */
bool hip_pair_admit_i1(struct hip_pair *pair, struct now now, const struct hit *initiator,
		       const struct hip_path *path);
/* An I1 goes to `edge`; later an R1 comes from there: false when none was asked for. */
void hip_pair_asked(struct hip_pair *pair, const struct node_id *edge);
bool hip_pair_was_asked(struct hip_pair *pair, const struct node_id *edge);

#endif
