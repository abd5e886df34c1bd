/* SPDX-License-Identifier: MIT */
/* The SQLite side of the simulated disk: calls are counted, and crash and faults decided, in vfs_call. */
#include "tools/sim/vfs.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "tools/sim/vfs_file.h"

#define VFS_CLOCK_START 212000000000000ll /* ms of the Julian day, some time in 2005 */
#define VFS_PATH_MAX 256

enum vfs_call_kind { CALL_OTHER, CALL_READ, CALL_WRITE };

struct vfs {
	sqlite3_vfs base;
	char name[32];
	struct prng prng;
	sqlite3_int64 clock_ms;
	struct vfs_file *files; /* in order of creation */
	struct vfs_file **files_end;
	uint64_t calls;
	uint64_t crash_at; /* 0: never */
	bool stopped;
	enum vfs_fault fault;
	uint64_t fault_at;
	bool fault_stays;
	uint64_t faults;
	bool lies;
};

/* As SQLite allocates it: its first member is SQLite's. */
struct vfs_handle {
	sqlite3_file base;
	struct vfs *vfs;
	struct vfs_file *file;
	struct vfs_handle *next; /* of the same file */
	int lock;
	uint16_t shm_shared;    /* bits of slots */
	uint16_t shm_exclusive;
	bool delete_on_close;
	bool sync_folder; /* with the first sync, as SQLite does for new journals and logs */
};

static bool vfs_fault_hits(const struct vfs *v, enum vfs_call_kind kind)
{
	switch (v->fault) {
	case VFS_OK:
		break;
	case VFS_EIO:
		return v->calls >= v->fault_at;
	case VFS_ENOSPC:
		return v->calls >= v->fault_at && kind == CALL_WRITE;
	case VFS_SHORT_READ:
		return v->calls >= v->fault_at && kind == CALL_READ;
	}
	return false;
}

/* Every call on files passes here once: 0, or the code it fails with. */
static int vfs_call(struct vfs *v, enum vfs_call_kind kind, int io_code)
{
	if (v->stopped)
		return io_code;
	v->calls++;
	if (v->crash_at != 0 && v->calls >= v->crash_at) {
		v->stopped = true;
		return io_code;
	}
	if (!vfs_fault_hits(v, kind))
		return SQLITE_OK;
	v->faults++;
	io_code = v->fault == VFS_ENOSPC ? SQLITE_FULL : io_code;
	if (v->fault == VFS_SHORT_READ)
		io_code = SQLITE_IOERR_SHORT_READ;
	if (!v->fault_stays)
		v->fault = VFS_OK;
	return io_code;
}

