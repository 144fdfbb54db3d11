#include "tests/test.h"
#include "agent/cmd/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A program of our own: every group of options, and sub-commands. */

static int print_arguments(struct context *ctx)
{
	fprintf(ctx->out, "%s:", ctx->path);
	for (size_t i = 0; i < ctx->argument_count; i++)
		fprintf(ctx->out, " %s", ctx->arguments[i]);
	fprintf(ctx->out, "\n");
	log_info(ctx->log, "ran");
	return 0;
}

static int print_dir(struct context *ctx)
{
	const char *dir;
	struct err err;

	if (!context_dir(ctx, &dir, &err))
		return cli_fail(ctx, &err);
	fprintf(ctx->out, "%s\n", dir);
	return 0;
}

static int fail_with_conflict(struct context *ctx)
{
	struct err err;

	err_set(&err, "another \"owner\"");
	err.kind = ERR_CONFLICT;
	return cli_fail(ctx, &err);
}

static const struct command plan = {
	.name = "plan", .arguments = "[DIR]", .summary = "show what a sync would do", .most = 1,
	.options = FOR_PLAN | FOR_CYCLE | FOR_REPORTED | FOR_SPECS | FOR_RESULT, .run = print_dir,
};
static const struct command agent = {
	.name = "agent", .summary = "sync continuously", .options = FOR_AGENT | FOR_CYCLE | FOR_REPORTED | FOR_SPECS, .many = true,
	.run = print_dir,
};
static const struct command serve = {
	.name = "serve", .summary = "serve", .options = FOR_SERVE, .stops = true, .run = print_arguments,
};
static const struct command list = {
	.name = "list", .summary = "list", .options = FOR_TABLE | FOR_LIST, .run = print_arguments,
};
static const struct command describe = {
	.name = "describe", .arguments = "WORKFLOW", .summary = "describe", .least = 1, .most = 1,
	.options = FOR_TABLE | FOR_DESCRIBE, .run = fail_with_conflict,
};
static const struct command *const workflow_commands[] = { &list, &describe, NULL };
static const struct command workflow = {
	.name = "workflow", .summary = "one operation by hand", .commands = workflow_commands,
};
static const struct command bare = {
	.name = "version", .summary = "print the version", .bare = true, .run = print_arguments,
};
extern const struct command cmd_help;
static const struct command *const commands[] = { &plan, &agent, &serve, &workflow, &bare, &cmd_help, NULL };
static const struct command root = { .name = "flowsync", .help = "A test.", .commands = commands };

static char *no_env[] = { NULL };

struct ran {
	int code;
	char *out, *err;
};

static void ran_done(struct ran *r)
{
	free(r->out);
	free(r->err);
}

/* Runs what stands between single spaces. */
static struct ran run(const struct command *from, const char *text, char **env)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char *argv[32] = { (char *)"flowsync" };
	struct ran r;
	size_t out_len, err_len;
	int argc = 1;
	FILE *out = open_memstream(&r.out, &out_len), *err = open_memstream(&r.err, &err_len);

	for (char *rest = arena_strdup(&a, text), *word; *text && (word = strsep(&rest, " ")); )
		argv[argc++] = word;
	r.code = cli_run(from, argc, argv, env, out, err);
	fclose(out);
	fclose(err);
	return r;
}

