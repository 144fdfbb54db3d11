/* term.h: what the terminal behind stdout and stderr can show, and text that cannot
 * harm it. */
#ifndef AGENT_UTIL_TERM_H
#define AGENT_UTIL_TERM_H

#include <stdio.h>

#include "reconcile/base/buf.h"

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct term {
	bool out_color, err_color;	/* colours are wanted there */
	bool out_terminal;		/* stdout is a terminal */
	bool err_live;			/* stderr is a terminal that can rewrite a line: progress may be shown */
	int width;			/* of stdout's terminal, else COLUMNS, else 80 */
};

/* What environ says of it; NULL: not set. */
struct term_hints { const char *no_color, *term, *columns; };

void term_init(struct term *t, enum color choice, const struct term_hints *hints, FILE *out,
               FILE *err);

/* Appends text as one harmless line: control characters, bytes that are no UTF-8 and the
 * characters that turn the direction of writing come out as \n, \x1b, \u202e. */
void term_add_plain(struct buf *out, const char *text);

#endif
