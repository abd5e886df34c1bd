/* SPDX-License-Identifier: MIT */
/* Calls whose media cross between two nodes: what phones see, where their datagrams come out, who is believed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/media/media_pair.h"
#include "test/unit/run.h"

#define ALICE 0
#define BOB 1
#define MALLORY 2

#define HEAD(n) "v=0\r\no=- 1 1 IN IP4 127.0." n ".7\r\ns=-\r\nc=IN IP4 127.0." n ".7\r\nt=0 0\r\n"
#define OFFER HEAD("1") "m=audio 4000 RTP/AVP 0\r\na=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\r\n"
#define OFFER_VIDEO HEAD("1") "m=audio 4000 RTP/AVP 0\r\nm=video 4010 RTP/AVP 96\r\na=rtcp-mux\r\n"
#define ANSWER HEAD("2") "m=audio 5000 RTP/AVP 0\r\n"
#define ANSWER_VIDEO HEAD("2") "m=audio 5000 RTP/AVP 0\r\nm=video 5010 RTP/AVP 96\r\n"

static struct media_pair pair;

/* Alice calls Bob; both ports, as each node tells its own phone. */
static uint16_t alice_port, bob_port;

static void call(const char *offer, const char *answer)
{
	const char *seen = media_pass(&pair, ALICE, BOB, offer, (struct media_said){ .tag = "" });

	bob_port = media_port_of(seen, 0);
	seen = media_pass(&pair, BOB, ALICE, answer, (struct media_said){ .status = 200, .tag = "t1" });
	alice_port = media_port_of(seen, 0);
	media_pair_run(&pair, 200);
	ck_assert(hip_host_is_established(pair.nodes[ALICE].host->h, &pair.nodes[BOB].host->hit));
}

static struct media_stream_info stream_of(size_t node, unsigned n)
{
	struct media_stream_info out;
	size_t cursor = 0;
	bool more;

	do
		more = media_relay_next_stream(pair.nodes[node].relay, &cursor, &out);
	while (more && n-- > 0);
	ck_assert(more);
	return out;
}

static size_t streams(size_t node)
{
	struct media_stream_info out;
	size_t cursor = 0, count = 0;

	while (media_relay_next_stream(pair.nodes[node].relay, &cursor, &out))
		count++;
	return count;
}

static void expect_at(size_t node, size_t sent, const char *to, const char *text)
{
	char address[ADDRESS_TEXT_SIZE];

	ck_assert_uint_eq(pair.nodes[node].sent, sent);
	ck_assert_str_eq(address_text(&pair.nodes[node].last.remote, address), to);
	ck_assert_str_eq(pair.nodes[node].payload, text);
}

static const char *hit_hex(size_t node)
{
	static char text[4][2 * HIT_LENGTH + 1];
	static unsigned turn;
	char *out = text[turn++ % 4];

	sip_hex(pair.nodes[node].host->hit.bytes, HIT_LENGTH, out);
	return out;
}

/* A description as another node would write it. */
static const char *from_hit(const char *hex, unsigned port, const char *session, const char *media)
{
	static char text[PAIR_TEXT];
	char colons[40] = "";

	for (size_t i = 0; i < 32; i += 4)
		snprintf(colons + strlen(colons), 6, "%s%.4s", i > 0 ? ":" : "", hex + i);
	snprintf(text, sizeof(text), "v=0\r\ns=-\r\nc=IN IP6 %s\r\nt=0 0\r\n%sm=audio %u RTP/AVP 0\r\n%s", colons,
		 session, port, media);
	return text;
}

/* ---- What each side sees ---- */

