/* SPDX-License-Identifier: MIT */
#include "tools/bench_exchange.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "overlay/wire/hip_parameter.h"

#define MARKER 4 /* zero bytes before HIP in UDP */
#define BURST_MS 1

/* Shared with the thread that floods. */
struct flood {
	int socket;
	struct hit target;
	double rate;
	atomic_bool stops;
	atomic_size_t sent, received;
};

static bool peer_hit(struct bench_peer *peer, struct hit *out)
{
	json_t *hip = bench_control_ask(peer->control, "{\"command\":\"hip\"}");
	const char *text = json_string_value(json_object_get(hip, "hit"));
	bool ok = text != NULL && hit_parse(text, out) == 0;

	json_decref(hip);
	return ok;
}

/* Milliseconds of a fresh base exchange; negative: there was none. */
static double exchange(struct bench_peer *from, const struct hit *to)
{
	char text[HIT_TEXT_SIZE], request[128];
	double took = -1;
	json_t *result;

	snprintf(request, sizeof(request), "{\"command\":\"hip_ping\",\"target\":\"%s\"}", hit_text(to, text));
	result = bench_control_ask(from->control, request);
	if (json_is_number(json_object_get(result, "exchange_ms")))
		took = json_number_value(json_object_get(result, "exchange_ms"));
	json_decref(result);
	return took;
}

static size_t i1_put(const struct hit *to, uint8_t *out, size_t size)
{
	static const struct hip_list groups = { { 7, 4, 3 }, 3 };
	struct writer w = writer_of(out + MARKER, size - MARKER);
	struct hit from = { { 0x20, 0x01, 0x00, 0x22 } };

	memset(out, 0, MARKER);
	if (getrandom(from.bytes + 4, sizeof(from.bytes) - 4, 0) < 0)
		return 0;
	hip_packet_begin(&w, HIP_I1, 0, &from, to);
	hip_dh_group_list_put(&w, &groups);
	hip_padding_put(&w, 512);
	hip_packet_end(&w);
	return w.err == 0 ? MARKER + w.len : 0;
}

static void *flood_run(void *argument)
{
	const struct timespec pause = { .tv_nsec = BURST_MS * 1000000 };
	struct flood *f = argument;
	double start = bench_seconds();
	uint8_t packet[1024], answer[2048];
	size_t sent = 0;

	while (!atomic_load(&f->stops)) {
		size_t due = (size_t)((bench_seconds() - start) * f->rate);

		for (; sent < due; sent++) {
			size_t len = i1_put(&f->target, packet, sizeof(packet));

			if (len == 0 || send(f->socket, packet, len, MSG_DONTWAIT) < 0)
				break;
			atomic_fetch_add(&f->sent, 1);
		}
		while (recv(f->socket, answer, sizeof(answer), MSG_DONTWAIT) > 0)
			atomic_fetch_add(&f->received, 1);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static bool flood_open(struct flood *f, const struct bench_ring *ring)
{
	struct sockaddr_in here = { .sin_family = AF_INET }, there = { .sin_family = AF_INET };
	char text[32];

	snprintf(text, sizeof(text), "127.%u.%u.240", ring->subnet[0], ring->subnet[1]);
	inet_pton(AF_INET, text, &here.sin_addr);
	inet_pton(AF_INET, ring->peers[0].address, &there.sin_addr);
	there.sin_port = htons(HIP_UDP_PORT);
	f->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (f->socket >= 0 && bind(f->socket, (struct sockaddr *)&here, sizeof(here)) == 0 &&
	    connect(f->socket, (struct sockaddr *)&there, sizeof(there)) == 0)
		return true;
	perror("peal-bench: the flooding socket");
	return false;
}

static void exchanges(struct bench_ring *ring, size_t first, size_t end, const struct hit *to,
		      struct bench_samples *samples, size_t *failed)
{
	for (size_t i = first; i < end; i++) {
		double took = exchange(&ring->peers[i], to);

		if (took >= 0)
			bench_samples_add(samples, took);
		else
			(*failed)++;
	}
}

static bool flooded(struct bench_ring *ring, struct flood *f, struct bench_exchange_result *out)
{
	struct bench_usage before, after;
	double start = bench_seconds();
	pthread_t thread;

	bench_usage_read(ring->peers[0].process, &before);
	if (pthread_create(&thread, NULL, flood_run, f) != 0)
		return false;
	/* A second of flood before the first honest one, so that every bucket is empty. */
	while (bench_seconds() < start + 1) {
		const struct timespec pause = { .tv_nsec = 10000000 };

		nanosleep(&pause, NULL);
	}
	exchanges(ring, 1 + (ring->count - 1) / 2, ring->count, &f->target, &out->flooded, &out->failed);
	atomic_store(&f->stops, true);
	pthread_join(thread, NULL);
	bench_usage_read(ring->peers[0].process, &after);
	out->flood_rate = (double)f->sent / (bench_seconds() - start);
	if (f->sent > 0) {
		out->cpu_us = (after.cpu_s - before.cpu_s) * 1e6 / (double)f->sent;
		out->answered = (double)f->received / (double)f->sent;
	}
	return true;
}

bool bench_exchange_run(struct bench_ring *ring, double rate, struct bench_exchange_result *out)
{
	struct flood f = { .rate = rate };
	bool ok;

	*out = (struct bench_exchange_result){ 0 };
	if (!peer_hit(&ring->peers[0], &f.target)) {
		fputs("peal-bench: the first peer has no Host Identity\n", stderr);
		return false;
	}
	exchanges(ring, 1, 1 + (ring->count - 1) / 2, &f.target, &out->quiet, &out->failed);
	ok = flood_open(&f, ring) && flooded(ring, &f, out);
	if (f.socket >= 0)
		close(f.socket);
	return ok;
}
