/* SPDX-License-Identifier: MIT */
/* Session descriptions on their way between phones and other nodes: what the media port is shown, what it puts in their
 * place, what its refusals do, and when it is told of an end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/run.h"
#include "test/unit/sip/marking_port.h"

static const struct seen *last(size_t node)
{
	ck_assert_uint_gt(ports[node].seen_count, 0);
	return &ports[node].seen[ports[node].seen_count - 1];
}

static void expect_body(const char *message, const char *body)
{
	const char *at = strstr(message, "\r\n\r\n");

	ck_assert_ptr_nonnull(at);
	ck_assert_str_eq(at + 4, body);
	ck_assert_uint_eq(strtoul(header_of(message, "Content-Length", 0), NULL, 10), strlen(body));
	ck_assert_uint_eq(header_count(message, "Content-Length"), 1);
}

/* ---- What passes ---- */

static void shown_both_ways(bool tcp)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, tcp);
	const char *invite, *ok, *again;
	char leg[64];

	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	invite = phone_expect(bob, 5000, "INVITE ");
	expect_body(invite, OFFER "a=out-0\r\na=in-1\r\n");
	/* Before there is a link, the signer of the record is who is called. */
	ck_assert_int_eq(last(0)->m.direction, SIP_MEDIA_OUTWARDS);
	ck_assert(last(0)->m.is_request && last(0)->m.is_invite && !last(0)->m.in_dialog);
	ck_assert_str_eq(last(0)->user, BOB);
	ck_assert_str_eq(last(0)->aor, BOB);
	ck_assert_str_eq(last(0)->tag, "");
	ck_assert(last(0)->m.node_user_is_vouched);
	ck_assert(!hit_is_zero(&last(0)->m.node_hit));
	ck_assert_str_eq(last(0)->prefs, "(& (sip.schemes=SIP) (peal.hit=\"2001002400112233445566778899aabb\") "
					 "(peal.locator=\"192.0.2.1:10500\"))");
	ck_assert(node_id_equal(&last(0)->m.node, peer_node_id(net_peer(w->net, 1))));
	/* At the other end the link says who calls. */
	ck_assert_int_eq(last(1)->m.direction, SIP_MEDIA_INWARDS);
	ck_assert_str_eq(last(1)->user, ALICE);
	ck_assert_str_eq(last(1)->aor, ALICE);
	ck_assert_str_eq(last(1)->tag, "tag1");
	ck_assert(!hit_is_zero(&last(1)->m.node_hit) && !hit_equal(&last(1)->m.node_hit, &last(0)->m.node_hit));
	ck_assert_str_eq(last(1)->prefs, "");
	snprintf(leg, sizeof(leg), "%s", last(1)->leg);
	ck_assert_str_eq(leg, "127.0.0.1:7002");
	phone_respond(bob, invite, 183, ANSWER);
	expect_body(phone_expect(alice, 5000, "SIP/2.0 183"), ANSWER "a=out-1\r\na=in-0\r\n");
	ck_assert_str_eq(last(1)->leg, leg);
	ck_assert_str_eq(last(0)->tag, "tag2");
	ck_assert_int_eq(last(0)->m.status, 183);
	ck_assert_str_eq(last(0)->user, BOB);
	phone_respond(bob, invite, 200, ANSWER);
	ok = phone_expect(alice, 5000, "SIP/2.0 200");
	expect_body(ok, ANSWER "a=out-1\r\na=in-0\r\n");
	phone_in_dialog_with(alice, "ACK", ok, true, NULL, ANSWER);
	expect_body(phone_expect(bob, 5000, "ACK "), ANSWER "a=out-0\r\na=in-1\r\n");
	ck_assert(last(0)->m.in_dialog && !last(0)->m.is_invite);
	/* Within the dialog the other way round. */
	phone_in_dialog_with(bob, "UPDATE", invite, false, NULL, OFFER);
	again = phone_expect(alice, 5000, "UPDATE ");
	expect_body(again, OFFER "a=out-1\r\na=in-0\r\n");
	ck_assert(last(1)->m.in_dialog && last(1)->m.is_update);
	ck_assert_str_eq(last(1)->leg, leg);
	phone_respond(alice, again, 200, ANSWER);
	expect_body(phone_expect(bob, 5000, "SIP/2.0 200"), ANSWER "a=out-0\r\na=in-1\r\n");
	world_free(w);
}

