/* The `workflow` commands that only read. */
#include <string.h>

#include "agent/util/table.h"
#include "agent/cmd/workflow_session.h"
#include "reconcile/schema/fields.h"
#include "reconcile/wire/owner_tags.h"
#include "reconcile/schema/mask.h"
#include "reconcile/wire/operation_list.h"

/* ---- texts for cells ---- */

static const char *or_dash(const char *text)
{
	return text && *text ? text : "-";
}

static const char *triggers_text(struct arena *a, const struct node *item, bool show_masked)
{
	const struct node *list = node_get(item, "triggers");
	const char *text = "";

	for (size_t i = 0; list && i < list->count; i++) {
		const char *cron = node_get_text(list->entries[i].value, "cron");
		const char *id = show_masked ? node_get_text(list->entries[i].value, "webhook") : NULL;
		text = arena_printf(a, "%s%s%s%s%s", text, i ? ", " : "", cron ? cron : "webhook", id ? " " : "",
		                    id ? id : "");
	}
	return or_dash(text);
}

/* Those that people put on; what ours say is the owner. */
static const char *tags_text(struct arena *a, const struct node *item)
{
	const struct node *list = node_get(item, "tags");
	const char *text = "";

	for (size_t i = 0; list && i < list->count; i++) {
		const char *name = or_dash(node_get_text(list->entries[i].value, "name"));
		if (!field_own_tag(name))
			text = arena_printf(a, "%s%s%s", text, *text ? ", " : "", name);
	}
	return or_dash(text);
}

static const char *owner_text(struct arena *a, const struct node *item)
{
	return or_dash(owner_tags_read(a, node_get(item, "tags")).owner);
}

static const char *scalar_text(struct arena *a, const struct node *n)
{
	return or_dash(n ? node_scalar_text(a, n) : NULL);
}

/* ---- list ---- */

static void add_words(struct buf *query, const char *key, const struct texts *words)
{
	for (size_t i = 0; i < words->count; i++) {
		buf_addf(query, "&%s=", key);
		operation_encode(query, words->items[i]);
	}
}

static const char *filter(struct context *ctx)
{
	CLEANUP(buf_done) struct buf query = BUF_TEXT;
	const struct settings *s = ctx->settings;

	add_words(&query, "workflowStatus", &s->status);
	add_words(&query, "lastExecutionStatus", &s->last_execution_status);
	add_words(&query, "lastModifiedBy", &s->last_modified_by);
	if (s->name) {
		buf_adds(&query, "&searchTerm=");
		operation_encode(&query, s->name);
	}
	return arena_strdup(ctx->arena, buf_str(&query));
}

static void print_list(struct context *ctx, const struct operation_list *list)
{
	static const char *const heading[] = {
		"ID", "NAME", "STATUS", "OWNER", "TRIGGERS", "LAST RUN", "LAST RUN AT", "TAGS",
	};
	struct arena *a = ctx->arena;
	struct table t;

	table_init(&t, a, ARRAY_LEN(heading), heading);
	for (size_t i = 0; i < list->count; i++) {
		const struct node *item = list->items[i].whole, *last = node_get(item, "lastExecution");
		const char **row = table_row(&t);
		row[0] = arena_printf(a, "%lld", (long long)list->items[i].id);
		row[1] = list->items[i].name;
		row[2] = or_dash(list->items[i].status);
		row[3] = owner_text(a, item);
		row[4] = triggers_text(a, item, false);
		row[5] = or_dash(node_get_text(last, "status"));
		row[6] = or_dash(node_get_text(last, "executedAt"));
		row[7] = tags_text(a, item);
	}
	table_print(&t, ctx->out);
}

static void print_whole(struct context *ctx, const struct operation_list *list)
{
	struct node *out = node_list(ctx->arena);

	for (size_t i = 0; i < list->count; i++)
		node_add(ctx->arena, out, list->items[i].whole);
	workflow_session_print(ctx, out);
}

static int list_run(struct context *ctx)
{
	CLEANUP(workflow_session_close) struct session session = { 0 };
	const struct settings *s = ctx->settings;
	struct operation_list list;
	struct err err;

	if (!workflow_session_open(ctx, &session, &err))
		return cli_fail(ctx, &err);
	operation_list_init(&list, ctx->arena);
	list.filter = filter(ctx);
	list.whole = true;
	list.only_page = s->page_number;
	if (s->page_size)
		list.page_size = s->page_size;
	if (!workflow_session_run(&session, &list.op, &err))
		return cli_fail(ctx, &err);
	(s->output == OUTPUT_TABLE ? print_list : print_whole)(ctx, &list);
	return 0;
}

const struct command cmd_workflow_list = {
	.name = "list",
	.summary = "list workflows",
	.help = "Lists all workflows, or those that the filters leave; all pages are read unless one is\n"
	        "named.  As JSON and YAML it is a list of what the service tells of each.",
	.options = FOR_TABLE | FOR_LIST | FOR_DESCRIBE,
	.run = list_run,
};

/* ---- describe ---- */

