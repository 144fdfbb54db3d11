#include "agent/cmd/cli.h"

static int cmd_help_run(struct context *ctx)
{
	const char *path;
	size_t used;
	const struct command *command = cli_find_command(ctx->arena, ctx->root, ctx->arguments,
	                                                 ctx->argument_count, &used, &path);
	struct err err;

	if (used < ctx->argument_count) {
		const char *word = ctx->arguments[used];
		const char *suggested = command->commands ? cli_suggest_command(ctx->arena, command, path, word) : NULL;
		if (!command->commands)
			err_usage(&err, "no help on \"%s %s\"; did you mean \"flowsync help %s\"?", path, word, path);
		else if (suggested)
			err_usage(&err, "no help on \"%s\"; did you mean \"flowsync help %s\"?", word, suggested);
		else
			err_usage(&err, "no help on \"%s\"; flowsync help%s%s lists all commands", word, *path ? " " : "",
			          path);
		return cli_fail(ctx, &err);
	}
	cli_help(command, path, ctx->out);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.arguments = "[COMMAND]",
	.summary = "show what a command does and its options",
	.help = "Shows what a command does and which options it takes; without COMMAND, lists all\n"
	        "commands.",
	.most = 2,
	.bare = true,
	.run = cmd_help_run,
};
