#include "agent/config/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/util/annotations.h"
#include "reconcile/base/suggest.h"
#include "reconcile/tree/node.h"

#define PREFIX	"FLOWSYNC_"

static const struct option_word level_words[] = {
	{ "error", LEVEL_ERROR }, { "warn", LEVEL_WARN }, { "info", LEVEL_INFO }, { "debug", LEVEL_DEBUG }, { 0 },
};
static const struct option_word format_words[] = { { "text", LOG_TEXT }, { "json", LOG_JSON }, { 0 } };
static const struct option_word color_words[] = {
	{ "auto", COLOR_AUTO }, { "always", COLOR_ALWAYS }, { "never", COLOR_NEVER }, { 0 },
};
static const struct option_word result_words[] = { { "human", OUTPUT_HUMAN }, { "json", OUTPUT_JSON }, { 0 } };
static const struct option_word rendering_words[] = {
	{ "human", OUTPUT_HUMAN }, { "json", OUTPUT_JSON }, { "markdown", OUTPUT_MARKDOWN }, { "junit", OUTPUT_JUNIT }, { 0 },
};
static const struct option_word report_words[] = {
	{ "human", OUTPUT_HUMAN }, { "wide", OUTPUT_WIDE }, { "json", OUTPUT_JSON }, { "markdown", OUTPUT_MARKDOWN },
	{ "junit", OUTPUT_JUNIT }, { 0 },
};
static const struct option_word annotation_words[] = {
	{ "auto", ANNOTATIONS_AUTO }, { "github", ANNOTATIONS_GITHUB }, { "off", ANNOTATIONS_OFF }, { 0 },
};
static const struct option_word undeclared_words[] = { { "keep", 0 }, { "remove", 1 }, { 0 } };
static const struct option_word observe_words[] = { { "auto", 0 }, { "full", 1 }, { 0 } };
static const struct option_word invalid_words[] = { { "stop", 0 }, { "continue", 1 }, { 0 } };
static const struct option_word yes_no_words[] = { { "yes", 1 }, { "no", 0 }, { 0 } };
static const struct option_word table_words[] = {
	{ "table", OUTPUT_TABLE }, { "wide", OUTPUT_WIDE }, { "json", OUTPUT_JSON }, { "yaml", OUTPUT_YAML }, { 0 },
};
static const struct option_word status_words[] = {
	{ .word = "Draft" }, { .word = "Running" }, { .word = "Available" }, { .word = "Paused" }, { 0 },
};
static const struct option_word execution_words[] = {
	{ .word = "Success" }, { .word = "Running" }, { .word = "Stopped" }, { .word = "Stopping" },
	{ .word = "Failed" }, { 0 },
};

#define AT(member)	.offset = offsetof(struct settings, member)
#define RESTART		.needs_restart = true
/* For options that say what one call of a command is about: a variable that a pipeline exported for another
 * purpose (FLOWSYNC_STEP, FLOWSYNC_BRANCH) must not change what a workflow does. */
#define LINE_ONLY	.no_variable = true

