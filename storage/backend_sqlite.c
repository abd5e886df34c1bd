/* SPDX-License-Identifier: MIT */
/* Records in an SQLite database: WAL, synchronous=FULL, one transaction from the first change to commit. A
 * rowid table with a unique index takes values of this size two to three times faster than WITHOUT ROWID. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "overlay/base/invariant.h"
#include "storage/backend.h"

#define SQLITE_SCHEMA_NUMBER "1" /* PRAGMA user_version */
#define SQLITE_VALUE_MAX (16 << 20) /* bytes of one value at most: nothing of ours comes near */

enum sqlite_statement {
	STATEMENT_BEGIN,
	STATEMENT_COMMIT,
	STATEMENT_ROLLBACK,
	STATEMENT_PUT,
	STATEMENT_REMOVE,
	STATEMENT_REMOVE_KIND,
	STATEMENT_PUT_CERTIFICATE,
	STATEMENT_REMOVE_CERTIFICATE,
	STATEMENT_LOAD,
	STATEMENT_LOAD_CERTIFICATES,
	STATEMENT_COUNT
};

static const char *const statement_texts[STATEMENT_COUNT] = {
	[STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[STATEMENT_COMMIT] = "COMMIT",
	[STATEMENT_ROLLBACK] = "ROLLBACK",
	[STATEMENT_PUT] =
		("INSERT INTO record(resource, kind, entry, generation, storage_time, expires,"
		 " stored_data, certificate) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
		 " ON CONFLICT(resource, kind, entry) DO UPDATE SET generation = ?4, storage_time = ?5,"
		 " expires = ?6, stored_data = ?7, certificate = ?8"),
	[STATEMENT_REMOVE] = "DELETE FROM record WHERE resource = ?1 AND kind = ?2 AND entry = ?3",
	[STATEMENT_REMOVE_KIND] = "DELETE FROM record WHERE resource = ?1 AND kind = ?2",
	[STATEMENT_PUT_CERTIFICATE] = "INSERT OR REPLACE INTO certificate(hash, der) VALUES(?1, ?2)",
	[STATEMENT_REMOVE_CERTIFICATE] = "DELETE FROM certificate WHERE hash = ?1",
	[STATEMENT_LOAD] =
		("SELECT resource, kind, entry, generation, storage_time, expires, stored_data, certificate"
		 " FROM record ORDER BY id"),
	[STATEMENT_LOAD_CERTIFICATES] = "SELECT hash, der FROM certificate ORDER BY id",
};

/* Whole or not at all: a start that ends here must not be the last one. */
static const char sqlite_schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE record("
	" id INTEGER PRIMARY KEY,"
	" resource BLOB NOT NULL,"
	" kind INTEGER NOT NULL,"
	" entry BLOB NOT NULL,"
	" generation INTEGER NOT NULL,"
	" storage_time INTEGER NOT NULL," /* ms since 1970 */
	" expires INTEGER NOT NULL,"      /* ms since 1970 */
	" stored_data BLOB NOT NULL,"     /* RFC 6940 StoredData */
	" certificate BLOB NOT NULL"      /* SHA-256 */
	") STRICT;"
	"CREATE UNIQUE INDEX record_place ON record(resource, kind, entry);"
	"CREATE TABLE certificate("
	" id INTEGER PRIMARY KEY,"
	" hash BLOB NOT NULL UNIQUE,"
	" der BLOB NOT NULL"
	") STRICT;"
	"PRAGMA user_version = " SQLITE_SCHEMA_NUMBER ";"
	"COMMIT;";

struct backend_sqlite {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	bool in_transaction;
};

/* Runs a statement that gives no rows. */
static int sqlite_run(struct backend_sqlite *b, enum sqlite_statement which)
{
	int result = sqlite3_step(b->statements[which]);

	sqlite3_reset(b->statements[which]);
	sqlite3_clear_bindings(b->statements[which]);
	return result == SQLITE_DONE ? 0 : ERR_STORAGE;
}

/* The transaction begins with the turn's first change. */
static int sqlite_change(struct backend_sqlite *b)
{
	int err;

	if (b->in_transaction)
		return 0;
	err = sqlite_run(b, STATEMENT_BEGIN);
	b->in_transaction = err == 0;
	return err;
}

/* Bound as it is: the caller's bytes live until the statement has run. */
static int sqlite_bind(sqlite3_stmt *s, int place, struct slice bytes)
{
	/* A NULL pointer would bind NULL, not an empty blob. */
	return sqlite3_bind_blob64(s, place, bytes.len == 0 ? "" : (const void *)bytes.data, bytes.len,
				   SQLITE_STATIC);
}

static int sqlite_put(void *ctx, const struct backend_record *record)
{
	struct backend_sqlite *b = ctx;
	sqlite3_stmt *s = b->statements[STATEMENT_PUT];
	int err = sqlite_change(b), bad = 0;

	if (err != 0)
		return err;
	bad |= sqlite_bind(s, 1, record->resource);
	bad |= sqlite3_bind_int64(s, 2, record->kind);
	bad |= sqlite_bind(s, 3, record->entry);
	bad |= sqlite3_bind_int64(s, 4, (sqlite3_int64)record->generation);
	bad |= sqlite3_bind_int64(s, 5, (sqlite3_int64)record->storage_time);
	bad |= sqlite3_bind_int64(s, 6, (sqlite3_int64)record->expires.ms);
	bad |= sqlite_bind(s, 7, record->stored_data);
	bad |= sqlite_bind(s, 8, record->certificate_hash);
	err = sqlite_run(b, STATEMENT_PUT);
	return bad != 0 ? ERR_STORAGE : err;
}

static int sqlite_remove(void *ctx, struct slice resource, uint32_t kind, struct slice entry, bool all)
{
	struct backend_sqlite *b = ctx;
	enum sqlite_statement which = all ? STATEMENT_REMOVE_KIND : STATEMENT_REMOVE;
	int err = sqlite_change(b), bad = 0;

	if (err != 0)
		return err;
	bad |= sqlite_bind(b->statements[which], 1, resource);
	bad |= sqlite3_bind_int64(b->statements[which], 2, kind);
	if (!all)
		bad |= sqlite_bind(b->statements[which], 3, entry);
	err = sqlite_run(b, which);
	return bad != 0 ? ERR_STORAGE : err;
}

static int sqlite_put_certificate(void *ctx, struct slice hash, struct slice der)
{
	struct backend_sqlite *b = ctx;
	sqlite3_stmt *s = b->statements[STATEMENT_PUT_CERTIFICATE];
	int err = sqlite_change(b), bad = 0;

	if (err != 0)
		return err;
	bad |= sqlite_bind(s, 1, hash);
	bad |= sqlite_bind(s, 2, der);
	err = sqlite_run(b, STATEMENT_PUT_CERTIFICATE);
	return bad != 0 ? ERR_STORAGE : err;
}

static int sqlite_remove_certificate(void *ctx, struct slice hash)
{
	struct backend_sqlite *b = ctx;
	int err = sqlite_change(b), bad;

	if (err != 0)
		return err;
	bad = sqlite_bind(b->statements[STATEMENT_REMOVE_CERTIFICATE], 1, hash);
	err = sqlite_run(b, STATEMENT_REMOVE_CERTIFICATE);
	return bad != 0 ? ERR_STORAGE : err;
}

static int sqlite_commit(void *ctx)
{
	struct backend_sqlite *b = ctx;
	int err;

	if (!b->in_transaction)
		return 0;
	err = sqlite_run(b, STATEMENT_COMMIT);
	/* After a failure the transaction may be open still: the caller rolls back. */
	if (err == 0)
		b->in_transaction = false;
	return err;
}

static void sqlite_rollback(void *ctx)
{
	struct backend_sqlite *b = ctx;

	/* SQLite ends a transaction itself after some failures, a full disk among them. */
	if (sqlite3_get_autocommit(b->db) == 0)
		(void)sqlite_run(b, STATEMENT_ROLLBACK);
	b->in_transaction = false;
}

static struct slice sqlite_column(sqlite3_stmt *s, int column)
{
	const void *data = sqlite3_column_blob(s, column);

	return slice_of(data, (size_t)sqlite3_column_bytes(s, column));
}

static int sqlite_load_certificates(struct backend_sqlite *b,
				    int (*certificate)(void *to, struct slice hash, struct slice der),
				    void *to)
{
	sqlite3_stmt *s = b->statements[STATEMENT_LOAD_CERTIFICATES];
	int err = 0, result = SQLITE_DONE;

	while (err == 0 && (result = sqlite3_step(s)) == SQLITE_ROW)
		err = certificate(to, sqlite_column(s, 0), sqlite_column(s, 1));
	sqlite3_reset(s);
	return err != 0 || result == SQLITE_DONE ? err : ERR_STORAGE;
}

static int sqlite_load(void *ctx, int (*certificate)(void *to, struct slice hash, struct slice der),
		       int (*record)(void *to, const struct backend_record *record), void *to)
{
	struct backend_sqlite *b = ctx;
	sqlite3_stmt *s = b->statements[STATEMENT_LOAD];
	int err = sqlite_load_certificates(b, certificate, to), result = SQLITE_DONE;

	while (err == 0 && (result = sqlite3_step(s)) == SQLITE_ROW) {
		struct backend_record r = {
			.resource = sqlite_column(s, 0),
			.kind = (uint32_t)sqlite3_column_int64(s, 1),
			.entry = sqlite_column(s, 2),
			.generation = (uint64_t)sqlite3_column_int64(s, 3),
			.storage_time = (uint64_t)sqlite3_column_int64(s, 4),
			.expires = { (uint64_t)sqlite3_column_int64(s, 5) },
			.stored_data = sqlite_column(s, 6),
			.certificate_hash = sqlite_column(s, 7),
		};

		err = record(to, &r);
	}
	sqlite3_reset(s);
	return err != 0 || result == SQLITE_DONE ? err : ERR_STORAGE;
}

static void sqlite_close(void *ctx)
{
	struct backend_sqlite *b = ctx;

	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(b->statements[i]);
	sqlite3_close(b->db);
	free(b);
}

static const struct backend_ops sqlite_ops = {
	.put = sqlite_put,
	.remove = sqlite_remove,
	.put_certificate = sqlite_put_certificate,
	.remove_certificate = sqlite_remove_certificate,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.load = sqlite_load,
	.close = sqlite_close,
};

/* Folder 0700, file 0600, ours, and no link: made here when it is not there. */
static int sqlite_check_file(const char *path, char *detail, size_t detail_size)
{
	char copy[PATH_MAX];
	struct stat st;
	const char *folder;
	int fd;

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy)) {
		snprintf(detail, detail_size, "the path of the database is too long");
		return ERR_STORAGE;
	}
	folder = dirname(copy);
	if (stat(folder, &st) != 0) {
		snprintf(detail, detail_size, "%s: %s; make the folder: install -d -m 0700 %s", folder,
			 strerror(errno), folder);
		return ERR_STORAGE;
	}
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
		snprintf(detail, detail_size,
			 "the folder %s must belong to this user and be private: chmod 0700 %s", folder,
			 folder);
		return ERR_PERMISSION;
	}
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) != 0) {
		snprintf(detail, detail_size, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return ERR_STORAGE;
	}
	close(fd);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
		snprintf(detail, detail_size,
			 "the database %s must belong to this user and be private: chmod 0600 %s", path,
			 path);
		return ERR_PERMISSION;
	}
	return 0;
}

