/* SPDX-License-Identifier: MIT */
/* Reads a password without echo. */
#include "tools/password_prompt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* One line without its end; ERR_LIMIT when it is too long. */
static int line_read(FILE *in, char *out)
{
	size_t len;

	out[0] = '\0';
	if (fgets(out, PASSWORD_TEXT_SIZE, in) == NULL)
		return ferror(in) ? ERR_IO : ERR_NOT_FOUND;
	len = strcspn(out, "\r\n");
	if (out[len] == '\0' && len == PASSWORD_TEXT_SIZE - 1)
		return ERR_LIMIT;
	out[len] = '\0';
	return len == 0 ? ERR_NOT_FOUND : 0;
}

static int terminal_ask(FILE *terminal, const char *prompt, char *out)
{
	struct termios normal, silent;
	int err;

	if (tcgetattr(fileno(terminal), &normal) != 0)
		return ERR_IO;
	silent = normal;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	fprintf(terminal, "%s: ", prompt);
	fflush(terminal);
	if (tcsetattr(fileno(terminal), TCSAFLUSH, &silent) != 0)
		return ERR_IO;
	err = line_read(terminal, out);
	(void)tcsetattr(fileno(terminal), TCSAFLUSH, &normal);
	fputc('\n', terminal);
	return err;
}

static int terminal_password(const char *prompt, bool twice, char *out, char *detail, size_t detail_size)
{
	char again[PASSWORD_TEXT_SIZE] = "";
	FILE *terminal = fopen("/dev/tty", "r+e");
	int err;

	if (terminal == NULL) {
		snprintf(detail, detail_size, "there is no terminal to ask for the password; "
			 "use --password-file FILE, or - for standard input");
		return ERR_NOT_FOUND;
	}
	err = terminal_ask(terminal, prompt, out);
	if (err == 0 && twice) {
		err = terminal_ask(terminal, "once more", again);
		if (err == 0 && strcmp(out, again) != 0) {
			snprintf(detail, detail_size, "the two passwords differ; try again");
			err = ERR_FORBIDDEN;
		}
		explicit_bzero(again, sizeof(again));
	}
	fclose(terminal);
	if (err != 0 && err != ERR_FORBIDDEN)
		snprintf(detail, detail_size, "no password was given");
	return err;
}

int password_read(const char *file, const char *prompt, bool twice, char *out, char *detail,
		  size_t detail_size)
{
	FILE *in;
	int err;

	if (file == NULL)
		return terminal_password(prompt, twice, out, detail, detail_size);
	in = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	if (in == NULL) {
		snprintf(detail, detail_size, "%s: %s", file, strerror(errno));
		return ERR_IO;
	}
	err = line_read(in, out);
	if (err != 0)
		snprintf(detail, detail_size, "%s: %s", file,
			 err == ERR_LIMIT ? "the first line is longer than 1,024 bytes" :
			 err == ERR_NOT_FOUND ? "the first line, which should be the password, is empty" :
			 strerror(errno));
	if (in != stdin)
		fclose(in);
	return err;
}