const struct option option_table[] = {
	{ "config", 'c', OPTION_PATH, FOR_ALL, AT(config), .argument = "FILE",
	  .help = "read settings from this file" },
	{ "endpoint", 0, OPTION_ENDPOINT, FOR_ALL, AT(endpoint), .argument = "URL", .key = "service.endpoint",
	  .help = "the service: a URL, local, or unix:PATH" },
	{ "stage", 0, OPTION_TEXT, FOR_ALL, AT(stage), .argument = "NAME", .key = "service.stage",
	  .help = "hosted service to use, by its stage" },
	{ "token-file", 0, OPTION_PATH, FOR_ALL, AT(token_file), .argument = "FILE", .key = "service.token_file",
	  .help = "read the service's token from this file" },
	{ "ca-file", 0, OPTION_PATH, FOR_ALL, AT(ca_file), .argument = "FILE", .key = "service.ca_file",
	  .help = "trust these authorities only (PEM)" },
	{ "state-dir", 0, OPTION_PATH, FOR_ALL, AT(state_dir), .argument = "DIR", .key = "state_dir",
	  .help = "own state (~/.local/state/flowsync)", RESTART },
	{ "log-level", 0, OPTION_WORD, FOR_ALL, AT(log_level), .key = "log.level", .words = level_words,
	  .otherwise = "info", .help = "how much is logged to stderr" },
	{ "log-format", 0, OPTION_WORD, FOR_ALL, AT(log_format), .key = "log.format", .words = format_words,
	  .otherwise = "text", .help = "how the log is written" },
	{ "color", 0, OPTION_WORD, FOR_ALL, AT(color), .words = color_words,
	  .otherwise = "auto", .help = "colours on a terminal" },
	{ "quiet", 'q', OPTION_FLAG, FOR_ALL, AT(quiet),
	  .help = "only warnings and errors on stderr" },

	{ "dir", 0, OPTION_PATH, FOR_CYCLE, AT(dir), .argument = "DIR", .key = "syncs.source.dir",
	  .section = "source", .help = "directory of specs, instead of the argument" },
	{ "git", 0, OPTION_GIT, FOR_CYCLE, AT(git), .argument = "URL", .key = "syncs.source.git.url",
	  .help = "git repository of specs, not a directory" },
	{ "branch", 0, OPTION_TEXT, FOR_CYCLE, AT(branch), .argument = "NAME", .key = "syncs.source.git.branch",
	  .help = "branch to read (default: the remote HEAD)" },
	{ "tag", 0, OPTION_TEXT, FOR_CYCLE, AT(tag), .argument = "NAME", .key = "syncs.source.git.tag",
	  .help = "tag to read instead" },
	{ "semver", 0, OPTION_TEXT, FOR_CYCLE, AT(semver), .argument = "RANGE", .key = "syncs.source.git.semver",
	  .help = "read the highest tag in this range, as ^1.2" },
	{ "commit", 0, OPTION_TEXT, FOR_CYCLE, AT(commit), .argument = "SHA", .key = "syncs.source.git.commit",
	  .help = "commit to read, all 40 digits" },
	{ "path", 0, OPTION_TEXT, FOR_CYCLE, AT(path), .argument = "DIR", .key = "syncs.source.git.path",
	  .help = "folder of the specs in the repository" },
	{ "git-token-file", 0, OPTION_PATH, FOR_CYCLE, AT(git_token_file), .argument = "FILE",
	  .key = "syncs.source.git.token_file", .help = "read the repository's token from this file" },
	{ "git-username", 0, OPTION_TEXT, FOR_CYCLE, AT(git_username), .argument = "NAME",
	  .key = "syncs.source.git.username", .help = "user for the repository (git)" },
	{ "git-ca-file", 0, OPTION_PATH, FOR_CYCLE, AT(git_ca_file), .argument = "FILE",
	  .key = "syncs.source.git.ca_file", .help = "trust these authorities for the repository" },
	{ "ssh-key", 0, OPTION_PATH, FOR_CYCLE, AT(ssh_key), .argument = "FILE", .key = "syncs.source.git.ssh_key",
	  .help = "private key for ssh (the ssh agent's)" },
	{ "known-hosts", 0, OPTION_PATH, FOR_CYCLE, AT(known_hosts), .argument = "FILE",
	  .key = "syncs.source.git.known_hosts", .help = "trusted ssh hosts (~/.ssh/known_hosts)" },
	{ "set", 0, OPTION_LIST, FOR_SPECS, AT(set), .argument = "KEY=VALUE",
	  .help = "replace {{ KEY }} in specs; repeatable" },
	{ "vars", 0, OPTION_PATH, FOR_SPECS, AT(vars_file), .argument = "FILE",
	  .help = "fill {{ KEY }} from a YAML file (-: stdin)" },
	{ "passthrough", 0, OPTION_LIST, FOR_SPECS, AT(vars_passthrough), .argument = "NAME",
	  .key = "syncs.vars_passthrough", .help = "leave {{ NAME }} to the service; repeatable" },
	{ "only", 0, OPTION_LIST, FOR_REPORTED, AT(only), .argument = "GLOB", .key = "syncs.only",
	  .section = "workflows", .help = "only workflows whose name fits; repeatable" },
	{ "concurrency", 0, OPTION_NUMBER, FOR_CYCLE | FOR_IMPORT, AT(concurrency), .argument = "N",
	  .key = "syncs.concurrency", .otherwise = "8", .least = 1, .most = 64,
	  .help = "requests at the same time, 1 to 64" },
	{ "owner", 0, OPTION_TEXT, FOR_CYCLE, AT(owner), .argument = "NAME", .key = "syncs.owner",
	  .help = "manage workflows under this name (default)" },
	{ "prune", 0, OPTION_FLAG, FOR_CYCLE, AT(prune), .key = "syncs.prune",
	  .help = "delete workflows we own, no longer declared" },
	{ "undeclared", 0, OPTION_WORD, FOR_CYCLE, AT(undeclared), .words = undeclared_words, .otherwise = "keep",
	  .key = "syncs.undeclared", .help = "keys on the service that no spec sets" },
	{ "adopt", 0, OPTION_WORD, FOR_CYCLE, AT(adopt), .words = yes_no_words, .otherwise = "yes",
	  .key = "syncs.adopt", .help = "adopt workflows that have no owner" },
	{ "observe", 0, OPTION_WORD, FOR_CYCLE, AT(observe_all), .words = observe_words, .otherwise = "auto",
	  .key = "syncs.observe", .help = "full: look at unchanged workflows too" },
	{ "mark", 0, OPTION_FLAG, FOR_CYCLE, AT(mark),
	  .help = "put our owner tag on equal workflows too" },
	{ "max-delete-percent", 0, OPTION_NUMBER, FOR_CYCLE, AT(max_delete_percent), .argument = "P",
	  .key = "syncs.max_delete_percent", .least = 0, .most = 100,
	  .section = "guards", .help = "block if more would be deleted (30)" },
	{ "max-update-percent", 0, OPTION_NUMBER, FOR_CYCLE, AT(max_update_percent), .argument = "P",
	  .key = "syncs.max_update_percent", .least = 0, .most = 100,
	  .help = "block if more would be updated (off)" },
	{ "allow-empty", 0, OPTION_FLAG, FOR_CYCLE, AT(allow_empty),
	  .help = "allow a source without any workflow" },
	{ "allow-rollback", 0, OPTION_FLAG, FOR_CYCLE, AT(allow_rollback),
	  .help = "allow an older git revision" },
	{ "allow-recreate", 0, OPTION_FLAG, FOR_CYCLE, AT(allow_recreate),
	  .help = "recreate applied workflows that are missing" },
	{ "timeout", 0, OPTION_DURATION, FOR_CYCLE | FOR_IMPORT, AT(timeout_ms), .argument = "DURATION",
	  .key = "syncs.timeout", .otherwise = "10m", .section = "time and output",
	  .help = "stop after this time, as 90s or 1h30m" },
	{ "output", 'o', OPTION_WORD, FOR_RESULT, AT(output), .words = result_words, .otherwise = "human",
	  .help = "how stdout is written" },
	{ "output", 'o', OPTION_OUTPUT, FOR_RENDERING, AT(output), .words = rendering_words, .otherwise = "human",
	  .argument = "FORMAT[=FILE]", .help = "human, json, markdown or junit" },
	{ "output", 'o', OPTION_OUTPUT, FOR_REPORT, AT(output), .words = report_words, .otherwise = "human",
	  .argument = "FORMAT[=FILE]", .help = "human, wide, json, markdown or junit" },
	{ "report", 0, OPTION_PATH, FOR_REPORTED, AT(report), .argument = "FILE",
	  .help = "write the report to this file too, as JSON" },
	{ "verbose", 'v', OPTION_FLAG, FOR_REPORTED | FOR_RENDERING | FOR_REPORT, AT(verbose),
	  .help = "show each workflow, unchanged ones too" },
	{ "annotations", 0, OPTION_WORD, FOR_ANNOTATIONS, AT(annotations), .argument = "WHERE",
	  .words = annotation_words, .otherwise = "auto", .help = "errors as annotations: github, off, auto" },
	{ "detailed-exitcode", 0, OPTION_FLAG, FOR_PLAN, AT(detailed_exitcode),
	  .help = "exit 2 if changes are pending" },
	{ "out", 0, OPTION_PATH, FOR_PLAN, AT(out), .argument = "FILE",
	  .help = "save the plan, for sync --plan FILE", LINE_ONLY },
	{ "plan", 0, OPTION_PATH, FOR_SAVED_PLAN, AT(plan), .argument = "FILE",
	  .help = "apply the steps of this saved plan only", LINE_ONLY },

	{ "sync", 0, OPTION_TEXT, FOR_SPECS, AT(sync), .argument = "NAME",
	  .help = "sync of the configuration to use" },
	{ "interval", 0, OPTION_DURATION, FOR_AGENT, AT(interval_ms), .argument = "DURATION",
	  .key = "syncs.interval", .otherwise = "2m", .section = "agent", .help = "check for drift this often" },
	{ "http", 0, OPTION_TEXT, FOR_AGENT, AT(http), .argument = "ADDRESS", .key = "http.listen",
	  .otherwise = "127.0.0.1:8485", .help = "status and metrics, or none", RESTART },

	{ "revision", 0, OPTION_TEXT, FOR_APPROVE, AT(revision), .argument = "REV",
	  .help = "revision at which the sync was blocked" },

	{ "out", 0, OPTION_PATH, FOR_IMPORT, AT(out), .argument = "DIR",
	  .help = "write the files here; created if missing" },
	{ "name", 0, OPTION_TEXT, FOR_IMPORT, AT(name), .argument = "GLOB",
	  .help = "only workflows of such a name" },

	{ "listen", 0, OPTION_TEXT, FOR_SERVE, AT(listen), .argument = "ADDRESS",
	  .help = "listen on this address, as 127.0.0.1:8080" },
	{ "unix", 0, OPTION_PATH, FOR_SERVE, AT(unix_path), .argument = "PATH",
	  .help = "listen on this unix socket instead" },
	{ "db", 0, OPTION_PATH, FOR_SERVE, AT(db), .argument = "FILE",
	  .help = "keep workflows in this SQLite file" },
	{ "backup", 0, OPTION_PATH, FOR_SERVE, AT(backup), .argument = "FILE",
	  .help = "write a copy of the database and exit", LINE_ONLY },
	{ "tls-cert", 0, OPTION_PATH, FOR_SERVE, AT(tls_cert), .argument = "FILE",
	  .help = "certificate to serve https with (PEM)" },
	{ "tls-key", 0, OPTION_PATH, FOR_SERVE, AT(tls_key), .argument = "FILE",
	  .help = "private key of the certificate (PEM)" },

	{ "jobs", 0, OPTION_NUMBER, FOR_SERVE | FOR_AGENT, AT(jobs), .argument = "N", .key = "serve.jobs",
	  .otherwise = "8", .least = 1, .most = 256, .section = "local service",
	  .help = "local service: steps at a time, 1 to 256", RESTART },
	{ "crons", 0, OPTION_WORD, FOR_SERVE | FOR_AGENT, AT(crons), .key = "serve.crons", .words = yes_no_words,
	  .otherwise = "yes", .help = "local service: whether crons start runs", RESTART },
	{ "timezone", 0, OPTION_TEXT, FOR_SERVE | FOR_AGENT | FOR_RENDERING | FOR_REPORT, AT(timezone), .argument = "ZONE",
	  .key = "serve.timezone", .otherwise = "UTC", .help = "local service: time zone of crons", RESTART },
	{ "secrets-dir", 0, OPTION_PATH, FOR_SERVE | FOR_AGENT, AT(secrets_dir), .argument = "DIR",
	  .key = "serve.secrets_dir", .help = "local service: a file for each secret", RESTART },
	{ "cgroup", 0, OPTION_TEXT, FOR_SERVE | FOR_AGENT, AT(cgroup), .argument = "DIR|auto|none",
	  .key = "serve.cgroup", .otherwise = "auto", .help = "local service: cgroup that limits steps", RESTART },

	{ "output", 'o', OPTION_WORD, FOR_TABLE, AT(output), .words = table_words, .otherwise = "table",
	  .help = "stdout: wide shows whole tables", LINE_ONLY },
	{ "show-masked", 0, OPTION_FLAG, FOR_DESCRIBE, AT(show_masked),
	  .help = "show secret values as they are", LINE_ONLY },
	{ "name", 0, OPTION_TEXT, FOR_LIST, AT(name), .argument = "TEXT",
	  .help = "only names that contain this text", LINE_ONLY },
	{ "status", 0, OPTION_LIST, FOR_LIST, AT(status), .argument = "STATUS", .words = status_words,
	  .help = "only of this status; repeatable", LINE_ONLY },
	{ "last-execution-status", 0, OPTION_LIST, FOR_LIST, AT(last_execution_status), .argument = "STATUS",
	  .words = execution_words, .help = "only if the last run ended so; repeatable", LINE_ONLY },
	{ "last-modified-by", 0, OPTION_LIST, FOR_LIST, AT(last_modified_by), .argument = "USER",
	  .help = "only if last changed by USER; repeatable", LINE_ONLY },
	{ "page-size", 0, OPTION_NUMBER, FOR_LIST | FOR_EXECUTIONS, AT(page_size), .argument = "N", .least = 1,
	  .most = 1000, .help = "workflows or runs per page, 1 to 1000", LINE_ONLY },
	{ "page-number", 0, OPTION_NUMBER, FOR_LIST | FOR_EXECUTIONS, AT(page_number), .argument = "N", .least = 1,
	  .most = 1000000, .help = "only this page, from 1", LINE_ONLY },

	{ "name", 0, OPTION_TEXT, FOR_PATCH, AT(name), .argument = "NAME",
	  .help = "new name of the workflow", LINE_ONLY },
	{ "step", 0, OPTION_LIST, FOR_PATCH, AT(steps), .argument = "NAME",
	  .help = "patch only this step; repeatable", LINE_ONLY },
	{ "command", 0, OPTION_TEXT, FOR_PATCH, AT(run_command), .argument = "TEXT",
	  .help = "command of the steps", LINE_ONLY },
	{ "repository", 0, OPTION_TEXT, FOR_PATCH, AT(repository), .argument = "URL",
	  .help = "repository with the code of the steps", LINE_ONLY },
	{ "branch", 0, OPTION_TEXT, FOR_PATCH, AT(branch), .argument = "BRANCH",
	  .help = "branch of the repository", LINE_ONLY },
	{ "token-name", 0, OPTION_TEXT, FOR_PATCH, AT(token_name), .argument = "NAME",
	  .help = "name of the credential for the repository", LINE_ONLY },
	{ "image-id", 0, OPTION_NUMBER, FOR_PATCH, AT(image_id), .argument = "N", .most = 999999999,
	  .help = "image of the steps", LINE_ONLY },
	{ "image-version-id", 0, OPTION_NUMBER, FOR_PATCH, AT(image_version_id), .argument = "N",
	  .most = 999999999, .help = "version of the image", LINE_ONLY },
	{ "instance-type-id", 0, OPTION_NUMBER, FOR_PATCH, AT(instance_type_id), .argument = "N",
	  .most = 999999999, .help = "instance type, see workflow resources", LINE_ONLY },
	{ "storage", 0, OPTION_TEXT, FOR_PATCH, AT(storage), .argument = "SIZE",
	  .help = "storage of the steps, as 10GB", LINE_ONLY },
	{ "step-timeout", 0, OPTION_NUMBER, FOR_PATCH, AT(step_timeout), .argument = "SECONDS",
	  .most = 999999999, .help = "time limit of the steps; 0: none", LINE_ONLY },
	{ "clear-image-cache", 0, OPTION_WORD, FOR_PATCH, AT(clear_image_cache), .words = yes_no_words,
	  .help = "pull the image again for each run", LINE_ONLY },

	{ "param", 0, OPTION_LIST, FOR_EXECUTE, AT(params), .argument = "KEY=VALUE",
	  .help = "parameter of all steps; repeatable", LINE_ONLY },
	{ "step-param", 0, OPTION_LIST, FOR_EXECUTE, AT(step_params), .argument = "STEP.KEY=VALUE",
	  .help = "parameter of one step; repeatable", LINE_ONLY },
	{ "step", 0, OPTION_LIST, FOR_EXECUTE, AT(steps), .argument = "NAME[:dag]",
	  .help = "only this step; :dag: and those after it", LINE_ONLY },
	{ "wait", 0, OPTION_FLAG, FOR_EXECUTE, AT(wait),
	  .help = "wait for the end; exit 4 unless Success", LINE_ONLY },
	{ "follow", 0, OPTION_FLAG, FOR_EXECUTE | FOR_LOGS, AT(follow),
	  .help = "show logs until the run ends", LINE_ONLY },

	{ "status", 0, OPTION_LIST, FOR_EXECUTIONS, AT(status), .argument = "WORD", .words = execution_words,
	  .help = "only of this status; repeatable", LINE_ONLY },
	{ "date-from", 0, OPTION_TEXT, FOR_EXECUTIONS, AT(date_from), .argument = "TIME",
	  .help = "started since, as 2024-01-31T18:00:00Z", LINE_ONLY },
	{ "date-to", 0, OPTION_TEXT, FOR_EXECUTIONS, AT(date_to), .argument = "TIME",
	  .help = "started at or before", LINE_ONLY },
	{ "count", 0, OPTION_NUMBER, FOR_EXECUTIONS, AT(count), .argument = "N", .least = 1, .most = 1000000,
	  .help = "only the newest N", LINE_ONLY },

	{ "force", 0, OPTION_FLAG, FOR_DELETE, AT(force),
	  .help = "do not ask; delete another owner's too", LINE_ONLY },

	{ "step", 0, OPTION_TEXT, FOR_LOGS, AT(step), .argument = "STEP",
	  .help = "only of this step", LINE_ONLY },
	{ "next-token", 0, OPTION_TEXT, FOR_LOGS, AT(next_token), .argument = "TOKEN",
	  .help = "continue after this page of the step", LINE_ONLY },
	{ "out", 0, OPTION_PATH, FOR_LOGS, AT(out), .argument = "FILE",
	  .help = "write the log to this file", LINE_ONLY },

	{ .key = "images", .type = OPTION_MAP, AT(images),
	  .help = "image (12, 12:3 or *) to the words before the command of its steps", RESTART },
	{ .key = "http.hosts", .type = OPTION_LIST, AT(http_hosts),
	  .help = "names in the header Host that are answered, beside addresses and localhost", RESTART },
	{ .key = "serve.hosts", .type = OPTION_LIST, AT(serve_hosts),
	  .help = "names in the header Host that are answered, beside addresses and localhost", RESTART },
	{ .key = "serve.sql", .type = OPTION_TEXT, AT(sql_command), .help = "command that runs sql steps", RESTART },
	{ .key = "serve.export", .type = OPTION_TEXT, AT(export_command), .help = "command that runs export steps",
	  RESTART },
	{ .key = "serve.git.ca_file", .type = OPTION_PATH, AT(step_ca_file), RESTART },
	{ .key = "serve.git.ssh_key", .type = OPTION_PATH, AT(step_ssh_key), RESTART },
	{ .key = "serve.git.known_hosts", .type = OPTION_PATH, AT(step_known_hosts), RESTART },
	{ .key = "serve.smtp.url", .type = OPTION_TEXT, AT(smtp_url),
	  .help = "smtp://HOST:PORT or smtps://HOST:PORT, for watchers", RESTART },
	{ .key = "serve.smtp.from", .type = OPTION_TEXT, AT(smtp_from), RESTART },
	{ .key = "serve.smtp.username", .type = OPTION_TEXT, AT(smtp_username), RESTART },
	{ .key = "serve.smtp.password_file", .type = OPTION_PATH, AT(smtp_password_file), RESTART },
	{ .key = "serve.smtp.ca_file", .type = OPTION_PATH, AT(smtp_ca_file), RESTART },

	{ .key = "syncs.name", .type = OPTION_TEXT, AT(sync_name) },
	{ .key = "syncs.on_invalid", .type = OPTION_WORD, AT(on_invalid), .words = invalid_words,
	  .otherwise = "stop" },
	{ .key = "syncs.observe_full", .type = OPTION_DURATION, .groups = FOR_CYCLE, AT(observe_full_ms), .otherwise = "1h" },
	{ .key = "syncs.hook.secret_file", .type = OPTION_PATH, AT(hook_secret_file) },
	{ .key = "syncs.source.git.poll", .type = OPTION_DURATION, .groups = FOR_AGENT, AT(git_poll_ms),
	  .otherwise = "30s" },
	{ .key = "syncs.vars", .type = OPTION_MAP, AT(vars) },
	{ .key = "syncs.mask", .type = OPTION_LIST, AT(mask) },
	{ 0 },
};

