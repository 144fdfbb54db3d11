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

enum { DAG_DRAWING_LANES = 20, DAG_DRAWING_NO_STEP = -1 };

struct dag_edge { size_t from, to; };		/* step `to` comes after step `from` */

struct dag_row {
	const char *art;	/* without spaces at its end */
	long step;		/* DAG_DRAWING_NO_STEP: only lines */
};

struct dag_drawing {
	struct dag_row *rows;	/* each step once, after those it comes after */
	size_t count, room;
};

/* Draws `steps` steps, numbered from 0.  Edges that go nowhere are passed over, and so are those
 * that would close a circle.  False if it were wider than DAG_DRAWING_LANES lines side by side: then
 * *out has the steps in their order, without art. */
bool dag_drawing_make(struct arena *a, size_t steps, const struct dag_edge *edges, size_t edge_count,
                      struct dag_drawing *out);

#endif