static void a_line_ends_with_its_code_and_texts(void **state)
{
	static const struct { const char *line, *out, *err; int code; } cases[] = {
		{ "plan x", "x\n", "", 0 },
		{ "plan --dir x", "x\n", "", 0 },
		{ "plan x --dir y", "", "flowsync: error: two directories are given, \"x\" and --dir \"y\"\n", 64 },
		{ "plan", "", "flowsync: error: no directory is given: flowsync plan DIR, --dir DIR, FLOWSYNC_DIR, or "
		  "source: {dir: ...} of the sync in the configuration file\n", 64 },
		{ "plan x y", "", "flowsync: error: \"plan\" does not take the argument \"y\"\n", 64 },
		{ "workflow list", "workflow list:\n", "flowsync: ran\n", 0 },
		{ "-q workflow list", "workflow list:\n", "", 0 },
		{ "workflow list --log-level warn", "workflow list:\n", "", 0 },
		{ "-q workflow describe x", "", "flowsync: error: another \"owner\"\n", 5 },
		{ "workflow describe x --color always", "",
		  "flowsync: \033[1;31merror: \033[0manother \"owner\"\n", 5 },
		{ "workflow describe", "", "flowsync: error: \"workflow describe\" needs WORKFLOW\n", 64 },
		{ "workflow lst", "", "flowsync: error: unknown command \"workflow lst\"; "
		                      "did you mean \"workflow list\"?\n", 64 },
		{ "workflow xyz", "", "flowsync: error: unknown command \"workflow xyz\"; "
		                      "flowsync help workflow lists all\n", 64 },
		{ "paln x", "", "flowsync: error: unknown command \"paln\"; did you mean \"plan\"?\n", 64 },
		{ "help paln", "", "flowsync: error: no help on \"paln\"; did you mean \"flowsync help plan\"?\n", 64 },
		{ "help xyz", "", "flowsync: error: no help on \"xyz\"; flowsync help lists all commands\n", 64 },
		{ "help workflow lst", "",
		  "flowsync: error: no help on \"lst\"; did you mean \"flowsync help workflow list\"?\n", 64 },
		{ "workflow help lst", "",
		  "flowsync: error: no help on \"lst\"; did you mean \"flowsync help workflow list\"?\n", 64 },
		{ "plan x -v", "x\n", "", 0 },
		{ "plan x -n y", "", "flowsync: error: unknown option \"-n\"; did you mean \"--name\"?\n", 64 },
		{ "plan x -z", "", "flowsync: error: unknown option \"-z\"\n", 64 },
		{ "plan --dry-run", "", "flowsync: error: unknown option \"--dry-run\"; flowsync plan shows what a sync would "
		  "do\n", 64 },
		{ "help plan x", "",
		  "flowsync: error: no help on \"plan x\"; did you mean \"flowsync help plan\"?\n", 64 },
		{ "diff x", "", "flowsync: error: unknown command \"diff\"; did you mean \"plan\"?\n", 64 },
		{ "list", "", "flowsync: error: unknown command \"list\"; did you mean \"workflow list\"?\n", 64 },
		{ "get x", "", "flowsync: error: unknown command \"get\"; did you mean \"workflow describe\"?\n", 64 },
		{ "workflow run x", "", "flowsync: error: unknown command \"workflow run\"; "
		                        "did you mean \"workflow execute\"?\n", 64 },
		{ "workflow describe --listen x", "",
		  "flowsync: error: \"workflow describe\" takes no option --listen\n", 64 },
		{ "plan x --concurency 3", "", "flowsync: error: unknown option \"--concurency\"; "
		                               "did you mean \"--concurrency\"?\n", 64 },
		{ "plan x --listen y", "", "flowsync: error: \"plan\" takes no option --listen\n", 64 },
		{ "plan x --set secret", "", "flowsync: error: --set: expected KEY=VALUE, found no \"=\"\n", 64 },
		{ "plan x --vars /nonexistent", "",
		  "flowsync: error: /nonexistent: --vars: cannot be read: No such file or directory\n", 64 },
		{ "plan x --config /nonexistent", "",
		  "flowsync: error: /nonexistent: configuration file: cannot be read: No such file or directory\n", 64 },
		{ "--version", "version:\n", "flowsync: ran\n", 0 },
		{ "version -c /nonexistent", "version:\n", "flowsync: ran\n", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(ran_done) struct ran r = run(&root, cases[i].line, no_env);
		assert_string_equal(r.err, cases[i].err);
		assert_string_equal(r.out, cases[i].out);
		assert_int_equal(r.code, cases[i].code);
	}
}

#define HINT	"; there is a flowsync.yaml here: --config flowsync.yaml uses it\n"
#define NO_DIR	"--dir DIR, FLOWSYNC_DIR, or source: {dir: ...} of the sync in the configuration file"

#define UNKNOWN_KEY "flowsync: error: flowsync.yaml:1:1: unknown key \"x\"; expected one of service, state_dir, log, " \
                    "syncs, http, serve, images\n"

static void only_the_agent_reads_flowsync_yaml_unasked(void **state)
{
	static const struct { const char *line; char *variable; const char *out, *err; } cases[] = {
		{ "plan", NULL, "", "flowsync: error: no directory is given: flowsync plan DIR, " NO_DIR HINT },
		{ "plan x", NULL, "x\n", "" },
		{ "plan --config flowsync.yaml", NULL, "", UNKNOWN_KEY },
		{ "agent --dir x", NULL, "x\n", "" },
		{ "agent", (char *)"FLOWSYNC_DIR=y", "y\n", "" },
		{ "agent --git x", NULL, "", "flowsync: error: no directory is given: " NO_DIR HINT },
		{ "agent", (char *)"FLOWSYNC_CONFIG=other.yaml", "", "flowsync: error: other.yaml: configuration file: cannot be "
		  "read: No such file or directory\n" },
		{ "agent", NULL, "", UNKNOWN_KEY },
	};
	char top[] = "/tmp/flowsync-cli-XXXXXX", *from = getcwd(NULL, 0);
	FILE *file = NULL;

	assert_true(mkdtemp(top) && chdir(top) == 0 && (file = fopen("flowsync.yaml", "w")));
	fputs("x: 1\n", file);
	fclose(file);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *env[] = { cases[i].variable, NULL };
		CLEANUP(ran_done) struct ran r = run(&root, cases[i].line, env);
		assert_string_equal(r.err, cases[i].err);
		assert_string_equal(r.out, cases[i].out);
	}
	assert_int_equal(unlink("flowsync.yaml") | chdir(from) | rmdir(top), 0);
	free(from);
}

