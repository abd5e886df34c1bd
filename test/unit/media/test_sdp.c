/* SPDX-License-Identifier: MIT */
/* Session descriptions: what is read, and that only what is asked for is changed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/run.h"
#include "usage/media/sdp.h"

#define HIT_TEXT "2001002400112233445566778899aabb"

#define AUDIO_VIDEO                                                                                \
	"v=0\r\no=alice 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nb=AS:512\r\nt=0 0\r\n"          \
	"a=ice-ufrag:8hhY\r\na=x-odd:  two  blanks \r\n"                                               \
	"m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtcp:4001\r\n"                        \
	"a=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\r\na=sendrecv\r\n"                               \
	"m=video 4002 RTP/AVP 96\r\nc=IN IP4 192.0.2.8\r\na=rtcp:4002\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n"

static struct sdp sdp;
static struct sip_text out;

static void parse(const char *text)
{
	ck_assert_int_eq(sdp_parse(slice_text(text), &sdp, NULL, NULL), 0);
}

static const char *written(const struct sdp_edit *edit)
{
	out.len = 0;
	ck_assert_int_eq(sdp_write(&sdp, edit, &out), 0);
	sip_text_bytes(&out, slice_of("", 1));
	return (const char *)out.data;
}

static struct address address_of(const char *text)
{
	struct address a;

	ck_assert_int_eq(address_parse(text, 0, &a), 0);
	return a;
}

static struct sdp_edit take_all(const char *connection)
{
	struct sdp_edit e = { .connection = address_of(connection) };

	for (size_t i = 0; i < sdp.media_count; i++)
		e.media[i] = (struct sdp_media_edit){ sdp.media[i].port != 0, (uint16_t)(30000 + 2 * i) };
	return e;
}

START_TEST(description_untouched_is_the_same_bytes)
{
	static const char *const texts[] = {
		AUDIO_VIDEO,
		"v=0\n",
		"v=0\r\n",
		"v=0",
		"v=0\ns=-\nc=IN IP6 2001:db8::1\nt=0 0\nm=audio 1 RTP/AVP 0\nnonsense\n\n\nk=prompt\r\nz=",
		"v=0\r\nm=audio 0 RTP/AVP 0\r\nm=audio 9/2 RTP/AVP 0\r\n",
	};
	struct sdp_edit nothing = { 0 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		parse(texts[i]);
		ck_assert_str_eq(written(&nothing), texts[i]);
	}
}
END_TEST

START_TEST(description_read_gives_lines_of_session_and_media)
{
	parse(AUDIO_VIDEO);
	ck_assert_uint_eq(sdp.media_count, 2);
	ck_assert(sdp.has_connection);
	ck_assert(slice_equal(sdp.media[0].kind, slice_text("audio")));
	ck_assert(slice_equal(sdp.media[0].protocol, slice_text("RTP/AVP")));
	ck_assert_uint_eq(sdp.media[0].port, 4000);
	ck_assert_uint_eq(sdp.media[0].rtcp_port, 4001);
	ck_assert(!sdp.media[0].has_connection && !sdp.media[0].rtcp_mux);
	ck_assert(address_equal(&sdp.media[0].connection, &(struct address){ 1, { 192, 0, 2, 7 }, 4000 }));
	ck_assert(address_equal(&sdp.media[0].rtcp, &(struct address){ 1, { 192, 0, 2, 7 }, 4001 }));
	ck_assert(sdp.media[1].has_connection && sdp.media[1].rtcp_mux);
	ck_assert(address_equal(&sdp.media[1].connection, &(struct address){ 1, { 192, 0, 2, 8 }, 4002 }));
	ck_assert_uint_eq(sdp.media[1].rtcp_port, 4002);
}
END_TEST

START_TEST(rtcp_with_an_address_is_read_and_replaced)
{
	struct sdp_edit e;

	parse("v=0\nc=IN IP4 192.0.2.7\nm=audio 4000 RTP/AVP 0\na=rtcp:5003 IN IP4 192.0.2.99\n");
	ck_assert(address_equal(&sdp.media[0].rtcp, &(struct address){ 1, { 192, 0, 2, 99 }, 5003 }));
	e = take_all("[2001:db8::5]");
	ck_assert_str_eq(written(&e), "v=0\nc=IN IP6 2001:db8::5\nm=audio 30000 RTP/AVP 0\n"
				      "a=rtcp:30001 IN IP6 2001:db8::5\n");
}
END_TEST

START_TEST(description_taken_changes_addresses_and_ports_only)
{
	struct sdp_edit e;

	parse(AUDIO_VIDEO);
	e = take_all("127.0.0.1");
	e.strip_ice = true;
	ck_assert_str_eq(written(&e),
			 "v=0\r\no=alice 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nb=AS:512\r\nt=0 0\r\n"
			 "a=x-odd:  two  blanks \r\n"
			 "m=audio 30000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtcp:30001\r\na=sendrecv\r\n"
			 "m=video 30002 RTP/AVP 96\r\nc=IN IP4 127.0.0.1\r\na=rtcp:30002\r\na=rtcp-mux\r\n"
			 "a=rtpmap:96 VP8/90000\r\n");
}
END_TEST

START_TEST(refused_line_stays_and_mux_may_fall_back)
{
	struct sdp_edit e;

	parse("v=0\nc=IN IP6 2001:db8::7\nm=audio 0 RTP/AVP 0\na=rtcp:9\n"
	      "m=audio 7/1 RTP/AVP 8\na=rtcp-mux\na=rtcp:8\n");
	ck_assert_uint_eq(sdp.media[0].port, 0);
	ck_assert_uint_eq(sdp.media[1].port_count, 1);
	e = take_all("127.0.0.1");
	ck_assert_str_eq(written(&e), "v=0\nc=IN IP4 127.0.0.1\nm=audio 0 RTP/AVP 0\na=rtcp:9\n"
				      "m=audio 30002 RTP/AVP 8\na=rtcp-mux\na=rtcp:30003\n");
}
END_TEST

START_TEST(port_count_is_read_and_disabled_with_its_line)
{
	struct sdp_edit e;

	parse("v=0\nc=IN IP4 192.0.2.7\nm=video 49170/2 RTP/AVP 31\n");
	ck_assert_uint_eq(sdp.media[0].port_count, 2);
	e = (struct sdp_edit){ .connection = address_of("127.0.0.1"), .media = { { true, 0 } } };
	ck_assert_str_eq(written(&e), "v=0\nc=IN IP4 127.0.0.1\nm=video 0 RTP/AVP 31\n");
}
END_TEST

START_TEST(hold_keeps_the_address_that_says_so)
{
	struct sdp_edit e;

	parse("v=0\nc=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 96\nc=IN IP4 192.0.2.7\n");
	e = take_all("127.0.0.1");
	ck_assert_str_eq(written(&e), "v=0\nc=IN IP4 0.0.0.0\nm=audio 30000 RTP/AVP 0\n"
				      "m=video 30002 RTP/AVP 96\nc=IN IP4 127.0.0.1\n");
}
END_TEST

START_TEST(media_without_address_gets_one_behind_its_title)
{
	struct sdp_edit e;

	parse("v=0\nm=audio 4000 RTP/AVP 0\ni=title");
	e = take_all("127.0.0.1");
	ck_assert_str_eq(written(&e), "v=0\nm=audio 30000 RTP/AVP 0\ni=title\nc=IN IP4 127.0.0.1\n");
	parse("v=0\nm=audio 4000 RTP/AVP 0\ni=title\na=x\nm=video 5 RTP/AVP 96");
	e = take_all("127.0.0.1");
	ck_assert_str_eq(written(&e), "v=0\nm=audio 30000 RTP/AVP 0\ni=title\nc=IN IP4 127.0.0.1\na=x\n"
				      "m=video 30002 RTP/AVP 96\nc=IN IP4 127.0.0.1\n");
}
END_TEST

START_TEST(names_and_groups_are_no_addresses_to_compare)
{
	parse("v=0\nc=IN IP4 pc33.atlanta.com\nm=audio 4 RTP/AVP 0\nm=audio 4 RTP/AVP 0\nc=IN IP4 224.2.1.1/127/3\n"
	      "m=audio 4 RTP/AVP 0\nc=ATM NSAP 47.0091\nm=audio 4 RTP/AVP 0\nc=IN IP4 ::1\n");
	ck_assert_uint_eq(sdp.media[0].connection.type, ADDRESS_NONE);
	ck_assert(address_equal(&sdp.media[1].connection, &(struct address){ 1, { 224, 2, 1, 1 }, 4 }));
	ck_assert_uint_eq(sdp.media[2].connection.type, ADDRESS_NONE);
	ck_assert_uint_eq(sdp.media[3].connection.type, ADDRESS_NONE);
}
END_TEST

START_TEST(host_identities_are_read_at_both_levels_in_both_forms)
{
	unsigned strange;

	ck_assert_int_eq(sdp_parse(slice_text("v=0\nk=host-identity-tag:" HIT_TEXT "\n"
					      "a=key-mgmt:host-identity-tag 2001:24:11:2233:4455:6677:8899:AABC\n"
					      "m=audio 4 RTP/AVP 0\n"
					      "a=key-mgmt:mikey AQAF\n"
					      "a=key-mgmt:host-identity AAcAAQ==\n"
					      "a=key-mgmt:host-identity-tag:" HIT_TEXT "\n"
					      "k=host-identity:AAcAAQ==\n"
					      /* the draft's own examples are no ORCHIDs */
					      "k=host-identity-tag:7214148E0433AFE2FA2D48003D31172E\n"
					      "k=host-identity-tag:12\nk=host-identity:?\nk=host-identityx:12\n"),
				   &sdp, NULL, &strange),
			 0);
	ck_assert_uint_eq(strange, 4);
	ck_assert_uint_eq(sdp.hit_count, 2);
	ck_assert(sdp.hits[0].is_key_line && sdp.hits[0].hit.bytes[15] == 0xbb);
	ck_assert(!sdp.hits[1].is_key_line && sdp.hits[1].hit.bytes[15] == 0xbc);
	ck_assert_uint_eq(sdp.media[0].hit_count, 3);
	ck_assert(slice_equal(sdp.media[0].hits[0].identity, slice_text("AAcAAQ==")));
	ck_assert(sdp.media[0].hits[1].identity.len == 0 && sdp.media[0].hits[1].hit.bytes[15] == 0xbb);
	ck_assert(sdp.media[0].hits[2].is_key_line);
}
END_TEST

