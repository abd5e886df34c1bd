/* SPDX-License-Identifier: MIT */
/* Tests of issuer_rule.c, and of provider.c and certificate_authority.c where issuers have their own names only: a
 * company and a circle of friends in one overlay. */
#include "crypto/issuer_rule.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test/unit/crypto/fixture.h"
#include "test/unit/run.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static char detail[256];

static struct issuer_rule rule_of(const char *text)
{
	struct issuer_rule rule;

	ck_assert_msg(issuer_rule_parse(text, &rule, detail, sizeof(detail)) == 0, "%s: %s", text, detail);
	return rule;
}

START_TEST(rule_is_read_from_text)
{
	struct issuer_rule rule = rule_of(HEX "=example.org,*.Example.NET,*");

	ck_assert_uint_eq(rule.fingerprint[1], 0x11);
	ck_assert_uint_eq(rule.fingerprint[31], 0xff);
	ck_assert_uint_eq(rule.domain_count, 3);
	ck_assert_str_eq(rule.domains[0], "example.org");
	ck_assert_str_eq(rule.domains[1], "*.Example.NET");
	ck_assert_str_eq(rule.domains[2], "*");
	rule = rule_of("00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"
		       "=example.org");
	ck_assert_uint_eq(rule.fingerprint[31], 0xff);
}
END_TEST

START_TEST(damaged_rule_is_refused)
{
	static const char *const wrong[] = {
		"", "=", HEX, HEX "=", "=example.org", HEX "=example.org,", HEX "=,example.org", HEX "=a..b",
		HEX "=.org",
		HEX "=org.", HEX "=ex ample", HEX "=**", HEX "=*.", HEX "=a*b", HEX "=user@example.org", HEX "0=a",
		"0=a", "/nonexistent/certificate.pem=example.org", HEX ":=a",
		HEX "=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
	};
	struct issuer_rule rule;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		detail[0] = '\0';
		ck_assert_msg(issuer_rule_parse(wrong[i], &rule, detail, sizeof(detail)) == ERR_CONFIG, "%s", wrong[i]);
		ck_assert_str_ne(detail, "");
	}
}
END_TEST

START_TEST(rule_covers_its_domains)
{
	struct issuer_rule rule = rule_of(HEX "=example.org,*.example.net");
	struct issuer_rule any = rule_of(HEX "=*");

	ck_assert(issuer_rule_covers(&rule, "alice@example.org"));
	ck_assert(issuer_rule_covers(&rule, "alice@EXAMPLE.org"));
	ck_assert(issuer_rule_covers(&rule, "alice@sub.example.net"));
	ck_assert(issuer_rule_covers(&rule, "alice@a.b.Example.net"));
	ck_assert(!issuer_rule_covers(&rule, "alice@example.net"));
	ck_assert(!issuer_rule_covers(&rule, "alice@.example.net"));
	ck_assert(!issuer_rule_covers(&rule, "alice@sub.example.org"));
	ck_assert(!issuer_rule_covers(&rule, "alice@badexample.org"));
	ck_assert(!issuer_rule_covers(&rule, "alice@badexample.net"));
	ck_assert(!issuer_rule_covers(&rule, "alice@example.org.evil"));
	ck_assert(!issuer_rule_covers(&rule, "alice"));
	ck_assert(!issuer_rule_covers(&rule, ""));
	ck_assert(issuer_rule_covers(&any, "alice@wherever"));
}
END_TEST

/* An overlay with two authorities. */
struct two {
	struct keystore *company, *friends;
	struct slice roots[2];
	struct provider_trust trust;
	struct issuer_rule rules[2];
	struct provider *provider;
};

static void fingerprint_of(const struct keystore *k, uint8_t out[CERTIFICATE_HASH_LENGTH])
{
	struct slice der = keystore_certificate(k);

	ck_assert_int_eq(EVP_Digest(der.data, der.len, out, NULL, EVP_sha256(), NULL), 1);
}

static void two_make(struct two *t)
{
	*t = (struct two){ .company = fixture_authority(KEY_P256), .friends = fixture_authority(KEY_P256) };
	t->roots[0] = keystore_certificate(t->company);
	t->roots[1] = keystore_certificate(t->friends);
	t->trust = fixture_trust(t->roots);
	t->trust.root_cert_count = 2;
	t->trust.issuer_rules = t->rules;
	t->rules[0] = rule_of(HEX "=company.example,*.company.example");
	t->rules[1] = rule_of(HEX "=friends.example");
	fingerprint_of(t->company, t->rules[0].fingerprint);
	fingerprint_of(t->friends, t->rules[1].fingerprint);
	ck_assert_int_eq(provider_new(&t->provider, NULL, &t->trust, detail, sizeof(detail)), 0);
}

static void two_free(struct two *t)
{
	provider_free(t->provider);
	keystore_free(t->company);
	keystore_free(t->friends);
}

