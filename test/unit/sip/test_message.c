/* SPDX-License-Identifier: MIT */
/* What is accepted as a SIP message, and what must be refused though libosip2 takes it. */
#include <stdio.h>
#include <string.h>

#include "test/unit/run.h"
#include "usage/sip/sip_message.h"
#include "usage/sip/sip_text.h"

#define START "INVITE sip:bob@example.org SIP/2.0\r\n"
#define VIA "Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKa1;rport\r\n"
#define FROM "From: \"Alice, <A>\" <sip:alice@example.org>;tag=f1\r\n"
#define TO "To: <sip:bob@example.org>\r\n"
#define CALL_ID "Call-ID: c1@192.0.2.1\r\n"
#define CSEQ "CSeq: 7 INVITE\r\n"
#define LENGTH "Content-Length: 4\r\n"
#define BODY "\r\nbody"
#define REST FROM TO CALL_ID CSEQ LENGTH BODY

static int parse(struct sip_message *m, const char *text, bool on_stream)
{
	return sip_message_parse(m, slice_text(text), on_stream);
}

static bool text_is(struct slice s, const char *text)
{
	return slice_equal(s, slice_text(text));
}

START_TEST(message_gives_its_values)
{
	struct sip_message m;

	ck_assert_int_eq(parse(&m, START VIA "Max-Forwards: 70\r\nX-A: 1\r\n" REST, true), 0);
	ck_assert(m.is_request);
	ck_assert(text_is(m.method, "INVITE"));
	ck_assert(text_is(m.uri.user, "bob"));
	ck_assert(text_is(m.via.host, "192.0.2.1"));
	ck_assert_uint_eq(m.via.port, 5062);
	ck_assert(text_is(m.via.branch, "z9hG4bKa1"));
	ck_assert(m.via.has_rport);
	ck_assert(text_is(m.from.uri, "sip:alice@example.org"));
	ck_assert(text_is(m.from_tag, "f1"));
	ck_assert_uint_eq(m.to_tag.len, 0);
	ck_assert_uint_eq(m.cseq, 7);
	ck_assert_int_eq(m.max_forwards, 70);
	ck_assert_int_eq((int)m.expires, -1);
	ck_assert(text_is(m.body, "body"));
}
END_TEST

START_TEST(message_takes_compact_names_folds_and_lists)
{
	static const char text[] =
		START "v: SIP/2.0/UDP a.example;branch=z9hG4bK1,\r\n"
		      " SIP/2.0/TCP b.example:5070;branch=z9hG4bK2\r\n"
		      "f: <sip:alice@example.org>\r\n ;tag=x\r\nt : <sip:bob@example.org>\r\n"
		      "i: c2\r\nCSEQ: 1   INVITE\r\nRoute: <sip:a;lr> , <sip:b;lr>\r\nl: 0\r\n\r\n";
	struct sip_message m;
	struct sip_walk walk = { 0 };
	struct slice element;
	size_t count = 0;

	ck_assert_int_eq(parse(&m, text, true), 0);
	ck_assert(text_is(m.from_tag, "x"));
	ck_assert(text_is(m.via.host, "a.example"));
	while (sip_message_walk(&m, SIP_HEADER_ROUTE, &walk, &element))
		count++;
	ck_assert_uint_eq(count, 2);
}
END_TEST

START_TEST(response_gives_its_status)
{
	struct sip_message m;

	ck_assert_int_eq(parse(&m, "SIP/2.0 180 Ringing \xc3\xa9\r\n" VIA REST, false), 0);
	ck_assert(!m.is_request);
	ck_assert_int_eq(m.status, 180);
	ck_assert(text_is(m.method, "INVITE"));
}
END_TEST

