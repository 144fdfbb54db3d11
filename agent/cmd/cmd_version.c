#include "agent/cmd/cli.h"

static int cmd_version_run(struct context *ctx)
{
	fprintf(ctx->out, "flowsync %s\n", FLOWSYNC_VERSION);
	return 0;
}

const struct command cmd_version = {
	.name = "version",
	.summary = "print the version",
	.help = "Prints the version of flowsync.",
	.bare = true,
	.run = cmd_version_run,
};
