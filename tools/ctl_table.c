/* SPDX-License-Identifier: MIT */
/* Terminal, colours, aligned tables. */
#include "tools/ctl_table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "overlay/base/invariant.h"

#define COLUMNS_MAX 24
#define CELL_MAX 1024

struct terminal terminal_of(FILE *out)
{
	struct terminal t = { .out = out, .width = 80 };
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	struct winsize size;

	t.is_terminal = isatty(fileno(out)) == 1;
	t.colour = t.is_terminal && (no_colour == NULL || no_colour[0] == '\0') &&
		   term != NULL && strcmp(term, "dumb") != 0;
	if (t.is_terminal && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		t.width = size.ws_col;
	return t;
}

const char *terminal_begin(const struct terminal *t, enum terminal_style style)
{
	if (!t->colour)
		return "";
	switch (style) {
	case STYLE_BOLD:
		return "\033[1m";
	case STYLE_DIM:
		return "\033[2m";
	case STYLE_GOOD:
		return "\033[32m";
	case STYLE_WARN:
		return "\033[33m";
	case STYLE_BAD:
		return "\033[31m";
	case STYLE_PLAIN:
		break;
	}
	return "";
}

const char *terminal_end(const struct terminal *t)
{
	return t->colour ? "\033[0m" : "";
}

struct table_line {
	enum terminal_style style;
	size_t count;
	char *cells[COLUMNS_MAX];
};

struct table {
	size_t column_count;
	const char *headings[COLUMNS_MAX];
	enum table_align aligns[COLUMNS_MAX];
	struct table_line *lines;
	size_t line_count;
	size_t line_room;
};

struct table *table_new(void)
{
	return memory_alloc(sizeof(struct table));
}

void table_free(struct table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->line_count; i++)
		for (size_t j = 0; j < t->lines[i].count; j++)
			free(t->lines[i].cells[j]);
	free(t->lines);
	free(t);
}

void table_column(struct table *t, const char *heading, enum table_align align)
{
	invariant(t->column_count < COLUMNS_MAX && t->line_count == 0);
	t->headings[t->column_count] = heading;
	t->aligns[t->column_count++] = align;
}

void table_row(struct table *t, enum terminal_style style)
{
	if (t->line_count == t->line_room) {
		t->line_room = t->line_room == 0 ? 16 : t->line_room * 2;
		t->lines = memory_resize(t->lines, t->line_room * sizeof(*t->lines));
	}
	t->lines[t->line_count++] = (struct table_line){ .style = style };
}

void table_cell(struct table *t, const char *text)
{
	struct table_line *line;
	char clean[CELL_MAX];
	char *copy;
	size_t len;

	invariant(t->line_count > 0);
	line = &t->lines[t->line_count - 1];
	if (line->count == t->column_count)
		return;
	text_printable(text == NULL || text[0] == '\0' ? "-" : text, clean, sizeof(clean));
	len = strlen(clean);
	copy = memory_alloc(len + 1);
	memcpy(copy, clean, len);
	line->cells[line->count++] = copy;
}

void table_cellf(struct table *t, const char *format, ...)
{
	char text[CELL_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	table_cell(t, text);
}

size_t table_rows(const struct table *t)
{
	return t->line_count;
}

static void cell_print(const struct table *t, FILE *out, size_t column, const char *text, size_t width)
{
	size_t columns = text_columns(text);
	size_t pad = width > columns ? width - columns : 0;
	bool last = column + 1 == t->column_count;

	if (t->aligns[column] == TABLE_RIGHT)
		fprintf(out, "%*s%s", (int)pad, "", text);
	else if (last)
		fputs(text, out);
	else
		fprintf(out, "%s%*s", text, (int)pad, "");
	if (!last)
		fputs("  ", out);
}

void table_print(const struct table *t, const struct terminal *terminal)
{
	size_t widths[COLUMNS_MAX] = { 0 };

	for (size_t c = 0; c < t->column_count; c++)
		widths[c] = text_columns(t->headings[c]);
	for (size_t i = 0; i < t->line_count; i++) {
		for (size_t c = 0; c < t->lines[i].count; c++) {
			size_t w = text_columns(t->lines[i].cells[c]);

			if (w > widths[c])
				widths[c] = w;
		}
	}
	fputs(terminal_begin(terminal, STYLE_BOLD), terminal->out);
	for (size_t c = 0; c < t->column_count; c++)
		cell_print(t, terminal->out, c, t->headings[c], widths[c]);
	fprintf(terminal->out, "%s\n", terminal_end(terminal));
	for (size_t i = 0; i < t->line_count; i++) {
		const struct table_line *line = &t->lines[i];
		bool styled = line->style != STYLE_PLAIN;

		fputs(terminal_begin(terminal, line->style), terminal->out);
		for (size_t c = 0; c < t->column_count; c++)
			cell_print(t, terminal->out, c, c < line->count ? line->cells[c] : "-", widths[c]);
		fprintf(terminal->out, "%s\n", styled ? terminal_end(terminal) : "");
	}
}

size_t text_columns(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		if (((unsigned char)*text & 0xc0) != 0x80)
			n++;
	return n;
}

const char *text_printable(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; *text != '\0' && n + 1 < size; text++) {
		unsigned char c = (unsigned char)*text;

		out[n++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	out[n] = '\0';
	return out;
}

const char *text_span(uint64_t seconds, char *out)
{
	unsigned long long s = seconds;

	if (s >= 86400)
		snprintf(out, TEXT_SPAN_SIZE, "%llud %02lluh", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		snprintf(out, TEXT_SPAN_SIZE, "%lluh %02llum", s / 3600, s / 60 % 60);
	else if (s >= 60)
		snprintf(out, TEXT_SPAN_SIZE, "%llum %02llus", s / 60, s % 60);
	else
		snprintf(out, TEXT_SPAN_SIZE, "%llus", s);
	return out;
}

const char *text_microseconds(uint64_t us, char *out)
{
	if (us < 1000)
		snprintf(out, TEXT_SPAN_SIZE, "%llu us", (unsigned long long)us);
	else if (us < 1000000)
		snprintf(out, TEXT_SPAN_SIZE, "%.1f ms", (double)us / 1e3);
	else
		snprintf(out, TEXT_SPAN_SIZE, "%.2f s", (double)us / 1e6);
	return out;
}

const char *text_share(uint32_t ppb, char *out)
{
	snprintf(out, TEXT_SPAN_SIZE, "%.2f %%", (double)ppb / 1e7);
	return out;
}
