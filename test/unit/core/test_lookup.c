/* SPDX-License-Identifier: MIT */
/* A lookup step by step, as the nodes around one peer see it: what it asks of whom after which answer. What comes of
 * it in a whole ring with hostile peers is in test/unit/sim/test_attacker.c. */
#include "overlay/access.h"
#include "overlay/evidence.h"
#include "overlay/resource.h"
#include "overlay/wire/body_misc.h"
#include "test/unit/core/core.h"
#include "test/unit/run.h"

#define KIND 3u /* CERTIFICATE_BY_NODE */
#define LIFETIME_S 600

static struct core *c;
static struct remote owner, next, a; /* the owner of a's place, who follows it, who wrote there */
static size_t done_count;
static struct resource_fetch_result last;
static bool last_is_stale;
static struct node_id last_signer;

static void on_fetched(void *ctx, struct now now, const struct resource_fetch_result *result)
{
	(void)ctx;
	(void)now;
	done_count++;
	last = *result;
	last_is_stale = result->count > 0 && result->values[0].is_stale;
	last_signer = result->count > 0 ? result->values[0].signer.node_id : (struct node_id){ { 0 } };
}

static struct resource_id place(void)
{
	return security_resource_id(&a.port, slice_of(a.id.bytes, NODE_ID_LENGTH));
}

/* The owner's Node-ID lies behind the Resource-ID, the next one's behind that. */
static void setup(void)
{
	struct identity identity;
	struct resource_id resource;
	struct core_options o = { .first = true };

	c = core_new(&o);
	remote_init(&a, 0x20, 1);
	resource = place();
	remote_init(&owner, (uint8_t)(resource.bytes[0] + 1), 1);
	remote_init(&next, (uint8_t)(resource.bytes[0] + 2), 1);
	ck_assert(core_accept(c, &owner) != 0);
	ck_assert(core_accept(c, &next) != 0);
	ck_assert_int_eq(peer_security(c->peer)->ops->identify(peer_security(c->peer)->ctx, c->now.wall,
							       slice_of(a.certificate, a.certificate_len),
							       &identity), 0);
	ck_assert(core_accept(c, &a) != 0);
	c->has_hop = true;
	c->hop = owner.id;
	c->accepts_answer = true;
	done_count = 0;
	core_forget_sent(c);
}

static void teardown(void)
{
	remote_free(&owner);
	remote_free(&next);
	remote_free(&a);
	core_free(c);
}

static void ask(const struct resource_fetch_options *options)
{
	struct resource_id resource = place();

	ck_assert_int_eq(resource_fetch_with(c->peer, c->now, &resource, KIND, options, on_fetched, NULL), 0);
	core_drain(c);
}

/* The latest request of this method on r's link. */
static struct message taken(struct remote *r, enum method method)
{
	struct message m;

	ck_assert_msg(core_take(c, r, &m), "%s was not sent", method_name(method));
	ck_assert_uint_eq(m.contents.code, method_request_code(method));
	return m;
}

static void answer(struct remote *r, const struct message *m, enum method method, struct slice body)
{
	struct forwarding_header h = core_header(c, m->header.transaction_id, core_to_self(c));

	core_receive(c, r, core_message(c, r, &h, method_answer_code(method), body));
}

/* FetchAns with a's value as stored so long ago, or with nothing (age UINT64_MAX). */
static void answer_fetch(struct remote *r, const struct message *m, uint64_t age_ms)
{
	struct resource_id resource = place();
	struct stored_data data = {
		.storage_time = c->now.wall.ms - age_ms,
		.lifetime = LIFETIME_S,
		.value = { .model = DATA_MODEL_ARRAY, .data = { .exists = true, .value = slice_text("value") } },
	};
	struct fetch_kind_response kind = { .kind = KIND, .generation = 1 };
	struct fetch_ans ans = { .kinds = &kind, .kind_count = 1 };
	uint8_t values[1024], body[1200];
	struct writer v = writer_of(values, sizeof(values)), w = writer_of(body, sizeof(body));
	struct slice covered;

	if (age_ms != UINT64_MAX) {
		ck_assert_int_eq(access_signed_data(&resource, KIND, &data, &c->arena, &covered), 0);
		ck_assert_int_eq(a.port.ops->sign(a.port.ctx, &covered, 1, &c->arena, &data.signature), 0);
		stored_data_put(&v, &data);
	}
	kind.values = writer_slice(&v);
	fetch_ans_put(&w, &ans);
	answer(r, m, METHOD_FETCH, writer_slice(&w));
}

