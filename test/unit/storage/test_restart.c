/* SPDX-License-Identifier: MIT */
/* A peer that starts again with the same database serves what it had acknowledged, and only what still
 * verifies. */
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "test/unit/storage/lone.h"

static char folder[64], path[128];
static struct backend backend;
static struct lone *l;

static void start(void)
{
	char detail[512];

	ck_assert_msg(backend_sqlite(path, &backend, detail, sizeof(detail)) == 0, "%s", detail);
	l = lone_new(&backend);
}

static void stop(void)
{
	lone_free(l);
	backend.ops->close(backend.ctx);
}

static void begin(void)
{
	snprintf(folder, sizeof(folder), "/tmp/peal-restart-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/records.db", folder);
	start();
}

static void end(void)
{
	stop();
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void store(uint32_t kind, uint32_t index, const char *text, uint64_t time)
{
	struct stored_data data = lone_value(l, kind, index, NULL, text, time);

	ck_assert_int_eq(lone_store(l, kind, &data), 0);
}

static void change_database(const char *text)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* Writes `to` over `from` in the value that was stored first; its signature stays. */
static void forge_first_row(const char *from, const char *to)
{
	uint8_t bytes[1024], *at;
	sqlite3_blob *blob;
	sqlite3 *db;
	int len;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_blob_open(db, "main", "record", "stored_data", 1, 1, &blob), SQLITE_OK);
	len = sqlite3_blob_bytes(blob);
	ck_assert_int_eq(sqlite3_blob_read(blob, bytes, len, 0), SQLITE_OK);
	at = memmem(bytes, (size_t)len, from, strlen(from));
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(sqlite3_blob_write(blob, to, (int)strlen(to), (int)(at - bytes)), SQLITE_OK);
	sqlite3_blob_close(blob);
	sqlite3_close(db);
}

START_TEST(restart_serves_what_was_acknowledged)
{
	struct fetch_kind_response kind;
	struct stored_data *values;
	size_t count;

	begin();
	store(LONE_ARRAY, 0, "zero", 100);
	store(LONE_ARRAY, 2, "two", 100);
	store(LONE_ARRAY, 0, "ZERO", 101);
	store(LONE_SINGLE, 0, "single", 100);
	stop();
	start();
	kind = lone_fetch(l, LONE_ARRAY, &values, &count);
	ck_assert_uint_eq(kind.generation, 3);
	ck_assert_uint_eq(count, 3);
	ck_assert(slice_equal(values[0].value.data.value, slice_text("ZERO")));
	ck_assert(!values[1].value.data.exists);
	ck_assert(slice_equal(values[2].value.data.value, slice_text("two")));
	ck_assert_uint_eq(values[2].lifetime, 1000);
	lone_fetch(l, LONE_SINGLE, &values, &count);
	ck_assert(slice_equal(values[0].value.data.value, slice_text("single")));
	ck_assert_uint_eq(lone_logged(l, "storage.loaded", "values=3 dropped=0"), 1);
	end();
}
END_TEST

START_TEST(restart_still_refuses_older_values)
{
	struct stored_data data;

	begin();
	store(LONE_SINGLE, 0, "two", 101);
	stop();
	start();
	data = lone_value(l, LONE_SINGLE, 0, NULL, "one", 100);
	ck_assert_int_eq(lone_store(l, LONE_SINGLE, &data), ERR_DATA_TOO_OLD);
	end();
}
END_TEST

START_TEST(restart_drops_forged_rows)
{
	struct stored_data *values;
	size_t count;

	begin();
	store(LONE_SINGLE, 0, "honest", 100);
	store(LONE_ARRAY, 0, "zero", 100);
	stop();
	forge_first_row("honest", "forged");
	start();
	lone_fetch(l, LONE_SINGLE, &values, &count);
	ck_assert(!values[0].value.data.exists);
	lone_fetch(l, LONE_ARRAY, &values, &count);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(lone_logged(l, "storage.record_dropped", "kind=4026531841 reason=SIGNATURE"), 1);
	stop();
	start();
	ck_assert_uint_eq(lone_logged(l, "storage.loaded", "values=1 dropped=0"), 1);
	end();
}
END_TEST

START_TEST(restart_drops_misplaced_rows)
{
	begin();
	store(LONE_SINGLE, 0, "honest", 100);
	stop();
	change_database("UPDATE record SET entry = x'00' WHERE kind = 4026531841");
	start();
	ck_assert_uint_eq(lone_logged(l, "storage.record_dropped", "reason=MALFORMED"), 1);
	end();
}
END_TEST

START_TEST(restart_forgets_expired_rows)
{
	begin();
	store(LONE_SINGLE, 0, "old", 100);
	stop();
	change_database("UPDATE record SET expires = 5");
	start();
	ck_assert_uint_eq(lone_logged(l, "storage.loaded", "values=0 dropped=1"), 1);
	ck_assert_uint_eq(peer_counters(l->peer)->values_expired, 1);
	end();
}
END_TEST

int main(void)
{
	return RUN_TESTS("restart", restart_serves_what_was_acknowledged, restart_still_refuses_older_values,
			 restart_drops_forged_rows, restart_drops_misplaced_rows,
			 restart_forgets_expired_rows);
}
