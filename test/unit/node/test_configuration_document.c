/* SPDX-License-Identifier: MIT */
/* Tests of configuration_document.c and what belongs to it: the RFC's sample, each wrong element, signatures. */
#include "node/configuration_document.h"

#include <stdio.h>

#include "node/base64.h"
#include "test/unit/crypto/fixture.h"
#include "test/unit/node/document.h"
#include "test/unit/run.h"

static char detail[400];

static int parse(const char *text, struct configuration_document **d)
{
	return configuration_document_parse(d, slice_text(text), NULL, detail, sizeof(detail));
}

START_TEST(document_reads_the_rfcs_sample)
{
	char *text = document_text("");
	struct configuration_document *d;
	const struct configuration *c;
	const struct kind *k;
	char address[ADDRESS_TEXT_SIZE];

	ck_assert_msg(parse(text, &d) == 0, "%s", detail);
	c = &d->configuration;
	ck_assert_str_eq(c->overlay_name, "overlay.example.org");
	ck_assert_int_eq(c->sequence, 22);
	ck_assert_uint_eq(c->expiration.ms, 1034233200000u);
	ck_assert_uint_eq(d->root_cert_count, 1);
	ck_assert(slice_equal(d->root_certs[0], slice_text("bad cert\n")));
	ck_assert_str_eq(d->enrollment_servers[1], "https://example.net");
	ck_assert_uint_eq(c->bootstrap_node_count, 2);
	ck_assert_str_eq(address_text(&c->bootstrap_nodes[0], address), "192.0.0.1:6085");
	ck_assert_str_eq(address_text(&c->bootstrap_nodes[1], address), "[2001:db8::1]:6084");
	ck_assert(!c->clients_permitted && c->no_ice && !c->chord_reactive);
	ck_assert_int_eq(c->turn_density, 20);
	ck_assert_uint_eq(c->chord_update_interval_s, 400);
	ck_assert_uint_eq(c->chord_ping_interval_s, 30);
	ck_assert_uint_eq(c->max_message_size, 4000);
	ck_assert_int_eq(c->initial_ttl, 30);
	ck_assert_uint_eq(c->overlay_reliability_timer_ms, 2000);
	ck_assert_uint_eq(c->kind_signer_count, 2);
	ck_assert_uint_eq(c->bad_node_count, 1);
	ck_assert_int_eq(c->node_id_bits, 32);
	ck_assert_int_eq(c->node_id_slots, 4);
	/* A registered Kind keeps the registry's data model and policy (11.1). */
	k = kind_find(&c->kinds, KIND_SIP_REGISTRATION);
	ck_assert_int_eq(k->model, DATA_MODEL_DICTIONARY);
	ck_assert_int_eq(k->access, ACCESS_USER_NODE_MATCH);
	ck_assert_uint_eq(k->max_size, 100);
	ck_assert_int_eq(k->domain_restriction, DOMAIN_RESTRICTION_PATTERNS);
	ck_assert_str_eq(k->domain_patterns[1], ".*\\.my\\.example");
	k = kind_find(&c->kinds, 2000);
	ck_assert_int_eq(k->access, ACCESS_NODE_MULTIPLE);
	ck_assert_uint_eq(k->max_node_multiple, 3);
	ck_assert_int_eq(memcmp(d->signed_bytes.data, "<configuration instance-name=\"overlay", 37), 0);
	ck_assert_int_eq(memcmp(d->signed_bytes.data + d->signed_bytes.len - 16, "</configuration>", 16), 0);
	ck_assert_int_eq(memcmp(d->kind_blocks[1].signed_bytes.data, "<kind id=\"2000\">", 16), 0);
	ck_assert(slice_equal(d->signature, slice_text("This is not right!\n")));
	configuration_document_free(d);
	free(text);
}
END_TEST

