/* SPDX-License-Identifier: MIT */
/* Scenarios for storage on a disk that crashes or fails: a sequence of steps on a lone peer, of which the disk
 * may end any, and what storage must show after each, learnt from a run on a disk that does not fail. */
#ifndef TEST_UNIT_STORAGE_CRASH_PLAY_H
#define TEST_UNIT_STORAGE_CRASH_PLAY_H

#include "test/unit/storage/lone.h"
#include "tools/sim/vfs.h"

#define PLAY_STEPS_MAX 400
#define PLAY_PATH "/records.db"

enum play_action {
	PLAY_STORE = 1,   /* `text` NULL: that nothing exists any more */
	PLAY_BATCH,       /* three Kinds in one request */
	PLAY_REPLICA,     /* as from the owner, with `time` as its counter too */
	PLAY_FORGET,      /* the whole Resource, as after a hand-over */
	PLAY_PASS,        /* `time` ms */
	PLAY_RESTART,     /* the process ends and starts */
};

struct play_step {
	enum play_action action;
	uint32_t kind;
	uint32_t index;
	const char *key;
	const char *text;
	uint64_t time;
	uint32_t signer; /* 0: the peer; else another certificate of its user */
	size_t fill;     /* bytes to which the text is repeated; 0: as it is */
};

struct play_scenario {
	const char *name;
	size_t count;
	struct play_step steps[PLAY_STEPS_MAX];
};

/* One machine: its disk, and the peer on it while it is up. */
struct play {
	const struct play_scenario *scenario;
	struct vfs *vfs; /* NULL: everything in memory */
	struct backend backend;
	bool open;
	struct lone *l; /* NULL: down */
	struct now now;
	size_t done; /* steps acknowledged */
	char detail[256];
};

/* What storage holds: sorted lines, owned by the caller. */
char *play_listing(struct play *p);

/* The listing after each number of steps (0 to count), from a run in memory. */
void play_learn(const struct play_scenario *scenario, char *listings[PLAY_STEPS_MAX + 1]);
void play_forget(char *listings[PLAY_STEPS_MAX + 1], size_t count);

/* Opens the backend and starts the peer. ERR_STORAGE when the disk does not let it. */
int play_boot(struct play *p);
/* The process ends; the backend is closed as far as the disk lets it. */
void play_down(struct play *p);
/* The next step. 0: it was acknowledged, and done counts it. */
int play_step(struct play *p);

#endif
