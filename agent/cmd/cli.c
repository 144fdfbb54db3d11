#include "agent/cmd/cli.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>

#include "agent/config/config_file.h"
#include "agent/util/diagnostics_text.h"
#include "agent/util/json_output.h"
#include "agent/config/cycle_job.h"
#include "agent/util/shutdown_signals.h"
#include "agent/util/state_directory.h"
#include "agent/sync/sync_check.h"
#include "agent/config/template_vars.h"
#include "reconcile/plan/report.h"
#include "reconcile/tree/json.h"
#include "reconcile/base/suggest.h"

extern const struct command cmd_plan, cmd_explain, cmd_sync, cmd_validate, cmd_import, cmd_report, cmd_show, cmd_workflow,
                            cmd_serve, cmd_agent, cmd_approve, cmd_schema, cmd_version, cmd_help, cmd_agent_cycle,
                            cmd_git_fetch, cmd_step_checkout, cmd_step_runner, cmd_step_http, cmd_send_notification;

static const struct command *const commands[] = {
	&cmd_plan,
	&cmd_explain,
	&cmd_sync,
	&cmd_agent,
	&cmd_approve,
	&cmd_validate,
	&cmd_import,
	&cmd_report,
	&cmd_show,
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
	.help = "Keeps the workflows of a workflow service equal to YAML files.",
	.commands = commands,
};

struct node *cli_document(struct context *ctx, const struct diagnostics *faults, int exit_code)
{
	static const struct diagnostics none;
	struct arena *a = ctx->arena;
	struct node *document = node_map(a);

	node_put(a, document, "report_version", node_int(a, REPORT_VERSION));
	node_put(a, document, "exit_code", node_int(a, exit_code));
	node_put(a, document, "errors", diagnostics_text_list(a, faults ? faults : &none, false));
	node_put(a, document, "warnings", diagnostics_text_list(a, faults ? faults : &none, true));
	return document;
}

void cli_print_document(struct context *ctx, const struct node *document)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	json_write(document, JSON_PRETTY, &text);
	buf_addc(&text, '\n');
	json_output_add(&(struct json_output){ .to = ctx->out }, buf_str(&text), text.len);
}

int cli_fail_usage(struct context *ctx, const struct diagnostics *faults)
{
	int code = exit_status_code(&(struct exit_status){ .usage = true });

	diagnostics_log(ctx->log, faults);
	context_annotate(ctx, faults, false);
	if (ctx->command->refused)
		ctx->command->refused(ctx, faults);
	else if (ctx->settings->output == OUTPUT_JSON)
		cli_print_document(ctx, cli_document(ctx, faults, code));
	return code;
}