_Static_assert(ARRAY_LEN(option_table) <= SETTINGS_MAX, "struct settings has too few origins");

static bool option_is_last(const struct option *o)
{
	return !o->name && !o->key;
}

const char *env_get(char **env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return (*env)[len + 1] ? *env + len + 1 : NULL;
	return NULL;
}

const char *option_argument(struct arena *a, const struct option *o)
{
	CLEANUP(buf_done) struct buf b = BUF_TEXT;

	if (o->argument || o->type == OPTION_FLAG)
		return o->argument;
	for (const struct option_word *w = o->words; w->word; w++)
		buf_addf(&b, "%s%s", b.len ? "|" : "", w->word);
	return arena_strdup(a, buf_str(&b));
}

/* Setting one from text. */

static bool option_wrong_value(struct diagnostics *f, const struct origin *from, const char *text, const char *wanted)
{
	return diagnostics_add(f, from->at, "%s: \"%s\" is not %s", from->name, text, wanted);
}

static bool option_parse_flag(const char *text, bool *out)
{
	static const struct { const char *word; bool value; } words[] = {
		{ "1", true }, { "true", true }, { "yes", true }, { "on", true },
		{ "0", false }, { "false", false }, { "no", false }, { "off", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcasecmp(words[i].word, text) == 0) {
			*out = words[i].value;
			return true;
		}
	}
	return false;
}

