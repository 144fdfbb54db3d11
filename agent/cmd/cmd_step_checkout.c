#include "agent/cmd/cli.h"
#include "agent/service/service.h"

const struct command cmd_step_checkout = {
	.name = "step-checkout",
	.summary = "check out the repository of a step into the current folder (used by flowsync itself)",
	.bare = true,
	.hidden = true,
	.run = service_step_checkout_main,
};
