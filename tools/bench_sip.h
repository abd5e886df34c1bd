/* SPDX-License-Identifier: MIT */
/* Phones made of one UDP socket each, for timing registrations and call set-up. */
#ifndef TOOLS_BENCH_SIP_H
#define TOOLS_BENCH_SIP_H

#include "tools/bench_load.h"

/* `rounds` registrations and removals at peers in turn: time from REGISTER to its 200, which waits for the
 * overlay's acknowledgement. Returns how many failed. */
size_t bench_sip_register(struct bench_ring *ring, size_t rounds, struct bench_samples *out);

/* `rounds` calls between phones of different peers: time from INVITE to its 200 at the caller, the callee
 * answering at once. Returns how many failed. */
size_t bench_sip_call(struct bench_ring *ring, size_t rounds, struct bench_samples *out);

#endif
