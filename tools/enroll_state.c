/* SPDX-License-Identifier: MIT */
/* The enrollment server's SQLite file. */
#include "tools/enroll_state.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/private_file.h"
#include "overlay/base/invariant.h"

#define SCHEMA_VERSION 1
#define BUSY_TIMEOUT_MS 5000

static const char SCHEMA[] =
	"CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE user (name TEXT PRIMARY KEY, password_hash TEXT NOT NULL,"
	" quota INTEGER NOT NULL, created_ms INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE device (user TEXT NOT NULL REFERENCES user(name) ON DELETE CASCADE,"
	" number INTEGER NOT NULL, key_hash BLOB NOT NULL UNIQUE, created_ms INTEGER NOT NULL,"
	" not_after_ms INTEGER NOT NULL, PRIMARY KEY (user, number)) WITHOUT ROWID;"
	"CREATE TABLE node_id (id BLOB PRIMARY KEY, user TEXT NOT NULL, device INTEGER NOT NULL,"
	" place INTEGER NOT NULL, UNIQUE (user, device, place),"
	" FOREIGN KEY (user, device) REFERENCES device(user, number) ON DELETE CASCADE) WITHOUT ROWID;"
	"PRAGMA user_version = 1;";

#define USER_COLUMNS                                                                               \
	"SELECT name, password_hash, quota, created_ms,"                                           \
	" (SELECT count(*) FROM node_id n WHERE n.user = u.name),"                                 \
	" (SELECT count(*) FROM device d WHERE d.user = u.name) FROM user u "
#define DEVICE_COLUMNS "SELECT number, key_hash, created_ms, not_after_ms, user FROM device "

struct enroll_state {
	sqlite3 *db;
};

const char *enroll_state_error(const struct enroll_state *s)
{
	return sqlite3_errmsg(s->db);
}

/* Result code of SQLite to ours. */
static int state_error(int rc)
{
	if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW)
		return 0;
	return (rc & 0xff) == SQLITE_CONSTRAINT ? ERR_DUPLICATE : ERR_STORAGE;
}

/* Binds by the letters of `types`: t text, i int64_t, k key hash, n Node-ID. NULL when SQLite refuses. */
static sqlite3_stmt *state_prepare(struct enroll_state *s, const char *sql, const char *types, ...)
{
	sqlite3_stmt *stmt;
	va_list args;
	int rc = SQLITE_OK;

	if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return NULL;
	va_start(args, types);
	for (int i = 0; types[i] != '\0' && rc == SQLITE_OK; i++) {
		if (types[i] == 't')
			rc = sqlite3_bind_text(stmt, i + 1, va_arg(args, const char *), -1,
					       SQLITE_TRANSIENT);
		else if (types[i] == 'i')
			rc = sqlite3_bind_int64(stmt, i + 1, va_arg(args, int64_t));
		else if (types[i] == 'k')
			rc = sqlite3_bind_blob(stmt, i + 1, va_arg(args, const uint8_t *),
					       ENROLL_KEY_HASH_LENGTH, SQLITE_TRANSIENT);
		else
			rc = sqlite3_bind_blob(stmt, i + 1, va_arg(args, const struct node_id *)->bytes,
					       NODE_ID_LENGTH, SQLITE_TRANSIENT);
	}
	va_end(args);
	if (rc != SQLITE_OK) {
		sqlite3_finalize(stmt);
		return NULL;
	}
	return stmt;
}

/* Runs a statement that gives no rows. ERR_NOT_FOUND when `must_change` and it changed none. */
static int state_run(struct enroll_state *s, sqlite3_stmt *stmt, bool must_change)
{
	int err;

	if (stmt == NULL)
		return ERR_STORAGE;
	err = state_error(sqlite3_step(stmt));
	sqlite3_finalize(stmt);
	if (err == 0 && must_change && sqlite3_changes(s->db) == 0)
		err = ERR_NOT_FOUND;
	return err;
}

