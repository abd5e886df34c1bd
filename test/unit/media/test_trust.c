/* SPDX-License-Identifier: MIT */
/* Whose keys are believed, and which calls are refused. */
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
#define ANSWER HEAD("2") "m=audio 5000 RTP/AVP 0\r\n"

static struct media_pair pair;

/* Alice calls Bob. */
static void call(const char *offer, const char *answer)
{
	media_pass(&pair, ALICE, BOB, offer, (struct media_said){ .tag = "" });
	media_pass(&pair, BOB, ALICE, answer, (struct media_said){ .status = 200, .tag = "t1" });
	media_pair_run(&pair, 200);
	ck_assert(hip_host_is_established(pair.nodes[ALICE].host->h, &pair.nodes[BOB].host->hit));
}

static size_t streams(size_t node)
{
	struct media_stream_info out;
	size_t cursor = 0, count = 0;

	while (media_relay_next_stream(pair.nodes[node].relay, &cursor, &out))
		count++;
	return count;
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

/* ---- Whom the key belongs to ---- */

static void expect_protection(size_t node, const char *vouched, size_t with)
{
	const struct sip_media *s = &pair.nodes[node].sip;
	const char *said;
	struct hit hit;

	ck_assert(s->ops->protection(s->ctx, slice_text("c1"), &hit, &said));
	ck_assert_str_eq(said, vouched);
	ck_assert(hit_equal(&hit, &pair.nodes[with].host->hit));
}

START_TEST(key_of_the_certificate_is_vouched_for_by_it)
{
	const struct hip_known *known;

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	call(OFFER, ANSWER);
	expect_protection(ALICE, "certificate", BOB);
	expect_protection(BOB, "certificate", ALICE);
	known = hip_pool_find(hip_host_pool(pair.nodes[BOB].host->h), pair.fixture.now, &pair.nodes[ALICE].host->hit);
	ck_assert_ptr_nonnull(known);
	ck_assert_str_eq(known->user, "alice@example.org");
	ck_assert_str_eq(known->dialog, "c1");
	media_pair_end(&pair);
}
END_TEST

START_TEST(key_told_for_another_name_is_only_told)
{
	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	media_pass(&pair, ALICE, BOB, OFFER, (struct media_said){ .aor = "carol@example.org" });
	expect_protection(BOB, "link", ALICE);
	media_pair_end(&pair);
	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	pair.nodes[ALICE].is_vouched = false;
	media_pass(&pair, ALICE, BOB, OFFER, (struct media_said){ 0 });
	expect_protection(BOB, "link", ALICE);
	media_pair_end(&pair);
}
END_TEST

START_TEST(key_of_a_signed_record_is_vouched_for_by_it)
{
	char prefs[128];

	/* Bob's media end is a host of its own (Mallory's key stands for it here), as his signed record says. */
	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	snprintf(prefs, sizeof(prefs), "(& (sip.schemes=SIP) (peal.hit=\"%s\"))", hit_hex(MALLORY));
	ck_assert_int_eq(media_out(&pair, ALICE, BOB, OFFER, (struct media_said){ .prefs = prefs }), 0);
	ck_assert_int_eq(media_in(&pair, ALICE, BOB, from_hit(hit_hex(MALLORY), 7000, "", ""),
				  (struct media_said){ .status = 200, .tag = "t1" }), 0);
	expect_protection(ALICE, "record", MALLORY);
	media_pair_end(&pair);
}
END_TEST

START_TEST(changed_key_of_a_known_name_is_refused)
{
	char offer[PAIR_TEXT];

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	media_pass(&pair, ALICE, BOB, OFFER, (struct media_said){ .aor = "carol@example.org" });
	ck_assert_int_eq(media_out(&pair, MALLORY, BOB, OFFER, (struct media_said){ .call_id = "c2" }), 0);
	snprintf(offer, sizeof(offer), "%s", pair.out);
	ck_assert_int_eq(media_in(&pair, BOB, MALLORY, offer,
				  (struct media_said){ .call_id = "c2", .aor = "carol@example.org" }), ERR_FORBIDDEN);
	ck_assert_str_eq(pair.reason, "Host Identity of carol@example.org has changed");
	ck_assert(fixture_logged(&pair.fixture, BOB, "identity.changed"));
	ck_assert_uint_eq(pair.nodes[BOB].host->counters.media_refused, 1);
	ck_assert_uint_eq(streams(BOB), 1);
	media_pair_end(&pair);
}
END_TEST

START_TEST(name_proven_by_a_certificate_is_not_taken_with_less)
{
	struct media_said as_bob = { .call_id = "c2", .aor = "bob@example.org" };

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	call(OFFER, ANSWER);
	/* Mallory's certificate is as good as any, but it is not Bob's. */
	ck_assert_int_eq(media_in(&pair, ALICE, MALLORY, from_hit(hit_hex(MALLORY), 7000, "", ""), as_bob),
			 ERR_FORBIDDEN);
	ck_assert_str_eq(pair.reason, "Host Identity of bob@example.org has changed");
	media_pair_end(&pair);
}
END_TEST

START_TEST(nameless_callers_are_not_bound_to_one_key)
{
	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	media_pass(&pair, ALICE, BOB, OFFER, (struct media_said){ .aor = "anonymous@anonymous.invalid" });
	expect_protection(BOB, "certificate", ALICE);
	media_pass(&pair, MALLORY, BOB, OFFER,
		   (struct media_said){ .call_id = "c2", .aor = "anonymous@anonymous.invalid" });
	media_pair_end(&pair);
}
END_TEST

START_TEST(key_that_changes_within_a_call_is_refused_unless_it_is_its_nodes)
{
	struct media_said again = { .in_dialog = true, .tag = "t1" };

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	call(OFFER, ANSWER);
	ck_assert_int_eq(media_in(&pair, ALICE, BOB, from_hit(hit_hex(MALLORY), 7000, "", ""), again), ERR_FORBIDDEN);
	ck_assert_str_eq(pair.reason, "Host Identity changed within the call");
	/* Another node cannot come into the call. */
	ck_assert_int_eq(media_in(&pair, ALICE, MALLORY, from_hit(hit_hex(MALLORY), 7000, "", ""), again),
			 ERR_FORBIDDEN);
	/* The protection is what it was. */
	expect_protection(ALICE, "certificate", BOB);
	ck_assert_int_eq(media_in(&pair, ALICE, BOB, from_hit(hit_hex(BOB), 7000, "", ""), again), 0);
	media_pair_end(&pair);
}
END_TEST

static void base64(struct slice in, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < in.len; i += 3) {
		uint32_t v = (uint32_t)in.data[i] << 16 | (i + 1 < in.len ? (uint32_t)in.data[i + 1] << 8 : 0) |
			     (i + 2 < in.len ? in.data[i + 2] : 0);

		*out++ = digits[v >> 18 & 63];
		*out++ = digits[v >> 12 & 63];
		*out++ = i + 1 < in.len ? digits[v >> 6 & 63] : '=';
		*out++ = i + 2 < in.len ? digits[v & 63] : '=';
	}
	*out = '\0';
}

