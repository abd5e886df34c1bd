/* SPDX-License-Identifier: MIT */
/* Reads, checks and prints settings by the rows of the schema. */
#include "node/settings.h"

#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "node/settings_schema.h"
#include "overlay/base/invariant.h"

#define LIST_MAX 16 /* values of any list */
_Static_assert(SETTING_ADDRESSES_MAX <= LIST_MAX && SETTING_TEXTS_MAX <= LIST_MAX &&
	       SETTING_CHOICES_MAX <= LIST_MAX, "every list fits");

/* The file being read. libconfuse's callbacks carry no context, hence the one static of this room. */
static struct {
	struct settings *settings;
	char *detail;
	size_t detail_size;
} reading;

static void *field_of(const struct settings *s, const struct setting *row)
{
	return (uint8_t *)s + row->offset;
}

static int choice_find(const struct setting *row, const char *text)
{
	for (int i = 0; row->choices[i] != NULL; i++)
		if (strcmp(row->choices[i], text) == 0)
			return i;
	return -1;
}

static int value_number(const struct setting *row, const char *text, uint32_t *out, char *why, size_t size)
{
	char *end = NULL;
	unsigned long number = 0;

	errno = 0;
	if (text[0] >= '0' && text[0] <= '9')
		number = strtoul(text, &end, 10);
	if (end == NULL || *end != '\0' || errno != 0 || number < row->min || number > row->max) {
		(void)snprintf(why, size, "\"%.40s\" is not a number from %u to %u (%s)", text, row->min,
			       row->max, row->unit);
		return ERR_CONFIG;
	}
	*out = (uint32_t)number;
	return 0;
}

static int value_choice(const struct setting *row, const char *text, int *out, char *why, size_t size)
{
	size_t n;

	*out = choice_find(row, text);
	if (*out >= 0)
		return 0;
	n = (size_t)snprintf(why, size, "\"%.40s\" is not one of:", text);
	for (int i = 0; row->choices[i] != NULL && n < size; i++)
		n += (size_t)snprintf(why + n, size - n, " %s", row->choices[i]);
	return ERR_CONFIG;
}

static int value_address(const struct setting *row, const char *text, struct address *out, char *why,
			 size_t size)
{
	*out = (struct address){ 0 };
	if (text[0] == '\0' && row->type == SETTING_ADDRESS)
		return 0;
	if (address_parse(text, row->port, out) == 0 && out->port != 0)
		return 0;
	(void)snprintf(why, size, "\"%.60s\" is not an address like 192.0.2.1:%u or [2001:db8::1]:%u", text,
		       row->port, row->port);
	return ERR_CONFIG;
}

static int value_text(const struct setting *row, const char *text, char *out, char *why, size_t size)
{
	if (strlen(text) > row->max) {
		(void)snprintf(why, size, "longer than %u bytes", row->max);
		return ERR_CONFIG;
	}
	(void)snprintf(out, SETTING_TEXT_MAX + 1, "%s", text);
	return 0;
}

static int value_boolean(const char *text, bool *out, char *why, size_t size)
{
	*out = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "on") == 0;
	if (*out || strcmp(text, "false") == 0 || strcmp(text, "no") == 0 || strcmp(text, "off") == 0)
		return 0;
	(void)snprintf(why, size, "\"%.40s\" is not true or false", text);
	return ERR_CONFIG;
}

static int list_add_address(const struct setting *row, const char *text, struct setting_addresses *list,
			    char *why, size_t size)
{
	if (list->count == SETTING_ADDRESSES_MAX) {
		(void)snprintf(why, size, "more than %d addresses", SETTING_ADDRESSES_MAX);
		return ERR_CONFIG;
	}
	return value_address(row, text, &list->items[list->count++], why, size);
}

