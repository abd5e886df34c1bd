/* SPDX-License-Identifier: MIT */
/* Lines of a trace. */
#include "tools/sim/trace.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/hex.h"
#include "overlay/base/invariant.h"

struct trace {
	FILE *out;
	const struct world *world; /* NULL: no names yet */
	size_t peers;
	struct instant began;
};

struct trace *trace_new(FILE *out)
{
	struct trace *t = memory_alloc(sizeof(*t));

	t->out = out;
	return t;
}

void trace_free(struct trace *t) { free(t); }

void trace_set_world(struct trace *t, const struct world *w)
{
	t->world = w;
	t->peers = world_count(w);
	t->began = world_now(w).mono;
}

const char *trace_name(size_t node, size_t count, char *out)
{
	static const char *const formats[] = { "n%02zu", "n%03zu", "n%04zu", "n%06zu" };
	size_t width = count <= 100 ? 0 : count <= 1000 ? 1 : count <= 10000 ? 2 : 3;

	(void)snprintf(out, 24, formats[width], node);
	return out;
}

const char *trace_action(const struct action *a, size_t count, char *out, size_t size)
{
	char node[24], other[24];

	(void)trace_name(a->node, count, node);
	(void)trace_name((size_t)a->other, count, other);
	if (a->kind == ACTION_PARTITION || a->kind == ACTION_WEATHER)
		(void)snprintf(out, size, "%s=%lld ms=%llu", a->kind == ACTION_WEATHER ? "percent" : "mask",
			       (long long)a->amount, (unsigned long long)a->other);
	else if (a->kind == ACTION_CUT)
		(void)snprintf(out, size, "node=%s other=%s ms=%lld", node, other, (long long)a->amount);
	else if (a->kind == ACTION_BREAK || a->kind == ACTION_LOOKUP || a->kind == ACTION_ASSOCIATE)
		(void)snprintf(out, size, "node=%s other=%s", node, other);
	else if (a->kind == ACTION_REGISTER)
		(void)snprintf(out, size, "node=%s lifetime_s=%lld", node, (long long)a->amount);
	else if (a->kind == ACTION_SLOW)
		(void)snprintf(out, size, "node=%s us=%lld", node, (long long)a->amount);
	else if (a->kind == ACTION_PAUSE || a->kind == ACTION_CLOCK || a->kind == ACTION_DISK_FULL ||
		 a->kind == ACTION_DISK_ERROR)
		(void)snprintf(out, size, "node=%s ms=%lld", node, (long long)a->amount);
	else
		(void)snprintf(out, size, "node=%s", node);
	return out;
}

static size_t hex_run(const char *text)
{
	size_t len = 0;

	while (isxdigit((unsigned char)text[len]))
		len++;
	return len;
}

/* The node whose Node-ID these 32 digits are, or SIZE_MAX. */
static size_t node_of(const struct trace *t, const char *digits)
{
	struct node_id id;

	for (size_t i = 0; i < NODE_ID_LENGTH; i++)
		id.bytes[i] = (uint8_t)(hex_digit(digits[2 * i]) << 4 | hex_digit(digits[2 * i + 1]));
	return t->world == NULL ? SIZE_MAX : world_find(t->world, &id);
}

static void text_put(const struct trace *t, const char *text)
{
	char name[24];

	while (*text != '\0') {
		size_t len = hex_run(text), node;

		if (len == (size_t)2 * NODE_ID_LENGTH && (node = node_of(t, text)) != SIZE_MAX)
			fputs(trace_name(node, t->peers, name), t->out);
		else
			fwrite(text, 1, len == 0 ? 1 : len, t->out);
		text += len == 0 ? 1 : len;
	}
}

void trace_line(struct trace *t, struct now at, size_t node, enum log_level level, const char *event,
		const char *text)
{
	uint64_t us = instant_since(at.mono, t->began).us;
	char name[24];

	if (node == SIZE_MAX) {
		(void)snprintf(name, sizeof(name), "---");
	} else {
		(void)trace_name(node, t->peers, name);
	}
	fprintf(t->out, "%6llu.%06llu %s %-7s %s ", (unsigned long long)(us / 1000000),
		(unsigned long long)(us % 1000000), name, log_level_name(level), event);
	text_put(t, text);
	fputc('\n', t->out);
}
