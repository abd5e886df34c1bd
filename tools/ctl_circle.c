/* SPDX-License-Identifier: MIT */
/* Draws on a grid of characters. A character is about twice as high as wide, so the circle is an ellipse
 * of the grid. */
#include "tools/ctl_circle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"

#define RADIUS_ROWS_MIN 6
#define RADIUS_ROWS_MAX 14
#define LABEL_ROOM 6 /* columns kept free on both sides for numbers */
#define STEPS 2880   /* places tried on the circle: fine enough to hit every cell of it */

struct grid {
	unsigned width;
	unsigned height;
	unsigned rows;    /* vertical radius */
	unsigned columns; /* horizontal radius */
	char *cells;
};

struct cell {
	int x;
	int y;
};

static char *grid_at(struct grid *g, struct cell c)
{
	if (c.x < 0 || c.y < 0 || (unsigned)c.x >= g->width || (unsigned)c.y >= g->height)
		return NULL;
	return &g->cells[(size_t)c.y * g->width + (size_t)c.x];
}

/* The cell of a step on the circle: 0 is the top, clockwise. */
static struct cell grid_step(const struct grid *g, unsigned step)
{
	double angle = 2 * M_PI * (double)(step % STEPS) / STEPS;

	return (struct cell){ (int)lround((double)g->width / 2 - 0.5 + sin(angle) * (double)g->columns),
			      (int)lround((double)g->height / 2 - 0.5 - cos(angle) * (double)g->rows) };
}

/* The share of the ring between zero and the Node-ID, in steps. Sixteen bits are finer than the grid. */
static unsigned step_of(const struct node_id *id)
{
	unsigned top = (unsigned)id->bytes[0] << 8 | id->bytes[1];

	return (unsigned)((unsigned long)top * STEPS / 65536);
}

/* Writes `text` from a cell on, where nothing else stands and no number touches it. */
static bool grid_write(struct grid *g, struct cell from, const char *text, int len)
{
	for (int i = -1; i <= len; i++) {
		char *c = grid_at(g, (struct cell){ from.x + i, from.y });

		if ((i >= 0 && i < len && (c == NULL || *c != ' ')) ||
		    (c != NULL && *c >= '0' && *c <= '9'))
			return false;
	}
	for (int i = 0; i < len; i++)
		*grid_at(g, (struct cell){ from.x + i, from.y }) = text[i];
	return true;
}

/* A peer's number outside its mark: beside it, or above or below where the circle lies flat. Left out
 * where there is no room. */
static void grid_label(struct grid *g, struct cell at, size_t number)
{
	char text[12];
	int len = snprintf(text, sizeof(text), "%zu", number);
	bool right = at.x >= (int)g->width / 2;
	bool upper = at.y < (int)g->height / 2;

	if (!grid_write(g, (struct cell){ right ? at.x + 2 : at.x - 1 - len, at.y }, text, len))
		(void)grid_write(g, (struct cell){ at.x - (len - 1) / 2, upper ? at.y - 1 : at.y + 1 }, text,
				 len);
}

/* Puts each peer on its place, or on the next free one clockwise so that none hides another. */
static void grid_peers(struct grid *g, const struct ring *ring, const bool *marked)
{
	struct cell *cells = memory_alloc((ring->count + 1) * sizeof(*cells));

	for (size_t i = 0; i < ring->count; i++) {
		const struct ring_peer *p = &ring->peers[i];
		unsigned start = step_of(&p->id);
		char mark = 'o';

		if (p->unreachable)
			mark = 'x';
		else if (marked != NULL && marked[i])
			mark = '!';
		else if (p->is_self)
			mark = '@';
		cells[i] = grid_step(g, start);
		for (unsigned step = 0; step < STEPS; step++) {
			struct cell c = grid_step(g, start + step);

			if (*grid_at(g, c) != '.')
				continue;
			cells[i] = c;
			break;
		}
		*grid_at(g, cells[i]) = mark;
	}
	for (size_t i = 0; i < ring->count; i++)
		grid_label(g, cells[i], i + 1);
	free(cells);
}

static void grid_legend(struct grid *g, const struct ring *ring)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%zu peer%s", ring->count, ring->count == 1 ? "" : "s");
	struct cell at = { (int)g->width / 2 - len / 2, (int)g->height / 2 };

	for (int i = 0; i < len; i++)
		*grid_at(g, (struct cell){ at.x + i, at.y }) = text[i];
}

static char *grid_text(const struct grid *g)
{
	char *out = memory_alloc((size_t)g->height * (g->width + 1) + 1);
	size_t n = 0;

	for (unsigned y = 0; y < g->height; y++) {
		size_t len = g->width;

		while (len > 0 && g->cells[(size_t)y * g->width + len - 1] == ' ')
			len--;
		memcpy(out + n, g->cells + (size_t)y * g->width, len);
		n += len;
		out[n++] = '\n';
	}
	out[n] = '\0';
	return out;
}

char *circle_draw(const struct ring *ring, const bool *marked, unsigned width)
{
	struct grid g = { 0 };
	unsigned fits = width > 2 * LABEL_ROOM ? (width - 2 * LABEL_ROOM) / 4 : 0;
	char *out;

	g.rows = RADIUS_ROWS_MIN + (unsigned)(ring->count > 256 ? 256 : ring->count) / 6;
	if (g.rows > RADIUS_ROWS_MAX)
		g.rows = RADIUS_ROWS_MAX;
	if (g.rows > fits)
		g.rows = fits;
	if (g.rows < RADIUS_ROWS_MIN)
		g.rows = RADIUS_ROWS_MIN;
	g.columns = 2 * g.rows;
	g.width = 2 * g.columns + 1 + 2 * LABEL_ROOM;
	g.height = 2 * g.rows + 3; /* a line for numbers above and below */
	g.cells = memory_alloc((size_t)g.width * g.height);
	memset(g.cells, ' ', (size_t)g.width * g.height);
	for (unsigned step = 0; step < STEPS; step++)
		*grid_at(&g, grid_step(&g, step)) = '.';
	grid_peers(&g, ring, marked);
	grid_legend(&g, ring);
	out = grid_text(&g);
	free(g.cells);
	return out;
}
