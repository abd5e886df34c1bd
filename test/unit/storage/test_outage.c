/* SPDX-License-Identifier: MIT */
/* While the disk takes nothing: reads are served, Stores are refused with an error and at no cost, nothing is
 * logged or tried again and again, and when there is room again all is as it should be. */
#include <stdio.h>

#include "storage/outage.h"
#include "storage/storage_state.h"
#include "test/unit/storage/lone.h"
#include "tools/sim/disk.h"

static struct disk *disk;
static struct lone *l;

static void boot(enum disk_kind kind)
{
	struct backend *backend;
	int err;

	if (disk == NULL)
		disk = disk_new(kind, 3);
	backend = disk_open(disk, &err);
	ck_assert_msg(err == 0, "%s", disk_detail(disk));
	l = lone_new(backend);
}

/* With the clock at `now`: what expired while it was down has expired. */
static void reboot_at(struct now now)
{
	struct fake_security *fake = l->fake;
	struct security security = fake_security_port(fake);
	struct configuration *configuration = lone_configuration();
	struct backend *backend;
	int err;

	l->fake = NULL;
	lone_free(l);
	disk_close(disk, false);
	backend = disk_open(disk, &err);
	ck_assert_int_eq(err, 0);
	l = lone_new_with(backend, &security, configuration, now, &err);
	ck_assert_int_eq(err, 0);
	l->fake = fake;
	free(configuration);
}

static void end(void)
{
	lone_free(l);
	disk_free(disk);
	disk = NULL;
}

static int store(uint32_t kind, uint32_t index, const char *text, uint64_t time)
{
	struct stored_data data = lone_value(l, kind, index, NULL, text, time);

	return lone_store(l, kind, &data);
}

static void expect_single(const char *text)
{
	struct stored_data *values;
	size_t count;

	lone_fetch(l, LONE_SINGLE, &values, &count);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(values[0].value.data.exists, text != NULL);
	if (text != NULL)
		ck_assert(slice_equal(values[0].value.data.value, slice_text(text)));
}

static void full_disk(enum disk_kind kind, enum disk_fault fault)
{
	uint64_t calls, refused;

	boot(kind);
	ck_assert_int_eq(store(LONE_SINGLE, 0, "one", 100), 0);
	disk_set_fault(disk, fault);
	ck_assert_int_eq(store(LONE_SINGLE, 0, "two", 101), ERR_NOT_FOUND);
	/* A thousand Stores in ten minutes: each is answered, none reaches the disk, none is logged. */
	calls = disk_call_count(disk);
	refused = peer_counters(l->peer)->stores_refused;
	for (unsigned i = 0; i < 1000; i++) {
		ck_assert_int_eq(store(LONE_SINGLE, 0, "three", 102), ERR_NOT_FOUND);
		expect_single("one");
		lone_pass(l, 600);
		arena_reset(&l->arena);
		/* Debug lines would fill the record of what was logged. */
		l->events_len = 0;
		l->events[0] = '\0';
	}
	ck_assert_uint_eq(peer_counters(l->peer)->stores_refused, refused + 1000);
	ck_assert_uint_le(disk_call_count(disk), calls + 400);
	ck_assert(outage_is_on(l->storage));
	disk_set_fault(disk, DISK_OK);
	lone_pass(l, 60000);
	ck_assert(!outage_is_on(l->storage));
	ck_assert_uint_eq(lone_logged(l, "storage.recovered", ""), 1);
	ck_assert_int_eq(store(LONE_SINGLE, 0, "three", 102), 0);
	ck_assert_uint_eq(lone_generation(l), 2);
	reboot_at(l->now);
	expect_single("three");
	end();
}

START_TEST(full_disk_in_memory_is_an_outage)
{
	full_disk(DISK_MEMORY, DISK_FULL);
}
END_TEST

START_TEST(full_disk_under_sqlite_is_an_outage)
{
	full_disk(DISK_SQLITE, DISK_FULL);
}
END_TEST

START_TEST(broken_disk_is_an_outage)
{
	full_disk(DISK_SQLITE, DISK_IO_ERROR);
}
END_TEST

