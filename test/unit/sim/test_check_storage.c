/* SPDX-License-Identifier: MIT */
/* The checks of stores, records, routes and limits see what is broken on purpose, and nothing else. */
#include "overlay/wire/frame.h"
#include "test/unit/sim/checked.h"

static struct stored_value *first_value(const struct checked *k, size_t record, size_t node)
{
	struct stored_resource *r = checked_resource(k, record, node);

	ck_assert_ptr_nonnull(r);
	return r->kinds[0]->values[0];
}

START_TEST(value_that_does_not_verify_is_seen)
{
	struct checked k;
	struct stored_value *v;

	checked_new(&k, 5, 1);
	v = first_value(&k, 0, checked_holder(&k, 0, 1));
	v->bytes[v->len - 1] ^= 1; /* of the signature */
	checked_be_patient(&k, true);
	checked_expect(&k, CHECK_VALUES, "does not verify");
	checked_free(&k);
}
END_TEST

START_TEST(value_that_outlives_its_lifetime_is_seen)
{
	struct checked k;
	size_t node;

	checked_new(&k, 5, 2);
	node = checked_holder(&k, 0, 1);
	first_value(&k, 0, node)->expires.us += 60 * 1000000ull;
	first_value(&k, 0, node)->data.lifetime += 600;
	world_storage(k.w, node)->store.changes++;
	check_stepped(k.c, node);
	checked_expect(&k, CHECK_NO_ROLLBACK, "more to live than it had");
	checked_free(&k);
}
END_TEST

START_TEST(older_value_in_place_of_a_newer_is_seen)
{
	struct checked k;
	size_t node;

	checked_new(&k, 5, 3);
	node = checked_holder(&k, 0, 0);
	first_value(&k, 0, node)->data.storage_time--;
	world_storage(k.w, node)->store.changes++;
	check_stepped(k.c, node);
	checked_expect(&k, CHECK_NO_ROLLBACK, "in its place, though the newer one had");
	checked_free(&k);
}
END_TEST

START_TEST(generation_that_goes_back_is_seen)
{
	struct checked k;
	size_t node;

	checked_new(&k, 5, 4);
	node = checked_holder(&k, 0, 0);
	first_value(&k, 0, node)->kind->generation--;
	world_storage(k.w, node)->store.changes++;
	check_stepped(k.c, node);
	checked_expect(&k, CHECK_NO_ROLLBACK, "generation");
	checked_free(&k);
}
END_TEST

START_TEST(disk_that_forgets_is_seen)
{
	struct checked k;
	size_t node;

	checked_new(&k, 5, 5);
	node = checked_holder(&k, 0, 2);
	world_kill(k.w, node, false);
	world_start(k.w, node);
	checked_run(&k, 10);
	checked_expect_none(&k);
	world_kill(k.w, node, false);
	disk_wipe(world_disk(k.w, node)); /* the world is not told */
	world_start(k.w, node);
	checked_expect(&k, CHECK_NO_ROLLBACK, "came back with its disk, but without a value");
	checked_free(&k);
}
END_TEST

START_TEST(record_survives_two_of_its_three_holders)
{
	struct checked k;
	struct check_liveness l;
	size_t owner, replica;

	checked_new(&k, 8, 6);
	checked_be_patient(&k, true);
	owner = checked_holder(&k, 0, 0);
	replica = checked_holder(&k, 0, 1);
	check_failing(k.c, owner, true);
	world_destroy(k.w, owner, true);
	check_failing(k.c, replica, true);
	world_destroy(k.w, replica, true);
	checked_run(&k, 30);
	check_liveness(k.c, duration_s(60), duration_s(120), &l);
	check_all_found(k.c);
	checked_expect_none(&k);
	ck_assert(l.is_placed);
	ck_assert(!world_record(k.w, 0)->is_excused);
	checked_free(&k);
}
END_TEST