/* Steps to the first row: 0, ERR_NOT_FOUND or ERR_STORAGE. */
static int state_first(sqlite3_stmt *stmt)
{
	int rc;

	if (stmt == NULL)
		return ERR_STORAGE;
	rc = sqlite3_step(stmt);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? ERR_NOT_FOUND : ERR_STORAGE;
}

static int state_exec(struct enroll_state *s, const char *sql)
{
	return state_error(sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

/* Ends a transaction: commits when all went well, else rolls back and keeps `err`. */
static int state_end(struct enroll_state *s, int err)
{
	if (err == 0)
		err = state_exec(s, "COMMIT");
	if (err != 0 && !sqlite3_get_autocommit(s->db) && state_exec(s, "ROLLBACK") != 0)
		return ERR_STORAGE;
	return err;
}

static void column_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	snprintf(out, size, "%s", text == NULL ? "" : (const char *)text);
}

/* False when the blob has another length: then the file is not ours. */
static bool column_blob(sqlite3_stmt *stmt, int column, void *out, size_t len)
{
	const void *bytes = sqlite3_column_blob(stmt, column);

	if (bytes == NULL || (size_t)sqlite3_column_bytes(stmt, column) != len)
		return false;
	memcpy(out, bytes, len);
	return true;
}

static int state_connect(struct enroll_state **out, const char *path, char *detail, size_t detail_size)
{
	struct enroll_state *s = memory_alloc(sizeof(*s));
	int rc = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX |
				 (strcmp(path, ":memory:") == 0 ? SQLITE_OPEN_CREATE : 0), NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
				  "PRAGMA foreign_keys = ON;", NULL, NULL, NULL);
	if (rc != SQLITE_OK) {
		snprintf(detail, detail_size, "%s: %s", path, sqlite3_errmsg(s->db));
		enroll_state_close(s);
		return ERR_STORAGE;
	}
	*out = s;
	return 0;
}

static int state_version(struct enroll_state *s)
{
	sqlite3_stmt *stmt = state_prepare(s, "PRAGMA user_version", "");
	int version = state_first(stmt) == 0 ? sqlite3_column_int(stmt, 0) : -1;

	sqlite3_finalize(stmt);
	return version;
}

int enroll_state_create(struct enroll_state **out, const char *path, char *detail, size_t detail_size)
{
	int err = private_file_check(path, detail, detail_size);

	if (err != ERR_NOT_FOUND) {
		if (err == 0)
			snprintf(detail, detail_size, "%s exists already", path);
		return err == 0 ? ERR_DUPLICATE : err;
	}
	err = private_file_create(path, detail, detail_size);
	if (err == 0)
		err = state_connect(out, path, detail, detail_size);
	if (err != 0)
		return err;
	err = state_exec(*out, SCHEMA);
	if (err != 0) {
		snprintf(detail, detail_size, "%s: %s", path, enroll_state_error(*out));
		enroll_state_close(*out);
		*out = NULL;
	}
	return err;
}

int enroll_state_open(struct enroll_state **out, const char *path, char *detail, size_t detail_size)
{
	int err = private_file_check(path, detail, detail_size);
	int version;

	if (err == 0)
		err = state_connect(out, path, detail, detail_size);
	if (err != 0)
		return err;
	version = state_version(*out);
	if (version == SCHEMA_VERSION)
		return 0;
	snprintf(detail, detail_size, "%s is not an enrollment state of version %d (it says %d)", path,
		 SCHEMA_VERSION, version);
	enroll_state_close(*out);
	*out = NULL;
	return ERR_STORAGE;
}

int enroll_state_open_in_memory(struct enroll_state **out)
{
	char detail[256];
	int err = state_connect(out, ":memory:", detail, sizeof(detail));

	return err != 0 ? err : state_exec(*out, SCHEMA);
}

