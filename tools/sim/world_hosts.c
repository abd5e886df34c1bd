/* SPDX-License-Identifier: MIT */
/* HIP hosts in a world, driven as node/ drives them, and a network of datagrams between them: the weather's latency and
 * jitter, no loss but that of addresses which cannot be reached. */
#include "tools/sim/world_hosts.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "tools/sim/fake_host_security.h"
#include "tools/sim/fake_security.h"
#include "tools/sim/net_internal.h"
#include "usage/hip/hip_host.h"

#define HOST_UDP_PORT HIP_UDP_PORT
#define HOST_LATENCY_MS 5 /* as tools/sim/net.h */

struct world_host {
	struct world_node *node;
	struct fake_host *security; /* owned; NULL: not running */
	struct hip_host *host;      /* owned; NULL: not running */
	struct timer timer;
	struct hit hit;             /* its own; known once it has run */
	struct address address;
	bool hidden;
	uint32_t starts;
};

/* One on its way. */
struct host_datagram {
	struct host_datagram *next, **link;
	struct world_hosts *hosts;
	struct world_node *to;
	struct timer timer;
	struct hip_path path; /* as who gets it sees it */
	size_t len;
	uint8_t bytes[];
};

/* A base exchange that was asked for. */
struct host_exchange {
	struct host_exchange *next, **link;
	struct world_hosts *hosts;
	struct world_node *from;
};

struct world_hosts {
	struct world *world;
	struct map *by_address; /* 16 bytes -> struct world_node */
	struct prng chance;
	struct host_datagram *datagrams;
	struct host_exchange *exchanges; /* under way */
	struct world_exchanges totals;
	uint64_t *times[EXCHANGE_STEPS]; /* owned; us, of those made */
	uint64_t round_trip_sum_us;
	size_t room;
	uint64_t lost;
};

static struct slice host_address_key(const struct address *a)
{
	return slice_of(a->bytes, sizeof(a->bytes));
}

/* ---- Datagrams ---- */

static void datagram_free(struct host_datagram *d)
{
	timer_disarm(&d->hosts->world->timers, &d->timer);
	*d->link = d->next;
	if (d->next != NULL)
		d->next->link = d->link;
	free(d);
}

static void datagram_arrives(void *ctx, struct now now)
{
	struct host_datagram *d = ctx;
	struct world_node *node = d->to;
	struct world *w = node->world;

	(void)now;
	if (node->host->host == NULL || net_is_paused(w->net, node->index)) {
		d->hosts->lost++;
	} else {
		hip_host_datagram(node->host->host, world_own_now(w, node->index), &d->path, false,
				  slice_of(d->bytes, d->len));
		world_host_flush(w, node->index);
	}
	datagram_free(d);
}

static void datagram_send(struct world_hosts *hosts, struct world_node *to, const struct address *from,
			  struct slice bytes)
{
	struct world *w = hosts->world;
	const struct net_weather *weather = &w->options.weather;
	struct duration delay = weather->latency.us != 0 ? weather->latency : duration_ms(HOST_LATENCY_MS);
	struct host_datagram *d = memory_alloc(sizeof(*d) + bytes.len);

	if (weather->jitter.us != 0)
		delay.us += prng_below(&hosts->chance, weather->jitter.us + 1);
	d->hosts = hosts;
	d->to = to;
	d->path = (struct hip_path){ .channel = HIP_CHANNEL_UDP, .local = to->host->address, .remote = *from };
	d->len = bytes.len;
	if (bytes.len > 0)
		memcpy(d->bytes, bytes.data, bytes.len);
	d->link = &hosts->datagrams;
	d->next = hosts->datagrams;
	if (d->next != NULL)
		d->next->link = &d->next;
	hosts->datagrams = d;
	timer_arm(&w->timers, &d->timer, instant_add(world_now(w).mono, delay), datagram_arrives, d);
}

static void host_send(struct world_node *node, const struct hip_effect *e)
{
	struct world_hosts *hosts = node->world->hosts;
	const struct address *remote = &e->path.remote;
	struct world_node *to = NULL;

	if (e->path.channel == HIP_CHANNEL_UDP && remote->port == HOST_UDP_PORT)
		to = map_find(hosts->by_address, host_address_key(remote));
	if (to == NULL || node->host->hidden || to->host->hidden || world_group(node->world, node->index) !=
									    world_group(node->world, to->index)) {
		hosts->lost++;
		return;
	}
	datagram_send(hosts, to, &node->host->address, e->bytes);
}

void world_host_inject(struct world *w, size_t node, const struct address *from, struct slice bytes)
{
	datagram_send(w->hosts, w->nodes[node], from, bytes);
}

/* ---- Driving one ---- */

static void host_due(void *ctx, struct now now);

