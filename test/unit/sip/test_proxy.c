/* SPDX-License-Identifier: MIT */
/* Where requests go and what is answered here: redirections, relays that must not be, keep-alives, limits. */
#include <stdio.h>
#include <string.h>

#include "overlay/counter.h"
#include "overlay/resource.h"
#include "overlay/wire/sip_registration.h"
#include "test/unit/run.h"
#include "test/unit/sip/world.h"
#include "usage/sip/sip_resolve.h"

#define ALICE "alice@example.org"
#define BOB "bob@example.org"
#define CAROL "carol@example.org"

static void on_stored(void *ctx, struct now now, const struct resource_store_result *result)
{
	(void)now;
	*(int *)ctx = result->err;
}

/* Node `node` stores a record of type uri for its own user. */
static void redirect(struct world *w, size_t node, const char *aor, const char *to)
{
	struct peer *p = net_peer(w->net, node);
	struct resource_id id = security_resource_id(peer_security(p), slice_text(aor));
	struct sip_registration registration = { .type = SIP_REGISTRATION_URI, .uri = slice_text(to) };
	uint8_t bytes[512];
	struct writer writer = writer_of(bytes, sizeof(bytes));
	struct resource_value value = {
		.key = slice_of(peer_node_id(p)->bytes, NODE_ID_LENGTH),
		.exists = true,
		.lifetime_s = 600,
	};
	int err = 1;

	sip_registration_put(&writer, &registration);
	value.value = writer_slice(&writer);
	ck_assert_int_eq(resource_store(p, net_now(w->net), &id, KIND_SIP_REGISTRATION, &value, 1,
					on_stored, &err), 0);
	net_flush(w->net, node);
	world_run(w, 8000);
	ck_assert_int_eq(err, 0);
}

static struct world *three(struct phone **alice, struct phone **bob, struct phone **carol)
{
	struct world *w = world_of(3, ALICE, BOB, CAROL);

	*alice = phone_new(w, 0, "alice", false);
	*bob = phone_new(w, 1, "bob", false);
	*carol = phone_new(w, 2, "carol", false);
	phone_register(*alice);
	return w;
}

START_TEST(redirection_to_another_aor_is_followed)
{
	struct phone *alice, *bob, *carol;
	struct world *w = three(&alice, &bob, &carol);
	const char *message;

	phone_register(carol);
	redirect(w, 1, BOB, CAROL);
	phone_request(alice, "MESSAGE", BOB, "redir", "", "x");
	message = phone_expect(carol, 5000, "MESSAGE sip:carol@127.0.0.1");
	ck_assert_str_eq(header_of(message, "To", 0), "<sip:" BOB ">");
	phone_respond(carol, message, 200, "");
	phone_expect(alice, 5000, "SIP/2.0 200");
	world_free(w);
}
END_TEST

START_TEST(redirection_in_a_circle_ends)
{
	struct phone *alice, *bob, *carol;
	struct world *w = three(&alice, &bob, &carol);

	redirect(w, 1, BOB, CAROL);
	redirect(w, 2, CAROL, BOB);
	phone_request(alice, "MESSAGE", BOB, "circle", "", "x");
	phone_expect(alice, 5000, "SIP/2.0 480");
	world_free(w);
}
END_TEST

