/* SPDX-License-Identifier: MIT */
/* Both backends keep the same contract; the one on disk keeps its promises to itself: private, checked. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/backend.h"
#include "test/unit/run.h"

static char folder[64], path[128], detail[512];

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/peal-backend-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/records.db", folder);
}

static void remove_folder(void)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char name[160];

	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
	ck_assert_int_eq(rmdir(folder), 0);
}

static struct backend open_sqlite(void)
{
	struct backend b;

	ck_assert_msg(backend_sqlite(path, &b, detail, sizeof(detail)) == 0, "%s", detail);
	return b;
}

static struct backend_record record_of(const char *resource, uint32_t kind, const char *entry,
				       const char *data)
{
	return (struct backend_record){
		.resource = slice_text(resource),
		.kind = kind,
		.generation = 3,
		.entry = slice_text(entry),
		.storage_time = 100,
		.expires = { 1800000000000u },
		.stored_data = slice_text(data),
		.certificate_hash = slice_text("hash"),
	};
}

/* What load gives, as one line. */
struct listing {
	char text[512];
};

static int list_certificate(void *to, struct slice hash, struct slice der)
{
	struct listing *list = to;
	size_t at = strlen(list->text);

	snprintf(list->text + at, sizeof(list->text) - at, "(%.*s %.*s)", (int)hash.len,
		 (const char *)hash.data, (int)der.len, (const char *)der.data);
	return 0;
}

static int list_record(void *to, const struct backend_record *r)
{
	struct listing *list = to;
	size_t at = strlen(list->text);

	ck_assert_uint_eq(r->storage_time, 100);
	ck_assert_uint_eq(r->expires.ms, 1800000000000u);
	ck_assert_uint_eq(r->generation, 3);
	ck_assert(slice_equal(r->certificate_hash, slice_text("hash")));
	snprintf(list->text + at, sizeof(list->text) - at, "[%.*s %u %.*s %.*s]", (int)r->resource.len,
		 (const char *)r->resource.data, r->kind, (int)r->entry.len,
		 r->entry.len == 0 ? "" : (const char *)r->entry.data, (int)r->stored_data.len,
		 (const char *)r->stored_data.data);
	return 0;
}

static void expect_listing(const struct backend *b, const char *text)
{
	struct listing list = { "" };

	ck_assert_int_eq(b->ops->load(b->ctx, list_certificate, list_record, &list), 0);
	ck_assert_str_eq(list.text, text);
}

static void put(const struct backend *b, const char *resource, uint32_t kind, const char *entry,
		const char *data)
{
	struct backend_record r = record_of(resource, kind, entry, data);

	ck_assert_int_eq(b->ops->put(b->ctx, &r), 0);
}

static void keep_contract(const struct backend *b)
{
	expect_listing(b, "");
	ck_assert_int_eq(b->ops->commit(b->ctx), 0);
	ck_assert_int_eq(b->ops->put_certificate(b->ctx, slice_text("hash"), slice_text("der")), 0);
	put(b, "r1", 1, "", "a");
	put(b, "r1", 2, "x", "b");
	put(b, "r1", 2, "y", "c");
	put(b, "r2", 2, "x", "d");
	ck_assert_int_eq(b->ops->commit(b->ctx), 0);
	put(b, "r1", 2, "x", "B");
	ck_assert_int_eq(b->ops->commit(b->ctx), 0);
	expect_listing(b, "(hash der)[r1 1  a][r1 2 x B][r1 2 y c][r2 2 x d]");
	/* What is rolled back was never there. */
	put(b, "r3", 1, "", "e");
	ck_assert_int_eq(b->ops->remove(b->ctx, slice_text("r1"), 1, SLICE_EMPTY, false), 0);
	ck_assert_int_eq(b->ops->remove_certificate(b->ctx, slice_text("hash")), 0);
	b->ops->rollback(b->ctx);
	b->ops->rollback(b->ctx);
	expect_listing(b, "(hash der)[r1 1  a][r1 2 x B][r1 2 y c][r2 2 x d]");
	ck_assert_int_eq(b->ops->remove(b->ctx, slice_text("r1"), 2, slice_text("x"), false), 0);
	ck_assert_int_eq(b->ops->remove(b->ctx, slice_text("r9"), 2, slice_text("x"), false), 0);
	ck_assert_int_eq(b->ops->commit(b->ctx), 0);
	expect_listing(b, "(hash der)[r1 1  a][r1 2 y c][r2 2 x d]");
	put(b, "r1", 2, "z", "f");
	ck_assert_int_eq(b->ops->remove(b->ctx, slice_text("r1"), 2, SLICE_EMPTY, true), 0);
	ck_assert_int_eq(b->ops->remove_certificate(b->ctx, slice_text("hash")), 0);
	ck_assert_int_eq(b->ops->commit(b->ctx), 0);
	expect_listing(b, "[r1 1  a][r2 2 x d]");
}

