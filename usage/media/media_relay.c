/* SPDX-License-Identifier: MIT */
/* The relay's inputs and effects, its ports, and what it shows of itself. */
#include "usage/media/media_relay.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/media/media_internal.h"

#define MEDIA_STREAMS_MAX 2048
#define MEDIA_IDLE_S 7200
#define MEDIA_LOOK_S 60 /* how often idle calls are looked for */

/* ---- Effects ---- */

static void media_outputs_free(struct media_output *o)
{
	while (o != NULL) {
		struct media_output *next = o->next;

		free(o);
		o = next;
	}
}

void media_output_add(struct media_relay *r, const struct media_effect *effect)
{
	struct media_output *o = memory_alloc(sizeof(*o) + effect->bytes.len);

	o->effect = *effect;
	if (effect->bytes.len > 0)
		memcpy(o->bytes, effect->bytes.data, effect->bytes.len);
	o->effect.bytes = slice_of(o->bytes, effect->bytes.len);
	if (r->first == NULL) {
		/* A new batch: what was lent out before is done with. */
		media_outputs_free(r->drained);
		r->drained = NULL;
		r->first = o;
	} else {
		r->last->next = o;
	}
	r->last = o;
}

const struct media_effect *media_relay_next_effect(struct media_relay *r)
{
	struct media_output *o = r->first;

	if (o == NULL)
		return NULL;
	r->first = o->next;
	o->next = r->drained;
	r->drained = o;
	if (o->effect.type == MEDIA_EFFECT_WANT)
		r->is_wanting = false;
	return &o->effect;
}

/* ---- Ports ---- */

static void media_port_want(struct media_relay *r)
{
	size_t room = r->used_count < r->options.streams_max ? r->options.streams_max - r->used_count : 0;
	size_t wanted = room < MEDIA_PORTS_SPARE ? room : MEDIA_PORTS_SPARE;

	if (r->is_wanting || r->spare_count >= wanted)
		return;
	r->is_wanting = true;
	media_output_add(r, &(struct media_effect){ .type = MEDIA_EFFECT_WANT, .count = wanted - r->spare_count });
}

void media_relay_lend(struct media_relay *r, uint16_t port)
{
	if (port == 0 || port % 2 != 0 || r->lent[port / 2])
		return;
	r->lent[port / 2] = true;
	r->spare[r->spare_count++] = port;
}

uint16_t media_port_take(struct media_relay *r)
{
	uint16_t port = 0;

	if (r->spare_count > 0 && r->used_count < r->options.streams_max) {
		port = r->spare[--r->spare_count];
		r->used_count++;
	} else {
		log_warning(r->log, "media.limit", "used=%zu max=%u spare=%zu", r->used_count, r->options.streams_max,
			    r->spare_count);
	}
	media_port_want(r);
	return port;
}

void media_port_give_back(struct media_relay *r, uint16_t port)
{
	r->lent[port / 2] = false;
	r->used_count--;
	media_output_add(r, &(struct media_effect){ .type = MEDIA_EFFECT_RETURN, .port = port });
	media_port_want(r);
}

/* ---- Life ---- */

static void media_relay_on_idle(void *ctx, struct now now)
{
	struct media_relay *r = ctx;
	struct duration patience = duration_s(r->options.idle_s);
	size_t cursor = 0;
	void *value;

	while (map_next(r->calls, &cursor, NULL, &value)) {
		struct media_call *call = value;

		if (instant_since(now.mono, call->last).us >= patience.us)
			media_call_free(call, "idle");
	}
	timer_arm(&r->timers, &r->idle, instant_add(now.mono, duration_s(MEDIA_LOOK_S)), media_relay_on_idle, r);
}

struct media_relay *media_relay_new(struct hip_host *host, struct counters *counters,
				    const struct media_relay_options *options)
{
	struct media_relay *r = memory_alloc(sizeof(*r));
	uint64_t seed;

	r->host = host;
	r->counters = counters;
	r->options = *options;
	r->log = options->log;
	if (r->options.streams_max == 0)
		r->options.streams_max = MEDIA_STREAMS_MAX;
	if (r->options.idle_s == 0)
		r->options.idle_s = MEDIA_IDLE_S;
	r->hit = *hip_host_hit(host);
	hip_host_security(host)->ops->random(hip_host_security(host)->ctx, &seed, sizeof(seed));
	r->calls = map_new(seed);
	r->streams = memory_alloc(MEDIA_PAIRS * sizeof(struct media_stream *));
	r->lent = memory_alloc(MEDIA_PAIRS * sizeof(*r->lent));
	r->spare = memory_alloc(MEDIA_PAIRS * sizeof(*r->spare));
	timer_heap_init(&r->timers);
	/* The first look is at once: there is no time yet to count from. */
	timer_arm(&r->timers, &r->idle, (struct instant){ 0 }, media_relay_on_idle, r);
	hip_host_take_payloads(host, media_stream_from_host, r);
	media_port_want(r);
	return r;
}

