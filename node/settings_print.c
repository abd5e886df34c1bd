/* SPDX-License-Identifier: MIT */
/* Settings as a file that reads back the same, and as a manual page. */
#include <inttypes.h>

#include "node/settings.h"
#include "node/settings_schema.h"

/* In double quotes libconfuse expands ${NAME} and backslashes. */
static void print_quoted(FILE *out, const char *text)
{
	(void)fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			(void)fprintf(out, "\\%c", *text);
		else if (*text == '$')
			(void)fputs("\\044", out);
		else
			(void)fputc(*text, out);
	}
	(void)fputc('"', out);
}

static void print_address(FILE *out, const struct address *a)
{
	char text[ADDRESS_TEXT_SIZE];

	print_quoted(out, a->type == ADDRESS_NONE ? "" : address_text(a, text));
}

static void print_value(FILE *out, const struct settings *s, const struct setting *row)
{
	const void *field = (const uint8_t *)s + row->offset;
	const struct setting_addresses *addresses = field;
	const struct setting_choices *choices = field;
	const struct setting_texts *texts = field;

	switch (row->type) {
	case SETTING_TEXT:
		print_quoted(out, field);
		break;
	case SETTING_NUMBER:
		(void)fprintf(out, "%" PRIu32, *(const uint32_t *)field);
		break;
	case SETTING_BOOLEAN:
		(void)fputs(*(const bool *)field ? "true" : "false", out);
		break;
	case SETTING_CHOICE:
		print_quoted(out, row->choices[*(const int *)field]);
		break;
	case SETTING_ADDRESS:
		print_address(out, field);
		break;
	case SETTING_ADDRESSES:
		(void)fputc('{', out);
		for (size_t i = 0; i < addresses->count; i++) {
			(void)fputs(i == 0 ? "" : ", ", out);
			print_address(out, &addresses->items[i]);
		}
		(void)fputc('}', out);
		break;
	case SETTING_CHOICES:
		(void)fputc('{', out);
		for (size_t i = 0; i < choices->count; i++) {
			(void)fputs(i == 0 ? "" : ", ", out);
			print_quoted(out, row->choices[choices->items[i]]);
		}
		(void)fputc('}', out);
		break;
	case SETTING_TEXTS:
		(void)fputc('{', out);
		for (size_t i = 0; i < texts->count; i++) {
			(void)fputs(i == 0 ? "" : ", ", out);
			print_quoted(out, texts->items[i]);
		}
		(void)fputc('}', out);
		break;
	}
}

void settings_value_text(const struct settings *s, const struct setting *row, char *out, size_t size)
{
	FILE *text;

	memset(out, 0, size);
	text = fmemopen(out, size, "w");
	if (text == NULL)
		return;
	print_value(text, s, row);
	(void)fclose(text);
	out[size - 1] = '\0';
}

void settings_print(const struct settings *s, FILE *out)
{
	for (size_t i = 0; i < settings_schema_count; i++) {
		(void)fprintf(out, "%s = ", settings_schema[i].name);
		print_value(out, s, &settings_schema[i]);
		(void)fputc('\n', out);
	}
}

/* Hyphens of names and addresses are hyphens, and quotes do not delimit a macro's arguments. */
static void print_roff(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '-')
			(void)fputs("\\-", out);
		else if (*text == '\\')
			(void)fputs("\\e", out);
		else if (*text == '"')
			(void)fputs("\\(dq", out);
		else
			(void)fputc(*text, out);
	}
}

static void print_shape(FILE *out, const struct setting *row)
{
	static const char *const shapes[] = { "text",	 "number",  "true or false", "choice",
					      "choices", "address", "addresses",     "texts" };

	(void)fprintf(out, ".RI ( \"%s\"", shapes[row->type]);
	if (row->type == SETTING_NUMBER)
		(void)fprintf(out, " \", %" PRIu32 " to %" PRIu32 " %s\"", row->min, row->max, row->unit);
	else
		(void)fputs(" \"\"", out);
	(void)fputs(" )\n.br\n", out);
}

static void print_option(FILE *out, const struct settings *defaults, const struct setting *row)
{
	char value[300];

	settings_value_text(defaults, row, value, sizeof(value));
	(void)fputs(".TP\n.B ", out);
	print_roff(out, row->name);
	(void)fputs(" = ", out);
	print_roff(out, value);
	(void)fputc('\n', out);
	print_shape(out, row);
	print_roff(out, row->help);
	if (row->choices[0] != NULL) {
		(void)fputs("\nOne of:", out);
		for (size_t i = 0; row->choices[i] != NULL; i++)
			(void)fprintf(out, "%s %s", i == 0 ? "" : ",", row->choices[i]);
		(void)fputc('.', out);
	}
	(void)fputc('\n', out);
}

void settings_print_manual(FILE *out)
{
	struct settings defaults;

	settings_init(&defaults);
	(void)fputs(".\\\" SPDX-License-Identifier: MIT\n"
		    ".\\\" Made by peald --print-config-man from node/settings_schema.c.\n"
		    ".TH PEALD.CONF 5 \"\" \"Peal " PEAL_VERSION "\" \"Peal\"\n"
		    ".SH NAME\npeald.conf \\- settings of a Peal node\n"
		    ".SH DESCRIPTION\n"
		    "One option a line, as name = value. Texts may stand in double quotes; lists are written\n"
		    "{\"first\", \"second\"}; # begins a comment. An option that is not given has the value\n"
		    "shown here. What the whole overlay agrees on is not set here but in its signed\n"
		    "configuration document.\n"
		    ".PP\npeald \\-\\-check\\-config tells what is wrong with a file and where;\n"
		    "peald \\-\\-print\\-config prints all options with their values.\n"
		    ".SH OPTIONS\n",
		    out);
	for (size_t i = 0; i < settings_schema_count; i++)
		print_option(out, &defaults, &settings_schema[i]);
	(void)fputs(".SH SEE ALSO\n.BR peald (8),\n.BR pealctl (1)\n", out);
}
