/* The `workflow` commands that only read. */
#include <string.h>

#include "agent/util/table.h"
#include "agent/cmd/workflow_session.h"
#include "reconcile/schema/fields.h"
#include "reconcile/wire/owner_tags.h"
#include "reconcile/schema/mask.h"
#include "reconcile/wire/operation_list.h"

/* ---- texts for cells ---- */

static const char *cmd_show_triggers_text(struct arena *a, const struct node *item, bool show_masked)
{
	const struct node *list = node_get(item, "triggers");
	const char *text = "";

	for (size_t i = 0; list && i < list->count; i++) {
		const char *cron = node_get_text(list->entries[i].value, "cron");
		const char *id = show_masked ? node_get_text(list->entries[i].value, "webhook") : NULL;
		text = arena_printf(a, "%s%s%s%s%s", text, i ? ", " : "", cron ? cron : "webhook", id ? " " : "",
		                    id ? id : "");
	}
	return workflow_session_cell(text);
}

/* Without our own tags: the OWNER column shows what they say. */
static const char *cmd_show_tags_text(struct arena *a, const struct node *item)
{
	const struct node *list = node_get(item, "tags");
	const char *text = "";

	for (size_t i = 0; list && i < list->count; i++) {
		const char *name = workflow_session_cell(node_get_text(list->entries[i].value, "name"));
		if (!field_own_tag(name))
			text = arena_printf(a, "%s%s%s", text, *text ? ", " : "", name);
	}
	return workflow_session_cell(text);
}

static const char *cmd_show_owner_text(struct arena *a, const struct node *item)
{
	return workflow_session_cell(owner_tags_read(a, node_get(item, "tags")).owner);
}

static const char *cmd_show_scalar_text(struct arena *a, const struct node *n)
{
	return workflow_session_cell(n ? node_scalar_text(a, n) : NULL);
}

/* ---- list ---- */

static void cmd_list_add_filter(struct buf *query, const char *key, const struct texts *words)
{
	for (size_t i = 0; i < words->count; i++) {
		buf_addf(query, "&%s=", key);
		operation_encode(query, words->items[i]);
	}
}

static const char *cmd_list_build_filter(struct context *ctx)
{
	CLEANUP(buf_done) struct buf query = BUF_TEXT;
	const struct settings *s = ctx->settings;

	cmd_list_add_filter(&query, "workflowStatus", &s->status);
	cmd_list_add_filter(&query, "lastExecutionStatus", &s->last_execution_status);
	cmd_list_add_filter(&query, "lastModifiedBy", &s->last_modified_by);
	if (s->name) {
		buf_adds(&query, "&searchTerm=");
		operation_encode(&query, s->name);
	}
	return arena_strdup(ctx->arena, buf_str(&query));
}

static void cmd_list_print_table(struct context *ctx, const struct operation_list *list)
{
	static const struct table_column columns[] = {
		{ "ID" }, { "NAME", TABLE_CUT }, { "STATUS" }, { "OWNER", TABLE_OPTIONAL },
		{ "TRIGGERS", TABLE_CUT }, { "LAST RUN" }, { "LAST RUN AT", TABLE_TIME | TABLE_OPTIONAL },
		{ "TAGS", TABLE_OPTIONAL },
	};
	struct arena *a = ctx->arena;
	struct table t;

	table_init(&t, a, ARRAY_LEN(columns), columns);
	for (size_t i = 0; i < list->count; i++) {
		const struct node *item = list->items[i].whole, *last = node_get(item, "lastExecution");
		const char **row = table_row(&t);
		row[0] = arena_printf(a, "%lld", (long long)list->items[i].id);
		row[1] = list->items[i].name;
		row[2] = workflow_session_cell(list->items[i].status);
		row[3] = cmd_show_owner_text(a, item);
		row[4] = cmd_show_triggers_text(a, item, false);
		row[5] = workflow_session_cell(node_get_text(last, "status"));
		row[6] = workflow_session_cell(node_get_text(last, "executedAt"));
		row[7] = cmd_show_tags_text(a, item);
	}
	table_print(&t, context_table_width(ctx), ctx->out);
}

