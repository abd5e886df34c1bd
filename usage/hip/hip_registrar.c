/* SPDX-License-Identifier: MIT */
/* Registrar (RFC 8003): who is served here, for how long, and the HIP-RVS record that says so to the ring. A
 * host registers in its own association, so for its own HIT and no other; the packet with its signed
 * REG_REQUEST is the proof that the record carries. */
#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "usage/hip/hip_edge.h"

#define HIP_REGISTRATIONS_DEFAULT 1024
#define HIP_HOST_ID_MAX (HOST_IDENTITY_MAX + 16)

/* Failure types (4.5). */
enum hip_reg_failure {
	HIP_REG_CREDENTIALS = 0, HIP_REG_UNAVAILABLE = 1, HIP_REG_RESOURCES = 2, HIP_REG_CERTIFICATE_UNSUPPORTED = 5
};

static size_t hip_registrations_max(const struct hip_host *h)
{
	return h->options.registrations_max != 0 ? h->options.registrations_max : HIP_REGISTRATIONS_DEFAULT;
}

struct hip_client *hip_client_find(const struct hip_edge *e, const struct hit *hit)
{
	return map_find(e->clients, slice_of(hit->bytes, HIT_LENGTH));
}

bool hip_client_has(const struct hip_client *c, struct now now, enum hip_service service)
{
	return c->expires[service].us != 0 && !instant_due(c->expires[service], now.mono);
}

static bool hip_client_is_registered(const struct hip_client *c)
{
	return c->expires[HIP_SERVICE_RVS].us != 0 || c->expires[HIP_SERVICE_RELAY].us != 0;
}

static const char *hip_service_name(uint16_t type)
{
	static const char *const names[HIP_SERVICE_COUNT] = { "transparent", "rvs", "relay" };

	return type < HIP_SERVICE_COUNT ? names[type] : "unknown";
}

/* ---- The record ---- */

/* Contents of HOST_ID for the verified Host Identity of the association. */
static struct slice hip_registrar_host_id(const struct hip_association *a, uint8_t bytes[HIP_HOST_ID_MAX])
{
	struct writer w = writer_of(bytes, HIP_HOST_ID_MAX);
	struct hip_host_id x = { .identity = slice_of(a->peer_identity, a->peer_identity_len) };
	size_t len;

	if (a->peer_identity_len < 2)
		return SLICE_EMPTY;
	x.algorithm = (uint16_t)(a->peer_identity[0] << 8 | a->peer_identity[1]);
	hip_host_id_put(&w, &x);
	if (w.err < 0)
		return SLICE_EMPTY;
	len = (size_t)bytes[2] << 8 | bytes[3];
	return slice_of(bytes + 4, len);
}

static uint32_t hip_client_remaining_s(const struct hip_client *c, struct now now, enum hip_service service)
{
	uint64_t s = hip_client_has(c, now, service)
		   ? instant_since(c->expires[service], now.mono).us / duration_s(1).us : 0;

	return s > HIP_REGISTRATION_MAX_S ? HIP_REGISTRATION_MAX_S : (uint32_t)s;
}

/* Seconds that a packet asks to be served for: what it proves, and no more. */
static uint32_t hip_registrar_asked_s(const struct hip_packet *p)
{
	struct hip_registration request;
	struct hip_parameter parameter;
	struct reader r;

	if (!hip_parameter_find(p, HIP_PARAMETER_REG_REQUEST, &parameter))
		return 0;
	r = reader_of(parameter.contents);
	hip_reg_request_get(&r, &request);
	return reader_finish(&r) < 0 ? 0 : hip_lifetime_s(request.lifetime);
}

/* `p`: the packet that proves it; NULL: none is new. The record lasts no longer than that packet asks for, and is
 * renewed with it for as long as the host is registered. */
