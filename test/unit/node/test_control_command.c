/* SPDX-License-Identifier: MIT */
/* Tests of control_command.c: what is taken from a request line, and what is said about a wrong one. */
#include "node/control.h"
#include "node/control_call.h"
#include "test/unit/run.h"

static char detail[200], hint[300];

static int parse(const char *line, const struct control_command **command, json_t **arguments)
{
	return control_parse(slice_text(line), command, arguments, detail, sizeof(detail), hint, sizeof(hint));
}

START_TEST(control_parse_finds_the_command_and_its_arguments)
{
	const struct control_command *command;
	json_t *arguments;

	ck_assert_int_eq(parse("{\"command\":\"store\",\"target\":\"a@b\",\"lifetime\":60,\"remove\":true}",
			       &command, &arguments), 0);
	ck_assert_str_eq(command->name, "store");
	ck_assert_str_eq(json_string_value(json_object_get(arguments, "target")), "a@b");
	json_decref(arguments);
	ck_assert_int_eq(parse(" {\"command\" : \"status\"} \r", &command, &arguments), 0);
	ck_assert_str_eq(command->name, "status");
	json_decref(arguments);
}
END_TEST

START_TEST(control_parse_says_what_is_wrong)
{
	static const struct {
		const char *line;
		int err;
		const char *detail; /* its beginning */
	} wrong[] = {
		{ "", ERR_MALFORMED, "not JSON" },
		{ "status", ERR_MALFORMED, "not JSON" },
		{ "{\"command\":\"status\"", ERR_MALFORMED, "not JSON" },
		{ "{\"command\":\"status\"}x", ERR_MALFORMED, "not JSON" },
		{ "{\"command\":\"status\",\"command\":\"ring\"}", ERR_MALFORMED, "not JSON" },
		{ "{\"command\":\"\xff\"}", ERR_MALFORMED, "not JSON" },
		{ "[]", ERR_MALFORMED, "a request is an object with a \"command\"" },
		{ "{}", ERR_MALFORMED, "a request is an object with a \"command\"" },
		{ "{\"command\":7}", ERR_MALFORMED, "a request is an object with a \"command\"" },
		{ "{\"command\":\"dance\"}", ERR_NOT_FOUND, "there is no command \"dance\"" },
		{ "{\"command\":\"ping\"}", ERR_MALFORMED, "ping needs the argument \"target\"" },
		{ "{\"command\":\"ping\",\"target\":1}", ERR_MALFORMED,
		  "argument \"target\" of ping is a string" },
		{ "{\"command\":\"ping\",\"target\":\"x\",\"color\":\"red\"}", ERR_MALFORMED,
		  "ping has no argument \"color\"" },
		{ "{\"command\":\"store\",\"target\":\"x\",\"lifetime\":-1}", ERR_MALFORMED,
		  "argument \"lifetime\" of store is a number from 0" },
		{ "{\"command\":\"store\",\"target\":\"x\",\"lifetime\":1.5}", ERR_MALFORMED,
		  "argument \"lifetime\" of store is a number from 0" },
		{ "{\"command\":\"store\",\"target\":\"x\",\"remove\":\"yes\"}", ERR_MALFORMED,
		  "argument \"remove\" of store is true or false" },
	};
	const struct control_command *command;
	json_t *arguments = NULL;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(parse(wrong[i].line, &command, &arguments), wrong[i].err);
		ck_assert_msg(strncmp(detail, wrong[i].detail, strlen(wrong[i].detail)) == 0, "%s", detail);
		ck_assert_int_gt((int)strlen(hint), 0);
		ck_assert_ptr_null(arguments);
	}
}
END_TEST

START_TEST(control_parse_lists_the_commands_after_an_unknown_one)
{
	const struct control_command *command;
	json_t *arguments;

	ck_assert_int_eq(parse("{\"command\":\"dance\"}", &command, &arguments), ERR_NOT_FOUND);
	for (size_t i = 0; i < control_command_count; i++)
		ck_assert_ptr_nonnull(strstr(hint, control_commands[i].name));
}
END_TEST

START_TEST(control_parse_refuses_a_long_line)
{
	const struct control_command *command;
	json_t *arguments;
	char *line = malloc(CONTROL_LINE_MAX + 100);

	ck_assert_ptr_nonnull(line);
	memset(line, ' ', CONTROL_LINE_MAX + 99);
	line[CONTROL_LINE_MAX + 99] = '\0';
	ck_assert_int_eq(parse(line, &command, &arguments), ERR_MALFORMED);
	ck_assert_ptr_nonnull(strstr(detail, "longer than"));
	free(line);
}
END_TEST

int main(void)
{
	return RUN_TESTS("control_command", control_parse_finds_the_command_and_its_arguments,
			 control_parse_says_what_is_wrong,
			 control_parse_lists_the_commands_after_an_unknown_one,
			 control_parse_refuses_a_long_line);
}