START_TEST(host_identity_must_give_its_hit)
{
	const struct host_security *s;
	char line[2048], identity[1200];
	struct media_said said = { .call_id = "hi" };

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	s = hip_host_security(pair.nodes[ALICE].host->h);
	base64(s->ops->own_identity(s->ctx), identity);
	snprintf(line, sizeof(line), "a=key-mgmt:host-identity-tag %s\r\na=key-mgmt:host-identity %s\r\n",
		 hit_hex(ALICE), identity);
	ck_assert_int_eq(media_in(&pair, BOB, ALICE, from_hit(hit_hex(ALICE), 7000, line, ""), said), 0);
	/* The identity alone gives the HIT, too; in k= and at the m= line. */
	said.call_id = "hi2";
	snprintf(line, sizeof(line), "k=host-identity:%s\r\n", identity);
	ck_assert_int_eq(media_in(&pair, BOB, ALICE, from_hit(hit_hex(ALICE), 7000, "", line), said), 0);
	said.call_id = "hi3";
	snprintf(line, sizeof(line), "a=key-mgmt:host-identity-tag %s\r\na=key-mgmt:host-identity %s\r\n",
		 hit_hex(MALLORY), identity);
	ck_assert_int_eq(media_in(&pair, BOB, ALICE, from_hit(hit_hex(MALLORY), 7000, line, ""), said), ERR_FORBIDDEN);
	ck_assert_uint_eq(pair.nodes[BOB].host->counters.hip_identity, 1);
	/* An address that is none of the HITs told. */
	snprintf(line, sizeof(line), "a=key-mgmt:host-identity-tag %s\r\n", hit_hex(ALICE));
	ck_assert_int_eq(media_in(&pair, BOB, ALICE, from_hit(hit_hex(MALLORY), 7000, line, ""), said), ERR_FORBIDDEN);
	/* Our own. */
	ck_assert_int_eq(media_in(&pair, BOB, ALICE, from_hit(hit_hex(BOB), 7000, "", ""), said), ERR_FORBIDDEN);
	ck_assert_uint_eq(streams(BOB), 2);
	media_pair_end(&pair);
}
END_TEST

