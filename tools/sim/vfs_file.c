/* SPDX-License-Identifier: MIT */
/* Content of a simulated file, and what a power loss makes of it. */
#include "tools/sim/vfs_file.h"

#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"

#define VFS_PIECE 512u /* bytes that a disk writes at once */

static void vfs_bytes_resize(struct vfs_bytes *b, size_t len)
{
	if (len > b->room) {
		b->room = len < 4096 ? 4096 : 2 * len;
		b->data = memory_resize(b->data, b->room);
	}
	if (len > b->len)
		memset(b->data + b->len, 0, len - b->len);
	b->len = len;
}

static void vfs_bytes_put(struct vfs_bytes *b, size_t offset, const void *data, size_t len)
{
	if (len == 0)
		return;
	if (offset + len > b->len)
		vfs_bytes_resize(b, offset + len);
	memcpy(b->data + offset, data, len);
}

static void vfs_bytes_assign(struct vfs_bytes *to, const struct vfs_bytes *from)
{
	vfs_bytes_resize(to, 0);
	vfs_bytes_put(to, 0, from->data, from->len);
}

struct vfs_file *vfs_file_new(const char *name)
{
	struct vfs_file *f = memory_alloc(sizeof(*f));
	size_t len = strlen(name);

	f->name = memory_alloc(len + 1);
	memcpy(f->name, name, len);
	f->writes_end = &f->writes;
	return f;
}

static void vfs_file_drop_writes(struct vfs_file *f)
{
	while (f->writes != NULL) {
		struct vfs_write *next = f->writes->next;

		free(f->writes);
		f->writes = next;
	}
	f->writes_end = &f->writes;
}

void vfs_file_drop_shm(struct vfs_file *f)
{
	for (size_t i = 0; i < VFS_SHM_REGIONS_MAX; i++) {
		free(f->shm[i]);
		f->shm[i] = NULL;
	}
}

void vfs_file_free(struct vfs_file *f)
{
	invariant(f->handles == NULL);
	vfs_file_drop_writes(f);
	vfs_file_drop_shm(f);
	free(f->seen.data);
	free(f->synced.data);
	free(f->name);
	free(f);
}

static void vfs_file_note(struct vfs_file *f, bool truncate, size_t offset, const void *data, size_t len)
{
	struct vfs_write *w = memory_alloc(sizeof(*w) + len);

	w->truncate = truncate;
	w->offset = offset;
	w->len = len;
	if (len > 0)
		memcpy(w->bytes, data, len);
	*f->writes_end = w;
	f->writes_end = &w->next;
}

struct vfs_file *vfs_file_copy(const struct vfs_file *f)
{
	struct vfs_file *copy = vfs_file_new(f->name);

	copy->exists = f->exists;
	copy->exists_synced = f->exists_synced;
	vfs_bytes_assign(&copy->seen, &f->seen);
	vfs_bytes_assign(&copy->synced, &f->synced);
	for (const struct vfs_write *w = f->writes; w != NULL; w = w->next)
		vfs_file_note(copy, w->truncate, w->offset, w->bytes, w->len);
	return copy;
}

void vfs_file_create(struct vfs_file *f)
{
	f->exists = true;
	if (f->synced.len > 0)
		vfs_file_note(f, true, 0, NULL, 0);
}

void vfs_file_write(struct vfs_file *f, size_t offset, const void *data, size_t len)
{
	vfs_file_note(f, false, offset, data, len);
	vfs_bytes_put(&f->seen, offset, data, len);
}

void vfs_file_truncate(struct vfs_file *f, size_t len)
{
	vfs_file_note(f, true, len, NULL, 0);
	vfs_bytes_resize(&f->seen, len);
}

static void vfs_write_apply(struct vfs_bytes *to, const struct vfs_write *w)
{
	if (w->truncate)
		vfs_bytes_resize(to, w->offset);
	else
		vfs_bytes_put(to, w->offset, w->bytes, w->len);
}

void vfs_file_sync(struct vfs_file *f)
{
	for (const struct vfs_write *w = f->writes; w != NULL; w = w->next)
		vfs_write_apply(&f->synced, w);
	vfs_file_drop_writes(f);
}

void vfs_file_sync_name(struct vfs_file *f)
{
	f->exists_synced = f->exists;
	if (!f->exists)
		vfs_bytes_resize(&f->synced, 0);
}

void vfs_file_delete(struct vfs_file *f)
{
	vfs_file_drop_shm(f);
	f->exists = false;
	/* What an undone deletion brings back is what was synced. */
	vfs_file_drop_writes(f);
	vfs_bytes_resize(&f->seen, 0);
	if (!f->exists_synced)
		vfs_bytes_resize(&f->synced, 0);
}

/* Piece by piece of the disk: each kept, lost, or one of them begun and not ended. */
static void vfs_write_tear(struct vfs_bytes *to, const struct vfs_write *w, struct prng *prng)
{
	for (size_t at = 0; at < w->len;) {
		size_t len = VFS_PIECE - (w->offset + at) % VFS_PIECE;
		uint64_t fate = prng_below(prng, 8);

		if (len > w->len - at)
			len = w->len - at;
		if (fate < 4)
			vfs_bytes_put(to, w->offset + at, w->bytes + at, len);
		else if (fate == 4)
			vfs_bytes_put(to, w->offset + at, w->bytes + at, prng_below(prng, len));
		at += len;
	}
}

void vfs_file_lose_power(struct vfs_file *f, enum vfs_loss loss, struct prng *prng)
{
	size_t count = 0, kept;

	for (const struct vfs_write *w = f->writes; w != NULL; w = w->next)
		count++;
	kept = loss == LOSS_TAIL ? prng_below(prng, count + 1) : count;
	for (const struct vfs_write *w = f->writes; w != NULL && loss != LOSS_ALL && kept > 0;
	     w = w->next, kept--) {
		if (loss == LOSS_PIECES && !w->truncate)
			vfs_write_tear(&f->synced, w, prng);
		else if (loss == LOSS_NONE || loss == LOSS_TAIL || prng_below(prng, 2) == 0)
			vfs_write_apply(&f->synced, w);
	}
	/* A file whose directory was not synced is there or not; so is one deleted without. */
	if (f->exists != f->exists_synced && loss != LOSS_ALL)
		f->exists_synced = loss == LOSS_NONE ? f->exists : prng_below(prng, 2) == 0;
	f->exists = f->exists_synced;
	if (!f->exists)
		vfs_bytes_resize(&f->synced, 0);
	vfs_bytes_assign(&f->seen, &f->synced);
	vfs_file_drop_writes(f);
	vfs_file_drop_shm(f);
}
