#include "agent/cmd/dag_drawing.h"

#include <stdlib.h>
#include <string.h>

#include "reconcile/base/buf.h"

enum { FREE = -1 };

struct drawing {
	struct arena *arena;
	size_t steps;
	struct dag_edge *edges;	/* sorted, no two alike */
	size_t edge_count;
	size_t *first;		/* of each step: its first edge; one more at the end */
	size_t *waits_for;	/* of each step: how many of its parents are not drawn yet */
	bool *drawn;
	size_t low;		/* all steps below it are drawn */
	/* Each line that leads down has a lane; lines to the same step share one. */
	long lanes[DAG_DRAWING_LANES];	/* the step that it leads to, or FREE */
	size_t width;		/* lanes that are or were in use */
	bool too_wide;
	struct dag_drawing *out;
};

static int dag_drawing_compare_edges(const void *a, const void *b)
{
	const struct dag_edge *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

static void dag_drawing_copy_edges(struct drawing *d, const struct dag_edge *edges, size_t count)
{
	d->edges = arena_new(d->arena, struct dag_edge, count + 1);
	for (size_t i = 0; i < count; i++)
		if (edges[i].from < d->steps && edges[i].to < d->steps && edges[i].from != edges[i].to)
			d->edges[d->edge_count++] = edges[i];
	qsort(d->edges, d->edge_count, sizeof *d->edges, dag_drawing_compare_edges);
	size_t kept = 0;
	for (size_t i = 0; i < d->edge_count; i++)
		if (!kept || dag_drawing_compare_edges(&d->edges[kept - 1], &d->edges[i]) != 0)
			d->edges[kept++] = d->edges[i];
	d->edge_count = kept;
	for (size_t i = 0, step = 0; step <= d->steps; step++) {
		while (i < kept && d->edges[i].from < step)
			i++;
		d->first[step] = i;
	}
	for (size_t i = 0; i < kept; i++)
		d->waits_for[d->edges[i].to]++;
}

/* The next step to draw: one that a lane leads to, leftmost first, so that lines stay short; else one without parents;
 * in a cycle any. */
static size_t dag_drawing_next_step(struct drawing *d)
{
	for (size_t i = 0; i < d->width; i++)
		if (d->lanes[i] != FREE && d->waits_for[d->lanes[i]] == 0)
			return (size_t)d->lanes[i];
	while (d->drawn[d->low])
		d->low++;
	for (size_t i = d->low; i < d->steps; i++)
		if (!d->drawn[i] && d->waits_for[i] == 0)
			return i;
	return d->low;
}

static size_t dag_drawing_find_lane(const struct drawing *d, long step)
{
	for (size_t i = 0; i < d->width; i++)
		if (d->lanes[i] == step)
			return i;
	return DAG_DRAWING_LANES;
}

/* A lane for step; DAG_DRAWING_LANES if all are taken. */
static size_t dag_drawing_new_lane(struct drawing *d, long step)
{
	size_t i = dag_drawing_find_lane(d, FREE);

	if (i == DAG_DRAWING_LANES && d->width < DAG_DRAWING_LANES)
		i = d->width++;
	if (i < DAG_DRAWING_LANES)
		d->lanes[i] = step;
	else
		d->too_wide = true;
	return i;
}

static void dag_drawing_add_row(struct drawing *d, const char *art, long step)
{
	size_t len = strlen(art);

	while (len && art[len - 1] == ' ')
		len--;
	arena_grow(d->arena, d->out->rows, d->out->count, d->out->room);
	d->out->rows[d->out->count++] = (struct dag_row){ arena_strndup(d->arena, art, len), step };
}

/* Adds a row above a step without parents if a step right above it ends there; else they would look connected. */
static void dag_drawing_draw_gap(struct drawing *d, size_t lane)
{
	CLEANUP(buf_done) struct buf art = BUF_TEXT;
	const char *above = d->out->count ? d->out->rows[d->out->count - 1].art : "";

	if (strlen(above) <= 3 * lane || above[3 * lane] == ' ')
		return;
	for (size_t i = 0; i < d->width; i++)
		buf_addf(&art, "%c  ", i != lane && d->lanes[i] != FREE ? '|' : ' ');
	dag_drawing_add_row(d, buf_str(&art), DAG_DRAWING_NO_STEP);
}

static void dag_drawing_draw_step(struct drawing *d, size_t lane, size_t step)
{
	CLEANUP(buf_done) struct buf art = BUF_TEXT;

	for (size_t i = 0; i < d->width; i++)
		buf_addf(&art, "%c  ", i == lane ? '*' : d->lanes[i] != FREE ? '|' : ' ');
	dag_drawing_add_row(d, buf_str(&art), (long)step);
}

/* A horizontal line from lane to all joined lanes; other lanes cross it. */
static void dag_drawing_draw_lines(struct drawing *d, size_t lane, const bool *joined)
{
	CLEANUP(buf_done) struct buf art = BUF_TEXT;
	size_t left = lane, right = lane;

	for (size_t i = 0; i < d->width; i++) {
		left = joined[i] && i < left ? i : left;
		right = joined[i] && i > right ? i : right;
	}
	if (left == right)
		return;
	for (size_t i = 0; i < d->width; i++) {
		bool inside = i >= left && i < right, end = i == lane || joined[i];
		char line = d->lanes[i] != FREE ? '|' : i > left && i < right ? '-' : ' ';
		buf_addf(&art, "%c%s", end ? '+' : line, inside ? "--" : "  ");
	}
	dag_drawing_add_row(d, buf_str(&art), DAG_DRAWING_NO_STEP);
}

/* Gives each child of step a lane.  The first child without a lane takes over the lane of step. */
static void dag_drawing_extend_lanes(struct drawing *d, size_t lane, size_t step)
{
	bool joined[DAG_DRAWING_LANES] = { false };

	d->lanes[lane] = FREE;
	for (size_t i = d->first[step]; i < d->first[step + 1]; i++) {
		long to = (long)d->edges[i].to;
		if (d->drawn[to])
			continue;
		size_t there = dag_drawing_find_lane(d, to);
		if (there == DAG_DRAWING_LANES) {
			there = d->lanes[lane] == FREE ? lane : DAG_DRAWING_LANES;
			if (there == lane)
				d->lanes[lane] = to;
			else
				there = dag_drawing_new_lane(d, to);
		}
		if (there < DAG_DRAWING_LANES)
			joined[there] = true;
	}
	dag_drawing_draw_lines(d, lane, joined);
}

static void dag_drawing_draw_next(struct drawing *d)
{
	size_t step = dag_drawing_next_step(d), lane = dag_drawing_find_lane(d, (long)step);

	if (lane == DAG_DRAWING_LANES && (lane = dag_drawing_new_lane(d, (long)step)) < DAG_DRAWING_LANES)
		dag_drawing_draw_gap(d, lane);
	d->drawn[step] = true;
	for (size_t i = d->first[step]; i < d->first[step + 1]; i++)
		d->waits_for[d->edges[i].to]--;
	if (lane == DAG_DRAWING_LANES) {
		dag_drawing_add_row(d, "", (long)step);
		return;
	}
	dag_drawing_draw_step(d, lane, step);
	dag_drawing_extend_lanes(d, lane, step);
}

/* Removes the art, keeps the order of the steps. */
static void dag_drawing_drop_art(struct dag_drawing *g)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->count; i++)
		if (g->rows[i].step != DAG_DRAWING_NO_STEP)
			g->rows[kept++] = (struct dag_row){ "", g->rows[i].step };
	g->count = kept;
}

bool dag_drawing_make(struct arena *a, size_t steps, const struct dag_edge *edges, size_t edge_count,
                      struct dag_drawing *out)
{
	struct drawing d = {
		.arena = a, .steps = steps, .out = out,
		.first = arena_new(a, size_t, steps + 1), .waits_for = arena_new(a, size_t, steps + 1),
		.drawn = arena_new(a, bool, steps + 1),
	};

	*out = (struct dag_drawing){ 0 };
	dag_drawing_copy_edges(&d, edges, edge_count);
	for (size_t i = 0; i < steps; i++)
		dag_drawing_draw_next(&d);
	if (d.too_wide)
		dag_drawing_drop_art(out);
	return !d.too_wide;
}
