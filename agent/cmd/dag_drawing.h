/* dag_drawing.h: draws which step comes after which, in plain characters, for a terminal.
 *
 *	*     extract
 *	+--+
 *	*  |  render
 *	|  *  notify
 *	+--+
 *	*     clean-up
 */
#ifndef AGENT_CMD_DAG_DRAWING_H
#define AGENT_CMD_DAG_DRAWING_H

#include "reconcile/base/arena.h"

enum { GRAPH_LANES = 20, GRAPH_NO_STEP = -1 };

struct graph_edge { size_t from, to; };		/* step `to` comes after step `from` */

struct graph_row {
	const char *art;	/* without spaces at its end */
	long step;		/* GRAPH_NO_STEP: only lines */
};

struct graph {
	struct graph_row *rows;	/* each step once, after those it comes after */
	size_t count, room;
};

/* Draws `steps` steps, numbered from 0.  Edges that go nowhere are passed over, and so are those
 * that would close a circle.  False if it were wider than GRAPH_LANES lines side by side: then
 * *out has the steps in their order, without art. */
bool graph_draw(struct arena *a, size_t steps, const struct graph_edge *edges, size_t edge_count,
                struct graph *out);

#endif
