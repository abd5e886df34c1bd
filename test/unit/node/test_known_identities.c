/* SPDX-License-Identifier: MIT */
/* Tests of known_identities.c: what is written is read again, and each wrong line is named. */
#include "node/known_identities.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/run.h"

static char path[] = "/tmp/peal-known-XXXXXX";

static void file_write(const char *text, mode_t mode)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static int read_text(const char *text, struct hip_pool **pool, char detail[400])
{
	file_write(text, 0600);
	*pool = hip_pool_new(1, NULL);
	return known_identities_read(path, *pool, detail, 400);
}

START_TEST(what_is_written_is_read_again)
{
	static const char text[] =
		"# a comment\n\n"
		"1700000000123 2001:22::1 - alice@example.org\n"
		"1700000000124 2001:22::2 2001:22::3 a%25b%20%23c@example.org\n"
		"0 2001:10::2 - bob@example.net";
	struct hip_pool *pool, *again;
	struct hip_first_use use;
	char detail[400];
	size_t cursor = 0, count = 0, changed = 0;
	struct stat status;

	ck_assert_int_eq(read_text(text, &pool, detail), 0);
	(void)unlink(path);
	ck_assert_int_eq(known_identities_write(path, pool, detail, sizeof(detail)), 0);
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0600);
	again = hip_pool_new(2, NULL);
	ck_assert_int_eq(known_identities_read(path, again, detail, sizeof(detail)), 0);
	while (hip_pool_next_first_use(again, &cursor, &use)) {
		count++;
		if (hit_is_zero(&use.pending))
			continue;
		changed++;
		ck_assert_str_eq(use.user, "a%b #c@example.org");
		ck_assert_uint_eq(use.seen_ms, 1700000000124);
		ck_assert_uint_eq(use.hit.bytes[15], 2);
		ck_assert_uint_eq(use.pending.bytes[15], 3);
	}
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(changed, 1);
	hip_pool_free(pool);
	hip_pool_free(again);
}
END_TEST

START_TEST(each_wrong_line_is_named)
{
	static const struct {
		const char *text, *detail;
	} wrong[] = {
		{ "x\n", ":1: a line is \"seen-ms HIT changed-HIT user\"; mend the line or remove it" },
		{ "\n1 2001:22::1 -\n", ":2: a line is \"seen-ms HIT changed-HIT user\"" },
		{ "soon 2001:22::1 - a@b\n", ":1: the time is no number" },
		{ "-1 2001:22::1 - a@b\n", ":1: the time is no number" },
		{ "1 nobody - a@b\n", ":1: the HIT is none" },
		{ "1 2001:22::1 x a@b\n", ":1: the changed HIT is none" },
		{ "1 2001:22::1 - \n", ":1: the user name is none" },
		{ "1 2001:22::1 - a%2\n", ":1: the user name is none" },
		{ "1 2001:22::1 - a%00\n", ":1: the user name is none" },
		{ "1 2001:22::1 - a@b\n1 2001:22::2 - a@b\n", ":2: this user stands twice" },
	};
	struct hip_pool *pool;
	char detail[400];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(read_text(wrong[i].text, &pool, detail), ERR_CONFIG);
		ck_assert_msg(strncmp(detail, path, strlen(path)) == 0 &&
				      strncmp(detail + strlen(path), wrong[i].detail, strlen(wrong[i].detail)) == 0,
			      "%s", detail);
		hip_pool_free(pool);
	}
}
END_TEST

START_TEST(no_file_is_an_empty_one_and_an_open_one_is_refused)
{
	struct hip_pool *pool = hip_pool_new(1, NULL);
	char detail[400];

	(void)unlink(path);
	ck_assert_int_eq(known_identities_read(path, pool, detail, sizeof(detail)), 0);
	file_write("1 2001:22::1 - a@b\n", 0644);
	ck_assert_int_eq(known_identities_read(path, pool, detail, sizeof(detail)), ERR_PERMISSION);
	hip_pool_free(pool);
}
END_TEST

int main(void)
{
	int fd = mkstemp(path), failed;

	if (fd < 0)
		return EXIT_FAILURE;
	(void)close(fd);
	failed = RUN_TESTS("known_identities", what_is_written_is_read_again, each_wrong_line_is_named,
			   no_file_is_an_empty_one_and_an_open_one_is_refused);
	(void)unlink(path);
	return failed;
}
