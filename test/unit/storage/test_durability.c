/* SPDX-License-Identifier: MIT */
/* A record acknowledged with two replicas outlives what happens to its holders at the worst moments: around the
 * Store itself, while the owner changes, while a disk is full, and when a replica comes back empty.
 * PEAL_DURABILITY_ROUNDS (default 1) multiplies the number of rings tried. */
#include <stdio.h>

#include "storage/outage.h"
#include "storage/storage_state.h"
#include "test/unit/storage/stored_net.h"
#include "tools/sim/disk.h"

#define PEERS 12
#define STEP_MS 7 /* a bit more than one way of the net's latency */

static unsigned rounds(unsigned count)
{
	const char *text = getenv("PEAL_DURABILITY_ROUNDS");

	return count * (text == NULL ? 1 : (unsigned)strtoul(text, NULL, 10));
}

/* The peer `steps` after the owner of H(user of `of`), clockwise. */
static size_t holder_of(struct stored_net *s, size_t of, size_t steps)
{
	struct node_id point = stored_net_point(s, of);
	size_t node = net_owner(s->n, &point);

	for (; steps > 0; steps--) {
		point = node_id_next(net_node_id(s->n, node));
		node = net_owner(s->n, &point);
	}
	return node;
}

struct protected_record {
	struct stored_net *s;
	size_t of;
	const char *text;
};

static bool is_protected(struct net *n, void *ctx)
{
	struct protected_record *r = ctx;

	(void)n;
	return stored_net_is_protected(r->s, r->of, r->text);
}

static void expect_protected(struct stored_net *s, size_t of, const char *text, uint64_t limit_s, unsigned number)
{
	struct protected_record r = { s, of, text };

	ck_assert_msg(net_run_until(s->n, is_protected, &r, duration_s(limit_s)), "case %u: %zu holders", number,
		      stored_net_holders(s, of, text));
}

struct answer {
	bool called;
	struct resource_store_result result;
};

static void on_stored(void *ctx, struct now now, const struct resource_store_result *result)
{
	struct answer *a = ctx;

	(void)now;
	a->called = true;
	a->result = *result;
}

/* `from` stores at H(user of `from`), and does not wait. */
static void begin_store(struct stored_net *s, size_t from, const char *text, struct answer *a)
{
	struct resource_id resource = stored_net_resource(s, from);
	struct resource_value value = { .exists = true, .value = slice_text(text), .lifetime_s = 86400 };

	*a = (struct answer){ 0 };
	ck_assert_int_eq(resource_store(net_peer(s->n, from), net_now(s->n), &resource, STORED_NET_KIND, &value, 1,
					on_stored, a), 0);
	net_flush(s->n, from);
}

/* A writer that is none of the record's first four holders. */
static size_t writer_of_record(struct stored_net *s)
{
	for (size_t i = 0; i < PEERS; i++) {
		bool holds = false;

		for (size_t k = 0; k < 4; k++)
			holds |= holder_of(s, i, k) == i;
		if (!holds)
			return i;
	}
	ck_abort_msg("every peer holds its own record");
	return 0;
}

/* Two of the three holders die `ms` after the Store was sent. */
static void kill_around_store(unsigned ms, size_t first, size_t second, bool silent, unsigned number)
{
	struct stored_net *s = stored_net_new(PEERS, 1000000 + number);
	size_t writer = writer_of_record(s);
	size_t victims[2] = { holder_of(s, writer, first), holder_of(s, writer, second) };
	struct stored_net_fetched f;
	struct answer a;

	begin_store(s, writer, "kept", &a);
	net_run(s->n, duration_ms(ms));
	net_kill(s->n, victims[0], silent);
	net_kill(s->n, victims[1], silent);
	if (a.called && a.result.err == 0 && a.result.replica_count == 2) {
		stored_net_settle(s, 120);
		expect_protected(s, writer, "kept", 60, number);
		f = stored_net_fetch(s, writer, writer);
		ck_assert_msg(f.err == 0 && strcmp(f.text, "kept") == 0, "case %u", number);
	}
	stored_net_free(s);
}

START_TEST(acknowledged_record_survives_any_two_of_three)
{
	static const size_t pairs[][2] = { { 0, 1 }, { 0, 2 }, { 1, 2 } };

	for (unsigned i = 0; i < rounds(24); i++)
		kill_around_store(STEP_MS * (i / 3 % 8) * 2 + i / 24 % 14, pairs[i % 3][0], pairs[i % 3][1],
				  i % 2 == 0, i);
}
END_TEST

