/* SPDX-License-Identifier: MIT */
/* Hostile peers in a small ring: each behaviour does its harm to plain lookups, and ours find what is there all the
 * same; lies about the ring do not damage honest tables. */
#include <stdio.h>
#include <string.h>

#include "overlay/access.h"
#include "overlay/base/invariant.h"
#include "overlay/resource.h"
#include "storage/storage.h"
#include "tools/sim/attacker.h"
#include "test/unit/run.h"

#define PEERS 24
#define KIND 0xf0000001u

static struct net *n;
static struct attacker *attacker;
static struct configuration *configuration;
static struct backend backends[PEERS];

static void *on_storage_new(void *ctx, struct net *net, size_t node, struct peer *p, struct now now)
{
	struct storage *s;

	(void)ctx;
	(void)net;
	backends[node] = backend_memory();
	ck_assert_int_eq(storage_new(&s, p, &backends[node], now), 0);
	return s;
}

static void on_storage_free(void *ctx, void *s)
{
	(void)ctx;
	storage_free(s);
}

static bool on_intercept(void *ctx, struct net *net, size_t node, size_t from, struct slice *bytes)
{
	(void)ctx;
	(void)net;
	return attacker == NULL || attacker_intercept(attacker, node, from, bytes);
}

/* PEAL_TEST_LOG in the environment shows what lookups do. */
static void on_log(void *ctx, struct now now, size_t node, enum log_level level, const char *event, const char *text)
{
	(void)ctx;
	(void)level;
	if (strncmp(event, "lookup", 6) == 0 && getenv("PEAL_TEST_LOG") != NULL)
		fprintf(stderr, "%10.3f %2zu %s %s\n", (double)now.mono.us / 1e6, node, event, text);
}

static void setup(uint64_t seed)
{
	static const struct kind kind = { .id = KIND, .model = DATA_MODEL_SINGLE, .max_count = 1,
					  .access = ACCESS_USER_MATCH, .max_size = 1000 };
	struct net_options options = {
		.seed = seed,
		.hooks = { .storage_new = on_storage_new, .storage_free = on_storage_free,
			   .intercept = on_intercept, .log = on_log },
		.log_level = LOG_INFO,
	};

	configuration = memory_alloc(sizeof(*configuration));
	configuration_init(configuration);
	ck_assert_int_eq(kind_add(&configuration->kinds, &kind), 0);
	snprintf(configuration->overlay_name, sizeof(configuration->overlay_name), "example.org");
	options.configuration = configuration;
	n = net_new(&options);
	net_add_peers(n, PEERS);
	for (size_t i = 0; i < PEERS; i++) {
		net_start(n, i);
		net_run(n, duration_ms(300));
	}
	ck_assert(net_run_until(n, net_ring_is_ideal, NULL, duration_s(60)));
	net_run(n, duration_s(30));
	attacker = attacker_new(n, NULL);
}

static void teardown(void)
{
	net_free(n);
	attacker_free(attacker);
	attacker = NULL;
	free(configuration);
	for (size_t i = 0; i < PEERS; i++)
		backends[i].ops->close(backends[i].ctx);
}

static struct node_id point_of(size_t node)
{
	struct resource_id resource;
	struct node_id point;
	char user[64];

	snprintf(user, sizeof(user), "user%zu@example.org", node);
	resource = access_user_resource(peer_security(net_peer(n, 0)), user);
	ck_assert_int_eq(node_id_from_resource_id(&resource, &point), 0);
	return point;
}

/* Owner (0) or a replica of what the node stores. */
static size_t holder_of(size_t node, unsigned number)
{
	struct node_id point = point_of(node);
	size_t holder = net_owner(n, &point);

	while (number-- > 0) {
		point = node_id_next(net_node_id(n, holder));
		holder = net_owner(n, &point);
	}
	return holder;
}

static void on_stored(void *ctx, struct now now, const struct resource_store_result *result)
{
	(void)now;
	*(bool *)ctx = result->err == 0 && result->replica_count == 2;
}

static void store(size_t node, const char *text)
{
	struct node_id point = point_of(node);
	struct resource_id resource = resource_id_from_node_id(&point);
	struct resource_value value = { .exists = true, .value = slice_text(text), .lifetime_s = 3600 };
	bool is_stored = false;

	ck_assert_int_eq(resource_store(net_peer(n, node), net_now(n), &resource, KIND, &value, 1, on_stored,
					&is_stored), 0);
	net_flush(n, node);
	net_run(n, duration_s(5));
	ck_assert(is_stored);
}

