/* SPDX-License-Identifier: MIT */
/* tools/ctl_parse: what pealctl makes of its command line. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/run.h"
#include "tools/ctl.h"

static struct ctl ctl;
static json_t *arguments;
static int code;

static const struct ctl_command *parse(const char *line)
{
	static char words[512];
	char *argv[32] = { (char[]){ "pealctl" } };
	int argc = 1;

	memset(&ctl, 0, sizeof(ctl));
	json_decref(arguments);
	arguments = NULL;
	snprintf(words, sizeof(words), "%s", line);
	for (char *w = words + strspn(words, " "); *w != '\0'; w += strspn(w, " ")) {
		argv[argc++] = w;
		w += strcspn(w, " ");
		if (*w != '\0')
			*w++ = '\0';
	}
	return ctl_parse(&ctl, argc, argv, &arguments, &code);
}

static const char *text(const char *field)
{
	return json_string_value(json_object_get(arguments, field));
}

START_TEST(parse_finds_command_and_globals_anywhere)
{
	const struct ctl_command *c = parse("--folder /tmp/n fetch --json bob@example.org --kind=TURN-SERVICE");

	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->name, "fetch");
	ck_assert(ctl.json);
	ck_assert_str_eq(ctl.folder, "/tmp/n");
	ck_assert_str_eq(ctl.socket_path, "/tmp/n/control");
	ck_assert_str_eq(text("target"), "bob@example.org");
	ck_assert_str_eq(text("kind"), "TURN-SERVICE");
	c = parse("status -s /run/x");
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(ctl.socket_path, "/run/x");
	json_decref(arguments);
	arguments = NULL;
}
END_TEST

START_TEST(parse_tells_one_word_from_two)
{
	ck_assert_str_eq(parse("hip")->name, "hip");
	ck_assert_str_eq(parse("hip --json")->name, "hip");
	ck_assert_str_eq(parse("hip ping 2001:24::1")->name, "hip ping");
	ck_assert_str_eq(text("target"), "2001:24::1");
	ck_assert_int_eq(json_integer_value(json_object_get(arguments, "count")), 4);
	ck_assert_str_eq(parse("identity trust bob@example.org 2001:24::1")->name, "identity trust");
	ck_assert_str_eq(text("user"), "bob@example.org");
	ck_assert_str_eq(text("hit"), "2001:24::1");
	ck_assert_str_eq(parse("hip locator 2001:24::1")->name, "hip locator");
	ck_assert_ptr_null(parse("hip locator"));
	ck_assert_ptr_null(parse("hip pong"));
	json_decref(arguments);
	arguments = NULL;
}
END_TEST

START_TEST(parse_gives_defaults_and_types)
{
	ck_assert_ptr_nonnull(parse("store alice@example.org --value sip:x --lifetime 60 --remove"));
	ck_assert_str_eq(text("kind"), "SIP-REGISTRATION");
	ck_assert_int_eq(json_integer_value(json_object_get(arguments, "lifetime")), 60);
	ck_assert(json_is_true(json_object_get(arguments, "remove")));
	ck_assert_ptr_nonnull(parse("identity enroll --user a@b --device 2"));
	ck_assert_str_eq(text("user"), "a@b");
	ck_assert_ptr_nonnull(parse("ping -- -odd-name"));
	ck_assert_str_eq(text("target"), "-odd-name");
	json_decref(arguments);
	arguments = NULL;
}
END_TEST

START_TEST(parse_refuses_wrong_arguments)
{
	static const char *const wrong[] = {
		"",          "frob",           "fetch",          "fetch a b",
		"status x",  "--frob status",  "status --frob",  "fetch a --kind",
		"identity",  "identity frob",  "identity enroll", "store a --lifetime x",
		"ring --circle=yes", "fetch a --kind x --kind y", "--socket", "leave --json=1",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_msg(parse(wrong[i]) == NULL, "\"%s\" was taken", wrong[i]);
		ck_assert_msg(code == CTL_USAGE, "\"%s\" ends with %d", wrong[i], code);
	}
	json_decref(arguments);
	arguments = NULL;
}
END_TEST

START_TEST(parse_ends_well_after_help)
{
	for (size_t i = 0; i < ctl_command_count; i++) {
		char line[64];

		snprintf(line, sizeof(line), "%s --help", ctl_commands[i].name);
		ck_assert_ptr_null(parse(line));
		ck_assert_int_eq(code, CTL_DONE);
	}
	ck_assert_ptr_null(parse("--help"));
	ck_assert_int_eq(code, CTL_DONE);
	ck_assert_ptr_null(parse("--version"));
	ck_assert_int_eq(code, CTL_DONE);
	json_decref(arguments);
	arguments = NULL;
}
END_TEST

int main(void)
{
	return RUN_TESTS("ctl_parse", parse_finds_command_and_globals_anywhere, parse_tells_one_word_from_two,
			 parse_gives_defaults_and_types, parse_refuses_wrong_arguments, parse_ends_well_after_help);
}
