/* SPDX-License-Identifier: MIT */
/* Sockets for phones. What arrives on one is handed to the SIP usage as it came; TCP connections have numbers
 * with the top bit set, so that they never meet a link's. */
#include "node/sip_listener.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/app_link.h"
#include "node/connection.h"
#include "node/driver.h"
#include "node/stream_write.h"
#include "overlay/base/invariant.h"

#define STREAM_NUMBERS (1ull << 63)
#define BACKLOG 32
#define DATAGRAM_SIZE 65536

/* One address of sip-listen. */
struct sip_socket {
	struct node *node;
	struct address address;
	uv_udp_t udp;
	uv_tcp_t tcp;
};

/* One TCP connection. */
struct sip_stream {
	struct node *node;
	uv_tcp_t tcp;
	uv_connect_t connect;
	uint64_t number;
	struct address remote;
	bool failed, closing;
	struct sip_stream *next;
};

struct sip_listener {
	struct sip_socket sockets[4];
	size_t count;
	struct sip_stream *streams; /* list */
	size_t stream_count;
	uint64_t next_number;
	size_t handles; /* listening ones still open */
};

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct node *n = handle->loop->data;

	(void)suggested;
	*buffer = uv_buf_init((char *)n->connections.read_buffer, READ_BUFFER_SIZE);
}

static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buffer, const struct sockaddr *from,
			unsigned flags)
{
	struct sip_socket *s = udp->data;
	struct address remote;

	if (n <= 0 || from == NULL || s->node->sip == NULL)
		return;
	if ((flags & UV_UDP_PARTIAL) != 0) {
		peer_counters(s->node->peer)->sip_malformed++;
		return;
	}
	address_from_socket(from, &remote);
	sip_usage_datagram(s->node->sip, node_now(), &remote, slice_of(buffer->base, (size_t)n));
	driver_drain(s->node);
}

static struct sip_stream *stream_find(struct node *n, uint64_t number)
{
	struct sip_stream *s = n->sip_listener->streams;

	while (s != NULL && s->number != number)
		s = s->next;
	return s;
}

static void on_stream_closed(uv_handle_t *handle) { free(handle->data); }

static void stream_close(struct sip_stream *s)
{
	struct sip_stream **at = &s->node->sip_listener->streams;

	if (s->closing)
		return;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	s->node->sip_listener->stream_count--;
	s->closing = true;
	uv_close((uv_handle_t *)&s->tcp, on_stream_closed);
}

static void stream_fail(struct sip_stream *s, int status)
{
	log_debug(&s->node->log, "sip.stream_lost", "stream=%llu why=\"%s\"", (unsigned long long)s->number,
		  uv_strerror(status));
	s->failed = true;
}

static void on_stream_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct sip_stream *s = stream->data;

	if (n > 0 && !s->failed && s->node->sip != NULL)
		sip_usage_stream_bytes(s->node->sip, node_now(), s->number,
				       slice_of(buffer->base, (size_t)n));
	else if (n < 0)
		stream_fail(s, (int)n);
	driver_drain(s->node);
}

static struct sip_stream *stream_new(struct node *n)
{
	struct sip_stream *s = memory_alloc(sizeof(*s));

	s->node = n;
	s->number = STREAM_NUMBERS | n->sip_listener->next_number++;
	(void)uv_tcp_init(&n->loop, &s->tcp);
	s->tcp.data = s;
	s->connect.data = s;
	s->next = n->sip_listener->streams;
	n->sip_listener->streams = s;
	n->sip_listener->stream_count++;
	return s;
}

