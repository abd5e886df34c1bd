/* SPDX-License-Identifier: MIT */
/* Adds the time to each event and writes it as one line. */
#include "node/log_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "overlay/base/invariant.h"

#define TIME_SIZE 40

struct log_file {
	char *path; /* NULL: standard error */
	FILE *stream;
	enum setting_log_format format;
	enum log_level level; /* of the file; followers may want more */
	struct log *log;
	struct log_follower *followers;
};

static void time_text(char text[TIME_SIZE])
{
	struct timespec now;
	struct tm tm;
	size_t n;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	n = strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(text + n, TIME_SIZE - n, ".%03ldZ", now.tv_nsec / 1000000);
}

/* Cuts the next key=value off `text`; a value in double quotes may hold blanks. */
static const char *pair_cut(const char *text, const char **key, size_t *key_len, const char **value,
			    size_t *value_len)
{
	const char *end;

	text += strspn(text, " ");
	*key = text;
	*key_len = strcspn(text, "= ");
	if (text[*key_len] != '=')
		return NULL;
	*value = text + *key_len + 1;
	if (**value == '"') {
		*value += 1;
		end = strchr(*value, '"');
		if (end == NULL)
			return NULL;
		*value_len = (size_t)(end - *value);
		return end + 1;
	}
	*value_len = strcspn(*value, " ");
	return *value + *value_len;
}

json_t *log_event_json(enum log_level level, const char *time, const char *event, const char *text)
{
	json_t *object = json_pack("{s:s, s:s, s:s}", "time", time, "level", log_level_name(level), "event",
				   event);
	const char *key, *value, *at = text;
	size_t key_len, value_len;

	while ((at = pair_cut(at, &key, &key_len, &value, &value_len)) != NULL) {
		char name[64];
		json_t *string = json_stringn(value, value_len);

		(void)snprintf(name, sizeof(name), "%.*s", (int)key_len, key);
		if (string != NULL)
			(void)json_object_set_new(object, name, string);
	}
	return object;
}

static void line_write(struct log_file *f, enum log_level level, const char *time, const char *event,
		       const char *text)
{
	json_t *object;
	char *line;

	if (f->format == LOG_FORMAT_TEXT) {
		(void)fprintf(f->stream, "%s %s %s %s\n", time, log_level_name(level), event, text);
	} else {
		object = log_event_json(level, time, event, text);
		line = json_dumps(object, JSON_COMPACT);
		if (line != NULL)
			(void)fprintf(f->stream, "%s\n", line);
		free(line);
		json_decref(object);
	}
	(void)fflush(f->stream);
}

static void on_event(void *ctx, enum log_level level, const char *event, const char *text)
{
	struct log_file *f = ctx;
	char time[TIME_SIZE];
	struct log_follower *next;

	time_text(time);
	if (level <= f->level)
		line_write(f, level, time, event, text);
	for (struct log_follower *l = f->followers; l != NULL; l = next) {
		next = l->next;
		if (level <= l->level)
			l->event(l->ctx, level, time, event, text);
	}
}

int log_file_open(struct log_file **out, const char *path, enum setting_log_format format,
		  enum log_level level, struct log *log, char *detail, size_t detail_size)
{
	struct log_file *f = memory_alloc(sizeof(*f));

	f->stream = stderr;
	f->format = format;
	f->level = level;
	f->log = log;
	if (path[0] != '\0') {
		f->path = strdup(path);
		f->stream = fopen(path, "ae");
	}
	if (f->stream == NULL) {
		(void)snprintf(detail, detail_size, "cannot write the log %s: %s", path, strerror(errno));
		free(f->path);
		free(f);
		return ERR_IO;
	}
	*log = (struct log){ on_event, f, level };
	*out = f;
	return 0;
}

void log_file_close(struct log_file *f)
{
	if (f == NULL)
		return;
	f->log->sink = NULL;
	if (f->path != NULL)
		(void)fclose(f->stream);
	free(f->path);
	free(f);
}

void log_file_reopen(struct log_file *f)
{
	FILE *stream;

	if (f->path == NULL)
		return;
	stream = fopen(f->path, "ae");
	if (stream == NULL) {
		log_error(f->log, "log.reopen_failed", "file=\"%s\" why=\"%s\"", f->path, strerror(errno));
		return;
	}
	(void)fclose(f->stream);
	f->stream = stream;
	log_info(f->log, "log.reopened", "file=\"%s\"", f->path);
}

/* Events are made when the file or any follower wants them. */
static void level_set(struct log_file *f)
{
	f->log->level = f->level;
	for (struct log_follower *l = f->followers; l != NULL; l = l->next)
		if (l->level > f->log->level)
			f->log->level = l->level;
}

void log_file_follow(struct log_file *f, struct log_follower *follower)
{
	follower->next = f->followers;
	f->followers = follower;
	level_set(f);
}

void log_file_unfollow(struct log_file *f, struct log_follower *follower)
{
	struct log_follower **at = &f->followers;

	while (*at != NULL && *at != follower)
		at = &(*at)->next;
	if (*at == follower)
		*at = follower->next;
	level_set(f);
}
