/* SPDX-License-Identifier: MIT */
/* Lines are "user password"; # begins a comment line. The password is what follows the first blanks. */
#include "node/sip_passwords.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 600

static FILE *file_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (file == NULL && fd >= 0)
		(void)close(fd);
	return file;
}

/* Cuts a line into user and password. 1: both are there; 0: nothing on it; -1: no password. */
static int line_cut(char *line, char **user, char **password)
{
	size_t len;

	line[strcspn(line, "\r\n")] = '\0';
	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#')
		return 0;
	*user = line;
	len = strcspn(line, " \t");
	if (line[len] == '\0')
		return -1;
	line[len] = '\0';
	*password = line + len + 1 + strspn(line + len + 1, " \t");
	return **password == '\0' ? -1 : 1;
}

int sip_passwords_check(const char *path, char *detail, size_t detail_size)
{
	FILE *file = file_open(path);
	char line[LINE_MAX_BYTES], *user, *password;
	struct stat status;
	int number = 0, err = 0;

	if (file == NULL || fstat(fileno(file), &status) != 0) {
		(void)snprintf(detail, detail_size, "sip-password-file %s: %s", path, strerror(errno));
		err = ERR_IO;
	} else if ((status.st_mode & 077) != 0) {
		(void)snprintf(detail, detail_size, "sip-password-file %s: others may read it; chmod 600 it",
			       path);
		err = ERR_PERMISSION;
	}
	while (err == 0 && fgets(line, sizeof(line), file) != NULL) {
		number++;
		if (line_cut(line, &user, &password) >= 0)
			continue;
		(void)snprintf(detail, detail_size, "%s:%d: a line is \"user password\"", path, number);
		err = ERR_CONFIG;
	}
	if (file != NULL)
		(void)fclose(file);
	return err;
}

bool sip_passwords_find(void *ctx, const char *user, char *password, size_t size)
{
	FILE *file = file_open(ctx);
	char line[LINE_MAX_BYTES], *name, *value;
	bool found = false;

	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), file) != NULL) {
		found = line_cut(line, &name, &value) > 0 && strcmp(name, user) == 0 &&
			strlen(value) < size;
		if (found)
			(void)snprintf(password, size, "%s", value);
	}
	explicit_bzero(line, sizeof(line));
	(void)fclose(file);
	return found;
}