int cli_fail_faults(struct context *ctx, const struct diagnostics *faults, enum err_kind kind)
{
	struct exit_status verdict = { 0 };

	exit_status_add(&verdict, &(struct err){ .kind = kind });
	int code = exit_status_code(&verdict);
	diagnostics_log(ctx->log, faults);
	if (ctx->settings->output == OUTPUT_JSON)
		cli_print_document(ctx, cli_document(ctx, faults, code));
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

/* What users of other tools type, and the command that does the same here.  under: the command that the word was
 * typed after. */
static const struct { const char *under, *word, *command; } foreign_words[] = {
	{ "", "diff", "plan" },
	{ "", "preview", "plan" },
	{ "", "apply", "sync" },
	{ "", "deploy", "sync" },
	{ "", "reconcile", "sync" },
	{ "", "lint", "validate" },
	{ "", "dump", "import" },
	{ "", "export", "import" },
	{ "", "status", "report" },
	{ "", "watch", "agent" },
	{ "", "daemon", "agent" },
	{ "", "server", "serve" },
	{ "", "config", "schema config" },
	{ "", "ls", "workflow list" },
	{ "", "get", "workflow describe" },
	{ "", "show", "workflow describe" },
	{ "", "run", "workflow execute" },
	{ "", "start", "workflow execute" },
	{ "", "trigger", "workflow execute" },
	{ "", "runs", "workflow executions" },
	{ "", "history", "workflow executions" },
	{ "", "rm", "workflow delete" },
	{ "workflow", "ls", "workflow list" },
	{ "workflow", "status", "workflow executions" },
	{ "workflow", "get", "workflow describe" },
	{ "workflow", "show", "workflow describe" },
	{ "workflow", "add", "workflow create" },
	{ "workflow", "apply", "workflow create-or-update" },
	{ "workflow", "edit", "workflow patch" },
	{ "workflow", "set", "workflow patch" },
	{ "workflow", "rm", "workflow delete" },
	{ "workflow", "remove", "workflow delete" },
	{ "workflow", "run", "workflow execute" },
	{ "workflow", "start", "workflow execute" },
	{ "workflow", "trigger", "workflow execute" },
	{ "workflow", "runs", "workflow executions" },
	{ "workflow", "history", "workflow executions" },
	{ "workflow", "cancel", "workflow stop" },
	{ "workflow", "kill", "workflow stop" },
};

/* The commands below another one that have a command called word: "workflow list" for "list". */
static const char *cli_find_deeper(struct arena *a, const struct command *outer, const char *word)
{
	for (const struct command *const *c = outer->commands; *c && !(*c)->hidden; c++)
		if ((*c)->commands && cli_find_subcommand(*c, word))
			return arena_printf(a, "%s %s", (*c)->name, word);
	return NULL;
}

const char *cli_suggest_command(struct arena *a, const struct command *outer, const char *path, const char *word)
{
	const char *deeper = cli_find_deeper(a, outer, word);
	struct suggestion nearest = { .word = word };

	for (size_t i = 0; i < ARRAY_LEN(foreign_words); i++)
		if (strcmp(foreign_words[i].under, path) == 0 && strcmp(foreign_words[i].word, word) == 0)
			return foreign_words[i].command;
	if (deeper)
		return deeper;
	for (const struct command *const *c = outer->commands; *c && !(*c)->hidden; c++)
		suggest_offer(&nearest, (*c)->name);
	return nearest.best ? arena_printf(a, "%s%s%s", path, *path ? " " : "", nearest.best) : NULL;
}

/* The words end before a command, or with a word that is no command. */
static void cli_report_unknown_command(struct context *ctx, struct diagnostics *f)
{
	const char *space = *ctx->path ? " " : "";

	if (ctx->argument_count == 0) {
		/* After a wrong option the list would only push the message off the screen. */
		if (f->errors > 0)
			return;
		cli_help(ctx->command, ctx->path, ctx->err);
		fputc('\n', ctx->err);
		diagnostics_add(f, (struct pos){ 0 }, "no command is given: flowsync%s%s COMMAND", space, ctx->path);
		return;
	}
	const char *word = ctx->arguments[0];
	const char *suggested = cli_suggest_command(ctx->arena, ctx->command, ctx->path, word);
	if (suggested)
		diagnostics_add(f, (struct pos){ 0 }, "unknown command \"%s%s%s\"; did you mean \"%s\"?",
		                ctx->path, space, word, suggested);
	else
		diagnostics_add(f, (struct pos){ 0 }, "unknown command \"%s%s%s\"; flowsync help%s%s lists all",
		                ctx->path, space, word, space, ctx->path);
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

/* Sets *out to the number of the sync that the command works on; CONFIG_NO_SYNC: of none in the configuration. */
static bool cli_choose_sync(const struct context *ctx, size_t *out, struct diagnostics *f)
{
	const struct config *c = ctx->config;
	const char *name = ctx->job ? ctx->job->sync : context_early(ctx, "sync", "FLOWSYNC_SYNC");
	CLEANUP(buf_done) struct buf all = BUF_TEXT;

	*out = c && c->count == 1 ? 0 : CONFIG_NO_SYNC;
	if (!c || (ctx->job && c->count == 0) || !(ctx->command->options & FOR_SPECS) || ctx->command->many ||
	    (!name && c->count < 2) || (name && config_find(c, name, out)))
		return true;
	for (size_t i = 0; i < c->count; i++)
		buf_addf(&all, "%s%s", i ? ", " : "", c->names[i]);
	if (name)
		return diagnostics_add(f, (struct pos){ .file = c->path }, "no sync is named \"%s\"; the syncs are: %s",
		                       name, buf_str(&all));
	return diagnostics_add(f, (struct pos){ .file = c->path }, "has %zu syncs (%s): choose one with --sync NAME",
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

/* True if the report goes to stdout, where nothing else may stand beside it. */
static bool cli_prints_report(const struct context *ctx)
{
	const char *report = context_early(ctx, "report", "FLOWSYNC_REPORT");

	return report && strcmp(report, "-") == 0 && (ctx->command->options & FOR_REPORTED);
}

/* True if the command line asks for JSON on stdout, whatever else is wrong with it. */
static bool cli_wants_json(const struct context *ctx)
{
	const char *output = env_get(ctx->env, "FLOWSYNC_OUTPUT");

	for (size_t i = 0; i < ctx->line->given_count; i++) {
		const struct given *g = &ctx->line->given[i];
		if (strcmp(g->name, "output") == 0 && !strchr(g->value, '='))
			output = g->value;
	}
	return (output && strcasecmp(output, "json") == 0) || cli_prints_report(ctx);
}

/* Finds all faults of the command line, the variables and the configuration before the command runs.  A command
 * with sub-commands comes here only if none of them was named. */
static void cli_check_command_line(struct context *ctx, struct settings *s, struct vars *vars, struct diagnostics *f)
{
	size_t sync = CONFIG_NO_SYNC;

	if (ctx->command->commands) {
		cli_report_unknown_command(ctx, f);
		return;
	}
	if (!ctx->command->bare && context_config(ctx, ctx->arena, &ctx->config, f) && cli_choose_sync(ctx, &sync, f) &&
	    !ctx->job && (ctx->command->options & FOR_CYCLE))
		sync_check_owners(ctx, ctx->config, f);
	context_settings(ctx, ctx->config, sync, ctx->arena, s, vars, f);
	/* After a wrong option its value counts as an argument: a message about arguments would mislead. */
	if (f->errors == 0)
		cli_check_argument_count(ctx, f);
}

/* A reader that goes away (| head, a client of serve) and a file that may not grow must not end a sync in the middle of
 * a step: SIGPIPE and SIGXFSZ are ignored, and the failed write is found. */
static bool cli_watch_signals(struct context *ctx, struct err *err)
{
	shutdown_signals_ignore_write_signals();
	return !ctx->command->stops || shutdown_signals_watch(&ctx->stop_fd, err);
}

static int cli_run_command(struct context *ctx, struct diagnostics *faults)
{
	struct settings settings = { .log_level = LEVEL_INFO };
	struct vars vars = { 0 };
	struct err err;

	ctx->settings = &settings;
	ctx->vars = &vars;
	/* First of all: a signal that comes while the configuration is read is found by the command. */
	if (!cli_watch_signals(ctx, &err))
		return cli_fail(ctx, &err);
	if (ctx->command->prepare && !ctx->command->prepare(ctx, &err))
		return cli_fail(ctx, &err);
	cli_check_command_line(ctx, &settings, &vars, faults);
	cli_set_up_output(ctx);
	if (faults->errors > 0) {
		settings.output = cli_wants_json(ctx) ? OUTPUT_JSON : OUTPUT_HUMAN;
		return cli_fail_usage(ctx, faults);
	}
	if (cli_prints_report(ctx))
		settings.output = OUTPUT_JSON;
	/* The agent has logged these warnings once; its cycles do not repeat them. */
	if (!ctx->job)
		diagnostics_log(ctx->log, faults);
	if (ctx->command->as_state_owner && settings.state_dir &&
	    !state_directory_become_owner(&settings.state_dir, &err))
		return cli_fail(ctx, &err);
	if (!ctx->job && ctx->command->options & (FOR_CYCLE | FOR_AGENT | FOR_SERVE | FOR_APPROVE | FOR_REPORT))
		state_directory_warn(ctx->log, settings.state_dir);
	return ctx->command->run(ctx);
}

/* True if out is a pipe or a socket whose reader has closed it. */
static bool cli_reader_is_gone(FILE *out)
{
	struct pollfd pipe = { .fd = fileno(out), .events = POLLOUT };

	return poll(&pipe, 1, 0) > 0 && (pipe.revents & POLLERR);
}

/* Output that did not reach its reader makes the exit code a failure.  A reader that has seen enough (| head) is no
 * fault: nothing is logged then, and the exit code stays. */
static int cli_flush_output(struct context *ctx, int code)
{
	errno = 0;
	if (fflush(ctx->out) == 0 && !ferror(ctx->out))
		return code;
	if (cli_reader_is_gone(ctx->out))
		return code;
	log_error(ctx->log, "write to stdout: %s", errno ? strerror(errno) : "the output is not complete");
	return code == 0 || code == 2 ? exit_status_code(&(struct exit_status){ .failed = true }) : code;
}

/* "flowsync workflow help [COMMAND]" is the same as "flowsync help workflow [COMMAND]". */
static bool cli_is_help_of_group(const struct context *ctx)
{
	return ctx->command->commands && ctx->argument_count > 0 && strcmp(ctx->arguments[0], "help") == 0;
}

/* Rewrites the words of the line: "workflow help list" becomes "help workflow list". */
static void cli_move_help_first(struct arena *a, struct command_line *line, size_t used)
{
	const char **words = arena_new(a, const char *, line->word_count);

	memcpy(words, line->words, line->word_count * sizeof *words);
	memmove(words + 1, words, used * sizeof *words);
	words[0] = "help";
	line->words = words;
}

static void cli_set_command(struct context *ctx, struct command_line *line)
{
	size_t used;

	ctx->command = cli_find_command(ctx->arena, ctx->root, line->words, line->word_count, &used, &ctx->path);
	ctx->arguments = line->words + used;
	ctx->argument_count = line->word_count - used;
	if (cli_is_help_of_group(ctx)) {
		cli_move_help_first(ctx->arena, line, used);
		cli_set_command(ctx, line);
	}
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

	ctx.line = &line;
	options_scan(&arena, argc, argv, &line, &faults);
	if (line.version && !line.help) {
		line.words = version;
		line.word_count = 1;
	}
	cli_set_command(&ctx, &line);
	if (line.help && (ctx.argument_count == 0 || !ctx.command->commands)) {
		cli_help(ctx.command, ctx.path, out);
		return cli_flush_output(&ctx, 0);
	}
	return cli_flush_output(&ctx, cli_run_command(&ctx, &faults));
}
