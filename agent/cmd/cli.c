#include "agent/cmd/cli.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "agent/config/config_file.h"
#include "agent/util/diagnostics_text.h"
#include "agent/config/cycle_job.h"
#include "agent/util/shutdown_signals.h"
#include "agent/sync/sync_check.h"
#include "agent/config/template_vars.h"
#include "reconcile/tree/json.h"
#include "reconcile/base/suggest.h"

extern const struct command cmd_plan, cmd_sync, cmd_validate, cmd_import, cmd_report, cmd_workflow, cmd_serve,
                            cmd_agent, cmd_approve, cmd_schema, cmd_version, cmd_help, cmd_agent_cycle,
                            cmd_git_fetch, cmd_step_checkout, cmd_step_runner, cmd_step_http, cmd_send_notification;

static const struct command *const commands[] = {
	&cmd_plan,
	&cmd_sync,
	&cmd_agent,
	&cmd_approve,
	&cmd_validate,
	&cmd_import,
	&cmd_report,
	&cmd_workflow,
	&cmd_serve,
	&cmd_schema,
	&cmd_version,
	&cmd_help,
	/* hidden */
	&cmd_agent_cycle,
	&cmd_git_fetch,
	&cmd_step_checkout,
	&cmd_step_runner,
	&cmd_step_http,
	&cmd_send_notification,
	NULL,
};

const struct command cli_root = {
	.name = "flowsync",
	.help = "Keeps the workflows of a workflow service as YAML files declare them.",
	.commands = commands,
};

/* What went wrong. */

/* "With -o json stdout is one JSON document, on every exit code." */
static void cli_print_error_document(FILE *out, struct arena *a, const struct diagnostics *faults, int exit_code)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;
	struct node *document = node_map(a);

	node_put(a, document, "errors", diagnostics_text_list(a, faults, false));
	node_put(a, document, "warnings", diagnostics_text_list(a, faults, true));
	node_put(a, document, "exit_code", node_int(a, exit_code));
	json_write(document, JSON_PRETTY, &text);
	fprintf(out, "%s\n", buf_str(&text));
}

int cli_fail_usage(struct context *ctx, const struct diagnostics *faults)
{
	int code = exit_status_code(&(struct exit_status){ .usage = true });

	diagnostics_log(ctx->log, faults);
	if (ctx->command->refused)
		ctx->command->refused(ctx, faults);
	else if (ctx->settings->output == OUTPUT_JSON)
		cli_print_error_document(ctx->out, ctx->arena, faults, code);
	return code;
}

int cli_fail_faults(struct context *ctx, const struct diagnostics *faults, enum err_kind kind)
{
	struct exit_status verdict = { 0 };

	exit_status_add(&verdict, &(struct err){ .kind = kind });
	int code = exit_status_code(&verdict);
	diagnostics_log(ctx->log, faults);
	if (ctx->settings->output == OUTPUT_JSON)
		cli_print_error_document(ctx->out, ctx->arena, faults, code);
	return code;
}

int cli_fail(struct context *ctx, const struct err *err)
{
	struct diagnostics faults = { .arena = ctx->arena };

	diagnostics_add(&faults, (struct pos){ 0 }, "%s", err->msg);
	return cli_fail_faults(ctx, &faults, err->kind);
}

/* Finding the command. */

static const struct command *cli_find_subcommand(const struct command *outer, const char *word)
{
	for (const struct command *const *c = outer->commands; *c; c++)
		if (strcmp((*c)->name, word) == 0)
			return *c;
	return NULL;
}

const struct command *cli_find_command(struct arena *a, const struct command *root, const char *const *words,
                                       size_t count, size_t *used, const char **path)
{
	const struct command *found = root, *inner;
	const char *text = "";

	for (*used = 0; *used < count && found->commands; ++*used) {
		inner = cli_find_subcommand(found, words[*used]);
		if (!inner)
			break;
		text = arena_printf(a, "%s%s%s", text, *text ? " " : "", inner->name);
		found = inner;
	}
	*path = text;
	return found;
}

