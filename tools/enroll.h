/* SPDX-License-Identifier: MIT */
/* What the commands of peal-enroll share. Each returns the exit code: 0 done, 1 failed, 2 wrong usage. */
#ifndef TOOLS_ENROLL_H
#define TOOLS_ENROLL_H

#include <getopt.h>

#include "tools/enroll_folder.h"

#define EXIT_USAGE 2

struct enroll_command {
	const char *name;
	const char *synopsis; /* what follows the name */
	const char *summary;  /* one line */
	const char *help;     /* options, a line each */
	int (*run)(const struct enroll_command *command, int argc, char **argv);
};

/* Prints "peal-enroll: what" and returns 1. */
int enroll_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints what is wrong with the arguments and how to get help; returns EXIT_USAGE. */
int enroll_usage(const struct enroll_command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints synopsis and options of a command; returns 0. */
int enroll_help(const struct enroll_command *command);

/* A whole number in a range. False, with a message, when it is none. */
bool enroll_number(const char *option, const char *text, unsigned min, unsigned max, unsigned *out);

/* Opens the folder of --folder (NULL: tells to give it). Returns 0 or the exit code. */
int enroll_open(const struct enroll_command *command, struct enroll_folder *f, const char *folder);

int enroll_create_run(const struct enroll_command *command, int argc, char **argv);
int enroll_serve_run(const struct enroll_command *command, int argc, char **argv);
int enroll_user_run(const struct enroll_command *command, int argc, char **argv);
int enroll_issue_run(const struct enroll_command *command, int argc, char **argv);
int enroll_document_run(const struct enroll_command *command, int argc, char **argv);

#endif
