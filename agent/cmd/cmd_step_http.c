#include "agent/cmd/cli.h"
#include "agent/service/service.h"

const struct command cmd_step_http = {
	.name = "step-http",
	.summary = "send the request of a step (used by flowsync itself)",
	.bare = true,
	.hidden = true,
	.run = service_step_http_main,
};
