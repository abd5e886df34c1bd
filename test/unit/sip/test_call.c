/* SPDX-License-Identifier: MIT */
/* Calls between phones through proxies on a ring with storage: who gets which bytes when. */
#include <stdio.h>
#include <string.h>

#include "test/unit/run.h"
#include "test/unit/sip/world.h"

#define ALICE "alice@example.org"
#define BOB "bob@example.org"
#define CAROL "carol@example.org"

static struct world *two_nodes(struct phone **alice, struct phone **bob, bool tcp)
{
	struct world *w = world_of(2, ALICE, BOB);

	*alice = phone_new(w, 0, "alice", tcp);
	*bob = phone_new(w, 1, "bob", tcp);
	phone_register(*alice);
	phone_register(*bob);
	return w;
}

/* Dials, answers, asks again from the other side, hangs up. */
static void place_and_end(struct phone *alice, struct phone *bob)
{
	const char *invite, *ringing, *ok, *again, *bye;
	bool far = alice->node != bob->node;

	phone_request(alice, "INVITE", BOB, "call-1", "X-Odd:  kept \tas is\n", "v=0 body\x01");
	phone_expect(alice, 100, "SIP/2.0 100");
	invite = phone_expect(bob, 5000, "INVITE sip:bob@127.0.0.1");
	ck_assert_uint_eq(header_count(invite, "Record-Route"), far ? 4u : 2u);
	ck_assert_ptr_nonnull(strstr(invite, "X-Odd:  kept \tas is\r\n"));
	ck_assert_ptr_nonnull(strstr(invite, "\r\n\r\nv=0 body\x01"));
	ck_assert_str_eq(header_of(invite, "Max-Forwards", 0), far ? "68" : "69");
	phone_respond(bob, invite, 180, "");
	ringing = phone_expect(alice, 5000, "SIP/2.0 180");
	ck_assert_uint_eq(header_count(ringing, "Via"), 1);
	phone_respond(bob, invite, 200, "answer");
	ok = phone_expect(alice, 5000, "SIP/2.0 200");
	phone_in_dialog(alice, "ACK", ok, true, NULL);
	phone_expect(bob, 5000, "ACK sip:bob@127.0.0.1");
	ck_assert(world_logged(alice->world, "sip.call.answered"));
	/* A re-INVITE from the callee and the BYE from the caller find their way by the Route set. */
	phone_in_dialog(bob, "INVITE", invite, false, NULL);
	again = phone_expect(alice, 5000, "INVITE sip:");
	ck_assert_uint_eq(header_count(again, "Route"), 0);
	phone_respond(alice, again, 200, "again");
	phone_expect(bob, 5000, "SIP/2.0 200");
	phone_in_dialog(bob, "ACK", invite, false, NULL);
	phone_expect(alice, 5000, "ACK ");
	phone_in_dialog(alice, "BYE", ok, true, NULL);
	bye = phone_expect(bob, 5000, "BYE sip:bob@127.0.0.1");
	phone_respond(bob, bye, 200, "");
	phone_expect(alice, 5000, "SIP/2.0 200");
	ck_assert(world_logged(alice->world, "sip.call.ended"));
}

START_TEST(call_completes_between_two_nodes)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	struct sip_call_info call;
	size_t cursor = 0;

	place_and_end(alice, bob);
	ck_assert(sip_usage_next_call(w->usages[0], net_now(w->net), &cursor, &call));
	ck_assert_str_eq(call.state, "ended");
	ck_assert_str_eq(call.from, ALICE);
	ck_assert_str_eq(call.to, BOB);
	world_free(w);
}
END_TEST

START_TEST(call_completes_over_tcp)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, true);

	place_and_end(alice, bob);
	world_free(w);
}
END_TEST

START_TEST(call_completes_between_phones_of_one_user)
{
	struct world *w = world_of(2, ALICE, BOB);
	struct phone *desk = phone_new(w, 1, "bob", false), *cell = phone_new(w, 1, "bob", false);

	phone_register(desk);
	phone_register(cell);
	place_and_end(desk, cell);
	ck_assert(!phone_has(desk, "INVITE"));
	world_free(w);
}
END_TEST