void enroll_state_close(struct enroll_state *s)
{
	if (s == NULL)
		return;
	sqlite3_close(s->db);
	free(s);
}

int enroll_state_check(struct enroll_state *s, char *detail, size_t detail_size)
{
	sqlite3_stmt *stmt = state_prepare(s, "PRAGMA integrity_check", "");
	int err = state_first(stmt);

	if (err == 0 && strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0)
		err = ERR_STORAGE;
	if (err != 0)
		snprintf(detail, detail_size, "the state file is damaged: %s; restore it from a backup",
			 stmt != NULL && sqlite3_column_text(stmt, 0) != NULL ?
				 (const char *)sqlite3_column_text(stmt, 0) : enroll_state_error(s));
	sqlite3_finalize(stmt);
	return err;
}

int enroll_state_setting(struct enroll_state *s, const char *name, char *value)
{
	sqlite3_stmt *stmt = state_prepare(s, "SELECT value FROM setting WHERE name = ?", "t", name);
	int err = state_first(stmt);

	if (err == 0)
		column_text(stmt, 0, value, ENROLL_SETTING_MAX + 1);
	sqlite3_finalize(stmt);
	return err;
}

int enroll_state_set_setting(struct enroll_state *s, const char *name, const char *value)
{
	return state_run(s, state_prepare(s, "INSERT OR REPLACE INTO setting VALUES (?, ?)", "tt", name,
					  value), false);
}

int enroll_state_user_add(struct enroll_state *s, const char *name, const char *password_hash,
			  unsigned quota, struct walltime now)
{
	return state_run(s, state_prepare(s, "INSERT INTO user VALUES (?, ?, ?, ?)", "ttii", name,
					  password_hash, (int64_t)quota, (int64_t)now.ms), true);
}

static int user_read(sqlite3_stmt *stmt, struct enroll_user *out)
{
	int err = state_first(stmt);

	if (err == 0) {
		memset(out, 0, sizeof(*out));
		column_text(stmt, 0, out->name, sizeof(out->name));
		column_text(stmt, 1, out->password_hash, sizeof(out->password_hash));
		out->quota = (unsigned)sqlite3_column_int(stmt, 2);
		out->created.ms = (uint64_t)sqlite3_column_int64(stmt, 3);
		out->node_ids = (unsigned)sqlite3_column_int(stmt, 4);
		out->devices = (unsigned)sqlite3_column_int(stmt, 5);
	}
	sqlite3_finalize(stmt);
	return err;
}

int enroll_state_user_find(struct enroll_state *s, const char *name, struct enroll_user *out)
{
	return user_read(state_prepare(s, USER_COLUMNS "WHERE name = ?", "t", name), out);
}

int enroll_state_user_next(struct enroll_state *s, const char *after, struct enroll_user *out)
{
	return user_read(state_prepare(s, USER_COLUMNS "WHERE name > ? ORDER BY name LIMIT 1", "t", after),
			 out);
}

int enroll_state_user_set_password(struct enroll_state *s, const char *name, const char *password_hash)
{
	return state_run(s, state_prepare(s, "UPDATE user SET password_hash = ? WHERE name = ?", "tt",
					  password_hash, name), true);
}

int enroll_state_user_set_quota(struct enroll_state *s, const char *name, unsigned quota)
{
	return state_run(s, state_prepare(s, "UPDATE user SET quota = ? WHERE name = ?", "it",
					  (int64_t)quota, name), true);
}

int enroll_state_user_remove(struct enroll_state *s, const char *name)
{
	return state_run(s, state_prepare(s, "DELETE FROM user WHERE name = ?", "t", name), true);
}