/* Keeps the first text column of a pragma's first row. */
static int sqlite_pragma(sqlite3 *db, const char *text, char *out, size_t out_size)
{
	sqlite3_stmt *s = NULL;
	int result;

	out[0] = '\0';
	result = sqlite3_prepare_v2(db, text, -1, &s, NULL);
	if (result == SQLITE_OK) {
		result = sqlite3_step(s);
		if (result == SQLITE_ROW)
			snprintf(out, out_size, "%s", (const char *)sqlite3_column_text(s, 0));
	}
	sqlite3_finalize(s);
	return result == SQLITE_ROW || result == SQLITE_DONE ? 0 : ERR_STORAGE;
}

/* What must hold before anything of the file is believed. */
static int sqlite_harden(sqlite3 *db)
{
	char mode[16];
	int err;

	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, 2000);
	if (sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
	    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
	    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) != SQLITE_OK ||
	    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL) != SQLITE_OK)
		return ERR_STORAGE;
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, SQLITE_VALUE_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	err = sqlite_pragma(db, "PRAGMA journal_mode = WAL", mode, sizeof(mode));
	if (err != 0 || strcmp(mode, "wal") != 0)
		return ERR_STORAGE;
	return sqlite3_exec(db,
			    "PRAGMA synchronous = FULL; PRAGMA mmap_size = 0; PRAGMA cache_size = -256;"
			    "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
			    "PRAGMA wal_autocheckpoint = 256; PRAGMA journal_size_limit = 4194304",
			    NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : ERR_STORAGE;
}