/* Where the words end, or go on with one that nobody knows. */
static void cli_report_unknown_command(struct context *ctx, struct diagnostics *f)
{
	const char *space = *ctx->path ? " " : "";
	struct suggestion near = { .word = ctx->argument_count ? ctx->arguments[0] : "" };

	for (const struct command *const *c = ctx->command->commands; *c && !(*c)->hidden; c++)
		suggest_offer(&near, (*c)->name);
	if (ctx->argument_count == 0) {
		/* After a wrong option the list would only push the message off the screen. */
		if (f->errors > 0)
			return;
		cli_help(ctx->command, ctx->path, ctx->err);
		fputc('\n', ctx->err);
		diagnostics_add(f, (struct pos){ 0 }, "no command is given: flowsync%s%s COMMAND", space, ctx->path);
	} else if (near.best) {
		diagnostics_add(f, (struct pos){ 0 }, "unknown command \"%s%s%s\"; did you mean \"%s%s%s\"?",
		                ctx->path, space, near.word, ctx->path, space, near.best);
	} else {
		diagnostics_add(f, (struct pos){ 0 }, "unknown command \"%s%s%s\"; flowsync help%s%s lists all",
		                ctx->path, space, near.word, space, ctx->path);
	}
}

static void cli_check_argument_count(const struct context *ctx, struct diagnostics *f)
{
	const struct command *c = ctx->command;

	if ((int)ctx->argument_count < c->least)
		diagnostics_add(f, (struct pos){ 0 }, "\"%s\" needs %s", ctx->path, c->arguments);
	else if (c->most >= 0 && (int)ctx->argument_count > c->most)
		diagnostics_add(f, (struct pos){ 0 }, "\"%s\" does not take the argument \"%s\"", ctx->path,
		                ctx->arguments[c->most]);
}

/* Running it. */

/* The sync that a command is about. */
static bool cli_choose_sync(const struct context *ctx, size_t *out, struct diagnostics *f)
{
	const struct config *c = ctx->config;
	const char *name = ctx->job ? ctx->job->sync : context_early(ctx, "sync", "FLOWSYNC_SYNC");
	CLEANUP(buf_done) struct buf all = BUF_TEXT;

	*out = c && c->count == 1 ? 0 : CONFIG_NO_SYNC;
	if (!c || (ctx->job && c->count == 0) || !(ctx->command->options & FOR_SPECS) || ctx->command->many ||
	    (!name && c->count < 2) ||
	    (name && config_find(c, name, out)))
		return true;
	for (size_t i = 0; i < c->count; i++)
		buf_addf(&all, "%s%s", i ? ", " : "", c->names[i]);
	if (name)
		return diagnostics_add(f, (struct pos){ .file = c->path },
		                       "no sync of the name \"%s\"; there are: %s", name,
		                       buf_str(&all));
	return diagnostics_add(f, (struct pos){ .file = c->path }, "holds %zu syncs (%s): choose one with --sync NAME",
	                       c->count, buf_str(&all));
}

static void cli_set_up_output(struct context *ctx)
{
	const struct settings *s = ctx->settings;
	struct term_hints hints = {
		env_get(ctx->env, "NO_COLOR"), env_get(ctx->env, "TERM"), env_get(ctx->env, "COLUMNS"),
	};

	term_init(&ctx->term, s->color, &hints, ctx->out, ctx->err);
	ctx->term.err_live = ctx->term.err_live && !s->quiet && s->log_format == LOG_TEXT;
	context_set_log(ctx->log, s);
	ctx->log->color = ctx->term.err_color;
}

/* True if the command line asks for JSON, whatever else is wrong with it. */
static bool cli_wants_json(const struct context *ctx)
{
	const char *output = context_early(ctx, "output", "FLOWSYNC_OUTPUT");

	return output && strcasecmp(output, "json") == 0;
}

