/* SPDX-License-Identifier: MIT */
/* Authorities, nodes and unacceptable certificates. */
#include "test/unit/crypto/fixture.h"

#include <check.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "crypto/certificate.h"

#define FIXTURE_DETAIL 256

struct keystore *fixture_authority(enum key_algorithm algorithm)
{
	struct keystore *k;
	char detail[FIXTURE_DETAIL];

	ck_assert_int_eq(keystore_create_in_memory(&k, algorithm), 0);
	ck_assert_int_eq(certificate_authority_create(
				 k, "Test root", (struct walltime){ FIXTURE_NOW_MS - 1826u * FIXTURE_DAY_MS },
				 (struct walltime){ FIXTURE_NOW_MS + (uint64_t)1826 * FIXTURE_DAY_MS }, detail,
				 sizeof(detail)),
			 0);
	return k;
}

struct node_id fixture_node_id(uint8_t byte)
{
	struct node_id id;

	memset(id.bytes, byte, sizeof(id.bytes));
	return id;
}

struct keystore *fixture_node_with(const struct keystore *authority, enum key_algorithm algorithm,
				   const char *overlay_name, const char *user, const struct node_id *ids,
				   size_t count, uint64_t not_before_ms, uint64_t not_after_ms)
{
	struct keystore *k;
	struct certificate_request *request;
	struct certificate_order order;
	char detail[FIXTURE_DETAIL];
	uint8_t *der;
	size_t len;

	ck_assert_int_eq(keystore_create_in_memory(&k, algorithm), 0);
	ck_assert_int_eq(keystore_make_csr(k, &der, &len), 0);
	ck_assert_int_eq(certificate_request_parse(&request, slice_of(der, len), detail, sizeof(detail)), 0);
	free(der);
	order = (struct certificate_order){
		.request = request,
		.overlay_name = overlay_name,
		.user = user,
		.node_ids = ids,
		.node_id_count = count,
		.not_before = { not_before_ms },
		.not_after = { not_after_ms },
	};
	ck_assert_int_eq(certificate_authority_issue(authority, &order, &der, &len, detail, sizeof(detail)), 0);
	certificate_request_free(request);
	ck_assert_int_eq(keystore_set_certificate(k, slice_of(der, len), detail, sizeof(detail)), 0);
	free(der);
	return k;
}

struct keystore *fixture_node(const struct keystore *authority, enum key_algorithm algorithm,
			      const char *overlay_name, const char *user, uint8_t first, size_t count)
{
	struct node_id ids[IDENTITY_NODE_IDS_MAX];

	for (size_t i = 0; i < count; i++)
		ids[i] = fixture_node_id((uint8_t)(first + i));
	return fixture_node_with(authority, algorithm, overlay_name, user, ids, count,
				 FIXTURE_NOW_MS - FIXTURE_DAY_MS, FIXTURE_NOW_MS + (uint64_t)30 * FIXTURE_DAY_MS);
}

struct provider_trust fixture_trust(const struct slice *root)
{
	return (struct provider_trust){
		.root_certs = root,
		.root_cert_count = 1,
		.overlay_name = FIXTURE_OVERLAY,
	};
}

struct walltime fixture_now(void)
{
	return (struct walltime){ FIXTURE_NOW_MS };
}

struct provider *fixture_provider(const struct keystore *authority, const struct keystore *node)
{
	struct slice root = keystore_certificate(authority);
	struct provider_trust trust = fixture_trust(&root);
	struct provider *p;
	char detail[FIXTURE_DETAIL] = "";

	ck_assert_msg(provider_new(&p, node, &trust, detail, sizeof(detail)) == 0, "%s", detail);
	return p;
}

static void fixture_add_names(X509 *x509, const struct fixture_certificate *what)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

	for (size_t i = 0; i < what->name_count; i++) {
		GENERAL_NAME *name = GENERAL_NAME_new();
		ASN1_STRING *text = ASN1_STRING_type_new(what->names[i].type == GEN_IPADD ? V_ASN1_OCTET_STRING
											  : V_ASN1_IA5STRING);

		ck_assert_int_eq(ASN1_STRING_set(text, what->names[i].text, (int)what->names[i].len), 1);
		GENERAL_NAME_set0_value(name, what->names[i].type, text);
		ck_assert_int_gt(sk_GENERAL_NAME_push(names, name), 0);
	}
	if (what->name_count > 0)
		ck_assert_int_eq(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 1, X509V3_ADD_DEFAULT), 1);
	GENERAL_NAMES_free(names);
}

static void fixture_add_extension(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	ck_assert_ptr_nonnull(extension);
	ck_assert_int_eq(X509_add_ext(x509, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

struct keystore *fixture_forge(const struct keystore *authority, const struct fixture_certificate *what)
{
	struct keystore *k;
	X509 *root, *x509 = X509_new();
	uint8_t *der = NULL;
	char detail[FIXTURE_DETAIL];
	int len;

	ck_assert_int_eq(keystore_create_in_memory(&k, KEY_P256), 0);
	if (authority == NULL)
		root = x509;
	else
		ck_assert_int_eq(certificate_parse(keystore_certificate(authority), &root), 0);
	ck_assert_int_eq(X509_set_version(x509, what->version == 0 ? X509_VERSION_3 : what->version - 1), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 4711);
	ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(FIXTURE_NOW_MS / 1000 - 1000));
	ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)(FIXTURE_NOW_MS / 1000 + 1000));
	if (what->subject != NULL)
		ck_assert_int_eq(X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
							    (const unsigned char *)what->subject, -1, -1, 0),
				 1);
	X509_set_issuer_name(x509, X509_get_subject_name(root));
	X509_set_pubkey(x509, keystore_private_key(k));
	if (what->version == 0) {
		fixture_add_extension(x509, NID_ext_key_usage,
				      what->purpose == NULL ? "clientAuth,serverAuth" : what->purpose);
		if (what->is_authority)
			fixture_add_extension(x509, NID_basic_constraints, "CA:TRUE");
		fixture_add_names(x509, what);
	}
	ck_assert_int_gt(X509_sign(x509, keystore_private_key(authority == NULL ? k : authority), EVP_sha256()), 0);
	len = i2d_X509(x509, &der);
	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(keystore_set_certificate(k, slice_of(der, (size_t)len), detail, sizeof(detail)), 0);
	OPENSSL_free(der);
	X509_free(x509);
	if (authority != NULL)
		certificate_free(root);
	return k;
}