START_TEST(redirection_to_a_gruu_is_followed)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct phone *alice, *bob, *carol;
	struct world *w = three(&alice, &bob, &carol);
	struct destination node = destination_of_node(net_node_id(w->net, 2));
	uint8_t bytes[64];
	struct writer writer = writer_of(bytes, sizeof(bytes));
	char gruu[256] = "carol@example.org;gr=";
	struct sip_route route;
	uint32_t bits = 0;
	size_t filled = 0, at = strlen(gruu);

	phone_register(carol);
	destination_put(&writer, &node);
	for (size_t i = 0; i < writer.len; i++) {
		bits = bits << 8 | bytes[i];
		for (filled += 8; filled >= 6; filled -= 6)
			gruu[at++] = digits[bits >> (filled - 6) & 63];
	}
	if (filled > 0)
		gruu[at++] = digits[bits << (6 - filled) & 63];
	gruu[at] = '~';
	ck_assert_int_eq(sip_gruu_route(slice_text(strchr(gruu, '=') + 1), &route), 0);
	ck_assert(node_id_equal(&route.node, net_node_id(w->net, 2)));
	/* The sample of RFC 7904 section 6 is no Destination List. */
	ck_assert_int_ne(sip_gruu_route(slice_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODk~"), &route), 0);
	redirect(w, 1, BOB, gruu);
	phone_request(alice, "MESSAGE", BOB, "gruu", "", "x");
	phone_expect(carol, 5000, "MESSAGE sip:carol@127.0.0.1");
	world_free(w);
}
END_TEST

START_TEST(user_without_phones_is_answered_480)
{
	struct phone *alice, *bob, *carol;
	struct world *w = three(&alice, &bob, &carol);

	phone_request(alice, "MESSAGE", ALICE, "self", "", "x");
	phone_expect(alice, 5000, "SIP/2.0 480");
	world_free(w);
}
END_TEST

/* Everything a phone may ask that is answered without anybody else. */
START_TEST(requests_are_answered_here)
{
	static const struct {
		const char *start, *extra, *expected;
	} cases[] = {
		{ "OPTIONS sip:127.0.0.1:5060", "", "SIP/2.0 200" },
		{ "OPTIONS sip:example.org", "", "SIP/2.0 200" },
		{ "MESSAGE sip:example.org", "", "SIP/2.0 405" },
		{ "INVITE tel:+15551", "", "SIP/2.0 416" },
		{ "INVITE sips:bob@example.org", "", "SIP/2.0 416" },
		{ "INVITE sip:bob@192.0.2.1", "", "SIP/2.0 404" },
		{ "PUBLISH sip:" ALICE, "Event: presence\n", "SIP/2.0 405" },
		{ "INVITE sip:bob@example.org", "Proxy-Require: x-odd\n", "SIP/2.0 420" },
		{ "INVITE sip:bob%00@example.org", "", "SIP/2.0 400" },
		{ "OPTIONS sip:nobody@example.org", "Max-Forwards: 0\n", "SIP/2.0 200" },
	};
	struct world *w = world_of(1, ALICE);
	struct phone *alice = phone_new(w, 0, "alice", false);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		phone_send(alice,
			   "%s SIP/2.0\nVia: $V\nFrom: <sip:%s>;tag=1\nTo: <sip:x@y.example>\n"
			   "Call-ID: here-%zu\nCSeq: 1 %.*s\n%sContent-Length: 0\n\n",
			   cases[i].start, ALICE, i, (int)strcspn(cases[i].start, " "), cases[i].start,
			   cases[i].extra);
		phone_expect(alice, 100, cases[i].expected);
	}
	world_free(w);
}
END_TEST

START_TEST(request_with_no_room_for_the_proxys_headers_is_answered_513)
{
	struct world *w = world_of(1, ALICE);
	struct phone *alice = phone_new(w, 0, "alice", false);
	char lines[2048] = "";

	for (unsigned i = 0; i < 118; i++)
		snprintf(lines + strlen(lines), sizeof(lines) - strlen(lines), "X: %u\n", i);
	phone_request(alice, "INVITE", ALICE, "full", lines, "");
	phone_expect(alice, 10, "SIP/2.0 513");
	world_free(w);
}
END_TEST

START_TEST(message_waiting_is_refused_slowly)
{
	struct world *w = world_of(1, ALICE);
	struct phone *alice = phone_new(w, 0, "alice", false);

	phone_request(alice, "SUBSCRIBE", ALICE, "mwi", "Event: message-summary\n", "");
	phone_expect_none(alice, 1500, "SIP/2.0");
	phone_expect(alice, 1000, "SIP/2.0 489");
	world_free(w);
}
END_TEST

START_TEST(stream_is_cut_and_kept_alive)
{
	struct world *w = world_of(1, ALICE);
	struct phone *alice = phone_new(w, 0, "alice", true);
	static const char options[] =
		"OPTIONS sip:example.org SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKs%d\r\n"
		"From: <sip:alice@example.org>;tag=1\r\nTo: <sip:example.org>\r\nCall-ID: s%d\r\n"
		"CSeq: 1 OPTIONS\r\nContent-Length: 2\r\n\r\nxy";
	char two[2048];
	int len = snprintf(two, sizeof(two), options, 1, 1);

	len += snprintf(two + len, sizeof(two) - (size_t)len, options, 2, 2);
	phone_send_raw(alice, "\r\n\r\n", 4);
	ck_assert_uint_eq(alice->pongs, 1);
	for (int i = 0; i < len; i++)
		phone_send_raw(alice, two + i, 1);
	phone_expect(alice, 10, "SIP/2.0 200");
	phone_expect(alice, 10, "SIP/2.0 200");
	ck_assert_uint_eq(alice->received, 2);
	phone_send_raw(alice, "OPTIONS sip:x SIP/2.0\r\n\r\n", 25);
	ck_assert(world_logged(w, "sip.stream.garbage"));
	world_free(w);
}
END_TEST

