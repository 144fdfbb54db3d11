#include "agent/sync/report_print.h"

#include "reconcile/tree/json.h"
#include "reconcile/plan/render.h"

void report_print(struct context *ctx, const struct node *report)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	if (ctx->settings->output == OUTPUT_JSON) {
		json_write(report, JSON_PRETTY, &text);
		buf_addc(&text, '\n');
	} else {
		render_human(report, ctx->term.out_color, &text);
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
	bool ok = ctx->settings->output == OUTPUT_JSON ? report_write(report, &out)
	                                               : render_report(report, ctx->term.out_color, &out);

	return ok || err_set(err, "the report cannot be printed: its changes cannot be read again from their temporary file");
}
