/* SPDX-License-Identifier: MIT */
/* tools/ctl_show and ctl_table: values by the units in their names, aligned columns. */
#include "tools/ctl_show.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/run.h"

static const char *shown(const char *name, json_t *value)
{
	static char text[SHOW_TEXT_SIZE];
	const char *result = show_value(name, value, text);

	if (result != text)
		snprintf(text, sizeof(text), "%s", result);
	json_decref(value);
	return text;
}

START_TEST(show_value_follows_unit)
{
	ck_assert_str_eq(shown("uptime_s", json_integer(3 * 86400 + 4 * 3600)), "3d 04h");
	ck_assert_str_eq(shown("rtt_ms", json_real(0.25)), "250 us");
	ck_assert_str_eq(shown("rtt_us", json_integer(12300)), "12.3 ms");
	ck_assert_str_eq(shown("timer_ms", json_integer(3000)), "3.00 s");
	ck_assert_str_eq(shown("share_ppb", json_integer(125000000)), "12.50 %");
	ck_assert_str_eq(shown("not_after_ms", json_integer(0)), "-");
	ck_assert_str_eq(shown("not_after_ms", json_integer(1000)), "1970-01-01 00:00:01 UTC");
	ck_assert_str_eq(shown("count", json_integer(-3)), "-3");
	ck_assert_str_eq(shown("user", json_string("a\x1b[2Jb")), "a?[2Jb");
	ck_assert_str_eq(shown("x", json_pack("[i,i]", 1, 2)), "1, 2");
	ck_assert_str_eq(shown("x", json_pack("{s:i, s:s}", "a", 1, "b", "c")), "a=1 b=c");
	ck_assert_str_eq(shown("x", json_true()), "yes");
}
END_TEST

START_TEST(show_value_is_bounded)
{
	json_t *list = json_array();

	for (int i = 0; i < 2000; i++)
		json_array_append_new(list, json_string("0123456789"));
	ck_assert_uint_lt(strlen(shown("x", list)), SHOW_TEXT_SIZE);
}
END_TEST

/* Runs `print` into a text. */
static char *printed(json_t *json, void (*print)(const struct terminal *t, json_t *json))
{
	struct terminal t = { .width = 80 };
	char *text;
	size_t len;

	t.out = open_memstream(&text, &len);
	print(&t, json);
	fclose(t.out);
	json_decref(json);
	return text;
}

START_TEST(show_items_aligns_columns)
{
	char *text = printed(json_pack("[{s:s, s:i}, {s:s, s:i, s:b}]", "node_id", "ab", "rtt_us", 5, "node_id",
				       "abcdef012345", "rtt_us", 1200, "up", 1), show_items);

	ck_assert_str_eq(text, "NODE-ID          RTT  UP\n"
			       "ab              5 us  -\n"
			       "abcdef012345  1.2 ms  yes\n");
	free(text);
}
END_TEST

START_TEST(show_object_nests)
{
	char *text = printed(json_pack("{s:s, s:{s:i}, s:[{s:i}]}", "state", "joined", "links", "open", 3, "list",
				       "n", 1), show_object);

	ck_assert_str_eq(text, "state       joined\nlinks.open  3\nlist:\nN\n1\n");
	free(text);
}
END_TEST

int main(void)
{
	return RUN_TESTS("ctl_show", show_value_follows_unit, show_value_is_bounded, show_items_aligns_columns,
			 show_object_nests);
}
