/* SPDX-License-Identifier: MIT */
/* The registrar: what is answered when, what stands in the overlay then, who may register and how. */
#include <stdio.h>
#include <string.h>

#include "overlay/resource.h"
#include "overlay/wire/sip_registration.h"
#include "test/unit/run.h"
#include "test/unit/sip/world.h"
#include "usage/sip/sip_digest.h"

#define ALICE "alice@example.org"
#define BOB "bob@example.org"

/* What a node finds under an AOR. */
struct found {
	bool done;
	int err;
	size_t exists;
	struct node_id destination;
};

static void on_found(void *ctx, struct now now, const struct resource_fetch_result *result)
{
	struct found *f = ctx;

	(void)now;
	f->done = true;
	f->err = result->err;
	for (size_t i = 0; result->err == 0 && i < result->count; i++) {
		const struct stored_data_value *v = &result->values[i].data.value;
		struct sip_registration registration;
		struct reader r = reader_of(v->data.value);
		struct arena arena;

		if (!v->data.exists)
			continue;
		f->exists++;
		arena_init(&arena, 4096);
		ck_assert_int_eq(sip_registration_get(&r, &arena, &registration), 0);
		ck_assert_int_eq(registration.type, SIP_REGISTRATION_ROUTE);
		ck_assert(slice_equal(registration.contact_prefs, slice_text("(sip.schemes=SIP)")));
		ck_assert_uint_eq(registration.destinations.count, 1);
		f->destination = registration.destinations.items[0].id.node;
		ck_assert(slice_equal(v->key, slice_of(f->destination.bytes, NODE_ID_LENGTH)));
		arena_free(&arena);
	}
}

static size_t records_of(struct world *w, size_t asker, const char *aor)
{
	struct peer *p = net_peer(w->net, asker);
	struct resource_id id = security_resource_id(peer_security(p), slice_text(aor));
	struct found f = { 0 };

	ck_assert_int_eq(resource_fetch(p, net_now(w->net), &id, KIND_SIP_REGISTRATION, on_found, &f), 0);
	net_flush(w->net, asker);
	for (unsigned i = 0; i < 5000 && !f.done; i++)
		world_run(w, 2);
	ck_assert(f.done);
	ck_assert_int_eq(f.err, 0);
	return f.exists;
}

/* A REGISTER with these header lines; its Call-ID stays the same. */
static void register_with(struct phone *p, const char *aor, const char *lines)
{
	phone_send(p,
		   "REGISTER sip:example.org SIP/2.0\nVia: $V\nMax-Forwards: 70\nFrom: <sip:%s>;tag=r\n"
		   "To: <sip:%s>\nCall-ID: reg-%u\nCSeq: %u REGISTER\n%sContent-Length: 0\n\n",
		   aor, aor, p->flow.remote.port, ++p->cseq, lines);
}

static size_t contacts_of(struct world *w, size_t node)
{
	struct sip_registration_info info;
	size_t cursor = 0, count = 0;

	while (sip_usage_next_registration(w->usages[node], net_now(w->net), &cursor, &info))
		count++;
	return count;
}

START_TEST(register_is_answered_only_after_the_overlay_acknowledged)
{
	struct world *w = world_of(3, ALICE, BOB, BOB);
	struct phone *alice = phone_new(w, 0, "alice", false);
	struct sip_registration_info info;
	size_t cursor = 0;
	const char *ok;

	register_with(alice, ALICE, "Contact: <sip:alice@127.0.0.1:7001>;q=0.7\nExpires: 600\n");
	ck_assert(!phone_has(alice, "SIP/2.0"));
	ok = phone_expect(alice, 5000, "SIP/2.0 200");
	ck_assert(world_logged(w, "sip.record.stored"));
	ck_assert_str_eq(header_of(ok, "Contact", 0), "<sip:alice@127.0.0.1:7001>;expires=600;q=0.7");
	ck_assert_uint_eq(records_of(w, 2, ALICE), 1);
	ck_assert(sip_usage_next_registration(w->usages[0], net_now(w->net), &cursor, &info));
	ck_assert_str_eq(info.aor, ALICE);
	ck_assert(info.stored);
	/* The second phone needs nothing of the overlay. */
	register_with(alice, ALICE, "Contact: <sip:alice@127.0.0.1:7099>\n");
	ok = phone_expect(alice, 2, "SIP/2.0 200");
	ck_assert_uint_eq(header_count(ok, "Contact"), 2);
	world_free(w);
}
END_TEST