START_TEST(large_request_goes_by_the_phones_tcp_connection)
{
	struct world *w = world_of(2, ALICE, BOB);
	struct phone *alice = phone_new(w, 0, "alice", true), *bob = phone_new(w, 1, "bob", false),
		     *bob_tcp = phone_new(w, 1, "bob", true);
	char body[3000];

	memset(body, 'b', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	phone_register(alice);
	/* The same phone: what it sends on TCP says that it is reached at the UDP contact's port. */
	phone_register(bob);
	bob_tcp->flow.remote.port = bob->flow.remote.port;
	phone_request(bob_tcp, "OPTIONS", "example.org", "adv", "", "");
	phone_request(alice, "MESSAGE", BOB, "large", "", body);
	phone_expect(bob_tcp, 5000, "MESSAGE");
	ck_assert(!phone_has(bob, "MESSAGE"));
	world_free(w);
}
END_TEST

START_TEST(far_proxy_cannot_relay_through_us)
{
	struct phone *alice, *bob, *carol;
	struct world *w = three(&alice, &bob, &carol);
	char route[1024], text[64];
	const char *message;

	phone_register(bob);
	phone_request(alice, "MESSAGE", BOB, "relay-0", "", "x");
	message = phone_expect(bob, 5000, "MESSAGE");
	phone_respond(bob, message, 200, "");
	phone_expect(alice, 5000, "SIP/2.0 200");
	/* By a Route to another proxy behind Bob's, and by a Request-URI that is nobody's. */
	snprintf(route, sizeof(route), "Route: <sip:%s@%s;lr;peal-node>\n",
		 node_id_text(net_node_id(w->net, 1), text),
		 peer_configuration(net_peer(w->net, 0))->overlay_name);
	snprintf(route + strlen(route), sizeof(route) - strlen(route), "Route: <sip:%s@%s;lr;peal-node>\n",
		 node_id_text(net_node_id(w->net, 2), text),
		 peer_configuration(net_peer(w->net, 0))->overlay_name);
	phone_request(alice, "MESSAGE", CAROL, "relay-1", route, "x");
	phone_expect(alice, 5000, "SIP/2.0 403");
	strchr(route, '\n')[1] = '\0';
	phone_request(alice, "MESSAGE", "x@127.0.0.1:9", "relay-2", route, "x");
	phone_expect(alice, 5000, "SIP/2.0 404");
	world_free(w);
}
END_TEST

START_TEST(forged_flow_token_is_of_no_use)
{
	struct phone *alice, *bob, *carol;
	struct world *w = three(&alice, &bob, &carol);
	const char *invite;
	char forged[512];

	phone_register(bob);
	phone_request(alice, "INVITE", BOB, "token", "", "x");
	invite = phone_expect(bob, 5000, "INVITE");
	/* Bob's side of the Record-Route, one digit of the address changed. */
	snprintf(forged, sizeof(forged), "%s", header_of(invite, "Record-Route", 0));
	forged[30] = forged[30] == '0' ? '1' : '0';
	phone_send(bob,
		   "BYE sip:x@192.0.2.1 SIP/2.0\nVia: $V\nMax-Forwards: 70\nRoute: %s\nFrom: <sip:%s>;tag=b\n"
		   "To: <sip:%s>;tag=a\nCall-ID: token\nCSeq: 9 BYE\nContent-Length: 0\n\n",
		   forged, BOB, ALICE);
	phone_expect(bob, 100, "SIP/2.0 404");
	world_free(w);
}
END_TEST

START_TEST(node_that_has_not_joined_answers_503)
{
	struct world *w = world_of(2, ALICE, BOB);
	struct phone *bob = phone_new(w, 1, "bob", false);
	const char *answer;

	net_set_group(w->net, 1, 1);
	peer_leave(net_peer(w->net, 1), net_now(w->net));
	phone_request(bob, "MESSAGE", ALICE, "off", "", "x");
	answer = phone_expect(bob, 100, "SIP/2.0 503");
	ck_assert_ptr_nonnull(header_of(answer, "Retry-After", 0));
	w->usages[1] = (sip_usage_free(w->usages[1]), NULL);
	world_free(w);
}
END_TEST

START_TEST(keepalives_and_junk_are_not_answered)
{
	struct world *w = world_of(1, ALICE);
	struct phone *alice = phone_new(w, 0, "alice", false);

	phone_send_raw(alice, "\r\n\r\n", 4);
	phone_send_raw(alice, "", 1);
	phone_send_raw(alice, "jaK", 4);
	phone_send_raw(alice, "complete junk\r\n\r\n", 17);
	phone_send_raw(alice, "SIP/2.0 200 OK\r\n\r\n", 18);
	world_run(w, 100);
	ck_assert_uint_eq(alice->received, 0);
	world_free(w);
}
END_TEST

static struct counters counters_of(struct world *w, size_t node)
{
	return *peer_counters(net_peer(w->net, node));
}

START_TEST(what_is_dropped_is_counted)
{
	struct world *w = world_of(1, ALICE);
	struct phone *alice = phone_new(w, 0, "alice", false), *gone = phone_new(w, 0, "alice", true);
	struct counters c;

	phone_send_raw(alice, "\r\n\r\n", 4);
	c = counters_of(w, 0);
	ck_assert_uint_eq(c.sip_malformed + c.sip_refused + c.sip_stray + c.sip_lost + c.sip_limit, 0);
	phone_send_raw(alice, "complete junk\r\n\r\n", 17);
	ck_assert_uint_eq(counters_of(w, 0).sip_malformed, 1);
	phone_send(alice, "SIP/2.0 200 OK\nVia: $V\nFrom: <sip:" ALICE ">;tag=1\n"
			  "To: <sip:" BOB ">;tag=2\nCall-ID: stray\nCSeq: 1 INVITE\nContent-Length: 0\n\n");
	ck_assert_uint_eq(counters_of(w, 0).sip_stray, 1);
	phone_request(alice, "ACK", ALICE, "stray", "", "");
	ck_assert_uint_eq(counters_of(w, 0).sip_stray, 2);
	phone_request(alice, "INVITE", "x@192.0.2.1", "refused", "", "");
	phone_expect(alice, 10, "SIP/2.0 404");
	phone_request(alice, "ACK", "x@192.0.2.1", "refused-ack", "", "");
	ck_assert_uint_eq(counters_of(w, 0).sip_refused, 2);
	phone_disconnect(gone);
	gone->flow.stream = 1ull << 63;
	phone_send_raw(gone, "OPTIONS", 7);
	ck_assert_uint_eq(counters_of(w, 0).sip_stray, 3);
	c = counters_of(w, 0);
	ck_assert_uint_eq(c.sip_malformed, 1);
	ck_assert_uint_eq(c.sip_lost + c.sip_limit, 0);
	world_free(w);
}
END_TEST

START_TEST(requests_beyond_a_limit_are_counted)
{
	struct world *w = world_of(1, ALICE);
	struct phone *alice = phone_new(w, 0, "alice", false);

	alice->deaf = true; /* its inbox would not hold them all */
	for (unsigned i = 0; i < 1024; i++)
		phone_request(alice, "OPTIONS", WORLD_DOMAIN, "many", "", "");
	ck_assert_uint_eq(counters_of(w, 0).sip_limit, 0);
	alice->deaf = false;
	phone_request(alice, "OPTIONS", WORLD_DOMAIN, "one-too-many", "", "");
	phone_expect(alice, 10, "SIP/2.0 503");
	phone_request(alice, "CANCEL", WORLD_DOMAIN, "one-too-many", "", "");
	ck_assert_uint_eq(counters_of(w, 0).sip_limit, 2);
	world_free(w);
}
END_TEST

START_TEST(request_that_no_connection_takes_is_counted_as_lost)
{
	struct world *w = world_of(3, ALICE, BOB, CAROL);
	struct phone *alice = phone_new(w, 0, "alice", false), *bob = phone_new(w, 1, "bob", false);

	phone_register(bob);
	sip_usage_free(w->usages[1]);
	w->usages[1] = NULL;
	net_kill(w->net, 1, false);
	world_run(w, 20000);
	phone_request(alice, "MESSAGE", BOB, "dead", "", "x");
	phone_expect(alice, 40000, "SIP/2.0 480");
	ck_assert_uint_ge(counters_of(w, 0).sip_lost, 1);
	world_free(w);
}
END_TEST

int main(void)
{
	return RUN_TESTS("sip_proxy", what_is_dropped_is_counted, requests_beyond_a_limit_are_counted,
			 request_that_no_connection_takes_is_counted_as_lost,
			 redirection_to_another_aor_is_followed, redirection_in_a_circle_ends,
			 redirection_to_a_gruu_is_followed, user_without_phones_is_answered_480,
			 requests_are_answered_here,
			 request_with_no_room_for_the_proxys_headers_is_answered_513,
			 message_waiting_is_refused_slowly,
			 stream_is_cut_and_kept_alive, large_request_goes_by_the_phones_tcp_connection,
			 far_proxy_cannot_relay_through_us, forged_flow_token_is_of_no_use,
			 node_that_has_not_joined_answers_503, keepalives_and_junk_are_not_answered);
}
