/* render.h: a report document as text for people (design, 7).  Everything is read from
 * the document, so a stored report gives the same text as a new one. */
#ifndef RECONCILE_PLAN_RENDER_H
#define RECONCILE_PLAN_RENDER_H

#include "reconcile/base/buf.h"
#include "reconcile/tree/node.h"
#include "reconcile/plan/report.h"

/* Appends for each workflow what is (or was) done, with old and new values and the spec's line, and then one
 * line of counts.  Control characters never reach the terminal.  Warnings and
 * errors of the cycle are not included: the command shows them. */
void render_human(const struct node *report, bool colour, struct buf *out);

/* The same as for the tree of the report, with one workflow in memory at a time.  False if out takes no more, or if changes
 * cannot be read again. */
bool render_report(const struct report *report, bool colour, const struct report_output *out);

#endif
