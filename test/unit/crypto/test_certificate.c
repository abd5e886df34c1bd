/* SPDX-License-Identifier: MIT */
/* Tests of certificate.c: what an overlay's certificate must look like. */
#include "crypto/certificate.h"

#include <openssl/x509v3.h>

#include "test/unit/crypto/fixture.h"
#include "test/unit/run.h"

#define ID_ONE "01010101010101010101010101010101"
#define ID_TWO "02020202020202020202020202020202"
#define URI_ONE "reload://0110" ID_ONE "@" FIXTURE_OVERLAY "/"
#define URI_TWO "reload://0110" ID_TWO "@" FIXTURE_OVERLAY "/"
#define NAME(type, text) { type, text, sizeof(text) - 1 }

static const struct certificate_rule rule = { .overlay_name = FIXTURE_OVERLAY };

/* The error of a certificate with these names and properties. */
static int judge(const struct fixture_certificate *what, struct identity *identity, char *detail, size_t size)
{
	struct keystore *authority = fixture_authority(KEY_P256);
	struct keystore *node = fixture_forge(authority, what);
	struct x509_st *x509;
	int err;

	ck_assert_int_eq(certificate_parse(keystore_certificate(node), &x509), 0);
	err = certificate_identity(x509, &rule, identity, detail, size);
	certificate_free(x509);
	keystore_free(node);
	keystore_free(authority);
	return err;
}

static int judge_names(const struct fixture_name *names, size_t count)
{
	struct fixture_certificate what = { .names = names, .name_count = count };
	struct identity identity;
	char detail[128] = "";
	int err = judge(&what, &identity, detail, sizeof(detail));

	ck_assert_int_eq(err != 0, detail[0] != '\0');
	return err;
}

#define JUDGE(...)                                                                                 \
	judge_names((const struct fixture_name[]){ __VA_ARGS__ },                                  \
		    sizeof((const struct fixture_name[]){ __VA_ARGS__ }) / sizeof(struct fixture_name))

START_TEST(certificate_tells_user_and_node_ids)
{
	const struct fixture_name names[] = {
		NAME(GEN_URI, URI_ONE),
		NAME(GEN_EMAIL, FIXTURE_USER),
		NAME(GEN_URI, "RELOAD://0110" ID_TWO "@OVERLAY.example/"),
	};
	struct fixture_certificate what = { .names = names, .name_count = 3 };
	struct node_id one = fixture_node_id(1), two = fixture_node_id(2);
	struct identity identity;

	ck_assert_int_eq(judge(&what, &identity, NULL, 0), 0);
	ck_assert_str_eq(identity.user, FIXTURE_USER);
	ck_assert_uint_eq(identity.node_id_count, 2);
	ck_assert(node_id_equal(&identity.node_id, &one));
	ck_assert(node_id_equal(&identity.node_ids[1], &two));
	ck_assert_uint_eq(identity.not_before.ms, FIXTURE_NOW_MS - 1000000);
	ck_assert_uint_eq(identity.not_after.ms, FIXTURE_NOW_MS + 1000000);
}
END_TEST

START_TEST(certificate_refuses_wrong_names)
{
	/* No name, no Node-ID, two users. */
	ck_assert_int_eq(judge_names(NULL, 0), ERR_CERTIFICATE);
	ck_assert_int_eq(JUDGE(NAME(GEN_URI, URI_ONE)), ERR_CERTIFICATE);
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, FIXTURE_USER)), ERR_CERTIFICATE);
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, FIXTURE_USER), NAME(GEN_URI, URI_ONE),
			       NAME(GEN_EMAIL, "bob@overlay.example")),
			 ERR_CERTIFICATE);
	/* Other types of names. */
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, FIXTURE_USER), NAME(GEN_URI, URI_ONE),
			       NAME(GEN_DNS, "overlay.example")),
			 ERR_CERTIFICATE);
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, FIXTURE_USER), NAME(GEN_URI, URI_ONE),
			       NAME(GEN_IPADD, "\300\000\002\001")),
			 ERR_CERTIFICATE);
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, FIXTURE_USER), NAME(GEN_URI, "https://overlay.example/")),
			 ERR_CERTIFICATE);
	/* The same Node-ID twice. */
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, FIXTURE_USER), NAME(GEN_URI, URI_ONE), NAME(GEN_URI, URI_ONE)),
			 ERR_CERTIFICATE);
}
END_TEST

