#include "agent/cmd/cli.h"

#include <string.h>

enum { WIDTH = 80 };

/* Fills lines with the words of text, however it is broken in the source; an empty line parts
 * paragraphs. */
static void cli_help_print_wrapped(const char *text, FILE *out)
{
	size_t column = 0;

	for (size_t len; *text; text += len) {
		size_t breaks = 0;
		for (; *text == ' ' || *text == '\n'; text++)
			breaks += *text == '\n';
		len = strcspn(text, " \n");
		if (breaks > 1) {
			fputs("\n\n", out);
			column = 0;
		} else if (column && column + 1 + len > WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		fprintf(out, "%s%.*s", column ? " " : "", (int)len, text);
		column += (column > 0) + len;
	}
	fputc('\n', out);
}

/* "  -c, --config FILE" */
static const char *cli_help_option_syntax(struct arena *a, const struct option *o)
{
	const char *argument = option_argument(a, o);
	const char *dashed = arena_printf(a, "--%s%s%s", o->name, argument ? " " : "",
	                                  argument ? argument : "");

	if (o->letter)
		return arena_printf(a, "  -%c, %s", o->letter, dashed);
	return arena_printf(a, "      %s", dashed);
}

static void cli_help_print_options(struct arena *a, const char *title, unsigned groups, FILE *out)
{
	int width = 0;

	for (const struct option *o = option_table; o->name; o++)
		if ((o->groups & groups) && (int)strlen(cli_help_option_syntax(a, o)) > width)
			width = (int)strlen(cli_help_option_syntax(a, o));
	if (width == 0)
		return;
	for (const struct option *o = option_table; o->name; o++) {
		/* Thirty options in one list would scroll off the screen. */
		if (o->section && (groups & FOR_CYCLE))
			title = o->section;
		if (!(o->groups & groups))
			continue;
		if (title)
			fprintf(out, "\n%s:\n", title);
		title = NULL;
		fprintf(out, "%-*s  %s", width, cli_help_option_syntax(a, o), o->help);
		if (o->otherwise)
			fprintf(out, " (%s)", o->otherwise);
		fputc('\n', out);
	}
}

static void cli_help_print_commands(struct arena *a, const struct command *command, FILE *out)
{
	int width = 0;

	fprintf(out, "\ncommands:\n");
	for (const struct command *const *c = command->commands; *c && !(*c)->hidden; c++) {
		int len = (int)(strlen((*c)->name) + ((*c)->arguments ? strlen((*c)->arguments) + 1 : 0));
		width = len > width ? len : width;
	}
	for (const struct command *const *c = command->commands; *c && !(*c)->hidden; c++) {
		const char *arguments = (*c)->arguments;
		fprintf(out, "  %-*s  %s\n", width,
		        arena_printf(a, "%s%s%s", (*c)->name, arguments ? " " : "", arguments ? arguments : ""),
		        (*c)->summary);
	}
}

static void cli_help_print_usage(const struct command *command, const char *path, FILE *out)
{
	fprintf(out, "usage: flowsync%s%s%s", *path ? " " : " [global options]", path,
	        command->commands ? " COMMAND" : "");
	if (!command->bare || command->options)
		fputs(" [options]", out);
	if (command->commands)
		fputs(" [arguments]", out);
	else if (command->arguments)
		fprintf(out, " %s", command->arguments);
	fputc('\n', out);
}

static const char epilogue[] =
	"flowsync help COMMAND describes a command.  Each option has an environment variable, except those "
	"of workflow commands: --token-file is FLOWSYNC_TOKEN_FILE.  The token itself can be in "
	"FLOWSYNC_TOKEN.\n\n"
	"Exit codes: 0 success, 1 failed, 2 changes are pending (plan --detailed-exitcode), 3 blocked by a "
	"guard, 4 partly done, 5 conflict, 64 wrong usage or configuration, 65 invalid specs, 130 or 143 "
	"interrupted.";

void cli_help(const struct command *command, const char *path, FILE *out)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	cli_help_print_usage(command, path, out);
	fputc('\n', out);
	cli_help_print_wrapped(command->help ? command->help : command->summary, out);
	if (command->commands)
		cli_help_print_commands(&a, command, out);
	cli_help_print_options(&a, "options", command->options & ~(unsigned)FOR_ALL, out);
	if (!command->bare && (*path == '\0' || !command->commands))
		cli_help_print_options(&a, "global options", FOR_ALL, out);
	if (*path == '\0') {
		fputc('\n', out);
		cli_help_print_wrapped(epilogue, out);
	}
}
