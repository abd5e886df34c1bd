/* SPDX-License-Identifier: MIT */
/* tools/enroll_issue and enroll_state: accounts, quotas, the same Node-IDs again, the four tokens. */
#include "tools/enroll_issue.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/certificate.h"
#include "crypto/certificate_authority.h"
#include "crypto/keystore.h"
#include "test/unit/run.h"

#define OVERLAY "example.org"
#define ALICE "alice@example.org"
#define BOB "bob@example.org"
#define DAY_MS 86400000ull

static const struct walltime now = { 1800000000000ull };
static struct enroll_overlay overlay;
static struct enroll_answer answer;

struct csr {
	uint8_t *der;
	size_t len;
};

static struct csr csr_new(void)
{
	struct keystore *k;
	struct csr csr;

	ck_assert_int_eq(keystore_create_in_memory(&k, KEY_P256), 0);
	ck_assert_int_eq(keystore_make_csr(k, &csr.der, &csr.len), 0);
	keystore_free(k);
	return csr;
}

static void begin(uint8_t bits, uint8_t slots, unsigned quota)
{
	struct keystore *authority;
	char hash[PASSWORD_HASH_SIZE], detail[256];

	memset(&overlay, 0, sizeof(overlay));
	ck_assert_int_eq(keystore_create_in_memory(&authority, KEY_P256), 0);
	ck_assert_int_eq(certificate_authority_create(authority, "root", (struct walltime){ now.ms - DAY_MS },
						      (struct walltime){ now.ms + 3650 * DAY_MS }, detail,
						      sizeof(detail)), 0);
	snprintf(overlay.name, sizeof(overlay.name), "%s", OVERLAY);
	overlay.node_id_bits = bits;
	overlay.node_id_slots = slots;
	overlay.certificate_days = 90;
	overlay.authority = authority;
	ck_assert_int_eq(enroll_state_open_in_memory(&overlay.state), 0);
	ck_assert_int_eq(password_hash("secret", hash), 0);
	ck_assert_int_eq(enroll_state_user_add(overlay.state, ALICE, hash, quota, now), 0);
	ck_assert_int_eq(enroll_state_user_add(overlay.state, BOB, hash, quota, now), 0);
}

static void end(void)
{
	enroll_state_close(overlay.state);
	keystore_free((struct keystore *)(uintptr_t)overlay.authority);
}

static enum enroll_outcome issue(const char *user, const struct csr *csr, unsigned node_ids, unsigned device)
{
	const struct enroll_request r = { user, slice_of(csr->der, csr->len), node_ids, device };

	enroll_answer_free(&answer);
	return enroll_issue(&overlay, &r, now, &answer);
}

static void assert_certificate(const char *user, size_t node_ids)
{
	const struct certificate_rule rule = { OVERLAY, overlay.node_id_bits, overlay.node_id_slots };
	struct identity identity;
	struct x509_st *x509;
	char detail[256] = "";

	ck_assert_int_eq(certificate_parse(slice_of(answer.certificate, answer.certificate_len), &x509), 0);
	ck_assert_msg(certificate_identity(x509, &rule, &identity, detail, sizeof(detail)) == 0, "%s", detail);
	ck_assert_str_eq(identity.user, user);
	ck_assert_uint_eq(identity.node_id_count, node_ids);
	for (size_t i = 0; i < node_ids; i++)
		ck_assert(identity_has_node_id(&identity, &answer.device.node_ids[i]));
	ck_assert_uint_le(identity.not_after.ms, now.ms + 90 * DAY_MS);
	certificate_free(x509);
}

START_TEST(authentication_wants_account_and_password)
{
	begin(64, 4, 8);
	ck_assert_int_eq(enroll_authenticate(&overlay, ALICE, "secret", NULL), ENROLL_ISSUED);
	ck_assert_int_eq(enroll_authenticate(&overlay, ALICE, "Secret", NULL), ENROLL_FAILED_AUTHENTICATION);
	ck_assert_int_eq(enroll_authenticate(&overlay, ALICE, "", NULL), ENROLL_FAILED_AUTHENTICATION);
	ck_assert_int_eq(enroll_authenticate(&overlay, "nobody@example.org", "secret", NULL),
			 ENROLL_FAILED_AUTHENTICATION);
	ck_assert_int_eq(enroll_authenticate(&overlay, "", "secret", NULL), ENROLL_FAILED_AUTHENTICATION);
	end();
}
END_TEST