START_TEST(message_refuses_what_must_not_pass)
{
	static const struct {
		const char *text;
		int status; /* 0: not answerable */
	} bad[] = {
		{ "INVITE sip:bob@example.org SIP/3.0\r\n" VIA REST, 505 },
		{ "INVITE sip:bob@example.org HTTP/1.1\r\n" VIA REST, 400 },
		{ "INVITE sip:bob@example.org\r\n" VIA REST, 400 },
		{ "INVITE  sip:bob@example.org SIP/2.0\r\n" VIA REST, 400 },
		{ "INVITE sip:bob%00x@example.org SIP/2.0\r\n" VIA REST, 400 },
		{ "INVITE sip:bob%0dx@example.org SIP/2.0\r\n" VIA REST, 400 },
		{ "INVITE sip:bob@exa mple.org SIP/2.0\r\n" VIA REST, 400 },
		{ "INVITE sip:bob%zz@example.org SIP/2.0\r\n" VIA REST, 400 },
		{ "INVITE sip:bob@example.org:99999 SIP/2.0\r\n" VIA REST, 400 },
		{ START FROM TO CALL_ID CSEQ LENGTH BODY, 0 },
		{ START VIA TO CALL_ID CSEQ LENGTH BODY, 0 },
		{ START VIA FROM CALL_ID CSEQ LENGTH BODY, 0 },
		{ START VIA FROM TO CSEQ LENGTH BODY, 0 },
		{ START VIA FROM TO CALL_ID LENGTH BODY, 0 },
		{ START VIA FROM TO CALL_ID "CSeq: 7 OPTIONS\r\n" LENGTH BODY, 400 },
		{ START VIA FROM TO CALL_ID "CSeq: 4294967296 INVITE\r\n" LENGTH BODY, 400 },
		{ START VIA FROM TO CALL_ID "CSeq: -1 INVITE\r\n" LENGTH BODY, 400 },
		{ START VIA FROM TO CALL_ID CSEQ "Content-Length: -4\r\n" BODY, 400 },
		{ START VIA FROM TO CALL_ID CSEQ "Content-Length: 5\r\n" BODY, 400 },
		{ START VIA FROM TO CALL_ID CSEQ "Content-Length: 4\r\nl: 4\r\n" BODY, 400 },
		{ START VIA FROM TO CALL_ID CSEQ "Content-Length: 100000\r\n" BODY, 513 },
		{ START VIA FROM TO CALL_ID CSEQ BODY, 400 }, /* on a stream */
		{ START VIA "Max-Forwards: 256\r\n" REST, 400 },
		{ START VIA "Expires: 99999999999\r\n" REST, 400 },
		{ START VIA FROM REST, 400 },
		{ START "Via: SIP/2.0/UDP\r\n" REST, 400 },
		{ START "Via: SIP/1.0/UDP a;branch=z9hG4bK\r\n" REST, 400 },
		{ START "Via: SIP/2.0/UDP a;branch=z9hG4bK;\r\n" REST, 400 },
		{ START "Via: SIP/2.0/UDP a;;branch=z9hG4bK\r\n" REST, 400 },
		{ START "Via: SIP/2.0/UDP a;\r\n" REST, 400 },
		{ START VIA "Contact: <sip:a%00b@c>\r\n" REST, 400 },
		{ START VIA "Bad header\r\n" REST, 400 },
		{ START VIA "To: <sip:bob@example.org\r\n" FROM CALL_ID CSEQ LENGTH BODY, 400 },
		{ "ACK sip:bob@example.org SIP/2.0\r\n" VIA REST, 0 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sip_message m;

		ck_assert_msg(parse(&m, bad[i].text, true) == ERR_MALFORMED, "%zu: taken", i);
		ck_assert_msg(m.is_answerable == (bad[i].status != 0), "%zu: answerable", i);
		if (bad[i].status != 0)
			ck_assert_msg(m.reject_status == bad[i].status, "%zu: %d %s", i, m.reject_status,
				      m.reject_reason);
	}
}
END_TEST

START_TEST(message_refuses_raw_control_characters)
{
	static const char text[] = START VIA "X-A: ?\r\n" REST;
	char copy[sizeof(text)];

	for (unsigned c = 0; c < 256; c++) {
		struct sip_message m;
		bool clean = (c >= 0x20 && c != 0x7f) || c == '\t';

		memcpy(copy, text, sizeof(text));
		*strchr(copy, '?') = (char)c;
		ck_assert_int_eq(sip_message_parse(&m, slice_of(copy, sizeof(text) - 1), true) == 0, clean);
	}
}
END_TEST

START_TEST(request_of_unknown_scheme_is_told_apart)
{
	struct sip_message m;

	ck_assert_int_eq(parse(&m, "INVITE tel:+15551 SIP/2.0\r\n" VIA REST, true), 0);
	ck_assert_int_eq(m.uri_err, ERR_UNSUPPORTED);
}
END_TEST

START_TEST(message_cut_anywhere_is_refused)
{
	static const char text[] = START VIA REST;

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		struct sip_message m;

		ck_assert_int_eq(sip_message_parse(&m, slice_of(text, len), true), ERR_MALFORMED);
		ck_assert_int_eq((int)sip_message_length(slice_of(text, len)), 0);
	}
	ck_assert_int_eq((int)sip_message_length(slice_of(text, sizeof(text) - 1)), (int)sizeof(text) - 1);
}
END_TEST

START_TEST(stream_is_cut_by_content_length)
{
	static const char two[] = START VIA REST START VIA REST;

	ck_assert_int_eq((int)sip_message_length(slice_text(two)), (int)(sizeof(two) - 1) / 2);
	ck_assert_int_eq((int)sip_message_length(slice_text(START VIA BODY)), ERR_MALFORMED);
	ck_assert_int_eq((int)sip_message_length(slice_text(START "l: 1\r\nContent-Length: 2\r\n" BODY)),
			 ERR_MALFORMED);
	ck_assert_int_eq((int)sip_message_length(slice_text(START "l: 99999\r\n" BODY)), ERR_LIMIT);
}
END_TEST

int main(void)
{
	sip_message_setup();
	return RUN_TESTS("sip_message", message_gives_its_values,
			 message_takes_compact_names_folds_and_lists, response_gives_its_status,
			 message_refuses_what_must_not_pass, message_refuses_raw_control_characters,
			 request_of_unknown_scheme_is_told_apart, message_cut_anywhere_is_refused,
			 stream_is_cut_by_content_length);
}