START_TEST(several_identities_at_one_line_are_each_checked)
{
	const struct host_security *s;
	char line[4096], identity[1200];
	struct media_said said = { .call_id = "hi" };

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	s = hip_host_security(pair.nodes[ALICE].host->h);
	base64(s->ops->own_identity(s->ctx), identity);
	/* A host with two HITs: where media goes is one of them. */
	snprintf(line, sizeof(line), "a=key-mgmt:host-identity-tag %s\r\na=key-mgmt:host-identity-tag %s\r\n"
		 "a=key-mgmt:mikey AQAF\r\na=key-mgmt:host-identity %s\r\n",
		 hit_hex(MALLORY), hit_hex(ALICE), identity);
	ck_assert_int_eq(media_in(&pair, BOB, ALICE, from_hit(hit_hex(ALICE), 7000, "", line), said), 0);
	/* Neither of them is. */
	said.call_id = "hi2";
	snprintf(line, sizeof(line), "a=key-mgmt:host-identity-tag %s\r\na=key-mgmt:host-identity-tag %s\r\n",
		 hit_hex(BOB), hit_hex(MALLORY));
	ck_assert_int_eq(media_in(&pair, BOB, ALICE, from_hit(hit_hex(ALICE), 7000, "", line), said), ERR_FORBIDDEN);
	/* What stands at the line counts there, not what stands above. */
	snprintf(line, sizeof(line), "a=key-mgmt:host-identity-tag %s\r\n", hit_hex(MALLORY));
	ck_assert_int_eq(media_in(&pair, BOB, ALICE,
				  from_hit(hit_hex(ALICE), 7000,
					   "a=key-mgmt:host-identity-tag 2001002400112233445566778899aabb\r\n", line),
				  said),
			 ERR_FORBIDDEN);
	/* Its Host Identity gives none of the two. */
	snprintf(line, sizeof(line), "a=key-mgmt:host-identity-tag %s\r\nk=host-identity-tag:%s\r\n"
		 "a=key-mgmt:host-identity %s\r\n", hit_hex(MALLORY), hit_hex(BOB), identity);
	ck_assert_int_eq(media_in(&pair, BOB, ALICE, from_hit(hit_hex(MALLORY), 7000, "", line), said), ERR_FORBIDDEN);
	ck_assert_uint_eq(pair.nodes[BOB].host->counters.hip_identity, 1);
	ck_assert_uint_eq(streams(BOB), 1);
	media_pair_end(&pair);
}
END_TEST

START_TEST(hit_from_before_orchids_is_left_alone)
{
	static const char tag[] = "k=host-identity-tag:7214148E0433AFE2FA2D48003D31172E\r\n";
	struct media_said said = { .call_id = "old" };
	char line[256], plain[512];
	size_t known = 0, cursor = 0;
	struct hip_known entry;

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	snprintf(plain, sizeof(plain), HEAD("1") "%sm=audio 4000 RTP/AVP 0\r\n%s", tag, tag);
	/* Alone it protects nothing: the call is as the phones make it. */
	ck_assert_int_eq(media_in(&pair, BOB, ALICE, plain, said), 0);
	ck_assert_str_eq(pair.out, plain);
	ck_assert_uint_eq(streams(BOB), 0);
	ck_assert(fixture_logged(&pair.fixture, BOB, "media.hit.strange count=2"));
	while (hip_pool_next(hip_host_pool(pair.nodes[BOB].host->h), &cursor, &entry))
		known += hit_suite(&entry.hit) == 0;
	ck_assert_uint_eq(known, 0);
	/* Beside a HIT it changes nothing. */
	said.call_id = "both";
	snprintf(line, sizeof(line), "%sa=key-mgmt:host-identity-tag %s\r\n", tag, hit_hex(ALICE));
	ck_assert_int_eq(media_in(&pair, BOB, ALICE, from_hit(hit_hex(ALICE), 7000, line, tag), said), 0);
	ck_assert_uint_eq(streams(BOB), 1);
	media_pair_end(&pair);
	/* And it is none where there must be one. */
	media_pair_begin(&pair, MEDIA_HIP_REQUIRE);
	ck_assert_int_eq(media_in(&pair, BOB, ALICE, plain, said), ERR_FORBIDDEN);
	ck_assert_uint_eq(streams(BOB), 0);
	media_pair_end(&pair);
}
END_TEST

/* ---- Policy ---- */