START_TEST(same_key_gets_same_node_ids)
{
	struct csr csr = csr_new();
	struct node_id first, second;

	begin(64, 4, 8);
	ck_assert_int_eq(issue(ALICE, &csr, 0, 0), ENROLL_ISSUED);
	assert_certificate(ALICE, 1);
	first = answer.device.node_ids[0];
	ck_assert_int_eq(issue(ALICE, &csr, 0, 0), ENROLL_ISSUED);
	ck_assert(node_id_equal(&first, &answer.device.node_ids[0]));
	ck_assert_int_eq(issue(ALICE, &csr, 2, 0), ENROLL_ISSUED);
	assert_certificate(ALICE, 2);
	ck_assert(node_id_equal(&first, &answer.device.node_ids[0]));
	second = answer.device.node_ids[1];
	ck_assert_int_eq(issue(ALICE, &csr, 0, 0), ENROLL_ISSUED);
	assert_certificate(ALICE, 2);
	ck_assert(node_id_equal(&second, &answer.device.node_ids[1]));
	enroll_answer_free(&answer);
	free(csr.der);
	end();
}
END_TEST

START_TEST(node_ids_take_slots_in_turn)
{
	struct node_id prefix = { { 0 } };

	begin(64, 2, 8);
	for (uint8_t i = 0; i < 4; i++) {
		struct csr csr = csr_new();

		ck_assert_int_eq(issue(ALICE, &csr, 0, 0), ENROLL_ISSUED);
		ck_assert_uint_eq(answer.device.number, i + 1);
		certificate_node_id_prefix(OVERLAY, ALICE, i % 2, 64, &prefix);
		ck_assert_mem_eq(prefix.bytes, answer.device.node_ids[0].bytes, 8);
		free(csr.der);
	}
	enroll_answer_free(&answer);
	end();
}
END_TEST

START_TEST(quota_limits_all_devices_together)
{
	struct csr one = csr_new(), two = csr_new(), three = csr_new();
	struct node_id kept;

	begin(0, 0, 2);
	ck_assert_int_eq(issue(ALICE, &one, 0, 0), ENROLL_ISSUED);
	kept = answer.device.node_ids[0];
	ck_assert_int_eq(issue(ALICE, &two, 2, 0), ENROLL_NODE_IDS_NOT_AVAILABLE);
	ck_assert_ptr_null(answer.certificate);
	ck_assert_int_eq(issue(ALICE, &two, 0, 0), ENROLL_ISSUED);
	ck_assert_int_eq(issue(ALICE, &three, 0, 0), ENROLL_NODE_IDS_NOT_AVAILABLE);
	ck_assert_int_eq(issue(BOB, &three, 0, 0), ENROLL_ISSUED);
	/* What was there before is untouched by what was refused. */
	ck_assert_int_eq(issue(ALICE, &one, 0, 0), ENROLL_ISSUED);
	ck_assert(node_id_equal(&kept, &answer.device.node_ids[0]));
	/* Freed Node-IDs can be given out again. */
	ck_assert_int_eq(enroll_state_device_remove(overlay.state, ALICE, 1), 0);
	ck_assert_int_eq(issue(ALICE, &one, 0, 0), ENROLL_ISSUED);
	ck_assert_uint_eq(answer.device.number, 1);
	ck_assert_int_eq(issue(ALICE, &one, 9, 0), ENROLL_NODE_IDS_NOT_AVAILABLE);
	enroll_answer_free(&answer);
	free(one.der);
	free(two.der);
	free(three.der);
	end();
}
END_TEST

START_TEST(named_device_keeps_node_ids_under_new_key)
{
	struct csr old = csr_new(), new = csr_new();
	struct node_id id;

	begin(64, 4, 1);
	ck_assert_int_eq(issue(ALICE, &old, 0, 0), ENROLL_ISSUED);
	id = answer.device.node_ids[0];
	ck_assert_int_eq(issue(ALICE, &new, 0, 7), ENROLL_NODE_IDS_NOT_AVAILABLE);
	ck_assert_int_eq(issue(ALICE, &new, 0, 1), ENROLL_ISSUED);
	ck_assert(node_id_equal(&id, &answer.device.node_ids[0]));
	/* The old key is nobody's now, and the quota is used up. */
	ck_assert_int_eq(issue(ALICE, &old, 0, 0), ENROLL_NODE_IDS_NOT_AVAILABLE);
	ck_assert_int_eq(issue(ALICE, &new, 0, 2), ENROLL_BAD_CSR);
	enroll_answer_free(&answer);
	free(old.der);
	free(new.der);
	end();
}
END_TEST

