#include <string.h>

#include "agent/cmd/cli.h"
#include "agent/cmd/explain_text.h"
#include "agent/sync/cycle_run.h"
#include "agent/sync/spec_origin.h"
#include "agent/util/clock.h"
#include "agent/util/diagnostics_text.h"
#include "reconcile/base/suggest.h"
#include "reconcile/plan/report.h"

struct explain_command {
	struct context *ctx;
	const char *name, *path;	/* path NULL: all fields */
	struct node *workflow, *fields;	/* NULL: the plan did not come to the workflow */
	struct err err;			/* why there is nothing to show */
	bool failed;			/* err is set */
};

/* ---- the document ---- */

static void cmd_explain_put_text(struct arena *a, struct node *map, const char *key, const char *text)
{
	if (text)
		node_put(a, map, key, node_text(a, text));
}

/* A value is a masked copy; the tree does not change it. */
static void cmd_explain_put_value(struct arena *a, struct node *map, const char *key, const struct node *value)
{
	if (value)
		node_put(a, map, key, node_copy(a, value));
}

static void cmd_explain_put_change(struct arena *a, struct node *out, const struct field_origin *origin)
{
	const struct blamed_line *change = &origin->change;

	if (!origin->blamed)
		return;
	if (change->uncommitted) {
		node_put(a, out, "uncommitted", node_bool(a, true));
		return;
	}
	struct node *commit = node_put(a, out, "commit", node_map(a));
	node_put(a, commit, "id", node_text(a, change->commit));
	node_put(a, commit, "author", node_text(a, change->author));
	node_put(a, commit, "date", node_text(a, timestamp_text(a, change->time * 1000)));
}

static bool cmd_explain_is_listed(const struct node *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (node_is_text(list->entries[i].value, "name", name))
			return true;
	return false;
}

/* A variable's value may be a secret: where it was given is all that is shown. */
static void cmd_explain_put_variables(struct arena *a, struct node *out, const struct field_origin *origin)
{
	struct node *list = origin->count ? node_put(a, out, "variables", node_list(a)) : NULL;

	for (size_t i = 0; i < origin->count; i++) {
		const struct filled_value *v = origin->values[i];
		if (cmd_explain_is_listed(list, v->name))
			continue;
		struct node *item = node_add(a, list, node_map(a));
		node_put(a, item, "name", node_text(a, v->name));
		node_put(a, item, "from", node_text(a, v->var->origin ? v->var->origin : "the environment"));
		cmd_explain_put_text(a, item, "file", v->var->at.file);
		if (v->var->at.file)
			node_put(a, item, "line", node_int(a, v->var->at.line));
	}
}

static void cmd_explain_add_field(struct explain_command *e, struct spec_origin *from, const struct explained_field *f)
{
	struct arena *a = e->ctx->arena;
	struct node *out = node_add(a, e->fields, node_map(a));
	struct field_origin origin;

	spec_origin_find(from, f, &origin);
	node_put(a, out, "path", node_text(a, f->path));
	node_put(a, out, "rule", node_text(a, rule_word(f->rule)));
	node_put(a, out, "why", node_text(a, rule_text(f->rule)));
	node_put(a, out, "section", node_text(a, rule_section(f->rule)));
	cmd_explain_put_value(a, out, "declared", f->declared);
	if (origin.line) {
		node_put(a, out, "file", node_text(a, f->at.file));
		node_put(a, out, "line", node_int(a, origin.line));
	}
	cmd_explain_put_change(a, out, &origin);
	cmd_explain_put_variables(a, out, &origin);
	cmd_explain_put_value(a, out, "observed", f->observed);
	cmd_explain_put_value(a, out, "recorded", f->recorded);
}

static const char *cmd_explain_service_text(const struct cycle_findings *f)
{
	if (f->explanation->described)
		return "it does not say who changed the workflow";
	return f->step->action == ACTION_CREATE ? "the workflow is not there yet" : "the workflow was not read";
}

static const char *cmd_explain_record_text(const struct cycle_findings *f)
{
	if (f->explanation->recorded)
		return "what was declared at the last apply is known";
	return f->explanation->described ? "there is no record of an earlier apply" : NULL;
}

static struct node *cmd_explain_workflow(struct explain_command *e, const struct cycle_findings *f,
                                         const struct spec_origin *from)
{
	struct arena *a = e->ctx->arena;
	const struct explanation *x = f->explanation;
	struct node *out = node_map(a);

	node_put(a, out, "name", node_text(a, f->spec->name));
	if (f->step->id)
		node_put(a, out, "id", node_int(a, f->step->id));
	node_put(a, out, "file", node_text(a, f->spec->at.file));
	node_put(a, out, "line", node_int(a, f->spec->at.line));
	node_put(a, out, "action", node_text(a, action_word(f->step->action)));
	node_put(a, out, "result", node_text(a, result_word(f->step->result)));
	cmd_explain_put_text(a, out, "note", f->step->note);
	cmd_explain_put_text(a, out, "error", f->step->error);
	node_put(a, out, "described", node_bool(a, x->described));
	node_put(a, out, "has_record", node_bool(a, x->recorded));
	cmd_explain_put_text(a, out, "changed_at", x->changed_at);
	cmd_explain_put_text(a, out, "changed_by", x->changed_by);
	cmd_explain_put_text(a, out, "service", cmd_explain_service_text(f));
	cmd_explain_put_text(a, out, "record", cmd_explain_record_text(f));
	cmd_explain_put_text(a, out, "history_error", from->blame_error);
	return out;
}