static void with_json_an_error_is_one_document_on_stdout(void **state)
{
	static const struct { const char *line, *message; int code; } cases[] = {
		{ "workflow describe x -o json", "another \\\"owner\\\"", 5 },
		{ "-o json plan x y", "\\\"plan\\\" does not take the argument \\\"y\\\"", 64 },
		{ "--zzz -o json plan x", "unknown option \\\"--zzz\\\"", 64 },
		{ "paln -o json", "unknown command \\\"paln\\\"; did you mean \\\"plan\\\"?", 64 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(ran_done) struct ran r = run(&root, cases[i].line, no_env);
		assert_string_equal(r.out, arena_printf(&a,
			"{\n  \"report_version\": 1,\n  \"exit_code\": %d,\n"
			"  \"errors\": [\n    {\n      \"message\": \"%s\",\n      \"file\": null,\n"
			"      \"line\": null,\n      \"column\": null\n    }\n  ],\n  \"warnings\": []\n}\n",
			cases[i].code, cases[i].message));
		assert_int_equal(r.code, cases[i].code);
	}
}

static void variables_hold_for_every_command_but_a_bare_one(void **state)
{
	char *env[] = { (char *)"FLOWSYNC_LOG_FORMAT=xml", (char *)"FLOWSYNC_STAGEE=x", NULL };
	CLEANUP(ran_done) struct ran bad = run(&root, "serve", env);
	CLEANUP(ran_done) struct ran good = run(&root, "version", env);

	assert_string_equal(bad.err,
		"flowsync: error: FLOWSYNC_LOG_FORMAT: \"xml\" is not one of text, json\n"
		"flowsync: warning: unknown variable FLOWSYNC_STAGEE; did you mean FLOWSYNC_STAGE?\n");
	assert_int_equal(bad.code, 64);
	assert_string_equal(good.err, "flowsync: ran\n");
	assert_int_equal(good.code, 0);
}

static void a_log_line_may_be_json(void **state)
{
	CLEANUP(ran_done) struct ran r = run(&root, "workflow describe x --log-format json", no_env);
	static const char end[] = "Z\",\"level\":\"error\",\"msg\":\"another \\\"owner\\\"\"}\n";

	/* {"ts":"2024-01-31T12:00:00.000Z",... */
	assert_int_equal(strncmp(r.err, "{\"ts\":\"20", 9), 0);
	assert_int_equal(strlen(r.err), 30 + strlen(end));
	assert_string_equal(r.err + 30, end);
}

static void no_command_shows_the_commands_and_is_an_error(void **state)
{
	CLEANUP(ran_done) struct ran none = run(&root, "", no_env), half = run(&root, "workflow", no_env);

	assert_string_equal(none.out, "");
	assert_non_null(strstr(none.err, "\n  plan [DIR]      show what a sync would do\n"));
	assert_non_null(strstr(none.err, "\n\nflowsync: error: no command is given: flowsync COMMAND\n"));
	assert_int_equal(none.code, 64);
	assert_non_null(strstr(half.err, "\n  describe WORKFLOW  describe\n"));
	assert_non_null(strstr(half.err, "\n\nflowsync: error: no command is given: flowsync workflow COMMAND\n"));
	assert_int_equal(half.code, 64);
}

static size_t occurrences(const char *text, const char *part)
{
	size_t count = 0;

	for (const char *p = text; (p = strstr(p, part)); p++)
		count++;
	return count;
}

static void no_line_is_wider_than_80(const char *text)
{
	for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
		if (end - line > 80)
			fail_msg("%.*s", (int)(end - line), line);
}

/* True if a command of these groups takes an option of that name, perhaps in another row. */
static bool takes_option(unsigned groups, const char *name)
{
	for (const struct option *o = option_table; o->name; o++)
		if ((o->groups & groups) && strcmp(o->name, name) == 0)
			return true;
	return false;
}

static void help_names_each_option_once_in_80_columns(void **state)
{
	static const struct { const char *line; unsigned groups; } cases[] = {
		{ "plan --help", FOR_ALL | FOR_PLAN | FOR_CYCLE | FOR_REPORTED | FOR_SPECS | FOR_RESULT },
		{ "help plan", FOR_ALL | FOR_PLAN | FOR_CYCLE | FOR_REPORTED | FOR_SPECS | FOR_RESULT },
		{ "serve -h", FOR_ALL | FOR_SERVE },
		{ "workflow list --help", FOR_ALL | FOR_TABLE | FOR_LIST },
		{ "help workflow describe", FOR_ALL | FOR_TABLE | FOR_DESCRIBE },
		{ "help workflow", 0 },
		{ "version --help", 0 },
		{ "help", FOR_ALL },
		{ "--help", FOR_ALL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		CLEANUP(ran_done) struct ran r = run(&root, cases[i].line, no_env);
		assert_int_equal(r.code, 0);
		assert_string_equal(r.err, "");
		no_line_is_wider_than_80(r.out);
		for (const struct option *o = option_table; o->name; o++) {
			const char *argument = option_argument(&a, o);
			const char *text = arena_printf(&a, " --%s%s%s ", o->name,
			                                argument ? " " : "",
			                                argument ? argument : "");
			if ((o->groups & cases[i].groups) || !takes_option(cases[i].groups, o->name))
				assert_int_equal(occurrences(r.out, text), (o->groups & cases[i].groups) ? 1 : 0);
		}
	}
}

static void help_of_a_long_list_has_sections(void **state)
{
	CLEANUP(ran_done) struct ran plan_help = run(&root, "help plan", no_env), list_help = run(&root, "workflow list -h", no_env);

	assert_null(strstr(plan_help.out, "\noptions:\n"));
	assert_non_null(strstr(plan_help.out, "\n\nsource:\n      --dir DIR "));
	assert_non_null(strstr(plan_help.out, "\n\nguards:\n      --max-delete-percent P "));
	assert_non_null(strstr(list_help.out, "\n\noptions:\n"));
}

static void help_of_every_command_fits(const struct command *command)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	cli_help(command, command == &cli_root ? "" : command->name, out);
	fclose(out);
	no_line_is_wider_than_80(text);
	free(text);
	for (const struct command *const *c = command->commands; c && *c; c++)
		help_of_every_command_fits(*c);
}

static void the_programs_own_help_fits_80_columns(void **state)
{
	help_of_every_command_fits(&cli_root);
}

static void what_is_not_written_is_an_error(void **state)
{
	char *argv[] = { (char *)"flowsync", (char *)"version", NULL };
	char *text = NULL;
	size_t len;
	FILE *full = fopen("/dev/full", "w"), *err = open_memstream(&text, &len);

	assert_int_equal(cli_run(&root, 2, argv, no_env, full, err), 1);
	fclose(full);
	fclose(err);
	assert_string_equal(text, "flowsync: ran\nflowsync: error: write to stdout: No space left on device\n");
	free(text);
}

/* `flowsync schema | head`: the reader has what it wanted. */
static void a_reader_that_is_gone_is_no_failure(void **state)
{
	char *argv[] = { (char *)"flowsync", (char *)"-q", (char *)"version", NULL };
	char *text = NULL;
	size_t len;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	FILE *out = fdopen(fds[1], "w"), *err = open_memstream(&text, &len);
	assert_int_equal(cli_run(&root, 3, argv, no_env, out, err), 0);
	fclose(out);
	fclose(err);
	assert_string_equal(text, "");
	free(text);
}

static void help_after_a_group_is_help_on_it(void **state)
{
	CLEANUP(ran_done) struct ran first = run(&root, "help workflow list", no_env);
	CLEANUP(ran_done) struct ran after = run(&root, "workflow help list", no_env);
	CLEANUP(ran_done) struct ran group = run(&root, "help workflow", no_env);
	CLEANUP(ran_done) struct ran group_after = run(&root, "workflow help", no_env);

	assert_int_equal(first.code, 0);
	assert_string_equal(after.out, first.out);
	assert_int_equal(group_after.code, 0);
	assert_string_equal(group_after.out, group.out);
	assert_string_not_equal(group.out, first.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_ends_with_its_code_and_texts),
		cmocka_unit_test(only_the_agent_reads_flowsync_yaml_unasked),
		cmocka_unit_test(with_json_an_error_is_one_document_on_stdout),
		cmocka_unit_test(variables_hold_for_every_command_but_a_bare_one),
		cmocka_unit_test(a_log_line_may_be_json),
		cmocka_unit_test(no_command_shows_the_commands_and_is_an_error),
		cmocka_unit_test(help_names_each_option_once_in_80_columns),
		cmocka_unit_test(help_of_a_long_list_has_sections),
		cmocka_unit_test(the_programs_own_help_fits_80_columns),
		cmocka_unit_test(what_is_not_written_is_an_error),
		cmocka_unit_test(a_reader_that_is_gone_is_no_failure),
		cmocka_unit_test(help_after_a_group_is_help_on_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
