#include "agent/sync/cycle_run.h"
#include "agent/config/cycle_job.h"
#include "agent/util/shutdown_signals.h"

enum { JOB_MAX_BYTES = 8 << 20 };

/* Called before the configuration is read, because the job on stdin contains it. */
static bool cmd_agent_cycle_prepare(struct context *ctx, struct err *err)
{
	CLEANUP(buf_done) struct buf text = BUF(JOB_MAX_BYTES);
	struct cycle_job *job = arena_new(ctx->arena, struct cycle_job, 1);
	char bytes[4096];

	for (size_t len; (len = fread(bytes, 1, sizeof bytes, stdin)) > 0; )
		buf_add(&text, bytes, len);
	if (!cycle_job_read(ctx->arena, buf_str(&text), text.len, job, err) ||
	    !shutdown_signals_watch_hurry(&job->hurry_fd, err))
		return false;
	ctx->job = job;
	ctx->log->sync = job->sync;
	return true;
}

static int cmd_agent_cycle_run(struct context *ctx)
{
	ctx->log->times = true;
	return cycle_run(ctx, true);
}

static void cmd_agent_cycle_report_usage_error(struct context *ctx, const struct diagnostics *faults)
{
	cycle_run_report_usage_error(ctx, faults, true);
}

const struct command cmd_agent_cycle = {
	.name = "agent-cycle",
	.summary = "one cycle of one sync, as the agent asks for on stdin",
	.options = FOR_AGENT | FOR_CYCLE | FOR_REPORTED | FOR_SYNC | FOR_SPECS | FOR_RESULT,
	.hidden = true,
	.stops = true,
	.prepare = cmd_agent_cycle_prepare,
	.run = cmd_agent_cycle_run,
	.refused = cmd_agent_cycle_report_usage_error,
};