START_TEST(between_nodes_the_address_is_a_hit)
{
	char expected[256], hit[HIT_TEXT_SIZE];
	struct hit written;
	const char *at;

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	ck_assert_int_eq(media_out(&pair, ALICE, BOB, OFFER, (struct media_said){ 0 }), 0);
	at = strstr(pair.out, "c=IN IP6 ");
	ck_assert_ptr_nonnull(at);
	snprintf(hit, sizeof(hit), "%.*s", (int)strcspn(at + 9, "\r"), at + 9);
	ck_assert_int_eq(hit_parse(hit, &written), 0);
	ck_assert(hit_equal(&written, &pair.nodes[ALICE].host->hit));
	snprintf(expected, sizeof(expected), "t=0 0\r\na=key-mgmt:host-identity-tag %s\r\nm=audio %u RTP/AVP 0\r\n",
		 hit_hex(ALICE), media_port_of(pair.out, 0));
	ck_assert_ptr_nonnull(strstr(pair.out, expected));
	ck_assert_ptr_null(strstr(pair.out, "candidate"));
	ck_assert_ptr_nonnull(strstr(pair.out, "o=- 1 1 IN IP4 127.0.1.7"));
	media_pair_end(&pair);
}
END_TEST

START_TEST(each_phone_sees_its_own_node)
{
	const char *seen;

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	seen = media_pass(&pair, ALICE, BOB, OFFER, (struct media_said){ 0 });
	ck_assert_ptr_nonnull(strstr(seen, "c=IN IP4 127.0.2.1\r\n"));
	ck_assert_ptr_null(strstr(seen, "key-mgmt"));
	ck_assert_uint_eq(media_port_of(seen, 0), stream_of(BOB, 0).port);
	seen = media_pass(&pair, BOB, ALICE, ANSWER, (struct media_said){ .status = 200, .tag = "t1" });
	ck_assert_ptr_nonnull(strstr(seen, "c=IN IP4 127.0.1.1\r\n"));
	ck_assert_ptr_null(strstr(seen, "key-mgmt"));
	ck_assert_uint_eq(stream_of(ALICE, 0).remote_port, stream_of(BOB, 0).port);
	ck_assert_uint_eq(stream_of(BOB, 0).remote_port, stream_of(ALICE, 0).port);
	media_pair_end(&pair);
}
END_TEST

START_TEST(datagrams_cross_both_ways_with_rtcp)
{
	size_t esp;

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	call(OFFER, ANSWER);
	esp = pair.nodes[ALICE].host->sent[0];
	media_send(&pair, ALICE, 4000, alice_port, "rtp of alice");
	expect_at(BOB, 1, "127.0.2.7:5000", "rtp of alice");
	ck_assert_uint_eq(pair.nodes[BOB].last.port, bob_port);
	ck_assert_uint_eq(pair.nodes[ALICE].host->sent[0], esp + 1);
	media_send(&pair, ALICE, 4001, (uint16_t)(alice_port + 1), "rtcp of alic");
	expect_at(BOB, 2, "127.0.2.7:5001", "rtcp of alic");
	ck_assert_uint_eq(pair.nodes[BOB].last.port, bob_port + 1);
	media_send(&pair, BOB, 5000, bob_port, "odd");
	expect_at(ALICE, 1, "127.0.1.7:4000", "odd");
	media_send(&pair, BOB, 5001, (uint16_t)(bob_port + 1), "");
	expect_at(ALICE, 2, "127.0.1.7:4001", "");
	ck_assert_uint_eq(stream_of(ALICE, 0).packets_out, 2);
	ck_assert_uint_eq(stream_of(ALICE, 0).packets_in, 2);
	ck_assert_uint_eq(pair.nodes[ALICE].host->counters.media_out, 2);
	ck_assert_uint_eq(pair.nodes[BOB].host->counters.media_in, 2);
	media_pair_end(&pair);
}
END_TEST

START_TEST(association_begins_with_the_offer)
{
	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	ck_assert_int_eq(media_out(&pair, ALICE, BOB, OFFER, (struct media_said){ 0 }), 0);
	media_pair_run(&pair, 100);
	ck_assert(hip_host_is_established(pair.nodes[ALICE].host->h, &pair.nodes[BOB].host->hit));
	ck_assert(fixture_logged(&pair.fixture, ALICE, "media.connected call_id=\"c1\""));
	media_pair_end(&pair);
}
END_TEST

