/* SPDX-License-Identifier: MIT */
/* Commands of HIP: hip, hip_ping, and the pool of known identities. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/control_call.h"
#include "node/hip_address_watch.h"
#include "node/hip_core.h"
#include "node/hip_tun.h"
#include "overlay/base/invariant.h"
#include "usage/hip/hip_registrant.h"
#include "usage/hip/hip_transparent.h"

#define HIP_OFF_HINT "set hip = true in peald.conf, start without --no-hip, and look for hip.off in the log"

/* False: the call has been ended. */
static bool hip_is_on(struct control_call *call)
{
	if (call->node->hip != NULL)
		return true;
	control_error(call, ERR_UNSUPPORTED, HIP_OFF_HINT, "HIP is off at this node");
	return false;
}

static json_t *hit_json(const struct hit *hit)
{
	char text[HIT_TEXT_SIZE];

	return hit_is_zero(hit) ? json_null() : json_string(hit_text(hit, text));
}

static json_t *path_json(const struct hip_path *path)
{
	char text[HIP_PATH_TEXT_SIZE];

	/* Of a race that was won before it was asked who that would be. */
	if (path->channel == HIP_CHANNEL_OVERLAY && node_id_is_zero(&path->node))
		return json_string(hip_channel_name(path->channel));
	return path->channel == HIP_CHANNEL_NONE ? json_null() : json_string(hip_path_text(path, text));
}

/* An IPv4 name of a HIT: no port. */
static json_t *name_json(const struct address *name)
{
	char text[ADDRESS_TEXT_SIZE];

	(void)address_text(name, text);
	text[strcspn(text, ":")] = '\0';
	return json_string(text);
}

/* null: it has not happened. */
static json_t *moment_json(struct duration d)
{
	return d.us == UINT64_MAX ? json_null() : control_milliseconds(d);
}

static const char *hit_suite_name(unsigned suite)
{
	return suite == HIT_SUITE_RSA ? "RSA/SHA-256" : suite == HIT_SUITE_ECDSA ? "ECDSA/SHA-384" : "unknown";
}

static const char *esp_suite_name(uint8_t suite)
{
	switch (suite) {
	case 0:
		return "";
	case HOST_ESP_NULL_SHA256:
		return "NULL/SHA-256";
	case HOST_ESP_AES_128_CBC_SHA256:
		return "AES-128-CBC/SHA-256";
	case HOST_ESP_AES_256_CBC_SHA256:
		return "AES-256-CBC/SHA-256";
	case HOST_ESP_AES_GCM_8:
		return "AES-GCM-8";
	case HOST_ESP_AES_GCM_16:
		return "AES-GCM-16";
	default:
		return "unknown";
	}
}

static const char *dh_group_name(uint8_t group)
{
	static const char *const names[] = {
		[HOST_DH_MODP_1536] = "modp1536", [HOST_DH_MODP_3072] = "modp3072", [HOST_DH_P256] = "p256",
		[HOST_DH_P384] = "p384",          [HOST_DH_P521] = "p521",          [HOST_DH_SECP160R1] = "secp160r1",
	};

	return group < sizeof(names) / sizeof(names[0]) && names[group] != NULL ? names[group] : "";
}

static const char *service_name(uint8_t type)
{
	return type == 0 ? "transparent" : type == 1 ? "rendezvous" : type == 2 ? "relay" : "unknown";
}

/* ---- hip ---- */

static json_t *race_json(const struct hip_association_info *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->race_count && i < HIP_RACE_CHANNELS_MAX; i++)
		(void)json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:b}", "path",
							    path_json(&a->race[i].path), "sent_ms",
							    moment_json(a->race[i].sent), "r1_ms",
							    moment_json(a->race[i].r1), "won", a->race[i].won));
	return list;
}

static void exchange_put(json_t *item, const struct hip_association_info *a)
{
	(void)json_object_set_new(item, "i1_ms", moment_json(a->i1));
	(void)json_object_set_new(item, "r1_ms", moment_json(a->r1));
	(void)json_object_set_new(item, "i2_ms", moment_json(a->i2));
	(void)json_object_set_new(item, "r2_ms", moment_json(a->r2));
}

