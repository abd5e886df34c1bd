/* SPDX-License-Identifier: MIT */
/* Ports are taken in turn, beginning at a random one, so that what a phone still sends to the port of a call that is
 * over does not come out in the next call. */
#include "node/media_port.h"

#include <stdlib.h>
#include <unistd.h>

#include "node/datagram.h"
#include "node/driver.h"
#include "overlay/base/invariant.h"

#define ADDRESSES_MAX 4 /* of sip-listen */
#define BATCH 2         /* datagrams of one system call: a phone sends one at a time */

struct media_socket {
	struct media_pair *pair;
	uv_poll_t poll;
	int fd;
	struct address address; /* with its port */
};

struct media_pair {
	struct node *node;
	uint16_t port; /* the even one */
	bool closing;
	size_t count, open;
	struct media_socket sockets[2 * ADDRESSES_MAX];
};

struct media_ports {
	uint16_t first;
	size_t pair_count, next; /* of the range; where to look for a free pair */
	struct media_pair **pairs; /* by (port - first) / 2; NULL: not open */
	struct datagram_batch *batch;
	bool full; /* said so */
};

static bool on_datagram(void *ctx, const struct datagram *d)
{
	struct media_socket *s = ctx;
	struct node *n = s->pair->node;

	if (n->media == NULL)
		return false;
	media_relay_datagram(n->media, node_now(), s->address.port, &d->remote, slice_of(d->bytes, d->len));
	driver_drain(n);
	return !s->pair->closing;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct media_socket *s = poll->data;

	(void)events;
	if (status < 0) {
		/* libuv has stopped waiting for it. */
		(void)datagram_clear_error(s->fd);
		(void)uv_poll_start(poll, UV_READABLE, on_readable);
	} else if (s->pair->node->media_ports != NULL) {
		(void)datagram_receive(s->pair->node->media_ports->batch, s->fd, &s->address, false, BATCH, BATCH,
				       on_datagram, s);
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct media_socket *s = handle->data;

	if (--s->pair->open == 0)
		free(s->pair);
}

static void pair_close(struct media_pair *pair)
{
	pair->closing = true;
	pair->open = pair->count;
	for (size_t i = 0; i < pair->count; i++) {
		uv_close((uv_handle_t *)&pair->sockets[i].poll, on_closed);
		(void)close(pair->sockets[i].fd);
	}
}

/* Binds both ports on every address. NULL: somebody else has one of them, or there are no descriptors left. */
static struct media_pair *pair_open(struct node *n, uint16_t port)
{
	struct media_pair *pair = memory_alloc(sizeof(*pair));
	int err = 0;

	pair->node = n;
	pair->port = port;
	for (size_t i = 0; err == 0 && i < 2 * n->settings.sip_listen.count; i++) {
		struct media_socket *s = &pair->sockets[pair->count];

		s->pair = pair;
		s->address = n->settings.sip_listen.items[i / 2];
		s->address.port = (uint16_t)(port + i % 2);
		err = datagram_open(&s->address, 0, 0, &s->fd);
		pair->count += err == 0;
	}
	if (err != 0) {
		while (pair->count > 0)
			(void)close(pair->sockets[--pair->count].fd);
		free(pair);
		return NULL;
	}
	for (size_t i = 0; i < pair->count; i++) {
		struct media_socket *s = &pair->sockets[i];

		s->poll.data = s;
		invariant(uv_poll_init(&n->loop, &s->poll, s->fd) == 0);
		invariant(uv_poll_start(&s->poll, UV_READABLE, on_readable) == 0);
	}
	return pair;
}

void media_port_init(struct node *n)
{
	struct media_ports *all = memory_alloc(sizeof(*all));
	const struct security_ops *ops = peer_security(n->peer)->ops;
	char detail[100];
	uint16_t last;
	uint32_t start;

	invariant(n->settings.sip_listen.count <= ADDRESSES_MAX);
	invariant(settings_media_ports(&n->settings, &all->first, &last, detail, sizeof(detail)) == 0);
	ops->random(peer_security(n->peer)->ctx, &start, sizeof(start));
	all->pair_count = (size_t)(last - all->first + 1) / 2;
	all->next = start % all->pair_count;
	all->pairs = memory_alloc(all->pair_count * sizeof(struct media_pair *));
	all->batch = datagram_batch_new();
	n->media_ports = all;
}

void media_port_close_all(struct node *n)
{
	struct media_ports *all = n->media_ports;

	for (size_t i = 0; all != NULL && i < all->pair_count; i++) {
		if (all->pairs[i] != NULL)
			pair_close(all->pairs[i]);
		all->pairs[i] = NULL;
	}
}

void media_port_close(struct node *n)
{
	struct media_ports *all = n->media_ports;

	if (all == NULL)
		return;
	media_port_close_all(n);
	n->media_ports = NULL;
	datagram_batch_free(all->batch);
	free(all->pairs);
	free(all);
}

/* Opens one more pair and lends it. False: none is free. */
static bool pair_lend(struct node *n)
{
	struct media_ports *all = n->media_ports;

	for (size_t tried = 0; tried < all->pair_count; tried++) {
		size_t i = all->next;

		all->next = (i + 1) % all->pair_count;
		if (all->pairs[i] != NULL)
			continue;
		all->pairs[i] = pair_open(n, (uint16_t)(all->first + 2 * i));
		if (all->pairs[i] == NULL)
			continue;
		media_relay_lend(n->media, all->pairs[i]->port);
		return true;
	}
	return false;
}

static void pairs_lend(struct node *n, size_t count)
{
	while (count > 0 && pair_lend(n))
		count--;
	if (count > 0 && !n->media_ports->full)
		log_warning(&n->log, "media.no_ports",
			    "range=%s action=\"widen media-ports, or raise the limit of open files\"",
			    n->settings.media_ports);
	n->media_ports->full = count > 0;
}

static void pair_return(struct media_ports *all, uint16_t port)
{
	size_t i = port < all->first ? all->pair_count : (size_t)(port - all->first) / 2;

	if (i >= all->pair_count || all->pairs[i] == NULL)
		return;
	pair_close(all->pairs[i]);
	all->pairs[i] = NULL;
}

/* From the socket whose address the phone speaks to, else one that can reach it. */
static void phone_send(struct node *n, const struct media_effect *e)
{
	struct media_ports *all = n->media_ports;
	size_t i = e->port < all->first ? all->pair_count : (size_t)(e->port - all->first) / 2;
	const struct media_socket *best = NULL;

	for (size_t k = 0; i < all->pair_count && all->pairs[i] != NULL && k < all->pairs[i]->count; k++) {
		const struct media_socket *s = &all->pairs[i]->sockets[k];
		bool same = memcmp(s->address.bytes, e->local.bytes, sizeof(e->local.bytes)) == 0;

		if (s->address.port != e->port || s->address.type != e->remote.type)
			continue;
		if (best == NULL || (same && e->local.type == s->address.type))
			best = s;
	}
	if (best == NULL || datagram_send(best->fd, &e->local, &e->remote, e->bytes) != 0)
		peer_counters(n->peer)->media_lost++;
}

void media_port_effect(struct node *n, const struct media_effect *e)
{
	if (n->media_ports == NULL)
		return;
	switch (e->type) {
	case MEDIA_EFFECT_SEND:
		phone_send(n, e);
		return;
	case MEDIA_EFFECT_WANT:
		pairs_lend(n, e->count);
		return;
	case MEDIA_EFFECT_RETURN:
		pair_return(n->media_ports, e->port);
		return;
	}
}
