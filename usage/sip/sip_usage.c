/* SPDX-License-Identifier: MIT */
/* The usage's inputs and effects. */
#include "usage/sip/sip_usage.h"

#include <stdio.h>
#include <stdlib.h>

#include "overlay/attach.h"
#include "overlay/base/invariant.h"
#include "usage/sip/sip_call.h"
#include "usage/sip/sip_digest.h"
#include "usage/sip/sip_internal.h"
#include "usage/sip/sip_link.h"
#include "usage/sip/sip_registration.h"
#include "usage/sip/sip_resolve.h"
#include "usage/sip/sip_stream.h"
#include "usage/sip/sip_transaction.h"

/* ---- Effects ---- */

static void sip_outputs_free(struct sip_output *o)
{
	while (o != NULL) {
		struct sip_output *next = o->next;

		sip_text_free(&o->bytes);
		free(o);
		o = next;
	}
}

static void sip_output_add(struct sip_usage *s, enum sip_effect_type type, const struct sip_flow *flow,
			   struct slice bytes)
{
	struct sip_output *o = memory_alloc(sizeof(*o));

	o->effect.type = type;
	o->effect.flow = *flow;
	sip_text_set(&o->bytes, bytes);
	o->effect.bytes = sip_text_slice(&o->bytes);
	if (s->first == NULL) {
		/* A new batch: what was lent out before has been written. */
		sip_outputs_free(s->drained);
		s->drained = NULL;
		s->first = o;
	} else {
		s->last->next = o;
	}
	s->last = o;
}

void sip_output_send(struct sip_usage *s, const struct sip_flow *flow, struct slice bytes)
{
	sip_output_add(s, SIP_EFFECT_SEND, flow, bytes);
}

void sip_output_close(struct sip_usage *s, const struct sip_flow *flow)
{
	sip_output_add(s, SIP_EFFECT_CLOSE, flow, SLICE_EMPTY);
}

const struct sip_effect *sip_usage_next_effect(struct sip_usage *s)
{
	struct sip_output *o = s->first;

	if (o == NULL)
		return NULL;
	s->first = o->next;
	o->next = s->drained;
	s->drained = o;
	return &o->effect;
}

/* ---- Hops ---- */

int sip_hop_send(struct sip_usage *s, struct now now, const struct sip_hop *hop,
		 const struct sip_route *route, struct slice bytes)
{
	if (hop->flow.transport == SIP_OVERLAY)
		return sip_link_send(s, now, &hop->node, route, bytes);
	if (hop->flow.transport == SIP_TCP && hop->flow.stream != 0 &&
	    !sip_stream_is_open(s, hop->flow.stream))
		return ERR_LINK;
	if (hop->flow.remote.type == ADDRESS_NONE || hop->flow.remote.port == 0)
		return ERR_NO_ROUTE;
	sip_output_send(s, &hop->flow, bytes);
	return 0;
}

const char *sip_hop_text(const struct sip_hop *hop, char text[ADDRESS_TEXT_SIZE + 8])
{
	char address[ADDRESS_TEXT_SIZE];

	if (hop->flow.transport == SIP_OVERLAY)
		node_id_text(&hop->node, text);
	else
		snprintf(text, ADDRESS_TEXT_SIZE + 8, "%s:%s", hop->flow.transport == SIP_UDP ? "udp" : "tcp",
			 address_text(&hop->flow.remote, address));
	return text;
}

bool sip_hop_equal(const struct sip_hop *a, const struct sip_hop *b)
{
	if (a->flow.transport != b->flow.transport)
		return false;
	if (a->flow.transport == SIP_OVERLAY)
		return node_id_equal(&a->node, &b->node);
	return a->flow.stream == b->flow.stream && address_equal(&a->flow.remote, &b->flow.remote);
}

const struct address *sip_listen_for(const struct sip_usage *s, const struct address *remote)
{
	const struct address *best = &s->options.listen[0];

	for (size_t i = 0; i < s->options.listen_count; i++) {
		const struct address *a = &s->options.listen[i];

		if (a->type != remote->type)
			continue;
		if (best->type != remote->type || address_is_loopback(a) == address_is_loopback(remote))
			best = a;
		if (address_is_loopback(a) == address_is_loopback(remote))
			break;
	}
	return best;
}

bool sip_is_own_address(const struct sip_usage *s, struct slice host, uint16_t port)
{
	struct address a;

	if (!sip_host_address(host, port != 0 ? port : SIP_PORT, &a))
		return false;
	for (size_t i = 0; i < s->options.listen_count; i++)
		if (address_equal(&a, &s->options.listen[i]))
			return true;
	return false;
}

void sip_limit_met(const struct sip_usage *s, const char *what, int max)
{
	sip_counters(s)->sip_limit++;
	log_warning(s->log, "sip.limit", "what=%s max=%d", what, max);
}

void sip_random_hex(struct sip_usage *s, size_t count, char *out)
{
	const struct security *security = peer_security(s->peer);
	uint8_t bytes[32];

	invariant(count <= sizeof(bytes));
	security->ops->random(security->ctx, bytes, count);
	sip_hex(bytes, count, out);
}

/* ---- Life ---- */

static void sip_options_complete(struct sip_usage_options *o)
{
	if (o->registration_default_s == 0)
		o->registration_default_s = 3600;
	if (o->registration_min_s == 0)
		o->registration_min_s = 60;
	if (o->registration_max_s == 0)
		o->registration_max_s = 7200;
	if (o->registrations_max == 0)
		o->registrations_max = 64;
	if (o->registration_default_s > o->registration_max_s)
		o->registration_default_s = o->registration_max_s;
}