static void security_put(json_t *item, const struct hip_association_info *a)
{
	char spi[16];

	(void)snprintf(spi, sizeof(spi), "%08x", a->spi_in);
	(void)json_object_set_new(item, "spi_in", json_string(spi));
	(void)snprintf(spi, sizeof(spi), "%08x", a->spi_out);
	(void)json_object_set_new(item, "spi_out", json_string(spi));
	(void)json_object_set_new(item, "esp", json_string(esp_suite_name(a->esp_suite)));
	(void)json_object_set_new(item, "dh_group", json_string(dh_group_name(a->dh_group)));
}

static json_t *association_json(struct node *n, const struct hip_association_info *a)
{
	json_t *item = json_object();
	struct address name;

	(void)json_object_set_new(item, "what", json_string("association"));
	(void)json_object_set_new(item, "hit", hit_json(&a->hit));
	(void)json_object_set_new(item, "user", json_string(a->user));
	(void)json_object_set_new(item, "vouched", json_string(a->vouched));
	(void)json_object_set_new(item, "state", json_string(hip_state_name(a->state)));
	(void)json_object_set_new(item, "initiator", json_boolean(a->initiator));
	(void)json_object_set_new(item, "control", path_json(&a->control));
	(void)json_object_set_new(item, "data", path_json(&a->data));
	security_put(item, a);
	(void)json_object_set_new(item, "packets_in", json_integer((json_int_t)a->packets_in));
	(void)json_object_set_new(item, "packets_out", json_integer((json_int_t)a->packets_out));
	(void)json_object_set_new(item, "bytes_in", json_integer((json_int_t)a->bytes_in));
	(void)json_object_set_new(item, "bytes_out", json_integer((json_int_t)a->bytes_out));
	(void)json_object_set_new(item, "replayed", json_integer((json_int_t)a->replayed));
	(void)json_object_set_new(item, "refused", json_integer((json_int_t)a->refused));
	(void)json_object_set_new(item, "rekeys", json_integer(a->rekeys));
	(void)json_object_set_new(item, "age_s", json_integer(a->age_s));
	exchange_put(item, a);
	(void)json_object_set_new(item, "race", race_json(a));
	if (hip_tun_name(n, &a->hit, &name))
		(void)json_object_set_new(item, "ipv4", name_json(&name));
	return item;
}

static size_t registrations_show(struct control_call *call, struct now now)
{
	struct hip_registration_info r;
	size_t cursor = 0, count = 0;

	while (hip_host_next_registration(call->node->hip, now, &cursor, &r)) {
		control_item(call, json_pack("{s:s, s:o, s:s, s:o, s:I, s:b, s:I, s:I}", "what", "registration",
					     "hit", hit_json(&r.hit), "service", service_name(r.type), "path",
					     path_json(&r.path), "remaining_s", (json_int_t)r.remaining_s, "stored",
					     r.stored, "carried_in", (json_int_t)r.carried_in, "carried_out",
					     (json_int_t)r.carried_out));
		count++;
	}
	return count;
}

/* REG_FAILED's failure types (RFC 8003 7, RFC 9028 8). */
static const char *failure_text(uint8_t failure)
{
	static const char *const texts[] = { "additional credentials are needed", "service not available there",
					     "insufficient resources there", "invalid certificate", "bad certificate",
					     "unsupported certificate", "certificate expired", "certificate refused",
					     "unknown certificate authority",
					     "rendezvous and relay at the same time are not allowed there" };

	return failure < sizeof(texts) / sizeof(texts[0]) ? texts[failure] : "refused";
}

