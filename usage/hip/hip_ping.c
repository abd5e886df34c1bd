/* SPDX-License-Identifier: MIT */
/* ICMPv6 echoes between HITs (RFC 4443 4): asked for by hip_host_ping, answered where no kernel does it. */
#include "usage/hip/hip_update.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"

#define PING_PROTOCOL 58
#define PING_REQUEST 128
#define PING_REPLY 129
#define PING_HEADER 8
#define PING_TRIES_MAX 3
#define PING_RETRY_MS 1000
#define PING_WAIT_S 10 /* for an address that may get data, once the association is there */
#define PING_MAX 64    /* at a time */

struct hip_ping {
	struct hip_ping *next;
	struct hip_host *host;
	struct hit hit;
	hip_ping_fn *done;
	void *ctx;
	struct timer timer;
	struct instant began, sent;
	struct duration exchange;
	uint16_t id, sequence; /* of the last try */
	bool is_connected, is_sent, has_asked;
};

static void ping_unlink(struct hip_ping *ping)
{
	struct hip_ping **at = &ping->host->pings;

	while (*at != ping)
		at = &(*at)->next;
	*at = ping->next;
	timer_disarm(&ping->host->timers, &ping->timer);
}

static void ping_end(struct hip_ping *ping, struct now now, int err, struct duration round_trip)
{
	ping_unlink(ping);
	ping->done(ping->ctx, now, err, round_trip, ping->exchange);
	free(ping);
}

