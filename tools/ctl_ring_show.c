/* SPDX-License-Identifier: MIT */
/* pealctl ring: what the walk found, as a table in ring order, a circle and findings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "tools/ctl_circle.h"
#include "tools/ctl_ring_json.h"
#include "tools/ctl_show.h"
#include "tools/ctl_socket.h"

#define CIRCLE_WIDTH_MIN 40

struct walk {
	struct ring ring;
	size_t unreadable; /* items that were no peers */
};

static bool walk_item(void *ctx, json_t *item)
{
	struct walk *w = ctx;

	if (!ring_add_json(&w->ring, item))
		w->unreadable++;
	return true;
}

/* Cells of one peer; "-" for what was not learned. */
static void peer_row(struct table *t, const struct ring_peer *p, size_t place, bool marked)
{
	char id[RING_SHORT_SIZE], text[TEXT_SPAN_SIZE];

	table_row(t, p->unreachable || marked ? STYLE_BAD : p->is_self ? STYLE_BOLD : STYLE_PLAIN);
	table_cellf(t, "%zu%s", place + 1, p->is_self ? "@" : "");
	table_cell(t, ring_short(&p->id, id));
	table_cell(t, p->user);
	table_cell(t, p->address);
	table_cell(t, p->unreachable ? "unreachable" : p->outside ? "not joined" :
		   p->has_uptime ? text_span(p->uptime_s, text) : NULL);
	table_cell(t, p->has_share ? text_share(p->share_ppb, text) : NULL);
	if (p->has_records)
		table_cellf(t, "%llu", (unsigned long long)p->records);
	else
		table_cell(t, NULL);
	table_cell(t, p->has_rtt ? text_microseconds(p->rtt_us, text) : NULL);
}

static void ring_print_table(const struct terminal *terminal, const struct ring *r, const bool *marked)
{
	struct table *t = table_new();

	table_column(t, "#", TABLE_RIGHT);
	table_column(t, "NODE-ID", TABLE_LEFT);
	table_column(t, "USER", TABLE_LEFT);
	table_column(t, "ADDRESS", TABLE_LEFT);
	table_column(t, "UPTIME", TABLE_RIGHT);
	table_column(t, "SHARE", TABLE_RIGHT);
	table_column(t, "RECORDS", TABLE_RIGHT);
	table_column(t, "RTT", TABLE_RIGHT);
	for (size_t i = 0; i < r->count; i++)
		peer_row(t, &r->peers[i], i, marked[i]);
	table_print(t, terminal);
	table_free(t);
}

static void ring_print_findings(const struct terminal *t, const struct ring_finding *findings, size_t count,
				size_t shown, size_t peers, const char *complaint)
{
	if (count == 0 && complaint == NULL) {
		printf("\n%sconsistent%s: %zu peer%s, every point of the ring has one responsible peer\n",
		       terminal_begin(t, STYLE_GOOD), terminal_end(t), peers, peers == 1 ? "" : "s");
		return;
	}
	printf("\n%snot consistent%s\n", terminal_begin(t, STYLE_BAD), terminal_end(t));
	for (size_t i = 0; i < shown; i++)
		printf("  %s%s%s: %s\n", terminal_begin(t, STYLE_WARN), ring_finding_name(findings[i].type),
		       terminal_end(t), findings[i].text);
	if (count > shown)
		printf("  and %zu more\n", count - shown);
	if (complaint != NULL)
		printf("  %s\n", complaint);
	puts("A ring that changes stabilizes within seconds: look again. If it stays so, look at the logs of "
	     "the peers named above.");
}

static void ring_print_json(const struct ring *r, const struct ring_finding *findings, size_t shown,
			    bool consistent)
{
	json_t *list = json_array();
	json_t *check;
	char id[NODE_ID_TEXT_SIZE];

	for (size_t i = 0; i < shown; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "type",
						      ring_finding_name(findings[i].type), "node_id",
						      node_id_text(&r->peers[findings[i].place].id, id),
						      "text", findings[i].text));
	check = json_pack("{s:{s:b, s:o}}", "check", "consistent", consistent, "findings", list);
	json_dumpf(check, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(check);
}

static void ring_print(struct ctl *ctl, const struct ring *r, const bool *marked, bool circle)
{
	char *drawn;

	if (circle && r->count > 0 && ctl->out.width >= CIRCLE_WIDTH_MIN) {
		drawn = circle_draw(r, marked, ctl->out.width);
		printf("%s\n", drawn);
		free(drawn);
	}
	ring_print_table(&ctl->out, r, marked);
}

/* Checks and prints what was walked. */
static int ring_report(struct ctl *ctl, struct ring *r, json_t *result, bool circle)
{
	size_t max = r->count * 3 + 1, count, shown;
	struct ring_finding *findings = memory_alloc(max * sizeof(*findings));
	bool *marked = memory_alloc((r->count + 1) * sizeof(*marked));
	const char *complaint = NULL;

	ring_sort(r);
	count = ring_check(r, findings, max);
	shown = count < max ? count : max;
	for (size_t i = 0; i < shown; i++)
		marked[findings[i].place] = true;
	/* The node may know more than the walk shows, such as that it did not close. */
	if (json_is_false(json_object_get(result, "consistent")) && count == 0)
		complaint = "peald says so: its walk did not come back to where it began";
	if (ctl->json) {
		ring_print_json(r, findings, shown, count == 0 && complaint == NULL);
	} else {
		ring_print(ctl, r, marked, circle);
		ring_print_findings(&ctl->out, findings, count, shown, r->count, complaint);
	}
	free(marked);
	free(findings);
	return count == 0 && complaint == NULL ? CTL_DONE : CTL_FAILED;
}

int show_ring_run(struct ctl *ctl, const struct ctl_command *command, json_t *arguments)
{
	bool circle = json_is_true(json_object_get(arguments, "circle")) ||
		      (ctl->out.is_terminal && !json_is_true(json_object_get(arguments, "no_circle")));
	struct walk walk = { 0 };
	json_t *result;
	int exit;

	ring_init(&walk.ring);
	exit = ctl_request(ctl, command->name, NULL, walk_item, &walk, &result);
	if (exit == CTL_DONE && walk.unreadable > 0)
		exit = ctl_fail(ctl, "MALFORMED", "Do peald and pealctl have the same version?",
				"%zu peers were described in a way that cannot be read", walk.unreadable);
	if (exit == CTL_DONE)
		exit = ring_report(ctl, &walk.ring, result, circle);
	json_decref(result);
	ring_free(&walk.ring);
	return exit;
}