static void hip_client_publish(struct hip_client *c, struct now now, const struct hip_association *a,
			       const struct hip_packet *p)
{
	uint32_t rvs = hip_client_remaining_s(c, now, HIP_SERVICE_RVS);
	uint32_t relay = hip_client_remaining_s(c, now, HIP_SERVICE_RELAY);
	uint32_t plain = hip_client_remaining_s(c, now, HIP_SERVICE_TRANSPARENT);
	struct hip_host *h = c->edge->host;
	uint8_t bytes[HIP_HOST_ID_MAX];
	char text[HIT_TEXT_SIZE];
	uint8_t flags = (uint8_t)((rvs > 0 ? HIP_RECORD_RVS : 0) | (relay > 0 ? HIP_RECORD_RELAY : 0));
	uint32_t served = rvs > relay ? rvs : relay, asked = p == NULL ? 0 : hip_registrar_asked_s(p);
	int err;

	if (h->records == NULL)
		return;
	/* Granted is sometimes more than asked, for the time is kept in whole seconds and has a lower bound;
	 * storing peers take a record only for as long as its proof asks. */
	if (flags != 0 && p != NULL)
		err = hip_publish(h, now, &c->hit, flags, served < asked ? served : asked, NULL, 0,
				  hip_registrar_host_id(a, bytes), p->bytes);
	else if (flags == 0 && plain > 0)
		err = hip_publish(h, now, &c->hit, HIP_RECORD_PLAIN, plain, NULL, 0, SLICE_EMPTY, SLICE_EMPTY);
	else
		return;
	c->published = err == 0;
	if (err < 0) {
		h->counters->hip_limit += err == ERR_LIMIT;
		log_warning(h->log, "hip.publish.failed", "hit=%s reason=%s", hit_text(&c->hit, text),
			    error_name(err));
	}
}

/* ---- The table ---- */

static void hip_client_end(struct hip_client *c, struct now now, const char *reason)
{
	struct hip_edge *e = c->edge;
	char text[HIT_TEXT_SIZE];

	log_info(e->host->log, "hip.unregistered", "hit=%s reason=%s", hit_text(&c->hit, text), reason);
	if (c->published)
		hip_unpublish(e->host, now, &c->hit);
	timer_disarm(&e->host->timers, &c->timer);
	(void)map_remove(e->clients, slice_of(c->hit.bytes, HIT_LENGTH));
	if (!hip_client_is_registered(c))
		e->transparent_count--;
	free(c);
}

void hip_clients_free(struct hip_edge *e)
{
	size_t cursor = 0;
	struct slice key;
	void *value;

	while (map_next(e->clients, &cursor, &key, &value)) {
		struct hip_client *c = value;

		timer_disarm(&e->host->timers, &c->timer);
		free(c);
	}
}

static void hip_client_expire(void *ctx, struct now now);

/* The timer stands at whichever service ends first. */
static void hip_client_arm(struct hip_client *c)
{
	struct instant first = INSTANT_NEVER;

	for (size_t i = 0; i < HIP_SERVICE_COUNT; i++)
		if (c->expires[i].us != 0)
			first = instant_min(first, c->expires[i]);
	timer_disarm(&c->edge->host->timers, &c->timer);
	if (!instant_is_never(first))
		timer_arm(&c->edge->host->timers, &c->timer, first, hip_client_expire, c);
}

/* Takes one service away. False: it was the last, and the client is gone. */
static bool hip_client_cancel(struct hip_client *c, struct now now, enum hip_service service, const char *reason)
{
	bool was_registered = hip_client_is_registered(c);

	c->expires[service].us = 0;
	if (!hip_client_is_registered(c) && c->expires[HIP_SERVICE_TRANSPARENT].us == 0) {
		c->edge->transparent_count += was_registered; /* hip_client_end takes it out */
		hip_client_end(c, now, reason);
		return false;
	}
	if (was_registered && !hip_client_is_registered(c)) {
		c->edge->transparent_count++;
		hip_client_publish(c, now, NULL, NULL);
	}
	hip_client_arm(c);
	return true;
}

static void hip_client_expire(void *ctx, struct now now)
{
	struct hip_client *c = ctx;

	for (size_t i = 0; i < HIP_SERVICE_COUNT; i++)
		if (c->expires[i].us != 0 && instant_due(c->expires[i], now.mono)
		    && !hip_client_cancel(c, now, (enum hip_service)i, "expired"))
			return;
}

static struct hip_client *hip_client_make(struct hip_edge *e, const struct hit *hit, const struct hip_path *path)
{
	struct hip_client *c = memory_alloc(sizeof(*c));

