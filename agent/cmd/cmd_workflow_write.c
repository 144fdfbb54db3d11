/* The `workflow` commands that change something. */
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/cmd/workflow_session.h"
#include "reconcile/base/printable.h"
#include "reconcile/plan/request_body.h"
#include "reconcile/wire/operation_create.h"
#include "reconcile/wire/owner_tags.h"

/* Replaces the session's workflow with spec. */
static int cmd_write_update(struct workflow_session *session, const struct spec *spec)
{
	struct context *ctx = session->ctx;
	struct operation_call update;
	struct node *described;
	struct err err;

	if (!workflow_session_describe(session, &described, &err))
		return cli_fail(ctx, &err);
	operation_update_init(&update, ctx->arena, session->id, session->name,
	                      request_body_whole(ctx->arena, spec_body(ctx->arena, spec), described));
	if (!workflow_session_run(session, &update.op, &err))
		return cli_fail(ctx, &err);
	workflow_session_print_result(ctx, "updated", session->id, spec->name, update.answer);
	return 0;
}

static int cmd_workflow_update_run(struct context *ctx)
{
	CLEANUP(workflow_session_close) struct workflow_session session = { 0 };
	struct diagnostics faults = { .arena = ctx->arena };
	struct spec spec;
	struct err err;

	if (!workflow_session_read_file(ctx, ctx->arguments[1], &spec, &faults))
		return cli_fail_faults(ctx, &faults, ERR_SPEC);
	if (!workflow_session_open_workflow(ctx, ctx->arguments[0], &session, &err))
		return cli_fail(ctx, &err);
	return cmd_write_update(&session, &spec);
}

const struct command cmd_workflow_update = {
	.name = "update",
	.arguments = "ID|NAME FILE",
	.summary = "replace a workflow with a spec file",
	.help = "Replaces a workflow with a spec file: what the file leaves out is removed.  A webhook that\n"
	        "stays keeps its address.",
	.least = 2,
	.most = 2,
	.options = FOR_SPECS | FOR_TABLE | FOR_DESCRIBE,
	.run = cmd_workflow_update_run,
};

/* Creates the workflow of a spec file.  With or_update, if exactly one workflow has its name, updates it instead. */
static int cmd_write_create(struct context *ctx, bool or_update)
{
	CLEANUP(workflow_session_close) struct workflow_session session = { 0 };
	struct diagnostics faults = { .arena = ctx->arena };
	struct operation_create create;
	struct spec spec;
	struct err err;

	if (!workflow_session_read_file(ctx, ctx->arguments[0], &spec, &faults))
		return cli_fail_faults(ctx, &faults, ERR_SPEC);
	if (!workflow_session_open(ctx, &session, &err))
		return cli_fail(ctx, &err);
	operation_create_init(&create, ctx->arena, spec_body(ctx->arena, &spec));
	if (workflow_session_run(&session, &create.op, &err)) {
		workflow_session_print_result(ctx, "created", create.id, spec.name, create.answer);
		return 0;
	}
	if (!or_update || create.there_count != 1) {
		if (create.there)
			err.kind = ERR_CONFLICT;
		else if (create.lost)
			err_append(&err, "; it may have been created: look for it with `flowsync workflow list`");
		return cli_fail(ctx, &err);
	}
	session.id = create.there;
	session.name = spec.name;
	return cmd_write_update(&session, &spec);
}

static int cmd_workflow_create_run(struct context *ctx)
{
	return cmd_write_create(ctx, false);
}

const struct command cmd_workflow_create = {
	.name = "create",
	.arguments = "FILE",
	.summary = "create a workflow from a spec file",
	.help = "Creates a workflow from a spec file.  If a workflow of that name exists, this is a conflict:\n"
	        "exit 5.",
	.least = 1,
	.most = 1,
	.options = FOR_SPECS | FOR_TABLE | FOR_DESCRIBE,
	.run = cmd_workflow_create_run,
};

static int cmd_workflow_create_or_update_run(struct context *ctx)
{
	return cmd_write_create(ctx, true);
}

const struct command cmd_workflow_create_or_update = {
	.name = "create-or-update",
	.arguments = "FILE",
	.summary = "create a workflow or replace the one it names",
	.help = "Creates a workflow from a spec file, or replaces the workflow of that name: what the file\n"
	        "leaves out is removed, but a webhook that stays keeps its address.  Two workflows of the name\n"
	        "are a conflict: exit 5.",
	.least = 1,
	.most = 1,
	.options = FOR_SPECS | FOR_TABLE | FOR_DESCRIBE,
	.run = cmd_workflow_create_or_update_run,
};

