/* SPDX-License-Identifier: MIT */
/* A ring of real processes on loopback for measuring: peal-enroll and N peald, each an address of its own. */
#ifndef TOOLS_BENCH_RING_H
#define TOOLS_BENCH_RING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define BENCH_PEERS_MAX 128
#define BENCH_OVERLAY "bench.example"

struct bench_peer {
	pid_t process;
	int control;        /* connected control socket, or -1 */
	char folder[256];
	char address[20];   /* "127.x.y.n" */
	char user[80];      /* AOR */
	double join_ms;     /* from exec to joined */
};

struct bench_ring {
	char programs[256]; /* the build folder: holds node/peald and tools/; "": installed ones, by PATH */
	char folder[200];   /* everything lives here; removed at the end */
	const char *links;  /* "tls" or "dtls" */
	const char *storage; /* "sqlite" or "memory" */
	bool no_hip;         /* peers without Host Identity: media as the phones send it */
	unsigned subnet[2];
	pid_t enroll;
	struct bench_peer peers[BENCH_PEERS_MAX];
	size_t count;
};

/* CPU and memory of a process, read from /proc. */
struct bench_usage {
	double cpu_s;       /* user and system */
	double rss_mib;
	double private_mib; /* private dirty and clean pages */
};

/* Monotonic seconds. */
double bench_seconds(void);

/* Creates the overlay, enrols `count` users and starts their peers; waits until all have joined and the ring is
 * consistent. False, after a sentence on stderr, when a step fails. */
bool bench_ring_start(struct bench_ring *ring, size_t count);

/* Ends what was started and removes the folder. */
void bench_ring_stop(struct bench_ring *ring);

void bench_usage_read(pid_t process, struct bench_usage *out);

/* Connects to a peer's control socket; -1 when it does not listen. */
int bench_control_connect(const struct bench_peer *peer);

/* Sends one request line and waits for its result; NULL when it was refused. Owned by the caller. */
json_t *bench_control_ask(int control, const char *request);

#endif
