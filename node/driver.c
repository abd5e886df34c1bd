/* SPDX-License-Identifier: MIT */
/* A turn of the loop: every readable socket hands its bytes to the peer, each input is followed by a drain of
 * its effects; then one commit for all that was stored, and one write a link. */
#include "node/driver.h"

#include "node/app_link.h"
#include "node/connection.h"
#include "node/hip_socket.h"
#include "node/hip_tun.h"
#include "node/link_tcp.h"
#include "node/link_udp.h"
#include "node/media_port.h"
#include "node/sip_listener.h"

static void effect_link_open(struct node *n, const struct effect *e)
{
	if (n->phase == NODE_CLOSING)
		return;
	if (e->link_type == OVERLAY_LINK_TLS_TCP_FH_NO_ICE)
		link_tcp_open(n, e->link, &e->address, e->purpose);
	else
		link_udp_open(n, e->link, &e->address, e->purpose);
}

static void effect_send(struct node *n, const struct effect *e)
{
	struct connection *c = connection_find(n, e->link);

	/* The connection may have failed in this very drain: the peer hears of it after it. */
	if (c != NULL)
		connection_send(c, e->parts, e->part_count);
}

static void effect_link_close(struct node *n, const struct effect *e)
{
	struct connection *c = connection_find(n, e->link);

	if (c == NULL)
		return;
	log_debug(&n->log, "connection.close", "link=%llu reason=%s", (unsigned long long)e->link,
		  error_name(e->reason));
	connection_close(c);
}

static void effect_run(struct node *n, struct now now, const struct effect *e)
{
	n->driver.effects++;
	switch (e->type) {
	case EFFECT_SEND:
		effect_send(n, e);
		return;
	case EFFECT_LINK_OPEN:
		effect_link_open(n, e);
		return;
	case EFFECT_LINK_CLOSE:
		effect_link_close(n, e);
		return;
	case EFFECT_APP_LINK_READY:
		app_link_ready(n, now, e);
		return;
	case EFFECT_STORE_COMMIT:
		n->driver.commit_wanted = true;
		return;
	case EFFECT_PEER_STATE:
		node_on_state(n, now, e->state);
		return;
	case EFFECT_CONFIGURATION:
		node_on_configuration(n, now, e->reason);
		return;
	}
}

static void hip_effect_run(struct node *n, const struct hip_effect *e)
{
	switch (e->type) {
	case HIP_EFFECT_SEND:
		hip_socket_send(n, e);
		return;
	case HIP_EFFECT_PAYLOAD:
		hip_tun_deliver(n, e);
		return;
	case HIP_EFFECT_STATE: /* logged by the usage */
		return;
	}
}

/* One round of all queues; false when all were empty. */
static bool drain_once(struct node *n, struct now now)
{
	const struct effect *e;
	const struct sip_effect *s;
	const struct hip_effect *h;
	const struct media_effect *m;
	bool any = false;

	while (n->peer != NULL && (e = peer_next_effect(n->peer)) != NULL) {
		effect_run(n, now, e);
		any = true;
	}
	while (n->sip != NULL && (s = sip_usage_next_effect(n->sip)) != NULL) {
		sip_listener_effect(n, now, s);
		any = true;
	}
	while (n->media != NULL && (m = media_relay_next_effect(n->media)) != NULL) {
		media_port_effect(n, m);
		any = true;
	}
	while (n->hip != NULL && (h = hip_host_next_effect(n->hip)) != NULL) {
		hip_effect_run(n, h);
		any = true;
	}
	return any;
}

void driver_drain(struct node *n)
{
	struct now now;

	if (n->driver.draining)
		return;
	n->driver.draining = true;
	now = node_now();
	do {
		while (drain_once(n, now))
			;
	} while (connections_resume(n) || connections_report_failed(n, now) ||
		 sip_listener_report_failed(n, now) || node_advance(n, now));
	n->driver.draining = false;
}

static struct instant next_deadline(const struct node *n)
{
	struct instant at = connections_deadline(n);

	if (n->peer == NULL)
		return at;
	at = instant_min(at, peer_deadline(n->peer));
	for (size_t i = 0; i < n->usage_count; i++)
		at = instant_min(at, n->usages[i].ops->deadline(n->usages[i].ctx));
	return at;
}

static void on_timer(uv_timer_t *timer)
{
	struct node *n = timer->data;
	struct now now = node_now();

	connections_expire(n, now);
	driver_drain(n);
	if (n->peer == NULL)
		return;
	peer_expire(n->peer, now);
	driver_drain(n);
	for (size_t i = 0; i < n->usage_count; i++) {
		if (!instant_due(n->usages[i].ops->deadline(n->usages[i].ctx), now.mono))
			continue;
		n->usages[i].ops->expire(n->usages[i].ctx, now);
		driver_drain(n);
	}
}

static void timer_set(struct node *n)
{
	struct instant at = next_deadline(n);
	struct instant now = node_now().mono;
	uint64_t wait_ms;

	if (instant_is_never(at)) {
		(void)uv_timer_stop(&n->driver.timer);
		return;
	}
	/* Rounded up: a timer that fires early would find nothing due and fire again at once. */
	wait_ms = (instant_since(at, now).us + 999) / 1000;
	uv_update_time(&n->loop);
	(void)uv_timer_start(&n->driver.timer, on_timer, wait_ms, 0);
}

void driver_end_turn(struct node *n)
{
	driver_drain(n);
	hip_socket_flush(n);
	while (n->driver.commit_wanted && n->peer != NULL) {
		const struct storage_port *storage = peer_storage(n->peer);

		n->driver.commit_wanted = false;
		/* The replicas' disks work while ours does. */
		storage->ops->replicate_ahead(storage->ctx, node_now());
		driver_drain(n);
		connections_flush(n);
		storage->ops->commit(storage->ctx, node_now());
		driver_drain(n);
	}
	connections_flush(n);
	/* A write may have failed: its link is lost, which may want to be told to others. */
	if (n->driver.failed != NULL) {
		driver_drain(n);
		connections_flush(n);
	}
	hip_socket_flush(n);
	if (n->phase != NODE_CLOSING)
		timer_set(n);
}

static void on_prepare(uv_prepare_t *handle)
{
	driver_end_turn(handle->data);
}

static void on_check(uv_check_t *handle)
{
	struct node *n = handle->data;

	n->driver.turns++;
	driver_end_turn(n);
}

void driver_init(struct node *n)
{
	struct driver *d = &n->driver;

	(void)uv_timer_init(&n->loop, &d->timer);
	(void)uv_prepare_init(&n->loop, &d->prepare);
	(void)uv_check_init(&n->loop, &d->check);
	d->timer.data = d->prepare.data = d->check.data = n;
	(void)uv_prepare_start(&d->prepare, on_prepare);
	(void)uv_check_start(&d->check, on_check);
}

void driver_close(struct node *n)
{
	struct driver *d = &n->driver;

	uv_close((uv_handle_t *)&d->timer, NULL);
	uv_close((uv_handle_t *)&d->prepare, NULL);
	uv_close((uv_handle_t *)&d->check, NULL);
}
