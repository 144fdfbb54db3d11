/* cli.h: the command line: finds the command, reads its options and settings, runs it, and reports its errors. */
#ifndef AGENT_CMD_CLI_H
#define AGENT_CMD_CLI_H

#include "agent/config/context.h"

/* Runs the command that argv names; returns the exit code. */
int cli_run(const struct command *root, int argc, char **argv, char **env, FILE *out, FILE *err);

/* For a command that cannot go on: logs err and, with -o json, prints the error as a JSON document.
 * Returns the exit code of err's kind. */
int cli_fail(struct context *ctx, const struct err *err);
/* The same for several faults (of specs); returns the exit code of kind. */
int cli_fail_faults(struct context *ctx, const struct diagnostics *faults, enum err_kind kind);
/* The same for faults of the command line, the variables or the configuration; returns 64. */
int cli_fail_usage(struct context *ctx, const struct diagnostics *faults);

/* The keys that all of flowsync's own documents have: the version of their form, the exit code, and faults (NULL: none)
 * as errors and warnings. */
struct node *cli_document(struct context *ctx, const struct diagnostics *faults, int exit_code);
/* Prints it on stdout. */
void cli_print_document(struct context *ctx, const struct node *document);

/* Prints the help of a command; path is as cli_find_command() gives it, "" for the program itself. */
void cli_help(const struct command *command, const char *path, FILE *out);

/* Finds the command that the first words name, sub-commands included ("workflow list"); root if the first word is
 * no command.  *used is set to the number of words that name it, *path to these words, in a. */
const struct command *cli_find_command(struct arena *a, const struct command *root,
                                       const char *const *words, size_t count, size_t *used,
                                       const char **path);

/* The command that a user probably meant by word, with its group ("workflow list"), in a; NULL: no command comes
 * near.  outer, called path, is the command that the word was typed after. */
const char *cli_suggest_command(struct arena *a, const struct command *outer, const char *path, const char *word);

/* The program with all its commands: main() passes it to cli_run(). */
extern const struct command cli_root;

#endif
