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