START_TEST(early_media_passes_before_the_answer_is_final)
{
	const char *seen;

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	bob_port = media_port_of(media_pass(&pair, ALICE, BOB, OFFER, (struct media_said){ 0 }), 0);
	seen = media_pass(&pair, BOB, ALICE, ANSWER, (struct media_said){ .status = 183, .tag = "t1" });
	alice_port = media_port_of(seen, 0);
	media_pair_run(&pair, 100);
	media_send(&pair, BOB, 5000, bob_port, "ringing");
	expect_at(ALICE, 1, "127.0.1.7:4000", "ringing");
	/* The 200 says the same again. */
	ck_assert_uint_eq(media_port_of(media_pass(&pair, BOB, ALICE, ANSWER,
						   (struct media_said){ .status = 200, .tag = "t1" }), 0), alice_port);
	media_pair_end(&pair);
}
END_TEST

START_TEST(offer_in_the_response_is_answered_in_the_ack)
{
	const char *seen;

	media_pair_begin(&pair, MEDIA_HIP_REQUIRE);
	seen = media_pass(&pair, BOB, ALICE, ANSWER, (struct media_said){ .status = 200, .tag = "t1" });
	alice_port = media_port_of(seen, 0);
	/* There is no ring here that would find Bob without a locator. */
	seen = media_pass(&pair, ALICE, BOB, OFFER,
			  (struct media_said){ .tag = "t1", .in_dialog = true,
					       .prefs = "(peal.locator=\"192.0.2.2\")" });
	bob_port = media_port_of(seen, 0);
	media_pair_run(&pair, 200);
	media_send(&pair, ALICE, 4000, alice_port, "late");
	expect_at(BOB, 1, "127.0.2.7:5000", "late");
	media_pair_end(&pair);
}
END_TEST

/* ---- Re-INVITE, hold, refused lines ---- */

START_TEST(video_added_later_gets_ports_of_its_own)
{
	const char *seen;
	struct media_said again = { .in_dialog = true, .tag = "t1" };

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	call(OFFER, ANSWER);
	ck_assert_uint_eq(streams(ALICE), 1);
	seen = media_pass(&pair, ALICE, BOB, OFFER_VIDEO, again);
	ck_assert_uint_eq(media_port_of(seen, 0), bob_port);
	bob_port = media_port_of(seen, 1);
	again.status = 200;
	seen = media_pass(&pair, BOB, ALICE, ANSWER_VIDEO, again);
	ck_assert_uint_eq(media_port_of(seen, 0), alice_port);
	ck_assert_uint_eq(streams(ALICE), 2);
	media_send(&pair, ALICE, 4010, media_port_of(seen, 1), "picture");
	expect_at(BOB, 1, "127.0.2.7:5010", "picture");
	ck_assert_str_eq(stream_of(ALICE, 0).kind[0] == 'v' ? stream_of(ALICE, 0).kind : stream_of(ALICE, 1).kind,
			 "video");
	/* Video refused again: its ports go back. */
	again.status = 0;
	media_pass(&pair, ALICE, BOB, HEAD("1") "m=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP 96\r\n", again);
	again.status = 200;
	media_pass(&pair, BOB, ALICE, HEAD("2") "m=audio 5000 RTP/AVP 0\r\nm=video 0 RTP/AVP 96\r\n", again);
	ck_assert_uint_eq(streams(ALICE), 1);
	ck_assert_uint_eq(streams(BOB), 1);
	ck_assert_uint_eq(pair.nodes[ALICE].returned, 1);
	media_pair_end(&pair);
}
END_TEST

START_TEST(phone_that_moves_is_followed_once_it_is_answered)
{
	struct media_said again = { .in_dialog = true, .tag = "t1", .update = true };

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	call(OFFER, ANSWER);
	media_pass(&pair, ALICE, BOB, HEAD("1") "m=audio 4444 RTP/AVP 0\r\na=rtcp:4555\r\n", again);
	media_send(&pair, BOB, 5000, bob_port, "before");
	expect_at(ALICE, 1, "127.0.1.7:4000", "before");
	again.status = 200;
	media_pass(&pair, BOB, ALICE, ANSWER, again);
	media_send(&pair, BOB, 5000, bob_port, "after");
	expect_at(ALICE, 2, "127.0.1.7:4444", "after");
	media_send(&pair, BOB, 5001, (uint16_t)(bob_port + 1), "control");
	expect_at(ALICE, 3, "127.0.1.7:4555", "control");
	media_pair_end(&pair);
}
END_TEST