/* Up to nine digits at *p, which no sum or product here overflows. */
static bool option_parse_digits(const char **p, int64_t *out)
{
	size_t len = strspn(*p, "0123456789");

	if (len == 0 || len > 9)
		return false;
	*out = strtoll(*p, NULL, 10);
	*p += len;
	return true;
}

static bool option_parse_number(const char *text, int least, int most, int *out)
{
	int64_t n;

	if (!option_parse_digits(&text, &n) || *text || n < least || n > most)
		return false;
	*out = (int)n;
	return true;
}

/* Hours, minutes, seconds, milliseconds, each at most once and in this order; not nothing. */
static bool option_parse_duration(const char *text, int64_t *out)
{
	static const struct { const char *name; int64_t ms; } units[] = {
		{ "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
	};
	int64_t sum = 0, n;

	for (size_t i = 0; *text; ) {
		if (!option_parse_digits(&text, &n))
			return false;
		size_t len = strcspn(text, "0123456789");
		while (i < ARRAY_LEN(units) &&
		       (strlen(units[i].name) != len || strncmp(units[i].name, text, len) != 0))
			i++;
		if (i == ARRAY_LEN(units))
			return false;
		sum += n * units[i++].ms;
		text += len;
	}
	if (sum == 0)
		return false;
	*out = sum;
	return true;
}

/* False with a fault that names all words and the nearest. */
static bool option_parse_word(struct arena *a, const struct option *o, const char *text, const struct origin *from,
                              const struct option_word **out, struct diagnostics *f)
{
	CLEANUP(buf_done) struct buf all = BUF_TEXT;
	struct suggestion near = { .word = text };

	for (const struct option_word *w = o->words; w->word; w++) {
		if (strcasecmp(w->word, text) == 0) {
			*out = w;
			return true;
		}
		suggest_offer(&near, w->word);
		buf_addf(&all, "%s%s", all.len ? ", " : "one of ", w->word);
	}
	if (near.best)
		buf_addf(&all, "; did you mean \"%s\"?", near.best);
	option_wrong_value(f, from, text, buf_str(&all));
	return false;
}

static void option_add_item(struct arena *a, const struct option *o, const char *text, const struct origin *from,
                            struct texts *list, struct diagnostics *f)
{
	const struct option_word *word;

	if (o->words) {
		if (!option_parse_word(a, o, text, from, &word, f))
			return;
		text = word->word;
	}
	arena_grow(a, list->items, list->count, list->room);
	list->items[list->count++] = arena_strdup(a, text);
}

/* FORMAT is for stdout, FORMAT=FILE one file more. */
static void option_set_output(struct arena *a, const struct option *o, const char *text, const struct origin *from,
                              struct settings *s, struct diagnostics *f)
{
	struct output_files *all = &s->outputs;
	size_t len = strcspn(text, "=");
	const struct option_word *word;

	if (!option_parse_word(a, o, arena_strndup(a, text, len), from, &word, f))
		return;
	const char *file = text[len] ? text + len + 1 : "-";
	if (strcmp(file, "-") == 0) {
		s->output = word->value;
		return;
	}
	if (!*file) {
		diagnostics_add(f, from->at, "%s: expected the name of a file after \"%s\"", from->name, text);
		return;
	}
	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->items[i].file, file) == 0)
			diagnostics_add(f, from->at, "%s: the file \"%s\" is given twice", from->name, file);
	arena_grow(a, all->items, all->count, all->room);
	all->items[all->count++] = (struct output_file){ word->value, arena_strdup(a, file) };
}

