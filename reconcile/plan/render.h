/* render.h: a report for people (design, 7).  Everything is read from its document, so a stored report gives the same
 * text as a new one. */
#ifndef RECONCILE_PLAN_RENDER_H
#define RECONCILE_PLAN_RENDER_H

#include "reconcile/base/buf.h"
#include "reconcile/tree/node.h"
#include "reconcile/plan/cron_times.h"
#include "reconcile/plan/report.h"

enum render_format {
	RENDER_TEXT,		/* for a terminal or a log */
	RENDER_MARKDOWN,	/* for a comment on a pull request, 60,000 characters at most */
	RENDER_JUNIT,		/* XML for CI systems: a test case for each workflow */
};

struct render_options {
	enum render_format format;
	bool colour;		/* of text; so are the next two */
	size_t width;		/* columns of the terminal; 0: lines are not broken */
	bool verbose;		/* nothing is put together or cut */
	struct cron_clock clock;	/* for the next times of crons that changed */
};

/* Appends for each workflow what is (or was) done, with old and new values and the spec's line, and lines that count.
 * Nothing that a value holds is obeyed by a terminal, a reader of the format or a CI system.  Text has no warnings and
 * errors of the cycle: the command shows them. */
void render_document(const struct node *report, const struct render_options *options, struct buf *out);

/* The same of a report that is no document yet, with one workflow in memory at a time.  False if out takes no more, or
 * if changes cannot be read again. */
bool render_report(const struct report *report, const struct render_options *options, const struct report_output *out);

#endif
