/* SPDX-License-Identifier: MIT */
/* Where log events go: a file or standard error, as text or JSON lines, and to whoever follows them over the
 * control socket. */
#ifndef NODE_LOG_FILE_H
#define NODE_LOG_FILE_H

#include <jansson.h>

#include "node/settings.h"
#include "overlay/base/log.h"

struct log_file;

/* Told of each event at least as urgent as `level`. */
struct log_follower {
	void (*event)(void *ctx, enum log_level level, const char *time, const char *event, const char *text);
	void *ctx;
	enum log_level level;
	struct log_follower *next;
};

/* Fills `log`, which events are then sent to. `path` "" is standard error. ERR_IO; `detail` says why. */
int MUST_CHECK log_file_open(struct log_file **out, const char *path, enum setting_log_format format,
			     enum log_level level, struct log *log, char *detail, size_t detail_size);
void log_file_close(struct log_file *f);

/* Opens the file anew: somebody has moved it away. Goes on with the old one when that fails. */
void log_file_reopen(struct log_file *f);

/* `follower` stays the caller's until it is taken out again. */
void log_file_follow(struct log_file *f, struct log_follower *follower);
void log_file_unfollow(struct log_file *f, struct log_follower *follower);

/* One event as a JSON object with time, level, event and its keys. */
json_t *log_event_json(enum log_level level, const char *time, const char *event, const char *text);

#endif
