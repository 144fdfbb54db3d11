#include "agent/cmd/cli.h"
#include "reconcile/tree/node.h"

static int cmd_version_run(struct context *ctx)
{
	if (ctx->settings->output == OUTPUT_JSON) {
		struct node *document = cli_document(ctx, NULL, 0);
		node_put(ctx->arena, document, "version", node_text(ctx->arena, FLOWSYNC_VERSION));
		cli_print_document(ctx, document);
	} else {
		fprintf(ctx->out, "flowsync %s\n", FLOWSYNC_VERSION);
	}
	return 0;
}

const struct command cmd_version = {
	.name = "version",
	.summary = "print the version",
	.help = "Prints the version of flowsync.",
	.options = FOR_RESULT,
	.bare = true,
	.run = cmd_version_run,
};