static struct vfs_file *vfs_find(const struct vfs *v, const char *name)
{
	for (struct vfs_file *f = v->files; f != NULL; f = f->next)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static void vfs_sync_folder(struct vfs *v)
{
	for (struct vfs_file *f = v->files; f != NULL && !v->lies; f = f->next)
		vfs_file_sync_name(f);
}

static void vfs_add(struct vfs *v, struct vfs_file *f)
{
	*v->files_end = f;
	v->files_end = &f->next;
}

/* ---- A file's methods ---- */

static int file_close(sqlite3_file *base)
{
	struct vfs_handle *h = (struct vfs_handle *)base;

	for (struct vfs_handle **link = &h->file->handles; *link != NULL; link = &(*link)->next) {
		if (*link == h) {
			*link = h->next;
			break;
		}
	}
	if (h->delete_on_close && !h->vfs->stopped)
		vfs_file_delete(h->file);
	return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *out, int len, sqlite3_int64 offset)
{
	struct vfs_handle *h = (struct vfs_handle *)base;
	const struct vfs_bytes *seen = &h->file->seen;
	int err = vfs_call(h->vfs, CALL_READ, SQLITE_IOERR_READ);
	size_t at = (size_t)offset, want = (size_t)len, got;

	if (err != SQLITE_OK && err != SQLITE_IOERR_SHORT_READ)
		return err;
	got = at < seen->len ? seen->len - at : 0;
	if (got > want)
		got = want;
	if (err == SQLITE_IOERR_SHORT_READ)
		got = got / 2;
	if (got > 0)
		memcpy(out, seen->data + at, got);
	memset((uint8_t *)out + got, 0, want - got);
	return got < want ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int file_write(sqlite3_file *base, const void *data, int len, sqlite3_int64 offset)
{
	struct vfs_handle *h = (struct vfs_handle *)base;
	bool ran = !h->vfs->stopped;
	int err = vfs_call(h->vfs, CALL_WRITE, SQLITE_IOERR_WRITE);

	/* The write in which the machine stops is one of those that may be kept or torn. */
	if (err == SQLITE_OK || (ran && h->vfs->stopped))
		vfs_file_write(h->file, (size_t)offset, data, (size_t)len);
	return err;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 len)
{
	struct vfs_handle *h = (struct vfs_handle *)base;
	int err = vfs_call(h->vfs, CALL_OTHER, SQLITE_IOERR_TRUNCATE);

	if (err == SQLITE_OK)
		vfs_file_truncate(h->file, (size_t)len);
	return err;
}

static int file_sync(sqlite3_file *base, int flags)
{
	struct vfs_handle *h = (struct vfs_handle *)base;
	int err = vfs_call(h->vfs, CALL_OTHER, SQLITE_IOERR_FSYNC);

	(void)flags;
	if (err != SQLITE_OK || h->vfs->lies)
		return err;
	vfs_file_sync(h->file);
	if (h->sync_folder)
		vfs_sync_folder(h->vfs);
	h->sync_folder = false;
	return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *out)
{
	struct vfs_handle *h = (struct vfs_handle *)base;
	int err = vfs_call(h->vfs, CALL_OTHER, SQLITE_IOERR_FSTAT);

	*out = (sqlite3_int64)h->file->seen.len;
	return err;
}

/* The strongest lock that another handle has. */
static int vfs_lock_of_others(const struct vfs_handle *h)
{
	int strongest = SQLITE_LOCK_NONE;

	for (const struct vfs_handle *o = h->file->handles; o != NULL; o = o->next)
		if (o != h && o->lock > strongest)
			strongest = o->lock;
	return strongest;
}

static int file_lock(sqlite3_file *base, int lock)
{
	struct vfs_handle *h = (struct vfs_handle *)base;
	int others = vfs_lock_of_others(h);

	if (h->lock >= lock)
		return SQLITE_OK;
	if ((lock == SQLITE_LOCK_SHARED && others >= SQLITE_LOCK_PENDING) ||
	    (lock == SQLITE_LOCK_RESERVED && others >= SQLITE_LOCK_RESERVED) ||
	    (lock >= SQLITE_LOCK_PENDING && others >= SQLITE_LOCK_SHARED))
		return SQLITE_BUSY;
	h->lock = lock;
	return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int lock)
{
	struct vfs_handle *h = (struct vfs_handle *)base;

	if (h->lock > lock)
		h->lock = lock;
	return SQLITE_OK;
}

static int file_check_reserved_lock(sqlite3_file *base, int *out)
{
	*out = vfs_lock_of_others((struct vfs_handle *)base) >= SQLITE_LOCK_RESERVED;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int operation, void *argument)
{
	(void)base, (void)operation, (void)argument;
	return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *base)
{
	(void)base;
	return 4096;
}

static int file_characteristics(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int file_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **out)
{
	struct vfs_handle *h = (struct vfs_handle *)base;
	int err;

	*out = NULL;
	if (region >= VFS_SHM_REGIONS_MAX)
		return SQLITE_IOERR_SHMMAP;
	if (h->file->shm[region] == NULL && extend) {
		err = vfs_call(h->vfs, CALL_WRITE, SQLITE_IOERR_SHMMAP);
		if (err != SQLITE_OK)
			return err;
		h->file->shm[region] = memory_alloc((size_t)size);
	}
	*out = h->file->shm[region];
	return SQLITE_OK;
}

static int file_shm_lock(sqlite3_file *base, int first, int count, int flags)
{
	struct vfs_handle *h = (struct vfs_handle *)base;
	uint16_t bits = (uint16_t)(((1u << count) - 1) << first);
	uint16_t shared = 0, exclusive = 0;

	if (flags & SQLITE_SHM_UNLOCK) {
		h->shm_shared &= (uint16_t)~bits;
		h->shm_exclusive &= (uint16_t)~bits;
		return SQLITE_OK;
	}
	for (const struct vfs_handle *o = h->file->handles; o != NULL; o = o->next) {
		shared |= o == h ? 0 : o->shm_shared;
		exclusive |= o == h ? 0 : o->shm_exclusive;
	}
	if ((exclusive & bits) != 0 || ((flags & SQLITE_SHM_EXCLUSIVE) && (shared & bits) != 0))
		return SQLITE_BUSY;
	if (flags & SQLITE_SHM_EXCLUSIVE)
		h->shm_exclusive |= bits;
	else
		h->shm_shared |= bits;
	return SQLITE_OK;
}

static void file_shm_barrier(sqlite3_file *base)
{
	(void)base; /* one thread */
}

static int file_shm_unmap(sqlite3_file *base, int delete)
{
	struct vfs_handle *h = (struct vfs_handle *)base;

	h->shm_shared = h->shm_exclusive = 0;
	if (delete && h->file->handles == h && h->next == NULL)
		vfs_file_drop_shm(h->file);
	return SQLITE_OK;
}

static const sqlite3_io_methods file_methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_reserved_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector_size,
	.xDeviceCharacteristics = file_characteristics,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

/* ---- The file system's methods ---- */

static int fs_open(sqlite3_vfs *base, const char *name, sqlite3_file *out, int flags, int *out_flags)
{
	struct vfs *v = base->pAppData;
	struct vfs_handle *h = (struct vfs_handle *)out;
	struct vfs_file *f = vfs_find(v, name == NULL ? "temporary" : name);
	bool new_file = f == NULL || !f->exists;
	int err;

	memset(h, 0, sizeof(*h));
	err = vfs_call(v, new_file ? CALL_WRITE : CALL_OTHER, SQLITE_CANTOPEN);
	if (err != SQLITE_OK)
		return err;
	if (new_file && !(flags & SQLITE_OPEN_CREATE) && name != NULL)
		return SQLITE_CANTOPEN;
	if (f == NULL) {
		f = vfs_file_new(name == NULL ? "temporary" : name);
		vfs_add(v, f);
	}
	h->sync_folder = !f->exists && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
	if (!f->exists)
		vfs_file_create(f);
	h->base.pMethods = &file_methods;
	h->vfs = v;
	h->file = f;
	h->next = f->handles;
	h->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
	f->handles = h;
	if (out_flags != NULL)
		*out_flags = flags;
	return SQLITE_OK;
}

static int fs_delete(sqlite3_vfs *base, const char *name, int sync_folder)
{
	struct vfs *v = base->pAppData;
	struct vfs_file *f = vfs_find(v, name);
	int err = vfs_call(v, CALL_OTHER, SQLITE_IOERR_DELETE);

	if (err != SQLITE_OK)
		return err;
	if (f == NULL || !f->exists)
		return SQLITE_IOERR_DELETE_NOENT;
	vfs_file_delete(f);
	if (sync_folder)
		vfs_sync_folder(v);
	return SQLITE_OK;
}

static int fs_access(sqlite3_vfs *base, const char *name, int flags, int *out)
{
	struct vfs *v = base->pAppData;
	const struct vfs_file *f = vfs_find(v, name);

	(void)flags;
	*out = f != NULL && f->exists;
	return vfs_call(v, CALL_OTHER, SQLITE_IOERR_ACCESS);
}

static int fs_full_pathname(sqlite3_vfs *base, const char *name, int room, char *out)
{
	(void)base;
	return snprintf(out, (size_t)room, "%s", name) < room ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int fs_randomness(sqlite3_vfs *base, int len, char *out)
{
	struct vfs *v = base->pAppData;

	for (int i = 0; i < len; i++)
		out[i] = (char)prng_next(&v->prng);
	return len;
}

static int fs_sleep(sqlite3_vfs *base, int us)
{
	struct vfs *v = base->pAppData;

	v->clock_ms += us / 1000;
	return us;
}

static int fs_current_time_ms(sqlite3_vfs *base, sqlite3_int64 *out)
{
	struct vfs *v = base->pAppData;

	*out = v->clock_ms++;
	return SQLITE_OK;
}

static int fs_current_time(sqlite3_vfs *base, double *out)
{
	sqlite3_int64 ms;
	int err = fs_current_time_ms(base, &ms);

	*out = (double)ms / 86400000.0;
	return err;
}

static int fs_last_error(sqlite3_vfs *base, int room, char *out)
{
	(void)base;
	if (room > 0)
		out[0] = '\0';
	return 0;
}

/* ---- The disk ---- */

static struct vfs *vfs_make(uint64_t seed, uint64_t number)
{
	struct vfs *v = memory_alloc(sizeof(*v));

	snprintf(v->name, sizeof(v->name), "peal-sim-%llu", (unsigned long long)number);
	prng_seed(&v->prng, seed);
	v->clock_ms = VFS_CLOCK_START;
	v->files_end = &v->files;
	v->base = (sqlite3_vfs){
		.iVersion = 2,
		.szOsFile = sizeof(struct vfs_handle),
		.mxPathname = VFS_PATH_MAX,
		.zName = v->name,
		.pAppData = v,
		.xOpen = fs_open,
		.xDelete = fs_delete,
		.xAccess = fs_access,
		.xFullPathname = fs_full_pathname,
		.xRandomness = fs_randomness,
		.xSleep = fs_sleep,
		.xCurrentTime = fs_current_time,
		.xGetLastError = fs_last_error,
		.xCurrentTimeInt64 = fs_current_time_ms,
	};
	invariant(sqlite3_vfs_register(&v->base, 0) == SQLITE_OK);
	return v;
}

struct vfs *vfs_new(uint64_t seed)
{
	uint64_t number = 0;
	char name[32];

	/* The first name that no other disk has. */
	do
		snprintf(name, sizeof(name), "peal-sim-%llu", (unsigned long long)++number);
	while (sqlite3_vfs_find(name) != NULL);
	return vfs_make(seed, number);
}

struct vfs *vfs_copy(const struct vfs *v, uint64_t seed)
{
	struct vfs *copy = vfs_new(seed);

	copy->clock_ms = v->clock_ms;
	copy->lies = v->lies;
	copy->stopped = v->stopped;
	for (const struct vfs_file *f = v->files; f != NULL; f = f->next)
		vfs_add(copy, vfs_file_copy(f));
	return copy;
}

void vfs_free(struct vfs *v)
{
	if (v == NULL)
		return;
	vfs_wipe(v);
	sqlite3_vfs_unregister(&v->base);
	free(v);
}

const char *vfs_name(const struct vfs *v)
{
	return v->name;
}

void vfs_seed_sqlite(struct vfs *v)
{
	sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, (int)(prng_next(&v->prng) >> 33) | 1, NULL);
}

uint64_t vfs_call_count(const struct vfs *v)
{
	return v->calls;
}

void vfs_crash_after(struct vfs *v, uint64_t calls)
{
	v->crash_at = calls == 0 ? 0 : v->calls + calls;
}

void vfs_stop(struct vfs *v)
{
	v->stopped = true;
}

bool vfs_has_stopped(const struct vfs *v)
{
	return v->stopped;
}

void vfs_reboot(struct vfs *v, bool lost_power)
{
	enum vfs_loss loss = (enum vfs_loss)prng_below(&v->prng, LOSS_COUNT);

	for (struct vfs_file *f = v->files; f != NULL; f = f->next) {
		invariant(f->handles == NULL);
		if (lost_power)
			vfs_file_lose_power(f, loss, &v->prng);
		else
			vfs_file_drop_shm(f);
	}
	v->stopped = false;
	v->crash_at = 0;
}

void vfs_set_fault(struct vfs *v, enum vfs_fault fault, uint64_t calls, bool stays)
{
	v->fault = fault;
	v->fault_at = v->calls + calls;
	v->fault_stays = stays;
}

uint64_t vfs_fault_count(const struct vfs *v)
{
	return v->faults;
}

void vfs_set_lying_sync(struct vfs *v, bool lies)
{
	v->lies = lies;
}

void vfs_wipe(struct vfs *v)
{
	while (v->files != NULL) {
		struct vfs_file *next = v->files->next;

		vfs_file_free(v->files);
		v->files = next;
	}
	v->files_end = &v->files;
}
