/* SPDX-License-Identifier: MIT */
/* Connections of the control socket. One call at a time runs on each; lines that come meanwhile wait. */
#include "node/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/control_call.h"
#include "node/driver.h"
#include "overlay/base/invariant.h"

#define OUTPUT_MAX (8 * 1024 * 1024) /* bytes waiting for a client that does not read */

struct control {
	struct node *node;
	uv_pipe_t server;
	char *path;
	struct control_connection *connections; /* list */
	size_t count;
	struct control_call *calls; /* all not yet freed */
	bool is_bound, closing;
};

struct control_connection {
	struct control *control;
	uv_pipe_t pipe;
	uint8_t *line; /* what has come and is not yet handled; owned */
	size_t len, room;
	struct control_call *call; /* running, or NULL */
	bool closing, handling;
	struct control_connection *next;
};

struct control_write {
	uv_write_t request;
	char *text; /* owned */
};

static void calls_remove(struct control_call *call)
{
	struct control_call **at = &call->node->control->calls;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
}

static void call_free(struct control_call *call)
{
	calls_remove(call);
	if (call->release != NULL)
		call->release(call);
	free(call->state);
	json_decref(call->arguments);
	free(call);
}

/* No more lines from this call. It is freed once nothing will call back. */
static void call_end(struct control_call *call)
{
	if (call->connection != NULL)
		call->connection->call = NULL;
	call->connection = NULL;
	call->ended = true;
	if (call->pending == 0)
		call_free(call);
}

static void on_connection_closed(uv_handle_t *handle)
{
	struct control_connection *c = handle->data;

	free(c->line);
	free(c);
}

static void connection_drop(struct control_connection *c)
{
	struct control_connection **at = &c->control->connections;

	if (c->closing)
		return;
	c->closing = true;
	if (c->call != NULL)
		call_end(c->call);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->control->count--;
	uv_close((uv_handle_t *)&c->pipe, on_connection_closed);
}

static void on_written(uv_write_t *request, int status)
{
	struct control_write *w = (struct control_write *)(void *)request;

	(void)status;
	free(w->text);
	free(w);
}

static void line_send(struct control_connection *c, const char *name, json_t *value)
{
	json_t *object = json_pack("{s:o}", name, value);
	struct control_write *w = memory_alloc(sizeof(*w));
	uv_buf_t buffers[2];

	w->text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
	json_decref(object);
	if (w->text == NULL || c->closing ||
	    uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe) > OUTPUT_MAX) {
		free(w->text);
		free(w);
		return;
	}
	buffers[0] = uv_buf_init(w->text, (unsigned)strlen(w->text));
	buffers[1] = uv_buf_init((char *)"\n", 1);
	if (uv_write(&w->request, (uv_stream_t *)&c->pipe, buffers, 2, on_written) != 0)
		on_written(&w->request, 0);
}

static void error_send(struct control_connection *c, int err, const char *text, const char *hint)
{
	line_send(c, "error",
		  json_pack("{s:s, s:s, s:s}", "name", error_name(err), "text", text, "hint", hint));
}

void control_item(struct control_call *call, json_t *item)
{
	if (call->connection != NULL)
		line_send(call->connection, "item", item);
	else
		json_decref(item);
}

void control_progress(struct control_call *call, json_t *progress)
{
	if (call->connection != NULL)
		line_send(call->connection, "progress", progress);
	else
		json_decref(progress);
}

static void lines_handle(struct control_connection *c);

void control_result(struct control_call *call, json_t *result)
{
	struct control_connection *c = call->connection;

	if (c != NULL)
		line_send(c, "result", result != NULL ? result : json_object());
	else
		json_decref(result);
	call_end(call);
	if (c != NULL)
		lines_handle(c);
}

void control_error(struct control_call *call, int err, const char *hint, const char *format, ...)
{
	struct control_connection *c = call->connection;
	char text[400];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (c != NULL)
		error_send(c, err, text, hint);
	call_end(call);
	if (c != NULL)
		lines_handle(c);
}

void control_overlay_error(struct control_call *call, int err, const char *what)
{
	const char *hint;

	switch (err) {
	case ERR_NO_ROUTE:
	case ERR_NOT_JOINED:
		if (call->node->peer != NULL && peer_state(call->node->peer) == PEER_JOINED)
			hint = "no node with this Node-ID is in the ring: see \"pealctl ring\"";
		else
			hint = "the node has not joined: see \"pealctl status\" and the log for what it waits for";
		break;
	case ERR_REQUEST_TIMEOUT:
		hint = "the node responsible for it may just have gone: try again in a few seconds, and look "
		       "at \"pealctl ring\"";
		break;
	case ERR_FORBIDDEN:
		hint = "a node may write only under its own user name or Node-ID, and into its own entry: "
		       "see \"pealctl status\"";
		break;
	case ERR_UNKNOWN_KIND:
		hint = "\"pealctl config\" lists the Kinds of this overlay";
		break;
	default:
		hint = "the log of the node may say more: \"pealctl log --level debug\"";
	}
	control_error(call, err, hint, "%s: %s", what, error_text(err));
}

void control_expect(struct control_call *call) { call->pending++; }

void control_unexpect(struct control_call *call)
{
	invariant(call->pending > 0);
	call->pending--;
}

bool control_arrived(struct control_call *call)
{
	invariant(call->pending > 0);
	call->pending--;
	if (!call->ended)
		return true;
	if (call->pending == 0)
		call_free(call);
	return false;
}