static int device_node_ids(struct enroll_state *s, const char *user, struct enroll_device *device)
{
	sqlite3_stmt *stmt = state_prepare(s, "SELECT id FROM node_id WHERE user = ? AND device = ?"
					   " ORDER BY place", "ti", user, (int64_t)device->number);
	int rc = SQLITE_ERROR;

	device->node_id_count = 0;
	while (stmt != NULL && (rc = sqlite3_step(stmt)) == SQLITE_ROW &&
	       device->node_id_count < IDENTITY_NODE_IDS_MAX) {
		if (!column_blob(stmt, 0, device->node_ids[device->node_id_count].bytes, NODE_ID_LENGTH))
			break;
		device->node_id_count++;
	}
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE && device->node_id_count > 0 ? 0 : ERR_STORAGE;
}

/* Reads one row of DEVICE_COLUMNS and the device's Node-IDs. */
static int device_read(struct enroll_state *s, sqlite3_stmt *stmt, char *user, struct enroll_device *out)
{
	int err = state_first(stmt);

	if (err == 0) {
		memset(out, 0, sizeof(*out));
		out->number = (unsigned)sqlite3_column_int(stmt, 0);
		if (!column_blob(stmt, 1, out->key_hash, sizeof(out->key_hash)))
			err = ERR_STORAGE;
		out->created.ms = (uint64_t)sqlite3_column_int64(stmt, 2);
		out->not_after.ms = (uint64_t)sqlite3_column_int64(stmt, 3);
		column_text(stmt, 4, user, USER_NAME_MAX + 1);
	}
	sqlite3_finalize(stmt);
	return err != 0 ? err : device_node_ids(s, user, out);
}

int enroll_state_device_find(struct enroll_state *s, const char *user, unsigned number,
			     struct enroll_device *out)
{
	char name[USER_NAME_MAX + 1];

	return device_read(s, state_prepare(s, DEVICE_COLUMNS "WHERE user = ? AND number = ?", "ti", user,
					    (int64_t)number), name, out);
}

int enroll_state_device_next(struct enroll_state *s, const char *user, unsigned after,
			     struct enroll_device *out)
{
	char name[USER_NAME_MAX + 1];

	return device_read(s, state_prepare(s, DEVICE_COLUMNS "WHERE user = ? AND number > ?"
					    " ORDER BY number LIMIT 1", "ti", user, (int64_t)after),
			   name, out);
}

int enroll_state_device_by_key(struct enroll_state *s, const uint8_t *key_hash, char *user,
			       struct enroll_device *out)
{
	return device_read(s, state_prepare(s, DEVICE_COLUMNS "WHERE key_hash = ?", "k", key_hash), user,
			   out);
}

int enroll_state_device_put(struct enroll_state *s, const char *user, const struct enroll_device *device)
{
	int64_t number = (int64_t)device->number;
	int err = state_exec(s, "BEGIN IMMEDIATE");

	if (err != 0)
		return err;
	err = state_run(s, state_prepare(s, "DELETE FROM device WHERE user = ? AND number = ?", "ti", user,
					 number), false);
	if (err == 0)
		err = state_run(s, state_prepare(s, "INSERT INTO device VALUES (?, ?, ?, ?, ?)", "tikii",
						 user, number, device->key_hash,
						 (int64_t)device->created.ms,
						 (int64_t)device->not_after.ms), true);
	for (size_t i = 0; i < device->node_id_count && err == 0; i++)
		err = state_run(s, state_prepare(s, "INSERT INTO node_id VALUES (?, ?, ?, ?)", "ntii",
						 &device->node_ids[i], user, number, (int64_t)i), true);
	return state_end(s, err);
}

int enroll_state_device_remove(struct enroll_state *s, const char *user, unsigned number)
{
	return state_run(s, state_prepare(s, "DELETE FROM device WHERE user = ? AND number = ?", "ti", user,
					  (int64_t)number), true);
}

int enroll_state_node_id_find(struct enroll_state *s, const struct node_id *id)
{
	sqlite3_stmt *stmt = state_prepare(s, "SELECT 1 FROM node_id WHERE id = ?", "n", id);
	int err = state_first(stmt);

	sqlite3_finalize(stmt);
	return err;
}
