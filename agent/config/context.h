/* context.h: what a command is given, and its settings. */
#ifndef AGENT_CONFIG_CONTEXT_H
#define AGENT_CONFIG_CONTEXT_H

#include "agent/util/log.h"
#include "agent/config/options.h"
#include "agent/util/term.h"
#include "reconcile/plan/exit_status.h"

struct config;
struct context;
struct cycle_job;

struct command {
	const char *name;
	const char *arguments;		/* for help: "PATH..."; NULL: none */
	const char *summary;		/* one line in the list of commands */
	/* Sentences below the usage line; line breaks do not count.  NULL: the summary. */
	const char *help;
	int least, most;		/* arguments; most -1: any number */
	unsigned options;		/* the groups it takes beside the global ones */
	bool bare;			/* runs without variables and configuration, so that wrong ones do not stop it */
	bool hidden;			/* run by the program only, not shown in help; hidden commands are last in a table */
	bool stops;			/* looks at stop_fd; others end at once on SIGINT and SIGTERM */
	/* Sub-commands instead of run, ends with NULL; NULL: none. */
	const struct command *const *commands;
	bool as_state_owner;		/* root becomes the user that the state directory belongs to */
	bool runs;			/* workflows are run in it, where the local service lives in it */
	bool reads;			/* writes nothing to the service: a local service in it reads a copy of its database */
	bool many;			/* is about all syncs of a configuration; others choose one */
	/* Called before variables and configuration are read; NULL: nothing is to be done then. */
	bool (*prepare)(struct context *ctx, struct err *err);
	int (*run)(struct context *ctx);	/* returns the exit code */
	/* The report of a command line that is wrong, where a report is promised on every exit
	 * code; the faults are in the log already.  NULL: with -o json cli_document() is printed. */
	void (*refused)(struct context *ctx, const struct diagnostics *faults);
};

struct context {
	const struct command *root;	/* of all commands */
	const struct command *command;
	const char *path;		/* how messages call it: "workflow list" */
	const struct command_line *line;
	const struct config *config;	/* NULL: there is no configuration file */
	const struct cycle_job *job;		/* what a prepare() found that it is to do; NULL: none did */
	const struct settings *settings;
	const struct vars *vars;	/* for specs; empty unless the command takes FOR_SPECS */
	const char *const *arguments;
	size_t argument_count;
	char **env;			/* as environ */
	struct arena *arena;		/* freed when the command has ended */
	FILE *out, *err;		/* results go to out and nothing else does; err is for progress */
	struct log *log;
	struct term term;
	int stop_fd;			/* shutdown_signals_watch()'s; -1: the command has no `stops` */
};


/* What these settings say of the log holds from now on. */
void context_set_log(struct log *log, const struct settings *s);

/* Combines the settings of sync number `sync` of config (NULL: no configuration file) with variables and the command
 * line; for a command about specs also sets *vars (unless vars is NULL) to the values of `{{ name }}`.  Errors are
 * added to faults. */
void context_settings(const struct context *ctx, const struct config *config, size_t sync,
                  struct arena *a, struct settings *settings, struct vars *vars,
                  struct diagnostics *faults);

/* Reads the configuration file that command line and variables name, for an agent without a source also flowsync.yaml
 * in the current directory; NULL if there is none.  False with faults. */
bool context_config(const struct context *ctx, struct arena *a, const struct config **out,
                struct diagnostics *faults);

/* The end of a message that a setting is missing, if flowsync.yaml in the current directory might have it; else "". */
const char *context_config_hint(const struct context *ctx);

/* The directory that plan and sync are about: the argument, else --dir and its kin.  False if it
 * was given twice on the command line, or nowhere. */
bool context_dir(const struct context *ctx, const char **out, struct err *err);

/* The width that tables on stdout have to fit; 0: everything is shown, because stdout is no terminal or -o is wide. */
size_t context_table_width(const struct context *ctx);

/* True if the command takes --annotations, and errors are to be printed for GitHub's runner. */
bool context_wants_annotations(const struct context *ctx);
/* Prints faults for GitHub's runner on stderr, if they are wanted and the command takes --annotations.  in_repository: their
 * files are named from the top of a repository. */
void context_annotate(const struct context *ctx, const struct diagnostics *faults, bool in_repository);

/* The value of an option before settings are read: from the command line, else from its variable. */
const char *context_early(const struct context *ctx, const char *name, const char *variable);

#endif
