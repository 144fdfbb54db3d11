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
	.summary = "bring the service to what the specs say",
	.help = "Compares the specs below DIR, or in a git repository, with what the service says, creates and updates workflows\n"
	        "until both agree, and reads each of them again to see that it holds.  A workflow that\n"
	        "is not declared is left alone, unless --prune is given and it is our own.  The\n"
	        "report is kept in the state directory: flowsync report shows it again.",
	.least = 0,
	.most = 1,
	.options = FOR_SYNC | FOR_CYCLE | FOR_SPECS | FOR_RESULT,
	.stops = true,
	.run = cmd_sync_run,
	.refused = cmd_sync_report_usage_error,
};