START_TEST(loss_of_all_three_holders_at_once_is_out_of_contract)
{
	struct checked k;
	size_t holders[3];

	checked_new(&k, 8, 7);
	for (unsigned i = 0; i < 3; i++)
		holders[i] = checked_holder(&k, 0, i);
	for (unsigned i = 0; i < 3; i++) {
		check_failing(k.c, holders[i], true);
		world_destroy(k.w, holders[i], true);
	}
	ck_assert_ptr_null(checked_find(&k, CHECK_NOT_LOST));
	ck_assert_uint_ge(check_excused(k.c, CHECK_NOT_LOST), 1);
	ck_assert(world_record(k.w, 0)->is_excused);
	checked_free(&k);
}
END_TEST

START_TEST(record_that_its_holders_forget_is_seen)
{
	struct checked k;

	checked_new(&k, 6, 8);
	for (unsigned i = 0; i < 3; i++) {
		size_t node = checked_holder(&k, 0, i);
		struct storage *s = world_storage(k.w, node);

		checked_expect_none(&k);
		store_remove_resource(&s->store, world_own_now(k.w, node), checked_resource(&k, 0, node));
		check_stepped(k.c, node);
	}
	checked_expect(&k, CHECK_NOT_LOST, "is held by no running node; 0 of its holders failed");
	checked_free(&k);
}
END_TEST

START_TEST(holders_are_looked_at_before_a_kill_when_looks_are_rare)
{
	struct checked k;

	checked_new(&k, 8, 9);
	checked_be_patient(&k, false);
	world_register(k.w, 0, 600);
	world_run(k.w, duration_ms(500)); /* nobody has looked since */
	ck_assert_int_eq(world_record(k.w, 0)->state, RECORD_PROTECTED);
	world_destroy(k.w, checked_holder(&k, 0, 0), true);
	world_destroy(k.w, checked_holder(&k, 0, 0), true);
	checked_run(&k, 30);
	checked_expect_none(&k);
	checked_free(&k);
}
END_TEST

START_TEST(holders_are_looked_at_before_a_start_counts_when_looks_are_rare)
{
	struct checked k;
	size_t other;

	checked_new(&k, 8, 17);
	checked_be_patient(&k, false);
	other = checked_holder(&k, 0, 0);
	/* One that held the record, and holds an older content when it begins again. */
	world_kill(k.w, other, false);
	checked_run(&k, 30);
	world_register(k.w, 0, 600);
	world_run(k.w, duration_ms(500)); /* nobody has looked since */
	ck_assert_int_eq(world_record(k.w, 0)->state, RECORD_PROTECTED);
	world_start(k.w, other);
	checked_run(&k, 30);
	checked_expect_none(&k);
	checked_free(&k);
}
END_TEST

START_TEST(record_that_is_not_in_its_place_is_seen)
{
	struct checked k;
	struct check_liveness l;
	struct storage *s;
	size_t node;

	checked_new(&k, 6, 10);
	node = checked_holder(&k, 0, 1);
	s = world_storage(k.w, node);
	store_remove_resource(&s->store, world_own_now(k.w, node), checked_resource(&k, 0, node));
	check_liveness(k.c, duration_s(5), duration_s(5), &l);
	ck_assert(l.is_ideal);
	ck_assert(!l.is_placed);
	checked_expect(&k, CHECK_PLACED, "a replica holder");
	checked_free(&k);
}
END_TEST

static void put_of_value(struct storage *s, struct now now, const struct stored_value *v)
{
	struct store_put put = {
		.data = &v->data,
		.certificate = v->certificate,
		.signer = v->signer,
		.not_after = { UINT64_MAX },
		.generation = v->kind->generation,
	};
	struct identity signer = { 0 };

	memcpy(signer.certificate_hash, v->certificate->hash, sizeof(signer.certificate_hash));
	memcpy(signer.user, v->certificate->user, strlen(v->certificate->user));
	put.certificate = store_certificate_use(&s->store, &signer, v->certificate->der);
	store_put(&s->store, now, &v->resource->point, kind_registered(v->kind->id), &put);
	store_certificate_release(&s->store, put.certificate);
}

