/* SPDX-License-Identifier: MIT */
/* overlay/access_hit: who may write where a HIT is served, and what a false record meets. */
#include "overlay/access.h"
#include "overlay/access_hit.h"
#include "overlay/wire/hip_parameter.h"
#include "overlay/wire/hip_record.h"
#include "test/unit/run.h"
#include "tools/sim/fake_host_security.h"
#include "tools/sim/fake_security.h"

#define LIFETIME_CODED 150 /* some 1,700 s */

static struct fake_security *fake;
static struct security security;
static struct identity edge;
static struct fake_host *client;
static struct host_security client_port;
static struct slice client_identity;
static struct hit client_hit;

static uint8_t packet_bytes[HIP_PACKET_MAX], host_id_bytes[256], record_bytes[4096];
static size_t record_len;

/* What a test changes of a good record. */
static struct {
	uint8_t packet_type;
	struct hit from, to;
	uint8_t coded;
	uint16_t registration;
	bool no_request, twice, by_another, behind;
	size_t flip; /* a byte of the packet that is changed after it was signed */
	uint16_t padding;
} lie;

static void begin(void)
{
	static const struct node_id node = { { 1 } };
	uint8_t certificate[FAKE_CERTIFICATE_MAX];
	size_t len = fake_certificate_put(certificate, &node, 1, "edge@example.org", (struct walltime){ 0 },
					  (struct walltime){ 1000 });

	fake = fake_security_new(1, slice_of(certificate, len));
	security = fake_security_port(fake);
	edge = *security.ops->own_identity(security.ctx);
	client = fake_host_new(2, slice_text("a client"));
	client_port = fake_host_port(client);
	client_identity = client_port.ops->own_identity(client_port.ctx);
	ck_assert_int_eq(host_hit(&client_port, client_identity, &client_hit), 0);
	memset(&lie, 0, sizeof(lie));
	lie.packet_type = HIP_I2;
	lie.from = client_hit;
	lie.to = edge.hit;
	lie.coded = LIFETIME_CODED;
	lie.registration = 1;
}

static void end(void)
{
	fake_host_free(client);
	fake_security_free(fake);
}

static void put_signature(struct writer *w)
{
	struct fake_host *other = fake_host_new(3, slice_text("another"));
	struct host_security port = lie.by_another ? fake_host_port(other) : client_port;
	struct hip_signature signature = { .algorithm = HOST_ALGORITHM_ECDSA };
	uint8_t bytes[HOST_SIGNATURE_MAX];
	size_t len;
	struct slice part;

	hip_packet_end(w);
	part = writer_slice(w);
	ck_assert_int_eq(port.ops->sign(port.ctx, &part, 1, bytes, &len), 0);
	signature.signature = slice_of(bytes, len);
	hip_signature_put(w, HIP_PARAMETER_HIP_SIGNATURE, &signature);
	hip_packet_end(w);
	fake_host_free(other);
}

/* A packet as the client would send it, with the lies. */
static struct slice make_packet(void)
{
	struct hip_registration request = { .lifetime = lie.coded, .types = { { lie.registration }, 1 } };
	struct writer w = writer_of(packet_bytes, sizeof(packet_bytes));

	hip_packet_begin(&w, lie.packet_type, 0, &lie.from, &lie.to);
	for (int i = 0; !lie.no_request && !lie.behind && i < 1 + lie.twice; i++)
		hip_reg_request_put(&w, &request);
	hip_bytes_put(&w, HIP_PARAMETER_HIP_MAC, slice_text("a MAC that nobody here can check"));
	put_signature(&w);
	/* A relay's own. */
	hip_bytes_put(&w, HIP_PARAMETER_RELAY_HMAC, slice_text("relay"));
	hip_packet_end(&w);
	ck_assert_int_eq(w.err, 0);
	if (lie.flip != 0)
		packet_bytes[lie.flip] ^= 1;
	return writer_slice(&w);
}

static struct slice make_host_id(struct slice identity)
{
	struct hip_host_id host_id = { .algorithm = HOST_ALGORITHM_ECDSA, .identity = identity };
	struct writer w = writer_of(host_id_bytes, sizeof(host_id_bytes));

	hip_host_id_put(&w, &host_id);
	ck_assert_int_eq(w.err, 0);
	/* Contents: without type and length, and without the padding. */
	return slice_of(host_id_bytes + 4, (size_t)(host_id_bytes[2] << 8 | host_id_bytes[3]));
}

static void encode(struct hip_record *record)
{
	struct destination own = destination_of_node(&edge.node_id);
	struct writer w = writer_of(record_bytes, sizeof(record_bytes));

	if (record->destinations.count == 0)
		record->destinations = (struct destination_list){ &own, 1 };
	hip_record_put(&w, record);
	ck_assert_int_eq(w.err, 0);
	record_len = w.len;
}

