/* SPDX-License-Identifier: MIT */
/* Shows tables and objects by the units in their names. */
#include "tools/ctl_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "tools/ctl_socket.h"
#include "tools/overlay_time.h"

#define COLUMNS_MAX 20
#define HEADING_SIZE 48

static const struct {
	const char *suffix;
	enum { UNIT_US, UNIT_MS, UNIT_S, UNIT_PPB, UNIT_TIME_MS } unit;
} units[] = {
	/* Points in time first: their names end in _ms as spans do. */
	{ "time_ms", UNIT_TIME_MS },   { "until_ms", UNIT_TIME_MS }, { "not_after_ms", UNIT_TIME_MS },
	{ "created_ms", UNIT_TIME_MS }, { "since_ms", UNIT_TIME_MS }, { "expires_ms", UNIT_TIME_MS },
	{ "expiration_ms", UNIT_TIME_MS }, { "not_before_ms", UNIT_TIME_MS },
	{ "_us", UNIT_US },            { "_ms", UNIT_MS },           { "_s", UNIT_S },
	{ "_ppb", UNIT_PPB },
};

#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

/* Index into units; UNIT_COUNT: the name ends in none. */
static size_t unit_of(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < UNIT_COUNT; i++) {
		size_t suffix = strlen(units[i].suffix);

		if (len >= suffix && strcmp(name + len - suffix, units[i].suffix) == 0)
			return i;
	}
	return UNIT_COUNT;
}

static const char *show_number(const char *name, json_int_t value, char *out)
{
	uint64_t n = value < 0 ? 0 : (uint64_t)value;
	size_t unit = unit_of(name);

	if (unit == UNIT_COUNT || value < 0) {
		snprintf(out, SHOW_TEXT_SIZE, "%lld", (long long)value);
		return out;
	}
	switch (units[unit].unit) {
	case UNIT_US:
		return text_microseconds(n, out);
	case UNIT_MS:
		return n > UINT64_MAX / 1000 ? "-" : text_microseconds(n * 1000, out);
	case UNIT_S:
		return text_span(n, out);
	case UNIT_PPB:
		return text_share((uint32_t)n, out);
	case UNIT_TIME_MS:
		break;
	}
	return n == 0 ? "-" : overlay_time_text((struct walltime){ n }, out);
}

/* Fractions come as milliseconds, or as plain numbers. */
static const char *show_real(const char *name, double value, char *out)
{
	size_t unit = unit_of(name);

	if (unit < UNIT_COUNT && units[unit].unit == UNIT_MS && value >= 0 && value < 1e15)
		return text_microseconds((uint64_t)(value * 1000), out);
	snprintf(out, SHOW_TEXT_SIZE, "%.4g", value);
	return out;
}

/* Elements of a list, or fields of an object, in a row. */
static const char *show_compound(const char *name, json_t *value, char *out)
{
	char text[SHOW_TEXT_SIZE];
	const char *field;
	size_t i, len = 0;
	json_t *part;

	out[0] = '\0';
	json_array_foreach(value, i, part) {
		if (len < SHOW_TEXT_SIZE - 1)
			len += (size_t)snprintf(out + len, SHOW_TEXT_SIZE - len, "%s%s", i > 0 ? ", " : "",
						show_value(name, part, text));
	}
	json_object_foreach(value, field, part) {
		if (len < SHOW_TEXT_SIZE - 1)
			len += (size_t)snprintf(out + len, SHOW_TEXT_SIZE - len, "%s%s=%s", len > 0 ? " " : "",
						field, show_value(field, part, text));
	}
	return out;
}

