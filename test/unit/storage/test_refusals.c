/* SPDX-License-Identifier: MIT */
/* What a storing peer with real certificates refuses: each with the right error, counted and logged. The
 * peer is alice's; so is every request, and the values are what is wrong. */
#include <stdio.h>

#include "crypto/certificate.h"
#include "overlay/access.h"
#include "test/unit/crypto/fixture.h"
#include "test/unit/storage/lone.h"

static struct backend memory;
static struct keystore *authority, *node;
static struct provider *provider;
static struct lone *l;
static struct resource_id resource;

static void begin(void)
{
	struct now now = { { 1000000 }, fixture_now() };
	struct configuration *c = lone_configuration();
	struct provider_trust trust;
	struct security security;
	struct slice root;
	struct node_id id = { { 0 } };
	char detail[200];
	int err;

	memory = backend_memory();
	authority = fixture_authority(KEY_P256);
	certificate_node_id_prefix(FIXTURE_OVERLAY, FIXTURE_USER, 1, 64, &id);
	node = fixture_node_with(authority, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, &id, 1,
				 FIXTURE_NOW_MS - FIXTURE_DAY_MS, FIXTURE_NOW_MS + 30 * FIXTURE_DAY_MS);
	root = keystore_certificate(authority);
	trust = fixture_trust(&root);
	trust.node_id_bits = 64;
	trust.node_id_slots = 4;
	ck_assert_int_eq(provider_new(&provider, node, &trust, detail, sizeof(detail)), 0);
	security = provider_security(provider);
	l = lone_new_with(&memory, &security, c, now, &err);
	ck_assert_int_eq(err, 0);
	free(c);
	resource = lone_resource(l, FIXTURE_USER);
}

static void end(void)
{
	lone_free(l);
	provider_free(provider);
	keystore_free(node);
	keystore_free(authority);
	memory.ops->close(memory.ctx);
}

static int store(const struct stored_data *data, const struct keystore *signer)
{
	struct store_kind_data kind = lone_kind_data(l, LONE_SINGLE, 0, data, 1);
	struct slice certificate = signer == NULL ? SLICE_EMPTY : keystore_certificate(signer);

	return lone_request(l, METHOD_STORE, lone_store_body(l, &resource, 0, &kind, 1), &certificate,
			    signer == NULL ? 0 : 1);
}

/* A refusal's whole: the error answered, the reason counted and logged, nothing stored. */
static void expect_refused(int err, int answer, enum error_index reason)
{
	char text[64];
	struct storage_statistics statistics;

	snprintf(text, sizeof(text), "reason=%s", error_name(-(int)reason));
	ck_assert_int_eq(err, answer);
	ck_assert_uint_gt(peer_counters(l->peer)->errors[reason], 0);
	ck_assert_uint_eq(peer_counters(l->peer)->stores_refused, 1);
	ck_assert_uint_eq(lone_logged(l, "storage.refused", text), 1);
	peer_storage(l->peer)->ops->statistics(peer_storage(l->peer)->ctx, &statistics);
	ck_assert_uint_eq(statistics.values, 0);
}

/* A value of alice's, signed by the holder of `signer`, which trusts `issuer`. */
static struct stored_data value_by(const struct keystore *issuer, const struct keystore *signer)
{
	struct provider *p = fixture_provider(issuer, signer);
	struct security security = provider_security(p);
	struct stored_data data = lone_value(l, LONE_SINGLE, 0, NULL, "value", FIXTURE_NOW_MS);

	data = lone_sign(l, &security, &resource, LONE_SINGLE, data);
	/* What the signature borrows must outlive the provider. */
	data.signature.identity.hash = arena_copy(&l->arena, data.signature.identity.hash);
	provider_free(p);
	return data;
}

START_TEST(good_record_is_stored)
{
	struct stored_data data;

	begin();
	data = lone_value(l, LONE_SINGLE, 0, NULL, "value", FIXTURE_NOW_MS);
	ck_assert_int_eq(store(&data, NULL), 0);
	end();
}
END_TEST

START_TEST(forged_record_is_refused)
{
	struct stored_data data;

	begin();
	data = lone_value(l, LONE_SINGLE, 0, NULL, "value", FIXTURE_NOW_MS);
	data.value.data.value = slice_text("VALUE");
	expect_refused(store(&data, NULL), ERR_FORBIDDEN, ERR_INDEX_SIGNATURE);
	end();
}
END_TEST

START_TEST(record_of_another_place_is_refused)
{
	struct stored_data data;
	struct resource_id other;

	begin();
	other = lone_resource(l, "bob@overlay.example");
	data = lone_value(l, LONE_SINGLE, 0, NULL, "value", FIXTURE_NOW_MS);
	data = lone_sign(l, NULL, &other, LONE_SINGLE, data);
	expect_refused(store(&data, NULL), ERR_FORBIDDEN, ERR_INDEX_SIGNATURE);
	end();
}
END_TEST

