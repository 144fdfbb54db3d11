/* render_change.h: the changes of one workflow as lines, for every rendering. */
#ifndef RECONCILE_PLAN_RENDER_CHANGE_H
#define RECONCILE_PLAN_RENDER_CHANGE_H

#include "reconcile/plan/cron_times.h"
#include "reconcile/plan/render_line.h"
#include "reconcile/tree/node.h"

/* The sign of a change or an action: '+', '-' or '~'. */
char change_sign(const char *op);
/* The colour of a line with this sign. */
enum tint change_tint(char sign);

struct change_style {
	bool whole;		/* long values are not cut */
	bool no_lines;		/* the lines of the spec are not shown: the changes are those of several workflows */
	struct cron_clock clock;	/* for the next times of a cron that changed */
};

/* Adds the changes of a workflow of a report's document: a new or deleted one as YAML, of a changed one each path with
 * its old and its new value. */
void render_changes(struct line_writer *w, const struct node *workflow, const struct change_style *style);
/* The same, and then the note and the error. */
void render_body(struct line_writer *w, const struct node *workflow, const struct change_style *style);

#endif
