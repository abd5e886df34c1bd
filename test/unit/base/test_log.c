/* SPDX-License-Identifier: MIT */
/* Tests of log.c. */
#include "overlay/base/log.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/run.h"

static char line[2000];
static int lines;

static void keep(void *ctx, enum log_level level, const char *event, const char *text)
{
	ck_assert_ptr_eq(ctx, line);
	snprintf(line, sizeof(line), "%s %s %s", log_level_name(level), event, text);
	lines++;
}

static const struct log to_line = { keep, line, LOG_INFO };

START_TEST(log_passes_event_and_text_to_the_sink)
{
	lines = 0;
	log_info(&to_line, "store.done", "kind=%u resource=%s", 3u, "ab");
	ck_assert_int_eq(lines, 1);
	ck_assert_str_eq(line, "info store.done kind=3 resource=ab");
}
END_TEST

START_TEST(log_drops_what_is_less_urgent_or_has_no_sink)
{
	static const struct log silent = { NULL, NULL, LOG_DEBUG };

	lines = 0;
	log_debug(&to_line, "x.y", "a=%d", 1);
	log_info(&silent, "x.y", "a=%d", 1);
	log_error(NULL, "x.y", "a=%d", 1);
	ck_assert_int_eq(lines, 0);
	log_error(&to_line, "x.y", "a=%d", 1);
	ck_assert_int_eq(lines, 1);
}
END_TEST

START_TEST(log_cuts_long_lines_and_masks_line_breaks)
{
	char text[1500];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_warning(&to_line, "e", "%s", text);
	ck_assert_uint_eq(strlen(line), strlen("warning e ") + 1000);
	log_warning(&to_line, "e", "text=\"a\nb\x7f\"");
	ck_assert_str_eq(line, "warning e text=\"a?b?\"");
}
END_TEST

int main(void)
{
	return RUN_TESTS("log", log_passes_event_and_text_to_the_sink,
			 log_drops_what_is_less_urgent_or_has_no_sink,
			 log_cuts_long_lines_and_masks_line_breaks);
}
