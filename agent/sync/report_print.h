/* report_print.h: prints a report to the command's output in the form that -o names. */
#ifndef AGENT_SYNC_REPORT_PRINT_H
#define AGENT_SYNC_REPORT_PRINT_H

#include "agent/config/context.h"
#include "reconcile/plan/render.h"
#include "reconcile/plan/report.h"
#include "reconcile/tree/node.h"

enum { REPORT_MODE = 0600 };	/* of the files that reports are written to */

/* Sets the zone in which the next times of crons are shown.  False, ERR_USAGE, if there is no such zone. */
bool report_print_set_zone(const struct settings *s, struct err *err);

/* How a report that began at `started` is rendered (not as JSON) for a file: without colours, however long its lines are. */
struct render_options report_print_file_options(const struct context *ctx, int output, const char *started);

void report_print(struct context *ctx, const struct node *report);

/* Writes the files of -o FORMAT=FILE. */
bool report_print_files(struct context *ctx, const struct node *report, struct err *err);

/* The same for the report of a cycle that was just run.  False with *err if it cannot be printed as a whole. */
bool report_print_run(struct context *ctx, const struct report *report, struct err *err);

#endif
