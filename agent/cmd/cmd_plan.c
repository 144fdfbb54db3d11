#include "agent/sync/cycle_run.h"

static int cmd_plan_run(struct context *ctx)
{
	return cycle_run(ctx, false);
}

static void cmd_plan_report_usage_error(struct context *ctx, const struct diagnostics *faults)
{
	cycle_run_report_usage_error(ctx, faults, false);
}

const struct command cmd_plan = {
	.name = "plan",
	.arguments = "[DIR]",
	.summary = "show what a sync would do",
	.help = "Compares the specs below DIR, or in a git repository, with the workflows of the service, and\n"
	        "shows what a sync would do.  Writes nothing and stores no report.  Exits 0; with\n"
	        "--detailed-exitcode 2 if changes are pending.  --out saves the plan in a file: flowsync show\n"
	        "shows it again, flowsync sync --plan applies it.",
	.least = 0,
	.most = 1,
	.options = FOR_PLAN | FOR_CYCLE | FOR_REPORTED | FOR_SPECS | FOR_ANNOTATIONS | FOR_RENDERING,
	.stops = true,
	.reads = true,
	.run = cmd_plan_run,
	.refused = cmd_plan_report_usage_error,
};
