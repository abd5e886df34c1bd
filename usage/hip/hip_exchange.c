/* SPDX-License-Identifier: MIT */
/* The state machine's frame (RFC 7401 4.4.3): whose turn a packet is, and what both roles share. */
#include "usage/hip/hip_exchange.h"

#include <stdio.h>
#include <stdlib.h>

#include "overlay/base/invariant.h"

/* ---- What goes on ---- */

struct hip_exchange *hip_exchange_of(struct hip_association *a)
{
	if (a->exchange == NULL)
		a->exchange = memory_alloc(sizeof(*a->exchange));
	return a->exchange;
}

void hip_exchange_free(struct hip_association *a)
{
	struct hip_exchange *x = a->exchange;

	if (x == NULL)
		return;
	a->exchange = NULL;
	timer_disarm(&a->host->timers, &x->search_timer);
	free(x->r1);
	for (size_t i = 0; i < x->spare_count; i++)
		free(x->spares[i].r1);
	free(x->host_id);
	free(x->r2);
	explicit_bzero(x, sizeof(*x));
	free(x);
}

struct duration hip_elapsed(const struct hip_association *a, struct now now)
{
	return instant_since(now.mono, a->began);
}

bool hip_is_speakable(const struct hip_host *h, const struct hit *hit)
{
	unsigned suite = hit_suite(hit);

	return (suite == HIT_SUITE_RSA || suite == HIT_SUITE_ECDSA) && !hit_equal(hit, &h->hit);
}

bool hip_is_known(const struct hip_host *h, struct now now, const struct hit *hit)
{
	const struct hip_association *a = hip_association_find(h, hit);

	return (a != NULL && a->state != HIP_E_FAILED) || hip_pool_find(h->known, now, hit) != NULL ||
	       hip_edge_is_registered(h, now, hit);
}

/* ---- Logging ---- */

void hip_refused(struct hip_host *h, uint64_t *counter, const struct hip_path *path, const struct hit *peer,
		 const char *why)
{
	char hit[HIT_TEXT_SIZE], text[HIP_PATH_TEXT_SIZE];

	(*counter)++;
	log_info(h->log, "hip.refused", "peer=%s path=\"%s\" why=%s", hit_text(peer, hit), hip_path_text(path, text),
		 why);
}

void hip_log_packet(struct hip_host *h, struct now now, const char *what, const struct hip_path *path, uint8_t type,
		    const struct hit *peer)
{
	static const struct { uint8_t type; const char *sent, *received; } events[] = {
		{ HIP_I1, "hip.i1.sent", "hip.i1.received" },
		{ HIP_R1, "hip.r1.sent", "hip.r1.received" },
		{ HIP_I2, "hip.i2.sent", "hip.i2.received" },
		{ HIP_R2, "hip.r2.sent", "hip.r2.received" },
		{ HIP_UPDATE, "hip.update.sent", "hip.update.received" },
		{ HIP_NOTIFY, "hip.notify.sent", "hip.notify.received" },
		{ HIP_CLOSE, "hip.close.sent", "hip.close.received" },
		{ HIP_CLOSE_ACK, "hip.close_ack.sent", "hip.close_ack.received" },
	};
	const struct hip_association *a;
	/* Keepalives are NOTIFYs, four a minute. */
	enum log_level level = type == HIP_NOTIFY ? LOG_DEBUG : LOG_INFO;
	char hit[HIT_TEXT_SIZE], text[HIP_PATH_TEXT_SIZE];

	if (!log_enabled(h->log, level))
		return;
	a = hip_association_find(h, peer);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i].type == type)
			log_event(h->log, level, what[0] == 's' ? events[i].sent : events[i].received,
				  "peer=%s path=\"%s\" ms=%llu", hit_text(peer, hit), hip_path_text(path, text),
				  a == NULL ? 0 : (unsigned long long)(hip_elapsed(a, now).us / 1000));
}

static unsigned long long hip_ms(struct duration d)
{
	return d.us == UINT64_MAX ? 0 : (unsigned long long)(d.us / 1000);
}

/* ---- Beginning and end ---- */

void hip_exchange_put_i1(const struct hip_association *a, bool padded, struct writer *w)
{
	struct hip_list groups;

	hip_packet_begin(w, HIP_I1, 0, &a->host->hit, &a->peer);
	hip_own_groups(a->host, &groups);
	hip_dh_group_list_put(w, &groups);
	/* The parameter's own type and length are four bytes. */
	if (padded && w->len + 4 < HIP_I1_PADDED)
		hip_padding_put(w, HIP_I1_PADDED - w->len - 4);
	hip_packet_end(w);
}

