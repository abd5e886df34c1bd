/* SPDX-License-Identifier: MIT */
/* Each millisecond a twentieth of all streams sends its packet, so that the load is as even as that of real phones.
 * A packet carries the time at which it was sent; who receives it knows its delay. */
#include "tools/bench_media.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tools/bench_phone.h"

#define PACE_SLOTS 20   /* milliseconds between two packets of a stream */
#define RTP_HEADER 12
#define RTP_LENGTH (RTP_HEADER + 160)
#define RECEIVE_BUFFER (1 << 20)
#define DIRECT_SECONDS 2.0
#define DRAIN_SECONDS 1.0

/* One end of a call. */
struct end {
	int socket;
	uint16_t port;
	struct sockaddr_in to; /* where its proxy told it to send */
	uint16_t sequence;
};

struct load {
	struct end *ends; /* two for each call: caller, callee */
	size_t count;
	int epoll, timer;
	unsigned slot;
	size_t sent, received;
	struct bench_samples *delay;
};

static bool end_open(struct load *l, size_t place)
{
	struct sockaddr_in here = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = place };
	struct end *e = &l->ends[place];
	socklen_t size = sizeof(here);
	int room = RECEIVE_BUFFER;

	inet_pton(AF_INET, "127.0.0.1", &here.sin_addr);
	e->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (e->socket < 0 || bind(e->socket, (struct sockaddr *)&here, sizeof(here)) != 0 ||
	    getsockname(e->socket, (struct sockaddr *)&here, &size) != 0 ||
	    setsockopt(e->socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) != 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, e->socket, &event) != 0) {
		perror("peal-bench: a media socket");
		return false;
	}
	e->port = ntohs(here.sin_port);
	return true;
}

static void sdp_write(const struct end *e, char *text, size_t size)
{
	snprintf(text, size,
		 "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
		 "m=audio %u RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n", e->port);
}

/* Where the description in `message` wants media. */
static bool sdp_read(const char *message, struct sockaddr_in *to)
{
	const char *connection = strstr(message, "\r\nc=IN IP4 ");
	const char *media = strstr(message, "\r\nm=audio ");
	char address[64];

	*to = (struct sockaddr_in){ .sin_family = AF_INET };
	if (connection == NULL || media == NULL || sscanf(connection + 11, "%63[0-9.]", address) != 1 ||
	    inet_pton(AF_INET, address, &to->sin_addr) != 1)
		return false;
	to->sin_port = htons((uint16_t)strtoul(media + 10, NULL, 10));
	return to->sin_port != 0;
}

/* One call; its set-up time in ms, or a negative number. */
static double call_start(struct load *l, const struct bench_phone *caller, const struct bench_phone *callee,
			 unsigned call)
{
	struct end *from = &l->ends[2 * (size_t)call], *to = &l->ends[2 * (size_t)call + 1];
	char text[BENCH_SIP_MAX], sdp[512];
	double start = bench_seconds();
	size_t len;

	sdp_write(from, sdp, sizeof(sdp));
	bench_phone_invite(caller, callee->peer->user, call + 1, sdp);
	do {
		len = bench_phone_receive(callee, text, BENCH_ANSWER_TIMEOUT_S);
	} while (len > 0 && strncmp(text, "INVITE ", 7) != 0);
	if (len == 0 || !sdp_read(text, &to->to))
		return -1;
	sdp_write(to, sdp, sizeof(sdp));
	bench_phone_answer(callee, text, sdp);
	if (bench_phone_final(caller, text) != 200 || !sdp_read(text, &from->to))
		return -1;
	bench_phone_acknowledge(caller, callee, call + 1);
	return (bench_seconds() - start) * 1000;
}

static void packet_send(struct load *l, struct end *e)
{
	uint8_t packet[RTP_LENGTH] = { 0x80, 0, (uint8_t)(e->sequence >> 8), (uint8_t)e->sequence };
	double now = bench_seconds();

	e->sequence++;
	memcpy(packet + RTP_HEADER, &now, sizeof(now));
	if (sendto(e->socket, packet, sizeof(packet), 0, (struct sockaddr *)&e->to, sizeof(e->to)) ==
	    (ssize_t)sizeof(packet))
		l->sent++;
}

static void packets_receive(struct load *l, const struct end *e)
{
	uint8_t packet[RTP_LENGTH + 1];
	double at;

	while (recv(e->socket, packet, sizeof(packet), 0) == RTP_LENGTH) {
		memcpy(&at, packet + RTP_HEADER, sizeof(at));
		l->received++;
		bench_samples_add(l->delay, (bench_seconds() - at) * 1000);
	}
}

