#include <string.h>

#include "agent/cmd/cli.h"
#include "agent/sync/report_messages.h"
#include "agent/sync/report_print.h"
#include "agent/state/report_store.h"
#include "agent/util/table.h"
#include "reconcile/base/printable.h"

/* ---- one report ---- */

static void cmd_report_print_heading(struct context *ctx, const struct node *report)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	const char *sync = node_get_text(report, "sync"), *id = node_get_text(report, "cycle_id");

	buf_addf(&text, "%s, %s of %s: %s, exit code %d", id ? id : "-",
	         node_get_text(report, "mode"), sync ? sync : "-", node_get_text(report, "outcome"),
	         (int)node_get_int(report, "exit_code", 0));
	CLEANUP(buf_done) struct buf plain = BUF_TEXT;
	printable_add(&plain, buf_str(&text));
	fprintf(ctx->out, "%s\n\n", buf_str(&plain));
}

static bool cmd_report_is_text(int output)
{
	return output == OUTPUT_HUMAN || output == OUTPUT_WIDE;
}

static int cmd_report_show(struct context *ctx, const char *id)
{
	const struct node *report;
	bool human = cmd_report_is_text(ctx->settings->output);
	struct err err;

	if (!report_print_set_zone(ctx->settings, &err) ||
	    !report_store_read(ctx->arena, ctx->settings->state_dir, id, &report, &err))
		return cli_fail(ctx, &err);
	if (!report_store_check(report, &err)) {
		err_wrap(&err, "report \"%s\" was written by another version of flowsync", id);
		return cli_fail(ctx, &err);
	}
	if (!report_print_files(ctx, report, &err))
		return cli_fail(ctx, &err);
	if (human)
		cmd_report_print_heading(ctx, report);
	report_print(ctx, report);
	if (human)
		report_messages_print(ctx, report);
	return 0;
}

/* ---- the list ---- */

/* A short form of each report that can be read; others are skipped with a warning. */
static struct node *cmd_report_build_list(struct context *ctx, const char **ids, size_t count)
{
	static const char *const keys[] = {
		"cycle_id", "mode", "sync", "trigger", "started", "finished", "owner", "outcome", "exit_code",
		"summary",
	};
	struct arena *a = ctx->arena;
	struct node *list = node_list(a);
	struct err err;

	for (size_t i = 0; i < count; i++) {
		CLEANUP(arena_free) struct arena whole = { 0 };
		const struct node *report;
		if (!report_store_read(&whole, ctx->settings->state_dir, ids[i], &report, &err) ||
		    !report_store_check(report, &err)) {
			log_warn(ctx->log, "report \"%s\" is skipped: %s", ids[i], err.msg);
			continue;
		}
		struct node *item = node_add(a, list, node_map(a));
		for (size_t j = 0; j < ARRAY_LEN(keys); j++)
			node_put(a, item, keys[j], node_copy(a, node_get(report, keys[j])));
	}
	return list;
}

static void cmd_report_print_table(struct context *ctx, const struct node *list)
{
	static const struct table_column columns[] = {
		{ "CYCLE" }, { "SYNC", TABLE_CUT }, { "OUTCOME" }, { "EXIT", TABLE_OPTIONAL }, { "CREATE" }, { "CHANGE" },
		{ "DELETE", TABLE_OPTIONAL }, { "FAILED" },
	};
	struct arena *a = ctx->arena;
	struct table t;

	table_init(&t, a, ARRAY_LEN(columns), columns);
	for (size_t i = 0; i < list->count; i++) {
		const struct node *item = list->entries[i].value, *sum = node_get(item, "summary");
		const char *sync = node_get_text(item, "sync"), **row = table_row(&t);
		const int64_t counts[] = {
			node_get_int(item, "exit_code", 0), node_get_int(sum, "create", 0),
			node_get_int(sum, "patch", 0) + node_get_int(sum, "replace", 0),
			node_get_int(sum, "delete", 0), node_get_int(sum, "failed", 0),
		};
		row[0] = node_get_text(item, "cycle_id");
		row[1] = sync ? sync : "-";
		row[2] = node_get_text(item, "outcome");
		for (size_t j = 0; j < ARRAY_LEN(counts); j++)
			row[3 + j] = arena_printf(a, "%lld", (long long)counts[j]);
	}
	table_print(&t, context_table_width(ctx), ctx->out);
}

static int cmd_report_list(struct context *ctx)
{
	const char **ids;
	size_t count;
	struct err err;

	if (ctx->settings->outputs.count ||
	    (ctx->settings->output != OUTPUT_JSON && !cmd_report_is_text(ctx->settings->output))) {
		err_usage(&err, "the list of reports is a table or JSON: name a report, such as latest");
		return cli_fail(ctx, &err);
	}
	if (!report_store_list(ctx->arena, ctx->settings->state_dir, &ids, &count, &err))
		return cli_fail(ctx, &err);
	struct node *list = cmd_report_build_list(ctx, ids, count);
	if (ctx->settings->output == OUTPUT_JSON) {
		struct node *document = cli_document(ctx, NULL, 0);
		node_put(ctx->arena, document, "reports", list);
		cli_print_document(ctx, document);
	} else {
		cmd_report_print_table(ctx, list);
	}
	return 0;
}

static int cmd_report_run(struct context *ctx)
{
	const char *which = ctx->argument_count ? ctx->arguments[0] : "list";
	struct err err;

	if (!ctx->settings->state_dir) {
		err_usage(&err, "reports are kept in the state directory: give --state-dir, as HOME is not set");
		return cli_fail(ctx, &err);
	}
	return strcmp(which, "list") == 0 ? cmd_report_list(ctx) : cmd_report_show(ctx, which);
}

const struct command cmd_report = {
	.name = "report",
	.arguments = "[list|latest|ID]",
	.summary = "show the reports of earlier syncs",
	.help = "Each sync stores its report in the state directory; a plan stores none.  Lists the stored\n"
	        "reports (the default), or shows one again as it was printed: the latest, or the one with ID,\n"
	        "of which the beginning is enough.\n"
	        "The last 100 reports are kept, for at most 30 days and 256 MiB; those of cycles without\n"
	        "changes are removed first.  Exits 0 whatever the outcome in the report, 1 if there is no\n"
	        "such report.",
	.least = 0,
	.most = 1,
	.options = FOR_REPORT,
	.as_state_owner = true,
	.run = cmd_report_run,
};