START_TEST(certificate_refuses_tricks_in_user_name)
{
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, "alice@overlay.example\0.evil"), NAME(GEN_URI, URI_ONE)),
			 ERR_CERTIFICATE);
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, "alice\0@overlay.example"), NAME(GEN_URI, URI_ONE)),
			 ERR_CERTIFICATE);
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, "*@overlay.example"), NAME(GEN_URI, URI_ONE)), ERR_CERTIFICATE);
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, "alice"), NAME(GEN_URI, URI_ONE)), ERR_CERTIFICATE);
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, "a@b@c"), NAME(GEN_URI, URI_ONE)), ERR_CERTIFICATE);
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, "al ice@c"), NAME(GEN_URI, URI_ONE)), ERR_CERTIFICATE);
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, ""), NAME(GEN_URI, URI_ONE)), ERR_CERTIFICATE);
}
END_TEST

START_TEST(certificate_refuses_wrong_uris)
{
	static const char *const malformed[] = {
		"reload://" ID_ONE "@" FIXTURE_OVERLAY "/",             /* a bare Node-ID */
		"reload://0110" ID_ONE "@" FIXTURE_OVERLAY,             /* no slash */
		"reload://0110" ID_ONE "0110" ID_TWO "@" FIXTURE_OVERLAY "/", /* two destinations */
		"reload://0210" ID_ONE "@" FIXTURE_OVERLAY "/",         /* a resource */
		"reload://0110" ID_ONE "@" FIXTURE_OVERLAY "/00ff",     /* a specifier */
		"reload://0110g1010101010101010101010101010101@" FIXTURE_OVERLAY "/",
		"reload:/0110" ID_ONE "@" FIXTURE_OVERLAY "/",
		"",
	};
	struct node_id id;

	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		ck_assert_msg(certificate_uri_parse(slice_text(malformed[i]), FIXTURE_OVERLAY, &id) ==
				      ERR_CERTIFICATE, "%s", malformed[i]);
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, FIXTURE_USER), NAME(GEN_URI, "reload://0110" ID_ONE "@other.example/")),
			 ERR_NODE_ID_MISMATCH);
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, FIXTURE_USER),
			       NAME(GEN_URI, "reload://0110" ID_ONE "@overlay.example\0/")),
			 ERR_NODE_ID_MISMATCH);
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, FIXTURE_USER),
			       NAME(GEN_URI, "reload://0110" ID_ONE "@overlay\0example/")),
			 ERR_NODE_ID_MISMATCH);
	/* The zero Node-ID and the wildcard. */
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, FIXTURE_USER),
			       NAME(GEN_URI, "reload://011000000000000000000000000000000000@" FIXTURE_OVERLAY "/")),
			 ERR_NODE_ID_MISMATCH);
	ck_assert_int_eq(JUDGE(NAME(GEN_EMAIL, FIXTURE_USER),
			       NAME(GEN_URI, "reload://0110ffffffffffffffffffffffffffffffff@" FIXTURE_OVERLAY "/")),
			 ERR_NODE_ID_MISMATCH);
}
END_TEST

START_TEST(certificate_refuses_more_node_ids_than_allowed)
{
	struct fixture_name names[IDENTITY_NODE_IDS_MAX + 2];
	char uris[IDENTITY_NODE_IDS_MAX + 1][CERTIFICATE_URI_MAX];

	names[0] = (struct fixture_name)NAME(GEN_EMAIL, FIXTURE_USER);
	for (size_t i = 0; i <= IDENTITY_NODE_IDS_MAX; i++) {
		struct node_id id = fixture_node_id((uint8_t)(i + 1));

		certificate_uri(&id, FIXTURE_OVERLAY, uris[i]);
		names[i + 1] = (struct fixture_name){ GEN_URI, uris[i], strlen(uris[i]) };
	}
	ck_assert_int_eq(judge_names(names, IDENTITY_NODE_IDS_MAX + 1), 0);
	ck_assert_int_eq(judge_names(names, IDENTITY_NODE_IDS_MAX + 2), ERR_CERTIFICATE);
}
END_TEST