	c->edge = e;
	c->hit = *hit;
	c->path = *path;
	e->transparent_count++; /* until it has a registration */
	(void)map_put(e->clients, slice_of(c->hit.bytes, HIT_LENGTH), c);
	return c;
}

struct hip_client *hip_client_serve(struct hip_edge *e, struct now now, const struct hit *hit,
				    const struct hip_path *path, struct instant expires)
{
	struct hip_client *c = hip_client_find(e, hit);
	bool is_new = c == NULL || c->expires[HIP_SERVICE_TRANSPARENT].us == 0;

	if (c == NULL && e->transparent_count >= hip_registrations_max(e->host))
		return NULL;
	if (c == NULL)
		c = hip_client_make(e, hit, path);
	else if (!hip_client_is_registered(c))
		c->path = *path;
	if (instant_before(c->expires[HIP_SERVICE_TRANSPARENT], expires))
		c->expires[HIP_SERVICE_TRANSPARENT] = expires;
	hip_client_arm(c);
	if (is_new)
		hip_client_publish(c, now, NULL, NULL);
	return c;
}

/* ---- Requests ---- */

static bool hip_registrar_is_full(const struct hip_edge *e)
{
	return map_count(e->clients) - e->transparent_count >= hip_registrations_max(e->host);
}

void hip_edge_put_reg_info(struct hip_host *h, struct writer *w)
{
	struct hip_reg_info info = {
		.lifetime_min = hip_lifetime_code(HIP_REGISTRATION_MIN_S),
		.lifetime_max = hip_lifetime_code(HIP_REGISTRATION_MAX_S),
	};

	if (h->edge == NULL)
		return;
	/* Empty: a registrar that is full just now (3.1). */
	if (!hip_registrar_is_full(h->edge)) {
		info.types.items[info.types.count++] = HIP_SERVICE_RVS;
		info.types.items[info.types.count++] = HIP_SERVICE_RELAY;
	}
	hip_reg_info_put(w, &info);
}

/* What a REG_REQUEST comes to. */
struct hip_reg_answer {
	struct hip_list granted, cancelled, refused;
	uint8_t lifetime;     /* of those granted, coded */
	uint8_t failures[HIP_LIST_MAX];
};

static void hip_list_add(struct hip_list *list, uint16_t item)
{
	if (list->count < HIP_LIST_MAX && !hip_list_has(list, item))
		list->items[list->count++] = item;
}

static void hip_reg_refuse(struct hip_reg_answer *answer, uint16_t type, enum hip_reg_failure failure)
{
	if (answer->refused.count == HIP_LIST_MAX || hip_list_has(&answer->refused, type))
		return;
	answer->failures[answer->refused.count] = (uint8_t)failure;
	answer->refused.items[answer->refused.count++] = type;
}

/* Policy: with "refuse", only hosts in the pool of known HITs; no certificate type is supported besides (3.3).
 * -1: none. */
static int hip_reg_failure(const struct hip_association *a, struct now now, const struct hip_path *path,
			   const struct hip_packet *p, uint16_t type)
{
	struct hip_host *h = a->host;
	struct hip_parameter cert;

	/* A relay serves hosts that keep a UDP path open (RFC 9028 4.1); who is heard through the ring is not
	 * here. */
	if ((type != HIP_SERVICE_RVS && type != HIP_SERVICE_RELAY)
	    || (type == HIP_SERVICE_RELAY && path->channel != HIP_CHANNEL_UDP)
	    || (path->channel != HIP_CHANNEL_UDP && path->channel != HIP_CHANNEL_RAW))
		return HIP_REG_UNAVAILABLE;
	if (h->options.unknown == HIP_UNKNOWN_REFUSE && hip_pool_find(h->known, now, &a->peer) == NULL)
		return hip_parameter_find(p, HIP_PARAMETER_CERT, &cert) ? HIP_REG_CERTIFICATE_UNSUPPORTED
									: HIP_REG_CREDENTIALS;
	return -1;
}