/* The owner leaves, and the Store comes at any time from before that to after. */
START_TEST(record_survives_a_leaving_owner)
{
	for (unsigned i = 0; i < rounds(24); i++) {
		struct stored_net *s = stored_net_new(PEERS, 2000000 + i);
		size_t writer = writer_of_record(s), owner = holder_of(s, writer, 0);
		struct stored_net_fetched f;
		struct answer a;

		ck_assert_int_eq(stored_net_store(s, writer, "first", 86400).err, 0);
		if (i % 2 == 0) {
			begin_store(s, writer, "second", &a);
			net_run(s->n, duration_ms(STEP_MS * (i % 24) / 4));
			net_leave(s->n, owner);
		} else {
			net_leave(s->n, owner);
			net_run(s->n, duration_ms(STEP_MS * (i % 24) / 4));
			begin_store(s, writer, "second", &a);
		}
		net_run(s->n, duration_s(60));
		ck_assert(a.called);
		ck_assert_msg(a.result.err == 0, "case %u: %d", i, a.result.err);
		expect_protected(s, writer, "second", 60, i);
		f = stored_net_fetch(s, writer, writer);
		ck_assert_msg(strcmp(f.text, "second") == 0, "case %u", i);
		stored_net_free(s);
	}
}
END_TEST

/* A peer joins just before the point, so that it becomes the owner, and dies at some moment of its join. */
static void die_while_joining(unsigned ms, bool with_owner, bool silent, unsigned number)
{
	struct stored_net *s = stored_net_new(PEERS, 3000000 + number);
	size_t writer = writer_of_record(s), owner = holder_of(s, writer, 0), joining;
	struct node_id id = stored_net_point(s, writer);
	struct net_node_options options = { .id = &id };
	struct stored_net_fetched f;
	struct answer a;

	ck_assert_uint_eq(stored_net_store(s, writer, "first", 86400).replica_count, 2);
	joining = net_add(s->n, &options);
	net_start(s->n, joining);
	net_run(s->n, duration_ms(ms / 2));
	begin_store(s, writer, "second", &a);
	net_run(s->n, duration_ms(ms - ms / 2));
	net_kill(s->n, joining, silent);
	if (with_owner)
		net_kill(s->n, owner, silent);
	net_run(s->n, duration_s(90));
	stored_net_settle(s, 60);
	ck_assert(a.called);
	/* Acknowledged with two replicas: it must be the second one; else either. */
	f = stored_net_fetch(s, writer, writer);
	ck_assert_msg(f.err == 0 && (strcmp(f.text, "second") == 0 ||
				     (strcmp(f.text, "first") == 0 &&
				      (a.result.err != 0 || a.result.replica_count < 2))),
		      "case %u: err %d \"%s\"; the Store: err %d replicas %zu", number, f.err, f.text, a.result.err,
		      a.result.replica_count);
	expect_protected(s, writer, f.text, 60, number);
	stored_net_free(s);
}

START_TEST(record_survives_a_peer_that_dies_while_joining)
{
	for (unsigned i = 0; i < rounds(40); i++)
		die_while_joining(20 * (i % 40) + i / 40 % 20, i % 4 == 3, i % 2 == 0, i);
}
END_TEST

/* Back within a moment, with nothing: whoever counted on it must notice. */
static void lose_a_disk(size_t which, unsigned down_ms, bool silent, unsigned number)
{
	struct stored_net *s = stored_net_new(PEERS, 430 + number);
	size_t writer = writer_of_record(s), victim = holder_of(s, writer, which);

	ck_assert_uint_eq(stored_net_store(s, writer, "kept", 86400).replica_count, 2);
	net_run(s->n, duration_s(40));
	net_kill(s->n, victim, silent);
	stored_net_wipe(s, victim);
	if (down_ms > 0)
		net_run(s->n, duration_ms(down_ms));
	net_start(s->n, victim);
	net_run(s->n, duration_s(20));
	stored_net_settle(s, 120);
	expect_protected(s, writer, "kept", 120, number);
	stored_net_free(s);
}

START_TEST(peer_that_lost_its_disk_is_given_it_again)
{
	static const unsigned down_ms[] = { 0, 10, 100, 500, 2000, 8000 };

	for (unsigned i = 0; i < rounds(36); i++)
		lose_a_disk(i % 3, down_ms[i / 3 % 6], i / 18 % 2 == 1, i);
}
END_TEST