/* What becomes of a certificate that `issuer` gives to `user`. */
static bool is_vouched(struct two *t, const struct keystore *issuer, const char *user)
{
	struct keystore *node = fixture_node(issuer, KEY_P256, FIXTURE_OVERLAY, user, 3, 1);
	uint8_t wanted[CERTIFICATE_HASH_LENGTH], found[CERTIFICATE_HASH_LENGTH];
	struct identity identity;

	ck_assert_int_eq(provider_identify(t->provider, fixture_now(), keystore_certificate(node), &identity, NULL, 0),
			 0);
	fingerprint_of(issuer, wanted);
	ck_assert(provider_issuer(t->provider, keystore_certificate(node), found));
	ck_assert_mem_eq(found, wanted, sizeof(wanted));
	keystore_free(node);
	return identity.is_vouched;
}

START_TEST(each_issuer_vouches_for_its_own_names_only)
{
	struct two t;

	two_make(&t);
	/* Without rules everybody is vouched for. */
	ck_assert(is_vouched(&t, t.company, "alice@company.example"));
	ck_assert(is_vouched(&t, t.friends, "boss@company.example"));
	t.trust.issuer_rule_count = 2;
	ck_assert_int_eq(provider_set_trust(t.provider, &t.trust), 0);
	ck_assert(is_vouched(&t, t.company, "alice@company.example"));
	ck_assert(is_vouched(&t, t.company, "alice@lab.Company.Example"));
	ck_assert(is_vouched(&t, t.friends, "bob@friends.example"));
	ck_assert(!is_vouched(&t, t.friends, "boss@company.example"));
	ck_assert(!is_vouched(&t, t.company, "bob@friends.example"));
	ck_assert(!is_vouched(&t, t.company, "carol@elsewhere.example"));
	/* A rule for one of them only: the other vouches for nobody. */
	t.trust.issuer_rule_count = 1;
	ck_assert_int_eq(provider_set_trust(t.provider, &t.trust), 0);
	ck_assert(is_vouched(&t, t.company, "alice@company.example"));
	ck_assert(!is_vouched(&t, t.friends, "bob@friends.example"));
	two_free(&t);
}
END_TEST

START_TEST(two_rules_of_one_issuer_add_up)
{
	struct two t;

	two_make(&t);
	memcpy(t.rules[1].fingerprint, t.rules[0].fingerprint, CERTIFICATE_HASH_LENGTH);
	t.trust.issuer_rule_count = 2;
	ck_assert_int_eq(provider_set_trust(t.provider, &t.trust), 0);
	ck_assert(is_vouched(&t, t.company, "alice@company.example"));
	ck_assert(is_vouched(&t, t.company, "alice@friends.example"));
	ck_assert(!is_vouched(&t, t.friends, "bob@friends.example"));
	two_free(&t);
}
END_TEST

