/* SPDX-License-Identifier: MIT */
/* Whole calls: two phones, two proxies, two media relays on HIP hosts, and the ring between them. Each phone sees only
 * its own node; what it sends comes out at the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/run.h"
#include "test/unit/sip/world.h"
#include "tools/sim/fake_host_security.h"
#include "tools/sim/fake_security.h"
#include "usage/media/media_relay.h"

#define ALICE "alice@example.org"
#define BOB "bob@example.org"
#define SDP "Content-Type: application/sdp\n"
#define OFFER "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
#define ANSWER "v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n"
#define OFFER_VIDEO OFFER "m=video 4002 RTP/AVP 96\r\n"
#define ANSWER_VIDEO ANSWER "m=video 5002 RTP/AVP 96\r\n"

struct machine {
	struct fake_host *security;
	struct hip_host *host;
	struct media_relay *relay;
	struct sip_media media;
	struct address at;
	uint16_t next_port;
	size_t sent, returned, esp, plain;
	struct address last_to;
	uint16_t last_port;
	char payload[256];
};

static struct machine machines[2];

static void machine_carry(struct world *w, size_t node, const struct hip_effect *e)
{
	struct machine *other = &machines[1 - node];
	struct hip_path path = { .channel = HIP_CHANNEL_UDP, .local = e->path.remote, .remote = e->path.local };

	if (e->type != HIP_EFFECT_SEND || e->path.channel != HIP_CHANNEL_UDP ||
	    !address_equal(&e->path.remote, &other->at))
		return;
	if (e->bytes.len > 4 && memcmp(e->bytes.data, "\0\0\0\0", 4) != 0)
		machines[node].esp++;
	hip_host_datagram(other->host, net_now(w->net), &path, false, e->bytes);
}

static void machine_effect(struct machine *m, const struct media_effect *e)
{
	if (e->type == MEDIA_EFFECT_RETURN)
		m->returned++;
	for (size_t i = 0; e->type == MEDIA_EFFECT_WANT && i < e->count; i++, m->next_port += 2)
		media_relay_lend(m->relay, m->next_port);
	if (e->type != MEDIA_EFFECT_SEND)
		return;
	m->sent++;
	m->last_to = e->remote;
	m->last_port = e->port;
	snprintf(m->payload, sizeof(m->payload), "%.*s", (int)e->bytes.len, (const char *)e->bytes.data);
}

static void machine_expire(const struct usage *u, struct now now)
{
	if (instant_due(u->ops->deadline(u->ctx), now.mono))
		u->ops->expire(u->ctx, now);
}

static void machine_step(void *ctx, struct world *w, size_t node)
{
	struct machine *m = &machines[node];
	const struct media_effect *media;
	const struct hip_effect *e;
	struct usage u;

	(void)ctx;
	if (m->host == NULL)
		return;
	u = hip_host_port(m->host);
	machine_expire(&u, net_now(w->net));
	u = media_relay_port(m->relay);
	machine_expire(&u, net_now(w->net));
	for (size_t i = 0; i < 2; i++) {
		while ((e = hip_host_next_effect(machines[i].host)) != NULL)
			machine_carry(w, i, e);
		while ((media = media_relay_next_effect(machines[i].relay)) != NULL)
			machine_effect(&machines[i], media);
	}
}

static void machine_start(struct world *w, size_t node, enum media_policy policy)
{
	struct peer *p = net_peer(w->net, node);
	const struct security *security = peer_security(p);
	uint8_t name[FAKE_CERTIFICATE_NAME_MAX];
	struct machine *m = &machines[node];
	struct hip_host_options o = { .log = peer_log(p), .peer = p, .seed = node + 5, .publish = true };
	struct usage u;
	char text[32];

	snprintf(text, sizeof(text), "192.0.2.%zu:10500", node + 1);
	ck_assert_int_eq(address_parse(text, 0, &m->at), 0);
	/* The host's key is that of the certificate. */
	m->security = fake_host_new(node + 1, fake_certificate_key_name(
						      security->ops->own_certificate(security->ctx), name));
	o.security = fake_host_port(m->security);
	o.listen[0] = o.locators[0] = m->at;
	o.listen_count = o.locator_count = 1;
	ck_assert_int_eq(hip_host_new(&m->host, &o), 0);
	u = hip_host_port(m->host);
	u.ops->joined(u.ctx, net_now(w->net));
	m->next_port = (uint16_t)(20000 + 1000 * node);
	m->relay = media_relay_new(m->host, peer_counters(p),
				   &(struct media_relay_options){ .log = peer_log(p), .policy = policy });
	m->media = media_relay_sip(m->relay);
	sip_usage_set_media(w->usages[node], &m->media);
}