/* The page as it was received; all pages are printed as one. */
static void cmd_list_print_document(struct context *ctx, const struct operation_list *list)
{
	if (!list->only_page)
		workflow_session_join_pages(ctx, list->pages, list->count);
	workflow_session_print_page(ctx, list->pages);
}

static int cmd_workflow_list_run(struct context *ctx)
{
	CLEANUP(workflow_session_close) struct workflow_session session = { 0 };
	const struct settings *s = ctx->settings;
	struct operation_list list;
	struct err err;

	if (!workflow_session_open(ctx, &session, &err))
		return cli_fail(ctx, &err);
	operation_list_init(&list, ctx->arena);
	list.filter = cmd_list_build_filter(ctx);
	list.whole = true;
	list.only_page = s->page_number;
	if (s->page_size)
		list.page_size = s->page_size;
	if (!workflow_session_run(&session, &list.op, &err))
		return cli_fail(ctx, &err);
	(output_is_table(s->output) ? cmd_list_print_table : cmd_list_print_document)(ctx, &list);
	return 0;
}

const struct command cmd_workflow_list = {
	.name = "list",
	.summary = "list workflows",
	.help = "Lists all workflows, or those that match the filters.  All pages are read unless --page-number\n"
	        "is given.  With -o json or yaml the page object of the service is printed, all pages as one.",
	.options = FOR_TABLE | FOR_LIST | FOR_DESCRIBE,
	.run = cmd_workflow_list_run,
};

/* ---- describe ---- */

static void cmd_describe_print_steps(struct context *ctx, const struct node *steps)
{
	static const struct table_column columns[] = {
		{ "STEP", TABLE_CUT }, { "TYPE" }, { "AFTER", TABLE_CUT }, { "WHAT", TABLE_CUT },
	};
	struct arena *a = ctx->arena;
	struct table t;

	table_init(&t, a, ARRAY_LEN(columns), columns);
	for (size_t i = 0; i < steps->count; i++) {
		static const char *const what[] = { "command", "url", "table", "sqlQueryPath" };
		const struct node *step = steps->entries[i].value, *parents = node_get(step, "parents");
		const char **row = table_row(&t), *after = "";
		row[0] = steps->entries[i].key;
		row[1] = workflow_session_cell(node_get_text(step, "type"));
		for (size_t j = 0; parents && j < parents->count; j++)
			after = arena_printf(a, "%s%s%s", after, j ? ", " : "",
			                     cmd_show_scalar_text(a, parents->entries[j].value));
		row[2] = workflow_session_cell(after);
		for (size_t j = 0; j < ARRAY_LEN(what); j++)
			if (node_get_text(step, what[j]))
				row[3] = mask_urls(a, node_get_text(step, what[j]), 1);
		if (!strcmp(row[1], "sql") && !node_get_text(step, "sqlQueryPath"))
			row[3] = workflow_session_cell(node_get_text(node_get(step, "repository"), "filePath"));
	}
	table_print(&t, context_table_width(ctx), ctx->out);
}

static void cmd_describe_print(struct context *ctx, const struct node *n)
{
	static const struct table_column columns[] = {
		{ "ID" }, { "NAME", TABLE_CUT }, { "STATUS" }, { "OWNER", TABLE_OPTIONAL },
		{ "TRIGGERS", TABLE_CUT }, { "UPDATED AT", TABLE_TIME | TABLE_OPTIONAL },
		{ "TAGS", TABLE_OPTIONAL },
	};
	struct arena *a = ctx->arena;
	struct table t;

	table_init(&t, a, ARRAY_LEN(columns), columns);
	const char **row = table_row(&t);
	row[0] = cmd_show_scalar_text(a, node_get(n, "id"));
	row[1] = workflow_session_cell(node_get_text(n, "name"));
	row[2] = workflow_session_cell(node_get_text(n, "status"));
	row[3] = cmd_show_owner_text(a, n);
	row[4] = cmd_show_triggers_text(a, n, ctx->settings->show_masked);
	row[5] = workflow_session_cell(node_get_text(n, "updatedAt"));
	row[6] = cmd_show_tags_text(a, n);
	table_print(&t, context_table_width(ctx), ctx->out);
	fputc('\n', ctx->out);
	cmd_describe_print_steps(ctx, node_get(n, "steps"));
}