START_TEST(host_identity_is_inserted_and_others_are_stripped)
{
	struct sdp_edit e = { .strip_host_identities = true };
	struct hit own;

	ck_assert_int_eq(hit_parse(HIT_TEXT, &own), 0);
	parse("v=0\r\nk=host-identity-tag:2001:24::1\r\nt=0 0\r\na=key-mgmt:mikey AQAF\r\nm=audio 0 RTP/AVP 0\r\n"
	      "k=host-identity:AAcAAQ==\r\na=key-mgmt:host-identity-tag " HIT_TEXT "\r\nk=prompt\r\n");
	ck_assert_str_eq(written(&e), "v=0\r\nt=0 0\r\na=key-mgmt:mikey AQAF\r\nm=audio 0 RTP/AVP 0\r\nk=prompt\r\n");
	e.insert = &own;
	ck_assert_str_eq(written(&e), "v=0\r\nt=0 0\r\na=key-mgmt:mikey AQAF\r\n"
				      "a=key-mgmt:host-identity-tag " HIT_TEXT "\r\n"
				      "m=audio 0 RTP/AVP 0\r\nk=prompt\r\n");
	parse("v=0\ns=-");
	ck_assert_str_eq(written(&e), "v=0\ns=-\na=key-mgmt:host-identity-tag " HIT_TEXT "\n");
}
END_TEST

