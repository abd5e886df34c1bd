/* SPDX-License-Identifier: MIT */
/* Formats events and hands them to the sink. */
#include "overlay/base/log.h"

#include <stdarg.h>
#include <stdio.h>

#define LOG_LINE_SIZE 1001 /* 1,000 bytes and NUL */

void log_event(const struct log *l, enum log_level level, const char *event, const char *format, ...)
{
	char text[LOG_LINE_SIZE];
	va_list arguments;

	if (!log_enabled(l, level))
		return;
	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	/* Texts from the network must not be able to start a line of their own. */
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	l->sink(l->ctx, level, event, text);
}

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = {
		[LOG_ERROR] = "error",
		[LOG_WARNING] = "warning",
		[LOG_INFO] = "info",
		[LOG_DEBUG] = "debug",
	};

	return (unsigned)level < sizeof(names) / sizeof(names[0]) ? names[level] : "unknown";
}