static int sqlite_open(struct backend_sqlite *b, const char *path, const char *vfs, char *detail,
		       size_t detail_size)
{
	/* A real file was made by sqlite_check_file. */
	int flags = SQLITE_OPEN_READWRITE | (vfs == NULL ? SQLITE_OPEN_NOFOLLOW : SQLITE_OPEN_CREATE);
	char text[256];

	if (sqlite3_open_v2(path, &b->db, flags, vfs) != SQLITE_OK ||
	    sqlite_harden(b->db) != 0) {
		snprintf(detail, detail_size,
			 "the database %s cannot be opened: %s; move it away to start without it (replicas at "
			 "other peers are fetched back)",
			 path, b->db == NULL ? "out of memory" : sqlite3_errmsg(b->db));
		return ERR_STORAGE;
	}
	if (sqlite_pragma(b->db, "PRAGMA quick_check(1)", text, sizeof(text)) != 0 ||
	    strcmp(text, "ok") != 0) {
		snprintf(detail, detail_size,
			 "the database %s is damaged (%s); move it away to start without it (replicas at other "
			 "peers are fetched back)",
			 path, text[0] == '\0' ? sqlite3_errmsg(b->db) : text);
		return ERR_STORAGE;
	}
	if (sqlite_pragma(b->db, "PRAGMA user_version", text, sizeof(text)) != 0 ||
	    (strcmp(text, "0") == 0 &&
	     sqlite3_exec(b->db, sqlite_schema, NULL, NULL, NULL) != SQLITE_OK)) {
		snprintf(detail, detail_size, "the database %s cannot be set up: %s", path,
			 sqlite3_errmsg(b->db));
		return ERR_STORAGE;
	}
	if (strcmp(text, "0") != 0 && strcmp(text, SQLITE_SCHEMA_NUMBER) != 0) {
		snprintf(detail, detail_size,
			 "the database %s has schema number %s, this program knows " SQLITE_SCHEMA_NUMBER
			 ": use the program that made it, or move the file away",
			 path, text);
		return ERR_STORAGE;
	}
	for (size_t i = 0; i < STATEMENT_COUNT; i++) {
		if (sqlite3_prepare_v3(b->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &b->statements[i], NULL) == SQLITE_OK)
			continue;
		snprintf(detail, detail_size,
			 "the database %s is not one of this program (%s); move it away to start without it",
			 path, sqlite3_errmsg(b->db));
		return ERR_STORAGE;
	}
	return 0;
}

static int sqlite_new(const char *path, const char *vfs, struct backend *out, char *detail,
		      size_t detail_size)
{
	struct backend_sqlite *b = memory_alloc(sizeof(*b));
	int err = sqlite_open(b, path, vfs, detail, detail_size);

	if (err != 0) {
		sqlite_close(b);
		return err;
	}
	*out = (struct backend){ &sqlite_ops, b };
	return 0;
}

int backend_sqlite(const char *path, struct backend *out, char *detail, size_t detail_size)
{
	int err;

	if (detail_size > 0)
		detail[0] = '\0';
	err = sqlite_check_file(path, detail, detail_size);
	return err != 0 ? err : sqlite_new(path, NULL, out, detail, detail_size);
}

int backend_sqlite_vfs(const char *path, const char *vfs, struct backend *out, char *detail,
		       size_t detail_size)
{
	if (detail_size > 0)
		detail[0] = '\0';
	return sqlite_new(path, vfs, out, detail, detail_size);
}