START_TEST(hold_by_address_reaches_the_other_phone)
{
	struct media_said again = { .in_dialog = true, .tag = "t1" };
	const char *seen;

	media_pair_begin(&pair, MEDIA_HIP_REQUIRE);
	call(OFFER, ANSWER);
	seen = media_pass(&pair, ALICE, BOB,
			  "v=0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n", again);
	ck_assert_ptr_nonnull(strstr(seen, "c=IN IP4 0.0.0.0\r\n"));
	ck_assert_ptr_nonnull(strstr(seen, "a=sendonly\r\n"));
	ck_assert_uint_eq(media_port_of(seen, 0), bob_port);
	again.status = 200;
	media_pass(&pair, BOB, ALICE, HEAD("2") "m=audio 5000 RTP/AVP 0\r\na=recvonly\r\n", again);
	media_send(&pair, BOB, 5000, bob_port, "unwanted");
	ck_assert_uint_eq(pair.nodes[ALICE].sent, 0);
	/* Music on hold still goes out. */
	media_send(&pair, ALICE, 4000, alice_port, "music");
	expect_at(BOB, 1, "127.0.2.7:5000", "music");
	again.status = 0;
	media_pass(&pair, ALICE, BOB, OFFER, again);
	again.status = 200;
	media_pass(&pair, BOB, ALICE, ANSWER, again);
	media_send(&pair, BOB, 5000, bob_port, "back");
	expect_at(ALICE, 1, "127.0.1.7:4000", "back");
	media_pair_end(&pair);
}
END_TEST

START_TEST(line_that_cannot_be_carried_is_disabled)
{
	const char *seen;

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	seen = media_pass(&pair, ALICE, BOB,
			  HEAD("1") "m=audio 4000 RTP/SAVP 0\r\nm=message 2855 TCP/MSRP *\r\n"
				    "m=video 6000/2 RTP/AVP 31\r\nm=image 7000 udptl t38\r\n",
			  (struct media_said){ 0 });
	ck_assert_uint_ne(media_port_of(seen, 0), 0);
	ck_assert_ptr_nonnull(strstr(seen, "m=message 0 TCP/MSRP *\r\n"));
	ck_assert_ptr_nonnull(strstr(seen, "m=video 0 RTP/AVP 31\r\n"));
	ck_assert_uint_ne(media_port_of(seen, 3), 0);
	media_pair_end(&pair);
}
END_TEST

/* ---- Who may send ---- */

START_TEST(phone_is_answered_where_it_sends_from_within_its_address)
{
	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	call(OFFER, ANSWER);
	media_send_from(&pair, ALICE, "127.0.1.7:9999", alice_port, "from another port");
	expect_at(BOB, 1, "127.0.2.7:5000", "from another port");
	media_send(&pair, BOB, 5000, bob_port, "back there");
	expect_at(ALICE, 1, "127.0.1.7:9999", "back there");
	media_send_from(&pair, ALICE, "127.0.1.8:4000", alice_port, "from another host");
	ck_assert_uint_eq(pair.nodes[BOB].sent, 1);
	ck_assert_uint_eq(stream_of(ALICE, 0).dropped, 1);
	media_send(&pair, BOB, 5000, bob_port, "still there");
	expect_at(ALICE, 2, "127.0.1.7:9999", "still there");
	media_pair_end(&pair);
}
END_TEST

START_TEST(phone_behind_a_translator_is_found_where_its_signalling_comes_from)
{
	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	call("v=0\r\ns=-\r\nc=IN IP4 192.168.1.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n", ANSWER);
	media_send_from(&pair, ALICE, "127.0.1.7:40123", alice_port, "hello");
	expect_at(BOB, 1, "127.0.2.7:5000", "hello");
	media_send(&pair, BOB, 5000, bob_port, "found");
	expect_at(ALICE, 1, "127.0.1.7:40123", "found");
	media_pair_end(&pair);
}
END_TEST