static void host_arm(struct world_host *host)
{
	struct world *w = host->node->world;
	struct usage usage = hip_host_port(host->host);
	struct instant at = usage.ops->deadline(usage.ctx), now = world_now(w).mono;

	if (instant_is_never(at)) {
		timer_disarm(&w->timers, &host->timer);
		return;
	}
	at = instant_add(now, instant_since(at, world_own_now(w, host->node->index).mono));
	if (!timer_is_armed(&host->timer) || host->timer.at.us != at.us)
		timer_arm(&w->timers, &host->timer, at, host_due, host);
}

static void host_drain(struct world_host *host)
{
	const struct hip_effect *e;

	while ((e = hip_host_next_effect(host->host)) != NULL)
		if (e->type == HIP_EFFECT_SEND)
			host_send(host->node, e);
}

static void host_due(void *ctx, struct now now)
{
	struct world_host *host = ctx;
	struct world *w = host->node->world;
	struct usage usage = hip_host_port(host->host);
	struct now own = world_own_now(w, host->node->index);

	if (net_is_paused(w->net, host->node->index) || !instant_due(usage.ops->deadline(usage.ctx), own.mono)) {
		timer_arm(&w->timers, &host->timer, instant_add(now.mono, duration_us(WORLD_SOON_US)), host_due, host);
		return;
	}
	usage.ops->expire(usage.ctx, own);
	world_host_flush(w, host->node->index);
}

void world_host_flush(struct world *w, size_t node)
{
	struct world_host *host = w->nodes[node]->host;

	if (host == NULL || host->host == NULL)
		return;
	net_flush(w->net, node);
	/* Its process may have ended by that. */
	if (host->host != NULL)
		world_host_stepped(w->nodes[node]);
}

void world_host_stepped(struct world_node *node)
{
	if (node->host == NULL || node->host->host == NULL)
		return;
	host_drain(node->host);
	host_arm(node->host);
}

/* ---- A node's life ---- */

void world_host_add(struct world_node *node)
{
	struct world_hosts *hosts = node->world->hosts;

	if (hosts == NULL)
		return;
	node->host = memory_alloc(sizeof(*node->host));
	node->host->node = node;
	node->host->address = *net_address(node->world->net, node->index);
	node->host->address.port = HOST_UDP_PORT;
	node->host->hidden = node->world->options.hosts == WORLD_HOSTS_OVERLAY;
	(void)map_put(hosts->by_address, host_address_key(&node->host->address), node);
}

void world_host_free(struct world_node *node)
{
	free(node->host);
}

void world_host_start(struct world_node *node, struct peer *p)
{
	struct world *w = node->world;
	struct world_host *host = node->host;
	uint8_t name[FAKE_CERTIFICATE_NAME_MAX];
	struct hip_host_options o = { 0 };
	uint64_t seed;
	int err;

	if (host == NULL)
		return;
	if (w->options.host_options != NULL)
		o = *w->options.host_options;
	seed = w->options.seed * 0x2545f4914f6cdd1du + node->index * 64 + host->starts++;
	host->security = fake_host_new(seed, fake_certificate_key_name(world_certificate(w, node->index), name));
	o.security = fake_host_port(host->security);
	o.log = peer_log(p);
	o.peer = p;
	o.seed = seed + 1;
	o.listen[0] = o.locators[0] = host->address;
	o.listen_count = o.locator_count = 1;
	o.publish = true;
	err = hip_host_new(&host->host, &o);
	invariant(err == 0);
	host->hit = *hip_host_hit(host->host);
}

void world_host_joined(struct world_node *node)
{
	struct usage usage;

	if (node->host == NULL || node->host->host == NULL)
		return;
	usage = hip_host_port(node->host->host);
	usage.ops->joined(usage.ctx, world_own_now(node->world, node->index));
}

static void host_stopped(void *ctx, struct now now)
{
	(void)ctx, (void)now;
}

void world_host_leave(struct world_node *node)
{
	struct usage usage;

	if (node->host == NULL || node->host->host == NULL)
		return;
	usage = hip_host_port(node->host->host);
	usage.ops->stop(usage.ctx, world_own_now(node->world, node->index), host_stopped, NULL);
	host_drain(node->host);
}

void world_host_stop(struct world_node *node)
{
	struct world_host *host = node->host;
	struct host_exchange *next;

	if (host == NULL || host->host == NULL)
		return;
	for (struct host_exchange *x = node->world->hosts->exchanges; x != NULL; x = next) {
		next = x->next;
		if (x->from != node)
			continue;
		hip_host_forget(host->host, x);
		*x->link = x->next;
		if (x->next != NULL)
			x->next->link = x->link;
		free(x);
	}
	timer_disarm(&node->world->timers, &host->timer);
	hip_host_free(host->host);
	fake_host_free(host->security);
	host->host = NULL;
	host->security = NULL;
}

struct hip_host *world_host(struct world *w, size_t node)
{
	return w->nodes[node]->host == NULL ? NULL : w->nodes[node]->host->host;
}

