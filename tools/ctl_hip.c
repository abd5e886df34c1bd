/* SPDX-License-Identifier: MIT */
/* Shows what peald says of HIP. A row has a few columns that fit a terminal; --json has everything. */
#include "tools/ctl_hip.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tools/ctl_show.h"
#include "tools/ctl_socket.h"

#define PING_INTERVAL_MS 1000
#define PINGS_MAX 100000

static bool keep_item(void *ctx, json_t *item) { return json_array_append(ctx, item) == 0; }

static const char *text_of(json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

/* A field as text by the unit in its name; NULL when it is not there or null. */
static const char *field(json_t *object, const char *name, char out[SHOW_TEXT_SIZE])
{
	json_t *value = json_object_get(object, name);

	return value == NULL || json_is_null(value) ? NULL : show_value(name, value, out);
}

static bool is_kind(json_t *item, const char *where) { return strcmp(text_of(item, "what"), where) == 0; }

/* One table of the items of a kind: columns are heading and field in turns, ended by NULL. Nothing for no items. */
static void table_of(const struct terminal *t, json_t *items, const char *where, const char *title,
		     const char *const *columns)
{
	struct table *table = table_new();
	char text[SHOW_TEXT_SIZE];
	json_t *item;
	size_t i;

	for (const char *const *c = columns; *c != NULL; c += 2)
		table_column(table, c[0], TABLE_LEFT);
	json_array_foreach(items, i, item) {
		if (where != NULL && !is_kind(item, where))
			continue;
		table_row(table, STYLE_PLAIN);
		for (const char *const *c = columns; *c != NULL; c += 2)
			table_cell(table, field(item, c[1], text));
	}
	if (table_rows(table) > 0) {
		fprintf(t->out, "\n%s%s%s\n", terminal_begin(t, STYLE_BOLD), title, terminal_end(t));
		table_print(table, t);
	}
	table_free(table);
}

static enum terminal_style style_of_state(const char *state)
{
	if (strcmp(state, "ESTABLISHED") == 0 || strcmp(state, "R2-SENT") == 0)
		return STYLE_PLAIN;
	return strcmp(state, "E-FAILED") == 0 ? STYLE_BAD : STYLE_DIM;
}

static void cell_field(struct table *table, json_t *item, const char *name)
{
	char text[SHOW_TEXT_SIZE];

	table_cell(table, field(item, name, text));
}

static void show_associations(const struct terminal *t, json_t *items)
{
	static const char *const headings[] = { "HIT", "USER", "VOUCHED", "STATE", "ESP GOES TO", "SUITE",
						"SPI IN/OUT", "PACKETS IN", "OUT", "AGE" };
	struct table *table = table_new();
	json_t *item;
	size_t i;

	for (i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		table_column(table, headings[i], i == 7 || i == 8 ? TABLE_RIGHT : TABLE_LEFT);
	json_array_foreach(items, i, item) {
		if (!is_kind(item, "association"))
			continue;
		table_row(table, style_of_state(text_of(item, "state")));
		cell_field(table, item, "hit");
		cell_field(table, item, "user");
		cell_field(table, item, "vouched");
		cell_field(table, item, "state");
		cell_field(table, item, "data");
		cell_field(table, item, "esp");
		table_cellf(table, "%s/%s", text_of(item, "spi_in"), text_of(item, "spi_out"));
		cell_field(table, item, "packets_in");
		cell_field(table, item, "packets_out");
		cell_field(table, item, "age_s");
	}
	if (table_rows(table) > 0) {
		fprintf(t->out, "\n%sassociations%s\n", terminal_begin(t, STYLE_BOLD), terminal_end(t));
		table_print(table, t);
	}
	table_free(table);
}

/* When each channel was tried, when its R1 came, who won; then the steps of the base exchange. */
static void show_races(const struct terminal *t, json_t *items)
{
	struct table *table = table_new();
	json_t *item, *channel;
	size_t i, k;

	table_column(table, "HIT", TABLE_LEFT);
	table_column(table, "CHANNEL", TABLE_LEFT);
	table_column(table, "I1 AT", TABLE_RIGHT);
	table_column(table, "R1 AT", TABLE_RIGHT);
	table_column(table, "", TABLE_LEFT);
	json_array_foreach(items, i, item) {
		json_array_foreach(json_object_get(item, "race"), k, channel) {
			bool won = json_is_true(json_object_get(channel, "won"));

			table_row(table, won ? STYLE_GOOD : STYLE_PLAIN);
			cell_field(table, item, "hit");
			cell_field(table, channel, "path");
			cell_field(table, channel, "sent_ms");
			cell_field(table, channel, "r1_ms");
			table_cell(table, won ? "won" : "-");
		}
	}
	if (table_rows(table) > 0) {
		fprintf(t->out, "\n%srace of channels%s\n", terminal_begin(t, STYLE_BOLD), terminal_end(t));
		table_print(table, t);
	}
	table_free(table);
}

void show_hip(const struct terminal *t, json_t *items, json_t *result)
{
	static const char *const exchanges[] = { "HIT", "hit", "I1", "i1_ms", "R1", "r1_ms", "I2", "i2_ms", "R2",
						 "r2_ms", "GROUP", "dh_group", "REKEYS", "rekeys", NULL };
	static const char *const registrations[] = { "HIT", "hit", "AS", "service", "AT", "path", "LEFT", "remaining_s",
						     "STORED", "stored", "CARRIED IN", "carried_in", "OUT",
						     "carried_out", NULL };
	static const char *const servers[] = { "HIT", "hit", "AS", "service", "AT", "address", "STATE", "state", "LEFT",
					       "remaining_s", "SEEN AT", "seen_at", "WHY", "why", NULL };

	if (!json_is_true(json_object_get(result, "on"))) {
		fputs("HIP is off at this node\n", t->out);
		return;
	}
	show_object(t, result);
	show_associations(t, items);
	show_races(t, items);
	table_of(t, items, "association", "base exchanges", exchanges);
	table_of(t, items, "registration", "hosts registered at this edge", registrations);
	table_of(t, items, "server", "where this node is registered", servers);
}

int show_hip_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments)
{
	json_t *items = json_array();
	json_t *result;
	int exit = ctl_request(ctl, command->name, arguments, keep_item, items, &result);

	if (exit == CTL_DONE && !ctl->json)
		show_hip(&ctl->out, items, result);
	json_decref(result);
	json_decref(items);
	return exit;
}

/* Nothing but the address, so that a script can use it. */
int show_hip_locator_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments)
{
	json_t *result;
	int exit;

	(void)command;
	exit = ctl_request(ctl, "hip_locator", arguments, NULL, NULL, &result);
	if (exit == CTL_DONE && !ctl->json)
		printf("%s\n", text_of(result, "locator"));
	json_decref(result);
	return exit;
}