START_TEST(descriptions_are_shown_and_replaced_both_ways)
{
	shown_both_ways(false);
}
END_TEST

START_TEST(descriptions_are_replaced_on_streams)
{
	shown_both_ways(true);
}
END_TEST

START_TEST(other_bodies_and_local_calls_are_not_shown)
{
	struct phone *alice, *bob, *desk;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *message;

	phone_request(alice, "MESSAGE", BOB, "m-1", SDP, OFFER);
	expect_body(phone_expect(bob, 5000, "MESSAGE "), OFFER);
	phone_request(alice, "INVITE", BOB, "c-1", "Content-Type: text/plain\n", "hello");
	message = phone_expect(bob, 5000, "INVITE ");
	expect_body(message, "hello");
	phone_respond(bob, message, 488, OFFER);
	expect_body(phone_expect(alice, 5000, "SIP/2.0 488"), OFFER);
	desk = phone_new(w, 0, "alice", false);
	phone_register(desk);
	phone_request(desk, "INVITE", ALICE, "c-2", SDP, OFFER);
	expect_body(phone_expect(alice, 5000, "INVITE "), OFFER);
	ck_assert_uint_eq(ports[0].seen_count + ports[1].seen_count, 0);
	world_free(w);
}
END_TEST

#define PART(type, headers, body) "--b:1\r\nContent-Type: " type "\r\n" headers "\r\n" body "\r\n"

START_TEST(description_within_a_multipart_is_found)
{
	static const char body[] = "preamble\r\n" PART("text/plain", "", "--b:2") PART("application/sdp", "", OFFER)
				   "--b:1--\r\nepilogue";
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);

	phone_request(alice, "INVITE", BOB, "call-1", "c: multipart/mixed ;boundary=\"b:1\"\n", body);
	expect_body(phone_expect(bob, 5000, "INVITE "),
		    "preamble\r\n" PART("text/plain", "", "--b:2")
		    PART("application/sdp", "", OFFER "a=out-0\r\na=in-1\r\n") "--b:1--\r\nepilogue");
	ck_assert_str_eq(last(0)->body, OFFER);
	world_free(w);
}
END_TEST

START_TEST(description_that_cannot_be_read_is_announced_and_left)
{
	static const char mixed[] = "Content-Type: multipart/mixed;boundary=\"b:1\"\n";
	static const struct {
		const char *headers, *body;
	} cases[] = {
		{ SDP "Content-Encoding: gzip\n", "\x1f\x8b" },
		{ mixed,
		  PART("application/sdp", "", OFFER) PART("application/sdp", "", OFFER) "--b:1--\r\n" },
		{ mixed,
		  PART("application/sdp", "Content-Transfer-Encoding: base64\r\n", OFFER) "--b:1--\r\n" },
		{ mixed, PART("application/sdp", "", OFFER) "the end is missing" },
		{ "Content-Type: multipart/signed;boundary=\"b:1\"\n",
		  PART("application/sdp", "", OFFER) "--b:1--\r\n" },
	};
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char call_id[16];
		size_t before = ports[0].seen_count;

		snprintf(call_id, sizeof(call_id), "c-%zu", i);
		phone_request(alice, "INVITE", BOB, call_id, cases[i].headers, cases[i].body);
		expect_body(phone_expect(bob, 5000, "INVITE "), cases[i].body);
		ck_assert_uint_eq(ports[0].seen_count, before + 1);
		ck_assert_str_eq(last(0)->body, "");
	}
	ck_assert(world_logged(w, "sip.media.opaque"));
	world_free(w);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(refused_offer_fails_the_call_with_its_reason)
{
	static const struct {
		int err;
		const char *answer;
	} cases[] = {
		{ ERR_FORBIDDEN, "SIP/2.0 488 Media says no\r\n" },
		{ ERR_LIMIT, "SIP/2.0 503 Media says no\r\n" },
		{ ERR_MALFORMED, "SIP/2.0 400 Media says no\r\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct phone *alice, *bob;
		struct world *w = two_nodes(&alice, &bob, false);

		ports[0].refuse = "offer";
		ports[0].err = cases[i].err;
		phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
		phone_expect(alice, 5000, cases[i].answer);
		phone_expect_none(bob, 100, "INVITE");
		world_free(w);
	}
}
END_TEST

START_TEST(offer_refused_at_the_other_end_fails_the_call)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);

	ports[1].refuse = "offer";
	ports[1].err = ERR_FORBIDDEN;
	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	phone_expect(alice, 5000, "SIP/2.0 488 Media says no\r\n");
	phone_expect_none(bob, 100, "INVITE");
	ck_assert_uint_eq(ports[0].ended, 1);
	world_free(w);
}
END_TEST

