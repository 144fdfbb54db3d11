#include "agent/sync/report_messages.h"

#include "agent/util/diagnostics_text.h"

static void print_report_messages(struct context *ctx, const struct node *report, const char *key, const char *word)
{
	const struct node *list = node_get(report, key);

	for (size_t i = 0; i < list->count; i++) {
		const struct node *n = list->entries[i].value;
		struct diagnostic f = {
			.message = node_get_text(n, "message"),
			.at = { node_get_text(n, "file"), (int)node_get_int(n, "line", 0),
			        (int)node_get_int(n, "column", 0) },
		};
		fprintf(ctx->out, "%s: %s\n", word, diagnostics_text_line(ctx->arena, &f));
	}
}

void report_messages_print(struct context *ctx, const struct node *report)
{
	print_report_messages(ctx, report, "errors", "error");
	print_report_messages(ctx, report, "warnings", "warning");
}
