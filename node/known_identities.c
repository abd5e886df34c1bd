/* SPDX-License-Identifier: MIT */
/* A line that cannot be read is an error and not skipped: a lost line would let a changed key pass as a first one. */
#include "node/known_identities.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/private_file.h"
#include "overlay/base/invariant.h"

#define FILE_MAX (16u * 1024 * 1024)
#define HEADER "# seen-ms HIT changed-HIT user; see \"pealctl identity known\"\n"

static bool is_escaped(char c) { return c == '%' || c == '#' || c == 0x7f || (unsigned char)c <= ' '; }

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes %XX. False: a wrong escape, an empty or a too long name. */
static bool user_read(const char *text, char user[USER_NAME_MAX + 1])
{
	size_t len = 0;

	for (; *text != '\0'; text++, len++) {
		if (len == USER_NAME_MAX)
			return false;
		user[len] = *text;
		if (*text != '%')
			continue;
		if (hex_value(text[1]) < 0 || hex_value(text[2]) < 0)
			return false;
		user[len] = (char)(hex_value(text[1]) * 16 + hex_value(text[2]));
		if (user[len] == '\0')
			return false;
		text += 2;
	}
	user[len] = '\0';
	return len > 0;
}

/* One line in place. NULL, or what is wrong. */
static const char *line_read(char *line, struct hip_first_use *use)
{
	char *seen = strsep(&line, " "), *hit = strsep(&line, " "), *pending = strsep(&line, " "), *end;

	*use = (struct hip_first_use){ 0 };
	if (line == NULL)
		return "a line is \"seen-ms HIT changed-HIT user\"";
	errno = 0;
	use->seen_ms = strtoull(seen, &end, 10);
	if (!isdigit((unsigned char)seen[0]) || *end != '\0' || errno != 0)
		return "the time is no number";
	if (hit_parse(hit, &use->hit) != 0)
		return "the HIT is none";
	if (strcmp(pending, "-") != 0 && hit_parse(pending, &use->pending) != 0)
		return "the changed HIT is none";
	return user_read(line, use->user) ? NULL : "the user name is none";
}

static const char *line_take(char *line, struct hip_pool *pool)
{
	struct hip_first_use use;
	const char *wrong = line_read(line, &use);

	if (wrong != NULL)
		return wrong;
	switch (hip_pool_restore(pool, &use)) {
	case 0:
		return NULL;
	case ERR_DUPLICATE:
		return "this user stands twice";
	default:
		return "there are too many lines";
	}
}

int known_identities_read(const char *path, struct hip_pool *pool, char *detail, size_t detail_size)
{
	uint8_t *bytes;
	size_t len;
	char *at, *line;
	const char *wrong = NULL;
	unsigned number = 0;
	int err = private_file_read(path, FILE_MAX, &bytes, &len, detail, detail_size);

	if (err != 0)
		return err == ERR_NOT_FOUND ? 0 : err;
	at = (char *)bytes;
	if (strlen(at) != len)
		wrong = "a NUL byte is in the file";
	while (wrong == NULL && (line = strsep(&at, "\n")) != NULL) {
		number++;
		if (line[0] != '\0' && line[0] != '#')
			wrong = line_take(line, pool);
	}
	private_file_free(bytes, len);
	if (wrong == NULL)
		return 0;
	(void)snprintf(detail, detail_size, "%s:%u: %s; mend the line or remove it", path, number, wrong);
	return ERR_CONFIG;
}

static void use_print(FILE *out, const struct hip_first_use *use)
{
	char hit[HIT_TEXT_SIZE], pending[HIT_TEXT_SIZE];

	(void)fprintf(out, "%llu %s %s ", (unsigned long long)use->seen_ms, hit_text(&use->hit, hit),
		      hit_is_zero(&use->pending) ? "-" : hit_text(&use->pending, pending));
	for (const char *c = use->user; *c != '\0'; c++) {
		if (is_escaped(*c))
			(void)fprintf(out, "%%%02X", (unsigned)(unsigned char)*c);
		else
			(void)fputc(*c, out);
	}
	(void)fputc('\n', out);
}

int known_identities_write(const char *path, const struct hip_pool *pool, char *detail, size_t detail_size)
{
	struct hip_first_use use;
	char *text = NULL;
	size_t len = 0, cursor = 0;
	FILE *out = open_memstream(&text, &len);
	int err;

	invariant(out != NULL);
	(void)fputs(HEADER, out);
	while (hip_pool_next_first_use(pool, &cursor, &use))
		use_print(out, &use);
	invariant(fclose(out) == 0);
	err = private_file_write(path, slice_of(text, len), true, detail, detail_size);
	free(text);
	return err;
}
