/* SPDX-License-Identifier: MIT */
/* tools/ctl_circle: marks and numbers on the drawn ring. */
#include "tools/ctl_circle.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/run.h"

static struct ring_peer *add(struct ring *r, unsigned char at)
{
	struct ring_peer *p = ring_add(r);

	p->id.bytes[0] = at;
	return p;
}

static size_t count(const char *text, char c)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == c;
	return n;
}

/* Row and column of the first `c`. */
static void find(const char *text, char c, int *row, int *column)
{
	*row = *column = 0;
	for (; *text != '\0' && *text != c; text++) {
		(*column)++;
		if (*text == '\n') {
			(*row)++;
			*column = 0;
		}
	}
	ck_assert_msg(*text == c, "%c is not drawn", c);
}

START_TEST(circle_draws_peers_where_they_lie)
{
	bool marked[4] = { false, false, true, false };
	int row[4], column[4];
	struct ring r;
	char *text;

	ring_init(&r);
	add(&r, 0x00);               /* o, top */
	add(&r, 0x40)->is_self = true; /* @, right */
	add(&r, 0x80);               /* !, bottom */
	add(&r, 0xc0)->unreachable = true; /* x, left */
	text = circle_draw(&r, marked, 80);
	find(text, '@', &row[1], &column[1]);
	find(text, '!', &row[2], &column[2]);
	find(text, 'x', &row[3], &column[3]);
	ck_assert_int_eq(row[1], row[3]);
	ck_assert_int_gt(row[2], row[1]);
	ck_assert_int_gt(column[1], column[2]);
	ck_assert_int_lt(column[3], column[2]);
	for (char c = '1'; c <= '4'; c++)
		ck_assert_ptr_nonnull(strchr(text, c));
	ck_assert_ptr_nonnull(strstr(text, "4 peers"));
	ck_assert_ptr_null(strstr(text, " \n"));
	free(text);
	ring_free(&r);
}
END_TEST

START_TEST(circle_hides_no_peer)
{
	struct ring r;
	char *text;

	ring_init(&r);
	for (unsigned i = 0; i < 64; i++)
		add(&r, (unsigned char)(i % 4)); /* all but on one spot */
	ring_sort(&r);
	text = circle_draw(&r, NULL, 100);
	ck_assert_uint_eq(count(text, 'o'), 64);
	free(text);
	for (unsigned i = 0; i < 1000; i++)
		add(&r, (unsigned char)i); /* more than the circle has places: drawn all the same */
	ring_sort(&r);
	text = circle_draw(&r, NULL, 100);
	ck_assert_uint_gt(count(text, 'o'), 64);
	free(text);
	ring_free(&r);
}
END_TEST

START_TEST(circle_fits_the_width)
{
	for (unsigned width = 40; width < 140; width += 10) {
		struct ring r;
		char *text;
		size_t len;

		ring_init(&r);
		for (unsigned i = 0; i < 32; i++)
			add(&r, (unsigned char)(i * 8));
		text = circle_draw(&r, NULL, width);
		for (const char *line = text; *line != '\0'; line += len + 1) {
			len = strcspn(line, "\n");
			ck_assert_uint_le(len, width);
		}
		free(text);
		ring_free(&r);
	}
}
END_TEST

int main(void)
{
	return RUN_TESTS("ctl_circle", circle_draws_peers_where_they_lie, circle_hides_no_peer,
			 circle_fits_the_width);
}