START_TEST(call_forks_to_phones_on_one_node_and_cancels_the_loser)
{
	struct phone *alice, *bob, *other;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *first, *second, *cancel;

	other = phone_new(w, 1, "bob", true);
	phone_register(other);
	phone_request(alice, "INVITE", BOB, "fork-1", "", "x");
	first = phone_expect(bob, 5000, "INVITE");
	second = phone_expect(other, 5000, "INVITE");
	phone_respond(bob, first, 180, "");
	phone_respond(other, second, 180, "");
	phone_expect(alice, 5000, "SIP/2.0 180");
	phone_respond(other, second, 200, "");
	phone_expect(alice, 5000, "SIP/2.0 200");
	cancel = phone_expect(bob, 5000, "CANCEL");
	ck_assert_str_eq(header_of(cancel, "Via", 0), header_of(first, "Via", 0));
	phone_respond(bob, cancel, 200, "");
	phone_respond(bob, first, 487, "");
	phone_expect(bob, 5000, "ACK");
	phone_expect_none(alice, 1000, "SIP/2.0 487");
	world_free(w);
}
END_TEST

START_TEST(call_forks_to_phones_on_two_nodes_and_cancels_the_loser)
{
	struct world *w = world_of(3, ALICE, BOB, BOB);
	struct phone *alice = phone_new(w, 0, "alice", false), *bob = phone_new(w, 1, "bob", false),
		     *other = phone_new(w, 2, "bob", false);
	const char *first, *second, *cancel;

	phone_register(alice);
	phone_register(bob);
	phone_register(other);
	phone_request(alice, "INVITE", BOB, "fork-2", "", "x");
	first = phone_expect(bob, 5000, "INVITE");
	second = phone_expect(other, 5000, "INVITE");
	phone_respond(bob, first, 180, "");
	phone_respond(other, second, 200, "");
	phone_expect(alice, 5000, "SIP/2.0 200");
	cancel = phone_expect(bob, 5000, "CANCEL");
	phone_respond(bob, cancel, 200, "");
	phone_respond(bob, first, 487, "");
	phone_expect(bob, 5000, "ACK");
	world_free(w);
}
END_TEST

START_TEST(call_takes_the_best_of_two_refusals)
{
	struct phone *alice, *bob, *other;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *first, *second;

	other = phone_new(w, 1, "bob", false);
	phone_register(other);
	phone_request(alice, "INVITE", BOB, "best-1", "", "x");
	first = phone_expect(bob, 5000, "INVITE");
	second = phone_expect(other, 5000, "INVITE");
	phone_respond(bob, first, 500, "");
	phone_expect_none(alice, 500, "SIP/2.0 5");
	phone_respond(other, second, 486, "");
	phone_expect(alice, 5000, "SIP/2.0 486");
	phone_expect(bob, 1000, "ACK");
	phone_expect(other, 1000, "ACK");
	world_free(w);
}
END_TEST

START_TEST(call_cancelled_by_the_caller_ends_with_487)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *invite, *cancel, *trying, *terminated;

	phone_request(alice, "INVITE", BOB, "cancel-1", "", "x");
	trying = phone_expect(alice, 100, "SIP/2.0 100");
	invite = phone_expect(bob, 5000, "INVITE");
	phone_respond(bob, invite, 180, "");
	phone_expect(alice, 5000, "SIP/2.0 180");
	phone_send(alice,
		   "CANCEL sip:%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s\nTo: <sip:%s>\n"
		   "Call-ID: cancel-1\nCSeq: %u CANCEL\nContent-Length: 0\n\n",
		   BOB, header_of(trying, "Via", 0), header_of(trying, "From", 0), BOB, alice->cseq);
	phone_expect(alice, 1000, "SIP/2.0 200");
	cancel = phone_expect(bob, 5000, "CANCEL");
	phone_respond(bob, cancel, 200, "");
	phone_respond(bob, invite, 487, "");
	terminated = phone_expect(alice, 5000, "SIP/2.0 487");
	phone_ack_failure(alice, header_of(trying, "Via", 0), terminated);
	phone_expect_none(alice, 3000, "SIP/2.0 487");
	world_free(w);
}
END_TEST

START_TEST(cancel_without_a_call_is_answered_481)
{
	struct world *w = world_of(1, ALICE);
	struct phone *alice = phone_new(w, 0, "alice", false);

	phone_request(alice, "CANCEL", BOB, "none", "", "");
	phone_expect(alice, 100, "SIP/2.0 481");
	world_free(w);
}
END_TEST

