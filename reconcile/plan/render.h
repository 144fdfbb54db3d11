/* render.h: a report for people (design, 7).  Everything is read from its document, so a stored report gives the same
 * text as a new one. */
#ifndef RECONCILE_PLAN_RENDER_H
#define RECONCILE_PLAN_RENDER_H

#include "reconcile/base/buf.h"
#include "reconcile/tree/node.h"
#include "reconcile/plan/report.h"

struct render_options {
	bool colour;
	size_t width;		/* columns of the terminal; 0: lines are not broken */
	bool verbose;		/* nothing is put together or cut */
};

/* Appends for each workflow what is (or was) done, with old and new values and the spec's line, and then lines
 * that count.  Control characters never reach the terminal.  Warnings and errors of the cycle are not included: the
 * command shows them. */
void render_document(const struct node *report, const struct render_options *options, struct buf *out);

/* The same of a report that is no document yet, with one workflow in memory at a time.  False if out takes no more, or
 * if changes cannot be read again. */
bool render_report(const struct report *report, const struct render_options *options, const struct report_output *out);

#endif