static struct stored_data_value value_of(const struct node_id *key)
{
	return (struct stored_data_value){
		.model = DATA_MODEL_DICTIONARY,
		.key = slice_of(key->bytes, NODE_ID_LENGTH),
		.data = { .exists = true, .value = slice_of(record_bytes, record_len) },
	};
}

static int check_at(const struct hit *resource_hit, const struct stored_data_value *value)
{
	const struct kind *kind = kind_registered(KIND_HIP_RVS);
	struct resource_id resource = security_resource_id(&security, slice_of(resource_hit->bytes, HIT_LENGTH));

	return access_check(&security, kind, &resource, &edge, value);
}

static int check(struct hip_record *record)
{
	struct stored_data_value value;

	encode(record);
	value = value_of(&edge.node_id);
	return check_at(&record->hit, &value);
}

static struct hip_record registered(void)
{
	return (struct hip_record){
		.hit = client_hit,
		.flags = HIP_RECORD_RVS,
		.sequence = 1,
		.lifetime_s = hip_lifetime_s(LIFETIME_CODED),
		.proof = HIP_PROOF_REGISTRATION,
		.proof_host_id = make_host_id(client_identity),
		.proof_packet = make_packet(),
	};
}

static int check_registered(void)
{
	struct hip_record record = registered();

	return check(&record);
}

START_TEST(own_hit_is_proven_by_the_certificate)
{
	struct hip_record record;

	begin();
	record = (struct hip_record){ .hit = edge.hit, .flags = HIP_RECORD_OWN, .lifetime_s = 60,
				      .proof = HIP_PROOF_CERTIFICATE };
	ck_assert_int_eq(check(&record), 0);
	record.hit = client_hit;
	ck_assert_int_eq(check(&record), ERR_FORBIDDEN);
	record.hit = edge.hit;
	record.flags |= HIP_RECORD_PLAIN;
	ck_assert_int_eq(check(&record), ERR_FORBIDDEN);
	/* A certificate whose key can be no Host Identity owns nothing. */
	record = (struct hip_record){ .proof = HIP_PROOF_CERTIFICATE };
	edge.hit = record.hit;
	ck_assert_int_eq(check(&record), ERR_FORBIDDEN);
	end();
}
END_TEST

START_TEST(record_stands_where_its_hit_says_and_under_its_signer)
{
	static const struct node_id other = { { 9 } };
	struct destination to = destination_of_node(&other);
	struct stored_data_value value;
	struct hip_record record;

	begin();
	record = registered();
	encode(&record);
	value = value_of(&edge.node_id);
	ck_assert_int_eq(check_at(&client_hit, &value), 0);
	ck_assert_int_eq(check_at(&edge.hit, &value), ERR_FORBIDDEN);
	value = value_of(&other);
	ck_assert_int_eq(check_at(&client_hit, &value), ERR_FORBIDDEN);
	/* Somebody else is to be the target of what is sent to the HIT. */
	record.destinations = (struct destination_list){ &to, 1 };
	ck_assert_int_eq(check(&record), ERR_FORBIDDEN);
	end();
}
END_TEST

START_TEST(registration_is_taken_as_the_host_signed_it)
{
	begin();
	ck_assert_int_eq(check_registered(), 0);
	lie.packet_type = HIP_UPDATE;
	lie.registration = 2;
	ck_assert_int_eq(check_registered(), 0);
	end();
}
END_TEST