START_TEST(call_to_nobody_is_answered_404)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);

	phone_request(alice, "INVITE", CAROL, "nobody", "", "x");
	phone_expect(alice, 5000, "SIP/2.0 404");
	world_free(w);
}
END_TEST

START_TEST(call_to_a_user_whose_phones_are_gone_is_answered_480)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);

	phone_send(bob,
		   "REGISTER sip:%s SIP/2.0\nVia: $V\nMax-Forwards: 70\nFrom: <sip:%s>;tag=1\nTo: <sip:%s>\n"
		   "Call-ID: away\nCSeq: 9 REGISTER\nContact: *\nExpires: 0\nContent-Length: 0\n\n",
		   WORLD_DOMAIN, BOB, BOB);
	phone_expect(bob, 10000, "SIP/2.0 200");
	phone_request(alice, "INVITE", BOB, "away-call", "", "x");
	phone_expect(alice, 5000, "SIP/2.0 480");
	world_free(w);
}
END_TEST

START_TEST(call_to_a_dead_node_is_answered_480)
{
	struct world *w = world_of(3, ALICE, BOB, CAROL);
	struct phone *alice = phone_new(w, 0, "alice", false), *bob = phone_new(w, 1, "bob", false);

	phone_register(alice);
	phone_register(bob);
	sip_usage_free(w->usages[1]);
	w->usages[1] = NULL;
	net_kill(w->net, 1, false);
	world_run(w, 20000);
	phone_request(alice, "INVITE", BOB, "dead", "", "x");
	phone_expect(alice, 40000, "SIP/2.0 480");
	world_free(w);
}
END_TEST

START_TEST(call_to_a_silent_phone_is_answered_408)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);

	bob->deaf = true;
	phone_request(alice, "INVITE", BOB, "silent", "", "x");
	phone_expect(alice, 40000, "SIP/2.0 408");
	world_free(w);
}
END_TEST

START_TEST(message_to_a_silent_phone_is_not_answered)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	size_t before = alice->received;

	bob->deaf = true;
	phone_request(alice, "MESSAGE", BOB, "silent-im", "", "x");
	world_run(w, 70000);
	ck_assert_uint_eq(alice->received, before);
	ck_assert(world_logged(w, "sip.request.timeout"));
	/* Nor does a 408 that a phone or a far proxy says itself pass. */
	bob->deaf = false;
	phone_request(alice, "MESSAGE", BOB, "late-im", "", "x");
	phone_respond(bob, phone_expect(bob, 5000, "MESSAGE"), 408, "");
	phone_expect_none(alice, 5000, "SIP/2.0 408");
	world_free(w);
}
END_TEST

START_TEST(message_that_timed_out_is_not_sent_again_when_repeated)
{
	static const char message[] =
		"MESSAGE sip:" BOB " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7001;branch=z9hG4bKrepeat\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:" ALICE ">;tag=1\r\nTo: <sip:" BOB ">\r\n"
		"Call-ID: repeat\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n";
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	size_t before = alice->received;

	bob->deaf = true;
	phone_send_raw(alice, message, sizeof(message) - 1);
	world_run(w, 36000);
	bob->deaf = false;
	phone_send_raw(alice, message, sizeof(message) - 1);
	phone_expect_none(bob, 5000, "MESSAGE");
	ck_assert_uint_eq(alice->received, before);
	world_free(w);
}
END_TEST

START_TEST(request_out_of_hops_is_answered_483)
{
	struct world *w = world_of(1, ALICE);
	struct phone *alice = phone_new(w, 0, "alice", false);

	phone_send(alice, "INVITE sip:%s SIP/2.0\nVia: $V\nMax-Forwards: 0\nFrom: <sip:%s>;tag=1\n"
			  "To: <sip:%s>\nCall-ID: hops\nCSeq: 1 INVITE\nContent-Length: 0\n\n",
		   BOB, ALICE, BOB);
	phone_expect(alice, 100, "SIP/2.0 483");
	world_free(w);
}
END_TEST

START_TEST(request_that_comes_round_is_answered_482)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	char looped[8192];
	const char *invite;

	phone_request(alice, "MESSAGE", BOB, "loop", "", "x");
	invite = phone_expect(bob, 5000, "MESSAGE");
	/* Bob's side sends what it got back to Alice's AOR, as a phone that forwards blindly would. */
	snprintf(looped, sizeof(looped), "MESSAGE sip:%s SIP/2.0%s", BOB, strstr(invite, "\r\n"));
	phone_send_raw(alice, looped, strlen(looped));
	phone_expect(alice, 1000, "SIP/2.0 482");
	world_free(w);
}
END_TEST