static struct world *two_machines(struct phone **alice, struct phone **bob, enum media_policy policy_of_bob)
{
	struct world_options options = { .nodes = 2, .users = { ALICE, BOB }, .step = machine_step };
	struct world *w;

	memset(machines, 0, sizeof(machines));
	w = world_new(&options);
	machine_start(w, 0, MEDIA_HIP_PREFER);
	machine_start(w, 1, policy_of_bob);
	world_run(w, 100);
	*alice = phone_new(w, 0, "alice", false);
	*bob = phone_new(w, 1, "bob", false);
	phone_register(*alice);
	phone_register(*bob);
	return w;
}

static void machines_free(struct world *w)
{
	static const struct sip_media none;

	for (size_t i = 0; i < 2; i++) {
		sip_usage_set_media(w->usages[i], &none);
		media_relay_free(machines[i].relay);
		hip_host_free(machines[i].host);
		fake_host_free(machines[i].security);
		machines[i].host = NULL;
	}
	world_free(w);
}

static uint16_t port_in(const char *message, unsigned n)
{
	const char *line = strstr(message, "\nm=");

	for (; line != NULL && n > 0; n--)
		line = strstr(line + 1, "\nm=");
	ck_assert_ptr_nonnull(line);
	return (uint16_t)strtoul(strchr(line, ' '), NULL, 10);
}

static void expect_own_node(const char *message, size_t node, const char *body)
{
	const char *at = strstr(message, "\r\n\r\n") + 4;
	uint16_t port = port_in(at, 0);

	ck_assert_uint_eq(strtoul(header_of(message, "Content-Length", 0), NULL, 10), strlen(at));
	ck_assert_uint_ge(port, 20000 + 1000 * node);
	ck_assert_uint_lt(port, 21000 + 1000 * node);
	ck_assert_ptr_nonnull(strstr(at, "c=IN IP4 127.0.0.1\r\n"));
	ck_assert_ptr_null(strstr(at, "key-mgmt"));
	ck_assert_uint_ne(port, port_in(body, 0));
}

static void expect_crossing(struct world *w, size_t from, uint16_t phone_port, uint16_t port, const char *text,
			    uint16_t to_port)
{
	struct address a = { ADDRESS_IPV4, { 127, 0, 0, 1 }, phone_port };
	struct machine *other = &machines[1 - from];
	size_t sent = other->sent;

	media_relay_datagram(machines[from].relay, net_now(w->net), port, &a, slice_text(text));
	world_run(w, 10);
	ck_assert_uint_eq(other->sent, sent + 1);
	ck_assert_str_eq(other->payload, text);
	ck_assert_uint_eq(other->last_to.port, to_port);
}

