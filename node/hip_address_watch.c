/* SPDX-License-Identifier: MIT */
/* Locators from the settings or from the interfaces. The kernel tells of changed addresses by netlink; several notices
 * that come together (an address goes, another comes) are one change. */
#include "node/hip_address_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/candidates.h"
#include "node/driver.h"
#include "node/socket_address.h"
#include "overlay/base/invariant.h"

#define SETTLE_MS 100 /* after a notice: more may follow */
#define LOOK_MS 1000  /* without netlink */

struct hip_address_watch {
	struct node *node;
	uv_poll_t poll;
	uv_timer_t timer;
	int fd; /* -1: no netlink */
	unsigned handles;
	struct address known[HIP_LISTEN_MAX];
	size_t known_count;
};

static void list_add(struct address out[HIP_LISTEN_MAX], size_t *count, const struct address *a)
{
	for (size_t i = 0; i < *count; i++)
		if (address_equal(&out[i], a))
			return;
	if (*count < HIP_LISTEN_MAX)
		out[(*count)++] = *a;
}

/* Nobody elsewhere reaches these: link-local ones, HITs, and IPv4 names of HITs on our own TUN device. */
static bool is_of_use(const struct address *a)
{
	struct hit hit;

	if (a->type == ADDRESS_IPV4)
		return !(a->bytes[0] == 169 && a->bytes[1] == 254) && a->bytes[0] != 1;
	memcpy(hit.bytes, a->bytes, HIT_LENGTH);
	return !(a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80) && hit_suite(&hit) == 0 &&
	       !hit_is_version_1(&hit);
}

static void interfaces_add(const struct node *n, const struct address *wildcard, bool loopback,
			   struct address out[HIP_LISTEN_MAX], size_t *count)
{
	uv_interface_address_t *interfaces;
	int total;

	if (uv_interface_addresses(&interfaces, &total) != 0)
		return;
	for (int i = 0; i < total; i++) {
		struct address a;

		address_from_socket((const struct sockaddr *)(const void *)&interfaces[i].address, &a);
		a.port = wildcard->port;
		if (a.type == wildcard->type && address_is_loopback(&a) == loopback && is_of_use(&a) &&
		    (n->settings.hip_tun[0] == '\0' || strcmp(interfaces[i].name, n->settings.hip_tun) != 0))
			list_add(out, count, &a);
	}
	uv_free_interface_addresses(interfaces, total);
}

/* The hosts that `advertise` names, of the wildcard's family and with its port. */
static void advertised_add(const struct node *n, const struct address *wildcard, struct address out[HIP_LISTEN_MAX],
			   size_t *count)
{
	for (size_t i = 0; i < n->settings.advertise.count; i++) {
		struct address a = n->settings.advertise.items[i];

		a.port = wildcard->port;
		if (a.type == wildcard->type)
			list_add(out, count, &a);
	}
}

size_t hip_address_locators(const struct node *n, struct address out[HIP_LISTEN_MAX])
{
	const struct settings *s = &n->settings;
	size_t count = 0;

	for (size_t i = 0; i < s->hip_advertise.count; i++)
		list_add(out, &count, &s->hip_advertise.items[i]);
	for (int loopback = 0; loopback < 2 && count == 0; loopback++) {
		for (size_t i = 0; i < s->hip_listen.count; i++) {
			const struct address *a = &s->hip_listen.items[i];

			if (!address_is_any(a))
				list_add(out, &count, a);
			else if (s->advertise.count > 0)
				advertised_add(n, a, out, &count);
			else
				interfaces_add(n, a, loopback != 0, out, &count);
		}
	}
	return count;
}

static bool follows_interfaces(const struct settings *s)
{
	bool wildcard = false;

	for (size_t i = 0; i < s->hip_listen.count; i++)
		wildcard = wildcard || address_is_any(&s->hip_listen.items[i]);
	return wildcard && s->advertise.count == 0 && s->hip_advertise.count == 0;
}

static bool lists_equal(const struct address *a, size_t a_count, const struct address *b, size_t b_count)
{
	for (size_t i = 0; i < a_count && i < b_count; i++)
		if (!address_equal(&a[i], &b[i]))
			return false;
	return a_count == b_count;
}

static void look(struct hip_address_watch *w)
{
	struct node *n = w->node;
	struct address now[HIP_LISTEN_MAX] = { { 0 } };
	size_t count = hip_address_locators(n, now);
	char text[ADDRESS_TEXT_SIZE];

	if (n->hip == NULL || lists_equal(now, count, w->known, w->known_count))
		return;
	memcpy(w->known, now, sizeof(now));
	w->known_count = count;
	log_info(&n->log, "hip.addresses_changed", "count=%zu first=%s", count,
		 count > 0 ? address_text(&now[0], text) : "none");
	candidates_renew(n);
	hip_host_readdress(n->hip, node_now(), n->settings.hip_listen.items, n->settings.hip_listen.count, now, count);
	driver_drain(n);
}

static void on_timer(uv_timer_t *timer)
{
	struct hip_address_watch *w = timer->data;

	look(w);
	if (w->fd < 0)
		(void)uv_timer_start(timer, on_timer, LOOK_MS, 0);
}

static void on_notice(uv_poll_t *poll, int status, int events)
{
	struct hip_address_watch *w = poll->data;
	uint8_t bytes[8192];

	(void)events;
	/* What they say does not matter: the interfaces are asked. */
	while (recv(w->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	/* There were more notices than the socket holds: libuv has stopped waiting for it. */
	if (status < 0)
		(void)uv_poll_start(poll, UV_READABLE, on_notice);
	if (!uv_is_active((uv_handle_t *)&w->timer))
		(void)uv_timer_start(&w->timer, on_timer, SETTLE_MS, 0);
}

static int netlink_open(void)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK,
				    .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&name, sizeof(name)) != 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

void hip_address_watch(struct node *n)
{
	struct hip_address_watch *w;

	if (n->hip_watch != NULL || !follows_interfaces(&n->settings))
		return;
	w = memory_alloc(sizeof(*w));
	w->node = n;
	w->fd = netlink_open();
	w->known_count = hip_address_locators(n, w->known);
	w->handles = 1 + (w->fd >= 0);
	(void)uv_timer_init(&n->loop, &w->timer);
	w->timer.data = w->poll.data = w;
	if (w->fd >= 0) {
		invariant(uv_poll_init(&n->loop, &w->poll, w->fd) == 0);
		w->poll.data = w;
		invariant(uv_poll_start(&w->poll, UV_READABLE, on_notice) == 0);
	} else {
		(void)uv_timer_start(&w->timer, on_timer, LOOK_MS, 0);
	}
	n->hip_watch = w;
}

static void on_closed(uv_handle_t *handle)
{
	struct hip_address_watch *w = handle->data;

	if (--w->handles == 0)
		free(w);
}

void hip_address_unwatch(struct node *n)
{
	struct hip_address_watch *w = n->hip_watch;

	if (w == NULL)
		return;
	n->hip_watch = NULL;
	uv_close((uv_handle_t *)&w->timer, on_closed);
	if (w->fd < 0)
		return;
	uv_close((uv_handle_t *)&w->poll, on_closed);
	(void)close(w->fd);
}