START_TEST(register_fails_with_503_when_the_overlay_does)
{
	struct world_options o = { .nodes = 1, .users = { ALICE }, .no_storage = true };
	struct world *w = world_new(&o);
	struct phone *alice = phone_new(w, 0, "alice", false);
	const char *answer;

	register_with(alice, ALICE, "Contact: <sip:alice@127.0.0.1:7001>\n");
	answer = phone_expect(alice, 40000, "SIP/2.0 50");
	ck_assert_ptr_nonnull(header_of(answer, "Retry-After", 0));
	ck_assert_ptr_nonnull(header_of(answer, "Warning", 0));
	ck_assert_uint_eq(contacts_of(w, 0), 0);
	world_free(w);
}
END_TEST

START_TEST(register_of_others_is_refused)
{
	struct world *w = world_of(1, ALICE);
	struct phone *alice = phone_new(w, 0, "alice", false);

	register_with(alice, BOB, "Contact: <sip:x@127.0.0.1:7001>\n");
	phone_expect(alice, 10, "SIP/2.0 403");
	register_with(alice, "alice@elsewhere.test", "Contact: <sip:x@127.0.0.1:7001>\n");
	phone_expect(alice, 10, "SIP/2.0 404");
	register_with(alice, "Alice@example.org", "Contact: <sip:x@127.0.0.1:7001>\n");
	phone_expect(alice, 10, "SIP/2.0 403");
	register_with(alice, "alice%00x@example.org", "Contact: <sip:x@127.0.0.1:7001>\n");
	phone_expect(alice, 10, "SIP/2.0 400");
	ck_assert_uint_eq(contacts_of(w, 0), 0);
	world_free(w);
}
END_TEST

START_TEST(register_judges_expiry)
{
	struct world *w = world_of(1, ALICE);
	struct phone *alice = phone_new(w, 0, "alice", false);
	const char *answer;

	register_with(alice, ALICE, "Contact: <sip:a@127.0.0.1:7001>\nExpires: 5\n");
	answer = phone_expect(alice, 10, "SIP/2.0 423");
	ck_assert_str_eq(header_of(answer, "Min-Expires", 0), "60");
	register_with(alice, ALICE, "Contact: <sip:a@127.0.0.1:7001>;expires=999999\nExpires: 5\n");
	answer = phone_expect(alice, 5000, "SIP/2.0 200");
	ck_assert_ptr_nonnull(strstr(header_of(answer, "Contact", 0), ";expires=7200"));
	register_with(alice, ALICE, "Contact: *\nExpires: 5\n");
	phone_expect(alice, 10, "SIP/2.0 400");
	register_with(alice, ALICE, "Contact: *\nContact: <sip:a@127.0.0.1:7001>\nExpires: 0\n");
	phone_expect(alice, 10, "SIP/2.0 400");
	ck_assert_uint_eq(contacts_of(w, 0), 1);
	register_with(alice, ALICE, "");
	answer = phone_expect(alice, 10, "SIP/2.0 200");
	ck_assert_uint_eq(header_count(answer, "Contact"), 1);
	world_free(w);
}
END_TEST

START_TEST(register_with_an_old_cseq_is_refused)
{
	struct world *w = world_of(1, ALICE);
	struct phone *alice = phone_new(w, 0, "alice", false);

	register_with(alice, ALICE, "Contact: <sip:a@127.0.0.1:7001>\n");
	phone_expect(alice, 5000, "SIP/2.0 200");
	alice->cseq--;
	register_with(alice, ALICE, "Contact: <sip:a@127.0.0.1:7001>;expires=0\n");
	phone_expect(alice, 10, "SIP/2.0 500");
	ck_assert_uint_eq(contacts_of(w, 0), 1);
	world_free(w);
}
END_TEST

