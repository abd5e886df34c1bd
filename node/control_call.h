/* SPDX-License-Identifier: MIT */
/* What a command of the control socket is written on. A call gives any number of progress and item lines and
 * ends with one result or error. A call whose client went away stays until its last callback came. */
#ifndef NODE_CONTROL_CALL_H
#define NODE_CONTROL_CALL_H

#include <jansson.h>

#include "node/node.h"

struct control_connection;
struct control_call;

#define CONTROL_ARGUMENTS_MAX 8

enum control_argument_type { ARGUMENT_TEXT, ARGUMENT_NUMBER, ARGUMENT_FLAG };

struct control_argument {
	const char *name; /* NULL ends the list */
	enum control_argument_type type;
	bool required;
};

struct control_command {
	const char *name;
	struct control_argument arguments[CONTROL_ARGUMENTS_MAX];
	/* `arguments` has been checked against the table and is borrowed for the call's life. */
	void (*run)(struct control_call *call, struct now now);
};

struct control_call {
	struct node *node;
	struct control_connection *connection; /* NULL: the client is gone */
	const struct control_command *command;
	json_t *arguments;
	void *state;                                    /* the command's own; malloc'ed or NULL */
	void (*release)(struct control_call *call);     /* frees what state holds; may be NULL */
	unsigned pending;                               /* callbacks that will still come */
	bool ended;
	struct control_call *next;
};

/* A line of what has been found, or how far it is. Takes the reference. */
void control_item(struct control_call *call, json_t *item);
void control_progress(struct control_call *call, json_t *progress);

/* Ends the call. `result` may be NULL: an empty object. Takes the reference. */
void control_result(struct control_call *call, json_t *result);
/* Ends the call. The hint says what to do next. */
void control_error(struct control_call *call, int err, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The error of a request into the overlay, with the hint that belongs to it. */
void control_overlay_error(struct control_call *call, int err, const char *what);

/* Around each request with a callback: `expect` before, `arrived` first of all in the callback. False: the
 * call has ended, the callback does nothing more; the call may be freed. */
void control_expect(struct control_call *call);
void control_unexpect(struct control_call *call); /* the request was refused, no callback will come */
bool MUST_CHECK control_arrived(struct control_call *call);

/* Arguments; NULL, the default or false when not given. */
const char *control_text(const struct control_call *call, const char *name);
uint64_t control_number(const struct control_call *call, const char *name, uint64_t value);
bool control_flag(const struct control_call *call, const char *name);

/* Reads one request line: finds the command and checks the arguments. On success *arguments is a new
 * reference. ERR_MALFORMED, ERR_NOT_FOUND; `detail` says what is wrong, `hint` what to do. */
int MUST_CHECK control_parse(struct slice line, const struct control_command **command, json_t **arguments,
			     char *detail, size_t detail_size, char *hint, size_t hint_size);

/* Common JSON values. New references. */
json_t *control_node_id(const struct node_id *id);
json_t *control_resource_id(const struct resource_id *id);
json_t *control_address(const struct address *a);
json_t *control_microseconds(struct duration d);
json_t *control_milliseconds(struct duration d); /* with fraction */

/* The commands, by topic. */
extern const struct control_command control_commands[];
extern const size_t control_command_count;

void control_status(struct control_call *call, struct now now);
void control_peers(struct control_call *call, struct now now);
void control_fingers(struct control_call *call, struct now now);
void control_counters(struct control_call *call, struct now now);
void control_config(struct control_call *call, struct now now);
void control_registrations(struct control_call *call, struct now now);
void control_calls(struct control_call *call, struct now now);
void control_records(struct control_call *call, struct now now);
void control_log(struct control_call *call, struct now now);
void control_leave(struct control_call *call, struct now now);
void control_shutdown(struct control_call *call, struct now now);
void control_ping(struct control_call *call, struct now now);
void control_probe(struct control_call *call, struct now now);
void control_route(struct control_call *call, struct now now);
void control_ring(struct control_call *call, struct now now);
void control_fetch(struct control_call *call, struct now now);
void control_store(struct control_call *call, struct now now);
void control_stat(struct control_call *call, struct now now);
void control_hip(struct control_call *call, struct now now);
void control_hip_locator(struct control_call *call, struct now now);
void control_hip_ping(struct control_call *call, struct now now);
void control_identity_known(struct control_call *call, struct now now);
void control_identity_trust(struct control_call *call, struct now now);
void control_identity_forget(struct control_call *call, struct now now);
void control_find(struct control_call *call, struct now now);

#endif