const char *show_value(const char *name, json_t *value, char *out)
{
	out[0] = '\0';
	switch (json_typeof(value)) {
	case JSON_STRING:
		return text_printable(json_string_value(value), out, SHOW_TEXT_SIZE);
	case JSON_INTEGER:
		return show_number(name, json_integer_value(value), out);
	case JSON_REAL:
		return show_real(name, json_real_value(value), out);
	case JSON_TRUE:
		return "yes";
	case JSON_FALSE:
		return "no";
	case JSON_NULL:
		return "-";
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return show_compound(name, value, out);
}

/* "rtt_us" becomes "rtt", "node_id" becomes "Node-ID": what is shown carries its unit with it. Returns out
 * (room for HEADING_SIZE). */
static const char *label_of(const char *name, char *out)
{
	size_t unit = unit_of(name);
	size_t len = strlen(name);

	if (unit < UNIT_COUNT && units[unit].suffix[0] == '_')
		len -= strlen(units[unit].suffix);
	else if (unit < UNIT_COUNT)
		len -= 3;
	if (len >= HEADING_SIZE)
		len = HEADING_SIZE - 1;
	for (size_t i = 0; i < len; i++)
		out[i] = name[i] == '_' ? ' ' : name[i];
	out[len] = '\0';
	for (char *id = out; (id = strstr(id, "node id")) != NULL; id++)
		memcpy(id, "Node-ID", 7);
	for (char *id = out; (id = strstr(id, "resource id")) != NULL; id++)
		memcpy(id, "Resource-ID", 11);
	return out;
}

/* The label in capitals. */
static const char *heading_of(const char *name, char *out)
{
	label_of(name, out);
	for (char *c = out; *c != '\0'; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	return out;
}

/* The fields met in the items, in the order met. */
static size_t columns_of(json_t *items, const char *names[COLUMNS_MAX])
{
	size_t count = 0, i, known;
	const char *name;
	json_t *item, *value;

	json_array_foreach(items, i, item) {
		json_object_foreach(item, name, value) {
			for (known = 0; known < count && strcmp(names[known], name) != 0; known++)
				;
			if (known == count && count < COLUMNS_MAX)
				names[count++] = name;
		}
	}
	return count;
}

static bool column_is_numeric(json_t *items, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach(items, i, item) {
		json_t *value = json_object_get(item, name);

		if (value != NULL && !json_is_number(value) && !json_is_null(value))
			return false;
	}
	return true;
}

void show_items(const struct terminal *t, json_t *items)
{
	const char *names[COLUMNS_MAX];
	char headings[COLUMNS_MAX][HEADING_SIZE];
	size_t count = columns_of(items, names), i;
	struct table *table = table_new();
	char text[SHOW_TEXT_SIZE];
	json_t *item;

	for (size_t c = 0; c < count; c++)
		table_column(table, heading_of(names[c], headings[c]),
			     column_is_numeric(items, names[c]) ? TABLE_RIGHT : TABLE_LEFT);
	json_array_foreach(items, i, item) {
		table_row(table, STYLE_PLAIN);
		for (size_t c = 0; c < count; c++) {
			json_t *value = json_object_get(item, names[c]);

			table_cell(table, value == NULL ? NULL : show_value(names[c], value, text));
		}
	}
	if (count > 0)
		table_print(table, t);
	table_free(table);
}

static void show_fields(const struct terminal *t, json_t *object, const char *prefix, size_t width)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value) {
		bool nested = json_object_size(value) > 0 && strlen(prefix) < HEADING_SIZE;
		char label[128], own[HEADING_SIZE], text[SHOW_TEXT_SIZE];

		snprintf(label, sizeof(label), "%s%s%s", prefix, label_of(name, own), nested ? "." : "");
		if (nested) {
			show_fields(t, value, label, width);
			continue;
		}
		if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
			fprintf(t->out, "%s%s:%s\n", terminal_begin(t, STYLE_BOLD), label, terminal_end(t));
			show_items(t, value);
			continue;
		}
		fprintf(t->out, "%s%-*s%s  %s\n", terminal_begin(t, STYLE_BOLD), (int)width, label,
			terminal_end(t), show_value(name, value, text));
	}
}

static size_t width_of_fields(json_t *object, size_t prefix)
{
	size_t width = 0;
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value) {
		size_t own = prefix + strlen(name);

		if (json_is_object(value))
			own = width_of_fields(value, own + 1);
		if (own > width)
			width = own;
	}
	return width > 40 ? 40 : width;
}

void show_object(const struct terminal *t, json_t *object)
{
	show_fields(t, object, "", width_of_fields(object, 0));
}

static bool keep_item(void *ctx, json_t *item)
{
	return json_array_append(ctx, item) == 0;
}

int show_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments)
{
	json_t *items = json_array();
	json_t *result;
	int exit = ctl_request(ctl, command->name, arguments, keep_item, items, &result);

	if (exit == CTL_DONE && !ctl->json) {
		show_items(&ctl->out, items);
		if (json_array_size(items) > 0 && json_object_size(result) > 0)
			putchar('\n');
		show_object(&ctl->out, result);
		if (json_array_size(items) == 0 && json_object_size(result) == 0)
			puts("none");
	}
	json_decref(result);
	json_decref(items);
	return exit;
}

int show_counters_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments)
{
	bool all = json_is_true(json_object_get(arguments, "all"));
	struct table *t = table_new();
	const char *name;
	json_t *result, *value;
	int exit = ctl_request(ctl, command->name, NULL, NULL, NULL, &result);

	table_column(t, "COUNTER", TABLE_LEFT);
	table_column(t, "COUNT", TABLE_RIGHT);
	json_object_foreach(result, name, value) {
		if (!json_is_integer(value) || (json_integer_value(value) == 0 && !all))
			continue;
		table_row(t, STYLE_PLAIN);
		table_cell(t, name);
		table_cellf(t, "%lld", (long long)json_integer_value(value));
	}
	if (exit == CTL_DONE && !ctl->json)
		table_print(t, &ctl->out);
	table_free(t);
	json_decref(result);
	return exit;
}

static enum terminal_style style_of_level(const char *level)
{
	if (level == NULL)
		return STYLE_PLAIN;
	return strcmp(level, "error") == 0 ? STYLE_BAD : strcmp(level, "warning") == 0 ? STYLE_WARN :
	       strcmp(level, "debug") == 0 ? STYLE_DIM : STYLE_PLAIN;
}

static bool show_log_item(void *ctx, json_t *item)
{
	const struct ctl *ctl = ctx;
	const char *line = json_string_value(json_object_get(item, "line"));
	const char *level = json_string_value(json_object_get(item, "level"));
	char text[SHOW_TEXT_SIZE];

	if (ctl->json)
		return true;
	if (line != NULL)
		text_printable(line, text, sizeof(text));
	else
		show_value("line", item, text);
	printf("%s%s%s\n", terminal_begin(&ctl->out, style_of_level(level)), text, terminal_end(&ctl->out));
	return fflush(stdout) == 0;
}

int show_log_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments)
{
	json_t *result;
	int exit = ctl_request(ctl, command->name, arguments, show_log_item, ctl, &result);

	json_decref(result);
	return exit;
}