int sip_usage_new(struct sip_usage **out, struct peer *p, const struct sip_usage_options *options)
{
	const struct security *security = peer_security(p);
	const struct identity *own = security->ops->own_identity(security->ctx);
	struct sip_usage *s = memory_alloc(sizeof(*s));
	uint64_t seed;

	invariant(options->listen_count >= 1 && options->listen_count <= 4);
	*out = NULL;
	s->peer = p;
	s->log = peer_log(p);
	s->options = *options;
	sip_options_complete(&s->options);
	if (sip_aor_normalise(slice_text(own->user), s->aor) != 0) {
		log_error(s->log, "sip.aor.unusable", "user=\"%s\"", own->user);
		free(s);
		return ERR_MALFORMED;
	}
	if (strcmp(own->user, s->aor) != 0)
		log_warning(s->log, "sip.aor.unusual", "user=\"%s\" aor=%s", own->user, s->aor);
	sip_message_setup();
	node_id_text(peer_node_id(p), s->node);
	snprintf(s->host, sizeof(s->host), "%s.%s", s->node, peer_configuration(p)->overlay_name);
	security->ops->random(security->ctx, s->secret, sizeof(s->secret));
	security->ops->random(security->ctx, &seed, sizeof(seed));
	timer_heap_init(&s->timers);
	s->servers = map_new(seed);
	s->clients = map_new(seed + 1);
	s->streams = map_new(seed + 2);
	s->links = map_new(seed + 3);
	s->registrar = sip_registrar_new(s);
	s->digest = sip_digest_new();
	s->calls = sip_calls_new(s);
	app_attach_offer(p, SIP_PORT, true);
	*out = s;
	return 0;
}

void sip_usage_free(struct sip_usage *s)
{
	if (s == NULL)
		return;
	app_attach_offer(s->peer, SIP_PORT, false);
	sip_transactions_free(s);
	sip_resolutions_free(s);
	sip_links_free(s);
	sip_streams_free(s);
	sip_registrar_free(s->registrar);
	sip_digest_free(s->digest);
	sip_calls_free(s->calls);
	map_free(s->servers);
	map_free(s->clients);
	map_free(s->streams);
	map_free(s->links);
	timer_heap_free(&s->timers);
	sip_outputs_free(s->first);
	sip_outputs_free(s->drained);
	explicit_bzero(s->secret, sizeof(s->secret));
	free(s);
}

static void sip_usage_joined(void *ctx, struct now now)
{
	sip_registration_joined(ctx, now);
}

static void sip_usage_stop(void *ctx, struct now now, void (*done)(void *done_ctx, struct now now),
			   void *done_ctx)
{
	struct sip_usage *s = ctx;

	s->stopping = true;
	app_attach_offer(s->peer, SIP_PORT, false);
	sip_registration_stop(s, now, done, done_ctx);
}

static void sip_usage_expire(void *ctx, struct now now)
{
	struct sip_usage *s = ctx;

	timer_heap_expire(&s->timers, now);
}

static struct instant sip_usage_deadline(void *ctx)
{
	const struct sip_usage *s = ctx;

	return timer_heap_deadline(&s->timers);
}

struct usage sip_usage_port(struct sip_usage *s)
{
	static const struct usage_ops ops = {
		.name = "sip",
		.joined = sip_usage_joined,
		.stop = sip_usage_stop,
		.expire = sip_usage_expire,
		.deadline = sip_usage_deadline,
	};

	return (struct usage){ &ops, s };
}

/* ---- Inputs ---- */

void sip_usage_datagram(struct sip_usage *s, struct now now, const struct address *remote, struct slice bytes)
{
	struct sip_hop hop = { .flow = { .transport = SIP_UDP, .remote = *remote } };
	bool is_keepalive = true;

	/* Phones keep their NAT binding open with line ends, a NUL, or four letters. */
	for (size_t i = 0; i < bytes.len && is_keepalive; i++)
		is_keepalive = bytes.len <= 4 || bytes.data[i] == '\r' || bytes.data[i] == '\n' ||
			       bytes.data[i] == '\0';
	if (!is_keepalive)
		sip_proxy_message(s, now, &hop, bytes);
}

void sip_usage_stream_open(struct sip_usage *s, struct now now, const struct sip_flow *flow)
{
	struct sip_hop hop = { .flow = *flow };

	invariant(flow->transport == SIP_TCP && flow->stream != 0);
	if (!sip_stream_add(s, now, &hop))
		return;
	sip_registration_stream_open(s, flow);
	sip_clients_adopt_stream(s, flow);
}

void sip_usage_stream_bytes(struct sip_usage *s, struct now now, uint64_t stream, struct slice bytes)
{
	sip_stream_bytes(s, now, stream, bytes);
}

void sip_usage_stream_closed(struct sip_usage *s, struct now now, uint64_t stream)
{
	sip_stream_gone(s, now, stream);
}

void sip_usage_app_link(struct sip_usage *s, struct now now, link_id link, const struct sip_node *node,
			bool initiator)
{
	struct sip_hop hop = { .flow = { .transport = SIP_OVERLAY, .stream = link }, .node = node->id };
	char text[NODE_ID_TEXT_SIZE];

	log_info(s->log, "sip.link.up", "node=%s initiator=%d", node_id_text(&node->id, text), initiator);
	if (sip_stream_add(s, now, &hop)) {
		sip_stream_identify(s, link, node);
		sip_link_up(s, now, link, &node->id);
	}
}
