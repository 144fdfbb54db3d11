/* cli.h: the program's frame: the table of commands, what each is given, and how it ends. */
#ifndef AGENT_CMD_CLI_H
#define AGENT_CMD_CLI_H

#include "agent/config/context.h"

/* Runs what argv asks for; returns the exit code. */
int cli_run(const struct command *root, int argc, char **argv, char **env, FILE *out, FILE *err);

/* For a command that cannot go on: logs err and, with -o json, prints it as the one document.
 * Returns the exit code that follows from its kind. */
int cli_fail(struct context *ctx, const struct err *err);
/* The same for all that is wrong with what was declared, and the exit code is that of kind. */
int cli_fail_faults(struct context *ctx, const struct diagnostics *faults, enum err_kind kind);
/* The same for what is wrong with the command line, the variables or the configuration: 64. */
int cli_fail_usage(struct context *ctx, const struct diagnostics *faults);

/* Prints the help of a command; path is "" for the program itself. */
void cli_help(const struct command *command, const char *path, FILE *out);

/* The command that words begin with below root, as deep as sub-commands go; root itself if there
 * is none.  *used is how many words that took, *path their text. */
const struct command *cli_find_command(struct arena *a, const struct command *root,
                                       const char *const *words, size_t count, size_t *used,
                                       const char **path);

/* Of all commands: what main() hands to cli_run(). */
extern const struct command cli_root;

#endif
