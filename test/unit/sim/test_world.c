/* SPDX-License-Identifier: MIT */
/* The world: processes come and go with their disks, records are acknowledged and found, and the ledger's
 * verdicts follow from what was acknowledged alone. */
#include "tools/sim/world.h"

#include "test/unit/run.h"

struct outcome {
	unsigned count;
	enum lookup_verdict verdict;
};

static void outcome_set(void *ctx, enum lookup_verdict verdict, struct duration took)
{
	struct outcome *o = ctx;

	(void)took;
	o->count++;
	o->verdict = verdict;
}

static bool ring_is_ideal(struct world *w, void *ctx)
{
	(void)ctx;
	return net_ring_is_ideal(world_net(w), NULL);
}

static struct world *world_of(struct world_options o, size_t count)
{
	struct world *w = world_new(&o);

	world_add_peers(w, count);
	for (size_t i = 0; i < count; i++) {
		world_start(w, i);
		world_run(w, duration_ms(500));
	}
	ck_assert_msg(world_run_until(w, ring_is_ideal, NULL, duration_s(60)), "%s", net_ring_fault(world_net(w)));
	world_run(w, duration_s(5));
	return w;
}

static struct record *registered(struct world *w, size_t node, uint32_t lifetime_s)
{
	world_register(w, node, lifetime_s);
	world_run(w, duration_s(5));
	for (size_t i = 0; i < world_record_count(w); i++)
		if (world_record(w, i)->node == node)
			return world_record(w, i);
	ck_abort_msg("no record of node %zu", node);
	return NULL;
}

static enum lookup_verdict looked_up(struct world *w, size_t from, size_t user)
{
	struct outcome o = { 0 };

	world_lookup(w, from, user, outcome_set, &o);
	world_run(w, duration_s(20));
	ck_assert_uint_eq(o.count, 1);
	return o.verdict;
}

START_TEST(record_is_found_when_acknowledged)
{
	struct world *w = world_of((struct world_options){ .seed = 1 }, 6);
	struct record *r = registered(w, 2, 600);
	struct world_totals t;

	ck_assert_int_eq(r->state, RECORD_PROTECTED);
	ck_assert_uint_eq(r->serial, 1);
	ck_assert_uint_gt(r->storage_time, NET_WALL_START);
	ck_assert_int_eq(looked_up(w, 5, 2), LOOKUP_FOUND);
	r = registered(w, 2, 600);
	ck_assert_uint_eq(r->serial, 2);
	ck_assert_int_eq(looked_up(w, 0, 2), LOOKUP_FOUND);
	ck_assert_int_eq(looked_up(w, 0, 3), LOOKUP_EXCUSED); /* nothing there, and rightly so */
	world_totals(w, &t);
	ck_assert_uint_eq(t.starts, 6);
	ck_assert_uint_eq(t.stores, 2);
	ck_assert_uint_eq(t.stores_protected, 2);
	ck_assert_uint_eq(t.lookups[LOOKUP_FOUND], 2);
	ck_assert_uint_eq(t.lookups[LOOKUP_EXCUSED], 1);
	ck_assert_uint_ge(t.lookup_us_p50, 1000);
	ck_assert_uint_ge(t.lookup_us_p99, t.lookup_us_p50);
	world_free(w);
}
END_TEST

START_TEST(lookup_is_stale_or_missed_when_less_is_found_than_was_acknowledged)
{
	struct world *w = world_of((struct world_options){ .seed = 2 }, 5);
	struct record *r = registered(w, 1, 600);

	/* As if a later Store had been acknowledged. */
	r->serial = r->protected_serial = 7;
	ck_assert_int_eq(looked_up(w, 3, 1), LOOKUP_STALE);
	/* The later one was never protected: what is there is as new as was promised. */
	r->protected_serial = 1;
	ck_assert_int_eq(looked_up(w, 3, 1), LOOKUP_EXCUSED);
	world_unregister(w, 1);
	world_run(w, duration_s(5));
	ck_assert_int_eq(r->state, RECORD_NONE);
	ck_assert_int_eq(looked_up(w, 3, 1), LOOKUP_EXCUSED);
	/* As if nobody had removed it. */
	r->state = RECORD_PROTECTED;
	r->protected_serial = r->serial = 1;
	r->removed_serial = 0;
	ck_assert_int_eq(looked_up(w, 3, 1), LOOKUP_MISSED);
	r->is_excused = true;
	ck_assert_int_eq(looked_up(w, 3, 1), LOOKUP_EXCUSED);
	world_free(w);
}
END_TEST

