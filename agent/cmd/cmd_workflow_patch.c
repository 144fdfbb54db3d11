#include "agent/cmd/workflow_session.h"
#include "reconcile/plan/request_body.h"
#include "reconcile/plan/patch.h"

/* A variable that a pipeline has set for its syncs, FLOWSYNC_BRANCH say, must not change a
 * workflow here. */
static bool cmd_patch_is_given(const struct settings *s, const void *field)
{
	const struct origin *origin = settings_origin(s, field);

	return origin && origin->kind == ORIGIN_OPTION;
}

static void cmd_patch_put_text(struct context *ctx, struct node *map, const char *key, const char *const *field)
{
	if (cmd_patch_is_given(ctx->settings, field))
		node_put(ctx->arena, map, key, node_text(ctx->arena, *field));
}

static void cmd_patch_put_number(struct context *ctx, struct node *map, const char *key, const int *field)
{
	if (cmd_patch_is_given(ctx->settings, field))
		node_put(ctx->arena, map, key, node_int(ctx->arena, *field));
}

static void cmd_patch_put_map(struct context *ctx, struct node *step, const char *key, struct node *map)
{
	if (map->count)
		node_put(ctx->arena, step, key, map);
}

/* The values of options as a step; NULL: none is given. */
static const struct node *cmd_patch_build_step(struct context *ctx)
{
	struct node *step = node_map(ctx->arena), *repository = node_map(ctx->arena);
	struct node *resources = node_map(ctx->arena);
	const struct settings *s = ctx->settings;

	cmd_patch_put_text(ctx, repository, "url", &s->repository);
	cmd_patch_put_text(ctx, repository, "branch", &s->branch);
	cmd_patch_put_text(ctx, repository, "token", &s->token_name);
	cmd_patch_put_number(ctx, resources, "instanceTypeId", &s->instance_type_id);
	cmd_patch_put_text(ctx, resources, "storage", &s->storage);
	cmd_patch_put_text(ctx, step, "command", &s->run_command);
	cmd_patch_put_number(ctx, step, "imageId", &s->image_id);
	cmd_patch_put_number(ctx, step, "imageVersionId", &s->image_version_id);
	cmd_patch_put_number(ctx, step, "stepTimeout", &s->step_timeout);
	if (cmd_patch_is_given(s, &s->clear_image_cache))
		node_put(ctx->arena, step, "clearImageCache", node_bool(ctx->arena, s->clear_image_cache));
	cmd_patch_put_map(ctx, step, "repository", repository);
	cmd_patch_put_map(ctx, step, "resources", resources);
	return step->count ? step : NULL;
}

/* False if there is no change, or --step without an option that it could apply to. */
static bool cmd_patch_read_options(struct context *ctx, struct patch *out, struct err *err)
{
	const struct settings *s = ctx->settings;

	out->name = cmd_patch_is_given(s, &s->name) ? s->name : NULL;
	out->step = cmd_patch_build_step(ctx);
	out->names = cmd_patch_is_given(s, &s->steps) ? texts_list(ctx->arena, &s->steps) : NULL;
	if (out->names && !out->step)
		return err_usage(err, "--step needs another option to apply to these steps, such as --image-id");
	if (!out->name && !out->step && ctx->argument_count < 2)
		return err_usage(err, "no change is given: a FILE, or an option such as --image-id");
	return true;
}

static void cmd_patch_warn_of_loss(struct context *ctx, const struct node *body, const struct node *described)
{
	const char *lost = request_body_may_lose(ctx->arena, body, described);

	if (lost)
		log_warn(ctx->log, "the service does not return %s: if the workflow has it, the patch removes it "
		         "unless a file declares it again", lost);
}

static int cmd_patch_send(struct workflow_session *session, struct patch *patch)
{
	struct context *ctx = session->ctx;
	struct diagnostics left_out = { .arena = ctx->arena };
	struct node *described, *body;
	struct operation_call update;
	struct err err;

	if (!workflow_session_describe(session, &described, &err))
		return cli_fail(ctx, &err);
	patch->faults = &left_out;
	bool fits = patch_body(ctx->arena, patch, described, &body, &err);
	patch->faults = NULL;
	if (!fits) {
		err_wrap(&err, "patch %s", operation_workflow(ctx->arena, session->id, session->name));
		return cli_fail(ctx, &err);
	}
	workflow_session_log_warnings(ctx, &left_out);
	cmd_patch_warn_of_loss(ctx, body, described);
	operation_update_init(&update, ctx->arena, session->id, session->name, body);
	if (!workflow_session_run(session, &update.op, &err))
		return cli_fail(ctx, &err);
	workflow_session_print_result(ctx, "patched", session->id, node_get_text(body, "name"), update.answer);
	return 0;
}

static int cmd_workflow_patch_run(struct context *ctx)
{
	CLEANUP(workflow_session_close) struct workflow_session session = { 0 };
	struct diagnostics faults = { .arena = ctx->arena };
	struct patch what = { 0 };
	struct spec spec;
	struct err err;

	if (!cmd_patch_read_options(ctx, &what, &err))
		return cli_fail(ctx, &err);
	if (ctx->argument_count > 1) {
		if (!workflow_session_read_patch(ctx, ctx->arguments[1], &spec, &faults))
			return cli_fail_faults(ctx, &faults, ERR_SPEC);
		what.body = spec_body(ctx->arena, &spec);
	}
	if (!workflow_session_open_workflow(ctx, ctx->arguments[0], &session, &err))
		return cli_fail(ctx, &err);
	return cmd_patch_send(&session, &what);
}

const struct command cmd_workflow_patch = {
	.name = "patch",
	.arguments = "ID|NAME [FILE]",
	.summary = "change parts of a workflow",
	.help = "Changes parts of a workflow and keeps the rest: first the values of the file, then those of\n"
	        "options.  In a file each key beside steps replaces the whole value; a step is merged into the\n"
	        "existing step of its name, or added.  Options apply to every step that can have them, or to\n"
	        "those that --step names; variables are ignored for them.",
	.least = 1,
	.most = 2,
	.options = FOR_PATCH | FOR_SPECS | FOR_TABLE | FOR_DESCRIBE,
	.run = cmd_workflow_patch_run,
};
