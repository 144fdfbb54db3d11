#include "agent/cmd/cli.h"
#include "agent/config/config_file.h"
#include "agent/daemon/daemon.h"
#include "agent/sync/sync_check.h"

static int cmd_agent_run(struct context *ctx)
{
	struct diagnostics faults = { .arena = ctx->arena };
	struct err err;

	if (ctx->config && !context_early(ctx, "config", "FLOWSYNC_CONFIG"))
		log_info(ctx->log, "using the configuration in this directory, %s", ctx->config->path);
	if (!sync_check_all(ctx, ctx->config, &faults))
		return cli_fail_usage(ctx, &faults);
	ctx->log->times = true;
	/* Stopping on SIGTERM is success for an agent: 0, not 143. */
	return daemon_run(ctx, &err) ? 0 : cli_fail(ctx, &err);
}

const struct command cmd_agent = {
	.name = "agent",
	.summary = "sync continuously, until it is stopped",
	.help = "Runs the syncs of the configuration until it is stopped: a cycle starts when a source changes,\n"
	        "and after each interval, to repair changes made on the service.  SIGUSR1 starts a cycle now,\n"
	        "SIGHUP reloads the configuration, SIGTERM finishes the current step and stops.  Health,\n"
	        "metrics and the last reports are served over HTTP.\n\n"
	        "Without --config, --dir and --git it reads flowsync.yaml in the current directory.  With --dir\n"
	        "or --git and no configuration the options describe one sync.",
	.options = FOR_AGENT | FOR_CYCLE | FOR_REPORTED | FOR_SYNC | FOR_SPECS,
	.many = true,
	.stops = true,
	.run = cmd_agent_run,
};
