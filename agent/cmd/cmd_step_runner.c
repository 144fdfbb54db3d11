#include "agent/cmd/cli.h"
#include "agent/service/service.h"

const struct command cmd_step_runner = {
	.name = "step-runner",
	.summary = "run the attempts of steps (used by flowsync itself)",
	.bare = true,
	.hidden = true,
	.run = service_step_runner_main,
};