static void call_begin(struct control_connection *c, const struct control_command *command, json_t *arguments)
{
	struct control_call *call = memory_alloc(sizeof(*call));

	call->node = c->control->node;
	call->connection = c;
	call->command = command;
	call->arguments = arguments;
	call->next = c->control->calls;
	c->control->calls = call;
	c->call = call;
	command->run(call, node_now());
}

static void line_handle(struct control_connection *c, struct slice line)
{
	const struct control_command *command;
	json_t *arguments;
	char detail[200], hint[300];
	int err = control_parse(line, &command, &arguments, detail, sizeof(detail), hint, sizeof(hint));

	if (err != 0)
		error_send(c, err, detail, hint);
	else
		call_begin(c, command, arguments);
}

/* Handles complete lines while no call runs. A call that ends at once comes back here: `handling` keeps that
 * a loop. */
static void lines_handle(struct control_connection *c)
{
	uint8_t *end;

	if (c->handling)
		return;
	c->handling = true;
	while (!c->closing && c->call == NULL && c->len > 0 && (end = memchr(c->line, '\n', c->len)) != NULL) {
		size_t taken = (size_t)(end - c->line) + 1;
		uint8_t *line = memory_alloc(taken);

		memcpy(line, c->line, taken);
		memmove(c->line, c->line + taken, c->len - taken);
		c->len -= taken;
		line_handle(c, slice_of(line, taken - 1));
		free(line);
	}
	c->handling = false;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct node *n = handle->loop->data;

	(void)suggested;
	*buffer = uv_buf_init((char *)n->connections.read_buffer, READ_BUFFER_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct control_connection *c = stream->data;
	struct node *node = c->control->node;

	if (n < 0) {
		connection_drop(c);
	} else if (n > 0) {
		if (c->len + (size_t)n > c->room) {
			c->room = c->len + (size_t)n;
			c->line = memory_resize(c->line, c->room);
		}
		memcpy(c->line + c->len, buffer->base, (size_t)n);
		c->len += (size_t)n;
		lines_handle(c);
		if (!c->closing && c->len > 2 * CONTROL_LINE_MAX)
			connection_drop(c);
	}
	driver_drain(node);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct control *control = server->data;
	struct control_connection *c;
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(who);
	uv_os_fd_t fd;

	if (status != 0)
		return;
	c = memory_alloc(sizeof(*c));
	c->control = control;
	(void)uv_pipe_init(&control->node->loop, &c->pipe, 0);
	c->pipe.data = c;
	c->next = control->connections;
	control->connections = c;
	control->count++;
	if (uv_accept(server, (uv_stream_t *)&c->pipe) != 0 ||
	    uv_fileno((uv_handle_t *)&c->pipe, &fd) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 ||
	    (who.uid != geteuid() && who.uid != 0)) {
		connection_drop(c);
		return;
	}
	if (control->count > CONTROL_CONNECTIONS_MAX) {
		error_send(c, ERR_LIMIT, "too many control connections",
			   "end another pealctl that is still running");
		connection_drop(c);
		return;
	}
	(void)uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

/* True when a process answers there: then the socket is not ours to replace. */
static bool is_in_use(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool used;

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	used = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
	if (fd >= 0)
		(void)close(fd);
	return used;
}

int control_open(struct node *n, char *detail, size_t detail_size)
{
	struct control *control = memory_alloc(sizeof(*control));
	mode_t mask;
	int err;

	n->control = control;
	control->node = n;
	control->path = settings_control_path(&n->settings);
	(void)uv_pipe_init(&n->loop, &control->server, 0);
	control->server.data = control;
	if (strlen(control->path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		(void)snprintf(detail, detail_size, "the path %s is too long for a socket; set control-socket",
			       control->path);
		return ERR_CONFIG;
	}
	if (is_in_use(control->path)) {
		(void)snprintf(detail, detail_size, "another peald runs with the state-folder %s",
			       n->settings.state_folder);
		return ERR_IO;
	}
	(void)unlink(control->path);
	mask = umask(0177);
	err = uv_pipe_bind(&control->server, control->path);
	(void)umask(mask);
	control->is_bound = err == 0;
	if (err == 0)
		err = uv_listen((uv_stream_t *)&control->server, CONTROL_CONNECTIONS_MAX, on_connection);
	if (err == 0)
		return 0;
	(void)snprintf(detail, detail_size, "cannot make the control socket %s: %s", control->path,
		       uv_strerror(err));
	return ERR_IO;
}

void control_end_calls(struct node *n, int reason)
{
	if (n->control == NULL)
		return;
	for (struct control_connection *c = n->control->connections; c != NULL; c = c->next) {
		if (c->call == NULL)
			continue;
		if (reason != 0)
			error_send(c, reason, error_text(reason), "try again once the node has joined");
		call_end(c->call);
	}
}

void control_close(struct node *n)
{
	struct control *control = n->control;

	if (control == NULL || control->closing)
		return;
	control->closing = true;
	while (control->connections != NULL)
		connection_drop(control->connections);
	if (control->is_bound)
		(void)unlink(control->path);
	uv_close((uv_handle_t *)&control->server, NULL);
}

void control_forget_calls(struct node *n)
{
	while (n->control != NULL && n->control->calls != NULL)
		call_free(n->control->calls);
}

void control_free(struct node *n)
{
	if (n->control == NULL)
		return;
	control_forget_calls(n);
	free(n->control->path);
	free(n->control);
	n->control = NULL;
}
