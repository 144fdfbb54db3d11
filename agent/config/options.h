/* options.h: every setting of the program, in one table: its option, variable, key in the
 * configuration file, default and help.  Parsing, help texts and the reading of the
 * configuration file all come from that table: a new option is one row in options.c and one
 * member of struct settings.
 *
 * An option beats a variable, a variable beats the file, the file beats the default; apply them
 * in the order default, file, variables, options.  A list is replaced as a whole, never mixed. */
#ifndef AGENT_CONFIG_OPTIONS_H
#define AGENT_CONFIG_OPTIONS_H

#include <stdint.h>

#include "agent/util/log.h"
#include "agent/util/term.h"
#include "reconcile/base/diagnostics.h"
#include "reconcile/tree/template.h"

/* Who takes an option; a command has the bits of all that it takes. */
enum option_group {
	FOR_ALL = 1 << 0,	/* global options */
	FOR_PLAN = 1 << 1,
	FOR_CYCLE = 1 << 2,	/* plan, sync, agent and explain */
	FOR_SPECS = 1 << 3,	/* commands that read specs */
	FOR_RESULT = 1 << 4,	/* -o human|json */
	FOR_SERVE = 1 << 5,
	FOR_TABLE = 1 << 6,	/* -o table|wide|json|yaml */
	FOR_DESCRIBE = 1 << 7,
	FOR_LIST = 1 << 8,
	FOR_SYNC = 1 << 9,
	FOR_IMPORT = 1 << 10,
	FOR_AGENT = 1 << 11,
	FOR_APPROVE = 1 << 12,
	FOR_PATCH = 1 << 13,
	FOR_EXECUTE = 1 << 14,
	FOR_EXECUTIONS = 1 << 15,
	FOR_LOGS = 1 << 16,
	FOR_REPORT = 1 << 17,	/* -o human|wide|json|markdown|junit[=FILE] */
	FOR_DELETE = 1 << 18,
	FOR_RENDERING = 1 << 19,	/* -o human|json|markdown|junit[=FILE] */
	FOR_REPORTED = 1 << 20,	/* plan, sync and agent: what makes a report */
	FOR_ANNOTATIONS = 1 << 21,	/* validate, plan and sync */
	FOR_SAVED_PLAN = 1 << 22,	/* sync by hand: an agent applies no saved plan */
};

enum option_type {
	OPTION_FLAG,		/* bool */
	OPTION_TEXT,		/* const char * */
	OPTION_PATH,		/* the same; in the configuration file relative to the file's folder */
	OPTION_ENDPOINT,	/* the same for what follows unix: */
	OPTION_GIT,		/* the same if it is a path and no URL */
	OPTION_LIST,		/* struct texts; repeatable */
	OPTION_NUMBER,		/* int */
	OPTION_DURATION,	/* int64_t, milliseconds */
	OPTION_WORD,		/* int: the value of the word */
	OPTION_OUTPUT,		/* the same for stdout; WORD=FILE, repeatable, is added to settings.outputs */
	OPTION_MAP,		/* struct var_list; in the configuration file only */
};

/* Which of a fixed set of words is given. */
struct option_word { const char *word; int value; };

struct option {
	const char *name;		/* without dashes; NULL: in the configuration file only */
	char letter;			/* 0: none */
	enum option_type type;
	unsigned groups;
	size_t offset;			/* in struct settings */
	const char *argument;		/* what help calls the value; NULL: its words, or none */
	const char *key;		/* in the configuration file, with dots; NULL: none */
	const char *otherwise;		/* the default, as it would be written; NULL: none */
	const struct option_word *words;	/* of a word or a list's items; ends without word */
	int least, most;		/* of a number */
	const char *help;		/* one line */
	const char *section;		/* heading in the help of plan, sync and agent, from this row on; NULL: as before */
	bool no_variable;		/* read from the command line only, never from a variable */
	bool needs_restart;		/* a running agent keeps the value that it was started with */
};

struct texts { const char **items; size_t count, room; };
struct var_list { struct var *items; size_t count, room; };

enum output { OUTPUT_HUMAN, OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_MARKDOWN, OUTPUT_JUNIT };

/* A file that a report is written to, beside stdout. */
struct output_file { int output; const char *file; };
struct output_files { struct output_file *items; size_t count, room; };

/* True for both forms of a table. */
static inline bool output_is_table(int output)
{
	return output == OUTPUT_TABLE || output == OUTPUT_WIDE;
}

enum origin_kind { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_VARIABLE, ORIGIN_OPTION };

struct origin {
	enum origin_kind kind;
	const char *name;	/* "--concurrency", "FLOWSYNC_CONCURRENCY", "syncs.concurrency" */
	struct pos at;		/* in the configuration file, else nowhere */
};

enum { SETTINGS_MAX = 128 };	/* rows in the table, at most */

