/* SPDX-License-Identifier: MIT */
/* pealctl: looks into a running peald and keeps identities. */
#include "tools/ctl.h"

#include <locale.h>
#include <sys/stat.h>

#include "crypto/keystore.h"

int main(int argc, char **argv)
{
	struct ctl ctl = { .out = terminal_of(stdout), .err = terminal_of(stderr) };
	const struct ctl_command *command;
	json_t *arguments = NULL;
	int rc = CTL_USAGE;

	setlocale(LC_CTYPE, "");
	umask(077);
	keystore_protect_memory();
	command = ctl_parse(&ctl, argc, argv, &arguments, &rc);
	if (command != NULL)
		rc = command->run(&ctl, command, arguments);
	json_decref(arguments);
	return fflush(stdout) == 0 || rc != CTL_DONE ? rc : CTL_FAILED;
}
