/* SPDX-License-Identifier: MIT */
/* What this node has seen of others while requests went through its hands: symmetric recursive routing shows
 * every hop whether an answer came back. Kept locally, told to nobody, and used for choices alone: which of
 * several good next hops to take, and how thoroughly to check a "nothing there". */
#ifndef OVERLAY_EVIDENCE_H
#define OVERLAY_EVIDENCE_H

#include "overlay/base/instant.h"
#include "overlay/wire/destination.h"
#include "overlay/wire/method.h"

struct peer;

#define EVIDENCE_NODES_MAX 128     /* nodes remembered; the one longest without news goes first */
#define EVIDENCE_PENDING_MAX 1024  /* requests watched */
#define EVIDENCE_PPM 1000000u      /* trust: parts per million */
#define EVIDENCE_CHOICES_MAX 4     /* next hops to choose from */

void evidence_new(struct peer *p);
void evidence_free(struct peer *p);

/* True for requests that count: what others want of the overlay, not what keeps it in shape, for whoever harms the
 * first does the second well, or it would not stay in our tables. And only what goes to a Resource-ID, by hops of each
 * node's choice: what is sent to a certain node by a certain way fails by that node or that way. */
bool evidence_counts(enum method method, struct slice destinations);

/* A request, our own or another's, went to `hop`; an answer came from it, perhaps to that one. A request that
 * was not answered in time speaks against the hop. */
void evidence_sent(struct peer *p, struct now now, uint64_t transaction_id, const struct node_id *hop);
void evidence_answered(struct peer *p, struct now now, uint64_t transaction_id, const struct node_id *hop);

/* Something was seen of the node itself: its answer was proved right or wrong by another's. */
void evidence_note(struct peer *p, struct now now, const struct node_id *node, bool good);

/* By this hop we got an answer that was proved false. It counts as much as several answers of others that passed, of
 * which nobody knows here what they were worth. */
void evidence_caught(struct peer *p, struct now now, const struct node_id *hop);

/* The expectation of subjective logic, E = b + a*u with a = 1/2: (r + 1) / (r + s + 2), in parts per million,
 * from r good and s bad events, of which 0.995 stay with each new one and half after ten minutes. */
uint32_t evidence_trust(const struct peer *p, const struct node_id *node);

/* Which of the next hops to take: the first, unless it is in doubt and another is trusted clearly more. */
size_t evidence_choose(const struct peer *p, const struct node_id *hops, size_t count);

/* A lookup of ours had to ask further because somebody withheld or forged something; or it went well. */
void evidence_lookup(struct peer *p, struct now now, bool good);
/* Fifty lookups or more went well, and hardly any did not: what is told may be checked less thoroughly. Who has seen
 * little knows little. */
bool evidence_is_calm(const struct peer *p);

/* How long an answer from across the overlay takes, and how long to wait for one before another way is tried
 * as well. */
void evidence_round_trip(struct peer *p, struct duration measured);
struct duration evidence_patience(const struct peer *p);

#endif
