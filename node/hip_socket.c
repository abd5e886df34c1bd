/* SPDX-License-Identifier: MIT */
/* A turn reads up to a few batches of each socket, so that a flood leaves room for everything else; what is to be sent
 * is collected and leaves at the end of the turn. */
#include "node/hip_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/datagram.h"
#include "node/driver.h"
#include "node/hip_raw.h"
#include "overlay/base/invariant.h"

#define SOCKETS_MAX (3 * HIP_LISTEN_MAX)
#define BUFFER_BYTES (4 * 1024 * 1024)
#define ROUNDS 4 /* batches read of one socket in a turn */

struct hip_socket {
	struct node *node;
	uv_poll_t poll;
	int fd;
	int protocol; /* 0: UDP */
	struct address address;
	struct datagram_queue *queue; /* owned */
	bool closing;
};

struct hip_sockets {
	struct hip_socket *items[SOCKETS_MAX]; /* each freed when libuv has closed it */
	size_t count;
	struct datagram_batch *batch;
};

static bool on_datagram(void *ctx, const struct datagram *d)
{
	struct hip_socket *s = ctx;
	struct node *n = s->node;
	struct hip_path path = { .channel = s->protocol == 0 ? HIP_CHANNEL_UDP : HIP_CHANNEL_RAW,
				 .local = d->local, .remote = d->remote };

	if (n->hip == NULL)
		return !s->closing;
	hip_host_datagram(n->hip, node_now(), &path, s->protocol == ESP_PROTOCOL, slice_of(d->bytes, d->len));
	driver_drain(n);
	return !s->closing;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct hip_socket *s = poll->data;

	(void)events;
	if (status < 0) {
		/* libuv has stopped waiting for it. */
		log_warning(&s->node->log, "hip.socket_error", "why=\"%s\"", strerror(datagram_clear_error(s->fd)));
		(void)uv_poll_start(poll, UV_READABLE, on_readable);
	} else if (s->node->hip_sockets != NULL) {
		(void)datagram_receive(s->node->hip_sockets->batch, s->fd, &s->address, s->protocol != 0, ROUNDS,
				       DATAGRAM_BATCH, on_datagram, s);
	}
}

int hip_socket_add(struct node *n, const struct address *at, int protocol)
{
	struct hip_sockets *all = n->hip_sockets;
	struct hip_socket *s;
	int fd, err;

	invariant(all->count < SOCKETS_MAX);
	err = datagram_open(at, protocol, BUFFER_BYTES, &fd);
	if (err != 0)
		return err;
	s = memory_alloc(sizeof(*s));
	s->node = n;
	s->fd = fd;
	s->protocol = protocol;
	s->address = *at;
	s->queue = datagram_queue_new(fd);
	invariant(uv_poll_init(&n->loop, &s->poll, fd) == 0);
	s->poll.data = s;
	all->items[all->count++] = s;
	invariant(uv_poll_start(&s->poll, UV_READABLE, on_readable) == 0);
	return 0;
}

int hip_socket_open(struct node *n, char *detail, size_t detail_size)
{
	char text[ADDRESS_TEXT_SIZE];
	int err;

	n->hip_sockets = memory_alloc(sizeof(*n->hip_sockets));
	n->hip_sockets->batch = datagram_batch_new();
	for (size_t i = 0; i < n->settings.hip_listen.count; i++) {
		const struct address *at = &n->settings.hip_listen.items[i];

		err = hip_socket_add(n, at, 0);
		/* A machine without IPv6 still has [::] among the defaults. */
		if (err == 0 || (err == -EAFNOSUPPORT && n->hip_sockets->count > 0))
			continue;
		(void)snprintf(detail, detail_size,
			       "cannot listen for HIP on UDP %s: %s; set hip-listen to a free address, or hip = false",
			       address_text(at, text), strerror(-err));
		return ERR_IO;
	}
	return 0;
}

static void on_closed(uv_handle_t *handle) { free(handle->data); }

void hip_socket_close(struct node *n)
{
	struct hip_sockets *all = n->hip_sockets;

	if (all == NULL)
		return;
	for (size_t i = 0; i < all->count; i++) {
		struct hip_socket *s = all->items[i];

		s->closing = true;
		datagram_queue_free(s->queue);
		uv_close((uv_handle_t *)&s->poll, on_closed);
		(void)close(s->fd);
	}
	n->hip_sockets = NULL;
	datagram_batch_free(all->batch);
	free(all);
}

/* How well a socket serves a path: 0 not at all. */
static unsigned fitness(const struct hip_socket *s, const struct hip_path *path, int protocol)
{
	if (s->protocol != protocol || s->address.type != path->remote.type)
		return 0;
	if (path->local.type == s->address.type) {
		if (memcmp(path->local.bytes, s->address.bytes, sizeof(s->address.bytes)) == 0)
			return protocol != 0 || path->local.port == s->address.port ? 4 : 3;
		if (address_is_any(&s->address))
			return 2;
	}
	return address_is_any(&s->address) || address_is_loopback(&s->address) == address_is_loopback(&path->remote);
}

void hip_socket_send(struct node *n, const struct hip_effect *e)
{
	int protocol = e->path.channel == HIP_CHANNEL_UDP ? 0 : e->is_esp ? ESP_PROTOCOL : HIP_PROTOCOL;
	struct hip_effect dressed = *e;
	uint8_t packet[HIP_PACKET_MAX];
	struct hip_socket *best = NULL;
	unsigned best_fitness = 0;

	if (protocol == HIP_PROTOCOL && e->bytes.len <= sizeof(packet)) {
		memcpy(packet, e->bytes.data, e->bytes.len);
		dressed.bytes = slice_of(packet, e->bytes.len);
		if (hip_raw_dress(&dressed.path, packet, e->bytes.len))
			e = &dressed;
	}

	for (size_t i = 0; n->hip_sockets != NULL && i < n->hip_sockets->count; i++) {
		unsigned own = fitness(n->hip_sockets->items[i], &e->path, protocol);

		if (own > best_fitness) {
			best = n->hip_sockets->items[i];
			best_fitness = own;
		}
	}
	if (best == NULL || datagram_queue_put(best->queue, &e->path.local, &e->path.remote, e->bytes) != 0)
		peer_counters(n->peer)->hip_lost++;
}

void hip_socket_flush(struct node *n)
{
	uint64_t lost = 0;

	for (size_t i = 0; n->hip_sockets != NULL && i < n->hip_sockets->count; i++) {
		struct datagram_queue *queue = n->hip_sockets->items[i]->queue;

		if (!datagram_queue_is_empty(queue))
			datagram_queue_flush(queue, &lost);
	}
	if (lost > 0 && n->peer != NULL)
		peer_counters(n->peer)->hip_lost += lost;
}
