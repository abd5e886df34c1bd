/* SPDX-License-Identifier: MIT */
/* Draws the picture: a large ring, up to three small ones, and lanes of what happened over time. */
#include <math.h>

#include "tools/sim/svg_state.h"
#include "tools/sim/trace.h"

#define WIDTH 1400
#define HEIGHT 1150
#define STRIP_LEFT 130
#define STRIP_RIGHT 1360
#define STRIP_TOP 850
#define LANE_HEIGHT 26
#define NAMED_PEERS_MAX 80 /* of more peers the names would lie on each other */

static const char *const node_colors[SVG_NODE_COUNT] = { "#ffffff", "#f0a202", "#0f7173", "#7b4fa3" };
static const char *const node_words[SVG_NODE_COUNT] = { "not running", "joining", "joined", "standing still" };
static const char *const link_colors[SVG_LINK_COUNT] = { "#9aa5b1", "#d1603d", "#2f6690" };
static const char *const link_words[SVG_LINK_COUNT] = { "other link", "finger", "neighbor" };

/* What is drawn in which lane. */
struct lane {
	const char *name;
	const char *color;
	unsigned kinds; /* bit per action kind */
};

#define KIND(id) (1u << ACTION_##id)
static const struct lane lanes[] = {
	{ "starts", "#0f7173", KIND(START) },
	{ "crashes", "#c1292e", KIND(KILL) | KIND(SILENT_KILL) | KIND(DESTROY) },
	{ "leaves", "#2f6690", KIND(LEAVE) },
	{ "pauses, slowness", "#7b4fa3", KIND(PAUSE) | KIND(SLOW) | KIND(CLOCK) },
	{ "cuts, partitions", "#d1603d", KIND(BREAK) | KIND(CUT) | KIND(PARTITION) },
	{ "weather, disks", "#b07d00", KIND(WEATHER) | KIND(DISK_FULL) | KIND(DISK_ERROR) },
	{ "registrations", "#5b8e7d", KIND(REGISTER) | KIND(UNREGISTER) },
	{ "lookups", "#8a9a9b", KIND(LOOKUP) },
};
#define LANE_COUNT (sizeof(lanes) / sizeof(lanes[0]))

static void text_escaped(const char *text, FILE *out)
{
	for (; *text != '\0'; text++)
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '>')
			fputs("&gt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else
			fputc(*text, out);
}

struct place {
	double x, y, radius;
};

static double place_x(const struct place *c, double angle, double share)
{
	return c->x + sin(angle) * c->radius * share;
}

static double place_y(const struct place *c, double angle, double share)
{
	return c->y - cos(angle) * c->radius * share;
}

/* Bent towards the middle, the more the farther its ends are apart. */
static void chord_draw(const struct svg *s, const struct svg_chord *chord, const struct place *c, double scale,
		       FILE *out)
{
	double a = s->angles[chord->a], b = s->angles[chord->b], apart = fabs(a - b), middle = (a + b) / 2, depth;

	if (apart > M_PI) {
		apart = 2 * M_PI - apart;
		middle += M_PI;
	}
	depth = 1 - 0.95 * apart / M_PI - 0.04;
	fprintf(out, "<path d=\"M%.1f %.1fQ%.1f %.1f %.1f %.1f\" class=\"l%d%s\" stroke-width=\"%.2f\"/>\n",
		place_x(c, a, 1), place_y(c, a, 1), place_x(c, middle, depth), place_y(c, middle, depth),
		place_x(c, b, 1), place_y(c, b, 1), (int)chord->type, chord->is_young ? " y" : "",
		scale * (chord->is_young ? 1.6 : 1.0));
}

/* How far from its node a name stands: names of nodes close to each other one behind the other. */
static double name_offset(const struct svg *s, size_t node)
{
	unsigned before = 0;

	for (size_t i = 0; i < s->peers; i++) {
		double gap = s->angles[node] - s->angles[i];

		before += i != node && (gap > 0 || (gap == 0 && i < node)) && gap < 0.045;
	}
	return 14 + 26 * before;
}

static void node_draw(const struct svg *s, const struct svg_snapshot *snapshot, size_t node, const struct place *c,
		      double size, bool is_named, FILE *out)
{
	enum svg_node state = snapshot->nodes[node];
	double angle = s->angles[node];
	double name_at = 1 + (is_named ? name_offset(s, node) : 0) / c->radius;
	char name[24];

	fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\" stroke=\"%s\" stroke-width=\"%.1f\"/>\n",
		place_x(c, angle, 1), place_y(c, angle, 1), size, node_colors[state],
		s->is_hostile[node] ? "#c1292e" : state == SVG_NODE_DOWN ? "#9aa5b1" : "#ffffff",
		s->is_hostile[node] ? 2.5 : 1.2);
	if (!is_named)
		return;
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"n\" text-anchor=\"%s\"%s>%s</text>\n",
		place_x(c, angle, name_at), place_y(c, angle, name_at) + 3.5,
		fabs(sin(angle)) < 0.15 ? "middle" : sin(angle) > 0 ? "start" : "end",
		state == SVG_NODE_DOWN ? " fill=\"#9aa5b1\"" : "", trace_name(node, s->peers, name));
}