START_TEST(outage_is_told_in_few_lines)
{
	boot(DISK_MEMORY);
	disk_set_fault(disk, DISK_FULL);
	ck_assert_int_eq(store(LONE_SINGLE, 0, "one", 100), ERR_NOT_FOUND);
	for (unsigned i = 0; i < 100; i++)
		lone_pass(l, 6000);
	ck_assert_uint_eq(lone_logged(l, "storage.commit_failed", "reason=STORAGE"), 1);
	ck_assert_uint_le(lone_logged(l, "storage.still_failing", ""), 16);
	ck_assert_uint_ge(lone_logged(l, "storage.still_failing", ""), 10);
	/* The commit, the answer to its Store, and the tries. */
	ck_assert_uint_eq(peer_counters(l->peer)->errors[ERR_INDEX_STORAGE],
			  2 + lone_logged(l, "storage.still_failing", ""));
	end();
}
END_TEST

/* Values expire in memory; the database hears of it when it can, and no counter goes back. */
START_TEST(values_expire_in_an_outage)
{
	struct stored_data *values;
	size_t count;

	boot(DISK_SQLITE);
	ck_assert_int_eq(store(LONE_ARRAY, 0, "a", 100), 0);
	lone_pass(l, 500000);
	ck_assert_int_eq(store(LONE_ARRAY, 1, "b", 100), 0);
	ck_assert_int_eq(store(LONE_ARRAY, 0, "c", 101), 0);
	ck_assert_int_eq(store(LONE_SINGLE, 0, "s", 100), 0);
	disk_set_fault(disk, DISK_FULL);
	ck_assert_int_eq(store(LONE_ARRAY, 0, "d", 102), ERR_NOT_FOUND);
	lone_pass(l, 600000);
	lone_pass(l, 400000);
	lone_fetch(l, LONE_ARRAY, &values, &count);
	ck_assert(count == 0 || !values[0].value.data.exists);
	disk_set_fault(disk, DISK_OK);
	lone_pass(l, 60000);
	ck_assert_uint_eq(lone_logged(l, "storage.recovered", ""), 1);
	reboot_at(l->now);
	ck_assert_uint_eq(lone_logged(l, "storage.loaded", "values=0 dropped=0"), 1);
	end();
}
END_TEST

START_TEST(restart_keeps_the_counter_of_an_expired_record)
{
	struct fetch_kind_response kind;
	struct stored_data *values;
	struct now later;
	size_t count;

	boot(DISK_SQLITE);
	ck_assert_int_eq(store(LONE_ARRAY, 0, "short", 100), 0);
	lone_pass(l, 500000);
	ck_assert_int_eq(store(LONE_ARRAY, 1, "long", 100), 0);
	/* The earlier place is written last, with the higher counter, and its lifetime ends first. */
	{
		struct stored_data data = lone_value(l, LONE_ARRAY, 0, NULL, "x", 101);

		data.lifetime = 10;
		ck_assert_int_eq(lone_store(l, LONE_ARRAY, &data), 0);
		ck_assert_uint_eq(lone_generation(l), 3);
	}
	later = l->now;
	later.mono.us += 20000000;
	later.wall.ms += 20000;
	reboot_at(later);
	kind = lone_fetch(l, LONE_ARRAY, &values, &count);
	ck_assert_uint_eq(kind.generation, 3);
	/* It is on the disk with the record that is left. */
	reboot_at(later);
	kind = lone_fetch(l, LONE_ARRAY, &values, &count);
	ck_assert_uint_eq(kind.generation, 3);
	ck_assert_uint_eq(lone_logged(l, "storage.loaded", "values=1 dropped=0"), 1);
	end();
}
END_TEST

START_TEST(start_on_a_full_disk_serves_what_is_there)
{
	struct now later;

	boot(DISK_MEMORY);
	ck_assert_int_eq(store(LONE_SINGLE, 0, "one", 100), 0);
	{
		struct stored_data data = lone_value(l, LONE_ARRAY, 0, NULL, "x", 101);

		data.lifetime = 10;
		ck_assert_int_eq(lone_store(l, LONE_ARRAY, &data), 0);
	}
	later = l->now;
	later.mono.us += 20000000;
	later.wall.ms += 20000;
	/* The expired record cannot be taken out. */
	disk_set_fault(disk, DISK_FULL);
	reboot_at(later);
	expect_single("one");
	ck_assert(outage_is_on(l->storage));
	ck_assert_int_eq(store(LONE_SINGLE, 0, "two", 102), ERR_NOT_FOUND);
	disk_set_fault(disk, DISK_OK);
	lone_pass(l, 2000);
	ck_assert_int_eq(store(LONE_SINGLE, 0, "two", 102), 0);
	reboot_at(l->now);
	ck_assert_uint_eq(lone_logged(l, "storage.loaded", "values=1 dropped=0"), 1);
	end();
}
END_TEST

