/* report_print.h: prints a report to the command's output, for people or as JSON (-o json). */
#ifndef AGENT_SYNC_REPORT_PRINT_H
#define AGENT_SYNC_REPORT_PRINT_H

#include "agent/config/context.h"
#include "reconcile/plan/report.h"
#include "reconcile/tree/node.h"

void report_print(struct context *ctx, const struct node *report);

/* The same for the report of a cycle that was just run.  False with *err if it cannot be printed as a whole. */
bool report_print_run(struct context *ctx, const struct report *report, struct err *err);

#endif