START_TEST(record_that_stays_with_others_is_seen)
{
	struct checked k;
	struct check_liveness l;
	size_t node;

	checked_new(&k, 7, 17);
	node = checked_holder(&k, 0, 5);
	ck_assert_ptr_null(checked_resource(&k, 0, node));
	put_of_value(world_storage(k.w, node), world_own_now(k.w, node),
		     first_value(&k, 0, checked_holder(&k, 0, 0)));
	check_liveness(k.c, duration_s(0), duration_s(0), &l);
	ck_assert(l.is_placed);
	checked_expect(&k, CHECK_PLACED, "still holds the record");
	checked_free(&k);
}
END_TEST

START_TEST(lookup_that_finds_too_little_is_seen)
{
	struct checked k;

	checked_new(&k, 6, 11);
	world_record(k.w, 2)->protected_serial = world_record(k.w, 2)->serial = 9;
	check_all_found(k.c);
	checked_expect(&k, CHECK_FOUND, "found only an older content of it");
	checked_free(&k);
}
END_TEST

/* A Ping for a Resource-ID that says it passed these nodes. */
static void inject(struct checked *k, size_t from, size_t to, const struct node_id *passed, size_t count)
{
	struct resource_id resource = world_record(k->w, 0)->resource;
	struct destination destination = destination_of_resource(&resource);
	struct destination_list list = { &destination, 1 };
	struct forwarding_header h = { .relo_token = RELO_TOKEN, .version = RELOAD_VERSION, .ttl = 50,
				       .fragment = FRAGMENT_WHOLE, .transaction_id = 0x1234567890u };
	uint8_t via_bytes[4096], to_bytes[300], message[6000], frame[6100];
	struct writer via = writer_of(via_bytes, sizeof(via_bytes)), d = writer_of(to_bytes, sizeof(to_bytes));
	struct writer m = writer_of(message, sizeof(message)), f = writer_of(frame, sizeof(frame));

	for (size_t i = 0; i < count; i++) {
		struct destination hop = destination_of_node(&passed[i]);

		destination_put(&via, &hop);
	}
	destination_list_put(&d, &list);
	h.via_list = writer_slice(&via);
	h.destination_list = writer_slice(&d);
	h.length = (uint32_t)forwarding_header_size(&h);
	forwarding_header_put(&m, &h);
	frame_data_header_put(&f, 77777, m.len);
	writer_bytes(&f, writer_slice(&m));
	ck_assert_int_eq(f.err, 0);
	net_inject(world_net(k->w), from, to, writer_slice(&f));
	world_run(k->w, duration_ms(100));
}

START_TEST(message_that_comes_twice_is_seen)
{
	struct checked k;
	struct node_id passed[2];

	checked_new(&k, 5, 12);
	checked_run(&k, 10);
	passed[0] = *checked_id(&k, checked_after(&k, 0, 2));
	passed[1] = *checked_id(&k, checked_after(&k, 0, 1));
	inject(&k, 0, checked_after(&k, 0, 1), passed, 0);
	inject(&k, 0, checked_after(&k, 0, 1), passed, 1);
	checked_expect_none(&k);
	inject(&k, 0, checked_after(&k, 0, 1), passed, 2);
	checked_expect(&k, CHECK_ROUTES, "though it passed node");
	checked_free(&k);
}
END_TEST

