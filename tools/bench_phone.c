/* SPDX-License-Identifier: MIT */
#include "tools/bench_phone.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

bool bench_phone_open(struct bench_phone *p, struct bench_peer *peer)
{
	struct sockaddr_in here = { .sin_family = AF_INET }, proxy = { .sin_family = AF_INET };
	socklen_t size = sizeof(here);

	inet_pton(AF_INET, "127.0.0.1", &here.sin_addr);
	inet_pton(AF_INET, peer->address, &proxy.sin_addr);
	proxy.sin_port = htons(5060);
	p->peer = peer;
	p->sequence = 0;
	p->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (p->socket < 0 || bind(p->socket, (struct sockaddr *)&here, sizeof(here)) != 0 ||
	    connect(p->socket, (struct sockaddr *)&proxy, sizeof(proxy)) != 0 ||
	    getsockname(p->socket, (struct sockaddr *)&here, &size) != 0) {
		perror("peal-bench: a phone's socket");
		return false;
	}
	p->port = ntohs(here.sin_port);
	return true;
}

static void phone_send(const struct bench_phone *p, const char *text, int len)
{
	if (send(p->socket, text, (size_t)len, 0) != len)
		perror("peal-bench: sending SIP");
}

size_t bench_phone_receive(const struct bench_phone *p, char *text, double seconds)
{
	struct pollfd poll_one = { .fd = p->socket, .events = POLLIN };
	ssize_t got;

	if (poll(&poll_one, 1, (int)(seconds * 1000)) <= 0)
		return 0;
	got = recv(p->socket, text, BENCH_SIP_MAX - 1, 0);
	if (got <= 0)
		return 0;
	text[got] = '\0';
	return (size_t)got;
}

int bench_phone_final(const struct bench_phone *p, char *text)
{
	double end = bench_seconds() + BENCH_ANSWER_TIMEOUT_S;

	while (bench_seconds() < end) {
		int status;

		if (bench_phone_receive(p, text, end - bench_seconds()) == 0)
			return 0;
		if (strncmp(text, "SIP/2.0 ", 8) != 0)
			continue;
		status = (int)strtol(text + 8, NULL, 10);
		if (status >= 200)
			return status;
	}
	return 0;
}

int bench_phone_register(struct bench_phone *p, unsigned expires)
{
	char text[BENCH_SIP_MAX];
	int len = snprintf(text, sizeof(text),
			   "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;rport;branch=z9hG4bK-r%u-%u\r\n"
			   "From: <sip:%s>;tag=b%u\r\nTo: <sip:%s>\r\nCall-ID: bench-register-%u\r\n"
			   "CSeq: %u REGISTER\r\nContact: <sip:bench@127.0.0.1:%u>;expires=%u\r\n"
			   "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
			   BENCH_OVERLAY, p->port, p->port, p->sequence + 1, p->peer->user, p->port,
			   p->peer->user, p->port, p->sequence + 1, p->port, expires);

	p->sequence++;
	phone_send(p, text, len);
	return bench_phone_final(p, text);
}

static const char *body_type(const char *sdp)
{
	return sdp[0] == '\0' ? "" : "Content-Type: application/sdp\r\n";
}

/* Appends all lines of `from` that begin with `name`, in order. */
static size_t copy_headers(char *to, size_t len, const char *from, const char *name)
{
	for (const char *line = from; line != NULL && *line != '\0';) {
		const char *end = strstr(line, "\r\n");
		size_t size = end == NULL ? strlen(line) : (size_t)(end - line) + 2;

		if (strncasecmp(line, name, strlen(name)) == 0 && len + size < BENCH_SIP_MAX) {
			memcpy(to + len, line, size);
			len += size;
		}
		line = end == NULL ? NULL : end + 2;
	}
	return len;
}

void bench_phone_answer(const struct bench_phone *p, const char *request, const char *sdp)
{
	static const char *const copied[] = { "Via:", "Record-Route:", "From:", "Call-ID:", "CSeq:" };
	char text[BENCH_SIP_MAX] = "SIP/2.0 200 OK\r\n", to[BENCH_SIP_MAX];
	size_t len = strlen(text), to_len = copy_headers(to, 0, request, "To:");

	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
		len = copy_headers(text, len, request, copied[i]);
	if (to_len >= 2) {
		to[to_len - 2] = '\0';
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s\r\n", to,
					strstr(to, "tag=") == NULL ? ";tag=callee" : "");
	}
	len += (size_t)snprintf(text + len, sizeof(text) - len,
				"Contact: <sip:bench@127.0.0.1:%u>\r\n%sContent-Length: %zu\r\n\r\n%s", p->port,
				body_type(sdp), strlen(sdp), sdp);
	phone_send(p, text, (int)len);
}

void bench_phone_invite(const struct bench_phone *p, const char *callee, unsigned call, const char *sdp)
{
	char text[BENCH_SIP_MAX];
	int len = snprintf(text, sizeof(text),
			   "INVITE sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;rport;branch=z9hG4bK-i%u-%u\r\n"
			   "From: <sip:%s>;tag=a%u\r\nTo: <sip:%s>\r\nCall-ID: bench-call-%u-%u\r\n"
			   "CSeq: 1 INVITE\r\nContact: <sip:bench@127.0.0.1:%u>\r\nMax-Forwards: 70\r\n"
			   "%sContent-Length: %zu\r\n\r\n%s",
			   callee, p->port, p->port, call, p->peer->user, call, callee, p->port, call, p->port,
			   body_type(sdp), strlen(sdp), sdp);

	phone_send(p, text, len);
}

void bench_phone_acknowledge(const struct bench_phone *caller, const struct bench_phone *callee, unsigned call)
{
	char text[BENCH_SIP_MAX];
	int len = snprintf(text, sizeof(text),
			   "ACK sip:bench@127.0.0.1:%u SIP/2.0\r\n"
			   "Via: SIP/2.0/UDP 127.0.0.1:%u;rport;branch=z9hG4bK-a%u-%u\r\n"
			   "From: <sip:%s>;tag=a%u\r\nTo: <sip:%s>;tag=callee\r\nCall-ID: bench-call-%u-%u\r\n"
			   "CSeq: 1 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
			   callee->port, caller->port, caller->port, call, caller->peer->user, call,
			   callee->peer->user, caller->port, call);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)callee->port) };

	/* Straight to the phone: the time of a call's end is not measured, and both are on this machine. */
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	if (sendto(caller->socket, text, (size_t)len, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		perror("peal-bench: ACK");
}