START_TEST(document_gives_the_overlay_asked_for)
{
	char *text = document_text("");
	struct configuration_document *d;

	ck_assert_int_eq(configuration_document_parse(&d, slice_text(text), "other.example.net", detail,
						      sizeof(detail)), 0);
	ck_assert_str_eq(d->configuration.overlay_name, "other.example.net");
	ck_assert_uint_eq(d->configuration.max_message_size, 5000);
	ck_assert_uint_eq(d->signature.len, 0);
	configuration_document_free(d);
	ck_assert_int_eq(configuration_document_parse(&d, slice_text(text), "third.example", detail,
						      sizeof(detail)), ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(detail, "holds no configuration of third.example"));
	free(text);
}
END_TEST

/* Each stands behind the sample's elements, so that most of them also tell of elements that stand twice. */
START_TEST(document_names_each_wrong_element)
{
	static const struct {
		const char *element;
		int err;
		const char *detail; /* part of it */
	} wrong[] = {
		{ "<topology-plugin>x</topology-plugin>", ERR_CONFIG, "line 65: <topology-plugin>: stands twice" },
		{ "<turn-densities>1</turn-densities>", ERR_CONFIG, "<turn-densities>: is not an element" },
		{ "<chord:speed>1</chord:speed>", ERR_CONFIG, "<speed>: is not an element of RFC 6940" },
		{ "<root-cert>!</root-cert>", ERR_CONFIG, "<root-cert>: is not base 64" },
		{ "<root-cert>AAA</root-cert>", ERR_CONFIG, "<root-cert>: is not base 64" },
		{ "<root-cert><a/></root-cert>", ERR_CONFIG, "<root-cert>: holds elements" },
		{ "<enrollment-server>http://x</enrollment-server>", ERR_CONFIG, "is not an https URL" },
		{ "<bootstrap-node port=\"1\"/>", ERR_CONFIG, "<bootstrap-node>: lacks the attribute address" },
		{ "<bootstrap-node address=\"host.example\"/>", ERR_CONFIG, "is not an IPv4 or IPv6 address" },
		{ "<bootstrap-node address=\"1.2.3.4\" port=\"0\"/>", ERR_CONFIG, "\"0\" is not a number" },
		{ "<bootstrap-node address=\"1.2.3.4\" port=\"65536\"/>", ERR_CONFIG, "is not a number" },
		{ "<shared-secret>x</shared-secret>", ERR_UNSUPPORTED, "<shared-secret>" },
		{ "<kind-signer>123</kind-signer>", ERR_CONFIG, "<kind-signer>: \"123\" is not a Node-ID" },
		{ "<bad-node>zz</bad-node>", ERR_CONFIG, "<bad-node>" },
		{ "<configuration-signer/>", ERR_CONFIG, "<configuration-signer>" },
		{ "<mandatory-extension>urn:x</mandatory-extension>", ERR_UNSUPPORTED, "\"urn:x\"" },
		{ "<required-kinds/>", ERR_CONFIG, "<required-kinds>: stands twice" },
		{ "<no-ice>true", ERR_CONFIG, "line 66: mismatched tag" },
		{ "&entity;", ERR_CONFIG, "line 65: undefined entity" },
	};
	struct configuration_document *d;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char *text = document_text(wrong[i].element);

		ck_assert_int_eq(parse(text, &d), wrong[i].err);
		ck_assert_ptr_null(d);
		ck_assert_msg(strstr(detail, wrong[i].detail) != NULL, "%s", detail);
		free(text);
	}
}
END_TEST

/* A document of one overlay with these attributes and elements. */
static char *small_document(const char *attributes, const char *elements)
{
	char *text = NULL;

	ck_assert_int_gt(asprintf(&text,
				  "<overlay xmlns=\"urn:ietf:params:xml:ns:p2p:config-base\" xmlns:c=\""
				  "urn:ietf:params:xml:ns:p2p:config-chord\" xmlns:i=\""
				  "urn:peal:params:xml:ns:p2p:aor-derived-node-ids\" xmlns:s=\""
				  "urn:ietf:params:xml:ns:p2p:config-base:sip\">\n"
				  "<configuration %s>\n%s<root-cert>AAAA</root-cert></configuration></overlay>",
				  attributes, elements), 0);
	return text;
}

