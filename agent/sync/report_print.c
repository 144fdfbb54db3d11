#include "agent/sync/report_print.h"

#include "reconcile/tree/json.h"
#include "reconcile/plan/render.h"

static struct render_options report_print_options(const struct context *ctx)
{
	return (struct render_options){
		.colour = ctx->term.out_color, .width = context_table_width(ctx), .verbose = ctx->settings->verbose,
	};
}

void report_print(struct context *ctx, const struct node *report)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	if (ctx->settings->output == OUTPUT_JSON) {
		json_write(report, JSON_PRETTY, &text);
		buf_addc(&text, '\n');
	} else {
		const struct render_options options = report_print_options(ctx);
		render_document(report, &options, &text);
	}
	fputs(buf_str(&text), ctx->out);
}

static bool report_print_add(void *file, const char *bytes, size_t len)
{
	return fwrite(bytes, 1, len, file) == len;
}

bool report_print_run(struct context *ctx, const struct report *report, struct err *err)
{
	const struct report_output out = { report_print_add, ctx->out };
	const struct render_options options = report_print_options(ctx);
	bool ok = ctx->settings->output == OUTPUT_JSON ? report_write(report, &out)
	                                               : render_report(report, &options, &out);

	return ok || err_set(err, "the report cannot be printed: its changes cannot be read again from their temporary file");
}
