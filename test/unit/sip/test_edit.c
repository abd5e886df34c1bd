/* SPDX-License-Identifier: MIT */
/* Edits touch what they are asked to touch and no other byte. */
#include <string.h>

#include "test/unit/run.h"
#include "usage/sip/sip_edit.h"

#define HEAD "INVITE sip:bob@example.org SIP/2.0\r\n"
#define VIA "Via:  SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKa1;rport\r\n"
#define PARTIES                                                                                    \
	"f: \"A%6cice\" <sip:%61lice@example.org>;tag=f1\r\nTo: <sip:bob@example.org>\r\n"         \
	"i: c1\r\nCSeq: 7 INVITE\r\n"
#define ODD "x-ODD:   a,b ;c\r\n\tfolded\r\nAllow: INVITE,ACK\r\nContent-type: multipart/mixed;boundary=x\r\n"
#define TAIL "Content-Length: 13\r\n\r\n--x\r\n\x01\xff\r\n--x-"

static struct sip_text edited;

static const char *finish(struct sip_edit *e)
{
	sip_text_free(&edited);
	ck_assert_int_eq(sip_edit_finish(e, &edited), 0);
	sip_text_bytes(&edited, slice_of("", 1));
	return (const char *)edited.data;
}

static void begin(struct sip_edit *e, struct sip_message *m, const char *text)
{
	ck_assert_int_eq(sip_message_parse(m, slice_text(text), false), 0);
	sip_edit_begin(e, m);
}

START_TEST(edit_of_nothing_is_the_identity)
{
	static const char text[] = HEAD VIA PARTIES ODD TAIL;
	struct sip_message m;
	struct sip_edit e;

	begin(&e, &m, text);
	ck_assert_str_eq(finish(&e), text);
}
END_TEST

START_TEST(edit_of_a_request_changes_only_the_proxys_headers)
{
	struct address from;
	struct sip_message m;
	struct sip_edit e;

	ck_assert_int_eq(address_parse("198.51.100.7:4000", 0, &from), 0);
	begin(&e, &m, HEAD VIA "Max-Forwards:  70\r\nRoute: <sip:p1;lr>,  <sip:p2;lr>\r\n" PARTIES ODD TAIL);
	sip_edit_request_uri(&e, slice_text("sip:b@192.0.2.9"));
	sip_edit_push_record_route(&e, "sip:top;lr");
	sip_edit_push_record_route(&e, "sip:next;lr");
	sip_edit_push_via(&e, "SIP/2.0/TCP here;branch=z9hG4bKn");
	sip_edit_received(&e, &from);
	sip_edit_max_forwards(&e);
	sip_edit_pop_routes(&e, 1);
	sip_edit_content_length(&e);
	ck_assert_str_eq(finish(&e),
			 "INVITE sip:b@192.0.2.9 SIP/2.0\r\n"
			 "Record-Route: <sip:top;lr>\r\nRecord-Route: <sip:next;lr>\r\n"
			 "Via: SIP/2.0/TCP here;branch=z9hG4bKn\r\n"
			 "Via:  SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKa1;rport=4000"
			 ";received=198.51.100.7\r\n"
			 "Max-Forwards:  69\r\nRoute: <sip:p2;lr>\r\n" PARTIES ODD TAIL);
}
END_TEST

START_TEST(edit_pops_routes_over_several_lines)
{
	struct sip_message m;
	struct sip_edit e;

	begin(&e, &m, HEAD VIA "Route: <sip:a;lr>\r\n" PARTIES "Route: <sip:b;lr>,<sip:c;lr>\r\n" TAIL);
	sip_edit_pop_routes(&e, 2);
	ck_assert_str_eq(finish(&e), HEAD VIA PARTIES "Route: <sip:c;lr>\r\n" TAIL);
	begin(&e, &m, HEAD VIA "Route: <sip:a;lr>\r\n" PARTIES "Route: <sip:b;lr>,<sip:c;lr>\r\n" TAIL);
	sip_edit_pop_routes(&e, 3);
	ck_assert_str_eq(finish(&e), HEAD VIA PARTIES TAIL);
	begin(&e, &m, HEAD VIA "Route: <sip:a;lr>, <sip:b;lr> , <sip:c;lr>\r\n" PARTIES TAIL);
	sip_edit_drop_last_route(&e);
	ck_assert_str_eq(finish(&e), HEAD VIA "Route: <sip:a;lr>, <sip:b;lr>\r\n" PARTIES TAIL);
}
END_TEST

