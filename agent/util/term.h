/* term.h: what the terminal behind stdout and stderr can show. */
#ifndef AGENT_UTIL_TERM_H
#define AGENT_UTIL_TERM_H

#include <stdio.h>

#include "reconcile/base/base.h"

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct term {
	bool out_color, err_color;	/* colours are wanted there */
	bool out_terminal, err_terminal;	/* stdout, stderr is a terminal */
	bool err_live;			/* stderr is a terminal that can rewrite a line: progress may be shown */
	int width;			/* of stdout's terminal, else COLUMNS, else 80 */
};

/* What environ says of it; NULL: not set. */
struct term_hints { const char *no_color, *term, *columns; };

void term_init(struct term *t, enum color choice, const struct term_hints *hints, FILE *out,
               FILE *err);

#endif
