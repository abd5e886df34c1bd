/* SPDX-License-Identifier: MIT */
/* What a reader believes of the values it fetches (RFC 6940 7.4.2.2, 13.5.3); what a storer does about a Kind that
 * is not known (7.4.1.1). */
#include "overlay/resource.h"

#include "overlay/access.h"
#include "overlay/rollback.h"
#include "overlay/wire/body_misc.h"
#include "overlay/wire/hip_record.h"
#include "test/unit/core/core.h"
#include "test/unit/run.h"

#define VALUE_LIFETIME_S 60

static struct core *c;
static struct remote owner, a, b;
static size_t done_count;
static struct resource_fetch_result last;

static struct slice own_document(void *ctx)
{
	(void)ctx;
	return slice_text("our document");
}

static const struct configuration_ops CONFIGURATION = { .document = own_document };

static void setup(void)
{
	struct core_options o = { .first = true, .configuration_ops = &CONFIGURATION };

	c = core_new(&o);
	remote_init(&owner, 0x10, 1);
	remote_init(&a, 0x20, 1);
	remote_init(&b, 0x30, 1);
	ck_assert(core_accept(c, &owner) != 0);
	c->has_hop = true;
	c->hop = owner.id;
	done_count = 0;
}

static void teardown(void)
{
	remote_free(&owner);
	remote_free(&a);
	remote_free(&b);
	core_free(c);
}

static void on_fetched(void *ctx, struct now now, const struct resource_fetch_result *result)
{
	(void)ctx;
	(void)now;
	done_count++;
	last = *result;
}

/* The place of r's certificate: by NODE-MATCH only r may write there. */
static struct resource_id place_of(const struct remote *r)
{
	return security_resource_id(&r->port, slice_of(r->id.bytes, NODE_ID_LENGTH));
}

/* A value at `index` of r's place, stored so many ms before the test began. */
static struct stored_data value_of(struct remote *r, uint32_t index, uint64_t age_ms)
{
	struct resource_id resource = place_of(r);
	struct stored_data data = {
		.storage_time = c->now.wall.ms - age_ms,
		.lifetime = VALUE_LIFETIME_S,
		.value = { .model = DATA_MODEL_ARRAY,
			   .index = index,
			   .data = { .exists = true, .value = slice_text("value") } },
	};
	struct slice covered;

	ck_assert_int_eq(access_signed_data(&resource, KIND_CERTIFICATE_BY_NODE, &data, &c->arena,
					    &covered),
			 0);
	ck_assert_int_eq(r->port.ops->sign(r->port.ctx, &covered, 1, &c->arena, &data.signature), 0);
	return data;
}

/* The owner answers a Fetch with this value. */
static void fetch_from(const struct resource_id *resource, uint32_t id, const struct stored_data *data)
{
	struct fetch_kind_response kind = { .kind = id, .generation = 1 };
	struct fetch_ans ans = { .kinds = &kind, .kind_count = 1 };
	uint8_t values[1024], body[1200];
	struct writer v = writer_of(values, sizeof(values)), w = writer_of(body, sizeof(body));
	struct forwarding_header h;
	size_t before = done_count;
	struct message m;

	stored_data_put(&v, data);
	kind.values = writer_slice(&v);
	fetch_ans_put(&w, &ans);
	ck_assert_int_eq(v.err, 0);
	ck_assert_int_eq(w.err, 0);
	ck_assert_int_eq(resource_fetch(c->peer, c->now, resource, id, on_fetched, NULL), 0);
	core_drain(c);
	ck_assert(core_take(c, &owner, &m));
	h = core_header(c, m.header.transaction_id, core_to_self(c));
	core_receive(c, &owner,
		     core_message(c, &owner, &h, method_answer_code(METHOD_FETCH),
				  writer_slice(&w)));
	ck_assert_uint_eq(done_count, before + 1);
	ck_assert_int_eq(last.err, 0);
	ck_assert_uint_eq(last.count + last.discarded, 1);
}

static void fetch(struct remote *r, const struct stored_data *data)
{
	struct resource_id resource = place_of(r);

	fetch_from(&resource, KIND_CERTIFICATE_BY_NODE, data);
}