START_TEST(refused_answer_hangs_up_the_other_phone)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *invite, *bye;

	ports[0].refuse = "answer";
	ports[0].err = ERR_FORBIDDEN;
	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	invite = phone_expect(bob, 5000, "INVITE ");
	phone_respond(bob, invite, 200, ANSWER);
	phone_expect(alice, 5000, "SIP/2.0 488 Media says no\r\n");
	phone_expect(bob, 5000, "ACK sip:bob@127.0.0.1:7002 SIP/2.0\r\n");
	bye = phone_expect(bob, 5000, "BYE sip:bob@127.0.0.1:7002 SIP/2.0\r\n");
	ck_assert_ptr_nonnull(strstr(header_of(bye, "To", 0), ";tag=tag2"));
	ck_assert_ptr_nonnull(strstr(header_of(bye, "From", 0), ";tag=tag1"));
	ck_assert_str_eq(header_of(bye, "CSeq", 0), "3 BYE");
	phone_respond(bob, bye, 200, "");
	/* The 2xx again: its ACK was lost. */
	phone_respond(bob, invite, 200, ANSWER);
	phone_expect(bob, 5000, "ACK ");
	phone_expect_none(bob, 1000, "BYE ");
	ck_assert_uint_ge(ports[0].ended, 1);
	ck_assert_uint_ge(ports[1].ended, 1);
	ck_assert(!world_logged(w, "0 sip.call.answered"));
	world_free(w);
}
END_TEST

START_TEST(refused_early_answer_cancels_the_other_phone)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *invite;

	ports[0].refuse = "answer";
	ports[0].err = ERR_FORBIDDEN;
	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	invite = phone_expect(bob, 5000, "INVITE ");
	phone_respond(bob, invite, 183, ANSWER);
	phone_expect(alice, 5000, "SIP/2.0 488 Media says no\r\n");
	phone_respond(bob, phone_expect(bob, 5000, "CANCEL "), 200, "");
	phone_respond(bob, invite, 487, "");
	phone_expect(bob, 5000, "ACK ");
	world_free(w);
}
END_TEST

START_TEST(refused_offer_within_a_call_leaves_the_call)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *invite, *ok;

	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	invite = phone_expect(bob, 5000, "INVITE ");
	phone_respond(bob, invite, 200, ANSWER);
	ok = phone_expect(alice, 5000, "SIP/2.0 200");
	phone_in_dialog(alice, "ACK", ok, true, NULL);
	phone_expect(bob, 5000, "ACK ");
	ports[1].refuse = "offer";
	ports[1].err = ERR_FORBIDDEN;
	phone_in_dialog_with(alice, "INVITE", ok, true, NULL, OFFER);
	phone_expect(alice, 5000, "SIP/2.0 488 Media says no\r\n");
	phone_expect_none(bob, 100, "INVITE");
	ck_assert_uint_eq(ports[0].ended + ports[1].ended, 0);
	world_free(w);
}
END_TEST