START_TEST(lookup_is_stale_when_what_was_removed_is_found)
{
	struct world *w = world_of((struct world_options){ .seed = 3 }, 5);
	struct record *r = registered(w, 1, 600);

	r->removed_serial = 2;
	r->state = RECORD_NONE;
	r->protected_serial = 0;
	ck_assert_int_eq(looked_up(w, 3, 1), LOOKUP_STALE);
	world_free(w);
}
END_TEST

START_TEST(lookup_is_excused_when_the_asking_node_dies)
{
	struct world *w = world_of((struct world_options){ .seed = 4 }, 5);
	struct outcome o = { 0 };

	registered(w, 1, 600);
	world_lookup(w, 3, 1, outcome_set, &o);
	world_kill(w, 3, true);
	world_run(w, duration_s(1));
	ck_assert_uint_eq(o.count, 1);
	ck_assert_int_eq(o.verdict, LOOKUP_EXCUSED);
	world_free(w);
}
END_TEST

START_TEST(expired_record_is_not_asked_for)
{
	struct world *w = world_of((struct world_options){ .seed = 5 }, 5);

	registered(w, 1, 10);
	world_run(w, duration_s(10));
	ck_assert_int_eq(looked_up(w, 3, 1), LOOKUP_EXCUSED);
	world_free(w);
}
END_TEST

static size_t held_by(struct world *w, size_t node)
{
	struct storage_row row;
	size_t cursor = 0, count = 0;

	while (storage_next(world_storage(w, node), world_own_now(w, node), &cursor, &row))
		count += row.kind == KIND_SIP_REGISTRATION;
	return count;
}

START_TEST(node_comes_back_with_its_disk_unless_it_was_destroyed)
{
	struct world *w = world_of((struct world_options){ .seed = 6 }, 3);

	for (size_t i = 0; i < 3; i++)
		registered(w, i, 600);
	ck_assert_uint_eq(held_by(w, 1), 3);
	world_kill(w, 1, false);
	ck_assert_ptr_null(world_storage(w, 1));
	world_start(w, 1);
	ck_assert_uint_eq(held_by(w, 1), 3);
	world_destroy(w, 1, true);
	world_start(w, 1);
	ck_assert_uint_eq(held_by(w, 1), 0);
	ck_assert(world_run_until(w, ring_is_ideal, NULL, duration_s(60)));
	world_run(w, duration_s(30));
	ck_assert_uint_eq(held_by(w, 1), 3);
	world_leave(w, 1);
	world_run(w, duration_s(10));
	ck_assert(!net_is_running(world_net(w), 1));
	ck_assert_ptr_null(world_storage(w, 1));
	world_free(w);
}
END_TEST

START_TEST(node_does_not_start_when_its_disk_cannot_be_read)
{
	struct world *w = world_of((struct world_options){ .seed = 7, .disk = DISK_MEMORY }, 3);
	struct world_totals t;

	world_kill(w, 2, false);
	disk_set_fault(world_disk(w, 2), DISK_IO_ERROR);
	/* In memory reads still work; the next call ends it. */
	disk_crash_after(world_disk(w, 2), 1);
	world_start(w, 2);
	ck_assert(!net_is_running(world_net(w), 2));
	disk_set_fault(world_disk(w, 2), DISK_OK);
	world_start(w, 2);
	ck_assert(net_is_running(world_net(w), 2));
	world_totals(w, &t);
	ck_assert_uint_eq(t.starts_refused, 1);
	ck_assert_uint_eq(t.starts, 4);
	world_free(w);
}
END_TEST

START_TEST(node_ends_when_its_disk_crashes_within_a_turn)
{
	struct world *w = world_of((struct world_options){ .seed = 8 }, 3);
	struct world_totals t;

	disk_crash_after(world_disk(w, 2), 1);
	world_register(w, 0, 600);
	world_run(w, duration_s(10));
	ck_assert(!net_is_running(world_net(w), 2));
	world_totals(w, &t);
	ck_assert_uint_eq(t.disk_crashes, 1);
	world_start(w, 2);
	ck_assert(net_is_running(world_net(w), 2));
	world_free(w);
}
END_TEST