/* Sends while `sending`, and receives. */
static void pump(struct load *l, double seconds, bool sending)
{
	struct itimerspec pace = { .it_interval.tv_nsec = 1000000, .it_value.tv_nsec = 1000000 };
	struct epoll_event events[64];
	double until = bench_seconds() + seconds;
	uint64_t ticks;

	timerfd_settime(l->timer, 0, &pace, NULL);
	while (bench_seconds() < until) {
		int ready = epoll_wait(l->epoll, events, 64, 100);

		for (int i = 0; i < ready; i++) {
			if (events[i].data.u64 < l->count) {
				packets_receive(l, &l->ends[events[i].data.u64]);
				continue;
			}
			if (read(l->timer, &ticks, sizeof(ticks)) != sizeof(ticks))
				continue;
			for (; ticks > 0 && sending; ticks--, l->slot++)
				for (size_t k = l->slot % PACE_SLOTS; k < l->count; k += PACE_SLOTS)
					packet_send(l, &l->ends[k]);
		}
	}
}

static void pump_and_drain(struct load *l, double seconds, struct bench_samples *delay)
{
	l->delay = delay;
	l->sent = l->received = 0;
	pump(l, seconds, true);
	pump(l, DRAIN_SECONDS, false);
}

/* Straight from phone to phone: what the sockets and this process cost by themselves. */
static void measure_direct(struct load *l, struct bench_samples *delay)
{
	struct sockaddr_in *kept = calloc(l->count, sizeof(*kept));

	for (size_t i = 0; kept != NULL && i < l->count; i++) {
		kept[i] = l->ends[i].to;
		l->ends[i].to.sin_port = htons(l->ends[i ^ 1].port);
		inet_pton(AF_INET, "127.0.0.1", &l->ends[i].to.sin_addr);
	}
	if (kept != NULL)
		pump_and_drain(l, DIRECT_SECONDS, delay);
	for (size_t i = 0; kept != NULL && i < l->count; i++)
		l->ends[i].to = kept[i];
	free(kept);
}

static bool calls_start(struct load *l, const struct bench_phone *caller, const struct bench_phone *callee,
			struct bench_media_result *out)
{
	for (size_t i = 0; i < l->count / 2; i++) {
		double took = end_open(l, 2 * i) && end_open(l, 2 * i + 1)
				      ? call_start(l, caller, callee, (unsigned)i) : -1;

		if (took < 0) {
			fprintf(stderr, "peal-bench: call %zu was not set up\n", i + 1);
			return false;
		}
		bench_samples_add(&out->setup, took);
		out->calls++;
	}
	return true;
}

static void measure(struct load *l, struct bench_ring *ring, double seconds, struct bench_media_result *out)
{
	struct bench_usage before[2], after[2];

	measure_direct(l, &out->direct);
	for (size_t i = 0; i < 2; i++)
		bench_usage_read(ring->peers[1 + i].process, &before[i]);
	pump_and_drain(l, seconds, &out->delay);
	for (size_t i = 0; i < 2; i++) {
		bench_usage_read(ring->peers[1 + i].process, &after[i]);
		out->cpu_s[i] = after[i].cpu_s - before[i].cpu_s;
	}
	out->sent = l->sent;
	out->received = l->received;
	out->seconds = seconds;
}

bool bench_media_run(struct bench_ring *ring, size_t calls, double seconds, struct bench_media_result *out)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 2 * BENCH_CALLS_MAX };
	struct load l = { .count = 2 * calls, .epoll = epoll_create1(EPOLL_CLOEXEC),
			  .timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK) };
	struct bench_phone caller, callee;
	bool ok;

	*out = (struct bench_media_result){ 0 };
	l.ends = calloc(l.count, sizeof(*l.ends));
	for (size_t i = 0; l.ends != NULL && i < l.count; i++)
		l.ends[i].socket = -1;
	ok = l.ends != NULL && epoll_ctl(l.epoll, EPOLL_CTL_ADD, l.timer, &event) == 0 &&
	     bench_phone_open(&caller, &ring->peers[1]) && bench_phone_open(&callee, &ring->peers[2]) &&
	     bench_phone_register(&callee, 600) == 200 && calls_start(&l, &caller, &callee, out);
	if (ok) {
		measure(&l, ring, seconds, out);
		(void)bench_phone_register(&callee, 0);
	}
	for (size_t i = 0; l.ends != NULL && i < l.count; i++)
		if (l.ends[i].socket >= 0)
			close(l.ends[i].socket);
	free(l.ends);
	close(l.epoll);
	close(l.timer);
	return ok;
}
