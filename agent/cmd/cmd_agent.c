#include "agent/cmd/cli.h"
#include "agent/daemon/daemon.h"
#include "agent/sync/sync_check.h"

static int cmd_agent_run(struct context *ctx)
{
	struct diagnostics faults = { .arena = ctx->arena };
	struct err err;

	if (!sync_check_all(ctx, ctx->config, &faults))
		return cli_fail_usage(ctx, &faults);
	/* Who is told to stop and does has done what was wanted: no 143. */
	return daemon_run(ctx, &err) ? 0 : cli_fail(ctx, &err);
}

const struct command cmd_agent = {
	.name = "agent",
	.summary = "keep the service as declared, day and night",
	.help = "Runs the syncs of the configuration until it is stopped: a cycle whenever a source\n"
	        "changes, and each interval to heal drift.  SIGUSR1 starts a cycle now, SIGHUP reads the\n"
	        "configuration again, SIGTERM finishes the step in flight.  Health, metrics and the\n"
	        "last reports are told over HTTP.\n\n"
	        "Without a configuration the options say what one sync is: --dir or --git, --owner and\n"
	        "so on.",
	.options = FOR_AGENT | FOR_CYCLE | FOR_SYNC | FOR_SPECS,
	.many = true,
	.stops = true,
	.run = cmd_agent_run,
};
