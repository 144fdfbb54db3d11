#include "agent/cmd/cli.h"
#include "agent/service/exec/runner_process.h"

static int run(struct context *ctx)
{
	return runner_process_run();
}

const struct command cmd_step_runner = {
	.name = "step-runner",
	.summary = "run the attempts of steps: for flowsync itself",
	.bare = true,
	.hidden = true,
	.run = run,
};
