/* SPDX-License-Identifier: MIT */
/* What the way from node to node does to what is sent: delay, loss, doubles, another order, changed bytes. Nothing
 * is drawn for what the weather does not do, so that calm weather leaves the stream of chance alone. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "tools/sim/net_internal.h"

#define WEATHER_LATENCY_MS 5
#define WEATHER_RETRANSMIT_US 200000u    /* the first retransmission of a stream; then twice that ... */
#define WEATHER_RETRANSMIT_MAX_US 1000000u
#define WEATHER_QUEUE_US 1000000u        /* datagrams that would wait longer at a limited link are dropped */

static const struct net_weather *weather_of(const struct net *n, const struct net_node *from)
{
	return from->weather != NULL ? from->weather : &n->weather;
}

/* Fills in the latency of the options. */
static struct net_weather weather_complete(const struct net *n, const struct net_weather *weather)
{
	struct net_weather w = *weather;

	if (w.latency.us > 0)
		return w;
	w.latency = n->options.latency;
	if (w.jitter.us == 0)
		w.jitter = n->options.jitter;
	return w;
}

void net_weather_init(struct net *n)
{
	struct net_options *o = &n->options;

	if (o->latency.us == 0)
		o->latency = duration_ms(WEATHER_LATENCY_MS);
	n->weather = weather_complete(n, &o->weather);
	if (n->weather.jitter.us == 0)
		n->weather.jitter = o->jitter;
	if (n->weather.loss_ppm == 0)
		n->weather.loss_ppm = o->loss_ppm;
}

void net_set_weather(struct net *n, const struct net_weather *weather)
{
	n->weather = weather_complete(n, weather);
}

void net_set_node_weather(struct net *n, size_t node, const struct net_weather *weather)
{
	struct net_node *at = net_node(n, node);

	free(at->weather);
	at->weather = NULL;
	if (weather == NULL)
		return;
	at->weather = memory_alloc(sizeof(*at->weather));
	*at->weather = weather_complete(n, weather);
}

static bool weather_chance(struct net *n, uint32_t ppm)
{
	return ppm > 0 && prng_below(&n->chance[NET_CHANCE_NETWORK], 1000000) < ppm;
}

bool net_weather_loses(struct net *n, const struct net_node *from)
{
	bool is_lost = weather_chance(n, weather_of(n, from)->loss_ppm);

	n->statistics.lost += is_lost;
	return is_lost;
}

static uint64_t weather_latency(struct net *n, const struct net_weather *w)
{
	uint64_t us = w->latency.us;

	if (w->jitter.us > 0)
		us += prng_below(&n->chance[NET_CHANCE_NETWORK], w->jitter.us);
	return us;
}

uint64_t net_weather_latency(struct net *n, const struct net_node *from)
{
	return weather_latency(n, weather_of(n, from));
}

static uint64_t weather_reliable(struct net *n, const struct net_weather *w)
{
	uint64_t wait = WEATHER_RETRANSMIT_US;
	uint64_t us = 0;

	while (weather_chance(n, w->loss_ppm)) {
		us += wait;
		wait = 2 * wait < WEATHER_RETRANSMIT_MAX_US ? 2 * wait : WEATHER_RETRANSMIT_MAX_US;
		n->statistics.lost++;
		if (us > NET_SILENT_US)
			return NET_LOST;
	}
	return us + weather_latency(n, w);
}

uint64_t net_weather_reliable(struct net *n, const struct net_node *from)
{
	return weather_reliable(n, weather_of(n, from));
}

/* How long it takes until the link has taken up `len` bytes more. */
static uint64_t weather_serialise(struct net *n, const struct net_weather *w, uint32_t reference, size_t len)
{
	struct net_wire *wire = net_wire_of(n, reference);
	uint64_t *busy = &wire->busy_until[reference & 1];
	uint64_t start = *busy > n->now_us ? *busy : n->now_us;

	if (w->bytes_per_s == 0)
		return 0;
	if (wire->is_datagram && start - n->now_us > WEATHER_QUEUE_US)
		return NET_LOST;
	*busy = start + len * 1000000 / w->bytes_per_s;
	return *busy - n->now_us;
}

uint64_t net_weather_send(struct net *n, uint32_t reference, size_t len, uint64_t *again)
{
	const struct net_wire *wire = net_wire_of(n, reference);
	const struct net_weather *w = weather_of(n, net_node(n, wire->node[1 - (reference & 1)]));
	uint64_t us = weather_serialise(n, w, reference, len);
	uint64_t way;

	*again = NET_LOST;
	if (!wire->is_datagram) {
		way = weather_reliable(n, w);
		return way == NET_LOST ? NET_LOST : us + way;
	}
	if (us == NET_LOST || (w->mtu > 0 && len > w->mtu) || weather_chance(n, w->loss_ppm)) {
		n->statistics.lost++;
		return NET_LOST;
	}
	if (weather_chance(n, w->duplicate_ppm)) {
		n->statistics.duplicated++;
		*again = us + weather_latency(n, w);
	}
	us += weather_latency(n, w);
	/* Held up for as long as others need to come by. */
	if (weather_chance(n, w->reorder_ppm)) {
		n->statistics.reordered++;
		us += w->latency.us + prng_below(&n->chance[NET_CHANCE_NETWORK], 4 * w->latency.us);
	}
	return us;
}

void net_weather_flip(struct net *n, const struct net_node *from, uint8_t *bytes, size_t len)
{
	struct prng *p = &n->chance[NET_CHANCE_NETWORK];

	if (len == 0 || !weather_chance(n, weather_of(n, from)->flip_ppm))
		return;
	n->statistics.flipped++;
	bytes[prng_below(p, len)] ^= (uint8_t)(1 + prng_below(p, 255));
}