/* A UDP datagram between HITs; `sum` is added to its checksum. */
static void inject(size_t from, size_t to, uint16_t port, uint16_t sum, bool no_checksum)
{
	uint8_t bytes[8 + 4] = { 0x75, 0x30, (uint8_t)(port >> 8), (uint8_t)port, 0, 12, 0, 0, 'e', 'v', 'i', 'l' };
	const uint8_t *hits[2] = { pair.nodes[from].host->hit.bytes, pair.nodes[to].host->hit.bytes };
	struct slice part = slice_of(bytes, sizeof(bytes));
	uint32_t total = 17 + 12;

	for (size_t i = 0; i < 32; i += 2)
		total += (uint32_t)hits[i / 16][i % 16] << 8 | hits[i / 16][i % 16 + 1];
	for (size_t i = 0; i < sizeof(bytes); i += 2)
		total += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (total >> 16 != 0)
		total = (total & 0xffff) + (total >> 16);
	total = (uint16_t)(~total + sum);
	if (!no_checksum) {
		bytes[6] = (uint8_t)(total >> 8);
		bytes[7] = (uint8_t)total;
	}
	ck_assert_int_eq(hip_host_send(pair.nodes[from].host->h, pair.fixture.now, &pair.nodes[to].host->hit, 17, &part,
				       1), 0);
	media_pair_run(&pair, 200);
}

START_TEST(datagram_from_another_hit_goes_nowhere)
{
	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	call(OFFER, ANSWER);
	fixture_join(&pair.fixture, MALLORY, BOB);
	inject(MALLORY, BOB, bob_port, 0, false);
	ck_assert_uint_eq(pair.nodes[BOB].sent, 0);
	ck_assert_uint_eq(stream_of(BOB, 0).dropped, 1);
	/* The same from whom the call is with, by any port of its own. */
	inject(ALICE, BOB, bob_port, 0, false);
	expect_at(BOB, 1, "127.0.2.7:5000", "evil");
	media_pair_end(&pair);
}
END_TEST

START_TEST(datagram_without_a_right_checksum_goes_nowhere)
{
	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	call(OFFER, ANSWER);
	inject(ALICE, BOB, bob_port, 1, false);
	inject(ALICE, BOB, bob_port, 0, true);
	ck_assert_uint_eq(pair.nodes[BOB].sent, 0);
	ck_assert_uint_eq(pair.nodes[BOB].host->counters.media_lost, 2);
	/* A port that is not lent is not ours: perhaps the kernel's. */
	inject(ALICE, BOB, 9, 0, false);
	ck_assert_uint_eq(pair.nodes[BOB].host->payloads, 1);
	media_pair_end(&pair);
}
END_TEST

/* ---- Ports and ends ---- */

START_TEST(ports_are_wanted_ahead_and_go_back)
{
	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	ck_assert_uint_eq(pair.nodes[ALICE].lent, MEDIA_PORTS_SPARE);
	call(OFFER, ANSWER);
	ck_assert_uint_eq(pair.nodes[ALICE].lent, MEDIA_PORTS_SPARE + 1);
	media_over(&pair, ALICE, MALLORY, "c1", "t1");
	media_over(&pair, ALICE, BOB, "c2", "t1");
	media_over(&pair, ALICE, BOB, "c1", "t9"); /* not the dialog that there is */
	ck_assert_uint_eq(streams(ALICE), 1);
	media_over(&pair, ALICE, BOB, "c1", "t1");
	media_over(&pair, ALICE, BOB, "c1", "t1");
	ck_assert_uint_eq(streams(ALICE), 0);
	ck_assert_uint_eq(pair.nodes[ALICE].returned, 1);
	media_send(&pair, ALICE, 4000, alice_port, "too late");
	ck_assert_uint_eq(pair.nodes[BOB].sent, 0);
	ck_assert(fixture_logged(&pair.fixture, ALICE, "media.ended call_id=\"c1\" why=over"));
	media_pair_end(&pair);
}
END_TEST

