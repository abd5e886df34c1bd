/* SPDX-License-Identifier: MIT */
/* Just enough of a phone to time a proxy: one UDP socket, requests from templates, answers found by their first
 * line. */
#ifndef TOOLS_BENCH_PHONE_H
#define TOOLS_BENCH_PHONE_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/bench_ring.h"

#define BENCH_ANSWER_TIMEOUT_S 10.0
#define BENCH_SIP_MAX 4096 /* bytes of one message, NUL included */

struct bench_phone {
	int socket;
	unsigned port;
	struct bench_peer *peer; /* borrowed: whose proxy it uses, and whose user it is */
	unsigned sequence;
};

/* False, after a sentence on stderr. Closed with close(p->socket). */
bool bench_phone_open(struct bench_phone *p, struct bench_peer *peer);

/* The next message within `seconds`, NUL-terminated; its length, or 0. `text` has room for BENCH_SIP_MAX. */
size_t bench_phone_receive(const struct bench_phone *p, char *text, double seconds);
/* Waits for a final answer; its status, or 0. The message is left in `text`. */
int bench_phone_final(const struct bench_phone *p, char *text);

/* REGISTER; `expires` 0 removes. The final status. */
int bench_phone_register(struct bench_phone *p, unsigned expires);

/* An INVITE with number `call`; `sdp` (may be "") is its body. */
void bench_phone_invite(const struct bench_phone *p, const char *callee, unsigned call, const char *sdp);
/* Answers a request with 200, copying what an answer copies; `sdp` may be "". */
void bench_phone_answer(const struct bench_phone *p, const char *request, const char *sdp);
/* The ACK of call `call`, straight to the other phone: what follows a call's set-up is not measured. */
void bench_phone_acknowledge(const struct bench_phone *p, const struct bench_phone *callee, unsigned call);

#endif