/* ---- hip ping ---- */

static void show_ping(const struct terminal *t, json_t *result, unsigned number)
{
	static const char *const steps[] = { "i1_ms", "r1_ms", "i2_ms", "r2_ms" };
	static const char *const names[] = { "I1", "R1", "I2", "R2" };
	char text[SHOW_TEXT_SIZE];
	const char *path;

	if (json_object_get(result, "exchange_ms") != NULL) {
		fprintf(t->out, "base exchange in %s:", field(result, "exchange_ms", text));
		for (size_t i = 0; i < 4; i++) {
			const char *at = field(result, steps[i], text);

			if (at != NULL)
				fprintf(t->out, " %s %s", names[i], at);
		}
		fputc('\n', t->out);
	}
	fprintf(t->out, "%u: %s", number, field(result, "rtt_ms", text));
	path = field(result, "data", text);
	if (path != NULL)
		fprintf(t->out, " by %s", path);
	if (text_of(result, "user")[0] != '\0')
		fprintf(t->out, " (%s, vouched for by %s)", field(result, "user", text), text_of(result, "vouched"));
	fputc('\n', t->out);
	(void)fflush(t->out);
}

int show_hip_ping_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments)
{
	json_int_t count = json_integer_value(json_object_get(arguments, "count"));
	json_t *request = json_pack("{s:O}", "target", json_object_get(arguments, "target"));
	int exit = CTL_DONE;

	(void)command;
	if (count < 1 || count > PINGS_MAX) {
		json_decref(request);
		return ctl_fail(ctl, "MALFORMED", NULL, "--count is a number from 1 to %d", PINGS_MAX);
	}
	for (json_int_t i = 1; i <= count && exit == CTL_DONE; i++) {
		json_t *result;

		exit = ctl_request(ctl, "hip_ping", request, NULL, NULL, &result);
		if (exit == CTL_DONE && !ctl->json)
			show_ping(&ctl->out, result, (unsigned)i);
		json_decref(result);
		if (exit == CTL_DONE && i < count)
			(void)poll(NULL, 0, PING_INTERVAL_MS);
	}
	json_decref(request);
	return exit;
}

