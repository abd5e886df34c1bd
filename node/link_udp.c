/* SPDX-License-Identifier: MIT */
/* DTLS links. A datagram that cannot be sent at once is dropped: the reliability above sends it again. */
#include "node/link_udp.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/connection.h"
#include "node/driver.h"
#include "overlay/base/invariant.h"

#define DATAGRAM_SIZE 65536 /* libuv's unit of a receive buffer */
#define DATAGRAMS_READ 8    /* by one recvmmsg */
#define SOCKET_BUFFER (1024 * 1024) /* bytes asked of the kernel for a listening socket */
#define ADDRESS_KEY_SIZE 19

struct udp_listener {
	uv_udp_t udp;
	struct node *node;
	struct map *by_remote; /* address to struct udp_connection */
	struct udp_listener *next;
	const struct sockaddr *answering; /* where a cookie goes */
};

struct udp_connection {
	struct connection connection; /* first: freed as one */
	struct udp_listener *listener; /* incoming; else NULL */
	uv_udp_t udp;                  /* outgoing */
};

static struct udp_connection *udp_of(struct connection *c) { return (struct udp_connection *)(void *)c; }

static struct slice address_key(const struct address *a, uint8_t key[ADDRESS_KEY_SIZE])
{
	key[0] = a->type;
	memcpy(key + 1, a->bytes, 16);
	key[17] = (uint8_t)(a->port >> 8);
	key[18] = (uint8_t)a->port;
	return slice_of(key, ADDRESS_KEY_SIZE);
}

static void udp_write(struct connection *c, struct slice bytes)
{
	struct udp_connection *u = udp_of(c);
	uv_buf_t buffer = { (char *)bytes.data, bytes.len };
	struct sockaddr_storage to;
	int n;

	if (u->listener != NULL) {
		address_to_socket(&c->remote, &to);
		n = uv_udp_try_send(&u->listener->udp, &buffer, 1, (struct sockaddr *)&to);
	} else {
		n = uv_udp_try_send(&u->udp, &buffer, 1, NULL);
	}
	if (n < 0 && n != UV_EAGAIN && n != UV_ENOBUFS && n != UV_ENOMEM)
		connection_fail(c, ERR_LINK, uv_strerror(n));
}

static void on_closed(uv_handle_t *handle) { connection_free(handle->data); }

static void udp_close(struct connection *c)
{
	struct udp_connection *u = udp_of(c);
	uint8_t key[ADDRESS_KEY_SIZE];

	if (u->listener != NULL)
		(void)map_remove(u->listener->by_remote, address_key(&c->remote, key));
	/* Freed by the loop also when there is no socket: callers up the stack still look at it. */
	uv_close((uv_handle_t *)&u->udp, on_closed);
}

static size_t udp_queued(struct connection *c)
{
	(void)c;
	return 0;
}

static const struct carrier udp_carrier = {
	.stream = false,
	.write = udp_write,
	.close = udp_close,
	.queued = udp_queued,
};

static void buffer_give(struct node *n, uv_buf_t *buffer)
{
	if (n->connections.datagram_buffer == NULL) {
		n->connections.datagram_buffer = malloc(DATAGRAMS_READ * DATAGRAM_SIZE);
		invariant(n->connections.datagram_buffer != NULL);
	}
	*buffer = uv_buf_init((char *)n->connections.datagram_buffer, DATAGRAMS_READ * DATAGRAM_SIZE);
}

static struct udp_connection *udp_new(struct node *n, unsigned flags)
{
	struct udp_connection *u = memory_alloc(sizeof(*u));

	(void)uv_udp_init_ex(&n->loop, &u->udp, flags);
	u->udp.data = u;
	return u;
}

/* The answer to a first flight, while no connection exists yet. */
static void on_cookie(void *ctx, struct slice bytes)
{
	struct udp_listener *listener = ctx;
	uv_buf_t buffer = { (char *)bytes.data, bytes.len };

	(void)uv_udp_try_send(&listener->udp, &buffer, 1, listener->answering);
}

static void udp_accept(struct udp_listener *listener, const struct address *remote, struct slice datagram)
{
	struct node *n = listener->node;
	struct udp_connection *u;
	uint8_t key[ADDRESS_KEY_SIZE];
	char text[ADDRESS_TEXT_SIZE];

	if (tls_datagram_listen(n->tls, remote, datagram, on_cookie, listener) != 1)
		return;
	if (n->phase != NODE_RUNNING ||
	    !admission_take(&n->connections.admission, node_now().mono, remote)) {
		log_debug(&n->log, "handshake.refused", "remote=%s", address_text(remote, text));
		return;
	}
	u = udp_new(n, AF_UNSPEC);
	u->listener = listener;
	connection_begin(&u->connection, n, &udp_carrier, OVERLAY_LINK_DTLS_UDP_SR_NO_ICE, LINK_OVERLAY, 0,
			 remote);
	u->connection.holds_slot = true;
	invariant(map_put(listener->by_remote, address_key(remote, key), u) == NULL);
	if (tls_engine_new_from_cookie(&u->connection.engine, n->tls, remote, connection_on_ciphertext,
				       &u->connection) != 0) {
		connection_fail(&u->connection, ERR_LINK, "no DTLS connection could be made");
		driver_drain(n);
		return;
	}
	connection_receive(&u->connection, datagram);
}