static bool option_parse_value(struct arena *a, const struct option *o, const char *text, const struct origin *from,
                               void *to, struct diagnostics *f)
{
	const struct option_word *word;

	switch (o->type) {
	case OPTION_FLAG:
		return option_parse_flag(text, to) || option_wrong_value(f, from, text, "yes or no");
	case OPTION_NUMBER:
		return option_parse_number(text, o->least, o->most, to) ||
		       option_wrong_value(f, from, text, arena_printf(a, "a whole number from %d to %d", o->least,
		                                                      o->most));
	case OPTION_DURATION:
		return option_parse_duration(text, to) ||
		       option_wrong_value(f, from, text, "a duration such as 90s, 10m or 1h30m");
	case OPTION_WORD:
		if (!option_parse_word(a, o, text, from, &word, f))
			return false;
		*(int *)to = word->value;
		return true;
	case OPTION_LIST:
		option_add_item(a, o, text, from, to, f);
		return true;
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_ENDPOINT:
	case OPTION_GIT:
		*(const char **)to = arena_strdup(a, text);
		return true;
	case OPTION_OUTPUT:
	case OPTION_MAP:
		break;
	}
	return true;
}

void option_set(struct arena *a, const struct option *o, const char *text, const struct origin *from,
                struct settings *s, struct diagnostics *f)
{
	struct origin *origin = &s->origins[o - option_table];
	void *to = (char *)s + o->offset;