struct fetched {
	bool is_over;
	int err;
	size_t requests, discarded;
	char text[32];
};

static void on_fetched(void *ctx, struct now now, const struct resource_fetch_result *result)
{
	struct fetched *f = ctx;

	(void)now;
	f->is_over = true;
	f->err = result->err;
	f->requests = result->requests;
	f->discarded = result->discarded;
	for (size_t i = 0; i < result->count; i++)
		if (!result->values[i].is_synthetic)
			snprintf(f->text, sizeof(f->text), "%.*s",
				 (int)result->values[i].data.value.data.value.len,
				 (const char *)result->values[i].data.value.data.value.data);
}

static bool fetch_is_over(struct net *net, void *ctx)
{
	(void)net;
	return ((struct fetched *)ctx)->is_over;
}

static struct fetched fetch(size_t from, size_t of, bool plain)
{
	const struct resource_fetch_options options = { .plain = plain };
	struct node_id point = point_of(of);
	struct resource_id resource = resource_id_from_node_id(&point);
	struct fetched f = { 0 };

	ck_assert_int_eq(resource_fetch_with(net_peer(n, from), net_now(n), &resource, KIND, &options, on_fetched,
					     &f), 0);
	net_flush(n, from);
	ck_assert(net_run_until(n, fetch_is_over, &f, duration_s(20)));
	return f;
}

/* A node that holds nothing of it. */
static size_t stranger_to(size_t node)
{
	for (size_t i = 0; i < PEERS; i++)
		if (i != node && i != holder_of(node, 0) && i != holder_of(node, 1) && i != holder_of(node, 2))
			return i;
	ck_abort_msg("nobody");
}

START_TEST(behaviours_have_names)
{
	for (unsigned b = 0; b < ATTACKER_COUNT; b++)
		ck_assert_uint_eq(attacker_named(attacker_name((enum attacker_behaviour)b)), b);
	ck_assert_uint_eq(attacker_named("kind"), ATTACKER_COUNT);
}
END_TEST

START_TEST(honest_lookup_costs_one_request)
{
	setup(1);
	for (size_t i = 0; i < PEERS; i++)
		store(i, "here");
	for (size_t i = 0; i < PEERS; i++) {
		struct fetched f = fetch((i + 7) % PEERS, i, false);

		ck_assert_str_eq(f.text, "here");
		ck_assert_uint_eq(f.requests, 1);
	}
	teardown();
}
END_TEST

START_TEST(missing_record_costs_five_requests)
{
	setup(2);
	for (size_t i = 0; i < PEERS; i++) {
		struct fetched f = fetch((i + 7) % PEERS, i, false);

		ck_assert_int_eq(f.err, 0);
		ck_assert_str_eq(f.text, "");
		ck_assert_uint_le(f.requests, 5);
	}
	teardown();
}
END_TEST

/* What the owner does to a plain lookup, and that ours gets by. */
static void owner_harms(enum attacker_behaviour behaviour, const char *plainly)
{
	struct attacker_totals totals;
	struct fetched f;
	size_t from;

	setup(3);
	from = stranger_to(5);
	if (behaviour == ATTACKER_STALE)
		attacker_set(attacker, holder_of(5, 0), behaviour);
	store(5, "old");
	store(5, "new");
	attacker_set(attacker, holder_of(5, 0), behaviour);
	f = fetch(from, 5, true);
	ck_assert_str_eq(f.text, plainly);
	f = fetch(from, 5, false);
	if (behaviour != ATTACKER_STALE)
		ck_assert_str_eq(f.text, "new");
	attacker_totals(attacker, &totals);
	ck_assert_uint_gt(totals.dropped + totals.lies + totals.stale_answers, 0);
	/* The ring does not mind. */
	net_run(n, duration_s(60));
	ck_assert_msg(net_ring_is_ideal(n, NULL), "%s", net_ring_fault(n));
	teardown();
}

START_TEST(lookup_finds_what_the_owner_drops)
{
	owner_harms(ATTACKER_DROP, "");
}
END_TEST

START_TEST(lookup_finds_what_the_owner_denies)
{
	owner_harms(ATTACKER_LIE, "");
}
END_TEST

START_TEST(lookup_finds_what_the_owner_misroutes)
{
	owner_harms(ATTACKER_MISROUTE, "");
}
END_TEST

/* Who has never seen the new one cannot know. */
START_TEST(lookup_of_a_stranger_believes_a_stale_owner)
{
	owner_harms(ATTACKER_STALE, "old");
}
END_TEST

