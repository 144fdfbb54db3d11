#include "agent/util/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH = 80, WIDTH_LEAST = 20, WIDTH_MOST = 1000 };

static bool term_is_terminal(FILE *f)
{
	int fd = fileno(f);

	return fd >= 0 && isatty(fd);
}

static bool term_hint_is_set(const char *text)
{
	return text && *text;
}

/* A terminal that is dumb or unknown gets escape sequences only on request. */
static bool term_has_escapes(const struct term_hints *hints)
{
	return term_hint_is_set(hints->term) && strcmp(hints->term, "dumb") != 0;
}

static bool term_wants_color(enum color choice, const struct term_hints *hints, FILE *f)
{
	if (choice != COLOR_AUTO)
		return choice == COLOR_ALWAYS;
	/* https://no-color.org: "when present and not an empty string". */
	return term_is_terminal(f) && term_has_escapes(hints) && !term_hint_is_set(hints->no_color);
}

static int term_width(FILE *f, const char *columns)
{
	struct winsize size;
	long width = 0;

	if (term_is_terminal(f) && ioctl(fileno(f), TIOCGWINSZ, &size) == 0)
		width = size.ws_col;
	if (width == 0 && columns)
		width = strtol(columns, NULL, 10);
	return width < WIDTH_LEAST || width > WIDTH_MOST ? WIDTH : (int)width;
}

void term_init(struct term *t, enum color choice, const struct term_hints *hints, FILE *out,
               FILE *err)
{
	*t = (struct term){
		.out_color = term_wants_color(choice, hints, out),
		.err_color = term_wants_color(choice, hints, err),
		.out_terminal = term_is_terminal(out), .err_terminal = term_is_terminal(err),
		.err_live = term_is_terminal(err) && term_has_escapes(hints),
		.width = term_width(out, hints->columns),
	};
}
