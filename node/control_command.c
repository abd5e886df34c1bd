/* SPDX-License-Identifier: MIT */
/* The commands of the control socket in one table, and the reading of one request line. */
#include <inttypes.h>
#include <stdio.h>

#include "node/control.h"
#include "node/control_call.h"

const struct control_command control_commands[] = {
	{ "status", { { 0 } }, control_status },
	{ "peers", { { 0 } }, control_peers },
	{ "fingers", { { 0 } }, control_fingers },
	{ "counters", { { 0 } }, control_counters },
	{ "config", { { 0 } }, control_config },
	{ "registrations", { { 0 } }, control_registrations },
	{ "calls", { { 0 } }, control_calls },
	{ "records", { { 0 } }, control_records },
	{ "log", { { "level", ARGUMENT_TEXT, false } }, control_log },
	{ "leave", { { 0 } }, control_leave },
	{ "shutdown", { { 0 } }, control_shutdown },
	{ "ring", { { 0 } }, control_ring },
	{ "route", { { "target", ARGUMENT_TEXT, true } }, control_route },
	{ "ping", { { "target", ARGUMENT_TEXT, true } }, control_ping },
	{ "probe", { { "target", ARGUMENT_TEXT, true } }, control_probe },
	{ "fetch",
	  { { "target", ARGUMENT_TEXT, true }, { "kind", ARGUMENT_TEXT, false } },
	  control_fetch },
	{ "stat", { { "target", ARGUMENT_TEXT, true }, { "kind", ARGUMENT_TEXT, false } }, control_stat },
	{ "find", { { "target", ARGUMENT_TEXT, true }, { "kind", ARGUMENT_TEXT, false } }, control_find },
	{ "hip", { { 0 } }, control_hip },
	{ "hip_locator", { { "target", ARGUMENT_TEXT, true } }, control_hip_locator },
	{ "hip_ping", { { "target", ARGUMENT_TEXT, true } }, control_hip_ping },
	{ "identity_known", { { 0 } }, control_identity_known },
	{ "identity_trust",
	  { { "user", ARGUMENT_TEXT, true }, { "hit", ARGUMENT_TEXT, false } },
	  control_identity_trust },
	{ "identity_forget", { { "user", ARGUMENT_TEXT, true } }, control_identity_forget },
	{ "store",
	  { { "target", ARGUMENT_TEXT, true },
	    { "kind", ARGUMENT_TEXT, false },
	    { "value", ARGUMENT_TEXT, false },
	    { "value_hex", ARGUMENT_TEXT, false },
	    { "entry", ARGUMENT_TEXT, false },
	    { "lifetime", ARGUMENT_NUMBER, false },
	    { "remove", ARGUMENT_FLAG, false } },
	  control_store },
};

const size_t control_command_count = sizeof(control_commands) / sizeof(control_commands[0]);

static const struct control_argument *argument_find(const struct control_command *command, const char *name)
{
	for (const struct control_argument *a = command->arguments; a->name != NULL; a++)
		if (strcmp(a->name, name) == 0)
			return a;
	return NULL;
}

static bool fits(const struct control_argument *a, const json_t *value)
{
	switch (a->type) {
	case ARGUMENT_TEXT:
		return json_is_string(value);
	case ARGUMENT_NUMBER:
		return json_is_integer(value) && json_integer_value(value) >= 0;
	case ARGUMENT_FLAG:
		return json_is_boolean(value);
	}
	return false;
}

static int arguments_check(const struct control_command *command, json_t *arguments, char *detail,
			   size_t detail_size)
{
	static const char *const shapes[] = { "a string", "a number from 0", "true or false" };
	const struct control_argument *a;
	const char *name;
	json_t *value;

	json_object_foreach(arguments, name, value) {
		if (strcmp(name, "command") == 0)
			continue;
		a = argument_find(command, name);
		if (a != NULL && fits(a, value))
			continue;
		if (a == NULL)
			(void)snprintf(detail, detail_size, "%s has no argument \"%.40s\"", command->name, name);
		else
			(void)snprintf(detail, detail_size, "argument \"%s\" of %s is %s", name, command->name,
				       shapes[a->type]);
		return ERR_MALFORMED;
	}
	for (a = command->arguments; a->name != NULL; a++) {
		if (!a->required || json_object_get(arguments, a->name) != NULL)
			continue;
		(void)snprintf(detail, detail_size, "%s needs the argument \"%s\"", command->name, a->name);
		return ERR_MALFORMED;
	}
	return 0;
}

static int command_find(const json_t *arguments, const struct control_command **command, char *detail,
			size_t detail_size, char *hint, size_t hint_size)
{
	const char *name = json_string_value(json_object_get(arguments, "command"));
	size_t n;

	if (name == NULL) {
		(void)snprintf(detail, detail_size, "a request is an object with a \"command\"");
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < control_command_count; i++) {
		if (strcmp(control_commands[i].name, name) == 0) {
			*command = &control_commands[i];
			return 0;
		}
	}
	(void)snprintf(detail, detail_size, "there is no command \"%.40s\"", name);
	n = (size_t)snprintf(hint, hint_size, "commands are:");
	for (size_t i = 0; i < control_command_count && n < hint_size; i++)
		n += (size_t)snprintf(hint + n, hint_size - n, " %s", control_commands[i].name);
	return ERR_NOT_FOUND;
}

int control_parse(struct slice line, const struct control_command **command, json_t **arguments, char *detail,
		  size_t detail_size, char *hint, size_t hint_size)
{
	json_error_t error;
	json_t *object;
	int err;

	(void)snprintf(hint, hint_size, "send one object a line, like {\"command\":\"status\"}");
	if (line.len > CONTROL_LINE_MAX) {
		(void)snprintf(detail, detail_size, "the line is longer than %d bytes", CONTROL_LINE_MAX);
		return ERR_MALFORMED;
	}
	object = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, &error);
	if (object == NULL) {
		(void)snprintf(detail, detail_size, "not JSON: %s at column %d", error.text, error.column);
		return ERR_MALFORMED;
	}
	err = command_find(object, command, detail, detail_size, hint, hint_size);
	if (err == 0)
		err = arguments_check(*command, object, detail, detail_size);
	if (err != 0)
		json_decref(object);
	else
		*arguments = object;
	return err;
}

const char *control_text(const struct control_call *call, const char *name)
{
	return json_string_value(json_object_get(call->arguments, name));
}

uint64_t control_number(const struct control_call *call, const char *name, uint64_t value)
{
	json_t *number = json_object_get(call->arguments, name);

	return number == NULL ? value : (uint64_t)json_integer_value(number);
}

bool control_flag(const struct control_call *call, const char *name)
{
	return json_is_true(json_object_get(call->arguments, name));
}

json_t *control_node_id(const struct node_id *id)
{
	char text[NODE_ID_TEXT_SIZE];

	return json_string(node_id_text(id, text));
}

json_t *control_resource_id(const struct resource_id *id)
{
	char text[RESOURCE_ID_TEXT_SIZE];

	return json_string(resource_id_text(id, text));
}

json_t *control_address(const struct address *a)
{
	char text[ADDRESS_TEXT_SIZE];

	return json_string(a->type == ADDRESS_NONE ? "" : address_text(a, text));
}

json_t *control_microseconds(struct duration d) { return json_integer((json_int_t)d.us); }

json_t *control_milliseconds(struct duration d) { return json_real((double)d.us / 1000.0); }