/* A replica whose disk takes nothing says so; it is given everything when it takes it again. */
START_TEST(replica_with_a_full_disk_is_not_counted)
{
	struct stored_net *s = stored_net_new(PEERS, 480);
	size_t writer = writer_of_record(s), replica = holder_of(s, writer, 1);
	struct disk *disk = disk_new(DISK_SQLITE, 5);
	struct resource_store_result result;
	int err;

	net_kill(s->n, replica, false);
	stored_net_wipe(s, replica);
	s->backends[replica] = *disk_open(disk, &err);
	net_start(s->n, replica);
	net_run(s->n, duration_s(20));
	stored_net_settle(s, 60);
	disk_set_fault(disk, DISK_FULL);
	for (unsigned i = 0; i < 4; i++) {
		result = stored_net_store(s, writer, i % 2 == 0 ? "even" : "odd", 86400);
		ck_assert_int_eq(result.err, 0);
		ck_assert_uint_eq(result.replica_count, 1);
		net_run(s->n, duration_s(60));
	}
	ck_assert(outage_is_on(net_storage(s->n, replica)));
	ck_assert(!stored_net_holds(s, replica, writer, "odd"));
	disk_set_fault(disk, DISK_OK);
	expect_protected(s, writer, "odd", 130, 0);
	ck_assert_uint_eq(stored_net_store(s, writer, "again", 86400).replica_count, 2);
	stored_net_free(s);
	disk_free(disk);
}
END_TEST

/* An owner whose disk takes nothing refuses, goes on serving, and loses nothing. */
START_TEST(owner_with_a_full_disk_refuses)
{
	struct stored_net *s = stored_net_new(PEERS, 490);
	size_t writer = writer_of_record(s), owner = holder_of(s, writer, 0);
	struct disk *disk = disk_new(DISK_MEMORY, 5);
	struct stored_net_fetched f;
	int err;

	net_kill(s->n, owner, false);
	stored_net_wipe(s, owner);
	s->backends[owner] = *disk_open(disk, &err);
	net_start(s->n, owner);
	net_run(s->n, duration_s(20));
	stored_net_settle(s, 60);
	ck_assert_uint_eq(stored_net_store(s, writer, "kept", 86400).replica_count, 2);
	disk_set_fault(disk, DISK_FULL);
	ck_assert_int_ne(stored_net_store(s, writer, "lost", 86400).err, 0);
	f = stored_net_fetch(s, writer, writer);
	ck_assert_str_eq(f.text, "kept");
	disk_set_fault(disk, DISK_OK);
	net_run(s->n, duration_s(61));
	ck_assert_uint_eq(stored_net_store(s, writer, "again", 86400).replica_count, 2);
	expect_protected(s, writer, "again", 10, 0);
	stored_net_free(s);
	disk_free(disk);
}
END_TEST

/* Its removal was stored for half a minute only, while a replica was away for longer. */
START_TEST(removed_value_does_not_come_back_with_an_old_replica)
{
	struct stored_net *s = stored_net_new(PEERS, 500);
	size_t writer = writer_of_record(s), replica = holder_of(s, writer, 1);
	struct stored_net_fetched f;

	ck_assert_uint_eq(stored_net_store(s, writer, "kept", 86400).replica_count, 2);
	net_kill(s->n, replica, false);
	stored_net_settle(s, 60);
	ck_assert_int_eq(stored_net_store(s, writer, NULL, 30).err, 0);
	net_run(s->n, duration_s(300));
	net_start(s->n, replica);
	net_run(s->n, duration_s(120));
	stored_net_settle(s, 60);
	f = stored_net_fetch(s, writer, writer);
	ck_assert_uint_eq(f.count, 0);
	ck_assert_uint_eq(stored_net_holders(s, writer, "kept"), 0);
	stored_net_free(s);
}
END_TEST

int main(void)
{
	return RUN_TESTS("durability", acknowledged_record_survives_any_two_of_three,
			 record_survives_a_leaving_owner, record_survives_a_peer_that_dies_while_joining,
			 peer_that_lost_its_disk_is_given_it_again, replica_with_a_full_disk_is_not_counted,
			 owner_with_a_full_disk_refuses,
			 removed_value_does_not_come_back_with_an_old_replica);
}
