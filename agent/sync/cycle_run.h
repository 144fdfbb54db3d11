/* cycle_run.h: a plan or a sync from beginning to end: reads the source, runs one cycle, prints and stores the report. */
#ifndef AGENT_SYNC_CYCLE_RUN_H
#define AGENT_SYNC_CYCLE_RUN_H

#include "agent/config/context.h"
#include "reconcile/plan/explanation.h"
#include "reconcile/plan/report.h"
#include "reconcile/plan/spec.h"

struct file_history;
struct source;

/* What a plan found of one workflow.  Valid while it is read. */
struct cycle_findings {
	const struct spec *spec;		/* NULL: no spec declares the name */
	/* Without a spec: */
	const char *nearest;			/* the name of a spec that may be meant; NULL: none is near */
	int64_t other_id;			/* of the first workflow of that name on the service; 0: none */
	const struct plan_step *step;		/* NULL without a spec */
	const struct explanation *explanation;
	struct source *source;
	struct file_history *history;		/* NULL: the source has none */
	const char *history_error;		/* why not; NULL: it is no git repository and in no work tree */
};

/* apply: a sync; else a plan.  Returns the exit code; the report is printed and written whatever it is.  For the agent
 * (the context has a job) the summary of cycle_summary.h is printed instead, as one JSON document. */
int cycle_run(struct context *ctx, bool apply);
/* A plan of the workflow called name, for a command that explains it: nothing is printed, stored or written anywhere, and
 * every spec file is read.  Calls read() at the end of the plan, unless that failed as a whole: the service could not be
 * reached, a spec is invalid.  Errors and warnings are logged and added to *faults.  Returns the exit code. */
int cycle_run_explain(struct context *ctx, const char *name, struct diagnostics *faults,
                      void (*read)(void *context, const struct cycle_findings *findings), void *context);
/* Prints and writes the report of a command line with errors.  Without -o json nothing is printed: the log has the
 * errors already. */
void cycle_run_report_usage_error(struct context *ctx, const struct diagnostics *faults, bool apply);

#endif