START_TEST(call_without_a_port_left_is_refused)
{
	media_pair_begin_with(&pair, &(struct media_relay_options){ .streams_max = 2 });
	ck_assert_uint_eq(pair.nodes[ALICE].lent, 2);
	media_pass(&pair, ALICE, BOB, OFFER, (struct media_said){ 0 });
	ck_assert_int_eq(media_out(&pair, ALICE, BOB, OFFER_VIDEO, (struct media_said){ .call_id = "c2" }), ERR_LIMIT);
	ck_assert_uint_eq(streams(ALICE), 1);
	ck_assert_int_eq(media_out(&pair, ALICE, BOB, OFFER, (struct media_said){ .call_id = "c2" }), 0);
	media_pair_end(&pair);
	/* The node has none to lend: it is asked again with the next call. */
	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	for (int i = 0; i < MEDIA_PORTS_SPARE; i++) {
		char call_id[16];

		pair.nodes[ALICE].no_ports = true;
		snprintf(call_id, sizeof(call_id), "x%d", i);
		ck_assert_int_eq(media_out(&pair, ALICE, BOB, OFFER, (struct media_said){ .call_id = call_id }), 0);
	}
	ck_assert_int_eq(media_out(&pair, ALICE, BOB, OFFER, (struct media_said){ .call_id = "y" }), ERR_LIMIT);
	pair.nodes[ALICE].no_ports = false;
	ck_assert_int_eq(media_out(&pair, ALICE, BOB, OFFER, (struct media_said){ .call_id = "y" }), ERR_LIMIT);
	ck_assert_int_eq(media_out(&pair, ALICE, BOB, OFFER, (struct media_said){ .call_id = "y" }), 0);
	media_pair_end(&pair);
}
END_TEST

/* Alice's node calls Bob's phone once more. */
static int ring(unsigned n)
{
	char call_id[16];

	snprintf(call_id, sizeof(call_id), "ring%u", n);
	return media_in(&pair, BOB, ALICE, from_hit(hit_hex(ALICE), 7000, "", ""),
			(struct media_said){ .call_id = call_id, .tag = "a" });
}

START_TEST(node_whose_calls_only_ring_holds_few_ports)
{
	struct media_node *bob = &pair.nodes[BOB];
	struct media_said first = { .call_id = "ring0", .tag = "a", .in_dialog = true, .update = true };
	struct sip_media_end second = { .call_id = slice_text("ring1") };
	char leg[ADDRESS_TEXT_SIZE];

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	for (unsigned n = 0; n < 32; n++)
		ck_assert_int_eq(ring(n), 0);
	ck_assert_int_eq(ring(32), ERR_LIMIT);
	ck_assert_uint_eq(streams(BOB), 32);
	ck_assert_uint_eq(bob->host->counters.media_refused, 1);
	ck_assert(fixture_logged(&pair.fixture, BOB, "media.limit"));
	/* Not with more lines either, nor by what it says itself in a dialog that is not confirmed. */
	ck_assert_int_eq(media_in(&pair, BOB, ALICE, from_hit(hit_hex(ALICE), 7000, "", ""), first), 0);
	ck_assert_int_eq(media_in(&pair, BOB, ALICE, from_hit(hit_hex(ALICE), 7000, "", "m=video 7002 RTP/AVP 96\r\n"),
				  first), ERR_LIMIT);
	ck_assert_int_eq(ring(32), ERR_LIMIT);
	/* Others may call, and Bob may call whom he likes. */
	ck_assert_int_eq(media_in(&pair, BOB, MALLORY, from_hit(hit_hex(MALLORY), 7000, "", ""),
				  (struct media_said){ .call_id = "other" }), 0);
	ck_assert_int_eq(media_out(&pair, BOB, ALICE, ANSWER, (struct media_said){ .call_id = "own" }), 0);
	/* A call that the phone took is none that rings: by its answer, or by a 2xx without one. */
	ck_assert_int_eq(media_out(&pair, BOB, ALICE, ANSWER,
				   (struct media_said){ .call_id = "ring0", .tag = "a", .status = 183 }), 0);
	ck_assert_int_eq(ring(32), ERR_LIMIT);
	ck_assert_int_eq(media_out(&pair, BOB, ALICE, ANSWER,
				   (struct media_said){ .call_id = "ring0", .tag = "a", .status = 200 }), 0);
	ck_assert_int_eq(ring(32), 0);
	ck_assert_int_eq(ring(33), ERR_LIMIT);
	second.node = pair.nodes[ALICE].id;
	second.phone = slice_text(address_text(&bob->phone, leg));
	bob->sip.ops->answered(bob->sip.ctx, &second);
	ck_assert_int_eq(ring(33), 0);
	ck_assert_int_eq(ring(34), ERR_LIMIT);
	/* And one that is over. */
	media_over(&pair, BOB, ALICE, "ring2", "");
	ck_assert_int_eq(ring(34), 0);
	media_pair_end(&pair);
}
END_TEST