static void on_listener_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct udp_listener *listener = handle->data;

	(void)suggested;
	buffer_give(listener->node, buffer);
}

static void on_listener_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buffer,
				 const struct sockaddr *from, unsigned flags)
{
	struct udp_listener *listener = udp->data;
	struct udp_connection *u;
	struct address remote;
	uint8_t key[ADDRESS_KEY_SIZE];

	if (n <= 0 || from == NULL || (flags & UV_UDP_PARTIAL) != 0)
		return;
	address_from_socket(from, &remote);
	u = map_find(listener->by_remote, address_key(&remote, key));
	listener->answering = from;
	if (u != NULL)
		connection_receive(&u->connection, slice_of(buffer->base, (size_t)n));
	else
		udp_accept(listener, &remote, slice_of(buffer->base, (size_t)n));
}

int link_udp_listen(struct node *n, const struct address *address, char *detail, size_t detail_size)
{
	struct udp_listener *listener = memory_alloc(sizeof(*listener));
	struct sockaddr_storage at;
	char text[ADDRESS_TEXT_SIZE];
	int size = SOCKET_BUFFER;
	int err;

	address_to_socket(address, &at);
	(void)uv_udp_init_ex(&n->loop, &listener->udp, (unsigned)at.ss_family | UV_UDP_RECVMMSG);
	listener->udp.data = listener;
	listener->node = n;
	listener->by_remote = map_new(n->connections.admission.seed);
	listener->next = n->connections.udp_listeners;
	n->connections.udp_listeners = listener;
	err = uv_udp_bind(&listener->udp, (struct sockaddr *)&at,
			  address->type == ADDRESS_IPV6 ? UV_UDP_IPV6ONLY : 0);
	if (err == 0)
		err = uv_udp_recv_start(&listener->udp, on_listener_alloc, on_listener_datagram);
	if (err != 0) {
		(void)snprintf(detail, detail_size, "cannot listen on UDP %s: %s; set listen to a free address",
			       address_text(address, text), uv_strerror(err));
		return ERR_IO;
	}
	(void)uv_recv_buffer_size((uv_handle_t *)&listener->udp, &size);
	return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct udp_listener *listener = handle->data;

	map_free(listener->by_remote);
	free(listener);
}

void link_udp_close_listeners(struct node *n)
{
	struct udp_listener *next;

	for (struct udp_listener *l = n->connections.udp_listeners; l != NULL; l = next) {
		next = l->next;
		uv_close((uv_handle_t *)&l->udp, on_listener_closed);
	}
	n->connections.udp_listeners = NULL;
}

static void on_link_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct connection *c = handle->data;

	(void)suggested;
	buffer_give(c->node, buffer);
}

static void on_link_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buffer, const struct sockaddr *from,
			     unsigned flags)
{
	struct connection *c = udp->data;

	(void)from;
	if (n < 0) {
		/* Port unreachable: nobody listens there. */
		connection_fail(c, ERR_LINK, uv_strerror((int)n));
		driver_drain(c->node);
	} else if (n > 0 && (flags & UV_UDP_PARTIAL) == 0) {
		connection_receive(c, slice_of(buffer->base, (size_t)n));
	}
}

void link_udp_open(struct node *n, link_id link, const struct address *address, enum link_purpose purpose)
{
	struct sockaddr_storage to;
	struct udp_connection *u;
	struct connection *c;
	int err;

	address_to_socket(address, &to);
	u = udp_new(n, (unsigned)to.ss_family | UV_UDP_RECVMMSG);
	c = &u->connection;
	connection_begin(c, n, &udp_carrier, OVERLAY_LINK_DTLS_UDP_SR_NO_ICE, purpose, link, address);
	err = uv_udp_connect(&u->udp, (struct sockaddr *)&to);
	if (err == 0)
		err = uv_udp_recv_start(&u->udp, on_link_alloc, on_link_datagram);
	if (err != 0) {
		connection_fail(c, ERR_LINK, uv_strerror(err));
		return;
	}
	if (tls_engine_new(&c->engine, n->tls, TLS_DATAGRAM, false, connection_on_ciphertext, c) != 0) {
		connection_fail(c, ERR_LINK, "no DTLS connection could be made");
		return;
	}
	connection_connected(c);
}