static void check_small(const char *attributes, const char *elements, int err, const char *part)
{
	char *text = small_document(attributes, elements);
	struct configuration_document *d;

	ck_assert_msg(parse(text, &d) == err, "%s: %s", elements, detail);
	ck_assert_msg(strstr(detail, part) != NULL, "%s: %s", elements, detail);
	configuration_document_free(d);
	free(text);
}

START_TEST(document_names_each_value_out_of_range)
{
	static const struct {
		const char *element;
		int err;
	} wrong[] = {
		{ "<node-id-length>15</node-id-length>", ERR_CONFIG },
		{ "<node-id-length>20</node-id-length>", ERR_UNSUPPORTED },
		{ "<topology-plugin>PASTRY</topology-plugin>", ERR_UNSUPPORTED },
		{ "<turn-density>256</turn-density>", ERR_CONFIG },
		{ "<turn-density>-1</turn-density>", ERR_CONFIG },
		{ "<clients-permitted>yes</clients-permitted>", ERR_CONFIG },
		{ "<no-ice/>", ERR_CONFIG },
		{ "<c:chord-update-interval>0</c:chord-update-interval>", ERR_CONFIG },
		{ "<c:chord-ping-interval>1e3</c:chord-ping-interval>", ERR_CONFIG },
		{ "<c:chord-reactive>TRUE</c:chord-reactive>", ERR_CONFIG },
		{ "<max-message-size>999</max-message-size>", ERR_CONFIG },
		{ "<max-message-size>16777216</max-message-size>", ERR_CONFIG },
		{ "<initial-ttl>0</initial-ttl>", ERR_CONFIG },
		{ "<initial-ttl>256</initial-ttl>", ERR_CONFIG },
		{ "<overlay-reliability-timer>199</overlay-reliability-timer>", ERR_CONFIG },
		{ "<overlay-link-protocol>SCTP</overlay-link-protocol>", ERR_UNSUPPORTED },
		{ "<self-signed-permitted>false</self-signed-permitted>", ERR_CONFIG },
		{ "<self-signed-permitted digest=\"md5\">false</self-signed-permitted>", ERR_CONFIG },
		{ "<self-signed-permitted digest=\"sha1\">true</self-signed-permitted>", ERR_UNSUPPORTED },
		{ "<i:aor-derived-node-ids><i:bits>97</i:bits></i:aor-derived-node-ids>", ERR_CONFIG },
		{ "<i:aor-derived-node-ids><i:slots>0</i:slots></i:aor-derived-node-ids>", ERR_CONFIG },
		{ "<i:aor-derived-node-ids><i:salt>1</i:salt></i:aor-derived-node-ids>", ERR_CONFIG },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		check_small("instance-name=\"a.example\"", wrong[i].element, wrong[i].err, "line 3: <");
}
END_TEST

START_TEST(document_names_each_wrong_attribute)
{
	static const char *const wrong[] = {
		"",
		"instance-name=\"\"",
		"instance-name=\"a..b\"",
		"instance-name=\"-a\"",
		"instance-name=\"a b\"",
		"instance-name=\"a\" sequence=\"65535\"",
		"instance-name=\"a\" sequence=\"x\"",
		"instance-name=\"a\" expiration=\"tomorrow\"",
		"instance-name=\"a\" expiration=\"2030-01-01T00:00:00\"",
		"instance-name=\"a\" expiration=\"2030-01-01T00:00:00+02:00\"",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		check_small(wrong[i], "", ERR_CONFIG, "line 2: <configuration>: ");
	check_small("instance-name=\"a\" sequence=\"65534\" expiration=\"2030-01-01T00:00:00.5Z\"", "", 0, "");
}
END_TEST

#define KIND(attributes, elements)                                                                 \
	"<required-kinds><kind-block><kind " attributes ">" elements "</kind></kind-block></required-kinds>"
#define MODEL "<data-model>SINGLE</data-model>"
#define ACCESS "<access-control>USER-MATCH</access-control>"
#define COUNTS "<max-count>1</max-count><max-size>1</max-size>"

START_TEST(document_names_each_wrong_kind)
{
	static const struct {
		const char *kinds;
		int err;
		const char *detail;
	} wrong[] = {
		{ "<required-kinds><kind/></required-kinds>", ERR_CONFIG, "is not a kind-block" },
		{ "<required-kinds><kind-block/></required-kinds>", ERR_CONFIG, "holds no kind element" },
		{ KIND("", MODEL ACCESS COUNTS), ERR_CONFIG, "either a name or an id" },
		{ KIND("name=\"A\" id=\"1\"", MODEL ACCESS COUNTS), ERR_CONFIG, "either a name or an id" },
		{ KIND("name=\"NOBODY\"", MODEL ACCESS COUNTS), ERR_UNSUPPORTED, "NOBODY" },
		{ KIND("id=\"0\"", MODEL ACCESS COUNTS), ERR_CONFIG, "is not a number" },
		{ KIND("id=\"9\"", ACCESS COUNTS), ERR_CONFIG, "lacks the element data-model" },
		{ KIND("id=\"9\"", MODEL COUNTS), ERR_CONFIG, "lacks the element access-control" },
		{ KIND("id=\"9\"", MODEL ACCESS), ERR_CONFIG, "lacks the element max-count" },
		{ KIND("id=\"9\"", MODEL ACCESS COUNTS MODEL), ERR_CONFIG, "<data-model>: stands twice" },
		{ KIND("id=\"9\"", "<data-model>TREE</data-model>"), ERR_CONFIG, "\"TREE\"" },
		{ KIND("id=\"9\"", "<access-control>ALL</access-control>"), ERR_CONFIG, "\"ALL\"" },
		{ KIND("id=\"9\"", "<max-size>0</max-size>"), ERR_CONFIG, "<max-size>" },
		{ KIND("id=\"9\"", "<color>1</color>"), ERR_CONFIG, "<color>: is not an element of a kind" },
		{ KIND("id=\"9\"", MODEL COUNTS "<access-control>NODE-MULTIPLE</access-control>"), ERR_CONFIG,
		  "lacks the element max-node-multiple" },
		{ KIND("id=\"9\"", "<s:domain-restriction enable=\"2\"/>"), ERR_CONFIG, "\"2\" is not true" },
		{ KIND("id=\"9\"", "<s:domain-restriction><s:pattern>(</s:pattern></s:domain-restriction>"),
		  ERR_CONFIG, "is not a POSIX extended regular expression" },
		{ KIND("id=\"9\"", "<s:domain-restriction><s:x/></s:domain-restriction>"), ERR_CONFIG,
		  "only pattern elements" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		check_small("instance-name=\"a.example\"", wrong[i].kinds, wrong[i].err, wrong[i].detail);
}
END_TEST

START_TEST(document_refuses_what_is_no_plain_xml)
{
	static const char *const wrong[] = {
		"",
		"x",
		"<overlay/>",
		"<overlay xmlns=\"urn:other\"/>",
		"<overlay xmlns=\"urn:ietf:params:xml:ns:p2p:config-base\"/>",
		"<!DOCTYPE overlay [<!ENTITY a \"b\">]><overlay xmlns=\"urn:ietf:params:xml:ns:p2p:config-base\"/>",
		("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><overlay "
		 "xmlns=\"urn:ietf:params:xml:ns:p2p:config-base\"/>"),
	};
	struct configuration_document *d;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(parse(wrong[i], &d), ERR_CONFIG);
		ck_assert_int_gt((int)strlen(detail), 0);
	}
	ck_assert_int_eq(configuration_document_parse(&d, slice_of("<\0", 2), NULL, detail, sizeof(detail)),
			 ERR_CONFIG);
}
END_TEST

START_TEST(document_fails_when_cut_anywhere)
{
	char *text = document_text("");
	struct configuration_document *d;
	size_t end = (size_t)(strstr(text, "</overlay>") - text) + 10;

	for (size_t len = 0; len < end; len++)
		ck_assert_int_eq(configuration_document_parse(&d, slice_of(text, len), NULL, detail,
							      sizeof(detail)), ERR_CONFIG);
	ck_assert_int_eq(configuration_document_parse(&d, slice_of(text, end), NULL, detail, sizeof(detail)), 0);
	configuration_document_free(d);
	free(text);
}
END_TEST

/* ---- signatures ---- */

struct signed_pair {
	struct keystore *authority, *node;
	char *text;
	struct configuration_document *d;
};

static void signed_pair_make(struct signed_pair *p, uint16_t sequence)
{
	p->authority = fixture_authority(KEY_P256);
	p->node = fixture_node(p->authority, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, 1, 1);
	p->text = document_signed(p->authority, p->node, sequence);
	ck_assert_msg(parse(p->text, &p->d) == 0, "%s", detail);
}

static void signed_pair_free(struct signed_pair *p)
{
	configuration_document_free(p->d);
	free(p->text);
	keystore_free(p->node);
	keystore_free(p->authority);
}

static int verify_own(const struct configuration_document *d)
{
	return configuration_document_verify(d, fixture_now(), d->configuration.configuration_signers,
					     d->configuration.configuration_signer_count, detail,
					     sizeof(detail));
}

START_TEST(document_written_reads_back_and_verifies)
{
	struct signed_pair p;
	const struct configuration *c;

	signed_pair_make(&p, 7);
	c = &p.d->configuration;
	ck_assert_str_eq(c->overlay_name, FIXTURE_OVERLAY);
	ck_assert_int_eq(c->sequence, 7);
	ck_assert_uint_eq(c->expiration.ms, FIXTURE_NOW_MS + FIXTURE_DAY_MS);
	ck_assert(c->no_ice && c->clients_permitted);
	ck_assert_uint_eq(c->bootstrap_node_count, 1);
	ck_assert_uint_eq(p.d->kind_block_count, 4);
	ck_assert_msg(verify_own(p.d) == 0, "%s", detail);
	signed_pair_free(&p);
}
END_TEST

START_TEST(document_changed_in_any_way_does_not_verify)
{
	struct signed_pair p;
	struct configuration_document *d;
	static const struct {
		const char *what, *with;
	} changes[] = {
		{ "sequence=\"7\"", "sequence=\"8\"" },
		{ "<initial-ttl>100", "<initial-ttl>101" },
		{ "<configuration instance-name", "<configuration  instance-name" },
		{ "<max-count>", "<max-count> " },
	};

	signed_pair_make(&p, 7);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char *at = strstr(p.text, changes[i].what), *text = NULL;

		ck_assert_ptr_nonnull(at);
		ck_assert_int_gt(asprintf(&text, "%.*s%s%s", (int)(at - p.text), p.text, changes[i].with,
					  at + strlen(changes[i].what)), 0);
		ck_assert_msg(parse(text, &d) == 0, "%s", detail);
		ck_assert_int_eq(verify_own(d), ERR_SIGNATURE);
		configuration_document_free(d);
		free(text);
	}
	signed_pair_free(&p);
}
END_TEST

START_TEST(document_unsigned_or_signed_by_another_does_not_verify)
{
	struct signed_pair p;
	struct node_id other = fixture_node_id(9);
	struct configuration_document *d;
	char *at, *end;

	signed_pair_make(&p, 7);
	ck_assert_int_eq(configuration_document_verify(p.d, fixture_now(), &other, 1, detail, sizeof(detail)),
			 ERR_SIGNATURE);
	ck_assert_ptr_nonnull(strstr(detail, "not listed as configuration-signer"));
	at = strstr(p.text, "<signature>");
	end = strstr(p.text, "</signature>") + strlen("</signature>");
	memset(at, ' ', (size_t)(end - at));
	ck_assert_int_eq(parse(p.text, &d), 0);
	ck_assert_int_eq(verify_own(d), ERR_SIGNATURE);
	ck_assert_str_eq(detail, "the document is not signed");
	configuration_document_free(d);
	signed_pair_free(&p);
}
END_TEST

START_TEST(document_update_needs_the_previous_authority)
{
	struct signed_pair now, next, foreign;
	char *text;
	struct configuration_document *d;

	signed_pair_make(&now, 7);
	signed_pair_make(&foreign, 8);
	text = document_signed(now.authority, now.node, 8);
	ck_assert_int_eq(parse(text, &d), 0);
	ck_assert_msg(configuration_document_verify_update(d, now.d, fixture_now(), detail, sizeof(detail)) == 0,
		      "%s", detail);
	/* A forger's document is in order by its own root certificate and signers. */
	ck_assert_int_eq(verify_own(foreign.d), 0);
	ck_assert_int_eq(configuration_document_verify_update(foreign.d, now.d, fixture_now(), detail,
							      sizeof(detail)), ERR_SIGNATURE);
	(void)next;
	configuration_document_free(d);
	free(text);
	signed_pair_free(&now);
	signed_pair_free(&foreign);
}
END_TEST

START_TEST(document_kind_block_verifies_by_itself)
{
	struct signed_pair p;
	struct kind *kind = calloc(1, sizeof(*kind));
	struct node_id signer, expected = fixture_node_id(1);
	const char *from, *end;
	char *block;

	signed_pair_make(&p, 7);
	from = strstr(p.text, "<kind-block>");
	end = strstr(from, "</kind-block>") + strlen("</kind-block>");
	block = strndup(from, (size_t)(end - from));
	ck_assert_msg(configuration_document_kind(p.d, fixture_now(), slice_text(block), kind, &signer, detail,
						  sizeof(detail)) == 0, "%s", detail);
	ck_assert(node_id_equal(&signer, &expected));
	*strstr(block, "<max-size>") = ' ';
	ck_assert_int_eq(configuration_document_kind(p.d, fixture_now(), slice_text(block), kind, &signer,
						     detail, sizeof(detail)), ERR_CONFIG);
	free(block);
	free(kind);
	signed_pair_free(&p);
}
END_TEST

START_TEST(base64_reads_what_it_writes)
{
	uint8_t bytes[200], *back;
	size_t len;

	for (size_t n = 0; n <= sizeof(bytes); n++) {
		char *text;

		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)(i * 37 + n);
		text = base64_encode(slice_of(bytes, n));
		ck_assert_int_eq(base64_decode(slice_text(text), &back, &len), 0);
		ck_assert(slice_equal(slice_of(back, len), slice_of(bytes, n)));
		free(back);
		free(text);
	}
}
END_TEST

int main(void)
{
	return RUN_TESTS("configuration_document", document_reads_the_rfcs_sample,
			 document_gives_the_overlay_asked_for, document_names_each_wrong_element,
			 document_names_each_value_out_of_range, document_names_each_wrong_attribute,
			 document_names_each_wrong_kind, document_refuses_what_is_no_plain_xml,
			 document_fails_when_cut_anywhere, document_written_reads_back_and_verifies,
			 document_changed_in_any_way_does_not_verify,
			 document_unsigned_or_signed_by_another_does_not_verify,
			 document_update_needs_the_previous_authority, document_kind_block_verifies_by_itself,
			 base64_reads_what_it_writes);
}