static int list_add_choice(const struct setting *row, const char *text, struct setting_choices *list, char *why,
			   size_t size)
{
	int choice = 0, err = value_choice(row, text, &choice, why, size);

	if (err != 0)
		return err;
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i] == choice) {
			(void)snprintf(why, size, "\"%s\" stands twice", text);
			return ERR_CONFIG;
		}
	}
	list->items[list->count++] = choice;
	return 0;
}

static int list_add_text(const char *text, struct setting_texts *list, char *why, size_t size)
{
	if (list->count == SETTING_TEXTS_MAX) {
		(void)snprintf(why, size, "more than %d texts", SETTING_TEXTS_MAX);
		return ERR_CONFIG;
	}
	if (strlen(text) > SETTING_TEXT_MAX) {
		(void)snprintf(why, size, "a text is longer than %d bytes", SETTING_TEXT_MAX);
		return ERR_CONFIG;
	}
	(void)snprintf(list->items[list->count++], SETTING_TEXT_MAX + 1, "%s", text);
	return 0;
}

/* Sets one option from its texts. */
static int row_set(const struct setting *row, struct settings *s, const char *const *texts, size_t count,
		   char *why, size_t size)
{
	void *field = field_of(s, row);
	int err = 0;

	switch (row->type) {
	case SETTING_TEXT:
		return value_text(row, texts[0], field, why, size);
	case SETTING_NUMBER:
		return value_number(row, texts[0], field, why, size);
	case SETTING_BOOLEAN:
		return value_boolean(texts[0], field, why, size);
	case SETTING_CHOICE:
		return value_choice(row, texts[0], field, why, size);
	case SETTING_ADDRESS:
		return value_address(row, texts[0], field, why, size);
	case SETTING_ADDRESSES:
		((struct setting_addresses *)field)->count = 0;
		for (size_t i = 0; err == 0 && i < count; i++)
			err = list_add_address(row, texts[i], field, why, size);
		return err;
	case SETTING_CHOICES:
		((struct setting_choices *)field)->count = 0;
		for (size_t i = 0; err == 0 && i < count; i++)
			err = list_add_choice(row, texts[i], field, why, size);
		if (err == 0 && count == 0) {
			(void)snprintf(why, size, "needs at least one of its values");
			err = ERR_CONFIG;
		}
		return err;
	case SETTING_TEXTS:
		((struct setting_texts *)field)->count = 0;
		for (size_t i = 0; err == 0 && i < count; i++)
			err = list_add_text(texts[i], field, why, size);
		return err;
	}
	return ERR_INTERNAL;
}

static bool is_list(const struct setting *row)
{
	return row->type == SETTING_ADDRESSES || row->type == SETTING_CHOICES || row->type == SETTING_TEXTS;
}

void settings_init(struct settings *s)
{
	const char *texts[LIST_MAX];
	char value[200], why[200], *at, *word;

	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < settings_schema_count; i++) {
		const struct setting *row = &settings_schema[i];
		size_t count = 0;

		(void)snprintf(value, sizeof(value), "%s", row->value);
		at = value;
		if (is_list(row))
			while ((word = strsep(&at, " ")) != NULL && *word != '\0')
				texts[count++] = word;
		else
			texts[count++] = value;
		invariant(row_set(row, s, texts, count, why, sizeof(why)) == 0);
	}
}

static void on_error(cfg_t *cfg, const char *format, va_list args)
{
	int n;

	if (reading.detail_size == 0 || reading.detail[0] != '\0')
		return;
	n = snprintf(reading.detail, reading.detail_size, "%s:%d: ", cfg->filename, cfg->line);
	if (n >= 0 && (size_t)n < reading.detail_size)
		(void)vsnprintf(reading.detail + n, reading.detail_size - (size_t)n, format, args);
}