/* The certificates of signers that did not send a message are known from an earlier one. */
static void introduce(struct remote *r)
{
	struct identity identity;

	ck_assert_int_eq(peer_security(c->peer)->ops->identify(
				 peer_security(c->peer)->ctx, c->now.wall,
				 slice_of(r->certificate, r->certificate_len), &identity),
			 0);
	ck_assert(core_accept(c, r) != 0);
}

START_TEST(fetch_discards_what_its_signer_did_not_write)
{
	struct stored_data forged;

	setup();
	introduce(&a);
	forged = value_of(&a, 0, 1000);
	forged.value.data.value = slice_text("other");
	fetch(&a, &forged);
	ck_assert_uint_eq(last.discarded, 1);
	/* Another one's right to write is not this place's. */
	introduce(&b);
	forged = value_of(&b, 0, 1000);
	fetch(&a, &forged);
	ck_assert_uint_eq(last.discarded, 1);
	ck_assert_uint_eq(peer_counters(c->peer)->values_discarded, 2);
	teardown();
}
END_TEST

/* HIT-MATCH: a's record of a HIT, signed well, as an owner that does not check would hand it out. */
static void fetch_record(const struct hit *hit, uint8_t flags, uint8_t proof)
{
	struct destination to = destination_of_node(&a.id);
	struct resource_id resource = security_resource_id(&a.port, slice_of(hit->bytes, HIT_LENGTH));
	struct hip_record record = { .hit = *hit, .flags = flags, .sequence = 1, .lifetime_s = VALUE_LIFETIME_S,
				     .destinations = { &to, 1 }, .proof = proof };
	uint8_t bytes[256];
	struct writer w = writer_of(bytes, sizeof(bytes));
	struct stored_data data = {
		.storage_time = c->now.wall.ms,
		.lifetime = VALUE_LIFETIME_S,
		.value = { .model = DATA_MODEL_DICTIONARY,
			   .key = slice_of(a.id.bytes, NODE_ID_LENGTH),
			   .data = { .exists = true } },
	};
	struct slice covered;

	hip_record_put(&w, &record);
	data.value.data.value = writer_slice(&w);
	ck_assert_int_eq(access_signed_data(&resource, KIND_HIP_RVS, &data, &c->arena, &covered), 0);
	ck_assert_int_eq(a.port.ops->sign(a.port.ctx, &covered, 1, &c->arena, &data.signature), 0);
	fetch_from(&resource, KIND_HIP_RVS, &data);
}

START_TEST(fetch_discards_a_record_of_a_hit_that_did_not_agree)
{
	struct hit own, other;

	setup();
	ck_assert_int_eq(kind_add(&c->configuration.kinds, kind_registered(KIND_HIP_RVS)), 0);
	introduce(&a);
	own = a.port.ops->own_identity(a.port.ctx)->hit;
	other = b.port.ops->own_identity(b.port.ctx)->hit;
	fetch_record(&own, HIP_RECORD_OWN, HIP_PROOF_CERTIFICATE);
	ck_assert_uint_eq(last.count, 1);
	fetch_record(&other, HIP_RECORD_OWN, HIP_PROOF_CERTIFICATE);
	ck_assert_uint_eq(last.discarded, 1);
	/* Edge-vouched: it is handed out as what it is. */
	fetch_record(&other, HIP_RECORD_PLAIN, HIP_PROOF_NONE);
	ck_assert_uint_eq(last.count, 1);
	teardown();
}
END_TEST

START_TEST(fetch_discards_an_older_value_than_before)
{
	struct stored_data old, fresh, elsewhere, others;

	setup();
	introduce(&a);
	introduce(&b);
	old = value_of(&a, 0, 3000);
	fresh = value_of(&a, 0, 2000);
	elsewhere = value_of(&a, 1, 4000);
	others = value_of(&b, 0, 4000);
	fetch(&a, &old);
	fetch(&a, &fresh);
	ck_assert_uint_eq(last.discarded, 0);
	fetch(&a, &old);
	ck_assert_uint_eq(last.discarded, 1);
	ck_assert_uint_eq(peer_counters(c->peer)->values_discarded, 1);
	ck_assert_uint_eq(peer_counters(c->peer)->errors[-ERR_DATA_TOO_OLD], 1);
	/* The same again, and older ones in other places, are right. */
	fetch(&a, &fresh);
	ck_assert_uint_eq(last.discarded, 0);
	fetch(&a, &elsewhere);
	ck_assert_uint_eq(last.discarded, 0);
	fetch(&b, &others);
	ck_assert_uint_eq(last.discarded, 0);
	teardown();
}
END_TEST

