/* SPDX-License-Identifier: MIT */
/* Kinds, the configuration's defaults, access control policies and the domain restriction. */
#include <stdio.h>

#include "overlay/access.h"
#include "overlay/configuration.h"
#include "tools/sim/fake_security.h"
#include "test/unit/run.h"

static struct fake_security *fake;
static struct security security;
static struct identity signer;
static struct node_id nodes[2] = { { { 1 } }, { { 2 } } };

static void begin(const char *user)
{
	uint8_t certificate[FAKE_CERTIFICATE_MAX];
	size_t len = fake_certificate_put(certificate, nodes, 2, user, (struct walltime){ 0 },
					  (struct walltime){ 1000 });

	fake = fake_security_new(1, slice_of(certificate, len));
	security = fake_security_port(fake);
	signer = *security.ops->own_identity(security.ctx);
}

static int check(enum access_policy policy, enum data_model model, const struct resource_id *resource,
		 struct slice key)
{
	struct kind k = { .model = model, .access = policy, .max_node_multiple = 20 };
	struct stored_data_value value = { .model = (uint8_t)model, .key = key };

	return access_check(&security, &k, resource, &signer, &value);
}

START_TEST(user_match_hashes_the_user_name)
{
	struct resource_id own, other;

	begin("alice@example.org");
	own = security_resource_id(&security, slice_text("alice@example.org"));
	other = security_resource_id(&security, slice_text("bob@example.org"));
	ck_assert_int_eq(check(ACCESS_USER_MATCH, DATA_MODEL_SINGLE, &own, SLICE_EMPTY), 0);
	ck_assert_int_eq(check(ACCESS_USER_MATCH, DATA_MODEL_SINGLE, &other, SLICE_EMPTY), ERR_FORBIDDEN);
	fake_security_free(fake);
	/* RFC 7904 section 7: no scheme, %xx decoded. */
	begin("sip:al%69ce@example.org");
	ck_assert_int_eq(check(ACCESS_USER_MATCH, DATA_MODEL_SINGLE, &own, SLICE_EMPTY), 0);
	fake_security_free(fake);
	begin("");
	own = security_resource_id(&security, SLICE_EMPTY);
	ck_assert_int_eq(check(ACCESS_USER_MATCH, DATA_MODEL_SINGLE, &own, SLICE_EMPTY), ERR_FORBIDDEN);
	fake_security_free(fake);
}
END_TEST

START_TEST(node_match_hashes_the_signing_node_id)
{
	struct resource_id own;

	begin("alice@example.org");
	own = security_resource_id(&security, slice_of(nodes[0].bytes, NODE_ID_LENGTH));
	ck_assert_int_eq(check(ACCESS_NODE_MATCH, DATA_MODEL_ARRAY, &own, SLICE_EMPTY), 0);
	/* The certificate's other Node-ID is not the one that signed. */
	own = security_resource_id(&security, slice_of(nodes[1].bytes, NODE_ID_LENGTH));
	ck_assert_int_eq(check(ACCESS_NODE_MATCH, DATA_MODEL_ARRAY, &own, SLICE_EMPTY), ERR_FORBIDDEN);
	fake_security_free(fake);
}
END_TEST

START_TEST(user_node_match_wants_own_key)
{
	struct resource_id own;
	struct slice key = slice_of(nodes[0].bytes, NODE_ID_LENGTH);
	struct slice other = slice_of(nodes[1].bytes, NODE_ID_LENGTH);

	begin("alice@example.org");
	own = access_user_resource(&security, "alice@example.org");
	ck_assert_int_eq(check(ACCESS_USER_NODE_MATCH, DATA_MODEL_DICTIONARY, &own, key), 0);
	ck_assert_int_eq(check(ACCESS_USER_NODE_MATCH, DATA_MODEL_DICTIONARY, &own, other), ERR_FORBIDDEN);
	ck_assert_int_eq(check(ACCESS_USER_NODE_MATCH, DATA_MODEL_SINGLE, &own, key), ERR_FORBIDDEN);
	own = access_user_resource(&security, "bob@example.org");
	ck_assert_int_eq(check(ACCESS_USER_NODE_MATCH, DATA_MODEL_DICTIONARY, &own, key), ERR_FORBIDDEN);
	fake_security_free(fake);
}
END_TEST