/* A call that is up, and its re-INVITE at Bob. */
static struct world *call_asked_anew(struct phone **alice, struct phone **bob, const char **ok, const char **again)
{
	struct world *w = two_nodes(alice, bob, false);
	const char *invite;

	phone_request(*alice, "INVITE", BOB, "call-1", SDP, OFFER);
	invite = phone_expect(*bob, 5000, "INVITE ");
	phone_respond(*bob, invite, 200, ANSWER);
	*ok = phone_expect(*alice, 5000, "SIP/2.0 200");
	phone_in_dialog(*alice, "ACK", *ok, true, NULL);
	phone_expect(*bob, 5000, "ACK ");
	phone_in_dialog_with(*alice, "INVITE", *ok, true, NULL, OFFER);
	*again = phone_expect(*bob, 5000, "INVITE ");
	return w;
}

START_TEST(refused_answer_within_a_call_ends_it_at_both_ends)
{
	/* At the asking phone's node, and at the answering one's. */
	for (size_t node = 0; node < 2; node++) {
		struct phone *alice, *bob;
		const char *ok, *again, *bye;
		struct world *w = call_asked_anew(&alice, &bob, &ok, &again);

		ports[node].refuse = "answer";
		ports[node].err = ERR_FORBIDDEN;
		phone_respond(bob, again, 200, ANSWER);
		phone_expect(alice, 5000, "SIP/2.0 481 Media says no\r\n");
		phone_expect(bob, 5000, "ACK ");
		bye = phone_expect(bob, 5000, "BYE ");
		ck_assert_ptr_nonnull(strstr(header_of(bye, "From", 0), ";tag=tag1"));
		ck_assert_ptr_nonnull(strstr(header_of(bye, "To", 0), ";tag=tag2"));
		ck_assert_uint_gt(strtoul(header_of(bye, "CSeq", 0), NULL, 10),
				  strtoul(header_of(again, "CSeq", 0), NULL, 10));
		phone_respond(bob, bye, 200, "");
		world_run(w, 100);
		ck_assert_uint_ge(ports[node].ended, 1);
		ck_assert_str_eq(ports[node].ended_tag, node == 0 ? "tag2" : "tag1");
		/* What the asking phone says then reaches who has hung up already. */
		phone_in_dialog(alice, "BYE", ok, true, NULL);
		phone_respond(bob, phone_expect(bob, 5000, "BYE "), 481, "");
		phone_expect(alice, 5000, "SIP/2.0 481");
		ck_assert_uint_ge(ports[0].ended, 1);
		ck_assert_uint_ge(ports[1].ended, 1);
		ck_assert(world_logged(w, node == 0 ? "0 sip.dialog.ended" : "1 sip.dialog.ended"));
		world_free(w);
	}
}
END_TEST

START_TEST(refused_early_answer_within_a_call_leaves_the_call)
{
	struct phone *alice, *bob;
	const char *ok, *again;
	struct world *w = call_asked_anew(&alice, &bob, &ok, &again);

	ports[0].refuse = "answer";
	ports[0].err = ERR_FORBIDDEN;
	phone_respond(bob, again, 183, ANSWER);
	phone_expect(alice, 5000, "SIP/2.0 488 Media says no\r\n");
	phone_respond(bob, phone_expect(bob, 5000, "CANCEL "), 200, "");
	phone_respond(bob, again, 487, "");
	phone_expect(bob, 5000, "ACK ");
	phone_expect_none(bob, 1000, "BYE ");
	ck_assert_uint_eq(ports[0].ended + ports[1].ended, 0);
	world_free(w);
}
END_TEST

/* ---- Ends ---- */

