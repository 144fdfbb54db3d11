#include "agent/cmd/cli.h"

static int cmd_help_run(struct context *ctx)
{
	const char *path;
	size_t used;
	const struct command *command = cli_find_command(ctx->arena, ctx->root, ctx->arguments,
	                                                 ctx->argument_count, &used, &path);
	struct err err;

	if (used < ctx->argument_count) {
		err_usage(&err, "no help on \"%s\"; flowsync help%s%s lists what there is", ctx->arguments[used],
		          *path ? " " : "", path);
		return cli_fail(ctx, &err);
	}
	cli_help(command, path, ctx->out);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.arguments = "[COMMAND]",
	.summary = "say what a command does and takes",
	.help = "Says what a command does and which options it takes; alone, which commands\n"
	        "there are.",
	.most = 2,
	.bare = true,
	.run = cmd_help_run,
};