/* The lifetime granted for one asked for, both coded: the nearest within the bounds (4.3). */
static uint8_t hip_reg_lifetime(uint8_t coded)
{
	uint8_t min = hip_lifetime_code(HIP_REGISTRATION_MIN_S), max = hip_lifetime_code(HIP_REGISTRATION_MAX_S);

	return coded < min ? min : coded > max ? max : coded;
}

/* One type of one request. */
static void hip_reg_take(const struct hip_association *a, struct now now, const struct hip_path *path,
			 const struct hip_packet *p, uint16_t type, uint8_t coded, struct hip_reg_answer *answer)
{
	struct hip_edge *e = a->host->edge;
	struct hip_client *c = hip_client_find(e, &a->peer);
	int failure = hip_reg_failure(a, now, path, p, type);

	if (coded == 0 && failure != HIP_REG_UNAVAILABLE) {
		if (c != NULL && c->expires[type].us != 0)
			(void)hip_client_cancel(c, now, (enum hip_service)type, "cancelled");
		hip_list_add(&answer->cancelled, type);
		return;
	}
	if (failure < 0 && (c == NULL || !hip_client_is_registered(c)) && hip_registrar_is_full(e)) {
		a->host->counters->hip_limit++;
		failure = HIP_REG_RESOURCES;
	}
	if (failure >= 0) {
		hip_reg_refuse(answer, type, (enum hip_reg_failure)failure);
		return;
	}
	if (c == NULL)
		c = hip_client_make(e, &a->peer, path);
	if (!hip_client_is_registered(c))
		e->transparent_count--;
	/* One response has one lifetime: that of the first request of several (4.4). */
	if (answer->granted.count == 0)
		answer->lifetime = hip_reg_lifetime(coded);
	c->path = *path;
	/* Whole seconds of the coded lifetime, rounded up: nobody is forgotten before the time granted. */
	c->expires[type] = instant_add(now.mono, duration_s(hip_lifetime_s(answer->lifetime) + 1u));
	hip_list_add(&answer->granted, type);
}

static void hip_reg_put(const struct hip_reg_answer *answer, const struct hip_path *path, struct writer *w)
{
	struct hip_registration response = { .lifetime = answer->lifetime, .types = answer->granted };
	struct hip_transport_address from = { .protocol = 17, .address = path->remote };
	bool wants_from = hip_list_has(&answer->granted, HIP_SERVICE_RELAY);

	if (answer->granted.count == 0) {
		response.lifetime = 0;
		response.types = answer->cancelled;
	}
	if (response.types.count > 0)
		hip_reg_response_put(w, &response);
	for (unsigned failure = 0; failure < 9; failure++) {
		struct hip_reg_failed failed = { .failure = (uint8_t)failure };

		for (size_t i = 0; i < answer->refused.count; i++)
			if (answer->failures[i] == failure)
				hip_list_add(&failed.types, answer->refused.items[i]);
		if (failed.types.count > 0)
			hip_reg_failed_put(w, &failed);
	}
	if (wants_from)
		hip_transport_address_put(w, HIP_PARAMETER_REG_FROM, &from);
}

static void hip_reg_log(const struct hip_association *a, const struct hip_path *path,
			const struct hip_reg_answer *answer)
{
	char text[HIT_TEXT_SIZE], where[HIP_PATH_TEXT_SIZE];

	for (size_t i = 0; i < answer->granted.count; i++)
		log_info(a->host->log, "hip.registered", "hit=%s service=%s lifetime=%u path=\"%s\"",
			 hit_text(&a->peer, text), hip_service_name(answer->granted.items[i]),
			 (unsigned)hip_lifetime_s(answer->lifetime), hip_path_text(path, where));
	for (size_t i = 0; i < answer->refused.count; i++) {
		a->host->counters->hip_forbidden++;
		log_info(a->host->log, "hip.register.refused", "hit=%s type=%u failure=%u path=\"%s\"",
			 hit_text(&a->peer, text), answer->refused.items[i], answer->failures[i],
			 hip_path_text(path, where));
	}
}