/* Called when an option's value, or its whole list, has been read: cfg->line is still its line. */
static int on_option(cfg_t *cfg, cfg_opt_t *option)
{
	const char *texts[LIST_MAX + 1];
	const struct setting *row = NULL;
	size_t count = cfg_opt_size(option);
	char why[300];

	for (size_t i = 0; row == NULL && i < settings_schema_count; i++)
		if (strcmp(settings_schema[i].name, cfg_opt_name(option)) == 0)
			row = &settings_schema[i];
	invariant(row != NULL);
	if (count > LIST_MAX)
		count = LIST_MAX + 1;
	for (size_t i = 0; i < count; i++)
		texts[i] = cfg_opt_getnstr(option, (unsigned)i);
	if (row_set(row, reading.settings, texts, count, why, sizeof(why)) == 0)
		return 0;
	cfg_error(cfg, "%s: %s", row->name, why);
	return -1;
}

static cfg_t *parser_new(cfg_opt_t *options)
{
	cfg_t *cfg;

	for (size_t i = 0; i < settings_schema_count; i++) {
		const struct setting *row = &settings_schema[i];
		cfg_opt_t scalar = CFG_STR(row->name, NULL, CFGF_NODEFAULT);
		cfg_opt_t list = CFG_STR_LIST(row->name, NULL, CFGF_NODEFAULT);

		options[i] = is_list(row) ? list : scalar;
	}
	options[settings_schema_count] = (cfg_opt_t)CFG_END();
	cfg = cfg_init(options, CFGF_NONE);
	invariant(cfg != NULL);
	cfg_set_error_function(cfg, on_error);
	for (size_t i = 0; i < settings_schema_count; i++)
		cfg_set_validate_func(cfg, settings_schema[i].name, on_option);
	return cfg;
}

/* libconfuse does not call back for an empty list. */
static int empty_lists_set(cfg_t *cfg)
{
	char why[200];

	for (size_t i = 0; i < settings_schema_count; i++) {
		const struct setting *row = &settings_schema[i];
		cfg_opt_t *option = cfg_getopt(cfg, row->name);

		if (!is_list(row) || (option->flags & CFGF_MODIFIED) == 0 || cfg_opt_size(option) > 0)
			continue;
		if (row_set(row, reading.settings, NULL, 0, why, sizeof(why)) != 0) {
			(void)snprintf(reading.detail, reading.detail_size, "%s: %s: %s", cfg->filename,
				       row->name, why);
			return CFG_PARSE_ERROR;
		}
	}
	return CFG_SUCCESS;
}

int settings_read(struct settings *s, const char *path, char *detail, size_t detail_size)
{
	cfg_opt_t *options = memory_alloc((settings_schema_count + 1) * sizeof(*options));
	cfg_t *cfg = parser_new(options);
	FILE *file = fopen(path, "re");
	int result = CFG_FILE_ERROR;

	detail[0] = '\0';
	reading.settings = s;
	reading.detail = detail;
	reading.detail_size = detail_size;
	if (file == NULL) {
		(void)snprintf(detail, detail_size, "%s: %s", path, strerror(errno));
	} else {
		cfg->filename = strdup(path);
		result = cfg_parse_fp(cfg, file);
		if (result == CFG_SUCCESS)
			result = empty_lists_set(cfg);
		(void)fclose(file);
	}
	cfg_free(cfg);
	free(options);
	reading.settings = NULL;
	if (result == CFG_PARSE_ERROR && detail[0] == '\0')
		(void)snprintf(detail, detail_size, "%s: not readable as settings", path);
	return result == CFG_SUCCESS ? 0 : result == CFG_FILE_ERROR ? ERR_IO : ERR_CONFIG;
}

static char *join_path(const char *folder, const char *name)
{
	char *path = NULL;

	invariant(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

char *settings_path(const struct settings *s, const char *name) { return join_path(s->state_folder, name); }

static char *path_or(const struct settings *s, const char *path, const char *name)
{
	char *copy;

	if (path[0] == '\0')
		return settings_path(s, name);
	copy = strdup(path);
	invariant(copy != NULL);
	return copy;
}

char *settings_configuration_path(const struct settings *s)
{
	return path_or(s, s->configuration_document, "overlay.xml");
}

char *settings_control_path(const struct settings *s) { return path_or(s, s->control_socket, "control"); }