static void print_steps(struct context *ctx, const struct node *steps)
{
	static const char *const heading[] = { "STEP", "TYPE", "AFTER", "WHAT" };
	struct arena *a = ctx->arena;
	struct table t;

	table_init(&t, a, ARRAY_LEN(heading), heading);
	for (size_t i = 0; i < steps->count; i++) {
		static const char *const what[] = { "command", "url", "table", "sqlQueryPath" };
		const struct node *step = steps->entries[i].value, *parents = node_get(step, "parents");
		const char **row = table_row(&t), *after = "";
		row[0] = steps->entries[i].key;
		row[1] = or_dash(node_get_text(step, "type"));
		for (size_t j = 0; parents && j < parents->count; j++)
			after = arena_printf(a, "%s%s%s", after, j ? ", " : "",
			                     scalar_text(a, parents->entries[j].value));
		row[2] = or_dash(after);
		for (size_t j = 0; j < ARRAY_LEN(what); j++)
			if (node_get_text(step, what[j]))
				row[3] = mask_urls(a, node_get_text(step, what[j]), 1);
		if (!strcmp(row[1], "sql") && !node_get_text(step, "sqlQueryPath"))
			row[3] = or_dash(node_get_text(node_get(step, "repository"), "filePath"));
	}
	table_print(&t, ctx->out);
}

static void print_description(struct context *ctx, const struct node *n)
{
	static const char *const heading[] = {
		"ID", "NAME", "STATUS", "OWNER", "TRIGGERS", "UPDATED AT", "TAGS",
	};
	struct arena *a = ctx->arena;
	struct table t;

	table_init(&t, a, ARRAY_LEN(heading), heading);
	const char **row = table_row(&t);
	row[0] = scalar_text(a, node_get(n, "id"));
	row[1] = or_dash(node_get_text(n, "name"));
	row[2] = or_dash(node_get_text(n, "status"));
	row[3] = owner_text(a, n);
	row[4] = triggers_text(a, n, ctx->settings->show_masked);
	row[5] = or_dash(node_get_text(n, "updatedAt"));
	row[6] = tags_text(a, n);
	table_print(&t, ctx->out);
	fputc('\n', ctx->out);
	print_steps(ctx, node_get(n, "steps"));
}

static int describe_run(struct context *ctx)
{
	CLEANUP(workflow_session_close) struct session session = { 0 };
	struct node *found;
	struct err err;

	if (!workflow_session_open_on(ctx, ctx->arguments[0], &session, &err) ||
	    !workflow_session_describe(&session, &found, &err))
		return cli_fail(ctx, &err);
	(ctx->settings->output == OUTPUT_TABLE ? print_description : workflow_session_print)(ctx, found);
	return 0;
}

const struct command cmd_workflow_describe = {
	.name = "describe",
	.arguments = "ID|NAME",
	.summary = "show one workflow",
	.help = "Shows one workflow: a short table, or all that the service tells with -o json or yaml.\n"
	        "Secret values and webhook ids are masked unless --show-masked is given.",
	.least = 1,
	.most = 1,
	.options = FOR_TABLE | FOR_DESCRIBE,
	.run = describe_run,
};

/* ---- resources ---- */

static void print_resources(struct context *ctx, const struct node *list)
{
	static const char *const heading[] = { "ID", "CPU", "MEMORY", "GPU", "GPU MEMORY" };
	static const char *const keys[] = { "id", "cpu", "memory", "gpu", "gpuMemory" };
	struct table t;

	table_init(&t, ctx->arena, ARRAY_LEN(heading), heading);
	for (size_t i = 0; i < list->count; i++) {
		const char **row = table_row(&t);
		for (size_t j = 0; j < ARRAY_LEN(keys); j++)
			row[j] = scalar_text(ctx->arena, node_get(list->entries[i].value, keys[j]));
	}
	table_print(&t, ctx->out);
}

static void print_default_resource(struct context *ctx, const struct node *n)
{
	static const char *const heading[] = { "INSTANCE TYPE", "STORAGE" };
	struct table t;

	table_init(&t, ctx->arena, ARRAY_LEN(heading), heading);
	const char **row = table_row(&t);
	row[0] = scalar_text(ctx->arena, node_get(n, "instanceTypeId"));
	row[1] = scalar_text(ctx->arena, node_get(n, "storage"));
	table_print(&t, ctx->out);
}

static int ask(struct context *ctx, enum operation operation, const char *path, const char *what,
               enum node_kind kind, void (*print)(struct context *, const struct node *))
{
	CLEANUP(workflow_session_close) struct session session = { 0 };
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
	(ctx->settings->output == OUTPUT_TABLE ? print : workflow_session_print)(ctx, call.answer);
	return 0;
}

static int resources_run(struct context *ctx)
{
	return ask(ctx, OP_RESOURCES, "/resources", "list resources", NODE_LIST, print_resources);
}

static int default_resource_run(struct context *ctx)
{
	return ask(ctx, OP_DEFAULT_RESOURCE, "/resources/defaults", "get the default resource", NODE_MAP,
	           print_default_resource);
}

const struct command cmd_workflow_resources = {
	.name = "resources",
	.summary = "list what steps can run on",
	.help = "Lists what steps can run on: the id is what a step's instanceTypeId takes.",
	.options = FOR_TABLE,
	.run = resources_run,
};

const struct command cmd_workflow_default_resource = {
	.name = "default-resource",
	.summary = "show what a step runs on if it does not say",
	.options = FOR_TABLE,
	.run = default_resource_run,
};
