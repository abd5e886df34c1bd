/* SPDX-License-Identifier: MIT */
/* A file of the simulated disk: what it shows, what survives a power loss, and the writes between the two. */
#ifndef TOOLS_SIM_VFS_FILE_H
#define TOOLS_SIM_VFS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "overlay/base/prng.h"

/* Bytes that grow; what was never written is zero. */
struct vfs_bytes {
	uint8_t *data; /* owned */
	size_t len;
	size_t room;
};

/* A write or truncation since the last sync. */
struct vfs_write {
	struct vfs_write *next;
	size_t offset; /* truncation: the new length */
	size_t len;
	bool truncate;
	uint8_t bytes[];
};

#define VFS_SHM_REGIONS_MAX 64
#define VFS_SHM_LOCKS 8 /* SQLITE_SHM_NLOCK */

struct vfs_handle;

struct vfs_file {
	struct vfs_file *next;
	char *name; /* owned */
	bool exists;        /* for who opens it */
	bool exists_synced; /* after a power loss, for sure */
	struct vfs_bytes seen;
	struct vfs_bytes synced;
	struct vfs_write *writes; /* oldest first */
	struct vfs_write **writes_end;
	struct vfs_handle *handles; /* open ones */
	void *shm[VFS_SHM_REGIONS_MAX]; /* owned */
};

/* How unsynced writes fare. */
enum vfs_loss { LOSS_ALL, LOSS_NONE, LOSS_TAIL, LOSS_SOME, LOSS_PIECES, LOSS_COUNT };

struct vfs_file *vfs_file_new(const char *name);
void vfs_file_free(struct vfs_file *f);
/* Without handles and shared memory. */
struct vfs_file *vfs_file_copy(const struct vfs_file *f);

/* It begins empty, whatever the disk still has under this name. */
void vfs_file_create(struct vfs_file *f);
void vfs_file_write(struct vfs_file *f, size_t offset, const void *data, size_t len);
void vfs_file_truncate(struct vfs_file *f, size_t len);
void vfs_file_sync(struct vfs_file *f);
/* That it exists, or does not, survives a power loss from now on. */
void vfs_file_sync_name(struct vfs_file *f);
void vfs_file_delete(struct vfs_file *f);
void vfs_file_lose_power(struct vfs_file *f, enum vfs_loss loss, struct prng *prng);
void vfs_file_drop_shm(struct vfs_file *f);

#endif