/* Everything a turn can do to one Resource and its certificates, undone together. */
START_TEST(failed_turn_is_undone_as_a_whole)
{
	struct resource_id resource;
	struct stored_data data[6];
	struct stored_data *values;
	struct fetch_kind_response kind;
	size_t count;

	boot(DISK_MEMORY);
	ck_assert_int_eq(store(LONE_ARRAY, 0, "a", 100), 0);
	ck_assert_int_eq(store(LONE_ARRAY, 1, "b", 100), 0);
	resource = lone_resource(l, LONE_USER);
	disk_set_fault(disk, DISK_FULL);
	data[0] = lone_value(l, LONE_ARRAY, 0, NULL, "c", 101);
	data[1] = lone_value(l, LONE_ARRAY, 0, NULL, "d", 102);
	data[2] = lone_value(l, LONE_ARRAY, 1, NULL, NULL, 103);
	data[3] = lone_value(l, LONE_ARRAY, 3, NULL, "e", 104);
	for (size_t i = 0; i < 4; i++) {
		struct store_kind_data part = lone_kind_data(l, LONE_ARRAY, 0, &data[i], 1);

		lone_send(l, METHOD_STORE, lone_store_body(l, &resource, 0, &part, 1), NULL, 0);
	}
	data[4] = lone_value(l, LONE_SINGLE, 0, NULL, "new", 104);
	{
		struct store_kind_data part = lone_kind_data(l, LONE_SINGLE, 0, &data[4], 1);

		lone_send(l, METHOD_STORE, lone_store_body(l, &resource, 0, &part, 1), NULL, 0);
	}
	lone_run(l);
	ck_assert_uint_eq(l->responses, 2 + 5);
	expect_single(NULL);
	kind = lone_fetch(l, LONE_ARRAY, &values, &count);
	ck_assert_uint_eq(kind.generation, 2);
	ck_assert_uint_eq(count, 2);
	ck_assert(slice_equal(values[0].value.data.value, slice_text("a")));
	ck_assert(slice_equal(values[1].value.data.value, slice_text("b")));
	disk_set_fault(disk, DISK_OK);
	lone_pass(l, 1000);
	ck_assert_int_eq(lone_store(l, LONE_ARRAY, &data[0]), 0);
	ck_assert_uint_eq(lone_generation(l), 3);
	reboot_at(l->now);
	kind = lone_fetch(l, LONE_ARRAY, &values, &count);
	ck_assert_uint_eq(kind.generation, 3);
	ck_assert(slice_equal(values[0].value.data.value, slice_text("c")));
	end();
}
END_TEST

START_TEST(resource_is_back_when_forgetting_it_failed)
{
	struct resource_id resource;
	struct node_id point;

	boot(DISK_MEMORY);
	ck_assert_int_eq(store(LONE_SINGLE, 0, "one", 100), 0);
	ck_assert_int_eq(store(LONE_ARRAY, 1, "b", 100), 0);
	resource = lone_resource(l, LONE_USER);
	ck_assert_int_eq(node_id_from_resource_id(&resource, &point), 0);
	disk_set_fault(disk, DISK_FULL);
	store_remove_resource(&l->storage->store, l->now, store_resource(&l->storage->store, &point));
	lone_run(l);
	expect_single("one");
	disk_set_fault(disk, DISK_OK);
	lone_pass(l, 1000);
	ck_assert_int_eq(store(LONE_SINGLE, 0, "two", 101), 0);
	expect_single("two");
	end();
}
END_TEST

int main(void)
{
	return RUN_TESTS("outage", full_disk_in_memory_is_an_outage, full_disk_under_sqlite_is_an_outage,
			 broken_disk_is_an_outage, outage_is_told_in_few_lines, values_expire_in_an_outage,
			 restart_keeps_the_counter_of_an_expired_record, start_on_a_full_disk_serves_what_is_there,
			 failed_turn_is_undone_as_a_whole, resource_is_back_when_forgetting_it_failed);
}