START_TEST(registration_is_refused_when_anything_is_wrong)
{
	begin();
#define REFUSED(change, back)                                                                      \
	do {                                                                                       \
		change;                                                                            \
		ck_assert_msg(check_registered() == ERR_FORBIDDEN, "taken: %s", #change);          \
		back;                                                                              \
	} while (0)
	REFUSED(lie.packet_type = HIP_I1, lie.packet_type = HIP_I2);
	REFUSED(lie.packet_type = HIP_R2, lie.packet_type = HIP_I2);
	REFUSED(lie.from = edge.hit, lie.from = client_hit);
	/* For another edge: what one edge was given is worth nothing to the next. */
	REFUSED(lie.to = client_hit, lie.to = edge.hit);
	REFUSED(lie.coded = 0, lie.coded = LIFETIME_CODED);
	REFUSED(lie.coded = LIFETIME_CODED - 8, lie.coded = LIFETIME_CODED);
	REFUSED(lie.registration = 3, lie.registration = 1);
	REFUSED(lie.no_request = true, lie.no_request = false);
	REFUSED(lie.twice = true, lie.twice = false);
	REFUSED(lie.by_another = true, lie.by_another = false);
	REFUSED(edge.hit = (struct hit){ 0 }, edge.hit = lie.to);
	ck_assert_int_eq(check_registered(), 0);
	end();
}
END_TEST

/* Every byte that the signature covers: all but the checksum and what stands behind. */
START_TEST(registration_with_a_changed_byte_is_refused)
{
	size_t len, covered;

	begin();
	len = make_packet().len;
	covered = len - 16 - (4 + 2 + 64 + 2); /* RELAY_HMAC, HIP_SIGNATURE */
	for (size_t i = 1; i < covered; i++) {
		lie.flip = i;
		if (i == 4 || i == 5)
			ck_assert_int_eq(check_registered(), 0);
		else
			ck_assert_msg(check_registered() == ERR_FORBIDDEN, "byte %zu", i);
	}
	end();
}
END_TEST

START_TEST(registration_needs_the_key_that_hashes_to_the_hit)
{
	uint8_t other[FAKE_HOST_IDENTITY];
	struct hip_record record;

	begin();
	record = registered();
	record.proof_host_id = make_host_id(fake_host_identity(slice_text("another"), other));
	ck_assert_int_eq(check(&record), ERR_FORBIDDEN);
	record = registered();
	record.proof_host_id.len--;
	ck_assert_int_eq(check(&record), ERR_FORBIDDEN);
	record = registered();
	record.proof_packet.len -= 8;
	ck_assert_int_eq(check(&record), ERR_FORBIDDEN);
	/* A provider that knows nothing of HIP believes no such record. */
	{
		struct security_ops blind = *security.ops;
		struct security plain = { &blind, security.ctx };
		struct resource_id resource =
			security_resource_id(&security, slice_of(client_hit.bytes, HIT_LENGTH));
		struct stored_data_value value;

		blind.host_verify = NULL;
		record = registered();
		encode(&record);
		value = value_of(&edge.node_id);
		ck_assert_int_eq(access_check(&plain, kind_registered(KIND_HIP_RVS), &resource, &edge, &value),
				 ERR_FORBIDDEN);
	}
	end();
}
END_TEST

START_TEST(edge_vouched_record_says_that_it_is_one)
{
	struct hip_record record;
	struct stored_data_value value;

	begin();
	record = (struct hip_record){ .hit = client_hit, .flags = HIP_RECORD_RELAY, .lifetime_s = 60,
				      .proof = HIP_PROOF_NONE };
	ck_assert_int_eq(check(&record), ERR_FORBIDDEN);
	record.flags |= HIP_RECORD_PLAIN;
	ck_assert_int_eq(check(&record), 0);
	value = value_of(&edge.node_id);
	ck_assert(access_hit_is_unproven(&value));
	record = registered();
	record.flags |= HIP_RECORD_PLAIN;
	ck_assert_int_eq(check(&record), ERR_FORBIDDEN);
	record = registered();
	encode(&record);
	value = value_of(&edge.node_id);
	ck_assert(!access_hit_is_unproven(&value));
	end();
}
END_TEST

START_TEST(removal_is_for_the_entrys_own_signer)
{
	static const struct node_id other = { { 9 } };
	struct stored_data_value value;

	begin();
	value = value_of(&edge.node_id);
	value.data = (struct data_value){ 0 };
	ck_assert_int_eq(check_at(&client_hit, &value), 0);
	value.key = slice_of(other.bytes, NODE_ID_LENGTH);
	ck_assert_int_eq(check_at(&client_hit, &value), ERR_FORBIDDEN);
	end();
}
END_TEST

/* Every beginning of a record, and every record with a changed byte: no crash, and nothing cut short is taken. */
START_TEST(cut_records_are_refused)
{
	struct hip_record record;
	struct stored_data_value value;
	size_t len;

	begin();
	record = registered();
	encode(&record);
	len = record_len;
	for (record_len = 0; record_len < len; record_len++) {
		value = value_of(&edge.node_id);
		ck_assert_int_eq(check_at(&client_hit, &value), ERR_FORBIDDEN);
		(void)access_hit_is_unproven(&value);
	}
	for (size_t i = 0; i < len; i++) {
		record_bytes[i] ^= 0x41;
		value = value_of(&edge.node_id);
		(void)check_at(&client_hit, &value);
		record_bytes[i] ^= 0x41;
	}
	ck_assert_int_eq(check_at(&client_hit, &value), 0);
	end();
}
END_TEST

int main(void)
{
	return RUN_TESTS("access_hit", own_hit_is_proven_by_the_certificate,
			 record_stands_where_its_hit_says_and_under_its_signer,
			 registration_is_taken_as_the_host_signed_it, registration_is_refused_when_anything_is_wrong,
			 registration_with_a_changed_byte_is_refused, registration_needs_the_key_that_hashes_to_the_hit,
			 edge_vouched_record_says_that_it_is_one, removal_is_for_the_entrys_own_signer,
			 cut_records_are_refused);
}
