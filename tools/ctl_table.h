/* SPDX-License-Identifier: MIT */
/* Text for people: what the terminal can do, colours, and tables with aligned columns. */
#ifndef TOOLS_CTL_TABLE_H
#define TOOLS_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Where text goes and what may be used there. */
struct terminal {
	FILE *out;
	bool is_terminal;
	bool colour;    /* a terminal, NO_COLOR unset or empty, TERM not "dumb" */
	unsigned width; /* columns; 80 when not known */
};

/* Asks the file and the environment. */
struct terminal terminal_of(FILE *out);

enum terminal_style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_GOOD, STYLE_WARN, STYLE_BAD };

/* The escape sequence that begins or ends a style; "" where colours are not to be used. */
const char *terminal_begin(const struct terminal *t, enum terminal_style style);
const char *terminal_end(const struct terminal *t);

enum table_align { TABLE_LEFT, TABLE_RIGHT };

struct table;

/* Columns are added first, rows after. Cells are copied; control bytes in them are shown as '?', so that
 * what a stranger wrote cannot move the cursor. */
struct table *table_new(void);
void table_free(struct table *t);
void table_column(struct table *t, const char *heading, enum table_align align);
/* Begins a row with the style of its text. */
void table_row(struct table *t, enum terminal_style style);
/* Adds the next cell of the current row; NULL or "" shows as "-". More cells than columns are dropped. */
void table_cell(struct table *t, const char *text);
void table_cellf(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t table_rows(const struct table *t);
/* Prints heading and rows, each column as wide as its widest cell. */
void table_print(const struct table *t, const struct terminal *terminal);

/* Columns a UTF-8 text takes: one for each code point. */
size_t text_columns(const char *text);

/* Copies `text` with control bytes replaced by '?'. Returns `out`. */
const char *text_printable(const char *text, char *out, size_t size);

#define TEXT_SPAN_SIZE 32

/* "3d 04h", "2h 07m", "5m 12s", "12s". `out` has room for TEXT_SPAN_SIZE. Returns out. */
const char *text_span(uint64_t seconds, char *out);
/* "850 us", "12.3 ms", "1.25 s". */
const char *text_microseconds(uint64_t us, char *out);
/* Parts per 10^9 as percent: "12.50 %". */
const char *text_share(uint32_t ppb, char *out);

#endif