/* What is wrong before the command runs.  The command may be a table of commands that lacks its
 * word. */
static void cli_check_command_line(struct context *ctx, struct settings *s, struct vars *vars, struct diagnostics *f)
{
	size_t sync = CONFIG_NO_SYNC;

	if (ctx->command->commands) {
		cli_report_unknown_command(ctx, f);
		return;
	}
	/* What follows an unknown option may be its value: no argument to complain of. */
	if (f->errors == 0)
		cli_check_argument_count(ctx, f);
	if (!ctx->command->bare && context_config(ctx, ctx->arena, &ctx->config, f) && cli_choose_sync(ctx, &sync, f) &&
	    !ctx->job && (ctx->command->options & FOR_CYCLE))
		sync_check_owners(ctx, ctx->config, f);
	context_settings(ctx, ctx->config, sync, ctx->arena, s, vars, f);
}

/* A reader that goes away (| head, a client of serve) must not end a sync in the middle of a
 * step: the write fails and is reported. */
static bool cli_watch_signals(struct context *ctx, struct err *err)
{
	shutdown_signals_ignore_sigpipe();
	return !ctx->command->stops || shutdown_signals_watch(&ctx->stop_fd, err);
}

static int cli_run_command(struct context *ctx, struct diagnostics *faults)
{
	struct settings settings = { .log_level = LEVEL_INFO };
	struct vars vars = { 0 };
	struct err err;

	ctx->settings = &settings;
	ctx->vars = &vars;
	if (ctx->command->prepare && !ctx->command->prepare(ctx, &err))
		return cli_fail(ctx, &err);
	cli_check_command_line(ctx, &settings, &vars, faults);
	cli_set_up_output(ctx);
	if (faults->errors > 0) {
		settings.output = cli_wants_json(ctx) ? OUTPUT_JSON : OUTPUT_HUMAN;
		return cli_fail_usage(ctx, faults);
	}
	/* What the agent told when it began it need not tell each cycle. */
	if (!ctx->job)
		diagnostics_log(ctx->log, faults);
	if (!cli_watch_signals(ctx, &err))
		return cli_fail(ctx, &err);
	return ctx->command->run(ctx);
}

/* Results that did not reach their reader are no success, nor a plan whose changes may be
 * pending. */
static int cli_flush_output(struct context *ctx, int code)
{
	errno = 0;
	if (fflush(ctx->out) == 0 && !ferror(ctx->out))
		return code;
	log_error(ctx->log, "write to stdout: %s", errno ? strerror(errno) : "what was printed is not whole");
	return code == 0 || code == 2 ? exit_status_code(&(struct exit_status){ .failed = true }) : code;
}

int cli_run(const struct command *root, int argc, char **argv, char **env, FILE *out, FILE *err)
{
	static const char *version[] = { "version" };
	CLEANUP(arena_free) struct arena arena = { 0 };
	struct log log = { .to = err, .level = LEVEL_INFO,
	                   .journal = log_is_journal(err, env_get(env, "JOURNAL_STREAM")) };
	struct context ctx = { .root = root, .arena = &arena, .env = env, .out = out, .err = err,
	                       .log = &log, .stop_fd = -1 };
	struct diagnostics faults = { .arena = &arena };
	struct command_line line;
	size_t used;

	ctx.line = &line;
	options_scan(&arena, argc, argv, &line, &faults);
	if (line.version && !line.help) {
		line.words = version;
		line.word_count = 1;
	}
	ctx.command = cli_find_command(&arena, root, line.words, line.word_count, &used, &ctx.path);
	ctx.arguments = line.words + used;
	ctx.argument_count = line.word_count - used;
	if (line.help && (ctx.argument_count == 0 || !ctx.command->commands)) {
		cli_help(ctx.command, ctx.path, out);
		return cli_flush_output(&ctx, 0);
	}
	return cli_flush_output(&ctx, cli_run_command(&ctx, &faults));
}