START_TEST(broken_description_is_refused_with_its_line)
{
	static const struct {
		const char *text;
		unsigned line;
	} cases[] = {
		{ "", 1 }, { "v=1\n", 1 }, { "s=-\nv=0\n", 1 }, { " v=0\n", 1 }, { "v=0\nm=audio\n", 2 },
		{ "v=0\ns=-\nm=audio x RTP/AVP 0\n", 3 }, { "v=0\nm=audio 65536 RTP/AVP 0\n", 2 },
		{ "v=0\nm=audio 4/0 RTP/AVP 0\n", 2 }, { "v=0\nm= 4 RTP/AVP 0\n", 2 }, { "v=0\nc=IN IP4\n", 2 },
		{ "v=0\nm=audio 4 RTP/AVP 0\nc=\n", 3 },
	};
	unsigned line;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(sdp_parse(slice_text(cases[i].text), &sdp, &line, NULL), ERR_MALFORMED);
		ck_assert_uint_eq(line, cases[i].line);
	}
}
END_TEST

START_TEST(too_much_of_anything_is_refused)
{
	struct sip_text big = { 0 };

	sip_text_add(&big, "v=0\n");
	for (size_t i = 0; i < SDP_MEDIA_MAX; i++)
		sip_text_add(&big, "m=audio 4 RTP/AVP 0\n");
	ck_assert_int_eq(sdp_parse(sip_text_slice(&big), &sdp, NULL, NULL), 0);
	sip_text_add(&big, "m=audio 4 RTP/AVP 0\n");
	ck_assert_int_eq(sdp_parse(sip_text_slice(&big), &sdp, NULL, NULL), ERR_LIMIT);
	big.len = 0;
	sip_text_add(&big, "v=0\n");
	for (size_t i = 0; i <= SDP_HITS_MAX; i++)
		sip_text_add(&big, "k=host-identity-tag:" HIT_TEXT "\n");
	ck_assert_int_eq(sdp_parse(sip_text_slice(&big), &sdp, NULL, NULL), ERR_LIMIT);
	big.len = 0;
	sip_text_add(&big, "v=0\n%*s\n", SDP_BYTES_MAX, "x");
	ck_assert_int_eq(sdp_parse(sip_text_slice(&big), &sdp, NULL, NULL), ERR_LIMIT);
	sip_text_free(&big);
}
END_TEST