/* This node as a client of servers elsewhere. */
static size_t servers_show(struct control_call *call, struct now now)
{
	struct hip_registrant_info r;
	size_t cursor = 0, count = 0;
	json_t *item;

	while (hip_host_next_registrant(call->node->hip, now, &cursor, &r)) {
		bool refused = !r.registered && r.failure != HIP_REGISTRANT_NO_FAILURE;

		item = json_pack("{s:s, s:o, s:o, s:s, s:s, s:I}", "what", "server", "hit", hit_json(&r.server),
				 "address", control_address(&r.address), "service", service_name(r.type), "state",
				 r.registered ? "registered" : refused ? "refused" : "asking", "remaining_s",
				 (json_int_t)r.remaining_s);
		if (refused)
			(void)json_object_set_new(item, "why", json_string(failure_text(r.failure)));
		if (r.seen.type != ADDRESS_NONE)
			(void)json_object_set_new(item, "seen_at", control_address(&r.seen));
		control_item(call, item);
		count++;
	}
	return count;
}

static json_t *channels_json(const struct node *n)
{
	json_t *list = json_array();

	(void)json_array_append_new(list, json_string(hip_channel_name(HIP_CHANNEL_UDP)));
	if (n->settings.hip_raw)
		(void)json_array_append_new(list, json_string(hip_channel_name(HIP_CHANNEL_RAW)));
	(void)json_array_append_new(list, json_string(hip_channel_name(HIP_CHANNEL_OVERLAY)));
	return list;
}

static json_t *addresses_json(const struct address *items, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(list, control_address(&items[i]));
	return list;
}

void control_hip(struct control_call *call, struct now now)
{
	struct node *n = call->node;
	struct hip_association_info *a;
	struct address locators[HIP_LISTEN_MAX], name;
	size_t cursor = 0, associations = 0, registrations, servers;
	json_t *result = json_object();

	(void)json_object_set_new(result, "on", json_boolean(n->hip != NULL));
	if (n->hip == NULL) {
		control_result(call, result);
		return;
	}
	a = memory_alloc(sizeof(*a));
	while (hip_host_next_association(n->hip, now, &cursor, a)) {
		control_item(call, association_json(n, a));
		associations++;
	}
	free(a);
	registrations = registrations_show(call, now);
	servers = servers_show(call, now);
	(void)json_object_set_new(result, "hit", hit_json(hip_host_hit(n->hip)));
	(void)json_object_set_new(result, "suite",
				  json_string(hit_suite_name(hit_suite(hip_host_hit(n->hip)))));
	(void)json_object_set_new(result, "channels", channels_json(n));
	(void)json_object_set_new(result, "listen",
				  addresses_json(n->settings.hip_listen.items, n->settings.hip_listen.count));
	(void)json_object_set_new(result, "locators", addresses_json(locators, hip_address_locators(n, locators)));
	(void)json_object_set_new(result, "media", json_boolean(n->media != NULL));
	(void)json_object_set_new(result, "edge", json_boolean(n->settings.hip_edge));
	if (hip_tun_name(n, hip_host_hit(n->hip), &name)) {
		(void)json_object_set_new(result, "device", json_string(n->settings.hip_tun));
		(void)json_object_set_new(result, "ipv4", name_json(&name));
	}
	(void)json_object_set_new(result, "associations", json_integer((json_int_t)associations));
	(void)json_object_set_new(result, "registrations", json_integer((json_int_t)registrations));
	(void)json_object_set_new(result, "servers", json_integer((json_int_t)servers));
	control_result(call, result);
}

/* ---- hip_ping ---- */

/* The HIT that the argument `name` means. False: the call has been ended. */
static bool hit_argument(struct control_call *call, const char *name, struct hit *hit)
{
	const char *text = control_text(call, name);

	if (hit_parse(text, hit) == 0 && (hit_suite(hit) != 0 || hit_is_version_1(hit)))
		return true;
	control_error(call, ERR_MALFORMED,
		      "a HIT is an IPv6 address of 2001:20::/28, or 32 hex digits: \"pealctl hip\" shows this node's",
		      "\"%.60s\" is no HIT", text);
	return false;
}

static bool association_find(const struct node *n, struct now now, const struct hit *hit,
			     struct hip_association_info *out)
{
	size_t cursor = 0;

	while (hip_host_next_association(n->hip, now, &cursor, out))
		if (hit_equal(&out->hit, hit))
			return true;
	return false;
}

