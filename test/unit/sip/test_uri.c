/* SPDX-License-Identifier: MIT */
/* One AOR has one spelling as a Resource Name; two AORs never share one. */
#include <stdio.h>
#include <string.h>

#include "test/unit/run.h"
#include "usage/sip/sip_message.h"
#include "usage/sip/sip_text.h"
#include "usage/sip/sip_uri.h"

static const char *aor_of(const char *text)
{
	static char aor[SIP_AOR_SIZE];
	struct sip_uri uri;

	if (sip_uri_parse(slice_text(text), &uri) != 0 || sip_aor_of_uri(&uri, aor) != 0)
		return "refused";
	return aor;
}

START_TEST(aor_is_normalised)
{
	ck_assert_str_eq(aor_of("sip:alice@example.org"), "alice@example.org");
	ck_assert_str_eq(aor_of("SIP:alice@EXAMPLE.Org"), "alice@example.org");
	ck_assert_str_eq(aor_of("sip:%61lice@example.org"), "alice@example.org");
	ck_assert_str_eq(aor_of("sip:Alice@example.org"), "Alice@example.org");
	ck_assert_str_eq(aor_of("sip:alice:secret@example.org:5070;transport=tcp?x=y"), "alice@example.org");
	ck_assert_str_eq(aor_of("sips:alice@example.org"), "alice@example.org");
	ck_assert_str_eq(aor_of("sip:a;b@example.org"), "a;b@example.org");
}
END_TEST

START_TEST(aor_refuses_what_could_be_taken_for_another)
{
	static const char *const bad[] = {
		"sip:alice%00x@example.org", "sip:alice%0a@example.org", "sip:alice%40evil@example.org",
		"sip:alice%20@example.org",  "sip:example.org",		 "sip:@example.org",
		"sip:alice@",		     "sip:alice@exa%6dple.org",	 "sip:a@b@example.org",
		"sip:alice@example.org:0",   "sip:alice@[::1",		 "tel:+15551",
		"sip:alice%7f@example.org",  "sip:al%g1ce@example.org",	 "sip:a<b@example.org",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(strcmp(aor_of(bad[i]), "refused") == 0, "%s", bad[i]);
}
END_TEST

START_TEST(aor_becomes_a_uri_and_comes_back)
{
	static const char *const aors[] = { "alice@example.org", "a%b@example.org", "q\xc3\xa9@x.org",
					    "a:b@x.org" };

	for (size_t i = 0; i < sizeof(aors) / sizeof(aors[0]); i++) {
		struct sip_text out = { 0 };

		sip_aor_put_uri(&out, aors[i]);
		sip_text_bytes(&out, slice_of("", 1));
		ck_assert_str_eq(aor_of((const char *)out.data), aors[i]);
		sip_text_free(&out);
	}
}
END_TEST

static bool equal(const char *a, const char *b)
{
	struct sip_uri x, y;

	ck_assert_int_eq(sip_uri_parse(slice_text(a), &x), 0);
	ck_assert_int_eq(sip_uri_parse(slice_text(b), &y), 0);
	ck_assert_int_eq(sip_uri_equal(&x, &y), sip_uri_equal(&y, &x));
	return sip_uri_equal(&x, &y);
}

/* RFC 3261 19.1.4 gives most of these. */
START_TEST(uris_are_compared_by_the_rules)
{
	ck_assert(equal("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"));
	ck_assert(equal("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"));
	ck_assert(equal("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"));
	ck_assert(!equal("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"));
	ck_assert(!equal("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"));
	ck_assert(!equal("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"));
	ck_assert(!equal("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"));
	ck_assert(!equal("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"));
	ck_assert(!equal("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"));
	ck_assert(!equal("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"));
	ck_assert(!equal("sip:bob@biloxi.com", "sips:bob@biloxi.com"));
}
END_TEST

START_TEST(name_addr_is_taken_apart)
{
	struct sip_name_addr n;

	ck_assert_int_eq(sip_name_addr_parse(slice_text("\"A <b>; c\" <sip:a@b;x=y>;q=0.5"), &n), 0);
	ck_assert(slice_equal(n.uri, slice_text("sip:a@b;x=y")));
	ck_assert(slice_equal(n.params, slice_text(";q=0.5")));
	ck_assert_int_eq(sip_name_addr_parse(slice_text("sip:a@b;tag=1"), &n), 0);
	ck_assert(slice_equal(n.uri, slice_text("sip:a@b")));
	ck_assert_int_eq(sip_name_addr_parse(slice_text("<sip:a@b"), &n), ERR_MALFORMED);
	ck_assert_int_eq(sip_name_addr_parse(slice_text(""), &n), ERR_MALFORMED);
}
END_TEST

START_TEST(domains_are_admitted_by_the_kinds_restriction)
{
	struct kind k = { .domain_restriction = DOMAIN_RESTRICTION_ABSENT };

	ck_assert(sip_domain_is_admitted(&k, "o.example", "anything.test"));
	k.domain_restriction = DOMAIN_RESTRICTION_OVERLAY;
	ck_assert(sip_domain_is_admitted(&k, "o.example", "o.example"));
	ck_assert(!sip_domain_is_admitted(&k, "o.example", "x.o.example"));
	k.domain_restriction = DOMAIN_RESTRICTION_PATTERNS;
	ck_assert(!sip_domain_is_admitted(&k, "o.example", "o.example"));
	snprintf(k.domain_patterns[0], sizeof(k.domain_patterns[0]), "%s",
		 "dht\\.example\\.com|.*\\.my\\.example");
	k.domain_pattern_count = 1;
	ck_assert(sip_domain_is_admitted(&k, "o.example", "dht.example.com"));
	ck_assert(sip_domain_is_admitted(&k, "o.example", "a.my.example"));
	ck_assert(!sip_domain_is_admitted(&k, "o.example", "xdht.example.com"));
	ck_assert(!sip_domain_is_admitted(&k, "o.example", "a.my.example.evil"));
}
END_TEST

int main(void)
{
	sip_message_setup();
	return RUN_TESTS("sip_uri", aor_is_normalised, aor_refuses_what_could_be_taken_for_another,
			 aor_becomes_a_uri_and_comes_back, uris_are_compared_by_the_rules,
			 name_addr_is_taken_apart, domains_are_admitted_by_the_kinds_restriction);
}