START_TEST(description_cut_anywhere_is_read_or_refused)
{
	static const char text[] = AUDIO_VIDEO "k=host-identity-tag:" HIT_TEXT "\r\n"
					       "a=key-mgmt:host-identity AAcAAQ==\r\n";

	for (size_t len = 0; len < sizeof(text); len++) {
		/* Of exactly that size, so that a sanitizer sees a byte too many being read. */
		uint8_t *cut = malloc(len == 0 ? 1 : len);
		struct sdp_edit e;

		memcpy(cut, text, len);
		if (sdp_parse(slice_of(cut, len), &sdp, NULL, NULL) == 0) {
			e = take_all("127.0.0.1");
			(void)written(&e);
		}
		free(cut);
	}
}
END_TEST

int main(void)
{
	return RUN_TESTS("media_sdp", description_untouched_is_the_same_bytes,
			 description_read_gives_lines_of_session_and_media, rtcp_with_an_address_is_read_and_replaced,
			 description_taken_changes_addresses_and_ports_only, refused_line_stays_and_mux_may_fall_back,
			 port_count_is_read_and_disabled_with_its_line, hold_keeps_the_address_that_says_so,
			 media_without_address_gets_one_behind_its_title, names_and_groups_are_no_addresses_to_compare,
			 host_identities_are_read_at_both_levels_in_both_forms,
			 host_identity_is_inserted_and_others_are_stripped, broken_description_is_refused_with_its_line,
			 too_much_of_anything_is_refused, description_cut_anywhere_is_read_or_refused);
}