START_TEST(port_is_told_of_a_bye_once_it_is_answered)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *invite, *ok, *bye;

	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	invite = phone_expect(bob, 5000, "INVITE ");
	phone_respond(bob, invite, 200, ANSWER);
	ok = phone_expect(alice, 5000, "SIP/2.0 200");
	phone_in_dialog(alice, "ACK", ok, true, NULL);
	phone_expect(bob, 5000, "ACK ");
	phone_in_dialog(alice, "BYE", ok, true, NULL);
	bye = phone_expect(bob, 5000, "BYE ");
	ck_assert_uint_eq(ports[0].ended + ports[1].ended, 0);
	phone_respond(bob, bye, 200, "");
	phone_expect(alice, 5000, "SIP/2.0 200");
	ck_assert_uint_eq(ports[0].ended, 1);
	ck_assert_uint_eq(ports[1].ended, 1);
	ck_assert_str_eq(ports[0].ended_call, "call-1");
	ck_assert_str_eq(ports[0].ended_tag, "tag2");
	ck_assert_str_eq(ports[1].ended_tag, "tag1");
	world_free(w);
}
END_TEST

START_TEST(port_is_told_of_calls_that_fail)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *invite, *via;

	/* Refused. */
	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	phone_respond(bob, phone_expect(bob, 5000, "INVITE "), 486, "");
	phone_expect(alice, 5000, "SIP/2.0 486");
	ck_assert_uint_eq(ports[0].ended, 1);
	ck_assert_uint_eq(ports[1].ended, 1);
	ck_assert_str_eq(ports[0].ended_tag, "");
	/* Cancelled. */
	phone_request(alice, "INVITE", BOB, "call-2", SDP, OFFER);
	invite = phone_expect(bob, 5000, "INVITE ");
	phone_respond(bob, invite, 180, "");
	via = header_of(phone_expect(alice, 5000, "SIP/2.0 180"), "Via", 0);
	phone_send(alice,
		   "CANCEL sip:%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:%s>;tag=tag1\nTo: <sip:%s>\n"
		   "Call-ID: call-2\nCSeq: %u CANCEL\nContent-Length: 0\n\n",
		   BOB, via, ALICE, BOB, alice->cseq);
	phone_respond(bob, phone_expect(bob, 5000, "CANCEL "), 200, "");
	phone_respond(bob, invite, 487, "");
	phone_expect(alice, 5000, "SIP/2.0 487");
	ck_assert_uint_eq(ports[0].ended, 2);
	ck_assert_uint_eq(ports[1].ended, 2);
	/* Never answered at all. */
	bob->deaf = true;
	phone_request(alice, "INVITE", BOB, "call-3", SDP, OFFER);
	phone_expect(alice, 60000, "SIP/2.0 408");
	ck_assert_uint_eq(ports[0].ended, 3);
	ck_assert_uint_eq(ports[1].ended, 3);
	world_free(w);
}
END_TEST

START_TEST(port_is_told_of_an_answer_without_description)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *invite;

	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	invite = phone_expect(bob, 5000, "INVITE ");
	phone_respond(bob, invite, 183, ANSWER);
	phone_expect(alice, 5000, "SIP/2.0 183");
	phone_respond(bob, invite, 180, "");
	phone_expect(alice, 5000, "SIP/2.0 180");
	ck_assert_uint_eq(ports[1].answered, 0);
	phone_respond(bob, invite, 200, "");
	phone_expect(alice, 5000, "SIP/2.0 200");
	ck_assert_uint_eq(ports[1].answered, 1);
	ck_assert_str_eq(ports[1].answered_leg, last(1)->leg);
	ck_assert_uint_eq(ports[0].answered, 0);
	world_free(w);
}
END_TEST