static int cmd_workflow_describe_run(struct context *ctx)
{
	CLEANUP(workflow_session_close) struct workflow_session session = { 0 };
	struct node *found;
	struct err err;

	if (!workflow_session_open_workflow(ctx, ctx->arguments[0], &session, &err) ||
	    !workflow_session_describe(&session, &found, &err))
		return cli_fail(ctx, &err);
	(output_is_table(ctx->settings->output) ? cmd_describe_print : workflow_session_print)(ctx, found);
	return 0;
}

const struct command cmd_workflow_describe = {
	.name = "describe",
	.arguments = "ID|NAME",
	.summary = "show one workflow",
	.help = "Shows one workflow: a short table, or with -o json or yaml the whole answer of the service.\n"
	        "Secret values and webhook IDs are masked unless --show-masked is given.",
	.least = 1,
	.most = 1,
	.options = FOR_TABLE | FOR_DESCRIBE,
	.run = cmd_workflow_describe_run,
};

/* ---- resources ---- */

static void cmd_resources_print(struct context *ctx, const struct node *list)
{
	static const struct table_column columns[] = {
		{ "ID" }, { "CPU" }, { "MEMORY" }, { "GPU" }, { "GPU MEMORY" },
	};
	static const char *const keys[] = { "id", "cpu", "memory", "gpu", "gpuMemory" };
	struct table t;

	table_init(&t, ctx->arena, ARRAY_LEN(columns), columns);
	for (size_t i = 0; i < list->count; i++) {
		const char **row = table_row(&t);
		for (size_t j = 0; j < ARRAY_LEN(keys); j++)
			row[j] = cmd_show_scalar_text(ctx->arena, node_get(list->entries[i].value, keys[j]));
	}
	table_print(&t, context_table_width(ctx), ctx->out);
}

static void cmd_resources_print_default(struct context *ctx, const struct node *n)
{
	static const struct table_column columns[] = {
		{ "INSTANCE TYPE" }, { "STORAGE" },
	};
	struct table t;

	table_init(&t, ctx->arena, ARRAY_LEN(columns), columns);
	const char **row = table_row(&t);
	row[0] = cmd_show_scalar_text(ctx->arena, node_get(n, "instanceTypeId"));
	row[1] = cmd_show_scalar_text(ctx->arena, node_get(n, "storage"));
	table_print(&t, context_table_width(ctx), ctx->out);
}

static int cmd_show_request(struct context *ctx, enum operation operation, const char *path, const char *what,
                            enum node_kind kind, void (*print)(struct context *, const struct node *))
{
	CLEANUP(workflow_session_close) struct workflow_session session = { 0 };
	struct operation_call call;
	struct err err;

	if (!workflow_session_open(ctx, &session, &err))
		return cli_fail(ctx, &err);
	operation_call_init(&call, ctx->arena, operation, path, NULL, what);
	if (!workflow_session_run(&session, &call.op, &err))
		return cli_fail(ctx, &err);
	if (call.answer->kind != kind) {
		err_set(&err, "%s: expected %s, found an answer of another shape", what,
		        kind == NODE_LIST ? "a list" : "an object");
		return cli_fail(ctx, &err);
	}
	(output_is_table(ctx->settings->output) ? print : workflow_session_print)(ctx, call.answer);
	return 0;
}

static int cmd_workflow_resources_run(struct context *ctx)
{
	return cmd_show_request(ctx, OP_RESOURCES, "/resources", "list resources", NODE_LIST, cmd_resources_print);
}

static int cmd_workflow_default_resource_run(struct context *ctx)
{
	return cmd_show_request(ctx, OP_DEFAULT_RESOURCE, "/resources/defaults", "get the default resource", NODE_MAP,
	                        cmd_resources_print_default);
}

const struct command cmd_workflow_resources = {
	.name = "resources",
	.summary = "list the instance types for steps",
	.help = "Lists the instance types that steps can run on: ID is the value of a step's instanceTypeId.",
	.options = FOR_TABLE,
	.run = cmd_workflow_resources_run,
};

const struct command cmd_workflow_default_resource = {
	.name = "default-resource",
	.summary = "show the default instance type of steps",
	.options = FOR_TABLE,
	.run = cmd_workflow_default_resource_run,
};