START_TEST(node_that_cannot_is_called_as_phones_do_or_not_at_all)
{
	struct media_said no_hip = { .prefs = "(sip.schemes=SIP)" };

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	ck_assert_int_eq(media_out(&pair, ALICE, BOB, OFFER, no_hip), 0);
	ck_assert_str_eq(pair.out, OFFER);
	ck_assert_int_eq(media_in(&pair, ALICE, BOB, ANSWER, (struct media_said){ .status = 200 }), 0);
	ck_assert_str_eq(pair.out, ANSWER);
	ck_assert_uint_eq(streams(ALICE), 0);
	media_pair_end(&pair);
	media_pair_begin(&pair, MEDIA_HIP_REQUIRE);
	ck_assert_int_eq(media_out(&pair, ALICE, BOB, OFFER, no_hip), ERR_FORBIDDEN);
	ck_assert_int_eq(media_in(&pair, ALICE, BOB, OFFER, no_hip), ERR_FORBIDDEN);
	ck_assert_int_eq(media_in(&pair, ALICE, BOB, "", no_hip), ERR_FORBIDDEN);
	ck_assert_int_eq(media_in(&pair, ALICE, BOB, "v=1", no_hip), ERR_MALFORMED);
	ck_assert_uint_eq(pair.nodes[ALICE].host->counters.media_refused, 4);
	media_pair_end(&pair);
	media_pair_begin(&pair, MEDIA_HIP_OFF);
	ck_assert_str_eq(pair.nodes[ALICE].sip.ops->record_prefs(pair.nodes[ALICE].sip.ctx, pair.out, 512), "");
	ck_assert_int_eq(media_out(&pair, ALICE, BOB, OFFER, (struct media_said){ 0 }), 0);
	ck_assert_str_eq(pair.out, OFFER);
	ck_assert_int_eq(media_in(&pair, ALICE, BOB, from_hit(hit_hex(BOB), 7000, "", ""), no_hip), ERR_FORBIDDEN);
	media_pair_end(&pair);
}
END_TEST

START_TEST(answer_that_leaves_the_protection_is_refused)
{
	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	ck_assert_int_eq(media_out(&pair, ALICE, BOB, OFFER, (struct media_said){ 0 }), 0);
	ck_assert_int_eq(media_in(&pair, ALICE, BOB, ANSWER, (struct media_said){ .status = 200 }), ERR_FORBIDDEN);
	/* All lines refused: that is an answer. */
	ck_assert_int_eq(media_in(&pair, ALICE, BOB, HEAD("2") "m=audio 0 RTP/AVP 0\r\n",
				  (struct media_said){ .status = 200 }), 0);
	media_pair_end(&pair);
}
END_TEST

START_TEST(phones_that_know_hip_are_left_alone)
{
	const char *offer = HEAD("1") "k=host-identity-tag:2001002400112233445566778899aabb\r\nm=audio 4 RTP/AVP 0\r\n";
	const struct hip_known *known;
	struct hit hit;

	media_pair_begin(&pair, MEDIA_HIP_PREFER);
	ck_assert_str_eq(media_pass(&pair, ALICE, BOB, offer, (struct media_said){ 0 }), offer);
	ck_assert_str_eq(media_pass(&pair, BOB, ALICE, ANSWER, (struct media_said){ .status = 200 }), ANSWER);
	ck_assert_uint_eq(streams(ALICE) + streams(BOB), 0);
	ck_assert_int_eq(hit_parse("2001002400112233445566778899aabb", &hit), 0);
	known = hip_pool_find(hip_host_pool(pair.nodes[BOB].host->h), pair.fixture.now, &hit);
	ck_assert_ptr_nonnull(known);
	ck_assert_str_eq(known->user, "alice@example.org");
	ck_assert_int_eq(known->vouched, HIP_VOUCHED_SDP);
	media_pair_end(&pair);
}
END_TEST

int main(void)
{
	return RUN_TESTS("media_trust",
			key_of_the_certificate_is_vouched_for_by_it,
			key_told_for_another_name_is_only_told,
			key_of_a_signed_record_is_vouched_for_by_it,
			changed_key_of_a_known_name_is_refused,
			name_proven_by_a_certificate_is_not_taken_with_less,
			nameless_callers_are_not_bound_to_one_key,
			key_that_changes_within_a_call_is_refused_unless_it_is_its_nodes,
			host_identity_must_give_its_hit,
			several_identities_at_one_line_are_each_checked,
			hit_from_before_orchids_is_left_alone,
			node_that_cannot_is_called_as_phones_do_or_not_at_all,
			answer_that_leaves_the_protection_is_refused,
			phones_that_know_hip_are_left_alone);
}
