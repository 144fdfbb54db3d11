/* cycle_run.h: plan and sync: reads the source, runs one cycle, prints and writes the report. */
#ifndef AGENT_SYNC_CYCLE_RUN_H
#define AGENT_SYNC_CYCLE_RUN_H

#include "agent/config/context.h"

/* Returns the exit code; the report is written and printed on every one. */
int cycle_run(struct context *ctx, bool apply);
/* The same for a command line that is wrong: its report, but nothing for people, who have read
 * the log. */
void cycle_run_report_usage_error(struct context *ctx, const struct diagnostics *faults, bool apply);

#endif
