/* render_change.h: one change as lines: the form that fits its values. */
#ifndef RECONCILE_PLAN_RENDER_CHANGE_H
#define RECONCILE_PLAN_RENDER_CHANGE_H

#include "reconcile/plan/cron_times.h"
#include "reconcile/plan/render_line.h"
#include "reconcile/tree/node.h"

struct change_style {
	bool whole;		/* long values are not cut */
	bool no_lines;		/* the lines of the spec are not shown: the changes are those of several workflows */
	struct cron_clock clock;	/* for the next times of a cron that changed */
};

/* Adds one change of a report's document: its path, and its old and its new value. */
void render_change(struct line_writer *w, const struct node *change, const struct change_style *style);

#endif