START_TEST(node_multiple_tries_each_multiplier)
{
	uint8_t name[NODE_ID_LENGTH + 1];
	struct resource_id own;

	begin("alice@example.org");
	memcpy(name, nodes[0].bytes, NODE_ID_LENGTH);
	for (int i = 0; i < 256; i++) {
		name[NODE_ID_LENGTH] = (uint8_t)i;
		own = security_resource_id(&security, slice_of(name, sizeof(name)));
		ck_assert_int_eq(check(ACCESS_NODE_MULTIPLE, DATA_MODEL_SINGLE, &own, SLICE_EMPTY),
				 i <= 20 ? 0 : ERR_FORBIDDEN);
	}
	fake_security_free(fake);
}
END_TEST

START_TEST(domain_restriction_matches_whole_domain)
{
	struct configuration *c = calloc(1, sizeof(*c));
	struct kind k = *kind_registered(KIND_SIP_REGISTRATION);

	configuration_init(c);
	snprintf(c->overlay_name, sizeof(c->overlay_name), "Example.org");
	ck_assert_int_eq(access_check_domain(c, &k, "a@anywhere.net"), 0);
	k.domain_restriction = DOMAIN_RESTRICTION_OVERLAY;
	ck_assert_int_eq(access_check_domain(c, &k, "a@example.ORG"), 0);
	ck_assert_int_eq(access_check_domain(c, &k, "a@sub.example.org"), ERR_FORBIDDEN);
	ck_assert_int_eq(access_check_domain(c, &k, "nobody"), ERR_FORBIDDEN);
	k.domain_restriction = DOMAIN_RESTRICTION_PATTERNS;
	ck_assert_int_eq(access_check_domain(c, &k, "a@example.org"), ERR_FORBIDDEN);
	/* The example of RFC 7904 3.4. */
	k.domain_pattern_count = 2;
	snprintf(k.domain_patterns[0], sizeof(k.domain_patterns[0]), "dht\\.example\\.com");
	snprintf(k.domain_patterns[1], sizeof(k.domain_patterns[1]), ".*\\.my\\.example");
	ck_assert_int_eq(access_check_domain(c, &k, "a@dht.example.com"), 0);
	ck_assert_int_eq(access_check_domain(c, &k, "a@x.my.example"), 0);
	ck_assert_int_eq(access_check_domain(c, &k, "a@dht.example.com.evil"), ERR_FORBIDDEN);
	ck_assert_int_eq(access_check_domain(c, &k, "a@evil-dht.example.com"), ERR_FORBIDDEN);
	ck_assert_int_eq(access_check_domain(c, &k, "a@dhtXexample.com"), ERR_FORBIDDEN);
	/* Alternatives are anchored too. */
	k.domain_pattern_count = 1;
	snprintf(k.domain_patterns[0], sizeof(k.domain_patterns[0]), "one|two");
	ck_assert_int_eq(access_check_domain(c, &k, "a@two"), 0);
	ck_assert_int_eq(access_check_domain(c, &k, "a@twox"), ERR_FORBIDDEN);
	ck_assert_int_eq(access_check_domain(c, &k, "a@xone"), ERR_FORBIDDEN);
	free(c);
}
END_TEST

START_TEST(kind_add_refuses_bad_pattern)
{
	static const char *const bad[] = { "(", "a)(b", "[", "a{" };
	struct kind_table *t = calloc(1, sizeof(*t));
	struct kind k = *kind_registered(KIND_SIP_REGISTRATION);

	k.domain_pattern_count = 1;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(k.domain_patterns[0], sizeof(k.domain_patterns[0]), "%s", bad[i]);
		ck_assert_msg(kind_add(t, &k) == ERR_CONFIG, "%s", bad[i]);
	}
	ck_assert_uint_eq(t->count, 0);
	free(t);
}
END_TEST

