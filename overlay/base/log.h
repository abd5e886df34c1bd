/* SPDX-License-Identifier: MIT */
/* Log lines as events: a name that never changes, then key=value. Traces in tests compare them. */
#ifndef OVERLAY_BASE_LOG_H
#define OVERLAY_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stddef.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Receives one event. `text` is "key=value key=value", without a newline; values with blanks are quoted
 * by the caller of log_event with %s in double quotes. Time and Node-ID are the sink's to add. */
typedef void log_sink_fn(void *ctx, enum log_level level, const char *event, const char *text);

struct log {
	log_sink_fn *sink; /* NULL: nothing is logged */
	void *ctx;
	enum log_level level; /* the least urgent level that is passed on */
};

static inline bool log_enabled(const struct log *l, enum log_level level)
{
	return l != NULL && l->sink != NULL && level <= l->level;
}

/* Lines longer than 1,000 bytes are cut. */
void log_event(const struct log *l, enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define log_error(l, ...) log_event((l), LOG_ERROR, __VA_ARGS__)
#define log_warning(l, ...) log_event((l), LOG_WARNING, __VA_ARGS__)
#define log_info(l, ...) log_event((l), LOG_INFO, __VA_ARGS__)
#define log_debug(l, ...)                                                                          \
	do {                                                                                       \
		if (log_enabled((l), LOG_DEBUG))                                                   \
			log_event((l), LOG_DEBUG, __VA_ARGS__);                                    \
	} while (0)

const char *log_level_name(enum log_level level);

#endif
