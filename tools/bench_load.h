/* SPDX-License-Identifier: MIT */
/* Load on a ring through the control sockets of its peers, and the figures it gives. */
#ifndef TOOLS_BENCH_LOAD_H
#define TOOLS_BENCH_LOAD_H

#include "tools/bench_ring.h"

/* Milliseconds, collected one by one. */
struct bench_samples {
	double *ms; /* owned */
	size_t count;
	size_t room;
};

void bench_samples_add(struct bench_samples *s, double ms);
void bench_samples_free(struct bench_samples *s);
/* The value below which the share `part` (0 to 1) of the samples lies; sorts them. 0 without samples. */
double bench_samples_quantile(struct bench_samples *s, double part);

struct bench_load {
	const char *name;      /* "store" or "fetch": the control command */
	size_t connections;    /* to each peer, one command outstanding on each */
	double seconds;        /* how long commands are sent */
	size_t commands_max;   /* or until this many were; 0: no bound */
};

struct bench_load_result {
	size_t done;
	size_t failed;
	double seconds;
	double cpu_s;                  /* of all peers together */
	struct bench_samples overlay;  /* as the peer measured its request */
	struct bench_samples caller;   /* as the control client saw it */
};

/* Stores: each peer its own user's registration. Fetches: a random user's from each peer. False when no
 * connection can be made. The result's samples are owned by the caller. */
bool bench_load_run(struct bench_ring *ring, const struct bench_load *load, struct bench_load_result *out);

/* The same, with commands only from peer `from`; the CPU counted is still that of all. */
bool bench_load_run_from(struct bench_ring *ring, size_t from, const struct bench_load *load,
			 struct bench_load_result *out);

#endif
