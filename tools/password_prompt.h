/* SPDX-License-Identifier: MIT */
/* Passwords and passphrases from a file, from standard input or from the terminal, never from the command
 * line, where every user of the machine could read them. */
#ifndef TOOLS_PASSWORD_PROMPT_H
#define TOOLS_PASSWORD_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "overlay/base/error.h"

#define PASSWORD_TEXT_SIZE 1025

/* Reads the first line of `file` ("-": standard input; NULL: asks on the terminal with `prompt`, twice when
 * `twice`). `out` has room for PASSWORD_TEXT_SIZE. ERR_IO, ERR_LIMIT, ERR_NOT_FOUND (empty, or no terminal
 * to ask on), ERR_FORBIDDEN (the two differ); `detail` says what to do. */
int MUST_CHECK password_read(const char *file, const char *prompt, bool twice, char *out, char *detail,
			     size_t detail_size);

#endif