/* A text is NULL, a list empty and a number 0 if the setting is not set and has no default. */
struct settings {
	const char *config, *endpoint, *stage, *token_file, *ca_file;
	const char *state_dir;		/* NULL: no HOME to put it below either */
	int log_level, log_format, color;	/* enum log_level, log_format, color */
	bool quiet;

	const char *dir, *report, *vars_file;
	const char *git, *branch, *tag, *semver, *commit, *path;
	const char *git_token_file, *git_username, *git_ca_file, *ssh_key, *known_hosts;
	int64_t git_poll_ms;
	struct texts only, set;
	int concurrency;
	int64_t timeout_ms;
	int output;			/* enum output: of stdout */
	struct output_files outputs;
	bool verbose, detailed_exitcode;
	int annotations;		/* enum annotations */
	const char *owner;
	bool prune, mark, allow_empty, allow_recreate, allow_rollback;
	int on_invalid;			/* 1: continue with the valid ones */
	int undeclared, adopt;		/* 1: remove, yes */
	int observe_all;		/* 1: full */
	int64_t observe_full_ms;
	int max_delete_percent, max_update_percent;

	const char *listen, *unix_path, *db, *backup, *tls_cert, *tls_key;

	/* Of the local service's runs. */
	int jobs, crons;		/* crons 1: they begin runs */
	const char *timezone, *secrets_dir, *cgroup;
	const char *sql_command, *export_command;
	struct var_list images;
	struct texts serve_hosts, http_hosts;	/* names for which serve and the agent answer requests */
	const char *step_ca_file, *step_ssh_key, *step_known_hosts;
	const char *smtp_url, *smtp_from, *smtp_username, *smtp_password_file, *smtp_ca_file;

	bool show_masked;
	struct texts status, last_execution_status, last_modified_by;
	const char *name;		/* of import: a glob */
	const char *out;
	const char *plan;		/* a saved plan to apply */
	int page_size, page_number;

	/* Of workflow patch; what the command line does not give is not patched. */
	const char *repository, *token_name, *run_command, *storage;
	int image_id, image_version_id, instance_type_id, step_timeout, clear_image_cache;
	struct texts steps;		/* of patch, and of execute as NAME or NAME:dag */
	struct texts params, step_params;	/* K=V, STEP.K=V */
	bool wait, follow, force;
	const char *step;		/* of logs */
	const char *next_token;
	const char *date_from, *date_to;
	int count;

	const char *sync;		/* which one of the configuration is meant */
	const char *http;		/* an address, or "none" */
	const char *hook_secret_file;
	int64_t interval_ms;
	const char *revision;

	const char *sync_name;		/* NULL: it has none */
	struct var_list vars;
	struct texts vars_passthrough, mask;

	struct origin origins[SETTINGS_MAX];	/* by row of the table */
};

/* The table, one row a setting; ends with a row without name and key. */
extern const struct option option_table[];

/* A command line taken apart.  So far only this was checked: each option is known and has its value. */
struct given { const char *name, *value; };	/* name without dashes; value NULL for a flag */

struct command_line {
	struct given *given;
	size_t given_count, given_room;
	const char **words;		/* what is no option: command and arguments */
	size_t word_count, word_room;
	bool help, version;		/* -h, --help; --version */
};

/* Takes argv[1..] apart; text is not copied.  Scanning continues after an error, so that a later -o json is seen. */
void options_scan(struct arena *a, int argc, char **argv, struct command_line *out, struct diagnostics *faults);

/* Sets the defaults of the rows of groups.  env is for the state directory. */
void options_defaults(struct arena *a, unsigned groups, char **env, struct settings *s);

/* Sets the options of groups from the variables in env that begin with FLOWSYNC_.  Variables of other
 * commands are passed over; one that no command reads is named in a warning.  An empty variable counts
 * as not set; a list has one item a line. */
void options_from_env(struct arena *a, unsigned groups, char **env, struct settings *s, struct diagnostics *faults);

/* Sets the options of the command line; one that is not of groups is an error that names command. */
void options_from_argv(struct arena *a, unsigned groups, const char *command, const struct command_line *line,
                       struct settings *s, struct diagnostics *faults);

/* Sets one setting from text.  A wrong value is a fault that begins with the origin's name. */
void option_set(struct arena *a, const struct option *o, const char *text, const struct origin *from,
                struct settings *s, struct diagnostics *faults);

/* True if both have the same value for the row o. */
bool option_equal(const struct option *o, const struct settings *a, const struct settings *b);

/* Where the setting `field`, a member of s, has its value from; NULL for its default. */
const struct origin *settings_origin(const struct settings *s, const void *field);

/* texts as a list of the tree; NULL if texts is empty. */
struct node *texts_list(struct arena *a, const struct texts *texts);

/* What follows the option in help, "FILE" or "human|json"; NULL for a flag. */
const char *option_argument(struct arena *a, const struct option *o);

/* The value of NAME in env; NULL if it is not there or empty. */
const char *env_get(char **env, const char *name);

#endif