START_TEST(edit_pops_the_topmost_via_only)
{
	struct sip_message m;
	struct sip_edit e;

	begin(&e, &m, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP me;branch=z9hG4bK1\r\n" VIA PARTIES ODD TAIL);
	sip_edit_pop_via(&e);
	ck_assert_str_eq(finish(&e), "SIP/2.0 200 OK\r\n" VIA PARTIES ODD TAIL);
	begin(&e, &m,
	      "SIP/2.0 200 OK\r\nv: SIP/2.0/UDP me;branch=z9hG4bK1, SIP/2.0/UDP you;branch=z9hG4bK2\r\n"
	      PARTIES TAIL);
	sip_edit_pop_via(&e);
	ck_assert_str_eq(finish(&e), "SIP/2.0 200 OK\r\nv: SIP/2.0/UDP you;branch=z9hG4bK2\r\n" PARTIES TAIL);
}
END_TEST

START_TEST(edit_adds_what_is_missing)
{
	struct sip_message m;
	struct sip_edit e;

	begin(&e, &m, HEAD VIA PARTIES "\r\nbody");
	sip_edit_max_forwards(&e);
	sip_edit_content_length(&e);
	ck_assert_str_eq(finish(&e),
			 HEAD "Max-Forwards: 70\r\n" VIA PARTIES "Content-Length: 4\r\n\r\nbody");
}
END_TEST

START_TEST(edit_drops_only_credentials_of_this_realm)
{
	struct sip_message m;
	struct sip_edit e;

	begin(&e, &m,
	      HEAD VIA "Proxy-Authorization: Digest username=\"a\", realm=\"here\", nonce=\"1\"\r\n"
		       "Proxy-Authorization: Digest username=\"a\", realm=\"there\"\r\n" PARTIES TAIL);
	sip_edit_drop_credentials(&e, "here");
	ck_assert_str_eq(finish(&e),
			 HEAD VIA "Proxy-Authorization: Digest username=\"a\", realm=\"there\"\r\n" PARTIES
				  TAIL);
}
END_TEST

START_TEST(response_copies_what_a_response_needs)
{
	struct sip_message m;
	struct sip_text out = { 0 };
	struct address from;

	ck_assert_int_eq(address_parse("198.51.100.7:4000", 0, &from), 0);
	ck_assert_int_eq(sip_message_parse(&m, slice_text(HEAD VIA "Via: SIP/2.0/UDP b;branch=z9hG4bKb\r\n"
							  PARTIES ODD TAIL), false), 0);
	sip_response_put(&out, &m, &from, 404, "Not Found", "t1", "X: y\r\n");
	sip_text_bytes(&out, slice_of("", 1));
	ck_assert_str_eq((const char *)out.data,
			 "SIP/2.0 404 Not Found\r\n"
			 "Via:  SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKa1;rport=4000"
			 ";received=198.51.100.7\r\n"
			 "Via: SIP/2.0/UDP b;branch=z9hG4bKb\r\n"
			 "f: \"A%6cice\" <sip:%61lice@example.org>;tag=f1\r\n"
			 "To: <sip:bob@example.org>;tag=t1\r\n"
			 "i: c1\r\nCSeq: 7 INVITE\r\nX: y\r\nServer: peal\r\nContent-Length: 0\r\n\r\n");
	sip_text_free(&out);
}
END_TEST

START_TEST(ack_and_cancel_belong_to_the_invite)
{
	static const char invite[] = HEAD VIA "Route: <sip:n;lr>\r\n" PARTIES TAIL;
	static const char busy[] = "SIP/2.0 486 Busy\r\n" VIA
				   "From: <sip:x@y>;tag=f1\r\nTo: <sip:bob@example.org>;tag=t9\r\n"
				   "i: c1\r\nCSeq: 7 INVITE\r\n\r\n";
	struct sip_message m, response;
	struct sip_text out = { 0 };

	ck_assert_int_eq(sip_message_parse(&m, slice_text(invite), false), 0);
	ck_assert_int_eq(sip_message_parse(&response, slice_text(busy), false), 0);
	sip_ack_put(&out, &m, &response);
	sip_text_bytes(&out, slice_of("", 1));
	ck_assert_str_eq((const char *)out.data,
			 "ACK sip:bob@example.org SIP/2.0\r\n"
			 "Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKa1;rport\r\nMax-Forwards: 70\r\n"
			 "Route: <sip:n;lr>\r\nf: \"A%6cice\" <sip:%61lice@example.org>;tag=f1\r\n"
			 "To: <sip:bob@example.org>;tag=t9\r\ni: c1\r\nCSeq: 7 ACK\r\n"
			 "Content-Length: 0\r\n\r\n");
	sip_text_free(&out);
	sip_cancel_put(&out, &m);
	ck_assert_int_eq(sip_message_parse(&response, sip_text_slice(&out), true), 0);
	ck_assert(sip_message_is(&response, "CANCEL"));
	ck_assert(slice_equal(response.via.branch, m.via.branch));
	sip_text_free(&out);
}
END_TEST

START_TEST(body_is_replaced_with_its_length)
{
	static const char with[] = HEAD VIA PARTIES ODD "l:  13 \r\nX: y\r\n\r\n--x\r\n\x01\xff\r\n--x-";
	static const char without[] = HEAD VIA PARTIES ODD "\r\n--x\r\n\x01\xff\r\n--x-";
	struct sip_message m;
	struct sip_edit e;

	begin(&e, &m, with);
	sip_edit_body(&e, slice_text("another body altogether"));
	ck_assert_str_eq(finish(&e), HEAD VIA PARTIES ODD "l:  23 \r\nX: y\r\n\r\nanother body altogether");
	begin(&e, &m, without);
	sip_edit_body(&e, slice_text("short"));
	ck_assert_str_eq(finish(&e), HEAD VIA PARTIES ODD "Content-Length: 5\r\n\r\nshort");
}
END_TEST

int main(void)
{
	int result;

	sip_message_setup();
	result = RUN_TESTS("sip_edit", body_is_replaced_with_its_length, edit_of_nothing_is_the_identity,
			   edit_of_a_request_changes_only_the_proxys_headers,
			   edit_pops_routes_over_several_lines, edit_pops_the_topmost_via_only,
			   edit_adds_what_is_missing, edit_drops_only_credentials_of_this_realm,
			   response_copies_what_a_response_needs, ack_and_cancel_belong_to_the_invite);
	sip_text_free(&edited);
	return result;
}
