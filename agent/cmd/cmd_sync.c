#include "agent/sync/cycle_run.h"

static int cmd_sync_run(struct context *ctx)
{
	return cycle_run(ctx, true);
}

static void cmd_sync_report_usage_error(struct context *ctx, const struct diagnostics *faults)
{
	cycle_run_report_usage_error(ctx, faults, true);
}

const struct command cmd_sync = {
	.name = "sync",
	.arguments = "[DIR]",
	.summary = "change the service to match the files",
	.help = "Compares the specs below DIR, or in a git repository, with the workflows of the service,\n"
	        "creates and updates workflows until both agree, and reads each of them again to verify it.\n"
	        "Workflows that are not declared are left alone; with --prune those of our own owner are\n"
	        "deleted.  flowsync plan shows what a sync would do.  With --plan only the steps of a plan that\n"
	        "plan --out saved are applied, and those that are no longer as the plan says are named and\n"
	        "skipped (exit 5); give the options of that plan again.  The report is stored in the state\n"
	        "directory: flowsync report shows it again.",
	.least = 0,
	.most = 1,
	.options = FOR_SYNC | FOR_SAVED_PLAN | FOR_CYCLE | FOR_REPORTED | FOR_SPECS | FOR_ANNOTATIONS | FOR_RENDERING,
	.stops = true,
	.run = cmd_sync_run,
	.refused = cmd_sync_report_usage_error,
};