START_TEST(bad_requests_get_their_token)
{
	struct csr csr = csr_new();
	struct csr empty = { csr.der, 0 };
	struct csr cut = { csr.der, csr.len - 1 };

	begin(64, 4, 8);
	ck_assert_int_eq(issue(ALICE, &empty, 0, 0), ENROLL_BAD_CSR);
	ck_assert_int_eq(issue(ALICE, &cut, 0, 0), ENROLL_BAD_CSR);
	ck_assert_int_eq(issue("nobody@example.org", &csr, 0, 0), ENROLL_USERNAME_NOT_AVAILABLE);
	ck_assert_int_eq(issue(ALICE, &csr, 0, 0), ENROLL_ISSUED);
	ck_assert_int_eq(issue(BOB, &csr, 0, 0), ENROLL_BAD_CSR); /* the key is alice's */
	csr.der[csr.len - 1] ^= 1;
	ck_assert_int_eq(issue(ALICE, &csr, 0, 0), ENROLL_BAD_CSR); /* its signature does not hold */
	ck_assert_str_eq(enroll_outcome_token(ENROLL_FAILED_AUTHENTICATION), "failed_authentication");
	ck_assert_str_eq(enroll_outcome_token(ENROLL_USERNAME_NOT_AVAILABLE), "username_not_available");
	ck_assert_str_eq(enroll_outcome_token(ENROLL_NODE_IDS_NOT_AVAILABLE), "Node-IDs_not_available");
	ck_assert_str_eq(enroll_outcome_token(ENROLL_BAD_CSR), "bad_CSR");
	enroll_answer_free(&answer);
	free(csr.der);
	end();
}
END_TEST

START_TEST(user_names_are_checked)
{
	ck_assert(enroll_user_is_acceptable(ALICE));
	ck_assert(enroll_user_is_acceptable("first.last+tag@a-b.example"));
	ck_assert(!enroll_user_is_acceptable("alice"));
	ck_assert(!enroll_user_is_acceptable("alice@Example.org"));
	ck_assert(!enroll_user_is_acceptable("al ice@example.org"));
	ck_assert(!enroll_user_is_acceptable("alice@"));
	ck_assert(!enroll_user_is_acceptable("@example.org"));
	ck_assert(!enroll_user_is_acceptable(""));
}
END_TEST

START_TEST(state_keeps_users_apart)
{
	struct enroll_user user;
	struct csr csr = csr_new();

	begin(64, 4, 8);
	ck_assert_int_eq(enroll_state_user_add(overlay.state, ALICE, "x", 1, now), ERR_DUPLICATE);
	ck_assert_int_eq(issue(ALICE, &csr, 3, 0), ENROLL_ISSUED);
	ck_assert_int_eq(enroll_state_user_find(overlay.state, ALICE, &user), 0);
	ck_assert_uint_eq(user.node_ids, 3);
	ck_assert_uint_eq(user.devices, 1);
	ck_assert_int_eq(enroll_state_user_next(overlay.state, ALICE, &user), 0);
	ck_assert_str_eq(user.name, BOB);
	ck_assert_uint_eq(user.node_ids, 0);
	ck_assert_int_eq(enroll_state_user_next(overlay.state, BOB, &user), ERR_NOT_FOUND);
	ck_assert_int_eq(enroll_state_user_remove(overlay.state, ALICE), 0);
	ck_assert_int_eq(enroll_state_node_id_find(overlay.state, &answer.device.node_ids[0]), ERR_NOT_FOUND);
	ck_assert_int_eq(enroll_state_user_remove(overlay.state, ALICE), ERR_NOT_FOUND);
	enroll_answer_free(&answer);
	free(csr.der);
	end();
}
END_TEST

int main(void)
{
	return RUN_TESTS("enroll_issue", authentication_wants_account_and_password, same_key_gets_same_node_ids,
			 node_ids_take_slots_in_turn, quota_limits_all_devices_together,
			 named_device_keeps_node_ids_under_new_key, bad_requests_get_their_token,
			 user_names_are_checked, state_keeps_users_apart);
}
