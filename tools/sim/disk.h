/* SPDX-License-Identifier: MIT */
/* A simulated node's disk: it outlives the node's process, takes faults, and can crash at any call. In memory
 * (cheap enough for ten thousand of them), or SQLite as in peald on the simulated files of tools/sim/vfs.h. */
#ifndef TOOLS_SIM_DISK_H
#define TOOLS_SIM_DISK_H

#include "storage/backend.h"

enum disk_kind {
	DISK_MEMORY, /* what was committed survives a crash, exactly */
	DISK_SQLITE, /* a crash keeps, loses and tears what was not synced, as the seed decides */
};

enum disk_fault {
	DISK_OK,
	DISK_FULL,     /* writes fail; what is there can be read */
	DISK_IO_ERROR, /* memory: puts, removals and commits fail; SQLite: every call of the file system fails */
};

struct disk;

struct disk *disk_new(enum disk_kind kind, uint64_t seed);
/* NULL is allowed. Closes it first when it is open. */
void disk_free(struct disk *d);

/* The backend of a process that starts, holding all that was committed. Borrowed until disk_close; its own
 * ops->close does nothing. NULL with *err = ERR_STORAGE when the disk refuses (a fault, a crash not yet
 * closed, a damaged database). The disk must not be open. */
struct backend *disk_open(struct disk *d, int *err);
/* The process is gone. With `crash` all that was not committed is gone as well, or, with SQLite, subject to the
 * crash rules: then the machine lost power. Without it (also after a kill of the process alone) what the
 * operating system was given stays. Nothing happens when it is not open and has not crashed. */
void disk_close(struct disk *d, bool crash);

/* An empty disk. Must not be open. */
void disk_wipe(struct disk *d);

/* Holds from here on, until changed, across restarts too. */
void disk_set_fault(struct disk *d, enum disk_fault fault);
enum disk_fault disk_fault_of(const struct disk *d);

/* Calls so far since disk_new: of the backend (memory) or of the file system (SQLite). */
uint64_t disk_call_count(const struct disk *d);
/* The machine stops within the call with this number from here (1: the next one), which has no effect or, with
 * SQLite, perhaps a part of it: it and all calls after it fail until disk_close, which counts as a crash then.
 * The harness looks at disk_has_crashed after a turn and kills the node. 0: never. */
void disk_crash_after(struct disk *d, uint64_t calls);
bool disk_has_crashed(const struct disk *d);

/* Why the last disk_open failed, for messages; empty when it did not. */
const char *disk_detail(const struct disk *d);

#endif
