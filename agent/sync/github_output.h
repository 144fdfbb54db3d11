/* github_output.h: what GitHub's runner shows of a plan or a sync: its errors, warnings and refused values beside the lines of
 * a pull request, and the report as Markdown in the summary of the step. */
#ifndef AGENT_SYNC_GITHUB_OUTPUT_H
#define AGENT_SYNC_GITHUB_OUTPUT_H

#include "agent/config/context.h"
#include "reconcile/plan/report.h"
#include "reconcile/plan/spec.h"

/* Writes both, if annotations are wanted (context.h): annotations to stderr, the summary behind what is in the file that
 * GITHUB_STEP_SUMMARY names; without that variable there is none.  specs say where a value stands.  in_repository: files
 * are named from the top of a git repository.  A summary that cannot be written is a warning in the log. */
void github_output_write(struct context *ctx, const struct report *report, const struct specs *specs, bool in_repository);

#endif