static void answer_ping(struct remote *r, const struct message *m)
{
	const struct ping_ans ans = { 1, c->now.wall.ms };
	uint8_t body[32];
	struct writer w = writer_of(body, sizeof(body));

	ping_ans_put(&w, &ans);
	answer(r, m, METHOD_PING, writer_slice(&w));
}

START_TEST(lookup_costs_one_request_when_it_is_answered)
{
	struct message m;

	setup();
	ask(NULL);
	m = taken(&owner, METHOD_FETCH);
	answer_fetch(&owner, &m, 1000);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_uint_eq(last.count, 1);
	ck_assert_uint_eq(last.requests, 1);
	ck_assert(node_id_equal(&last.owner, &owner.id));
	ck_assert(node_id_equal(&last_signer, &a.id));
	ck_assert(!core_take(c, &next, &m));
	teardown();
}
END_TEST

/* Enough good lookups. */
static void calm(void)
{
	for (unsigned i = 0; i < 70; i++)
		evidence_lookup(c->peer, c->now, true);
}

START_TEST(nothing_there_is_checked_with_the_next_holder)
{
	struct node_id behind;
	struct resource_id resource;
	struct message m;
	struct destination d;
	struct slice rest;

	setup();
	calm();
	ask(NULL);
	m = taken(&owner, METHOD_FETCH);
	answer_fetch(&owner, &m, UINT64_MAX);
	ck_assert_uint_eq(done_count, 0);
	/* Who is responsible for the identifier behind the owner? */
	m = taken(&owner, METHOD_PING);
	behind = node_id_next(&owner.id);
	resource = resource_id_from_node_id(&behind);
	ck_assert_int_eq(destination_list_first(m.header.destination_list, &d, &rest), 0);
	ck_assert(d.type == DESTINATION_RESOURCE && slice_equal(d.id.bytes, resource_id_slice(&resource)));
	answer_ping(&next, &m);
	m = taken(&next, METHOD_FETCH);
	ck_assert(slice_equal(m.header.destination_list, core_nodes(c, &next.id, 1)));
	answer_fetch(&next, &m, UINT64_MAX);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(last.err, 0);
	ck_assert_uint_eq(last.count, 0);
	ck_assert_uint_eq(last.requests, 3);
	teardown();
}
END_TEST

START_TEST(nothing_there_is_checked_with_both_by_who_has_seen_little)
{
	struct message m;

	setup();
	ask(NULL);
	m = taken(&owner, METHOD_FETCH);
	answer_fetch(&owner, &m, UINT64_MAX);
	m = taken(&owner, METHOD_PING);
	answer_ping(&next, &m);
	m = taken(&next, METHOD_FETCH);
	answer_fetch(&next, &m, UINT64_MAX);
	ck_assert_uint_eq(done_count, 0);
	m = taken(&owner, METHOD_PING);
	answer_ping(&a, &m);
	m = taken(&a, METHOD_FETCH);
	answer_fetch(&a, &m, UINT64_MAX);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(last.err, 0);
	ck_assert_uint_eq(last.requests, 5);
	teardown();
}
END_TEST

START_TEST(owner_that_denies_what_the_next_holder_has_loses_trust)
{
	struct message m;

	setup();
	calm();
	ask(NULL);
	m = taken(&owner, METHOD_FETCH);
	answer_fetch(&owner, &m, UINT64_MAX);
	m = taken(&owner, METHOD_PING);
	answer_ping(&next, &m);
	m = taken(&next, METHOD_FETCH);
	answer_fetch(&next, &m, 1000);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_uint_eq(last.count, 1);
	ck_assert(node_id_equal(&last.owner, &next.id));
	/* One good: the Fetch it answered. One bad: the answer. */
	ck_assert_uint_lt(evidence_trust(c->peer, &owner.id), 2 * EVIDENCE_PPM / 3);
	ck_assert(!evidence_is_calm(c->peer));
	teardown();
}
END_TEST

