/* SPDX-License-Identifier: MIT */
/* A thin layer over the backends of storage/: in memory it counts calls and decides faults itself; with SQLite
 * the simulated files do. */
#include "tools/sim/disk.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "overlay/base/prng.h"
#include "tools/sim/vfs.h"

#define DISK_PATH "/records.db"

struct disk {
	enum disk_kind kind;
	enum disk_fault fault;
	bool is_open;
	struct backend inner; /* memory: lives as long as the disk; SQLite: while open */
	struct backend backend; /* what disk_open gives */
	/* memory */
	uint64_t calls;
	uint64_t crash_at; /* 0: never */
	bool crashed;
	/* SQLite */
	struct vfs *vfs;
	struct prng prng;
	char detail[160];
};

/* ---- The backend that is given out ---- */

/* `writes` is false for calls that a full disk still serves. */
static int disk_call(struct disk *d, bool writes)
{
	if (d->kind == DISK_SQLITE)
		return 0;
	if (d->crashed)
		return ERR_STORAGE;
	d->calls++;
	if (d->crash_at != 0 && d->calls >= d->crash_at) {
		d->crashed = true;
		return ERR_STORAGE;
	}
	return d->fault == DISK_IO_ERROR || (d->fault == DISK_FULL && writes) ? ERR_STORAGE : 0;
}

static int disk_put(void *ctx, const struct backend_record *record)
{
	struct disk *d = ctx;
	int err = disk_call(d, true);

	return err != 0 ? err : d->inner.ops->put(d->inner.ctx, record);
}

static int disk_remove(void *ctx, struct slice resource, uint32_t kind, struct slice entry, bool all)
{
	struct disk *d = ctx;
	int err = disk_call(d, true);

	return err != 0 ? err : d->inner.ops->remove(d->inner.ctx, resource, kind, entry, all);
}

static int disk_put_certificate(void *ctx, struct slice hash, struct slice der)
{
	struct disk *d = ctx;
	int err = disk_call(d, true);

	return err != 0 ? err : d->inner.ops->put_certificate(d->inner.ctx, hash, der);
}

static int disk_remove_certificate(void *ctx, struct slice hash)
{
	struct disk *d = ctx;
	int err = disk_call(d, true);

	return err != 0 ? err : d->inner.ops->remove_certificate(d->inner.ctx, hash);
}

static int disk_commit(void *ctx)
{
	struct disk *d = ctx;
	int err = disk_call(d, true);

	return err != 0 ? err : d->inner.ops->commit(d->inner.ctx);
}

static void disk_rollback(void *ctx)
{
	struct disk *d = ctx;

	d->inner.ops->rollback(d->inner.ctx);
}

static int disk_load(void *ctx, int (*certificate)(void *to, struct slice hash, struct slice der),
		     int (*record)(void *to, const struct backend_record *record), void *to)
{
	struct disk *d = ctx;
	int err = disk_call(d, false);

	return err != 0 ? err : d->inner.ops->load(d->inner.ctx, certificate, record, to);
}

static void disk_close_nothing(void *ctx)
{
	(void)ctx; /* the disk's owner closes it */
}

static const struct backend_ops disk_ops = {
	.put = disk_put,
	.remove = disk_remove,
	.put_certificate = disk_put_certificate,
	.remove_certificate = disk_remove_certificate,
	.commit = disk_commit,
	.rollback = disk_rollback,
	.load = disk_load,
	.close = disk_close_nothing,
};

/* ---- The disk ---- */

struct disk *disk_new(enum disk_kind kind, uint64_t seed)
{
	struct disk *d = memory_alloc(sizeof(*d));

	d->kind = kind;
	d->backend = (struct backend){ &disk_ops, d };
	if (kind == DISK_SQLITE) {
		prng_seed(&d->prng, seed);
		d->vfs = vfs_new(prng_next(&d->prng));
	} else {
		d->inner = backend_memory();
	}
	return d;
}

void disk_free(struct disk *d)
{
	if (d == NULL)
		return;
	disk_close(d, false);
	if (d->kind == DISK_MEMORY)
		d->inner.ops->close(d->inner.ctx);
	vfs_free(d->vfs);
	free(d);
}

struct backend *disk_open(struct disk *d, int *err)
{
	invariant(!d->is_open);
	*err = disk_has_crashed(d) ? ERR_STORAGE : 0;
	d->detail[0] = '\0';
	if (d->kind == DISK_SQLITE && *err == 0) {
		vfs_seed_sqlite(d->vfs);
		*err = backend_sqlite_vfs(DISK_PATH, vfs_name(d->vfs), &d->inner, d->detail,
					  sizeof(d->detail));
	}
	d->is_open = *err == 0;
	return d->is_open ? &d->backend : NULL;
}

static void disk_close_sqlite(struct disk *d, bool crash)
{
	/* A process that ends closes its database, one that is killed does not: both happen. */
	if (crash || prng_below(&d->prng, 2) == 0)
		vfs_stop(d->vfs);
	if (d->is_open)
		d->inner.ops->close(d->inner.ctx);
	vfs_reboot(d->vfs, crash);
}

void disk_close(struct disk *d, bool crash)
{
	bool crashed = disk_has_crashed(d);

	if (!d->is_open && !crashed)
		return;
	if (d->kind == DISK_SQLITE)
		disk_close_sqlite(d, crash || crashed);
	else
		d->inner.ops->rollback(d->inner.ctx);
	d->crashed = false;
	d->crash_at = 0;
	d->is_open = false;
}

void disk_wipe(struct disk *d)
{
	invariant(!d->is_open);
	if (d->kind == DISK_SQLITE) {
		vfs_wipe(d->vfs);
	} else {
		d->inner.ops->close(d->inner.ctx);
		d->inner = backend_memory();
	}
}

enum disk_fault disk_fault_of(const struct disk *d) { return d->fault; }

void disk_set_fault(struct disk *d, enum disk_fault fault)
{
	static const enum vfs_fault faults[] = {
		[DISK_OK] = VFS_OK,
		[DISK_FULL] = VFS_ENOSPC,
		[DISK_IO_ERROR] = VFS_EIO,
	};

	d->fault = fault;
	if (d->kind == DISK_SQLITE)
		vfs_set_fault(d->vfs, faults[fault], 1, true);
}

uint64_t disk_call_count(const struct disk *d)
{
	return d->kind == DISK_SQLITE ? vfs_call_count(d->vfs) : d->calls;
}

void disk_crash_after(struct disk *d, uint64_t calls)
{
	if (d->kind == DISK_SQLITE)
		vfs_crash_after(d->vfs, calls);
	else
		d->crash_at = calls == 0 ? 0 : d->calls + calls;
}

bool disk_has_crashed(const struct disk *d)
{
	return d->kind == DISK_SQLITE ? vfs_has_stopped(d->vfs) : d->crashed;
}

const char *disk_detail(const struct disk *d)
{
	return d->detail;
}