START_TEST(register_bounds_the_number_of_contacts)
{
	struct world_options o = { .nodes = 1, .users = { ALICE }, .sip = { .registrations_max = 2 } };
	struct world *w = world_new(&o);
	struct phone *alice = phone_new(w, 0, "alice", false);

	register_with(alice, ALICE, "Contact: <sip:a@127.0.0.1:1>, <sip:a@127.0.0.1:2>\n"
				    "Contact: <sip:a@127.0.0.1:3>\n");
	phone_expect(alice, 10, "SIP/2.0 403");
	register_with(alice, ALICE, "Contact: <sip:a@127.0.0.1:1>, <sip:a@127.0.0.1:2>\n");
	phone_expect(alice, 5000, "SIP/2.0 200");
	ck_assert_uint_eq(contacts_of(w, 0), 2);
	world_free(w);
}
END_TEST

START_TEST(record_goes_with_the_last_phone)
{
	struct world *w = world_of(2, ALICE, BOB);
	struct phone *one = phone_new(w, 0, "alice", false), *two = phone_new(w, 0, "alice", true);

	phone_register(one);
	phone_register(two);
	register_with(one, ALICE, "Contact: <sip:alice@127.0.0.1:7001>;expires=0\n");
	phone_expect(one, 100, "SIP/2.0 200");
	ck_assert_uint_eq(records_of(w, 1, ALICE), 1);
	register_with(two, ALICE, "Contact: *\nExpires: 0\n");
	phone_expect(two, 5000, "SIP/2.0 200");
	ck_assert(world_logged(w, "sip.record.removed"));
	ck_assert_uint_eq(records_of(w, 1, ALICE), 0);
	world_free(w);
}
END_TEST

START_TEST(record_goes_when_the_last_contact_expires)
{
	struct world *w = world_of(2, ALICE, BOB);
	struct phone *alice = phone_new(w, 0, "alice", false);

	register_with(alice, ALICE, "Contact: <sip:alice@127.0.0.1:7001>\nExpires: 60\n");
	phone_expect(alice, 5000, "SIP/2.0 200");
	world_run(w, 62000);
	ck_assert_uint_eq(contacts_of(w, 0), 0);
	ck_assert_uint_eq(records_of(w, 1, ALICE), 0);
	world_free(w);
}
END_TEST

START_TEST(record_is_refreshed_before_its_lifetime_ends)
{
	struct world_options o = {
		.nodes = 2,
		.users = { ALICE, BOB },
		.sip = { .registration_default_s = 120 },
	};
	struct world *w = world_new(&o);
	struct phone *alice = phone_new(w, 0, "alice", false);

	register_with(alice, ALICE, "Contact: <sip:alice@127.0.0.1:7001>\nExpires: 600\n");
	phone_expect(alice, 5000, "SIP/2.0 200");
	world_run(w, 200000);
	ck_assert_uint_eq(records_of(w, 1, ALICE), 1);
	world_free(w);
}
END_TEST

static void on_stopped(void *ctx, struct now now)
{
	(void)now;
	++*(unsigned *)ctx;
}

START_TEST(record_is_removed_at_stop)
{
	struct world *w = world_of(2, ALICE, BOB);
	struct phone *alice = phone_new(w, 0, "alice", false);
	struct usage u = sip_usage_port(w->usages[0]);
	unsigned stopped = 0;

	phone_register(alice);
	u.ops->stop(u.ctx, net_now(w->net), on_stopped, &stopped);
	net_flush(w->net, 0);
	world_run(w, 1000);
	ck_assert_uint_eq(stopped, 1);
	ck_assert_uint_eq(records_of(w, 1, ALICE), 0);
	world_run(w, 5000);
	ck_assert_uint_eq(stopped, 1);
	world_free(w);
}
END_TEST

static bool password_of(void *ctx, const char *user, char *password, size_t size)
{
	(void)ctx;
	if (strcmp(user, "alice") != 0)
		return false;
	snprintf(password, size, "wonder");
	return true;
}