START_TEST(fetch_forgets_a_value_with_its_lifetime)
{
	struct stored_data old, fresh;

	setup();
	introduce(&a);
	old = value_of(&a, 0, 3000);
	fresh = value_of(&a, 0, 2000);
	fetch(&a, &fresh);
	/* Shortening what is not signed does not help. */
	fresh.lifetime = 0;
	fetch(&a, &fresh);
	c->now.mono = instant_add(c->now.mono, duration_s(VALUE_LIFETIME_S - 1));
	fetch(&a, &old);
	ck_assert_uint_eq(last.discarded, 1);
	c->now.mono = instant_add(c->now.mono, duration_s(1));
	fetch(&a, &old);
	ck_assert_uint_eq(last.discarded, 0);
	teardown();
}
END_TEST

START_TEST(rollback_memory_has_a_limit)
{
	struct resource_id resource;
	struct stored_data old, fresh;

	setup();
	resource = place_of(&a);
	for (uint32_t i = 0; i <= ROLLBACK_ENTRIES_MAX; i++) {
		fresh = (struct stored_data){ .storage_time = 2,
					      .lifetime = 60,
					      .value = { .model = DATA_MODEL_ARRAY, .index = i } };
		ck_assert(!rollback_found(c->peer, c->now, &resource, 1, &fresh, &a.id));
	}
	/* The last one is known; the first one had to go. */
	old = fresh;
	old.storage_time = 1;
	ck_assert(rollback_found(c->peer, c->now, &resource, 1, &old, &a.id));
	old.value.index = 0;
	ck_assert(!rollback_found(c->peer, c->now, &resource, 1, &old, &a.id));
	teardown();
}
END_TEST

static int stored_err;

static void on_stored(void *ctx, struct now now, const struct resource_store_result *result)
{
	(void)ctx;
	(void)now;
	stored_err = result->err;
}

/* 7.4.1.1: who does not know a Kind of the configuration has an older one, whatever sequence it names. */
START_TEST(store_of_a_kind_unknown_there_sends_the_document)
{
	struct resource_id resource;
	struct resource_value value = { .exists = true, .value = slice_text("value"), .lifetime_s = 60 };
	struct forwarding_header h;
	struct config_update_req req;
	uint8_t body[64];
	struct writer w = writer_of(body, sizeof(body));
	struct error_response e = { .code = 0xc, .info = slice_of("\x04\0\0\0\x03", 5) };
	struct message m;
	struct reader r;

	setup();
	stored_err = 1;
	resource = place_of(&a);
	ck_assert_int_eq(resource_store(c->peer, c->now, &resource, KIND_CERTIFICATE_BY_NODE, &value, 1,
					on_stored, NULL),
			 0);
	core_drain(c);
	ck_assert(core_take(c, &owner, &m));
	ck_assert_uint_eq(m.contents.code, method_request_code(METHOD_STORE));
	error_response_put(&w, &e);
	h = core_header(c, m.header.transaction_id, core_to_self(c));
	core_receive(c, &owner, core_message(c, &owner, &h, MESSAGE_CODE_ERROR, writer_slice(&w)));
	ck_assert_int_eq(stored_err, ERR_UNKNOWN_KIND);
	ck_assert(core_take(c, &owner, &m));
	ck_assert_uint_eq(m.contents.code, method_request_code(METHOD_CONFIG_UPDATE));
	ck_assert(slice_equal(m.header.destination_list, core_nodes(c, &owner.id, 1)));
	r = reader_of(m.contents.body);
	ck_assert_int_eq(config_update_req_get(&r, &c->arena, &req), 0);
	ck_assert_uint_eq(req.type, CONFIG_UPDATE_CONFIG);
	ck_assert(slice_equal(req.config_data, slice_text("our document")));
	teardown();
}
END_TEST

int main(void)
{
	return RUN_TESTS("resource", fetch_discards_what_its_signer_did_not_write,
			 fetch_discards_a_record_of_a_hit_that_did_not_agree,
			 fetch_discards_an_older_value_than_before,
			 fetch_forgets_a_value_with_its_lifetime, rollback_memory_has_a_limit,
			 store_of_a_kind_unknown_there_sends_the_document);
}