/* ---- calls ---- */

/* "hip" or "none", of a call without streams here "-". */
static void show_dialogs(const struct terminal *t, json_t *items)
{
	static const char *const headings[] = { "FROM", "TO", "STATE", "STATUS", "AGE", "MEDIA", "WITH", "VOUCHED" };
	struct table *table = table_new();
	json_t *item;
	size_t i;

	for (i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		table_column(table, headings[i], TABLE_LEFT);
	json_array_foreach(items, i, item) {
		json_t *media = json_object_get(item, "media");

		table_row(table, STYLE_PLAIN);
		cell_field(table, item, "from");
		cell_field(table, item, "to");
		cell_field(table, item, "state");
		cell_field(table, item, "status");
		cell_field(table, item, "age_s");
		cell_field(table, media, "protection");
		cell_field(table, media, "hit");
		cell_field(table, media, "vouched");
	}
	table_print(table, t);
	table_free(table);
}

static void stream_row(struct table *table, json_t *item, json_t *stream)
{
	table_row(table, STYLE_PLAIN);
	cell_field(table, item, "from");
	cell_field(table, item, "to");
	cell_field(table, stream, "kind");
	cell_field(table, stream, "phone");
	cell_field(table, stream, "port");
	cell_field(table, stream, "remote_port");
	cell_field(table, stream, "packets_in");
	cell_field(table, stream, "packets_out");
	cell_field(table, stream, "dropped");
}

void show_calls(const struct terminal *t, json_t *items)
{
	static const char *const headings[] = { "FROM", "TO", "STREAM", "PHONE", "PORT", "THEIRS", "TO PHONE",
						"FROM PHONE", "DROPPED" };
	struct table *table = table_new();
	json_t *item, *stream;
	size_t i, k;

	if (json_array_size(items) > 0)
		show_dialogs(t, items);
	for (i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
		table_column(table, headings[i], i > 3 ? TABLE_RIGHT : TABLE_LEFT);
	json_array_foreach(items, i, item) {
		json_array_foreach(json_object_get(json_object_get(item, "media"), "streams"), k, stream)
			stream_row(table, item, stream);
	}
	if (table_rows(table) > 0) {
		fprintf(t->out, "\n%sstreams protected by HIP%s\n", terminal_begin(t, STYLE_BOLD), terminal_end(t));
		table_print(table, t);
	}
	table_free(table);
}

int show_calls_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments)
{
	json_t *items = json_array();
	json_t *result;
	int exit = ctl_request(ctl, command->name, arguments, keep_item, items, &result);

	if (exit == CTL_DONE && !ctl->json) {
		show_calls(&ctl->out, items);
		if (json_array_size(items) > 0)
			putchar('\n');
		show_object(&ctl->out, result);
	}
	json_decref(result);
	json_decref(items);
	return exit;
}

/* ---- identities ---- */

int show_identity_known_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments)
{
	static const char *const uses[] = { "USER", "user", "HIT", "hit", "SINCE", "since_ms", "CHANGED TO", "changed",
					    NULL };
	static const char *const pool[] = { "USER", "user", "HIT", "hit", "VOUCHED", "vouched", "LEFT", "remaining_s",
					    NULL };
	json_t *items = json_array();
	json_t *result;
	int exit;

	(void)command;
	exit = ctl_request(ctl, "identity_known", arguments, keep_item, items, &result);
	if (exit == CTL_DONE && !ctl->json) {
		show_object(&ctl->out, result);
		table_of(&ctl->out, items, "first-use", "keys first seen", uses);
		table_of(&ctl->out, items, "pool", "known now", pool);
	}
	json_decref(result);
	json_decref(items);
	return exit;
}

int show_identity_change_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments)
{
	bool forget = strcmp(command->name, "identity forget") == 0;
	json_t *result;
	int exit = ctl_request(ctl, forget ? "identity_forget" : "identity_trust", arguments, NULL, NULL, &result);

	if (exit == CTL_DONE && !ctl->json)
		printf("%s: %s\n", text_of(result, "user"),
		       forget ? "forgotten; the next key seen is taken for theirs" : "the key is trusted from now on");
	json_decref(result);
	return exit;
}