/* RFC 7616 3.9.1. */
START_TEST(digest_gives_the_rfcs_response)
{
	struct world *w = world_of(1, ALICE);
	struct sip_credentials c = {
		.username = slice_text("Mufasa"),
		.realm = slice_text("http-auth@example.org"),
		.nonce = slice_text("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
		.uri = slice_text("/dir/index.html"),
		.algorithm = slice_text("MD5"),
		.cnonce = slice_text("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"),
		.nc = slice_text("00000001"),
		.qop = slice_text("auth"),
	};
	char response[SIP_DIGEST_TEXT_SIZE];

	sip_digest_response(w->usages[0], &c, slice_text("GET"), "Circle of Life", response);
	ck_assert_str_eq(response, "8ca523f5e9506fed4657c9700eebdbec");
	world_free(w);
}
END_TEST

/* A REGISTER with credentials for the nonce of `challenge`. */
static void register_with_password(struct phone *p, const char *challenge, const char *password,
				   const char *algorithm)
{
	struct world *w = p->world;
	const char *realm = peer_configuration(net_peer(w->net, 0))->overlay_name;
	const char *nonce = strstr(challenge, "nonce=\"") + 7;
	struct sip_credentials c = {
		.username = slice_text("alice"),
		.realm = slice_text(realm),
		.nonce = slice_of(nonce, strcspn(nonce, "\"")),
		.uri = slice_text("sip:example.org"),
		.algorithm = slice_text(algorithm),
		.cnonce = slice_text("c"),
		.nc = slice_text("00000001"),
		.qop = slice_text("auth"),
	};
	char response[SIP_DIGEST_TEXT_SIZE], lines[1024];

	sip_digest_response(w->usages[0], &c, slice_text("REGISTER"), password, response);
	snprintf(lines, sizeof(lines),
		 "Contact: <sip:a@127.0.0.1:7001>\n"
		 "Authorization: Digest username=\"alice\", realm=\"%s\", nonce=\"%.*s\", "
		 "uri=\"sip:example.org\", response=\"%s\", algorithm=%s, qop=auth, nc=00000001, "
		 "cnonce=\"c\"\n",
		 realm, (int)c.nonce.len, nonce, response, algorithm);
	register_with(p, ALICE, lines);
}

START_TEST(phones_are_challenged_when_asked_for)
{
	struct world_options o = {
		.nodes = 1,
		.users = { ALICE },
		.sip = { .require_digest = true, .password_of = password_of, .digest_sha256 = true },
	};
	struct world *w = world_new(&o);
	struct phone *alice = phone_new(w, 0, "alice", false);
	const char *answer;

	register_with(alice, ALICE, "Contact: <sip:a@127.0.0.1:7001>\n");
	answer = phone_expect(alice, 10, "SIP/2.0 401");
	ck_assert_ptr_nonnull(strstr(header_of(answer, "WWW-Authenticate", 0), "algorithm=SHA-256"));
	ck_assert_ptr_nonnull(strstr(header_of(answer, "WWW-Authenticate", 1), "algorithm=MD5"));
	phone_request(alice, "INVITE", BOB, "auth-1", "", "");
	phone_expect(alice, 10, "SIP/2.0 407");
	register_with_password(alice, answer, "wrong", "MD5");
	phone_expect(alice, 10, "SIP/2.0 401");
	ck_assert(world_logged(w, "sip.credentials.wrong"));
	register_with_password(alice, answer, "wonder", "MD5");
	phone_expect(alice, 5000, "SIP/2.0 200");
	/* Overheard credentials are of no use. */
	register_with_password(alice, answer, "wonder", "MD5");
	answer = phone_expect(alice, 10, "SIP/2.0 401");
	ck_assert_ptr_nonnull(strstr(header_of(answer, "WWW-Authenticate", 0), "stale=TRUE"));
	register_with_password(alice, answer, "wonder", "SHA-256");
	phone_expect(alice, 5000, "SIP/2.0 200");
	world_free(w);
}
END_TEST

int main(void)
{
	return RUN_TESTS("sip_registration", register_is_answered_only_after_the_overlay_acknowledged,
			 register_fails_with_503_when_the_overlay_does, register_of_others_is_refused,
			 register_judges_expiry, register_with_an_old_cseq_is_refused,
			 register_bounds_the_number_of_contacts, record_goes_with_the_last_phone,
			 record_goes_when_the_last_contact_expires,
			 record_is_refreshed_before_its_lifetime_ends, record_is_removed_at_stop,
			 digest_gives_the_rfcs_response, phones_are_challenged_when_asked_for);
}
