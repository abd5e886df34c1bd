/* SPDX-License-Identifier: MIT */
/* HIP base exchanges with one peer, in quiet and while I1s pour in on it. */
#ifndef TOOLS_BENCH_EXCHANGE_H
#define TOOLS_BENCH_EXCHANGE_H

#include "tools/bench_load.h"

struct bench_exchange_result {
	struct bench_samples quiet, flooded; /* a base exchange, as its initiator measured it */
	size_t failed;
	double flood_rate;   /* I1s sent a second */
	double answered;     /* datagrams that came back to the flooding address, for each I1 */
	double cpu_us;       /* of the flooded peer, for each I1 */
};

/* Every other peer makes one exchange with the first: half of them in quiet, half while one address sends `rate` I1s a
 * second, each from another HIT. False, after a sentence on stderr, when nothing could be measured. */
bool bench_exchange_run(struct bench_ring *ring, double rate, struct bench_exchange_result *out);

#endif
