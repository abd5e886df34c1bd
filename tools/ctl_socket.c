/* SPDX-License-Identifier: MIT */
/* Talks to peald's control socket. */
#include "tools/ctl_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == CTL_SOCKET_MAX + 1, "socket path");

/* One request under way. */
struct call {
	struct ctl *ctl;
	FILE *stream; /* owned */
	char *line;   /* owned, of getline */
	size_t room;
	bool progress_shown;
	int exit;
};

static int call_connect(struct call *c)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (c->ctl->socket_path[0] == '\0')
		return ctl_fail(c->ctl, "LIMIT", "Give a shorter path with --socket.",
				"%s/control is longer than a socket's path may be", c->ctl->folder);
	memcpy(address.sun_path, c->ctl->socket_path, sizeof(address.sun_path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		const char *hint = errno == EACCES || errno == EPERM ?
			"The socket is the node's user's alone: run pealctl as that user." :
			"Is peald running, and is this its state folder? Name it with --folder.";

		ctl_fail(c->ctl, "LINK", hint, "no peald answers at %s: %s", c->ctl->socket_path,
			 strerror(errno));
		if (fd >= 0)
			close(fd);
		return CTL_NO_NODE;
	}
	c->stream = fdopen(fd, "r+");
	if (c->stream == NULL) {
		close(fd);
		return ctl_fail(c->ctl, "INTERNAL", NULL, "%s", strerror(errno));
	}
	return CTL_DONE;
}

static int call_send(struct call *c, const char *command, json_t *arguments)
{
	json_t *request = arguments != NULL ? json_copy(arguments) : json_object();
	bool sent = request != NULL && json_object_set_new(request, "command", json_string(command)) == 0 &&
		    json_dumpf(request, c->stream, JSON_COMPACT) == 0 && fputc('\n', c->stream) == '\n' &&
		    fflush(c->stream) == 0;

	json_decref(request);
	return sent ? CTL_DONE : ctl_fail(c->ctl, "LINK", "Try again; its log may say why.",
					  "peald closed the control connection");
}

static void progress_show(struct call *c, json_t *progress)
{
	const char *name;
	json_t *value;

	if (!c->ctl->err.is_terminal || c->ctl->json)
		return;
	fputs("\r\033[K", stderr);
	json_object_foreach(progress, name, value) {
		if (json_is_string(value))
			fprintf(stderr, "%s ", json_string_value(value));
		else if (json_is_integer(value))
			fprintf(stderr, "%s %lld  ", name, (long long)json_integer_value(value));
	}
	fflush(stderr);
	c->progress_shown = true;
}

static void progress_clear(struct call *c)
{
	if (c->progress_shown)
		fputs("\r\033[K", stderr);
	c->progress_shown = false;
}

static void call_error(struct call *c, json_t *error)
{
	const char *name = json_string_value(json_object_get(error, "name"));
	const char *text = json_string_value(json_object_get(error, "text"));
	const char *hint = json_string_value(json_object_get(error, "hint"));
	char clean[512];

	c->exit = CTL_FAILED;
	if (c->ctl->json) /* printed already, as it came */
		return;
	ctl_fail(c->ctl, name != NULL ? name : "INTERNAL", hint, "%s",
		 text_printable(text != NULL ? text : "the node refused", clean, sizeof(clean)));
}

/* One line. True when the answer has ended. */
static bool call_line(struct call *c, json_t *line, ctl_item_fn *item, void *ctx, json_t **result)
{
	json_t *part = json_object_get(line, "progress");

	if (part != NULL) {
		progress_show(c, part);
		return false;
	}
	progress_clear(c);
	if (c->ctl->json)
		printf("%s", c->line);
	part = json_object_get(line, "item");
	if (part != NULL)
		return item != NULL && !item(ctx, part);
	part = json_object_get(line, "result");
	if (part != NULL) {
		*result = json_incref(part);
		return true;
	}
	part = json_object_get(line, "error");
	if (part != NULL) {
		call_error(c, part);
		return true;
	}
	return false;
}

static void call_read(struct call *c, ctl_item_fn *item, void *ctx, json_t **result)
{
	bool ended = false;

	while (!ended) {
		ssize_t len = getline(&c->line, &c->room, c->stream);
		json_t *line;

		if (len <= 0 || len > CTL_LINE_MAX) {
			progress_clear(c);
			c->exit = ctl_fail(c->ctl, "LINK", "Did it stop? Its log may say why.",
					   "peald ended the control connection before it had answered");
			return;
		}
		line = json_loadb(c->line, (size_t)len, 0, NULL);
		if (line == NULL) {
			c->exit = ctl_fail(c->ctl, "MALFORMED", "Do peald and pealctl have the same version?",
					   "peald answered something that is not JSON");
			return;
		}
		ended = call_line(c, line, item, ctx, result);
		if (c->ctl->json)
			fflush(stdout);
		json_decref(line);
	}
	progress_clear(c);
}

int ctl_request(struct ctl *ctl, const char *command, json_t *arguments, ctl_item_fn *item, void *ctx,
		json_t **result)
{
	struct call c = { .ctl = ctl };

	*result = NULL;
	c.exit = call_connect(&c);
	if (c.exit == CTL_DONE)
		c.exit = call_send(&c, command, arguments);
	if (c.exit == CTL_DONE)
		call_read(&c, item, ctx, result);
	if (c.stream != NULL)
		fclose(c.stream);
	free(c.line);
	return c.exit;
}