static void ring_draw(const struct svg *s, const struct svg_snapshot *snapshot, const struct place *c, bool is_large,
		      FILE *out)
{
	double size = is_large ? 6 : 3, scale = is_large ? 1 : 0.6;

	if (s->peers > 100) {
		size *= s->peers > 1000 ? 0.3 : 0.55;
		scale *= s->peers > 1000 ? 0.3 : 0.6;
	}
	fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"#ffffff\" stroke=\"#d5dbe1\"/>\n", c->x, c->y,
		c->radius);
	for (int type = 0; type < SVG_LINK_COUNT; type++)
		for (size_t i = 0; i < snapshot->chord_count; i++)
			if ((int)snapshot->chords[i].type == type)
				chord_draw(s, &snapshot->chords[i], c, scale, out);
	for (size_t i = 0; i < s->peers; i++)
		node_draw(s, snapshot, i, c, size, is_large && s->peers <= NAMED_PEERS_MAX, out);
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"c\" text-anchor=\"middle\">%s, %.1f s</text>\n", c->x,
		c->y + c->radius + (is_large ? 46 : 24), snapshot->caption, snapshot->at_s);
}

static double end_s(const struct svg *s)
{
	double end = 1;

	if (s->sample_count > 0 && s->samples[s->sample_count - 1].at_s > end)
		end = s->samples[s->sample_count - 1].at_s;
	for (size_t i = 0; i < s->snapshot_count; i++)
		if (s->snapshots[i].at_s > end)
			end = s->snapshots[i].at_s;
	return end;
}

static double strip_x(double at_s, double end)
{
	return STRIP_LEFT + (STRIP_RIGHT - STRIP_LEFT) * (at_s > end ? 1 : at_s / end);
}

/* Upright. */
static void line_draw(double x, double from, double to, const char *style, FILE *out)
{
	fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x, from, x, to, style);
}

static void axis_draw(double end, double bottom, FILE *out)
{
	static const double steps[] = { 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 18000, 36000 };
	double step = steps[0];

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && end / step > 14; i++)
		step = steps[i];
	for (double at = 0; at <= end; at += step) {
		double x = strip_x(at, end);

		line_draw(x, STRIP_TOP, bottom, "stroke=\"#e3e7eb\"", out);
		fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"a\" text-anchor=\"middle\">%.0f s</text>\n", x,
			bottom + 16, at);
	}
}

static void lane_draw(const struct svg *s, const struct lane *lane, double y, double end, FILE *out)
{
	fprintf(out, "<text x=\"%d\" y=\"%.1f\" class=\"a\" text-anchor=\"end\">%s</text>\n", STRIP_LEFT - 10, y + 17,
		lane->name);
	fprintf(out, "<g fill=\"%s\" stroke=\"%s\">\n", lane->color, lane->color);
	for (size_t i = 0; i < s->event_count; i++) {
		const struct svg_event *e = &s->events[i];
		double x = strip_x(e->at_s, end), to = strip_x(e->at_s + e->lasts_s, end);

		if ((lane->kinds >> e->kind & 1) == 0)
			continue;
		if (to - x > 3)
			fprintf(out,
				"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"12\" rx=\"2\" "
				"fill-opacity=\"0.35\" stroke-width=\"0.8\"/>\n",
				x, y + 7, to - x);
		else
			line_draw(x, y + 6, y + 20, "stroke-width=\"1.6\" stroke-opacity=\"0.75\"", out);
	}
	fputs("</g>\n", out);
}

/* How many run, as a line above how many have joined, as an area. */
static void joined_draw(const struct svg *s, double y, double height, double end, FILE *out)
{
	double peers = (double)s->peers;

	fprintf(out, "<text x=\"%d\" y=\"%.1f\" class=\"a\" text-anchor=\"end\">joined of %zu</text>\n",
		STRIP_LEFT - 10, y + height / 2 + 4, s->peers);
	if (s->sample_count == 0)
		return;
	fprintf(out, "<path fill=\"#0f7173\" fill-opacity=\"0.25\" d=\"M%.1f %.1f", strip_x(s->samples[0].at_s, end),
		y + height);
	for (size_t i = 0; i < s->sample_count; i++)
		fprintf(out, "L%.1f %.1f", strip_x(s->samples[i].at_s, end),
			y + height - height * (double)s->samples[i].joined / peers);
	fprintf(out, "L%.1f %.1fZ\"/>\n<path fill=\"none\" stroke=\"#0f7173\" d=\"",
		strip_x(s->samples[s->sample_count - 1].at_s, end), y + height);
	for (size_t i = 0; i < s->sample_count; i++)
		fprintf(out, "%s%.1f %.1f", i == 0 ? "M" : "L", strip_x(s->samples[i].at_s, end),
			y + height - height * (double)s->samples[i].running / peers);
	fputs("\"/>\n", out);
}