START_TEST(answers_of_two_phones_share_the_callers_port)
{
	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	ck_assert_int_eq(media_out(&pair, ALICE, BOB, OFFER, (struct media_said){ 0 }), 0);
	ck_assert_int_eq(media_in(&pair, ALICE, BOB, from_hit(hit_hex(BOB), 7000, "", ""),
				  (struct media_said){ .status = 200, .tag = "one" }), 0);
	alice_port = media_port_of(pair.out, 0);
	ck_assert_int_eq(media_in(&pair, ALICE, BOB, from_hit(hit_hex(BOB), 7002, "", ""),
				  (struct media_said){ .status = 200, .tag = "two" }), 0);
	ck_assert_uint_eq(media_port_of(pair.out, 0), alice_port);
	ck_assert_uint_eq(stream_of(ALICE, 0).remote_port, 7002);
	/* The caller keeps the first. */
	media_over(&pair, ALICE, BOB, "c1", "two");
	ck_assert_uint_eq(stream_of(ALICE, 0).remote_port, 7000);
	media_over(&pair, ALICE, BOB, "c1", "");
	ck_assert_uint_eq(streams(ALICE), 1);
	media_over(&pair, ALICE, BOB, "c1", "one");
	ck_assert_uint_eq(streams(ALICE), 0);
	media_pair_end(&pair);
}
END_TEST

START_TEST(call_that_never_came_to_be_is_forgotten)
{
	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	media_pass(&pair, ALICE, BOB, OFFER, (struct media_said){ 0 });
	media_over(&pair, ALICE, BOB, "c1", "");
	media_over(&pair, BOB, ALICE, "c1", "");
	ck_assert_uint_eq(streams(ALICE) + streams(BOB), 0);
	media_pair_run(&pair, 300); /* the exchange's end finds nobody */
	media_pair_end(&pair);
}
END_TEST

START_TEST(silent_call_ends_by_itself)
{
	struct usage u;

	media_pair_begin_with(&pair, &(struct media_relay_options){ .idle_s = 100 });
	call(OFFER, ANSWER);
	u = media_relay_port(pair.nodes[ALICE].relay);
	pair.fixture.now.mono.us += 80000000;
	media_send(&pair, ALICE, 4000, alice_port, "still here");
	pair.fixture.now.mono.us += 80000000;
	u.ops->expire(u.ctx, pair.fixture.now);
	ck_assert_uint_eq(streams(ALICE), 1);
	pair.fixture.now.mono.us += 121000000;
	u.ops->expire(u.ctx, pair.fixture.now);
	ck_assert_uint_eq(streams(ALICE), 0);
	ck_assert(fixture_logged(&pair.fixture, ALICE, "why=idle"));
	media_pair_end(&pair);
}
END_TEST

int main(void)
{
	return RUN_TESTS("media_relay",
			between_nodes_the_address_is_a_hit, each_phone_sees_its_own_node,
			datagrams_cross_both_ways_with_rtcp, association_begins_with_the_offer,
			early_media_passes_before_the_answer_is_final,
			offer_in_the_response_is_answered_in_the_ack,
			video_added_later_gets_ports_of_its_own,
			phone_that_moves_is_followed_once_it_is_answered,
			hold_by_address_reaches_the_other_phone,
			line_that_cannot_be_carried_is_disabled,
			phone_is_answered_where_it_sends_from_within_its_address,
			phone_behind_a_translator_is_found_where_its_signalling_comes_from,
			datagram_from_another_hit_goes_nowhere,
			datagram_without_a_right_checksum_goes_nowhere,
			ports_are_wanted_ahead_and_go_back, call_without_a_port_left_is_refused,
			node_whose_calls_only_ring_holds_few_ports,
			answers_of_two_phones_share_the_callers_port,
			call_that_never_came_to_be_is_forgotten, silent_call_ends_by_itself);
}