START_TEST(message_that_comes_by_its_sender_once_is_in_order)
{
	struct checked k;
	struct node_id passed[3];
	size_t sender, next;

	checked_new(&k, 5, 18);
	checked_run(&k, 10);
	sender = checked_after(&k, 0, 1);
	next = checked_after(&k, 0, 2);
	passed[0] = *checked_id(&k, sender);
	passed[1] = *checked_id(&k, next);
	passed[2] = *checked_id(&k, sender);
	inject(&k, sender, next, passed, 0);
	inject(&k, 0, sender, passed, 2);
	checked_expect_none(&k);
	inject(&k, sender, next, passed, 3);
	checked_expect(&k, CHECK_ROUTES, "though it passed node");
	checked_free(&k);
}
END_TEST

START_TEST(message_that_takes_too_many_hops_is_seen)
{
	struct checked k;
	struct node_id passed[40];

	checked_new(&k, 5, 13);
	checked_run(&k, 10);
	for (size_t i = 0; i < 40; i++)
		passed[i] = *checked_id(&k, checked_after(&k, 0, 2));
	inject(&k, 0, checked_after(&k, 0, 1), passed, 0);
	inject(&k, 0, checked_after(&k, 0, 1), passed, 40);
	checked_expect(&k, CHECK_ROUTES, "takes hop 41");
	checked_free(&k);
}
END_TEST

START_TEST(hops_are_counted_once_for_each_request)
{
	struct checked k;
	struct check_hops before, after;

	checked_new(&k, 8, 14);
	check_hops(k.c, &before);
	world_set_load(k.w, 0, 10000, 600);
	checked_run(&k, 60);
	world_set_load(k.w, 0, 0, 0);
	checked_run(&k, 1);
	check_hops(k.c, &after);
	ck_assert_uint_gt(after.requests, before.requests);
	ck_assert_uint_ge(after.mean_milli, 1000);
	ck_assert_uint_le(after.max, 4);
	checked_expect_none(&k);
	checked_free(&k);
}
END_TEST

static void huge_statistics(void *ctx, struct storage_statistics *out)
{
	(void)ctx;
	*out = (struct storage_statistics){ .values = 600000 };
}

START_TEST(store_beyond_its_cap_is_seen)
{
	struct checked k;
	struct storage_port port;
	struct storage_ops ops;
	struct peer *p;

	checked_new(&k, 4, 15);
	p = net_peer(world_net(k.w), 2);
	port = *peer_storage(p);
	ops = *port.ops;
	ops.statistics = huge_statistics;
	peer_set_storage(p, &ops, port.ctx);
	check_second(k.c);
	checked_expect(&k, CHECK_LIMITS, "node 2 holds 600000 values");
	peer_set_storage(p, port.ops, port.ctx);
	checked_free(&k);
}
END_TEST

START_TEST(hostile_node_is_not_checked)
{
	struct checked k;

	checked_new(&k, 5, 16);
	check_set_hostile(k.c, 2);
	checked_chord(&k, 2)->predecessors[0] = checked_chord(&k, 2)->self;
	check_stepped(k.c, 2);
	check_second(k.c);
	checked_expect_none(&k);
	checked_free(&k);
}
END_TEST

int main(void)
{
	return RUN_TESTS("check storage", value_that_does_not_verify_is_seen, value_that_outlives_its_lifetime_is_seen,
			 older_value_in_place_of_a_newer_is_seen, generation_that_goes_back_is_seen,
			 disk_that_forgets_is_seen, record_survives_two_of_its_three_holders,
			 loss_of_all_three_holders_at_once_is_out_of_contract, record_that_its_holders_forget_is_seen,
			 holders_are_looked_at_before_a_kill_when_looks_are_rare,
			 holders_are_looked_at_before_a_start_counts_when_looks_are_rare,
			 record_that_is_not_in_its_place_is_seen,
			 record_that_stays_with_others_is_seen,
			 lookup_that_finds_too_little_is_seen, message_that_comes_twice_is_seen,
			 message_that_comes_by_its_sender_once_is_in_order,
			 message_that_takes_too_many_hops_is_seen, hops_are_counted_once_for_each_request,
			 store_beyond_its_cap_is_seen, hostile_node_is_not_checked);
}