static void ping_error(struct control_call *call, int err)
{
	const char *hint;

	switch (err) {
	case ERR_NOT_FOUND:
	case ERR_NOT_JOINED:
	case ERR_NO_ROUTE:
		hint = "nobody in the overlay has told where this HIT is: is its node in the ring (\"pealctl "
		       "ring\")?";
		break;
	case ERR_REQUEST_TIMEOUT:
		hint = "\"pealctl hip\" shows which channels were tried, and where ESP goes: nowhere, when the "
		       "exchange went through the ring and no address of the host answers; UDP port 10500 may be "
		       "closed on the way";
		break;
	case ERR_FORBIDDEN:
		hint = "one of the two hosts refuses the other: see hip-unknown in peald.conf(5) and \"pealctl "
		       "identity known\"";
		break;
	default:
		hint = "the log of the node may say more: \"pealctl log --level debug\"";
	}
	control_error(call, err, hint, "hip ping: %s", error_text(err));
}

static void on_pinged(void *ctx, struct now now, int err, struct duration round_trip, struct duration exchange)
{
	struct control_call *call = ctx;
	struct hip_association_info *a;
	struct hit hit;
	json_t *result;

	if (!control_arrived(call))
		return;
	if (err != 0) {
		ping_error(call, err);
		return;
	}
	result = json_object();
	invariant(hit_parse(control_text(call, "target"), &hit) == 0);
	(void)json_object_set_new(result, "hit", hit_json(&hit));
	(void)json_object_set_new(result, "rtt_ms", control_milliseconds(round_trip));
	a = memory_alloc(sizeof(*a));
	if (association_find(call->node, now, &hit, a)) {
		(void)json_object_set_new(result, "user", json_string(a->user));
		(void)json_object_set_new(result, "vouched", json_string(a->vouched));
		(void)json_object_set_new(result, "control", path_json(&a->control));
		(void)json_object_set_new(result, "data", path_json(&a->data));
		if (exchange.us > 0) {
			(void)json_object_set_new(result, "exchange_ms", control_milliseconds(exchange));
			exchange_put(result, a);
			(void)json_object_set_new(result, "race", race_json(a));
		}
	}
	free(a);
	control_result(call, result);
}

void control_hip_ping(struct control_call *call, struct now now)
{
	struct hit hit;
	int err;

	if (!hip_is_on(call) || !hit_argument(call, "target", &hit))
		return;
	control_expect(call);
	err = hip_host_ping(call->node->hip, now, &hit, on_pinged, call);
	if (err == 0)
		return;
	control_unexpect(call);
	ping_error(call, err);
}

/* ---- hip_locator ---- */

void control_hip_locator(struct control_call *call, struct now now)
{
	struct address locator;
	struct hit hit;

	(void)now;
	if (!hip_is_on(call) || !hit_argument(call, "target", &hit))
		return;
	if (hip_host_synthetic(call->node->hip, &hit, &locator) < 0) {
		control_error(call, ERR_UNSUPPORTED, "set hip-edge = true and hip-transparent in peald.conf",
			      "this node has no addresses that stand for HITs");
		return;
	}
	control_result(call, json_pack("{s:o, s:o}", "hit", hit_json(&hit), "locator", control_address(&locator)));
}

/* ---- identity_known, identity_trust, identity_forget ---- */

void control_identity_known(struct control_call *call, struct now now)
{
	struct hip_pool *pool;
	struct hip_first_use use;
	struct hip_known known;
	size_t cursor = 0, uses = 0, changed = 0, count = 0;

	if (!hip_is_on(call))
		return;
	pool = hip_host_pool(call->node->hip);
	while (hip_pool_next_first_use(pool, &cursor, &use)) {
		control_item(call, json_pack("{s:s, s:s, s:o, s:o, s:I}", "what", "first-use", "user", use.user, "hit",
					     hit_json(&use.hit), "changed", hit_json(&use.pending), "since_ms",
					     (json_int_t)use.seen_ms));
		changed += !hit_is_zero(&use.pending);
		uses++;
	}
	cursor = 0;
	while (hip_pool_next(pool, &cursor, &known)) {
		if (!instant_before(now.mono, known.expires))
			continue;
		control_item(call, json_pack("{s:s, s:s, s:o, s:s, s:I}", "what", "pool", "user", known.user, "hit",
					     hit_json(&known.hit), "vouched", hip_vouched_name(known.vouched),
					     "remaining_s",
					     (json_int_t)(instant_since(known.expires, now.mono).us / 1000000)));
		count++;
	}
	control_result(call, json_pack("{s:I, s:I, s:I}", "first_uses", (json_int_t)uses, "changed",
				       (json_int_t)changed, "known", (json_int_t)count));
}