START_TEST(call_between_two_phones_is_protected_from_end_to_end)
{
	struct phone *alice, *bob;
	struct world *w = two_machines(&alice, &bob, MEDIA_HIP_REQUIRE);
	const char *invite, *ok, *again, *bye;
	uint16_t at_alice, at_bob, video;
	struct sip_call_info info;
	size_t cursor = 0;

	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	invite = phone_expect(bob, 5000, "INVITE ");
	expect_own_node(invite, 1, OFFER);
	at_bob = port_in(invite, 0);
	/* Answered at once: both ends may be in the middle of an exchange. */
	phone_respond(bob, invite, 200, ANSWER);
	ok = phone_expect(alice, 5000, "SIP/2.0 200");
	expect_own_node(ok, 0, ANSWER);
	at_alice = port_in(ok, 0);
	phone_in_dialog(alice, "ACK", ok, true, NULL);
	phone_expect(bob, 5000, "ACK ");
	world_run(w, 500);
	expect_crossing(w, 0, 4000, at_alice, "from alice", 5000);
	expect_crossing(w, 1, 5000, at_bob, "from bob", 4000);
	expect_crossing(w, 0, 4001, (uint16_t)(at_alice + 1), "rtcp", 5001);
	ck_assert_uint_ge(machines[0].esp, 2);
	ck_assert(sip_usage_next_call(w->usages[0], net_now(w->net), &cursor, &info));
	ck_assert_str_eq(info.media, "hip");
	ck_assert_str_eq(info.media_vouched, "certificate");
	ck_assert(hit_equal(&info.media_hit, hip_host_hit(machines[1].host)));
	ck_assert(world_logged(w, "1 sip.call.media call_id=\"call-1\" media=hip"));
	/* The callee adds video. */
	phone_in_dialog_with(bob, "INVITE", invite, false, NULL, ANSWER_VIDEO);
	again = phone_expect(alice, 5000, "INVITE ");
	ck_assert_uint_eq(port_in(again, 0), at_alice);
	video = port_in(again, 1);
	phone_respond(alice, again, 200, OFFER_VIDEO);
	phone_expect(bob, 5000, "SIP/2.0 200");
	phone_in_dialog(bob, "ACK", invite, false, NULL);
	phone_expect(alice, 5000, "ACK ");
	expect_crossing(w, 0, 4002, video, "picture", 5002);
	phone_in_dialog(alice, "BYE", ok, true, NULL);
	bye = phone_expect(bob, 5000, "BYE ");
	phone_respond(bob, bye, 200, "");
	phone_expect(alice, 5000, "SIP/2.0 200");
	/* The last packets may come behind the BYE. */
	expect_crossing(w, 0, 4000, at_alice, "the last word", 5000);
	ck_assert_uint_eq(machines[0].returned, 0);
	world_run(w, 1500);
	ck_assert_uint_eq(machines[0].returned, 2);
	ck_assert_uint_eq(machines[1].returned, 2);
	machines_free(w);
}
END_TEST

START_TEST(call_that_fails_gives_its_ports_back)
{
	struct phone *alice, *bob;
	struct world *w = two_machines(&alice, &bob, MEDIA_HIP_PREFER);

	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	phone_respond(bob, phone_expect(bob, 5000, "INVITE "), 486, "");
	phone_expect(alice, 5000, "SIP/2.0 486");
	world_run(w, 100);
	ck_assert_uint_eq(machines[0].returned, 1);
	ck_assert_uint_eq(machines[1].returned, 1);
	machines_free(w);
}
END_TEST

START_TEST(node_without_hip_is_called_as_the_phones_do)
{
	struct phone *alice, *bob;
	struct world *w = two_machines(&alice, &bob, MEDIA_HIP_OFF);
	const char *invite, *body;

	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	invite = phone_expect(bob, 5000, "INVITE ");
	body = strstr(invite, "\r\n\r\n") + 4;
	ck_assert_str_eq(body, OFFER);
	phone_respond(bob, invite, 200, ANSWER);
	body = strstr(phone_expect(alice, 5000, "SIP/2.0 200"), "\r\n\r\n") + 4;
	ck_assert_str_eq(body, ANSWER);
	ck_assert(world_logged(w, "0 sip.call.media call_id=\"call-1\" media=none"));
	machines_free(w);
}
END_TEST

START_TEST(node_that_requires_hip_refuses_who_has_none)
{
	struct phone *alice, *bob;
	struct world *w = two_machines(&alice, &bob, MEDIA_HIP_REQUIRE);
	static const struct sip_media none;

	sip_usage_set_media(w->usages[0], &none);
	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	phone_expect(alice, 5000, "SIP/2.0 488 Media must be protected by HIP\r\n");
	phone_expect_none(bob, 100, "INVITE");
	machines_free(w);
}
END_TEST

int main(void)
{
	return RUN_TESTS("media_call", call_between_two_phones_is_protected_from_end_to_end,
			 call_that_fails_gives_its_ports_back, node_without_hip_is_called_as_the_phones_do,
			 node_that_requires_hip_refuses_who_has_none);
}
