/* SPDX-License-Identifier: MIT */
/* Drives Store and Fetch through control sockets, one command at a time on each connection. */
#include "tools/bench_load.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "overlay/base/prng.h"

#define CONNECTIONS_MAX (BENCH_PEERS_MAX * 16)
#define LINE_MAX_BYTES 65536
#define FINISH_TIMEOUT_S 20.0 /* for the commands still out at the end */

struct connection {
	struct bench_peer *peer;
	double sent_at; /* 0: idle */
	size_t len;     /* bytes of `line` filled */
	char *line;     /* LINE_MAX_BYTES, owned */
};

struct run {
	struct bench_ring *ring;
	const struct bench_load *load;
	struct bench_load_result *out;
	struct connection connections[CONNECTIONS_MAX];
	struct pollfd polls[CONNECTIONS_MAX];
	size_t count;
	size_t outstanding;
	size_t sent;
	struct prng prng;
};

void bench_samples_add(struct bench_samples *s, double ms)
{
	if (s->count == s->room) {
		double *more;

		s->room = s->room == 0 ? 1024 : s->room * 2;
		more = realloc(s->ms, s->room * sizeof(*more));
		if (more == NULL)
			abort();
		s->ms = more;
	}
	s->ms[s->count++] = ms;
}

void bench_samples_free(struct bench_samples *s)
{
	free(s->ms);
	*s = (struct bench_samples){ 0 };
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_samples_quantile(struct bench_samples *s, double part)
{
	if (s->count == 0)
		return 0;
	qsort(s->ms, s->count, sizeof(*s->ms), compare);
	return s->ms[(size_t)(part * (double)(s->count - 1))];
}

static bool connect_some(struct run *run, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		for (size_t k = 0; k < run->load->connections; k++) {
			struct connection *c = &run->connections[run->count];
			int s = bench_control_connect(&run->ring->peers[i]);

			if (s < 0) {
				fprintf(stderr, "peal-bench: cannot connect to %s/control\n",
					run->ring->peers[i].folder);
				return false;
			}
			c->peer = &run->ring->peers[i];
			c->line = malloc(LINE_MAX_BYTES);
			if (c->line == NULL)
				abort();
			run->polls[run->count++] = (struct pollfd){ .fd = s, .events = POLLIN };
		}
	}
	return true;
}

static void disconnect_all(struct run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		close(run->polls[i].fd);
		free(run->connections[i].line);
	}
}

static void send_command(struct run *run, size_t i)
{
	struct connection *c = &run->connections[i];
	const char *target = c->peer->user;
	char line[512];
	int len;

	if (strcmp(run->load->name, "store") == 0) {
		len = snprintf(line, sizeof(line),
			       "{\"command\":\"store\",\"target\":\"%s\",\"kind\":\"SIP-REGISTRATION\","
			       "\"value\":\"sip:%s\",\"lifetime\":3600}\n", target, target);
	} else {
		target = run->ring->peers[prng_below(&run->prng, run->ring->count)].user;
		len = snprintf(line, sizeof(line),
			       "{\"command\":\"fetch\",\"target\":\"%s\",\"kind\":\"SIP-REGISTRATION\"}\n",
			       target);
	}
	if (write(run->polls[i].fd, line, (size_t)len) != len) {
		run->out->failed++;
		return;
	}
	c->sent_at = bench_seconds();
	run->outstanding++;
	run->sent++;
}

/* One line of an answer; true when it was the last one of its command. */
static bool take_line(struct run *run, struct connection *c, const char *line, size_t len)
{
	json_t *answer = json_loadb(line, len, 0, NULL);
	json_t *result = json_object_get(answer, "result");
	bool last = result != NULL || json_object_get(answer, "error") != NULL || answer == NULL;

	if (result != NULL) {
		run->out->done++;
		bench_samples_add(&run->out->caller, (bench_seconds() - c->sent_at) * 1000);
		bench_samples_add(&run->out->overlay,
				  json_number_value(json_object_get(result, "round_trip_ms")));
	} else if (last) {
		run->out->failed++;
	}
	json_decref(answer);
	return last;
}

static void take_input(struct run *run, size_t i, bool send_more)
{
	struct connection *c = &run->connections[i];
	ssize_t got = read(run->polls[i].fd, c->line + c->len, LINE_MAX_BYTES - c->len);
	char *end;

	if (got <= 0) {
		run->polls[i].fd = -1;
		run->outstanding--;
		run->out->failed++;
		return;
	}
	c->len += (size_t)got;
	while ((end = memchr(c->line, '\n', c->len)) != NULL) {
		size_t len = (size_t)(end - c->line) + 1;
		bool last = take_line(run, c, c->line, len);

		c->len -= len;
		memmove(c->line, c->line + len, c->len);
		if (last) {
			run->outstanding--;
			c->sent_at = 0;
			if (send_more)
				send_command(run, i);
		}
	}
}

static double ring_cpu_s(const struct bench_ring *ring)
{
	struct bench_usage usage;
	double sum = 0;

	for (size_t i = 0; i < ring->count; i++) {
		bench_usage_read(ring->peers[i].process, &usage);
		sum += usage.cpu_s;
	}
	return sum;
}

static void run_load(struct run *run)
{
	double start = bench_seconds(), cpu = ring_cpu_s(run->ring);
	double end = start + run->load->seconds, now = start;

	for (size_t i = 0; i < run->count; i++)
		send_command(run, i);
	while (run->outstanding > 0 && now < end + FINISH_TIMEOUT_S) {
		bool more = now < end &&
			    (run->load->commands_max == 0 || run->sent < run->load->commands_max);

		if (poll(run->polls, run->count, 100) < 0)
			break;
		for (size_t i = 0; i < run->count; i++)
			if ((run->polls[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
				take_input(run, i, more);
		now = bench_seconds();
	}
	run->out->failed += run->outstanding;
	run->out->seconds = now - start;
	run->out->cpu_s = ring_cpu_s(run->ring) - cpu;
}

static bool run_between(struct bench_ring *ring, size_t first, size_t end, const struct bench_load *load,
			struct bench_load_result *out)
{
	struct run *run = calloc(1, sizeof(*run));
	bool ok;

	if (run == NULL)
		abort();
	*out = (struct bench_load_result){ 0 };
	run->ring = ring;
	run->load = load;
	run->out = out;
	prng_seed(&run->prng, 1);
	ok = connect_some(run, first, end);
	if (ok)
		run_load(run);
	disconnect_all(run);
	free(run);
	return ok;
}

bool bench_load_run(struct bench_ring *ring, const struct bench_load *load, struct bench_load_result *out)
{
	return run_between(ring, 0, ring->count, load, out);
}

bool bench_load_run_from(struct bench_ring *ring, size_t from, const struct bench_load *load,
			 struct bench_load_result *out)
{
	return run_between(ring, from, from + 1, load, out);
}