void world_host_hide(struct world *w, size_t node, bool hidden)
{
	w->nodes[node]->host->hidden = hidden;
}

uint64_t world_host_lost(const struct world *w)
{
	return w->hosts == NULL ? 0 : w->hosts->lost;
}

/* ---- Base exchanges ---- */

static bool exchange_info(struct hip_host *host, struct now now, const struct hit *hit,
			  struct hip_association_info *out)
{
	size_t cursor = 0;

	while (hip_host_next_association(host, now, &cursor, out))
		if (hit_equal(&out->hit, hit))
			return true;
	return false;
}

static void exchange_note(struct world_hosts *hosts, const struct hip_association_info *info)
{
	struct duration steps[EXCHANGE_STEPS] = { info->i1, info->r1, info->i2, info->r2 };

	/* The I1 that was answered: it waited for the lookup. */
	for (size_t i = 0; i < info->race_count; i++)
		if (info->race[i].won)
			steps[EXCHANGE_I1] = info->race[i].sent;
	if (hosts->totals.made == hosts->room) {
		hosts->room = hosts->room == 0 ? 64 : 2 * hosts->room;
		for (int i = 0; i < EXCHANGE_STEPS; i++)
			hosts->times[i] = memory_resize(hosts->times[i], hosts->room * sizeof(uint64_t));
	}
	for (int i = 0; i < EXCHANGE_STEPS; i++)
		hosts->times[i][hosts->totals.made] = steps[i].us;
	hosts->round_trip_sum_us += info->r2.us - info->i2.us;
	hosts->totals.through_overlay += info->control.channel == HIP_CHANNEL_OVERLAY;
	hosts->totals.made++;
}

static void exchange_done(void *ctx, struct now now, const struct hit *hit, int err)
{
	struct host_exchange *x = ctx;
	struct world_hosts *hosts = x->hosts;
	struct hip_association_info info;

	if (err == 0 && exchange_info(x->from->host->host, now, hit, &info))
		exchange_note(hosts, &info);
	else
		hosts->totals.failed++;
	*x->link = x->next;
	if (x->next != NULL)
		x->next->link = x->link;
	free(x);
}

void world_exchange(struct world *w, size_t from, size_t to)
{
	struct hip_host *host = world_host(w, from), *other = world_host(w, to);
	struct world_hosts *hosts = w->hosts;
	struct host_exchange *x;
	int err;

	if (from == to || host == NULL || other == NULL || hip_host_is_established(host, hip_host_hit(other)))
		return;
	hosts->totals.asked++;
	x = memory_alloc(sizeof(*x));
	x->hosts = hosts;
	x->from = w->nodes[from];
	x->link = &hosts->exchanges;
	x->next = hosts->exchanges;
	if (x->next != NULL)
		x->next->link = &x->next;
	hosts->exchanges = x;
	err = hip_host_connect(host, world_own_now(w, from), hip_host_hit(other), NULL, exchange_done, x);
	if (err != 0)
		exchange_done(x, world_own_now(w, from), hip_host_hit(other), err);
	world_host_flush(w, from);
}

static int time_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void world_exchanges(const struct world *w, struct world_exchanges *out)
{
	const struct world_hosts *hosts = w->hosts;
	size_t made;

	*out = (struct world_exchanges){ 0 };
	if (hosts == NULL)
		return;
	*out = hosts->totals;
	made = (size_t)hosts->totals.made;
	for (int i = 0; i < EXCHANGE_STEPS && made > 0; i++) {
		uint64_t *sorted = memory_alloc(made * sizeof(*sorted)), sum = 0;

		memcpy(sorted, hosts->times[i], made * sizeof(*sorted));
		qsort(sorted, made, sizeof(*sorted), time_compare);
		for (size_t k = 0; k < made; k++)
			sum += sorted[k];
		out->times.mean_us[i] = sum / made;
		out->times.p50_us[i] = sorted[(made - 1) / 2];
		out->times.p99_us[i] = sorted[(made * 99 + 99) / 100 - 1];
		free(sorted);
	}
	out->times.round_trip_us = made == 0 ? 0 : hosts->round_trip_sum_us / made;
}

/* ---- All of them ---- */

struct world_hosts *world_hosts_new(struct world *w)
{
	struct world_hosts *hosts = memory_alloc(sizeof(*hosts));

	invariant(!w->options.real_security);
	hosts->world = w;
	hosts->by_address = map_new(w->options.seed);
	prng_seed(&hosts->chance, w->options.seed ^ 0x484f535453u);
	return hosts;
}

void world_hosts_free(struct world_hosts *hosts)
{
	if (hosts == NULL)
		return;
	while (hosts->datagrams != NULL)
		datagram_free(hosts->datagrams);
	for (int i = 0; i < EXCHANGE_STEPS; i++)
		free(hosts->times[i]);
	map_free(hosts->by_address);
	free(hosts);
}
