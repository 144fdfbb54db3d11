#include "agent/config/context.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/config/config_file.h"
#include "agent/config/cycle_job.h"
#include "agent/config/template_vars.h"
#include "agent/util/annotations.h"

bool context_dir(const struct context *ctx, const char **out, struct err *err)
{
	const struct settings *s = ctx->settings;
	const struct origin *origin = settings_origin(s, &s->dir);

	if (ctx->argument_count > 0) {
		if (origin && origin->kind == ORIGIN_OPTION)
			return err_usage(err, "two directories are given, \"%s\" and --dir \"%s\"",
			                 ctx->arguments[0], s->dir);
		*out = ctx->arguments[0];
		return true;
	}
	if (!s->dir)
		return err_usage(err, "no directory is given: %s--dir DIR, FLOWSYNC_DIR, or "
		                 "source: {dir: ...} of the sync in the configuration file%s",
		                 ctx->command->most == 0 ? "" : arena_printf(ctx->arena, "flowsync %s DIR, ", ctx->path),
		                 context_config_hint(ctx));
	*out = s->dir;
	return true;
}

/* What was given on the command line, else in its variable.  For what has to be known before
 * all the rest is read. */
const char *context_early(const struct context *ctx, const char *name, const char *variable)
{
	const char *text = env_get(ctx->env, variable);

	for (size_t i = 0; i < ctx->line->given_count; i++)
		if (strcmp(ctx->line->given[i].name, name) == 0)
			text = ctx->line->given[i].value;
	return text && *text ? text : NULL;
}

static const char default_config[] = "flowsync.yaml";

/* The file that --config or its variable names.  An agent without a source takes the one in the current directory.
 * Other commands never do: it may come from a stranger's pull request, and it says where a token is sent. */
static const char *context_config_path(const struct context *ctx)
{
	const char *path = context_early(ctx, "config", "FLOWSYNC_CONFIG");

	if (path || !ctx->command->many || context_early(ctx, "dir", "FLOWSYNC_DIR") ||
	    context_early(ctx, "git", "FLOWSYNC_GIT"))
		return path;
	return access(default_config, F_OK) == 0 ? default_config : NULL;
}

const char *context_config_hint(const struct context *ctx)
{
	if (ctx->config || ctx->job || access(default_config, F_OK) < 0)
		return "";
	return "; there is a flowsync.yaml here: --config flowsync.yaml uses it";
}

bool context_config(const struct context *ctx, struct arena *a, const struct config **out,
                struct diagnostics *faults)
{
	struct config *config = arena_new(a, struct config, 1);
	const struct cycle_job *job = ctx->job;
	const char *path = context_config_path(ctx), *home = env_get(ctx->env, "HOME");

	*out = NULL;
	if (job ? !job->config_text : !path)
		return true;
	if (!(job ? config_parse(a, job->config_path, home, job->config_text, strlen(job->config_text), config, faults)
	          : config_read(a, path, home, config, faults)))
		return false;
	*out = config;
	return true;
}

void context_settings(const struct context *ctx, const struct config *config, size_t sync,
                  struct arena *a, struct settings *s, struct vars *vars, struct diagnostics *f)
{
	unsigned groups = ctx->command->options | FOR_ALL;

	/* Each beats those before it. */
	options_defaults(a, groups, ctx->env, s);
	if (config)
		config_set(a, config, sync, s);
	if (!ctx->command->bare)
		options_from_env(a, groups, ctx->env, s, f);
	options_from_argv(a, groups, ctx->path, ctx->line, s, f);
	/* The agent reads the file for each sync and at each reload. */
	if (vars && ctx->command->many && s->vars_file && strcmp(s->vars_file, "-") == 0)
		diagnostics_add(f, (struct pos){ 0 }, "%s -: the agent reads its variables again and again: give a file",
		                settings_origin(s, &s->vars_file)->name);
	else if (vars && (ctx->command->options & FOR_SPECS))
		template_vars_build(a, s, ctx->env, vars, f);
}

void context_set_log(struct log *log, const struct settings *s)
{
	log->format = s->log_format;
	log->level = s->quiet && s->log_level > LEVEL_WARN ? LEVEL_WARN : s->log_level;
}

bool context_wants_annotations(const struct context *ctx)
{
	const struct settings *s = ctx->settings;
	const char *runner = env_get(ctx->env, "GITHUB_ACTIONS");

	if (!(ctx->command->options & FOR_ANNOTATIONS) || s->annotations == ANNOTATIONS_OFF)
		return false;
	return s->annotations == ANNOTATIONS_GITHUB ||
	       /* Lines of a log that is JSON are read by a program, which would take none that are not. */
	       (runner && strcasecmp(runner, "false") != 0 && s->log_format == LOG_TEXT);
}

void context_annotate(const struct context *ctx, const struct diagnostics *faults, bool in_repository)
{
	if (!context_wants_annotations(ctx))
		return;
	annotations_print(&(struct annotation_output){
		.to = ctx->err, .workspace = env_get(ctx->env, "GITHUB_WORKSPACE"), .in_repository = in_repository,
		.errors_only = ctx->log->level < LEVEL_WARN,
	}, faults);
}

size_t context_table_width(const struct context *ctx)
{
	return ctx->term.out_terminal && ctx->settings->output != OUTPUT_WIDE ? (size_t)ctx->term.width : 0;
}