static int cmd_write_session_operation(struct workflow_session *session, enum operation operation, const char *verb)
{
	struct context *ctx = session->ctx;
	struct operation_call call;
	struct err err;

	operation_act_init(&call, ctx->arena, operation, session->id, session->name);
	if (!workflow_session_run(session, &call.op, &err))
		return cli_fail(ctx, &err);
	workflow_session_print_result(ctx, verb, session->id, session->name, NULL);
	return 0;
}

static int cmd_write_run_operation(struct context *ctx, enum operation operation, const char *verb)
{
	CLEANUP(workflow_session_close) struct workflow_session session = { 0 };
	struct err err;

	if (!workflow_session_open_workflow(ctx, ctx->arguments[0], &session, &err))
		return cli_fail(ctx, &err);
	return cmd_write_session_operation(&session, operation, verb);
}

/* The sync of an owner would create its workflow again. */
static bool cmd_write_check_owner(struct workflow_session *session, struct err *err)
{
	struct arena *a = session->ctx->arena;
	struct node *described;

	if (!workflow_session_describe(session, &described, err))
		return false;
	const char *name = node_get_text(described, "name");
	struct owner_tags tags = owner_tags_read(a, node_get(described, "tags"));
	const char *owner = name ? owner_tags_other_owner(a, &tags, "default", name) : NULL;
	session->name = session->name ? session->name : name;
	if (!owner)
		return true;
	err_set(err, "%s belongs to owner \"%s\", whose sync may create it again: --force deletes it all the same",
	        operation_workflow(a, session->id, name), owner);
	err->kind = ERR_CONFLICT;
	return false;
}

/* Asks a person; without one at a terminal the command line is the answer. */
static bool cmd_write_confirm_delete(const struct workflow_session *session)
{
	struct context *ctx = session->ctx;
	CLEANUP(buf_done) struct buf workflow = BUF_TEXT;
	char answer[16] = "";

	if (!ctx->term.err_terminal || !isatty(STDIN_FILENO))
		return true;
	printable_add(&workflow, operation_workflow(ctx->arena, session->id, session->name));
	fprintf(ctx->err, "delete %s? [y/N] ", buf_str(&workflow));
	if (fgets(answer, sizeof answer, stdin) &&
	    (strcasecmp(answer, "y\n") == 0 || strcasecmp(answer, "yes\n") == 0))
		return true;
	log_info(ctx->log, "nothing was deleted");
	return false;
}

static int cmd_workflow_delete_run(struct context *ctx)
{
	CLEANUP(workflow_session_close) struct workflow_session session = { 0 };
	struct err err;

	if (ctx->settings->force)
		return cmd_write_run_operation(ctx, OP_DELETE, "deleted");
	if (!workflow_session_open_workflow(ctx, ctx->arguments[0], &session, &err) ||
	    !cmd_write_check_owner(&session, &err))
		return cli_fail(ctx, &err);
	if (!cmd_write_confirm_delete(&session))
		return exit_status_code(&(struct exit_status){ .failed = true });
	return cmd_write_session_operation(&session, OP_DELETE, "deleted");
}

static int cmd_workflow_pause_run(struct context *ctx)
{
	return cmd_write_run_operation(ctx, OP_PAUSE, "paused");
}

static int cmd_workflow_resume_run(struct context *ctx)
{
	return cmd_write_run_operation(ctx, OP_RESUME, "resumed");
}

const struct command cmd_workflow_delete = {
	.name = "delete",
	.arguments = "ID|NAME",
	.summary = "delete a workflow",
	.help = "Deletes a workflow.  On a terminal it asks first.  A workflow that another owner than default\n"
	        "manages is a conflict: exit 5.",
	.least = 1,
	.most = 1,
	.options = FOR_DELETE | FOR_TABLE,
	.run = cmd_workflow_delete_run,
};

const struct command cmd_workflow_pause = {
	.name = "pause",
	.arguments = "ID|NAME",
	.summary = "pause a workflow's schedule",
	.least = 1,
	.most = 1,
	.options = FOR_TABLE,
	.run = cmd_workflow_pause_run,
};

const struct command cmd_workflow_resume = {
	.name = "resume",
	.arguments = "ID|NAME",
	.summary = "resume a workflow's schedule",
	.least = 1,
	.most = 1,
	.options = FOR_TABLE,
	.run = cmd_workflow_resume_run,
};
