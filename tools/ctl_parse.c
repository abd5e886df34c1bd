/* SPDX-License-Identifier: MIT */
/* The command line of pealctl: global options anywhere, one command, its arguments by the table. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl.h"

#define FOLDER_DEFAULT "/var/lib/peal" /* as in peald's settings */

/* The reading of one command line. */
struct parsing {
	struct ctl *ctl;
	int argc;
	char **argv;
	int at;
	bool help;
	bool options_ended; /* after "--" */
	const char *socket_path;
	const char *folder;
	const struct ctl_command *command;
	json_t *arguments;
};

int ctl_fail(const struct ctl *ctl, const char *name, const char *hint, const char *format, ...)
{
	char text[1024];
	va_list args;
	json_t *error;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (ctl->json) {
		error = json_pack("{s:{s:s, s:s, s:s*}}", "error", "name", name, "text", text, "hint", hint);
		if (error != NULL)
			json_dumpf(error, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(error);
		return CTL_FAILED;
	}
	fprintf(stderr, "%spealctl: %s%s\n", terminal_begin(&ctl->err, STYLE_BAD), text,
		terminal_end(&ctl->err));
	if (hint != NULL && hint[0] != '\0')
		fprintf(stderr, "%s\n", hint);
	return CTL_FAILED;
}

__attribute__((format(printf, 1, 2)))
static int parse_fail(const char *format, ...)
{
	va_list args;

	fputs("pealctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\nTry `pealctl --help`, or `pealctl COMMAND --help`.\n", stderr);
	return CTL_USAGE;
}

static bool is_option(const struct ctl_argument *a)
{
	return a->name[0] == '-';
}

static void print_usage(FILE *out)
{
	fputs("usage: pealctl [--folder STATE | --socket SOCKET] [--json] COMMAND [ARGUMENT]...\n\n"
	      "Looks into a running peald and keeps identities.\n\n", out);
	for (size_t i = 0; i < ctl_command_count; i++)
		fprintf(out, "  %-16s  %s\n", ctl_commands[i].name, ctl_commands[i].summary);
	fputs("\n  --folder STATE      the node's state folder (default $PEAL_FOLDER, else " FOLDER_DEFAULT ")\n"
	      "  -s, --socket SOCKET its control socket (default STATE/control)\n"
	      "  --json              for programs: one JSON object a line\n"
	      "  --version\n\n"
	      "`pealctl COMMAND --help` tells more, pealctl(1) all.\n", out);
}

static void print_command_usage(const struct ctl_command *c, FILE *out)
{
	fprintf(out, "usage: pealctl %s", c->name);
	for (const struct ctl_argument *a = c->arguments; a->name != NULL; a++) {
		fputs(a->required ? " " : " [", out);
		fputs(a->name, out);
		if (a->placeholder != NULL)
			fprintf(out, " %s", a->placeholder);
		if (!a->required)
			fputc(']', out);
	}
	fprintf(out, "\n\n%s.\n", c->summary);
	if (c->help != NULL)
		fprintf(out, "\n%s\n", c->help);
	if (c->arguments[0].name != NULL)
		fputc('\n', out);
	for (const struct ctl_argument *a = c->arguments; a->name != NULL; a++) {
		char left[48];

		snprintf(left, sizeof(left), "%s%s%s", a->name, a->placeholder != NULL ? " " : "",
			 a->placeholder != NULL ? a->placeholder : "");
		fprintf(out, "  %-22s %s", left, a->help);
		if (a->value != NULL)
			fprintf(out, " (default %s)", a->value);
		fputc('\n', out);
	}
}

/* Puts a value under the argument's field, by its type. */
static int take_value(struct parsing *p, const struct ctl_argument *a, const char *text)
{
	json_t *value;
	char *end;

	if (json_object_get(p->arguments, a->field) != NULL)
		return parse_fail("%s is given twice", a->name);
	if (a->type == CTL_FLAG) {
		value = json_true();
	} else if (a->type == CTL_NUMBER) {
		long long number;

		errno = 0;
		number = strtoll(text, &end, 10);
		if (*end != '\0' || text[0] < '0' || text[0] > '9' || errno != 0)
			return parse_fail("%s %s: a number is wanted", a->name, text);
		value = json_integer(number);
	} else {
		value = json_string(text);
		if (value == NULL)
			return parse_fail("%s: not UTF-8 text", a->name);
	}
	return json_object_set_new(p->arguments, a->field, value) == 0 ? 0 : parse_fail("no memory");
}

/* If this word is the option `name`, gives its value: "--name VALUE" or "--name=VALUE". 1: it is; 0: it
 * is not; CTL_USAGE: its value is missing. */
static int option_value(struct parsing *p, const char *name, bool wants_value, const char **value)
{
	const char *word = p->argv[p->at];
	size_t len = strlen(name);

	*value = NULL;
	if (strncmp(word, name, len) != 0 || (word[len] != '\0' && word[len] != '='))
		return 0;
	if (word[len] == '=') {
		*value = word + len + 1;
		return wants_value ? 1 : parse_fail("%s takes no value", name);
	}
	if (!wants_value)
		return 1;
	if (p->at + 1 >= p->argc)
		return parse_fail("%s wants a value", name);
	*value = p->argv[++p->at];
	return 1;
}

/* 1: taken; 0: not a global option; CTL_USAGE. */
static int parse_global(struct parsing *p)
{
	static const char *const names[] = { "--socket", "-s", "--folder", "--json", "--help", "-h" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value;
		int rc = option_value(p, names[i], i < 3, &value);

		if (rc == 0)
			continue;
		if (rc == 1 && i < 2)
			p->socket_path = value;
		else if (rc == 1 && i == 2)
			p->folder = value;
		else if (rc == 1 && i == 3)
			p->ctl->json = true;
		else if (rc == 1)
			p->help = true;
		return rc;
	}
	return 0;
}

static int parse_option(struct parsing *p)
{
	int rc = parse_global(p);

	if (rc != 0)
		return rc == 1 ? 0 : rc;
	if (p->command == NULL)
		return parse_fail("there is no option %s", p->argv[p->at]);
	for (const struct ctl_argument *a = p->command->arguments; a->name != NULL; a++) {
		const char *value;

		rc = is_option(a) ? option_value(p, a->name, a->type != CTL_FLAG, &value) : 0;
		if (rc == 1)
			return take_value(p, a, value);
		if (rc != 0)
			return rc;
	}
	return parse_fail("`%s` has no option %s", p->command->name, p->argv[p->at]);
}

/* Finds the command of one or two words; moves past the second. */
static int parse_command(struct parsing *p)
{
	const char *word = p->argv[p->at];
	bool first_fits = false;

	for (size_t i = 0; i < ctl_command_count; i++) {
		const char *name = ctl_commands[i].name;
		size_t len = strcspn(name, " ");

		if (strlen(word) != len || strncmp(name, word, len) != 0)
			continue;
		first_fits = true;
		if (name[len] == '\0') {
			p->command = &ctl_commands[i];
			return 0;
		}
		if (p->at + 1 < p->argc && strcmp(name + len + 1, p->argv[p->at + 1]) == 0) {
			p->command = &ctl_commands[i];
			p->at++;
			return 0;
		}
	}
	if (!first_fits)
		return parse_fail("there is no command %s", word);
	fprintf(stderr, "pealctl: %s needs one more word:\n", word);
	for (size_t i = 0; i < ctl_command_count; i++)
		if (strncmp(ctl_commands[i].name, word, strlen(word)) == 0)
			fprintf(stderr, "  pealctl %-16s  %s\n", ctl_commands[i].name, ctl_commands[i].summary);
	return CTL_USAGE;
}

static int parse_positional(struct parsing *p)
{
	for (const struct ctl_argument *a = p->command->arguments; a->name != NULL; a++)
		if (!is_option(a) && json_object_get(p->arguments, a->field) == NULL)
			return take_value(p, a, p->argv[p->at]);
	return parse_fail("`%s` does not know what to do with %s", p->command->name, p->argv[p->at]);
}

/* Defaults, and what is missing. */
static int parse_finish(struct parsing *p)
{
	for (const struct ctl_argument *a = p->command->arguments; a->name != NULL; a++) {
		int rc;

		if (json_object_get(p->arguments, a->field) != NULL)
			continue;
		if (a->required)
			return parse_fail("`%s` wants %s: %s", p->command->name, a->name, a->help);
		rc = a->value != NULL ? take_value(p, a, a->value) : 0;
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Where the node lives. */
static int parse_paths(struct parsing *p)
{
	const char *folder = p->folder != NULL ? p->folder : getenv("PEAL_FOLDER");
	struct ctl *ctl = p->ctl;
	int len;

	if (folder == NULL || folder[0] == '\0')
		folder = FOLDER_DEFAULT;
	if ((size_t)snprintf(ctl->folder, sizeof(ctl->folder), "%s", folder) >= sizeof(ctl->folder))
		return parse_fail("the folder's name is too long");
	len = p->socket_path != NULL ?
		      snprintf(ctl->socket_path, sizeof(ctl->socket_path), "%s", p->socket_path) :
		      snprintf(ctl->socket_path, sizeof(ctl->socket_path), "%s/control", folder);
	if (len < 0 || (size_t)len >= sizeof(ctl->socket_path)) {
		/* Only commands that talk to the node mind. */
		if (p->socket_path != NULL)
			return parse_fail("a socket's path has at most %d bytes", CTL_SOCKET_MAX);
		ctl->socket_path[0] = '\0';
	}
	return 0;
}

static int parse_words(struct parsing *p)
{
	int rc = 0;

	for (p->at = 1; p->at < p->argc && rc == 0; p->at++) {
		const char *word = p->argv[p->at];

		if (!p->options_ended && strcmp(word, "--") == 0)
			p->options_ended = true;
		else if (!p->options_ended && strcmp(word, "--version") == 0 && p->command == NULL)
			rc = -1;
		else if (!p->options_ended && word[0] == '-' && word[1] != '\0')
			rc = parse_option(p);
		else if (p->command == NULL)
			rc = parse_command(p);
		else
			rc = parse_positional(p);
	}
	return rc;
}

const struct ctl_command *ctl_parse(struct ctl *ctl, int argc, char **argv, json_t **arguments, int *exit)
{
	struct parsing p = { .ctl = ctl, .argc = argc, .argv = argv, .arguments = json_object() };
	int rc = parse_words(&p);

	*arguments = p.arguments;
	*exit = CTL_DONE;
	if (rc == -1) {
		printf("pealctl %s\n", PEAL_VERSION);
		return NULL;
	}
	if (rc == 0 && p.help) {
		if (p.command != NULL)
			print_command_usage(p.command, stdout);
		else
			print_usage(stdout);
		return NULL;
	}
	if (rc == 0 && p.command == NULL) {
		print_usage(stderr);
		rc = CTL_USAGE;
	}
	if (rc == 0)
		rc = parse_finish(&p);
	if (rc == 0)
		rc = parse_paths(&p);
	*exit = rc;
	return rc == 0 ? p.command : NULL;
}
