#include "agent/cmd/cli.h"
#include "agent/sync/plan_file.h"
#include "agent/sync/report_messages.h"
#include "agent/sync/report_print.h"
#include "reconcile/base/printable.h"

static void cmd_show_print_heading(struct context *ctx, const struct saved_plan *plan)
{
	CLEANUP(buf_done) struct buf plain = BUF_TEXT;
	const char *text = arena_printf(ctx->arena, "plan %.10s of %s for %s, owner %s", plan->digest, plan->created,
	                                plan->made_for.endpoint, plan->made_for.owner);

	printable_add(&plain, text);
	fprintf(ctx->out, "%s\n\n", buf_str(&plain));
}

static int cmd_show_run(struct context *ctx)
{
	bool human = ctx->settings->output == OUTPUT_HUMAN;
	struct saved_plan plan;
	struct err err;

	if (!plan_file_read(ctx->arena, ctx->arguments[0], &plan, &err))
		return cli_fail(ctx, &err);
	if (!report_print_files(ctx, plan.report, &err))
		return cli_fail(ctx, &err);
	if (human)
		cmd_show_print_heading(ctx, &plan);
	report_print(ctx, plan.report);
	if (human)
		report_messages_print(ctx, plan.report);
	return 0;
}

const struct command cmd_show = {
	.name = "show",
	.arguments = "FILE",
	.summary = "show a saved plan",
	.help = "Shows the plan in FILE, which plan --out wrote, as plan printed it.  Asks no service.  Exits 0,\n"
	        "or 64 if FILE is no saved plan, or was edited.",
	.least = 1,
	.most = 1,
	.options = FOR_RENDERING,
	.run = cmd_show_run,
};