	if (!*text) {
		diagnostics_add(f, from->at, "%s: expected %s, found nothing", from->name, option_argument(a, o));
		return;
	}
	/* A list from a stronger place replaces the one before it. */
	if (o->type == OPTION_LIST && from->kind != origin->kind)
		*(struct texts *)to = (struct texts){ 0 };
	if (o->type == OPTION_OUTPUT && from->kind != origin->kind) {
		s->outputs = (struct output_files){ 0 };
		s->output = OUTPUT_HUMAN;
	}
	*origin = *from;
	if (o->type == OPTION_OUTPUT)
		option_set_output(a, o, text, from, s, f);
	else
		option_parse_value(a, o, text, from, to, f);
}

static bool option_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool option_same_texts(const struct texts *a, const struct texts *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = strcmp(a->items[i], b->items[i]) == 0;
	return same;
}

static bool option_same_map(const struct var_list *a, const struct var_list *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = strcmp(a->items[i].name, b->items[i].name) == 0 &&
		       option_same_text(a->items[i].value, b->items[i].value);
	return same;
}

bool option_equal(const struct option *o, const struct settings *a, const struct settings *b)
{
	const void *x = (const char *)a + o->offset, *y = (const char *)b + o->offset;

	switch (o->type) {
	case OPTION_FLAG:
		return *(const bool *)x == *(const bool *)y;
	case OPTION_NUMBER:
	case OPTION_WORD:
	case OPTION_OUTPUT:	/* one of a command line is never compared */
		return *(const int *)x == *(const int *)y;
	case OPTION_DURATION:
		return *(const int64_t *)x == *(const int64_t *)y;
	case OPTION_LIST:
		return option_same_texts(x, y);
	case OPTION_MAP:
		return option_same_map(x, y);
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_ENDPOINT:
	case OPTION_GIT:
		break;
	}
	return option_same_text(*(const char *const *)x, *(const char *const *)y);
}