/* Keeps the change in the file, and answers. */
static void identity_kept(struct control_call *call, int err)
{
	const char *user = control_text(call, "user");

	if (err == ERR_NOT_FOUND) {
		control_error(call, err,
			      "\"pealctl identity known\" lists what is remembered; to trust a key that was not seen "
			      "yet, name its HIT",
			      "nothing is remembered of %.200s, or no changed key waits", user);
		return;
	}
	if (err == 0)
		err = hip_core_remember(call->node);
	if (err != 0)
		control_error(call, err, "it holds until this node ends: see identity.not_kept in the log",
			      "not kept: %s", error_text(err));
	else
		control_result(call, json_pack("{s:s}", "user", user));
}

void control_identity_trust(struct control_call *call, struct now now)
{
	bool has_hit = control_text(call, "hit") != NULL;
	struct hit hit;

	if (!hip_is_on(call) || (has_hit && !hit_argument(call, "hit", &hit)))
		return;
	identity_kept(call, hip_pool_trust(hip_host_pool(call->node->hip), now, control_text(call, "user"),
					   has_hit ? &hit : NULL));
}

void control_identity_forget(struct control_call *call, struct now now)
{
	(void)now;
	if (hip_is_on(call))
		identity_kept(call, hip_pool_forget(hip_host_pool(call->node->hip), control_text(call, "user")));
}

/* ---- calls: here, because what matters of them is how their media is protected ---- */

/* As the call knows it; "" for one that was never answered. */
static const char *protection_name(const struct sip_call_info *c)
{
	if (c->media[0] != '\0')
		return c->media;
	return strcmp(c->state, "established") == 0 || strcmp(c->state, "ended") == 0 ? "none" : "";
}

/* How a call's media crosses, with whom, and each stream. */
static json_t *media_json(const struct node *n, const struct sip_call_info *c)
{
	struct media_stream_info s;
	size_t cursor = 0;
	json_t *streams = json_array();

	while (n->media != NULL && media_relay_next_stream(n->media, &cursor, &s)) {
		if (strcmp(s.call_id, c->call_id) != 0)
			continue;
		(void)json_array_append_new(
			streams, json_pack("{s:s, s:o, s:s, s:i, s:i, s:o, s:I, s:I, s:I}", "kind", s.kind, "hit",
					   hit_json(&s.hit), "vouched", hip_vouched_name(s.vouched), "port",
					   (int)s.port, "remote_port", (int)s.remote_port, "phone",
					   control_address(&s.phone), "packets_in", (json_int_t)s.packets_in,
					   "packets_out", (json_int_t)s.packets_out, "dropped",
					   (json_int_t)s.dropped));
	}
	return json_pack("{s:s, s:o, s:s, s:o}", "protection", protection_name(c), "hit",
			 hit_json(&c->media_hit), "vouched", c->media_vouched, "streams", streams);
}

void control_calls(struct control_call *call, struct now now)
{
	struct sip_call_info c;
	size_t cursor = 0, count = 0;

	while (call->node->sip != NULL && sip_usage_next_call(call->node->sip, now, &cursor, &c)) {
		control_item(call, json_pack("{s:s, s:s, s:s, s:s, s:I, s:i, s:o}", "from", c.from, "to", c.to,
					     "state", c.state, "call_id", c.call_id, "age_s",
					     (json_int_t)c.age_s, "status", c.status, "media",
					     media_json(call->node, &c)));
		count++;
	}
	control_result(call, json_pack("{s:I}", "calls", (json_int_t)count));
}
