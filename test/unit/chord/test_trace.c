/* SPDX-License-Identifier: MIT */
/* The golden trace of a join: what three peers log, in order. */
#include <string.h>

#include "test/unit/chord/ring.h"

#define TRACE_MAX 8192

struct trace {
	char text[TRACE_MAX];
	size_t len;
};

static void trace_log(void *ctx, struct now now, size_t node, enum log_level level, const char *event,
		      const char *text)
{
	static const char *const wanted[] = { "join.", "neighbors.changed", "leave." };
	struct trace *t = ctx;

	(void)now;
	(void)level;
	(void)text;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (strncmp(event, wanted[i], strlen(wanted[i])) == 0)
			t->len += (size_t)snprintf(t->text + t->len, TRACE_MAX - t->len, "%zu %s\n",
						   node, event);
}

START_TEST(join_logs_its_steps_in_order)
{
	struct trace *trace = memory_alloc(sizeof(*trace));
	const struct net_options o = { .seed = 61,
				       .log_level = LOG_INFO,
				       .hooks.log = trace_log,
				       .ctx = trace };
	struct net *n = ring_new_with(2, &o);

	net_start(n, 0);
	net_start(n, 1);
	(void)ring_wait(n, 10);
	net_leave(n, 1);
	net_run(n, duration_s(1));
	ck_assert_str_eq(trace->text, "0 join.done\n"
				      "1 join.start\n"
				      "1 join.attached\n"
				      "1 neighbors.changed\n"
				      "0 join.admitted\n"
				      "0 neighbors.changed\n"
				      "1 join.done\n"
				      "1 leave.start\n"
				      "0 leave.received\n"
				      "0 neighbors.changed\n"
				      "1 leave.done\n");
	net_free(n);
	free(trace);
}
END_TEST

int main(void)
{
	return RUN_TESTS("chord_trace", join_logs_its_steps_in_order);
}