START_TEST(phones_of_one_user_are_legs_of_their_own)
{
	struct phone *alice, *bob, *desk;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *invite, *other;

	desk = phone_new(w, 1, "bob", false);
	phone_register(desk);
	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	invite = phone_expect(bob, 5000, "INVITE ");
	other = phone_expect(desk, 5000, "INVITE ");
	ck_assert_uint_eq(ports[0].seen_count, 1);
	ck_assert_uint_eq(ports[1].seen_count, 2);
	ck_assert_str_ne(ports[1].seen[0].leg, ports[1].seen[1].leg);
	phone_respond(bob, invite, 180, "");
	phone_respond(desk, other, 180, "");
	phone_respond(bob, invite, 200, ANSWER);
	phone_expect(alice, 5000, "SIP/2.0 200");
	phone_respond(desk, phone_expect(desk, 5000, "CANCEL "), 200, "");
	phone_respond(desk, other, 487, "");
	world_run(w, 500);
	ck_assert_uint_eq(ports[1].ended, 1);
	ck_assert_uint_eq(ports[0].ended, 0);
	world_free(w);
}
END_TEST

/* ---- Records and views ---- */

START_TEST(record_follows_what_the_port_tells)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	const char *log;
	size_t stored = 0;

	ports[1].prefs = "(peal.hit=\"2001002400112233445566778899aabb\") (peal.locator=\"198.51.100.1:10500\")";
	world_run(w, 40000);
	for (log = w->log; (log = strstr(log, "sip.record.stored aor=" BOB)) != NULL; log++)
		stored++;
	ck_assert_uint_eq(stored, 2);
	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	phone_respond(bob, phone_expect(bob, 5000, "INVITE "), 486, "");
	ck_assert_ptr_nonnull(strstr(last(0)->prefs, "198.51.100.1"));
	/* A port that has nothing to tell leaves the record as it always was. */
	ports[1].prefs = "";
	world_run(w, 40000);
	phone_request(alice, "INVITE", BOB, "call-2", SDP, OFFER);
	phone_expect(bob, 5000, "INVITE ");
	ck_assert_str_eq(last(0)->prefs, "(sip.schemes=SIP)");
	world_free(w);
}
END_TEST

START_TEST(call_says_how_its_media_is_protected)
{
	struct phone *alice, *bob;
	struct world *w = two_nodes(&alice, &bob, false);
	struct sip_call_info info;
	size_t cursor = 0;

	ports[0].is_hip = true;
	phone_request(alice, "INVITE", BOB, "call-1", SDP, OFFER);
	ck_assert(sip_usage_next_call(w->usages[0], net_now(w->net), &cursor, &info));
	ck_assert_str_eq(info.media, "");
	phone_respond(bob, phone_expect(bob, 5000, "INVITE "), 200, ANSWER);
	phone_expect(alice, 5000, "SIP/2.0 200");
	cursor = 0;
	ck_assert(sip_usage_next_call(w->usages[0], net_now(w->net), &cursor, &info));
	ck_assert_str_eq(info.media, "hip");
	ck_assert_str_eq(info.media_vouched, "certificate");
	ck_assert_uint_eq(info.media_hit.bytes[0], 0x20);
	ck_assert(world_logged(w, "0 sip.call.media call_id=\"call-1\" media=hip hit=2000:"));
	ck_assert(world_logged(w, "1 sip.call.media call_id=\"call-1\" media=none hit=- vouched=-"));
	world_free(w);
}
END_TEST

int main(void)
{
	return RUN_TESTS("sip_media", descriptions_are_shown_and_replaced_both_ways,
			 descriptions_are_replaced_on_streams, other_bodies_and_local_calls_are_not_shown,
			 description_within_a_multipart_is_found, description_that_cannot_be_read_is_announced_and_left,
			 refused_offer_fails_the_call_with_its_reason, offer_refused_at_the_other_end_fails_the_call,
			 refused_answer_hangs_up_the_other_phone, refused_early_answer_cancels_the_other_phone,
			 refused_offer_within_a_call_leaves_the_call,
			 refused_answer_within_a_call_ends_it_at_both_ends,
			 refused_early_answer_within_a_call_leaves_the_call, port_is_told_of_a_bye_once_it_is_answered,
			 port_is_told_of_calls_that_fail, port_is_told_of_an_answer_without_description,
			 phones_of_one_user_are_legs_of_their_own,
			 record_follows_what_the_port_tells, call_says_how_its_media_is_protected);
}