START_TEST(certificate_refuses_wrong_shape)
{
	const struct fixture_name names[] = { NAME(GEN_EMAIL, FIXTURE_USER), NAME(GEN_URI, URI_ONE) };
	struct fixture_certificate what = { .names = names, .name_count = 2 };
	struct identity identity;

	ck_assert_int_eq(judge(&what, &identity, NULL, 0), 0);
	what.subject = "alice";
	ck_assert_int_eq(judge(&what, &identity, NULL, 0), ERR_CERTIFICATE);
	what.subject = NULL;
	what.is_authority = true;
	ck_assert_int_eq(judge(&what, &identity, NULL, 0), ERR_CERTIFICATE);
	what.is_authority = false;
	what.purpose = "clientAuth";
	ck_assert_int_eq(judge(&what, &identity, NULL, 0), ERR_CERTIFICATE);
	what.purpose = "serverAuth";
	ck_assert_int_eq(judge(&what, &identity, NULL, 0), ERR_CERTIFICATE);
	what.purpose = NULL;
	what.version = 1;
	ck_assert_int_eq(judge(&what, &identity, NULL, 0), ERR_CERTIFICATE);
}
END_TEST

START_TEST(certificate_parses_whole_der_only)
{
	struct keystore *authority = fixture_authority(KEY_P256);
	struct slice der = keystore_certificate(authority);
	uint8_t *longer = malloc(der.len + 1);
	struct x509_st *x509;

	for (size_t len = 0; len < der.len; len++)
		ck_assert_int_eq(certificate_parse(slice_of(der.data, len), &x509), ERR_CERTIFICATE);
	memcpy(longer, der.data, der.len);
	longer[der.len] = 0;
	ck_assert_int_eq(certificate_parse(slice_of(longer, der.len + 1), &x509), ERR_CERTIFICATE);
	ck_assert_ptr_null(x509);
	free(longer);
	keystore_free(authority);
}
END_TEST

/* SHA-256("overlay.example" 00 "alice@overlay.example" 00 slot), computed with another program. */
static const uint8_t derived_slots[2][8] = {
	{ 0x7e, 0xb0, 0x48, 0x8e, 0xbd, 0xcf, 0x68, 0x6c },
	{ 0x25, 0x62, 0x2d, 0x29, 0x95, 0x44, 0x6d, 0xd7 },
};

START_TEST(certificate_derives_node_id_from_user)
{
	struct node_id id = fixture_node_id(0x55);

	for (uint8_t slot = 0; slot < 2; slot++) {
		certificate_node_id_prefix(FIXTURE_OVERLAY, FIXTURE_USER, slot, 64, &id);
		ck_assert_mem_eq(id.bytes, derived_slots[slot], 8);
		ck_assert_uint_eq(id.bytes[8], 0x55);
		ck_assert_uint_eq(id.bytes[15], 0x55);
	}
	/* Bits that are not whole bytes. */
	id = fixture_node_id(0xff);
	certificate_node_id_prefix(FIXTURE_OVERLAY, FIXTURE_USER, 0, 4, &id);
	ck_assert_uint_eq(id.bytes[0], (derived_slots[0][0] & 0xf0) | 0x0f);
	ck_assert_uint_eq(id.bytes[1], 0xff);
}
END_TEST

START_TEST(certificate_checks_node_id_against_user)
{
	struct certificate_rule bound = { FIXTURE_OVERLAY, 64, 2 };
	struct node_id id = fixture_node_id(0x55);

	ck_assert(certificate_node_id_fits(&rule, FIXTURE_USER, &id));
	ck_assert(!certificate_node_id_fits(&bound, FIXTURE_USER, &id));
	certificate_node_id_prefix(FIXTURE_OVERLAY, FIXTURE_USER, 1, 64, &id);
	ck_assert(certificate_node_id_fits(&bound, FIXTURE_USER, &id));
	id.bytes[15] ^= 1;
	ck_assert(certificate_node_id_fits(&bound, FIXTURE_USER, &id));
	ck_assert(!certificate_node_id_fits(&bound, "bob@overlay.example", &id));
	id.bytes[7] ^= 1;
	ck_assert(!certificate_node_id_fits(&bound, FIXTURE_USER, &id));
	certificate_node_id_prefix(FIXTURE_OVERLAY, FIXTURE_USER, 2, 64, &id);
	ck_assert(!certificate_node_id_fits(&bound, FIXTURE_USER, &id));
}
END_TEST

int main(void)
{
	return RUN_TESTS("certificate", certificate_tells_user_and_node_ids, certificate_refuses_wrong_names,
			 certificate_refuses_tricks_in_user_name, certificate_refuses_wrong_uris,
			 certificate_refuses_more_node_ids_than_allowed, certificate_refuses_wrong_shape,
			 certificate_parses_whole_der_only, certificate_derives_node_id_from_user,
			 certificate_checks_node_id_against_user);
}
