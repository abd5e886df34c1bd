/* SPDX-License-Identifier: MIT */
/* What the parts of pealctl share: one call of it, its commands as a table, exit codes. */
#ifndef TOOLS_CTL_H
#define TOOLS_CTL_H

#include <jansson.h>

#include "tools/ctl_table.h"

/* Exit codes; every command's manual entry refers to these. */
enum ctl_exit {
	CTL_DONE = 0,
	CTL_FAILED = 1, /* the command failed, or the ring is not consistent */
	CTL_USAGE = 2,
	CTL_NO_NODE = 3 /* peald does not answer */
};

#define CTL_SOCKET_MAX 107 /* bytes of a Unix socket's path */
#define CTL_ARGUMENTS_MAX 8 /* with the empty one that ends the list */

/* One call of pealctl. */
struct ctl {
	char folder[512];                     /* the node's state folder */
	char socket_path[CTL_SOCKET_MAX + 1]; /* its control socket */
	bool json;
	struct terminal out;
	struct terminal err;
};

enum ctl_argument_type { CTL_TEXT, CTL_NUMBER, CTL_FLAG };

/* One argument of a command. `name` is "--kind" for an option, "TARGET" for one by position. */
struct ctl_argument {
	const char *name;
	const char *field;       /* in the request sent to peald, or for a local command in its arguments */
	enum ctl_argument_type type;
	bool required;
	const char *value;       /* default, or NULL */
	const char *placeholder; /* "KIND"; NULL for flags and positions */
	const char *help;
};

struct ctl_command {
	const char *name; /* one or two words */
	const char *summary;
	const char *help; /* what the output means; may be NULL */
	struct ctl_argument arguments[CTL_ARGUMENTS_MAX];
	/* `arguments`: the fields above, borrowed. Returns an enum ctl_exit. */
	int (*run)(struct ctl *ctl, const struct ctl_command *command, json_t *arguments);
};

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_command_count;

/* Reads the command line: globals into *ctl, the command, its arguments (a new object). NULL: *exit says
 * with what to end, after help or a message has been printed. */
const struct ctl_command *ctl_parse(struct ctl *ctl, int argc, char **argv, json_t **arguments, int *exit);

/* Prints name, text and the hint what to do next; as JSON when asked for. Returns CTL_FAILED. */
int ctl_fail(const struct ctl *ctl, const char *name, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
