#include <string.h>

#include "agent/cmd/cli.h"
#include "reconcile/tree/json.h"
#include "reconcile/schema/schema.h"

/* ---- the configuration file, from the table of options ---- */

static struct node *cmd_schema_properties(struct arena *a, struct node *object)
{
	struct node *properties = node_get(object, "properties");

	if (properties)
		return properties;
	node_put(a, object, "type", node_text(a, "object"));
	node_put(a, object, "additionalProperties", node_bool(a, false));
	return node_put(a, object, "properties", node_map(a));
}

/* The schema of key inside object, added if it does not exist; "syncs" is a list, and its items are returned. */
static struct node *cmd_schema_child(struct arena *a, struct node *object, const char *key)
{
	struct node *properties = cmd_schema_properties(a, object), *n = node_get(properties, key);

	if (!n)
		n = node_put(a, properties, key, node_map(a));
	if (strcmp(key, "syncs") != 0)
		return n;
	struct node *items = node_get(n, "items");
	node_put(a, n, "type", node_text(a, "array"));
	node_put(a, n, "minItems", node_int(a, 1));
	return items ? items : node_put(a, n, "items", node_map(a));
}

static void cmd_schema_describe_option(struct arena *a, const struct option *o, struct node *n)
{
	static const char *const types[] = {
		[OPTION_FLAG] = "boolean", [OPTION_TEXT] = "string", [OPTION_PATH] = "string",
		[OPTION_ENDPOINT] = "string", [OPTION_GIT] = "string", [OPTION_LIST] = "array", [OPTION_NUMBER] = "integer",
		[OPTION_DURATION] = "string", [OPTION_WORD] = "string", [OPTION_MAP] = "object",
	};

	node_put(a, n, "type", node_text(a, types[o->type]));
	if (o->help)
		node_put(a, n, "description", node_text(a, o->help));
	if (o->type == OPTION_LIST)
		node_put(a, node_put(a, n, "items", node_map(a)), "type", node_text(a, "string"));
	if (o->type == OPTION_WORD) {
		struct node *words = node_put(a, n, "enum", node_list(a));
		for (const struct option_word *w = o->words; w->word; w++)
			node_add(a, words, node_text(a, w->word));
	}
	if (o->type == OPTION_NUMBER) {
		node_put(a, n, "minimum", node_int(a, o->least));
		node_put(a, n, "maximum", node_int(a, o->most));
	}
}

static void cmd_schema_add_key(struct arena *a, const struct option *o, const char *path, struct node *root)
{
	struct node *at = root;

	for (char *rest = arena_strdup(a, path), *key; (key = strsep(&rest, ".")); )
		at = cmd_schema_child(a, at, key);
	cmd_schema_describe_option(a, o, at);
}

static struct node *cmd_schema_config(struct arena *a)
{
	struct node *root = schema_begin(a, "A configuration file of flowsync");

	for (const struct option *o = option_table; o->name || o->key; o++) {
		if (!o->key)
			continue;
		cmd_schema_add_key(a, o, o->key, root);
		/* A sync may name its own service. */
		if (strncmp(o->key, "service.", strlen("service.")) == 0)
			cmd_schema_add_key(a, o, arena_printf(a, "syncs.%s", o->key), root);
	}
	return root;
}

/* ---- the command ---- */

static const struct {
	const char *name;
	struct node *(*make)(struct arena *a);
} schemas[] = {
	{ "workflow", schema_spec }, { "config", cmd_schema_config }, { "report", schema_report },
};

static int cmd_schema_run(struct context *ctx)
{
	const char *name = ctx->argument_count ? ctx->arguments[0] : "workflow";
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
		if (strcmp(schemas[i].name, name) != 0)
			continue;
		json_write(schemas[i].make(ctx->arena), JSON_PRETTY, &text);
		fprintf(ctx->out, "%s\n", buf_str(&text));
		return 0;
	}
	err_usage(&err, "schema: expected workflow, config or report, found \"%s\"", name);
	return cli_fail(ctx, &err);
}

const struct command cmd_schema = {
	.name = "schema",
	.arguments = "[workflow|config|report]",
	.summary = "print a JSON Schema",
	.help = "Prints the JSON Schema of spec files (the default), of the configuration file or of reports,\n"
	        "for editors and for checks.",
	.least = 0,
	.most = 1,
	.run = cmd_schema_run,
};
