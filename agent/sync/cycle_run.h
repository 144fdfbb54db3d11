/* cycle_run.h: a plan or a sync from beginning to end: reads the source, runs one cycle, prints and stores the report. */
#ifndef AGENT_SYNC_CYCLE_RUN_H
#define AGENT_SYNC_CYCLE_RUN_H

#include "agent/config/context.h"

/* apply: a sync; else a plan.  Returns the exit code; the report is printed and written whatever it is.  For the agent
 * (the context has a job) the summary of cycle_summary.h is printed instead, as one JSON document. */
int cycle_run(struct context *ctx, bool apply);
/* Prints and writes the report of a command line with errors.  Without -o json nothing is printed: the log has the
 * errors already. */
void cycle_run_report_usage_error(struct context *ctx, const struct diagnostics *faults, bool apply);

#endif
