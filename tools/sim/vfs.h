/* SPDX-License-Identifier: MIT */
/* An SQLite VFS wholly in memory that loses power, tears writes and fails as told. One object is one machine's
 * disk: register, let SQLite open a file on it by vfs_name, crash, reboot, open again. The same seed and the
 * same calls give the same bytes: SQLite's random numbers and its clock come from here too.
 *
 * What a file shows (seen) and what survives a power loss (synced) differ by the writes since the last xSync.
 * At a power loss the seed decides among: all of them lost, all kept, the first so many kept, each kept or lost
 * on its own, or each 512-byte piece of each kept, lost, or cut short. Overwriting never harms bytes beside
 * those written (SQLITE_IOCAP_POWERSAFE_OVERWRITE, as SQLite assumes of real disks). Names
 * made or removed since the folder was last synced may be there or not. */
#ifndef TOOLS_SIM_VFS_H
#define TOOLS_SIM_VFS_H

#include <stdbool.h>
#include <stdint.h>

struct vfs;

enum vfs_fault {
	VFS_OK,
	VFS_EIO,        /* any call */
	VFS_ENOSPC,     /* writes, and opening a new file */
	VFS_SHORT_READ, /* reads end early, the rest is zero */
};

struct vfs *vfs_new(uint64_t seed);
/* No file may be open. NULL is allowed. */
void vfs_free(struct vfs *v);
/* A second disk with the same files and the same unsynced writes, nothing open, nothing armed: one run up to a
 * crash serves many outcomes. */
struct vfs *vfs_copy(const struct vfs *v, uint64_t seed);

/* For sqlite3_open_v2. */
const char *vfs_name(const struct vfs *v);

/* To be called before SQLite opens a database here: its process-wide generator starts from this seed. */
void vfs_seed_sqlite(struct vfs *v);

/* x-calls on files so far; locks are not counted. */
uint64_t vfs_call_count(const struct vfs *v);

/* The machine stops in the call with this number from here (1: the next); a write may be partly done, anything
 * else is not. From then on all calls fail until vfs_reboot. 0: never. */
void vfs_crash_after(struct vfs *v, uint64_t calls);
/* Stops now: a killed process, or the machine. */
void vfs_stop(struct vfs *v);
bool vfs_has_stopped(const struct vfs *v);
/* Starts again, once every file is closed. When the machine lost power, unsynced writes are subject to the
 * rules above; else all that was written is there. */
void vfs_reboot(struct vfs *v, bool lost_power);

/* The call with this number from here (1: the next) fails, when `fault` is one that it can have, or else the
 * first one after it that can; with `stays` all from there on. Replaces what was set before. */
void vfs_set_fault(struct vfs *v, enum vfs_fault fault, uint64_t calls, bool stays);
/* Faults that calls got so far. */
uint64_t vfs_fault_count(const struct vfs *v);

/* xSync does nothing. Off unless set; nothing is promised of a database on such a disk. */
void vfs_set_lying_sync(struct vfs *v, bool lies);

/* All files go. No file may be open. */
void vfs_wipe(struct vfs *v);

#endif