START_TEST(rule_names_the_file_of_a_certificate)
{
	struct keystore *authority = fixture_authority(KEY_P256);
	struct slice der = keystore_certificate(authority);
	const unsigned char *at = der.data;
	X509 *x509 = d2i_X509(NULL, &at, (long)der.len);
	char path[] = "/tmp/peal-issuer-XXXXXX", text[128];
	uint8_t wanted[CERTIFICATE_HASH_LENGTH];
	int fd = mkstemp(path);
	FILE *file;
	struct issuer_rule rule;

	ck_assert_int_ge(fd, 0);
	file = fdopen(fd, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(PEM_write_X509(file, x509), 1);
	ck_assert_int_eq(fclose(file), 0);
	snprintf(text, sizeof(text), "%s=example.org", path);
	rule = rule_of(text);
	fingerprint_of(authority, wanted);
	ck_assert_mem_eq(rule.fingerprint, wanted, sizeof(wanted));
	ck_assert_int_eq(truncate(path, 100), 0);
	ck_assert_int_eq(issuer_rule_parse(text, &rule, detail, sizeof(detail)), ERR_CONFIG);
	ck_assert_int_eq(unlink(path), 0);
	X509_free(x509);
	keystore_free(authority);
}
END_TEST

static int constrained(struct keystore **out, const char *const *domains, size_t count)
{
	ck_assert_int_eq(keystore_create_in_memory(out, KEY_P256), 0);
	return certificate_authority_create_for(*out, "Constrained root", domains, count,
						(struct walltime){ FIXTURE_NOW_MS - 100 * FIXTURE_DAY_MS },
						(struct walltime){ FIXTURE_NOW_MS + (uint64_t)100 * FIXTURE_DAY_MS },
						detail, sizeof(detail));
}

/* Issued against the constraints, as somebody would who has the key and another program. */
static int forged(const struct keystore *authority, const char *user)
{
	const struct fixture_name names[] = {
		{ 1, user, strlen(user) },
		{ 6, "reload://011005050505050505050505050505050505@" FIXTURE_OVERLAY "/", 62 },
	};
	struct fixture_certificate what = { .names = names, .name_count = 2 };
	struct keystore *node = fixture_forge(authority, &what);
	struct provider *p = fixture_provider(authority, NULL);
	struct identity identity;
	int err = provider_identify(p, fixture_now(), keystore_certificate(node), &identity, detail, sizeof(detail));

	provider_free(p);
	keystore_free(node);
	return err;
}

START_TEST(name_outside_the_authoritys_constraints_is_refused)
{
	static const char *const domains[] = { "company.example", "*.lab.example", "signer@overlay.example" };
	static const struct {
		const char *user;
		bool fits;
	} cases[] = {
		{ "alice@company.example", true },       { "alice@COMPANY.example", true },
		{ "alice@sub.company.example", false },  { "alice@a.lab.example", true },
		{ "alice@lab.example", false },          { "alice@notcompany.example", false },
		{ "signer@overlay.example", true },      { "other@overlay.example", false },
		{ "alice@company.example.evil", false },
	};
	struct keystore *authority;

	ck_assert_int_eq(constrained(&authority, domains, 3), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_msg(certificate_authority_permits(authority, cases[i].user) == cases[i].fits, "%s",
			      cases[i].user);
		ck_assert_msg(forged(authority, cases[i].user) == (cases[i].fits ? 0 : ERR_CERTIFICATE), "%s: %s",
			      cases[i].user, detail);
	}
	keystore_free(authority);
}
END_TEST

START_TEST(authority_issues_nothing_outside_its_constraints)
{
	static const char *const domains[] = { "company.example" };
	struct keystore *authority, *key, *node;
	struct node_id id = fixture_node_id(4);
	struct certificate_order order = {
		.overlay_name = FIXTURE_OVERLAY, .user = "bob@friends.example", .node_ids = &id, .node_id_count = 1,
		.not_before = { FIXTURE_NOW_MS }, .not_after = { FIXTURE_NOW_MS + FIXTURE_DAY_MS },
	};
	struct certificate_request *request;
	uint8_t *der;
	size_t len;

	ck_assert_int_eq(constrained(&authority, domains, 1), 0);
	ck_assert_int_eq(keystore_create_in_memory(&key, KEY_P256), 0);
	ck_assert_int_eq(keystore_make_csr(key, &der, &len), 0);
	ck_assert_int_eq(certificate_request_parse(&request, slice_of(der, len), detail, sizeof(detail)), 0);
	free(der);
	order.request = request;
	ck_assert_int_eq(certificate_authority_issue(authority, &order, &der, &len, detail, sizeof(detail)),
			 ERR_CERTIFICATE);
	ck_assert_ptr_nonnull(strstr(detail, "permits other names"));
	certificate_request_free(request);
	keystore_free(key);
	node = fixture_node(authority, KEY_P256, FIXTURE_OVERLAY, "alice@company.example", 3, 1);
	keystore_free(node);
	keystore_free(authority);
}
END_TEST

START_TEST(authority_of_no_names_permits_all_and_refuses_damaged_ones)
{
	static const char *const wrong[] = { "", "*", "*.", ".example", "a..b", "example.", "a b", "x@", "@x", "*@x" };
	static const char *const many[CERTIFICATE_PERMITTED_MAX + 1] = { "a" };
	struct keystore *authority;

	ck_assert_int_eq(constrained(&authority, NULL, 0), 0);
	ck_assert(certificate_authority_permits(authority, "anybody@anywhere.example"));
	ck_assert(!certificate_authority_permits(authority, "nobody"));
	keystore_free(authority);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_msg(constrained(&authority, &wrong[i], 1) == ERR_CONFIG, "%s", wrong[i]);
		ck_assert_uint_eq(keystore_certificate(authority).len, 0);
		keystore_free(authority);
	}
	ck_assert_int_eq(constrained(&authority, many, CERTIFICATE_PERMITTED_MAX + 1), ERR_CONFIG);
	keystore_free(authority);
}
END_TEST

START_TEST(expired_certificate_still_tells_whose_it_is)
{
	struct keystore *authority = fixture_authority(KEY_P256);
	struct node_id id = fixture_node_id(9);
	struct keystore *node = fixture_node_with(authority, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, &id, 1,
						  FIXTURE_NOW_MS - 2 * FIXTURE_DAY_MS, FIXTURE_NOW_MS - FIXTURE_DAY_MS);
	struct provider *p = fixture_provider(authority, NULL);
	struct identity identity = { 0 };

	ck_assert_int_eq(provider_identify(p, fixture_now(), keystore_certificate(node), &identity, detail,
					   sizeof(detail)), ERR_CERTIFICATE_EXPIRED);
	ck_assert_str_eq(identity.user, FIXTURE_USER);
	ck_assert(!hit_is_zero(&identity.hit));
	provider_free(p);
	keystore_free(node);
	keystore_free(authority);
}
END_TEST

int main(void)
{
	return RUN_TESTS("issuer", rule_is_read_from_text, damaged_rule_is_refused, rule_covers_its_domains,
			 each_issuer_vouches_for_its_own_names_only, two_rules_of_one_issuer_add_up,
			 rule_names_the_file_of_a_certificate, name_outside_the_authoritys_constraints_is_refused,
			 authority_issues_nothing_outside_its_constraints,
			 authority_of_no_names_permits_all_and_refuses_damaged_ones,
			 expired_certificate_still_tells_whose_it_is);
}