START_TEST(records_of_one_user_are_judged_together)
{
	struct world *w = world_of((struct world_options){ .seed = 9, .nodes_per_user = 2 }, 6);
	struct record *a = registered(w, 2, 600), *b = registered(w, 3, 600);

	ck_assert_uint_eq(a->user, 2);
	ck_assert_uint_eq(b->user, 2);
	ck_assert(resource_id_equal(&a->resource, &b->resource));
	ck_assert_int_eq(looked_up(w, 5, 2), LOOKUP_FOUND);
	b->serial = b->protected_serial = 9;
	ck_assert_int_eq(looked_up(w, 5, 2), LOOKUP_STALE);
	world_free(w);
}
END_TEST

START_TEST(load_stores_and_looks_up_at_its_rates)
{
	struct world *w = world_of((struct world_options){ .seed = 10, .no_certificates = true }, 8);
	struct world_totals t;

	world_set_load(w, 1000, 2000, 300);
	world_run(w, duration_s(200));
	world_set_load(w, 0, 0, 0);
	world_run(w, duration_s(20));
	world_totals(w, &t);
	ck_assert_uint_ge(t.stores, 150);
	ck_assert_uint_le(t.stores, 250);
	ck_assert_uint_eq(t.stores_protected, t.stores);
	ck_assert_uint_ge(t.lookups[LOOKUP_FOUND], 300);
	ck_assert_uint_le(t.lookups[LOOKUP_FOUND] + t.lookups[LOOKUP_EXCUSED], 500);
	ck_assert_uint_eq(t.lookups[LOOKUP_STALE] + t.lookups[LOOKUP_MISSED] + t.lookups[LOOKUP_FAILED], 0);
	world_free(w);
}
END_TEST

static uint64_t hash_of_run(uint64_t seed)
{
	struct world *w = world_of((struct world_options){ .seed = seed }, 5);
	uint64_t hash;

	world_set_load(w, 1000, 1000, 60);
	world_run(w, duration_s(20));
	world_kill(w, 3, true);
	world_run(w, duration_s(20));
	world_start(w, 3);
	world_run(w, duration_s(20));
	hash = net_trace_hash(world_net(w));
	world_free(w);
	return hash;
}

START_TEST(run_is_the_same_for_the_same_seed)
{
	ck_assert_uint_eq(hash_of_run(11), hash_of_run(11));
	ck_assert_uint_ne(hash_of_run(11), hash_of_run(12));
}
END_TEST

START_TEST(certificates_are_stored_as_peald_does)
{
	struct world *w = world_of((struct world_options){ .seed = 13 }, 4);
	struct storage_row row;
	size_t by_user = 0, by_node = 0;

	for (size_t i = 0; i < 4; i++)
		for (size_t cursor = 0; storage_next(world_storage(w, i), world_own_now(w, i), &cursor, &row);) {
			by_user += row.kind == KIND_CERTIFICATE_BY_USER;
			by_node += row.kind == KIND_CERTIFICATE_BY_NODE;
		}
	ck_assert_uint_ge(by_user, 3 * 4);
	ck_assert_uint_ge(by_node, 3 * 4);
	world_free(w);
}
END_TEST

START_TEST(world_works_with_the_keys_and_certificates_of_openssl)
{
	struct world *w = world_of((struct world_options){ .seed = 14, .real_security = true }, 4);
	struct record *r = registered(w, 1, 600);

	ck_assert_int_eq(r->state, RECORD_PROTECTED);
	world_kill(w, 2, true);
	world_start(w, 2);
	world_run(w, duration_s(30));
	ck_assert_int_eq(looked_up(w, 2, 1), LOOKUP_FOUND);
	world_free(w);
}
END_TEST

int main(void)
{
	return RUN_TESTS("world", record_is_found_when_acknowledged,
			 lookup_is_stale_or_missed_when_less_is_found_than_was_acknowledged,
			 lookup_is_stale_when_what_was_removed_is_found, lookup_is_excused_when_the_asking_node_dies,
			 expired_record_is_not_asked_for, node_comes_back_with_its_disk_unless_it_was_destroyed,
			 node_does_not_start_when_its_disk_cannot_be_read,
			 node_ends_when_its_disk_crashes_within_a_turn, records_of_one_user_are_judged_together,
			 load_stores_and_looks_up_at_its_rates, run_is_the_same_for_the_same_seed,
			 certificates_are_stored_as_peald_does,
			 world_works_with_the_keys_and_certificates_of_openssl);
}