static void media_relay_end_all(struct media_relay *r, const char *why)
{
	size_t cursor = 0;
	void *value;

	while (map_next(r->calls, &cursor, NULL, &value))
		media_call_free(value, why);
}

void media_relay_free(struct media_relay *r)
{
	if (r == NULL)
		return;
	hip_host_take_payloads(r->host, NULL, NULL);
	media_relay_end_all(r, "stopped");
	media_outputs_free(r->first);
	media_outputs_free(r->drained);
	map_free(r->calls);
	timer_disarm(&r->timers, &r->idle);
	timer_heap_free(&r->timers);
	free(r->streams);
	free(r->lent);
	free(r->spare);
	free(r);
}

static void media_relay_joined(void *ctx, struct now now)
{
	(void)ctx, (void)now;
}

static void media_relay_stop(void *ctx, struct now now, void (*done)(void *done_ctx, struct now now), void *done_ctx)
{
	media_relay_end_all(ctx, "stopped");
	done(done_ctx, now);
}

static void media_relay_expire(void *ctx, struct now now)
{
	struct media_relay *r = ctx;

	timer_heap_expire(&r->timers, now);
}

static struct instant media_relay_deadline(void *ctx)
{
	const struct media_relay *r = ctx;

	return timer_heap_deadline(&r->timers);
}

struct usage media_relay_port(struct media_relay *r)
{
	static const struct usage_ops ops = {
		.name = "media",
		.joined = media_relay_joined,
		.stop = media_relay_stop,
		.expire = media_relay_expire,
		.deadline = media_relay_deadline,
	};

	return (struct usage){ &ops, r };
}

/* ---- The proxy's side ---- */

static int media_relay_rewrite(void *ctx, struct now now, const struct sip_media_message *m, struct sip_text *out,
			       char *reason, size_t reason_size)
{
	struct media_relay *r = ctx;
	int err = media_call_rewrite(r, now, m, out, reason, reason_size);

	if (err != 0) {
		r->counters->media_refused++;
		out->len = 0;
	}
	return err;
}

static void media_relay_ended(void *ctx, struct now now, const struct sip_media_end *end)
{
	media_call_ended(ctx, now, end);
}

static void media_relay_answered(void *ctx, const struct sip_media_end *call)
{
	media_call_answered(ctx, call);
}

static bool media_relay_protection(void *ctx, struct slice call_id, struct hit *hit, const char **vouched)
{
	const struct media_call *call = media_call_protected(ctx, call_id);

	if (call == NULL)
		return false;
	*hit = call->hit;
	*vouched = hip_vouched_name(call->vouched);
	return true;
}

static const char *media_relay_record_prefs(void *ctx, char *text, size_t size)
{
	return media_prefs_put(ctx, text, size);
}

struct sip_media media_relay_sip(struct media_relay *r)
{
	static const struct sip_media_ops ops = {
		.rewrite = media_relay_rewrite,
		.ended = media_relay_ended,
		.protection = media_relay_protection,
		.record_prefs = media_relay_record_prefs,
		.answered = media_relay_answered,
	};

	return (struct sip_media){ &ops, r };
}

void media_relay_datagram(struct media_relay *r, struct now now, uint16_t port, const struct address *from,
			  struct slice bytes)
{
	media_stream_from_phone(r, now, port, from, bytes);
}

bool media_relay_next_stream(const struct media_relay *r, size_t *cursor, struct media_stream_info *out)
{
	while (*cursor < MEDIA_PAIRS) {
		const struct media_stream *s = r->streams[(*cursor)++];

		if (s == NULL)
			continue;
		*out = (struct media_stream_info){
			.hit = s->call->hit,
			.vouched = s->call->vouched,
			.port = s->port,
			.remote_port = s->remote[MEDIA_RTP],
			.phone = s->phone[MEDIA_RTP],
			.packets_in = s->packets_in,
			.packets_out = s->packets_out,
			.dropped = s->dropped,
		};
		sip_copy(out->call_id, sizeof(out->call_id), sip_text_slice(&s->call->call_id));
		memcpy(out->kind, s->kind, sizeof(out->kind));
		return true;
	}
	return false;
}