static void stream_announce(struct sip_stream *s)
{
	struct sip_flow flow = { SIP_TCP, s->number, s->remote };

	sip_usage_stream_open(s->node->sip, node_now(), &flow);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct sip_socket *socket = server->data;
	struct node *n = socket->node;
	struct sockaddr_storage from;
	int len = sizeof(from);
	struct sip_stream *s;

	if (status != 0)
		return;
	s = stream_new(n);
	if (uv_accept(server, (uv_stream_t *)&s->tcp) != 0 || n->sip == NULL ||
	    n->sip_listener->stream_count > SIP_STREAMS_MAX ||
	    uv_tcp_getpeername(&s->tcp, (struct sockaddr *)&from, &len) != 0 ||
	    uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_stream_read) != 0) {
		stream_close(s);
		return;
	}
	(void)uv_tcp_nodelay(&s->tcp, 1);
	address_from_socket((struct sockaddr *)&from, &s->remote);
	stream_announce(s);
	driver_drain(n);
}

static int socket_open(struct node *n, struct sip_socket *s, const struct address *address)
{
	struct sockaddr_storage at;
	unsigned only = address->type == ADDRESS_IPV6 ? UV_UDP_IPV6ONLY : 0;
	int err;

	s->node = n;
	s->address = *address;
	address_to_socket(address, &at);
	(void)uv_udp_init(&n->loop, &s->udp);
	(void)uv_tcp_init(&n->loop, &s->tcp);
	s->udp.data = s->tcp.data = s;
	n->sip_listener->handles += 2;
	n->sip_listener->count++;
	err = uv_udp_bind(&s->udp, (struct sockaddr *)&at, only);
	if (err == 0)
		err = uv_udp_recv_start(&s->udp, on_alloc, on_datagram);
	if (err == 0)
		err = uv_tcp_bind(&s->tcp, (struct sockaddr *)&at, only != 0 ? UV_TCP_IPV6ONLY : 0);
	return err != 0 ? err : uv_listen((uv_stream_t *)&s->tcp, BACKLOG, on_connection);
}

int sip_listener_open(struct node *n, char *detail, size_t detail_size)
{
	char text[ADDRESS_TEXT_SIZE];
	int err;

	_Static_assert(READ_BUFFER_SIZE >= DATAGRAM_SIZE, "a datagram fits the shared buffer");
	n->sip_listener = memory_alloc(sizeof(*n->sip_listener));
	for (size_t i = 0; i < n->settings.sip_listen.count && i < 4; i++) {
		const struct address *address = &n->settings.sip_listen.items[i];

		err = socket_open(n, &n->sip_listener->sockets[i], address);
		if (err == 0)
			continue;
		(void)snprintf(detail, detail_size,
			       "cannot listen for phones on %s: %s; set sip-listen to a free address",
			       address_text(address, text), uv_strerror(err));
		return ERR_IO;
	}
	return 0;
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct node *n = handle->loop->data;

	if (--n->sip_listener->handles > 0)
		return;
	free(n->sip_listener);
	n->sip_listener = NULL;
}

void sip_listener_drop_streams(struct node *n)
{
	while (n->sip_listener != NULL && n->sip_listener->streams != NULL)
		stream_close(n->sip_listener->streams);
}

void sip_listener_close(struct node *n)
{
	struct sip_listener *l = n->sip_listener;

	if (l == NULL)
		return;
	sip_listener_drop_streams(n);
	for (size_t i = 0; i < l->count; i++) {
		uv_close((uv_handle_t *)&l->sockets[i].udp, on_socket_closed);
		uv_close((uv_handle_t *)&l->sockets[i].tcp, on_socket_closed);
	}
	if (l->count > 0)
		return;
	free(l);
	n->sip_listener = NULL;
}

/* From a socket of the same family that reaches the same part of the world. */
static void datagram_send(struct node *n, const struct address *to, struct slice bytes)
{
	struct sip_listener *l = n->sip_listener;
	struct sip_socket *best = NULL;
	uv_buf_t buffer = { (char *)bytes.data, bytes.len };
	struct sockaddr_storage at;
	int err;

	for (size_t i = 0; i < l->count; i++) {
		struct sip_socket *s = &l->sockets[i];

		if (s->address.type != to->type)
			continue;
		if (best == NULL || address_is_loopback(&s->address) == address_is_loopback(to))
			best = s;
	}
	address_to_socket(to, &at);
	err = best == NULL ? UV_EAFNOSUPPORT
			   : uv_udp_try_send(&best->udp, &buffer, 1, (struct sockaddr *)&at);
	if (err >= 0)
		return;
	peer_counters(n->peer)->sip_lost++;
	log_debug(&n->log, "sip.datagram_lost", "why=\"%s\"", uv_strerror(err));
}

