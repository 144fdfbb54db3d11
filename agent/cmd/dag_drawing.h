/* dag_drawing.h: draws the order of steps as a graph in plain characters, for a terminal.
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

enum { DAG_DRAWING_LANES = 20, DAG_DRAWING_NO_STEP = -1 };

struct dag_edge { size_t from, to; };		/* step `to` comes after step `from` */

struct dag_row {
	const char *art;	/* the lines left of the name; no trailing spaces */
	long step;		/* DAG_DRAWING_NO_STEP: a row of lines only */
};

struct dag_drawing {
	struct dag_row *rows;	/* each step once, after its parents */
	size_t count, room;
};

/* Draws `steps` steps, numbered from 0, in a.  Edges to steps that do not exist and edges that close a cycle are
 * ignored. False if the drawing needs more than DAG_DRAWING_LANES lines side by side: *out then has the steps in order,
 * without art. */
bool dag_drawing_make(struct arena *a, size_t steps, const struct dag_edge *edges, size_t edge_count,
                      struct dag_drawing *out);

#endif
