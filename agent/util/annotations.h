/* annotations.h: errors and warnings as commands of GitHub's runner, which shows them beside the lines of a pull
 * request.
 *
 * The runner reads stdout and stderr.  A line that begins with "::", after blanks, is a command; so nothing of a value
 * may begin a line of other output (diagnostics_text_line(), printable.h). */
#ifndef AGENT_UTIL_ANNOTATIONS_H
#define AGENT_UTIL_ANNOTATIONS_H

#include <stdio.h>

#include "reconcile/base/diagnostics.h"

enum annotations { ANNOTATIONS_AUTO, ANNOTATIONS_GITHUB, ANNOTATIONS_OFF };

struct annotation_output {
	FILE *to;
	const char *workspace;	/* the runner's: files below it are named from there; NULL: not known */
	bool in_repository;	/* files are named from the top of a repository already */
	bool errors_only;
};

/* True if the runner would take a line that begins with text for a command: it skips blanks of any kind before "::". */
bool annotation_is_command(const char *text);

/* Prints one line. */
void annotation_print(const struct annotation_output *out, const struct diagnostic *fault);
void annotations_print(const struct annotation_output *out, const struct diagnostics *faults);

#endif