static void on_written(uv_write_t *request, int status)
{
	struct sip_stream *s = request->handle->data;

	free(request);
	if (status == 0 || status == UV_ECANCELED)
		return;
	peer_counters(s->node->peer)->sip_lost++;
	stream_fail(s, status);
	driver_drain(s->node);
}

static void stream_send(struct sip_stream *s, struct slice bytes)
{
	uv_stream_t *stream = (uv_stream_t *)&s->tcp;
	int n;

	if (s->failed) {
		peer_counters(s->node->peer)->sip_lost++;
		return;
	}
	n = stream_write(stream, bytes, on_written);
	if (n == 0 && uv_stream_get_write_queue_size(stream) > OUTPUT_QUEUE_MAX)
		n = UV_ENOBUFS;
	if (n == 0)
		return;
	peer_counters(s->node->peer)->sip_lost++;
	stream_fail(s, n);
}

static void on_connected(uv_connect_t *request, int status)
{
	struct sip_stream *s = request->data;

	if (s->closing)
		return;
	if (status == 0)
		status = uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_stream_read);
	if (status != 0)
		stream_fail(s, status);
	driver_drain(s->node);
}

/* The connection to `remote`: one that is there, or a new one. NULL when there are too many. */
static struct sip_stream *stream_to(struct node *n, const struct address *remote)
{
	struct sip_stream *s = n->sip_listener->streams;
	struct sockaddr_storage to;
	int err;

	while (s != NULL && (s->failed || !address_equal(&s->remote, remote)))
		s = s->next;
	if (s != NULL || n->sip_listener->stream_count >= SIP_STREAMS_MAX)
		return s;
	s = stream_new(n);
	s->remote = *remote;
	address_to_socket(remote, &to);
	err = uv_tcp_connect(&s->connect, &s->tcp, (struct sockaddr *)&to, on_connected);
	if (err != 0)
		stream_fail(s, err);
	return s;
}

void sip_listener_effect(struct node *n, struct now now, const struct sip_effect *e)
{
	struct sip_stream *s;
	bool opened;

	(void)now;
	if (e->flow.transport == SIP_OVERLAY) {
		if (e->type == SIP_EFFECT_SEND)
			app_link_send(n, e->flow.stream, e->bytes);
		else
			app_link_close(n, e->flow.stream);
		return;
	}
	if (n->sip_listener == NULL)
		return;
	if (e->flow.transport == SIP_UDP) {
		if (e->type == SIP_EFFECT_SEND)
			datagram_send(n, &e->flow.remote, e->bytes);
		return;
	}
	opened = e->flow.stream == 0;
	s = opened ? stream_to(n, &e->flow.remote) : stream_find(n, e->flow.stream);
	if (s == NULL) {
		if (e->type == SIP_EFFECT_SEND)
			peer_counters(n->peer)->sip_lost++;
		return;
	}
	if (e->type == SIP_EFFECT_CLOSE) {
		stream_close(s);
		return;
	}
	/* The bytes are borrowed until the next input, and telling of a new connection is one. */
	stream_send(s, e->bytes);
	if (opened)
		stream_announce(s);
}

bool sip_listener_report_failed(struct node *n, struct now now)
{
	struct sip_stream *s = n->sip_listener == NULL ? NULL : n->sip_listener->streams;

	while (s != NULL && !s->failed)
		s = s->next;
	if (s == NULL)
		return false;
	if (n->sip != NULL)
		sip_usage_stream_closed(n->sip, now, s->number);
	stream_close(s);
	return true;
}