START_TEST(lookup_after_a_rollback_finds_the_latest)
{
	struct fetched f;
	size_t from;

	setup(4);
	from = stranger_to(5);
	attacker_set(attacker, holder_of(5, 0), ATTACKER_STALE);
	store(5, "old");
	store(5, "new");
	attacker_set(attacker, holder_of(5, 0), ATTACKER_HONEST);
	ck_assert_str_eq(fetch(from, 5, false).text, "new");
	attacker_set(attacker, holder_of(5, 0), ATTACKER_STALE);
	f = fetch(from, 5, false);
	ck_assert_str_eq(f.text, "new");
	ck_assert_uint_gt(f.requests, 1);
	teardown();
}
END_TEST

START_TEST(lookup_finds_the_last_honest_holder)
{
	static const enum attacker_behaviour behaviours[] = { ATTACKER_DROP, ATTACKER_MISROUTE };

	setup(5);
	for (size_t i = 0; i < 6; i++)
		store(i, "here");
	for (size_t i = 0; i < 6; i++) {
		struct fetched f;

		for (unsigned k = 0; k < 3; k++)
			if (k != i % 3)
				attacker_set(attacker, holder_of(i, k), behaviours[i % 2]);
		f = fetch(stranger_to(i), i, false);
		for (size_t k = 0; k < PEERS; k++)
			attacker_set(attacker, k, ATTACKER_HONEST);
		ck_assert_msg(strcmp(f.text, "here") == 0, "record %zu: err %d, %zu requests", i, f.err, f.requests);
	}
	teardown();
}
END_TEST

START_TEST(sleepers_and_on_off_change_with_time)
{
	struct attacker_totals early, late;
	size_t from, owner;

	setup(6);
	store(5, "here");
	from = stranger_to(5);
	owner = holder_of(5, 0);
	attacker_set(attacker, owner, ATTACKER_SLEEPER);
	ck_assert_str_eq(fetch(from, 5, true).text, "here");
	attacker_totals(attacker, &early);
	ck_assert_uint_eq(early.dropped, 0);
	net_run(n, duration_s(300));
	ck_assert_str_eq(fetch(from, 5, true).text, "");
	attacker_set(attacker, owner, ATTACKER_ON_OFF);
	ck_assert_str_eq(fetch(from, 5, true).text, "");
	net_run(n, duration_s(60 - 15));
	ck_assert_str_eq(fetch(from, 5, true).text, "here");
	attacker_totals(attacker, &late);
	ck_assert_uint_gt(late.dropped, early.dropped);
	teardown();
}
END_TEST

START_TEST(lies_about_the_ring_do_not_damage_honest_tables)
{
	struct attacker_totals totals;

	setup(7);
	for (size_t i = 0; i < PEERS; i++)
		store(i, "here");
	for (size_t i = 1; i < PEERS; i += 3)
		attacker_set(attacker, i, ATTACKER_LIAR);
	for (unsigned i = 0; i < 60; i++) {
		net_run(n, duration_s(2));
		ck_assert_msg(net_ring_is_ideal(n, NULL), "%s", net_ring_fault(n));
	}
	attacker_totals(attacker, &totals);
	ck_assert_uint_gt(totals.false_updates, 100);
	ck_assert_uint_gt(totals.false_leaves, 100);
	for (size_t i = 0; i < PEERS; i += 3)
		ck_assert_str_eq(fetch((i + 6) % PEERS, i, false).text, "here");
	teardown();
}
END_TEST

static uint64_t hostile_run(void)
{
	uint64_t hash;

	setup(8);
	store(5, "here");
	(void)attacker_set_cluster(attacker, net_node_id(n, holder_of(5, 0)), 8, ATTACKER_MISROUTE);
	attacker_set(attacker, stranger_to(5), ATTACKER_HONEST);
	(void)fetch(stranger_to(5), 5, false);
	hash = net_trace_hash(n);
	teardown();
	return hash;
}

START_TEST(hostile_run_is_the_same_every_time)
{
	ck_assert_uint_eq(hostile_run(), hostile_run());
}
END_TEST

int main(void)
{
	return RUN_TESTS("sim attacker", behaviours_have_names, honest_lookup_costs_one_request,
			 missing_record_costs_five_requests, lookup_finds_what_the_owner_drops,
			 lookup_finds_what_the_owner_denies, lookup_finds_what_the_owner_misroutes,
			 lookup_of_a_stranger_believes_a_stale_owner, lookup_after_a_rollback_finds_the_latest,
			 lookup_finds_the_last_honest_holder, sleepers_and_on_off_change_with_time,
			 lies_about_the_ring_do_not_damage_honest_tables, hostile_run_is_the_same_every_time);
}
