/* report_print.h: prints a report to the command's output, for people or as JSON (-o json). */
#ifndef AGENT_SYNC_REPORT_PRINT_H
#define AGENT_SYNC_REPORT_PRINT_H

#include "agent/config/context.h"
#include "reconcile/tree/node.h"

void report_print(struct context *ctx, const struct node *report);

#endif