START_TEST(memory_keeps_contract)
{
	struct backend b = backend_memory();

	keep_contract(&b);
	put(&b, "left", 1, "", "uncommitted");
	b.ops->close(b.ctx);
}
END_TEST

START_TEST(sqlite_keeps_contract)
{
	struct backend b;

	make_folder();
	b = open_sqlite();
	keep_contract(&b);
	put(&b, "left", 1, "", "uncommitted");
	b.ops->close(b.ctx);
	b = open_sqlite();
	expect_listing(&b, "[r1 1  a][r2 2 x d]");
	b.ops->close(b.ctx);
	remove_folder();
}
END_TEST

START_TEST(sqlite_makes_private_file)
{
	struct backend b;
	struct stat st;
	char wal[160];

	make_folder();
	umask(0);
	b = open_sqlite();
	put(&b, "r1", 1, "", "a");
	ck_assert_int_eq(b.ops->commit(b.ctx), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	ck_assert_int_eq(stat(wal, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	b.ops->close(b.ctx);
	remove_folder();
}
END_TEST

START_TEST(sqlite_refuses_public_places)
{
	struct backend b;

	make_folder();
	ck_assert_int_eq(chmod(folder, 0755), 0);
	ck_assert_int_eq(backend_sqlite(path, &b, detail, sizeof(detail)), ERR_PERMISSION);
	ck_assert_ptr_nonnull(strstr(detail, "chmod 0700"));
	ck_assert_int_eq(chmod(folder, 0700), 0);
	b = open_sqlite();
	b.ops->close(b.ctx);
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(backend_sqlite(path, &b, detail, sizeof(detail)), ERR_PERMISSION);
	ck_assert_ptr_nonnull(strstr(detail, "chmod 0600"));
	remove_folder();
	ck_assert_int_eq(backend_sqlite(path, &b, detail, sizeof(detail)), ERR_STORAGE);
	ck_assert_ptr_nonnull(strstr(detail, "install -d"));
}
END_TEST

START_TEST(sqlite_refuses_link)
{
	struct backend b;
	char target[160];

	make_folder();
	snprintf(target, sizeof(target), "%s/other", folder);
	ck_assert_int_eq(symlink(target, path), 0);
	ck_assert_int_eq(backend_sqlite(path, &b, detail, sizeof(detail)), ERR_STORAGE);
	remove_folder();
}
END_TEST

/* Overwrites `len` bytes at `at` of the file. */
static void damage(long at, size_t len)
{
	FILE *f = fopen(path, "r+b");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, at, SEEK_SET), 0);
	for (size_t i = 0; i < len; i++)
		fputc(0xa5, f);
	fclose(f);
}

START_TEST(sqlite_reports_damage)
{
	struct backend b;
	char text[256];

	make_folder();
	b = open_sqlite();
	memset(text, 'x', sizeof(text));
	text[255] = '\0';
	for (int i = 0; i < 200; i++) {
		char entry[8];

		snprintf(entry, sizeof(entry), "%d", i);
		put(&b, "r1", 1, entry, text);
	}
	ck_assert_int_eq(b.ops->commit(b.ctx), 0);
	b.ops->close(b.ctx);
	damage(4096 * 3, 4096 * 2);
	ck_assert_int_eq(backend_sqlite(path, &b, detail, sizeof(detail)), ERR_STORAGE);
	ck_assert_ptr_nonnull(strstr(detail, "damaged"));
	ck_assert_ptr_nonnull(strstr(detail, "move it away"));
	damage(0, 4096);
	ck_assert_int_eq(backend_sqlite(path, &b, detail, sizeof(detail)), ERR_STORAGE);
	ck_assert_ptr_nonnull(strstr(detail, "move it away"));
	remove_folder();
}
END_TEST

START_TEST(sqlite_refuses_other_schema)
{
	struct backend b;
	sqlite3 *db;

	make_folder();
	b = open_sqlite();
	b.ops->close(b.ctx);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	ck_assert_int_eq(backend_sqlite(path, &b, detail, sizeof(detail)), ERR_STORAGE);
	ck_assert_ptr_nonnull(strstr(detail, "99"));
	remove_folder();
}
END_TEST

int main(void)
{
	return RUN_TESTS("backend", memory_keeps_contract, sqlite_keeps_contract, sqlite_makes_private_file,
			 sqlite_refuses_public_places, sqlite_refuses_link, sqlite_reports_damage,
			 sqlite_refuses_other_schema);
}