START_TEST(message_passes_both_ways)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *message;

	phone_request(alice, "MESSAGE", BOB, "im-1", "Content-Type: text/plain\n", "hello");
	message = phone_expect(bob, 5000, "MESSAGE sip:bob@127.0.0.1");
	ck_assert_ptr_nonnull(strstr(message, "\r\n\r\nhello"));
	ck_assert_uint_eq(header_count(message, "Record-Route"), 0);
	phone_respond(bob, message, 200, "");
	phone_expect(alice, 5000, "SIP/2.0 200");
	phone_request(bob, "MESSAGE", ALICE, "im-2", "Content-Type: message/imdn+xml\n", "<imdn/>");
	message = phone_expect(alice, 5000, "MESSAGE");
	phone_respond(alice, message, 202, "");
	phone_expect(bob, 5000, "SIP/2.0 202");
	world_free(w);
}
END_TEST

START_TEST(invite_is_repeated_to_a_phone_that_missed_it)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *invite;

	bob->deaf = true;
	phone_request(alice, "INVITE", BOB, "again", "", "x");
	world_run(w, 700);
	bob->deaf = false;
	invite = phone_expect(bob, 2000, "INVITE");
	phone_respond(bob, invite, 486, "");
	phone_expect(alice, 1000, "SIP/2.0 486");
	/* The refusal is repeated until the ACK comes. */
	phone_expect(alice, 1000, "SIP/2.0 486");
	world_free(w);
}
END_TEST

/* 18.2.2: to the address it came from, at the port that its Via names. */
START_TEST(response_finds_a_phone_whose_connection_is_gone)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, true);
	const char *message;

	phone_disconnect(alice);
	phone_connect(alice, 40001);
	phone_request(alice, "MESSAGE", BOB, "gone-1", "", "x");
	message = phone_expect(bob, 5000, "MESSAGE");
	phone_disconnect(alice);
	phone_respond(bob, message, 202, "");
	phone_expect(alice, 5000, "SIP/2.0 202");
	world_free(w);
}
END_TEST

START_TEST(response_takes_the_connection_a_phone_came_back_on)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, true);
	const char *message;

	phone_request(alice, "MESSAGE", BOB, "gone-2", "", "x");
	message = phone_expect(bob, 5000, "MESSAGE");
	phone_disconnect(alice);
	phone_connect(alice, 40002);
	phone_request(alice, "OPTIONS", "example.org", "gone-2-options", "", "");
	phone_expect(alice, 100, "SIP/2.0 200");
	phone_respond(bob, message, 202, "");
	phone_expect(alice, 5000, "SIP/2.0 202");
	world_free(w);
}
END_TEST

START_TEST(preloaded_route_to_the_proxy_is_stripped)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *message;

	phone_request(alice, "MESSAGE", BOB, "route", "Route: <sip:localhost;lr>\n", "x");
	message = phone_expect(bob, 5000, "MESSAGE");
	ck_assert_uint_eq(header_count(message, "Route"), 0);
	world_free(w);
}
END_TEST

int main(void)
{
	return RUN_TESTS("sip_call", call_completes_between_two_nodes, call_completes_over_tcp,
			 call_completes_between_phones_of_one_user,
			 call_forks_to_phones_on_one_node_and_cancels_the_loser,
			 call_forks_to_phones_on_two_nodes_and_cancels_the_loser,
			 call_takes_the_best_of_two_refusals, call_cancelled_by_the_caller_ends_with_487,
			 cancel_without_a_call_is_answered_481, call_to_nobody_is_answered_404,
			 call_to_a_user_whose_phones_are_gone_is_answered_480,
			 call_to_a_dead_node_is_answered_480, call_to_a_silent_phone_is_answered_408,
			 message_to_a_silent_phone_is_not_answered,
			 message_that_timed_out_is_not_sent_again_when_repeated,
			 request_out_of_hops_is_answered_483, request_that_comes_round_is_answered_482,
			 message_passes_both_ways, invite_is_repeated_to_a_phone_that_missed_it,
			 response_finds_a_phone_whose_connection_is_gone,
			 response_takes_the_connection_a_phone_came_back_on,
			 preloaded_route_to_the_proxy_is_stripped);
}