/* ---- which fields ---- */

/* "/steps/a", also without the slash before it; a part of the last key is enough if no field is called so. */
static bool cmd_explain_selects(const char *wanted, const char *path, bool part)
{
	size_t len = strlen(wanted);

	while (len > 0 && wanted[len - 1] == '/')
		len--;
	return strncmp(path, wanted, len) == 0 && (part || path[len] == '\0' || path[len] == '/');
}

/* Returns how many there are.  part: see above. */
static size_t cmd_explain_add_fields(struct explain_command *e, const struct cycle_findings *f,
                                     struct spec_origin *from, bool part)
{
	const struct explanation *x = f->explanation;

	for (size_t i = 0; i < x->count; i++)
		if (!e->path || cmd_explain_selects(e->path, x->fields[i].path, part))
			cmd_explain_add_field(e, from, &x->fields[i]);
	return e->fields->count;
}

static void cmd_explain_fail_path(struct explain_command *e, const struct cycle_findings *f)
{
	struct suggestion near = { .word = e->path };

	for (size_t i = 0; i < f->explanation->count; i++)
		suggest_offer(&near, f->explanation->fields[i].path);
	err_usage(&e->err, "workflow \"%s\" has no field at \"%s\"", e->name, e->path);
	if (near.best)
		err_append(&e->err, "; did you mean \"%s\"?", near.best);
	e->failed = true;
}

/* A name that no spec declares is like a source without a spec. */
static void cmd_explain_fail_name(struct explain_command *e, const struct cycle_findings *f)
{
	err_set(&e->err, "no spec declares a workflow called \"%s\"", e->name);
	if (f->other_id)
		err_append(&e->err, ", which is on the service (id %lld)", (long long)f->other_id);
	if (f->nearest)
		err_append(&e->err, "; did you mean \"%s\"?", f->nearest);
	e->err.kind = ERR_SPEC;
	e->failed = true;
}

static void cmd_explain_read(void *command, const struct cycle_findings *f)
{
	struct explain_command *e = command;
	struct spec_origin from = { 0 };

	if (!f->spec) {
		cmd_explain_fail_name(e, f);
		return;
	}
	if (!f->step)
		return;
	spec_origin_open(e->ctx, f, &from);
	e->workflow = cmd_explain_workflow(e, f, &from);
	e->fields = node_list(e->ctx->arena);
	if (!cmd_explain_add_fields(e, f, &from, false) && !cmd_explain_add_fields(e, f, &from, true) && e->path)
		cmd_explain_fail_path(e, f);
	spec_origin_done(&from);
}

/* ---- the command ---- */

static int cmd_explain_print(const struct explain_command *e, const struct diagnostics *faults, int code)
{
	struct context *ctx = e->ctx;
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct node *document = cli_document(ctx, faults, code);

	if (e->workflow) {
		node_put(ctx->arena, document, "workflow", e->workflow);
		node_put(ctx->arena, document, "fields", e->fields);
	}
	diagnostics_log(ctx->log, faults);
	if (ctx->settings->output == OUTPUT_JSON) {
		cli_print_document(ctx, document);
	} else if (e->workflow) {
		explain_text(document, ctx->term.out_color, &text);
		fputs(buf_str(&text), ctx->out);
	}
	return code;
}

static int cmd_explain_run(struct context *ctx)
{
	const char *path = ctx->argument_count > 1 && *ctx->arguments[1] ? ctx->arguments[1] : NULL;
	/* The arguments of a plan name a directory. */
	struct context plan = *ctx;
	struct explain_command e = {
		.ctx = ctx, .name = ctx->arguments[0],
		.path = path && *path != '/' ? arena_printf(ctx->arena, "/%s", path) : path,
	};
	struct diagnostics faults;

	plan.argument_count = 0;
	int code = cycle_run_explain(&plan, e.name, &faults, cmd_explain_read, &e);
	if (!e.failed)
		return cmd_explain_print(&e, &faults, code);
	e.workflow = NULL;
	struct diagnostics all = { .arena = ctx->arena };
	diagnostics_add(&all, (struct pos){ 0 }, "%s", e.err.msg);
	return cli_fail_faults(ctx, &all, e.err.kind);
}

const struct command cmd_explain = {
	.name = "explain",
	.arguments = "NAME [PATH]",
	.summary = "show why each field of a workflow is as it is",
	.help = "Shows for each field of the workflow called NAME: the declared value with its file, line, commit\n"
	        "and variables, the value on the service, the recorded value of the last apply, and the rule\n"
	        "that decides, with its section of the rules.  PATH, a JSON Pointer such as /steps/train, limits it\n"
	        "to the fields there.  The source is given with --dir, --git or --config.  Writes nothing; exits as a\n"
	        "plan of that workflow does, and 65 if no spec declares it.",
	.least = 1,
	.most = 2,
	.options = FOR_CYCLE | FOR_SPECS | FOR_RESULT,
	.stops = true,
	.reads = true,
	.run = cmd_explain_run,
};