const struct origin *settings_origin(const struct settings *s, const void *field)
{
	size_t offset = (const char *)field - (const char *)s;

	for (const struct option *o = option_table; !option_is_last(o); o++)
		if (o->offset == offset && s->origins[o - option_table].kind != ORIGIN_DEFAULT)
			return &s->origins[o - option_table];
	return NULL;
}

/* Defaults. */

/* systemd's StateDirectory= (of several the first), then the XDG base directory. */
static const char *options_default_state_dir(struct arena *a, char **env)
{
	const char *given = env_get(env, "STATE_DIRECTORY");
	const char *xdg = env_get(env, "XDG_STATE_HOME"), *home = env_get(env, "HOME");

	if (given)
		return arena_strndup(a, given, strcspn(given, ":"));
	/* "All paths must be absolute. If an implementation encounters a relative path ... it
	 * should ignore it." */
	if (xdg && *xdg == '/')
		return arena_printf(a, "%s/flowsync", xdg);
	return home ? arena_printf(a, "%s/.local/state/flowsync", home) : NULL;
}

void options_defaults(struct arena *a, unsigned groups, char **env, struct settings *s)
{
	struct diagnostics none = { .arena = a };

	*s = (struct settings){ .state_dir = options_default_state_dir(a, env) };
	for (const struct option *o = option_table; !option_is_last(o); o++)
		if (o->otherwise && (o->groups & groups))
			option_set(a, o, o->otherwise, &(struct origin){ .name = o->name }, s, &none);
}

