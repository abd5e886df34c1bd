/* SPDX-License-Identifier: MIT */
/* Tests of keystore.c and private_file.c: what is kept, and what is refused because others could read it. */
#include "crypto/keystore.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/private_file.h"
#include "test/unit/crypto/fixture.h"
#include "test/unit/run.h"

#define PATH_SIZE 256

struct place {
	char root[PATH_SIZE / 4];
	char folder[PATH_SIZE / 2]; /* not made yet */
	char key[PATH_SIZE];
	char certificate[PATH_SIZE];
	char detail[512];
};

static void place_make(struct place *p)
{
	snprintf(p->root, sizeof(p->root), "/tmp/peal-keystore-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(p->root));
	snprintf(p->folder, sizeof(p->folder), "%s/keys", p->root);
	snprintf(p->key, sizeof(p->key), "%s/key.pem", p->folder);
	snprintf(p->certificate, sizeof(p->certificate), "%s/certificate.pem", p->folder);
	p->detail[0] = '\0';
}

static void place_remove(struct place *p)
{
	chmod(p->folder, 0700);
	unlink(p->key);
	unlink(p->certificate);
	rmdir(p->folder);
	ck_assert_int_eq(rmdir(p->root), 0);
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void certify(struct keystore *k, struct keystore *authority)
{
	struct node_id id = fixture_node_id(7);
	struct certificate_request *request;
	struct certificate_order order = {
		.overlay_name = FIXTURE_OVERLAY, .user = FIXTURE_USER, .node_ids = &id, .node_id_count = 1,
		.not_before = { FIXTURE_NOW_MS }, .not_after = { FIXTURE_NOW_MS + FIXTURE_DAY_MS },
	};
	char detail[256];
	uint8_t *der;
	size_t len;

	ck_assert_int_eq(keystore_make_csr(k, &der, &len), 0);
	ck_assert_int_eq(certificate_request_parse(&request, slice_of(der, len), detail, sizeof(detail)), 0);
	ck_assert_str_eq(certificate_request_user(request), "");
	free(der);
	order.request = request;
	ck_assert_int_eq(certificate_authority_issue(authority, &order, &der, &len, detail, sizeof(detail)), 0);
	ck_assert_int_eq(keystore_set_certificate(k, slice_of(der, len), detail, sizeof(detail)), 0);
	certificate_request_free(request);
	free(der);
}

START_TEST(keystore_keeps_key_and_certificate)
{
	struct keystore *authority = fixture_authority(KEY_P256);
	struct keystore *k, *again;
	struct place p;

	place_make(&p);
	keystore_protect_memory();
	ck_assert_int_eq(keystore_create(&k, p.folder, KEY_P256, p.detail, sizeof(p.detail)), 0);
	ck_assert_uint_eq(mode_of(p.folder), 0700);
	ck_assert_uint_eq(mode_of(p.key), 0600);
	ck_assert_int_eq(keystore_create(&again, p.folder, KEY_P256, p.detail, sizeof(p.detail)), ERR_DUPLICATE);
	ck_assert_int_eq(keystore_open(&again, p.folder, p.detail, sizeof(p.detail)), ERR_NOT_FOUND);
	ck_assert_ptr_nonnull(again);
	ck_assert_uint_eq(keystore_certificate(again).len, 0);
	keystore_free(again);
	certify(k, authority);
	ck_assert_uint_eq(mode_of(p.certificate), 0600);
	ck_assert_int_eq(keystore_open(&again, p.folder, p.detail, sizeof(p.detail)), 0);
	ck_assert(slice_equal(keystore_certificate(k), keystore_certificate(again)));
	keystore_free(again);
	keystore_free(k);
	keystore_free(authority);
	place_remove(&p);
}
END_TEST

START_TEST(keystore_refuses_what_others_can_read)
{
	struct keystore *k;
	struct place p;
	char moved[PATH_SIZE + 8];

	place_make(&p);
	ck_assert_int_eq(keystore_create(&k, p.folder, KEY_P256, p.detail, sizeof(p.detail)), 0);
	keystore_free(k);
	chmod(p.folder, 0750);
	ck_assert_int_eq(keystore_open(&k, p.folder, p.detail, sizeof(p.detail)), ERR_PERMISSION);
	ck_assert_ptr_nonnull(strstr(p.detail, "chmod 0700"));
	chmod(p.folder, 0700);
	chmod(p.key, 0640);
	ck_assert_int_eq(keystore_open(&k, p.folder, p.detail, sizeof(p.detail)), ERR_PERMISSION);
	ck_assert_ptr_nonnull(strstr(p.detail, "chmod 0600"));
	chmod(p.key, 0604);
	ck_assert_int_eq(keystore_open(&k, p.folder, p.detail, sizeof(p.detail)), ERR_PERMISSION);
	chmod(p.key, 0600);
	snprintf(moved, sizeof(moved), "%s.moved", p.key);
	ck_assert_int_eq(rename(p.key, moved), 0);
	ck_assert_int_eq(symlink(moved, p.key), 0);
	ck_assert_int_eq(keystore_open(&k, p.folder, p.detail, sizeof(p.detail)), ERR_PERMISSION);
	unlink(p.key);
	ck_assert_int_eq(keystore_open(&k, p.folder, p.detail, sizeof(p.detail)), ERR_IO);
	ck_assert_ptr_null(k);
	unlink(moved);
	place_remove(&p);
	ck_assert_int_eq(keystore_open(&k, p.folder, p.detail, sizeof(p.detail)), ERR_IO);
}
END_TEST

START_TEST(keystore_refuses_damaged_files)
{
	struct keystore *authority = fixture_authority(KEY_P256), *other = fixture_authority(KEY_P256);
	struct keystore *k;
	struct place p;

	place_make(&p);
	ck_assert_int_eq(keystore_create(&k, p.folder, KEY_P256, p.detail, sizeof(p.detail)), 0);
	ck_assert_int_eq(keystore_set_certificate(k, keystore_certificate(other), p.detail, sizeof(p.detail)),
			 ERR_CERTIFICATE);
	ck_assert_int_eq(keystore_set_certificate(k, slice_text("not DER"), p.detail, sizeof(p.detail)),
			 ERR_CERTIFICATE);
	ck_assert_int_eq(access(p.certificate, F_OK), -1);
	keystore_free(k);
	ck_assert_int_eq(private_file_write(p.certificate, slice_text("nothing\n"), true, p.detail,
					    sizeof(p.detail)), 0);
	ck_assert_int_eq(keystore_open(&k, p.folder, p.detail, sizeof(p.detail)), ERR_CERTIFICATE);
	unlink(p.certificate);
	ck_assert_int_eq(private_file_write(p.key, slice_text("nothing\n"), true, p.detail, sizeof(p.detail)), 0);
	ck_assert_int_eq(keystore_open(&k, p.folder, p.detail, sizeof(p.detail)), ERR_KEY);
	keystore_free(authority);
	keystore_free(other);
	place_remove(&p);
}
END_TEST

START_TEST(keystore_exports_and_imports_pkcs12)
{
	struct keystore *authority = fixture_authority(KEY_P256);
	struct keystore *node = fixture_node(authority, KEY_RSA2048, FIXTURE_OVERLAY, FIXTURE_USER, 1, 1);
	struct keystore *k;
	struct place p;
	uint8_t *der;
	size_t len;

	place_make(&p);
	ck_assert_int_eq(keystore_export(node, "passphrase", &der, &len), 0);
	ck_assert_int_eq(keystore_import(&k, p.folder, slice_of(der, len), "wrong", p.detail, sizeof(p.detail)),
			 ERR_KEY);
	ck_assert_int_eq(access(p.folder, F_OK), -1);
	ck_assert_int_eq(keystore_import(&k, p.folder, slice_of(der, len / 2), "passphrase", p.detail,
					 sizeof(p.detail)), ERR_KEY);
	ck_assert_int_eq(keystore_import(&k, p.folder, slice_of(der, len), "passphrase", p.detail,
					 sizeof(p.detail)), 0);
	keystore_free(k);
	ck_assert_int_eq(keystore_import(&k, p.folder, slice_of(der, len), "passphrase", p.detail,
					 sizeof(p.detail)), ERR_DUPLICATE);
	ck_assert_int_eq(keystore_open(&k, p.folder, p.detail, sizeof(p.detail)), 0);
	ck_assert(slice_equal(keystore_certificate(k), keystore_certificate(node)));
	free(der);
	keystore_free(k);
	keystore_free(node);
	ck_assert_int_eq(keystore_create_in_memory(&k, KEY_P256), 0);
	ck_assert_int_eq(keystore_export(k, "passphrase", &der, &len), ERR_NOT_FOUND);
	keystore_free(k);
	keystore_free(authority);
	place_remove(&p);
}
END_TEST

START_TEST(private_file_is_replaced_whole_or_not)
{
	struct place p;
	uint8_t *bytes;
	size_t len;

	place_make(&p);
	ck_assert_int_eq(private_folder_check(p.folder, p.detail, sizeof(p.detail)), ERR_NOT_FOUND);
	ck_assert_int_eq(private_folder_create(p.folder, p.detail, sizeof(p.detail)), 0);
	ck_assert_int_eq(private_folder_create(p.folder, p.detail, sizeof(p.detail)), 0);
	ck_assert_int_eq(private_file_write(p.key, slice_text("one"), false, p.detail, sizeof(p.detail)), 0);
	ck_assert_int_eq(private_file_write(p.key, slice_text("two"), false, p.detail, sizeof(p.detail)),
			 ERR_DUPLICATE);
	ck_assert_int_eq(private_file_read(p.key, 2, &bytes, &len, p.detail, sizeof(p.detail)), ERR_LIMIT);
	ck_assert_int_eq(private_file_read(p.key, 3, &bytes, &len, p.detail, sizeof(p.detail)), 0);
	ck_assert_str_eq((char *)bytes, "one");
	private_file_free(bytes, len);
	ck_assert_int_eq(private_file_write(p.key, slice_text("three"), true, p.detail, sizeof(p.detail)), 0);
	ck_assert_int_eq(private_file_read(p.key, 9, &bytes, &len, p.detail, sizeof(p.detail)), 0);
	ck_assert_str_eq((char *)bytes, "three");
	private_file_free(bytes, len);
	ck_assert_int_eq(private_file_create(p.certificate, p.detail, sizeof(p.detail)), 0);
	ck_assert_int_eq(private_file_check(p.certificate, p.detail, sizeof(p.detail)), 0);
	ck_assert_int_eq(private_file_check(p.folder, p.detail, sizeof(p.detail)), ERR_PERMISSION);
	place_remove(&p);
}
END_TEST

START_TEST(certificate_request_refuses_forgery_and_truncation)
{
	struct keystore *k;
	struct certificate_request *request;
	char detail[128];
	uint8_t *der;
	size_t len;

	ck_assert_int_eq(keystore_create_in_memory(&k, KEY_P256), 0);
	ck_assert_int_eq(keystore_make_csr(k, &der, &len), 0);
	for (size_t i = 0; i < len; i++)
		ck_assert_int_eq(certificate_request_parse(&request, slice_of(der, i), detail, sizeof(detail)),
				 ERR_CERTIFICATE);
	der[len - 1] ^= 1;
	ck_assert_int_eq(certificate_request_parse(&request, slice_of(der, len), NULL, 0), ERR_CERTIFICATE);
	free(der);
	keystore_free(k);
}
END_TEST

START_TEST(certificate_authority_refuses_bad_orders)
{
	struct keystore *authority = fixture_authority(KEY_P256), *k;
	struct node_id id = fixture_node_id(7), wildcard = NODE_ID_WILDCARD;
	struct certificate_request *request;
	struct certificate_order good = {
		.overlay_name = FIXTURE_OVERLAY, .user = FIXTURE_USER, .node_ids = &id, .node_id_count = 1,
		.not_before = { FIXTURE_NOW_MS }, .not_after = { FIXTURE_NOW_MS + FIXTURE_DAY_MS },
	};
	struct certificate_order order;
	char detail[256];
	uint8_t *der;
	size_t len;

	ck_assert_int_eq(keystore_create_in_memory(&k, KEY_P256), 0);
	ck_assert_int_eq(keystore_make_csr(k, &der, &len), 0);
	ck_assert_int_eq(certificate_request_parse(&request, slice_of(der, len), detail, sizeof(detail)), 0);
	free(der);
	good.request = request;
	ck_assert_int_eq(certificate_authority_issue(k, &good, &der, &len, detail, sizeof(detail)), ERR_KEY);
	order = good;
	order.user = "al ice@x";
	ck_assert_int_eq(certificate_authority_issue(authority, &order, &der, &len, detail, sizeof(detail)),
			 ERR_CERTIFICATE);
	order = good;
	order.node_ids = &wildcard;
	ck_assert_int_eq(certificate_authority_issue(authority, &order, &der, &len, detail, sizeof(detail)),
			 ERR_CERTIFICATE);
	order = good;
	order.node_id_count = 0;
	ck_assert_int_eq(certificate_authority_issue(authority, &order, &der, &len, detail, sizeof(detail)),
			 ERR_CERTIFICATE);
	order = good;
	order.not_after = order.not_before;
	ck_assert_int_eq(certificate_authority_issue(authority, &order, &der, &len, detail, sizeof(detail)),
			 ERR_CERTIFICATE);
	ck_assert_ptr_null(der);
	certificate_request_free(request);
	keystore_free(k);
	keystore_free(authority);
}
END_TEST

int main(void)
{
	return RUN_TESTS("keystore", keystore_keeps_key_and_certificate, keystore_refuses_what_others_can_read,
			 keystore_refuses_damaged_files, keystore_exports_and_imports_pkcs12,
			 private_file_is_replaced_whole_or_not, certificate_request_refuses_forgery_and_truncation,
			 certificate_authority_refuses_bad_orders);
}
