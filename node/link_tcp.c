/* SPDX-License-Identifier: MIT */
/* TLS links. What cannot be written at once is copied and left to libuv. */
#include "node/link_tcp.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/connection.h"
#include "node/driver.h"
#include "node/stream_write.h"
#include "overlay/base/invariant.h"

#define BACKLOG 128 /* connections the kernel holds for us */

struct tcp_connection {
	struct connection connection; /* first: freed as one */
	uv_tcp_t tcp;
	uv_connect_t connect;
};

struct tcp_listener {
	uv_tcp_t tcp;
	struct node *node;
	enum link_purpose purpose;
	struct tcp_listener *next;
};

static struct tcp_connection *tcp_of(struct connection *c) { return (struct tcp_connection *)(void *)c; }

static void on_written(uv_write_t *request, int status)
{
	struct connection *c = request->handle->data;

	free(request);
	if (status == 0 || status == UV_ECANCELED)
		return;
	connection_fail(c, ERR_LINK, uv_strerror(status));
	driver_drain(c->node);
}

static void tcp_write(struct connection *c, struct slice bytes)
{
	int n = stream_write((uv_stream_t *)&tcp_of(c)->tcp, bytes, on_written);

	if (n != 0)
		connection_fail(c, ERR_LINK, uv_strerror(n));
}

static void on_closed(uv_handle_t *handle) { connection_free(handle->data); }

static void tcp_close(struct connection *c) { uv_close((uv_handle_t *)&tcp_of(c)->tcp, on_closed); }

static size_t tcp_queued(struct connection *c)
{
	return uv_stream_get_write_queue_size((uv_stream_t *)&tcp_of(c)->tcp);
}

static const struct carrier tcp_carrier = {
	.stream = true,
	.write = tcp_write,
	.close = tcp_close,
	.queued = tcp_queued,
};

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct connection *c = handle->data;

	(void)suggested;
	*buffer = uv_buf_init((char *)c->node->connections.read_buffer, READ_BUFFER_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct connection *c = stream->data;

	if (n > 0) {
		connection_receive(c, slice_of(buffer->base, (size_t)n));
	} else if (n < 0) {
		connection_fail(c, ERR_LINK, n == UV_EOF ? "closed by the other end" : uv_strerror((int)n));
		driver_drain(c->node);
	}
}

static struct tcp_connection *tcp_new(struct node *n)
{
	struct tcp_connection *t = memory_alloc(sizeof(*t));

	(void)uv_tcp_init(&n->loop, &t->tcp);
	t->tcp.data = t;
	t->connect.data = t;
	return t;
}

static int engine_new(struct tcp_connection *t, bool server)
{
	struct connection *c = &t->connection;

	return tls_engine_new(&c->engine, c->node->tls, TLS_STREAM, server, connection_on_ciphertext, c);
}

static void on_accepted_closed(uv_handle_t *handle) { free(handle->data); }

static void on_connection(uv_stream_t *server, int status)
{
	struct tcp_listener *listener = server->data;
	struct node *n = listener->node;
	struct tcp_connection *t;
	struct sockaddr_storage from;
	int len = sizeof(from);
	struct address remote = { 0 };
	char text[ADDRESS_TEXT_SIZE];

	if (status != 0)
		return;
	t = tcp_new(n);
	if (uv_accept(server, (uv_stream_t *)&t->tcp) != 0 ||
	    uv_tcp_getpeername(&t->tcp, (struct sockaddr *)&from, &len) != 0) {
		uv_close((uv_handle_t *)&t->tcp, on_accepted_closed);
		return;
	}
	address_from_socket((struct sockaddr *)&from, &remote);
	if (n->phase != NODE_RUNNING ||
	    !admission_take(&n->connections.admission, node_now().mono, &remote)) {
		log_debug(&n->log, "handshake.refused", "remote=%s", address_text(&remote, text));
		uv_close((uv_handle_t *)&t->tcp, on_accepted_closed);
		return;
	}
	(void)uv_tcp_nodelay(&t->tcp, 1);
	connection_begin(&t->connection, n, &tcp_carrier, OVERLAY_LINK_TLS_TCP_FH_NO_ICE, listener->purpose,
			 0, &remote);
	t->connection.holds_slot = true;
	if (engine_new(t, true) != 0 || uv_read_start((uv_stream_t *)&t->tcp, on_alloc, on_read) != 0) {
		connection_fail(&t->connection, ERR_LINK, "no connection could be made");
		driver_drain(n);
	}
}

int link_tcp_listen(struct node *n, const struct address *address, enum link_purpose purpose, char *detail,
		    size_t detail_size)
{
	struct tcp_listener *listener = memory_alloc(sizeof(*listener));
	struct sockaddr_storage at;
	char text[ADDRESS_TEXT_SIZE];
	int err;

	address_to_socket(address, &at);
	(void)uv_tcp_init(&n->loop, &listener->tcp);
	listener->tcp.data = listener;
	listener->node = n;
	listener->purpose = purpose;
	listener->next = n->connections.tcp_listeners;
	n->connections.tcp_listeners = listener;
	err = uv_tcp_bind(&listener->tcp, (struct sockaddr *)&at,
			  address->type == ADDRESS_IPV6 ? UV_TCP_IPV6ONLY : 0);
	if (err == 0)
		err = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, on_connection);
	if (err == 0)
		return 0;
	(void)snprintf(detail, detail_size, "cannot listen on TCP %s: %s; set %s to a free address",
		       address_text(address, text), uv_strerror(err),
		       purpose == LINK_OVERLAY ? "listen" : "app-listen");
	return ERR_IO;
}

static void on_listener_closed(uv_handle_t *handle) { free(handle->data); }

void link_tcp_close_listeners(struct node *n)
{
	struct tcp_listener *next;

	for (struct tcp_listener *l = n->connections.tcp_listeners; l != NULL; l = next) {
		next = l->next;
		uv_close((uv_handle_t *)&l->tcp, on_listener_closed);
	}
	n->connections.tcp_listeners = NULL;
}

static void on_connected(uv_connect_t *request, int status)
{
	struct tcp_connection *t = request->data;
	struct connection *c = &t->connection;

	if (c->closing)
		return;
	if (status == 0)
		status = uv_read_start((uv_stream_t *)&t->tcp, on_alloc, on_read);
	if (status == 0)
		connection_connected(c);
	else
		connection_fail(c, ERR_LINK, uv_strerror(status));
	driver_drain(c->node);
}

void link_tcp_open(struct node *n, link_id link, const struct address *address, enum link_purpose purpose)
{
	struct tcp_connection *t = tcp_new(n);
	struct sockaddr_storage to;
	int err;

	address_to_socket(address, &to);
	connection_begin(&t->connection, n, &tcp_carrier, OVERLAY_LINK_TLS_TCP_FH_NO_ICE, purpose, link,
			 address);
	err = engine_new(t, false);
	if (err != 0) {
		connection_fail(&t->connection, err, "no TLS connection could be made");
		return;
	}
	err = uv_tcp_connect(&t->connect, &t->tcp, (struct sockaddr *)&to, on_connected);
	if (err != 0)
		connection_fail(&t->connection, ERR_LINK, uv_strerror(err));
	else
		(void)uv_tcp_nodelay(&t->tcp, 1);
}
