/* report_view.h: a report as a rendering reads it: a document, or a report whose workflows become trees one at a time. */
#ifndef RECONCILE_PLAN_REPORT_VIEW_H
#define RECONCILE_PLAN_REPORT_VIEW_H

#include "reconcile/plan/report.h"

struct report_view {
	const struct node *frame;	/* the document; without report it has its workflows, with it their actions and
					 * results only */
	const struct report *report;	/* NULL: all is in the document */
	const struct report_output *out;
	struct buf text;		/* what is not yet handed to out */
};

/* Calls each() with the workflows, in order; may be called more than once.  False if each() returned false, or if changes
 * cannot be read again. */
bool report_view_each(const struct report_view *v, bool (*each)(void *context, const struct node *workflow),
                      void *context);

/* Hands the text to out and empties it. */
bool report_view_flush(struct report_view *v);

/* True if the report is one of a plan: nothing was done. */
bool report_view_is_plan(const struct report_view *v);

/* How many workflows have these; NULL: any. */
size_t report_view_count(const struct report_view *v, const char *action, const char *result);

#endif
