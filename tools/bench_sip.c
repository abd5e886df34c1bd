/* SPDX-License-Identifier: MIT */
#include "tools/bench_sip.h"

#include <string.h>
#include <unistd.h>

#include "tools/bench_phone.h"

size_t bench_sip_register(struct bench_ring *ring, size_t rounds, struct bench_samples *out)
{
	size_t failed = 0;

	for (size_t i = 0; i < rounds; i++) {
		struct bench_phone p;
		double start;

		if (!bench_phone_open(&p, &ring->peers[i % ring->count]))
			return rounds - i;
		start = bench_seconds();
		if (bench_phone_register(&p, 600) == 200)
			bench_samples_add(out, (bench_seconds() - start) * 1000);
		else
			failed++;
		if (bench_phone_register(&p, 0) != 200)
			failed++;
		close(p.socket);
	}
	return failed;
}

/* One call; its set-up time in ms, or a negative number. */
static double call_once(struct bench_phone *caller, struct bench_phone *callee, unsigned call)
{
	char text[BENCH_SIP_MAX], request[BENCH_SIP_MAX];
	double start = bench_seconds(), took = -1;
	size_t len;
	int status;

	bench_phone_invite(caller, callee->peer->user, call, "");
	do {
		len = bench_phone_receive(callee, request, BENCH_ANSWER_TIMEOUT_S);
	} while (len > 0 && strncmp(request, "INVITE ", 7) != 0);
	if (len > 0)
		bench_phone_answer(callee, request, "");
	status = bench_phone_final(caller, text);
	if (status == 200)
		took = (bench_seconds() - start) * 1000;
	return took;
}

size_t bench_sip_call(struct bench_ring *ring, size_t rounds, struct bench_samples *out)
{
	size_t failed = 0;

	for (size_t i = 0; i < rounds; i++) {
		struct bench_phone caller, callee;
		double took;

		if (!bench_phone_open(&caller, &ring->peers[i % ring->count]) ||
		    !bench_phone_open(&callee, &ring->peers[(i + 1 + ring->count / 2) % ring->count]))
			return rounds - i;
		if (bench_phone_register(&callee, 600) != 200) {
			failed++;
		} else {
			took = call_once(&caller, &callee, (unsigned)i + 1);
			if (took >= 0) {
				bench_samples_add(out, took);
				bench_phone_acknowledge(&caller, &callee, (unsigned)i + 1);
			} else {
				failed++;
			}
			bench_phone_register(&callee, 0);
		}
		close(caller.socket);
		close(callee.socket);
	}
	return failed;
}