START_TEST(kind_add_keeps_registry_model)
{
	struct kind_table *t = calloc(1, sizeof(*t));
	struct kind k = {
		.id = KIND_SIP_REGISTRATION,
		.model = DATA_MODEL_SINGLE,
		.access = ACCESS_USER_MATCH,
		.max_count = 7,
		.max_size = 77,
	};

	ck_assert_int_eq(kind_add(t, &k), 0);
	ck_assert_int_eq(kind_find(t, KIND_SIP_REGISTRATION)->model, DATA_MODEL_DICTIONARY);
	ck_assert_int_eq(kind_find(t, KIND_SIP_REGISTRATION)->access, ACCESS_USER_NODE_MATCH);
	ck_assert_str_eq(kind_find(t, KIND_SIP_REGISTRATION)->name, "SIP-REGISTRATION");
	ck_assert_uint_eq(kind_find(t, KIND_SIP_REGISTRATION)->max_count, 7);
	k.max_count = 8;
	ck_assert_int_eq(kind_add(t, &k), 0);
	ck_assert_uint_eq(t->count, 1);
	for (uint32_t i = 1; i < KINDS_MAX; i++) {
		k.id = 0xf0000000u + i;
		ck_assert_int_eq(kind_add(t, &k), 0);
	}
	k.id = 0xf1000000u;
	ck_assert_int_eq(kind_add(t, &k), ERR_LIMIT);
	ck_assert_ptr_null(kind_find(t, 0xf1000000u));
	free(t);
}
END_TEST

START_TEST(names_go_both_ways)
{
	for (int i = DATA_MODEL_SINGLE; i <= DATA_MODEL_DICTIONARY; i++)
		ck_assert_int_eq(data_model_parse(data_model_name((enum data_model)i)), i);
	for (int i = ACCESS_USER_MATCH; i <= ACCESS_NODE_MULTIPLE; i++)
		ck_assert_int_eq(access_policy_parse(access_policy_name((enum access_policy)i)), i);
	ck_assert_int_eq(data_model_parse("single"), 0);
	ck_assert_int_eq(access_policy_parse(""), 0);
	ck_assert_str_eq(data_model_name((enum data_model)9), "UNKNOWN");
	ck_assert_str_eq(access_policy_name((enum access_policy)0), "UNKNOWN");
	ck_assert_ptr_eq(kind_registered_by_name("TURN-SERVICE"), kind_registered(KIND_TURN_SERVICE));
	ck_assert_ptr_null(kind_registered_by_name("nothing"));
}
END_TEST

START_TEST(sequence_wraps)
{
	ck_assert(configuration_sequence_newer(1, 0));
	ck_assert(!configuration_sequence_newer(0, 1));
	ck_assert(!configuration_sequence_newer(5, 5));
	ck_assert(configuration_sequence_newer(0, 65534));
	ck_assert(!configuration_sequence_newer(65534, 0));
	ck_assert(configuration_sequence_newer(100, 65500));
	ck_assert(configuration_sequence_newer(32000, 1));
	ck_assert(!configuration_sequence_newer(33000, 1));
}
END_TEST

START_TEST(signed_data_leaves_out_the_index)
{
	struct resource_id resource = { .length = 2, .bytes = { 0xaa, 0xbb } };
	struct stored_data data = {
		.storage_time = 0x0102030405060708u,
		.value = { .model = DATA_MODEL_ARRAY, .index = 9, .data = { true, slice_text("v") } },
	};
	static const uint8_t expected[] = {
		0xaa, 0xbb,                   /* the Resource-ID's bytes, without its length */
		0, 0, 0, 3,                   /* Kind */
		1, 2, 3, 4, 5, 6, 7, 8,       /* storage time */
		0, 0, 0, 0, 1, 0, 0, 0, 1, 'v', /* index 0, exists, value */
	};
	struct arena arena;
	struct slice out;

	arena_init(&arena, 4096);
	ck_assert_int_eq(access_signed_data(&resource, 3, &data, &arena, &out), 0);
	ck_assert(slice_equal(out, slice_of(expected, sizeof(expected))));
	arena_free(&arena);
}
END_TEST

int main(void)
{
	return RUN_TESTS("access", user_match_hashes_the_user_name, node_match_hashes_the_signing_node_id,
			 user_node_match_wants_own_key, node_multiple_tries_each_multiplier,
			 domain_restriction_matches_whole_domain, kind_add_refuses_bad_pattern,
			 kind_add_keeps_registry_model, names_go_both_ways, sequence_wraps,
			 signed_data_leaves_out_the_index);
}