static void strip_draw(const struct svg *s, FILE *out)
{
	double end = end_s(s), y = STRIP_TOP, bottom;

	bottom = STRIP_TOP + 44 + (double)LANE_COUNT * LANE_HEIGHT;
	axis_draw(end, bottom, out);
	joined_draw(s, y, 40, end, out);
	y += 44;
	for (size_t i = 0; i < LANE_COUNT; i++, y += LANE_HEIGHT)
		lane_draw(s, &lanes[i], y, end, out);
	for (size_t i = 0; i + 1 < s->snapshot_count; i++) {
		double x = strip_x(s->snapshots[i].at_s, end);

		line_draw(x, STRIP_TOP - 4, bottom, "stroke=\"#1f2933\" stroke-dasharray=\"3 3\"", out);
		fprintf(out, "<text x=\"%.1f\" y=\"%d\" class=\"a\" text-anchor=\"end\">%s</text>\n", x + 3,
			STRIP_TOP - 8, s->snapshots[i].caption);
	}
	for (size_t i = 0; i < s->fault_count; i++)
		line_draw(strip_x(s->faults[i].at_s, end), STRIP_TOP, bottom, "stroke=\"#c1292e\" stroke-width=\"2\"",
			  out);
}

static void legend_text(double x, const char *text, FILE *out)
{
	fprintf(out, "<text x=\"%.0f\" y=\"816\" class=\"a\">%s</text>\n", x, text);
}

static void legend_node(double x, const char *fill, const char *stroke, const char *text, FILE *out)
{
	fprintf(out, "<circle cx=\"%.0f\" cy=\"812\" r=\"6\" fill=\"%s\" stroke=\"%s\" stroke-width=\"2\"/>\n", x, fill,
		stroke);
	legend_text(x + 12, text, out);
}

static void legend_draw(const struct svg *s, FILE *out)
{
	double x = 60;

	for (int i = 0; i < SVG_NODE_COUNT; i++, x += 130)
		legend_node(x, node_colors[i], i == SVG_NODE_DOWN ? "#9aa5b1" : node_colors[i], node_words[i], out);
	if (s->hostile_count > 0)
		legend_node(x, node_colors[SVG_NODE_JOINED], "#c1292e", "hostile", out);
	x += 110;
	for (int i = SVG_LINK_COUNT; i-- > 0; x += 130) {
		fprintf(out, "<path d=\"M%.0f 812h24\" stroke=\"%s\" stroke-width=\"3\"/>\n", x, link_colors[i]);
		legend_text(x + 30, link_words[i], out);
	}
	legend_text(x, "strong: less than 15 s old", out);
}

static void style_put(FILE *out)
{
	fputs("<style>text{font-family:'DejaVu Sans',Verdana,sans-serif;fill:#1f2933}"
	      ".t{font-size:22px;font-weight:bold}.c{font-size:15px}.n{font-size:11px}.a{font-size:12px;fill:#52606d}"
	      ".v{font-size:14px;fill:#c1292e}", out);
	for (int i = 0; i < SVG_LINK_COUNT; i++)
		fprintf(out, ".l%d{fill:none;stroke:%s;stroke-opacity:.38}.l%d.y{stroke-opacity:.95}", i,
			link_colors[i], i);
	fputs("</style>\n", out);
}

void svg_write(const struct svg *s, const char *title, FILE *out)
{
	static const struct place large = { 440, 430, 310 };

	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n",
		WIDTH, HEIGHT, WIDTH, HEIGHT);
	style_put(out);
	fprintf(out, "<rect width=\"%d\" height=\"%d\" fill=\"#f7f9fa\"/>\n", WIDTH, HEIGHT);
	fputs("<text x=\"40\" y=\"44\" class=\"t\">", out);
	text_escaped(title, out);
	fputs("</text>\n", out);
	if (s->fault_count > 0) {
		fprintf(out, "<text x=\"40\" y=\"70\" class=\"v\">%.1f s  ", s->faults[0].at_s);
		text_escaped(s->faults[0].text, out);
		fputs("</text>\n", out);
	}
	if (s->snapshot_count > 0)
		ring_draw(s, &s->snapshots[s->snapshot_count - 1], &large, true, out);
	for (size_t i = 0; i + 1 < s->snapshot_count; i++) {
		struct place small = { 1130, 190 + (double)i * 240, 95 };

		ring_draw(s, &s->snapshots[i], &small, false, out);
	}
	legend_draw(s, out);
	strip_draw(s, out);
	fputs("</svg>\n", out);
}