void hip_edge_register(struct hip_association *a, struct now now, const struct hip_path *path,
		       const struct hip_packet *p, struct writer *w)
{
	struct hip_reg_answer answer = { .lifetime = 0 };
	struct hip_parameter parameter;
	struct hip_client *c;
	size_t cursor = 0;

	if (a->host->edge == NULL)
		return;
	while (hip_parameter_next(p, &cursor, &parameter)) {
		struct hip_registration request;
		struct reader r = reader_of(parameter.contents);

		if (parameter.type != HIP_PARAMETER_REG_REQUEST)
			continue;
		hip_reg_request_get(&r, &request);
		if (reader_finish(&r) < 0) {
			a->host->counters->hip_malformed++;
			continue;
		}
		for (size_t i = 0; i < request.types.count; i++)
			hip_reg_take(a, now, path, p, request.types.items[i], request.lifetime, &answer);
	}
	hip_reg_put(&answer, path, w);
	hip_reg_log(a, path, &answer);
	c = hip_client_find(a->host->edge, &a->peer);
	if (c == NULL)
		return;
	if (answer.granted.count > 0) {
		hip_client_arm(c);
		hip_client_publish(c, now, a, p);
	}
	/* All that a relay answers its client tells it where it is seen (RFC 9028 4.1). */
	if (!hip_list_has(&answer.granted, HIP_SERVICE_RELAY) && hip_client_has(c, now, HIP_SERVICE_RELAY)) {
		struct hip_transport_address from = { .protocol = 17, .address = path->remote };

		if (path->channel == HIP_CHANNEL_UDP)
			hip_transport_address_put(w, HIP_PARAMETER_REG_FROM, &from);
	}
}

void hip_edge_forget(struct hip_host *h, struct now now, const struct hit *peer)
{
	struct hip_client *c = h->edge == NULL ? NULL : hip_client_find(h->edge, peer);

	/* A host served without a registration has no association with us to lose. */
	if (c == NULL || !hip_client_is_registered(c))
		return;
	if (c->expires[HIP_SERVICE_RVS].us != 0 && !hip_client_cancel(c, now, HIP_SERVICE_RVS, "association"))
		return;
	if (c->expires[HIP_SERVICE_RELAY].us != 0)
		(void)hip_client_cancel(c, now, HIP_SERVICE_RELAY, "association");
}

bool hip_edge_is_registered(const struct hip_host *h, struct now now, const struct hit *hit)
{
	const struct hip_client *c = h->edge == NULL ? NULL : hip_client_find(h->edge, hit);

	return c != NULL
	    && (hip_client_has(c, now, HIP_SERVICE_RVS) || hip_client_has(c, now, HIP_SERVICE_RELAY));
}

static void hip_client_info(const struct hip_client *c, struct now now, enum hip_service service,
			    struct hip_registration_info *out)
{
	const struct hip_host *h = c->edge->host;

	*out = (struct hip_registration_info){
		.hit = c->hit,
		.path = hip_client_path(c),
		.type = (uint8_t)service,
		.remaining_s = instant_is_never(c->expires[service]) ? UINT32_MAX
			     : hip_client_remaining_s(c, now, service),
		.stored = c->published && h->records != NULL && hip_is_published(h, &c->hit),
		.carried_in = c->carried_in,
		.carried_out = c->carried_out,
	};
}

/* A row for each service of each host: the cursor is the host's place in the map and the next service. */
bool hip_edge_next(const struct hip_host *h, struct now now, size_t *cursor, struct hip_registration_info *out)
{
	struct slice key;
	void *value;

	while (h->edge != NULL) {
		size_t at = *cursor / HIP_SERVICE_COUNT, before = at;

		if (!map_next(h->edge->clients, &at, &key, &value))
			return false;
		/* The map may skip places: then the services begin anew. */
		for (size_t i = at == before + 1 ? *cursor % HIP_SERVICE_COUNT : 0; i < HIP_SERVICE_COUNT; i++) {
			if (!hip_client_has(value, now, (enum hip_service)i))
				continue;
			*cursor = i + 1 < HIP_SERVICE_COUNT ? (at - 1) * HIP_SERVICE_COUNT + i + 1
							    : at * HIP_SERVICE_COUNT;
			hip_client_info(value, now, (enum hip_service)i, out);
			return true;
		}
		*cursor = at * HIP_SERVICE_COUNT;
	}
	return false;
}