/* Variables. */

static const char *option_variable(struct arena *a, const struct option *o)
{
	char *name = arena_printf(a, PREFIX "%s", o->name);

	for (char *p = name; *p; p++)
		*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
	return name;
}

static void option_set_from_variable(struct arena *a, const struct option *o, const char *name, const char *value,
                                     struct settings *s, struct diagnostics *f)
{
	struct origin from = { ORIGIN_VARIABLE, name, { 0 } };

	if (o->type != OPTION_LIST && o->type != OPTION_OUTPUT) {
		option_set(a, o, value, &from, s, f);
		return;
	}
	for (char *rest = arena_strdup(a, value), *line; (line = strsep(&rest, "\n")); )
		if (*line)
			option_set(a, o, line, &from, s, f);
}

/* Tokens have variables and no options, because every user of the machine can read a command line. */
static const char *const token_variables[] = { PREFIX "TOKEN", PREFIX "GIT_TOKEN" };

static void options_warn_of_unread_variable(const char *name, const char *nearest, const struct option *line_only,
                                            struct diagnostics *f)
{
	if (line_only)
		diagnostics_warn(f, (struct pos){ 0 }, "variable %s is not used: --%s is read from the command line "
		                 "only",
		                 name, line_only->name);
	else if (nearest)
		diagnostics_warn(f, (struct pos){ 0 }, "unknown variable %s; did you mean %s?", name, nearest);
	else
		diagnostics_warn(f, (struct pos){ 0 }, "unknown variable %s", name);
}

static void options_read_variable(struct arena *a, unsigned groups, const char *name, const char *value,
                                  struct settings *s, struct diagnostics *f)
{
	const struct option *line_only = NULL;
	struct suggestion near = { .word = name };
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(token_variables); i++) {
		known |= strcmp(name, token_variables[i]) == 0;
		suggest_offer(&near, token_variables[i]);
	}
	for (const struct option *o = option_table; !option_is_last(o) && o->name; o++) {
		const char *variable = option_variable(a, o);
		bool same = strcmp(variable, name) == 0;
		if (o->no_variable) {
			line_only = same ? o : line_only;
			continue;
		}
		suggest_offer(&near, variable);
		known |= same;
		if (same && *value && (o->groups & groups))
			option_set_from_variable(a, o, variable, value, s, f);
	}
	if (!known)
		options_warn_of_unread_variable(name, near.best, line_only, f);
}

void options_from_env(struct arena *a, unsigned groups, char **env, struct settings *s, struct diagnostics *f)
{
	for (; *env; env++) {
		const char *eq = strchr(*env, '=');
		if (eq && strncmp(*env, PREFIX, strlen(PREFIX)) == 0)
			options_read_variable(a, groups | FOR_ALL, arena_strndup(a, *env, eq - *env), eq + 1, s, f);
	}
}

struct node *texts_list(struct arena *a, const struct texts *texts)
{
	struct node *list = texts->count ? node_list(a) : NULL;

	for (size_t i = 0; i < texts->count; i++)
		node_add(a, list, node_text(a, texts->items[i]));
	return list;
}