START_TEST(unsigned_record_is_refused)
{
	struct stored_data data;

	begin();
	data = lone_value(l, LONE_SINGLE, 0, NULL, "value", FIXTURE_NOW_MS);
	data.signature = signature_none();
	expect_refused(store(&data, NULL), ERR_FORBIDDEN, ERR_INDEX_FORBIDDEN);
	end();
}
END_TEST

START_TEST(certificate_of_another_overlay_is_refused)
{
	struct keystore *other, *signer;
	struct stored_data data;
	struct node_id id = { { 0 } };

	begin();
	other = fixture_authority(KEY_P256);
	certificate_node_id_prefix(FIXTURE_OVERLAY, FIXTURE_USER, 1, 64, &id);
	signer = fixture_node_with(other, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, &id, 1,
				   FIXTURE_NOW_MS - 1000, FIXTURE_NOW_MS + FIXTURE_DAY_MS);
	data = value_by(other, signer);
	expect_refused(store(&data, signer), ERR_FORBIDDEN, ERR_INDEX_CERTIFICATE);
	keystore_free(signer);
	keystore_free(other);
	end();
}
END_TEST

START_TEST(unfit_node_id_is_refused)
{
	struct keystore *signer;
	struct stored_data data;

	begin();
	/* Issued by our authority, but the Node-ID is not derived from the user name. */
	signer = fixture_node(authority, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, 0x42, 1);
	data = value_by(authority, signer);
	expect_refused(store(&data, signer), ERR_FORBIDDEN, ERR_INDEX_NODE_ID_MISMATCH);
	keystore_free(signer);
	end();
}
END_TEST

START_TEST(expired_certificate_is_refused)
{
	struct keystore *signer;
	struct stored_data data;
	struct node_id id = { { 0 } };

	begin();
	certificate_node_id_prefix(FIXTURE_OVERLAY, FIXTURE_USER, 2, 64, &id);
	signer = fixture_node_with(authority, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, &id, 1,
				   FIXTURE_NOW_MS - 2 * FIXTURE_DAY_MS, FIXTURE_NOW_MS - FIXTURE_DAY_MS);
	data = value_by(authority, signer);
	expect_refused(store(&data, signer), ERR_FORBIDDEN, ERR_INDEX_CERTIFICATE_EXPIRED);
	keystore_free(signer);
	end();
}
END_TEST

START_TEST(unknown_certificate_is_refused)
{
	struct keystore *signer;
	struct stored_data data;

	begin();
	signer = fixture_node(authority, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, 0x42, 1);
	data = value_by(authority, signer);
	expect_refused(store(&data, NULL), ERR_FORBIDDEN, ERR_INDEX_CERTIFICATE_UNKNOWN);
	keystore_free(signer);
	end();
}
END_TEST

START_TEST(record_of_another_user_is_refused)
{
	struct keystore *signer;
	struct stored_data data;
	struct node_id id = { { 0 } };

	begin();
	certificate_node_id_prefix(FIXTURE_OVERLAY, "bob@overlay.example", 0, 64, &id);
	signer = fixture_node_with(authority, KEY_P256, FIXTURE_OVERLAY, "bob@overlay.example", &id, 1,
				   FIXTURE_NOW_MS - 1000, FIXTURE_NOW_MS + FIXTURE_DAY_MS);
	data = value_by(authority, signer);
	expect_refused(store(&data, signer), ERR_FORBIDDEN, ERR_INDEX_FORBIDDEN);
	keystore_free(signer);
	end();
}
END_TEST

START_TEST(oversize_value_is_refused)
{
	char text[102];
	struct stored_data data;

	begin();
	memset(text, 'x', sizeof(text));
	text[101] = '\0';
	data = lone_value(l, LONE_SINGLE, 0, NULL, text, FIXTURE_NOW_MS);
	expect_refused(store(&data, NULL), ERR_DATA_TOO_LARGE, ERR_INDEX_DATA_TOO_LARGE);
	end();
}
END_TEST

START_TEST(record_from_the_future_is_refused)
{
	struct stored_data data;

	begin();
	data = lone_value(l, LONE_SINGLE, 0, NULL, "value",
			  FIXTURE_NOW_MS + STORAGE_TIME_AHEAD_MAX_MS + 1);
	expect_refused(store(&data, NULL), ERR_FORBIDDEN, ERR_INDEX_FROM_THE_FUTURE);
	data = lone_value(l, LONE_SINGLE, 0, NULL, "value", FIXTURE_NOW_MS + STORAGE_TIME_AHEAD_MAX_MS);
	ck_assert_int_eq(store(&data, NULL), 0);
	end();
}
END_TEST

int main(void)
{
	return RUN_TESTS("refusals", good_record_is_stored, forged_record_is_refused,
			 record_of_another_place_is_refused, unsigned_record_is_refused,
			 certificate_of_another_overlay_is_refused, unfit_node_id_is_refused,
			 expired_certificate_is_refused, unknown_certificate_is_refused,
			 record_of_another_user_is_refused, oversize_value_is_refused,
			 record_from_the_future_is_refused);
}