START_TEST(plain_lookup_asks_once)
{
	const struct resource_fetch_options plain = { .plain = true };
	struct message m;

	setup();
	ask(&plain);
	m = taken(&owner, METHOD_FETCH);
	answer_fetch(&owner, &m, UINT64_MAX);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(last.err, 0);
	ck_assert_uint_eq(last.count, 0);
	ck_assert_uint_eq(last.requests, 1);
	teardown();
}
END_TEST

START_TEST(late_answer_to_the_first_request_is_still_taken)
{
	struct message m;

	setup();
	ask(NULL);
	m = taken(&owner, METHOD_FETCH);
	core_advance(c, 2500);
	ck_assert_uint_eq(done_count, 0);
	answer_fetch(&owner, &m, 1000);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_uint_eq(last.count, 1);
	teardown();
}
END_TEST

START_TEST(lookup_ends_within_its_limit)
{
	const struct resource_fetch_options hurried = { .limit = duration_s(4) };

	setup();
	ask(NULL);
	core_advance(c, 11900);
	ck_assert_uint_eq(done_count, 0);
	core_advance(c, 200);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(last.err, ERR_REQUEST_TIMEOUT);
	/* The links have gone quiet meanwhile: anew. */
	teardown();
	setup();
	ask(&hurried);
	core_advance(c, 3900);
	ck_assert_uint_eq(done_count, 0);
	core_advance(c, 200);
	ck_assert_uint_eq(done_count, 1);
	teardown();
}
END_TEST

START_TEST(old_value_is_handed_out_only_to_who_accepts_it)
{
	const struct resource_fetch_options hurried = { .limit = duration_ms(600) };
	const struct resource_fetch_options accepting = { .limit = duration_ms(600), .accept_stale = true };
	struct message m;

	setup();
	ask(NULL);
	m = taken(&owner, METHOD_FETCH);
	answer_fetch(&owner, &m, 1000);
	ck_assert_uint_eq(last.count, 1);
	/* An older one, and no other holder to be found. */
	ask(&hurried);
	m = taken(&owner, METHOD_FETCH);
	answer_fetch(&owner, &m, 5000);
	core_advance(c, 700);
	ck_assert_uint_eq(done_count, 2);
	ck_assert_int_eq(last.err, 0);
	ck_assert_uint_eq(last.count, 0);
	ck_assert_uint_eq(last.discarded, 1);
	core_forget_sent(c);
	ask(&accepting);
	m = taken(&owner, METHOD_FETCH);
	answer_fetch(&owner, &m, 5000);
	core_advance(c, 700);
	ck_assert_uint_eq(done_count, 3);
	ck_assert_uint_eq(last.count, 1);
	ck_assert(last_is_stale);
	ck_assert_uint_eq(last.discarded, 0);
	teardown();
}
END_TEST

START_TEST(denial_of_what_was_seen_is_not_believed_at_once)
{
	struct message m;

	setup();
	ask(NULL);
	m = taken(&owner, METHOD_FETCH);
	answer_fetch(&owner, &m, 1000);
	ask(NULL);
	m = taken(&owner, METHOD_FETCH);
	answer_fetch(&owner, &m, UINT64_MAX);
	/* No Ping for one more opinion: the search, which has nobody to ask here. */
	ck_assert(!core_take(c, &owner, &m));
	teardown();
}
END_TEST

START_TEST(cancelled_lookup_is_silent)
{
	struct message m;

	setup();
	ask(NULL);
	m = taken(&owner, METHOD_FETCH);
	resource_cancel(c->peer, NULL);
	answer_fetch(&owner, &m, 1000);
	/* And one that is under way when its peer goes. */
	ask(NULL);
	core_advance(c, 1500);
	ck_assert_uint_eq(done_count, 0);
	teardown();
}
END_TEST

int main(void)
{
	return RUN_TESTS("core lookup", lookup_costs_one_request_when_it_is_answered,
			 nothing_there_is_checked_with_the_next_holder,
			 nothing_there_is_checked_with_both_by_who_has_seen_little,
			 owner_that_denies_what_the_next_holder_has_loses_trust, plain_lookup_asks_once,
			 late_answer_to_the_first_request_is_still_taken, lookup_ends_within_its_limit,
			 old_value_is_handed_out_only_to_who_accepts_it,
			 denial_of_what_was_seen_is_not_believed_at_once, cancelled_lookup_is_silent);
}
