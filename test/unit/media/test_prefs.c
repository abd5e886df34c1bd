/* SPDX-License-Identifier: MIT */
/* usage/media: what a registration record tells of a node, and what a caller makes of it. */
#include <stdio.h>
#include <string.h>

#include "test/unit/hip/hip_fixture.h"
#include "test/unit/run.h"
#include "usage/hip/hip_registrant.h"
#include "usage/media/media_internal.h"

#define NODE 0
#define SERVER 1
#define OTHER 2

static struct fixture f;
static struct media_relay *relay;
static char text[SIP_MEDIA_PREFS_MAX];

static void begin(void)
{
	struct media_relay_options options = { .policy = MEDIA_HIP_PREFER };

	fixture_begin(&f);
	fixture_add(&f, HIT_SUITE_ECDSA, NULL);
	for (size_t i = SERVER; i <= OTHER; i++)
		fixture_add(&f, HIT_SUITE_ECDSA, &(struct hip_host_options){ .edge = true, .edge_lenient = true });
	options.log = &f.hosts[NODE].log;
	relay = media_relay_new(f.hosts[NODE].h, &f.hosts[NODE].counters, &options);
}

static void end(void)
{
	media_relay_free(relay);
	fixture_end(&f);
}

static void ask(size_t server, uint8_t type, uint32_t lifetime_s)
{
	ck_assert_int_eq(hip_host_register(f.hosts[NODE].h, f.now, &f.hosts[server].hit, &f.hosts[server].at, type,
					   lifetime_s), 0);
	fixture_run(&f, 8000);
}

static struct hip_hint hint_of(const char *prefs)
{
	struct hip_hint hint = { 0 };

	media_prefs_hint(slice_text(prefs), &hint);
	return hint;
}

START_TEST(record_tells_where_the_node_is_registered)
{
	struct hip_hint hint;

	begin();
	media_prefs_put(relay, text, sizeof(text));
	ck_assert_ptr_null(strstr(text, "peal.rendezvous"));
	ck_assert_ptr_nonnull(strstr(text, "(peal.locator=\"192.0.2.1:10500\")"));
	ask(SERVER, 1, 600);
	ask(OTHER, 1, 600);
	media_prefs_put(relay, text, sizeof(text));
	hint = hint_of(text);
	ck_assert(address_equal(&hint.rendezvous, &f.hosts[SERVER].at));
	ck_assert_uint_eq(hint.locator_count, 1);
	ck_assert(address_equal(&hint.locators[0], &f.hosts[NODE].at));
	/* One that is given up is not told any more. */
	ask(SERVER, 1, 0);
	media_prefs_put(relay, text, sizeof(text));
	hint = hint_of(text);
	ck_assert(address_equal(&hint.rendezvous, &f.hosts[OTHER].at));
	ck_assert_ptr_null(strstr(text, "192.0.2.2"));
	end();
}
END_TEST

START_TEST(server_that_did_not_answer_is_not_told)
{
	begin();
	ck_assert_int_eq(hip_host_register(f.hosts[NODE].h, f.now, &f.hosts[SERVER].hit,
					   &(struct address){ ADDRESS_IPV4, { 192, 0, 2, 99 }, 10500 }, 1, 600), 0);
	fixture_run(&f, 8000);
	ck_assert_ptr_null(strstr(media_prefs_put(relay, text, sizeof(text)), "peal.rendezvous"));
	end();
}
END_TEST

START_TEST(hint_is_the_first_server_that_is_an_address)
{
	static const char *const none[] = {
		"", "(peal.rendezvous=\"", "(peal.rendezvous=\"\")", "(peal.rendezvous=\"example.org\")",
		"(peal.rendezvous=\"0.0.0.0:10500\")", "(peal.rendezvous=\"192.0.2.1:0\")",
		"(peal.rendezvous=\"192.0.2.1:10500                                                             \")",
	};
	struct hip_hint hint;
	char at[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		ck_assert_int_eq(hint_of(none[i]).rendezvous.type, ADDRESS_NONE);
	hint = hint_of("(& (peal.rendezvous=\"no\") (peal.locator=\"192.0.2.7\") (peal.rendezvous=\"[2001:db8::1]\") "
		       "(peal.rendezvous=\"192.0.2.9\"))");
	ck_assert_str_eq(address_text(&hint.rendezvous, at), "[2001:db8::1]:10500");
	ck_assert_uint_eq(hint.locator_count, 1);
	ck_assert_str_eq(address_text(&hint.locators[0], at), "192.0.2.7:10500");
}
END_TEST

/* So that a long record of somebody else costs no more than any other. */
START_TEST(hint_reads_only_so_many)
{
	static char many[60000];
	struct hip_hint hint;
	size_t len = 0;

	for (size_t i = 0; i < 1500; i++)
		len += (size_t)snprintf(many + len, sizeof(many) - len, "(peal.rendezvous=\"\")(peal.locator=\"\")");
	ck_assert_uint_lt(len + 100, sizeof(many));
	snprintf(many + len, sizeof(many) - len, "(peal.rendezvous=\"192.0.2.1\")(peal.locator=\"192.0.2.1\")");
	hint = hint_of(many);
	ck_assert_int_eq(hint.rendezvous.type, ADDRESS_NONE);
	ck_assert_uint_eq(hint.locator_count, 0);
}
END_TEST

int main(void)
{
	return RUN_TESTS("media prefs", record_tells_where_the_node_is_registered,
			 server_that_did_not_answer_is_not_told, hint_is_the_first_server_that_is_an_address,
			 hint_reads_only_so_many);
}