int hip_exchange_begin(struct hip_association *a, struct now now, const struct hip_hint *hint)
{
	/* From CLOSED a new incarnation begins, and CLOSE is still answered (4.4.3 table 8). */
	bool closed = a->state == HIP_CLOSED;

	hip_retry_stop(a);
	hip_exchange_free(a);
	hip_race_free(a);
	(void)hip_exchange_of(a);
	a->initiator = true;
	a->began = now.mono;
	a->i1 = duration_us(0);
	a->r1 = a->i2 = a->r2 = duration_us(UINT64_MAX);
	if (!closed) {
		explicit_bzero(&a->keys, sizeof(a->keys));
		hip_association_become(a, now, HIP_I1_SENT);
	}
	return hip_race_begin(a, now, hint);
}

void hip_exchange_failed(struct hip_association *a, struct now now, const char *why)
{
	char text[HIT_TEXT_SIZE];

	log_info(a->host->log, "hip.failed", "peer=%s why=%s ms=%llu", hit_text(&a->peer, text), why,
		 hip_ms(hip_elapsed(a, now)));
	a->host->counters->hip_failed++;
	hip_association_become(a, now, HIP_E_FAILED);
}

void hip_exchange_complete(struct hip_association *a, struct now now, const struct hip_path *path)
{
	struct hip_host *h = a->host;
	enum hip_state state = a->initiator ? HIP_ESTABLISHED : HIP_R2_SENT;
	struct hit peer = a->peer;
	char text[HIT_TEXT_SIZE];

	a->last_used = now.mono;
	h->counters->hip_exchanges++;
	log_info(h->log, "hip.established",
		 "peer=%s initiator=%d channel=%s i1_ms=%llu r1_ms=%llu i2_ms=%llu r2_ms=%llu esp=%u group=%u",
		 hit_text(&peer, text), a->initiator, hip_channel_name(path->channel), hip_ms(a->i1), hip_ms(a->r1),
		 hip_ms(a->i2), hip_ms(a->r2), a->esp_suite, a->dh_group);
	hip_association_become(a, now, state);
	a = hip_association_find(h, &peer);
	if (a != NULL && a->state == state)
		hip_update_established(a, now);
}

/* ---- Packets ---- */

/* A critical parameter that is not understood: the packet is dropped, and who has proven to be the peer is told
 * (5.2.1). */
static void hip_exchange_critical(struct hip_host *h, struct now now, const struct hip_path *path,
				  const struct hip_packet *p, uint16_t type)
{
	struct hip_association *a = hip_association_find(h, &p->sender);
	const uint8_t data[] = { (uint8_t)(type >> 8), (uint8_t)type };

	hip_refused(h, &h->counters->hip_malformed, path, &p->sender, "critical-parameter");
	if (a != NULL && a->keys.mac_len > 0 && p->type != HIP_I1 && p->type != HIP_R1 && p->type != HIP_NOTIFY &&
	    hip_check_mac(a, p) == 0)
		hip_notify(h, now, path, &p->sender, HIP_UNSUPPORTED_CRITICAL_PARAMETER_TYPE,
			   slice_of(data, sizeof(data)));
}

static void hip_exchange_update(struct hip_host *h, struct now now, const struct hip_path *path,
				const struct hip_packet *p)
{
	struct hip_association *a = hip_association_find(h, &p->sender);

	if (a == NULL || (a->state != HIP_ESTABLISHED && a->state != HIP_R2_SENT)) {
		hip_refused(h, &h->counters->hip_stray, path, &p->sender, "no-association");
		return;
	}
	hip_update_receive(a, now, path, p);
}

void hip_exchange_receive(struct hip_host *h, struct now now, const struct hip_path *path, const struct hip_packet *p,
			  const struct hip_carry *carry)
{
	uint16_t critical = hip_packet_unknown_critical(p);

	(void)carry; /* what it claims to come from is never a place to send to */
	if (!hip_is_speakable(h, &p->sender)) {
		hip_refused(h, &h->counters->hip_malformed, path, &p->sender, "hit");
		return;
	}
	/* An I1 is logged by its handler, behind the limits; an I2 may tell once its puzzle is right. */
	if (p->type != HIP_I1)
		hip_log_packet(h, now, "received", path, p->type, &p->sender);
	if (critical != 0 && p->type != HIP_I2) {
		hip_exchange_critical(h, now, path, p, critical);
		return;
	}
	switch (p->type) {
	case HIP_I1:
		hip_responder_i1(h, now, path, p);
		break;
	case HIP_R1:
		hip_initiator_r1(h, now, path, p);
		break;
	case HIP_I2:
		hip_responder_i2(h, now, path, p);
		break;
	case HIP_R2:
		hip_initiator_r2(h, now, path, p);
		break;
	case HIP_UPDATE:
		hip_exchange_update(h, now, path, p);
		break;
	case HIP_NOTIFY:
		hip_notify_receive(h, now, path, p);
		break;
	case HIP_CLOSE:
		hip_close_receive(h, now, path, p);
		break;
	case HIP_CLOSE_ACK:
		hip_close_ack_receive(h, now, path, p);
		break;
	default:
		hip_refused(h, &h->counters->hip_malformed, path, &p->sender, "type");
	}
}
