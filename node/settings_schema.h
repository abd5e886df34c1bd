/* SPDX-License-Identifier: MIT */
/* One row an option: parsing, range, default, unit, printing and the manual page all come from here. */
#ifndef NODE_SETTINGS_SCHEMA_H
#define NODE_SETTINGS_SCHEMA_H

#include "node/settings.h"

enum setting_type {
	SETTING_TEXT,      /* setting_text */
	SETTING_NUMBER,    /* uint32_t */
	SETTING_BOOLEAN,   /* bool */
	SETTING_CHOICE,    /* int, an index into choices */
	SETTING_CHOICES,   /* struct setting_choices: one or several, none twice */
	SETTING_ADDRESS,   /* struct address; "" for none */
	SETTING_ADDRESSES, /* struct setting_addresses */
	SETTING_TEXTS      /* struct setting_texts */
};

struct setting {
	const char *name;
	enum setting_type type;
	size_t offset;        /* in struct settings */
	const char *value;    /* the default, as in a file; lists separated by blanks */
	uint32_t min, max;    /* numbers: range. Texts: max bytes */
	const char *unit;     /* or NULL */
	uint16_t port;        /* addresses: the port when none is given; 0: one must be given */
	const char *choices[SETTING_CHOICES_MAX + 1]; /* NULL-terminated */
	const char *help;     /* one or more sentences for the manual */
};

extern const struct setting settings_schema[];
extern const size_t settings_schema_count;

/* The value as a file holds it. */
void settings_value_text(const struct settings *s, const struct setting *row, char *out, size_t size);

#endif