static uint16_t ping_sum(const struct hit *from, const struct hit *to, const uint8_t *bytes, size_t len)
{
	uint32_t sum = PING_PROTOCOL + (uint32_t)len;

	for (size_t i = 0; i < HIT_LENGTH; i += 2)
		sum += ((uint32_t)from->bytes[i] << 8) + from->bytes[i + 1] + ((uint32_t)to->bytes[i] << 8) +
		       to->bytes[i + 1];
	for (size_t i = 0; i < len; i++)
		sum += (i & 1) == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Type, code, checksum, identifier, sequence, data. */
static void ping_send(struct hip_host *h, struct now now, const struct hit *to, uint8_t type, uint16_t id,
		      uint16_t sequence, struct slice data)
{
	uint8_t bytes[ESP_PAYLOAD_MAX];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct slice part;
	uint16_t sum;

	writer_u32(&w, (uint32_t)type << 24);
	writer_u16(&w, id);
	writer_u16(&w, sequence);
	writer_bytes(&w, data);
	if (w.err < 0)
		return;
	sum = ping_sum(&h->hit, to, bytes, w.len);
	writer_patch_u32(&w, 0, (uint32_t)type << 24 | sum);
	part = writer_slice(&w);
	if (hip_host_send(h, now, to, PING_PROTOCOL, &part, 1) < 0)
		log_debug(h->log, "hip.ping.lost", "type=%u", type);
}

/* No answer: the other end may have lost the association. Asks once whether it is there, and waits for that. */
static bool ping_is_being_cleared_up(struct hip_ping *ping, struct now now)
{
	struct hip_association *a = hip_association_find(ping->host, &ping->hit);

	if (a == NULL)
		return false;
	if (!ping->has_asked && hip_update_is_open(a)) {
		ping->has_asked = true;
		return hip_liveness_ask(a, now, false);
	}
	return hip_liveness_is_asking(a);
}

static void ping_fire(void *ctx, struct now now)
{
	static const uint8_t data[24] = "Peal";
	struct hip_ping *ping = ctx;

	if (ping->is_sent && ping->sequence == PING_TRIES_MAX && ping_is_being_cleared_up(ping, now)) {
		timer_arm(&ping->host->timers, &ping->timer, instant_add(now.mono, duration_ms(PING_RETRY_MS)),
			  ping_fire, ping);
		return;
	}
	if (!ping->is_sent || ping->sequence == PING_TRIES_MAX) {
		ping_end(ping, now, ERR_REQUEST_TIMEOUT, duration_us(0));
		return;
	}
	ping->sent = now.mono;
	ping->sequence++;
	timer_arm(&ping->host->timers, &ping->timer, instant_add(now.mono, duration_ms(PING_RETRY_MS)), ping_fire,
		  ping);
	ping_send(ping->host, now, &ping->hit, PING_REQUEST, ping->id, ping->sequence, slice_of(data, sizeof(data)));
}

bool hip_ping_restart(struct hip_association *a, struct now now)
{
	struct instant end = instant_add(now.mono, duration_s(PING_WAIT_S));
	bool any = false;

	for (struct hip_ping *ping = a->host->pings; ping != NULL; ping = ping->next) {
		if (!ping->is_connected || !hit_equal(&ping->hit, &a->peer))
			continue;
		ping->is_sent = false;
		ping->sequence = 0;
		timer_arm(&a->host->timers, &ping->timer, end, ping_fire, ping);
		any = true;
	}
	return any;
}

void hip_ping_flush(struct hip_association *a, struct now now)
{
	struct hip_ping *ping, *next;

	if (!hip_payload_is_ready(a) || hip_update_of(a)->is_stale || a->data.channel == HIP_CHANNEL_NONE)
		return;
	for (ping = a->host->pings; ping != NULL; ping = next) {
		next = ping->next;
		if (!ping->is_connected || ping->is_sent || !hit_equal(&ping->hit, &a->peer))
			continue;
		ping->is_sent = true;
		ping_fire(ping, now);
	}
}

static void ping_connected(void *ctx, struct now now, const struct hit *hit, int err)
{
	struct hip_ping *ping = ctx;
	struct hip_association *a = hip_association_find(ping->host, hit);

	if (err < 0) {
		ping_end(ping, now, err, duration_us(0));
		return;
	}
	ping->is_connected = true;
	ping->exchange = instant_since(now.mono, ping->began);
	timer_arm(&ping->host->timers, &ping->timer, instant_add(now.mono, duration_s(PING_WAIT_S)), ping_fire, ping);
	if (a != NULL) {
		hip_ping_flush(a, now);
		if (hip_payload_is_ready(a))
			hip_mobility_look(a, now);
	}
}

int hip_host_ping(struct hip_host *h, struct now now, const struct hit *hit, hip_ping_fn *done, void *ctx)
{
	struct hip_ping *ping, **at = &h->pings;
	size_t count = 0;
	int err;

	for (; *at != NULL; at = &(*at)->next)
		count++;
	if (count >= PING_MAX)
		return ERR_LIMIT;
	ping = memory_alloc(sizeof(*ping));
	ping->host = h;
	ping->hit = *hit;
	ping->done = done;
	ping->ctx = ctx;
	ping->began = now.mono;
	h->security.ops->random(h->security.ctx, &ping->id, sizeof(ping->id));
	*at = ping;
	err = hip_host_connect(h, now, hit, NULL, ping_connected, ping);
	if (err < 0) {
		ping_unlink(ping);
		free(ping);
	}
	return err;
}

bool hip_ping_take(struct hip_association *a, struct now now, const uint8_t *bytes, size_t len)
{
	struct hip_host *h = a->host;
	struct reader r = reader_of(slice_of(bytes, len));
	uint32_t first = reader_u32(&r);
	uint16_t id = reader_u16(&r), sequence = reader_u16(&r);
	struct hip_ping *ping = h->pings;

	/* The sum over what holds its own checksum is zero. */
	if (len < PING_HEADER || ping_sum(&a->peer, &h->hit, bytes, len) != 0)
		return false;
	if (first >> 16 == PING_REQUEST << 8 && !h->options.tun) {
		struct hit peer = a->peer;

		ping_send(h, now, &peer, PING_REPLY, id, sequence, slice_of(bytes + PING_HEADER, len - PING_HEADER));
		return true;
	}
	if (first >> 16 != PING_REPLY << 8)
		return false;
	while (ping != NULL && !(ping->is_sent && ping->id == id && ping->sequence == sequence &&
				 hit_equal(&ping->hit, &a->peer)))
		ping = ping->next;
	if (ping != NULL)
		ping_end(ping, now, 0, instant_since(now.mono, ping->sent));
	return ping != NULL;
}

/* Nobody is called any more, and the ping itself not by the association it waited for. */
static void ping_drop(struct hip_ping *ping)
{
	ping_unlink(ping);
	hip_waiters_forget(ping->host, ping);
	free(ping);
}

void hip_pings_forget(struct hip_host *h, const void *ctx)
{
	struct hip_ping *next;

	for (struct hip_ping *ping = h->pings; ping != NULL; ping = next) {
		next = ping->next;
		if (ping->ctx == ctx)
			ping_drop(ping);
	}
}

void hip_pings_free(struct hip_host *h)
{
	while (h->pings != NULL)
		ping_drop(h->pings);
}
