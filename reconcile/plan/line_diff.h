/* line_diff.h: which lines of a text went, came and stayed. */
#ifndef RECONCILE_PLAN_LINE_DIFF_H
#define RECONCILE_PLAN_LINE_DIFF_H

#include "reconcile/base/arena.h"

enum { LINE_DIFF_CONTEXT = 2 };		/* lines that stayed, shown around those that did not */

/* A line of a text; only the last one may have no newline. */
struct text_line { const char *text; bool open; };

struct text_lines { struct text_line *items; size_t count; };

enum line_sign { LINE_STAYS, LINE_GOES, LINE_COMES, LINE_SKIPPED };

/* One line of the comparison.  Where lines go and others come, those that go stand first; other is then the line of the
 * other text that stands at the same place among those, or NULL. */
struct line_change {
	enum line_sign sign;
	const struct text_line *line, *other;	/* line NULL: LINE_SKIPPED */
	size_t skipped;		/* how many lines that stayed are left out */
};

struct line_diff { struct line_change *items; size_t count; };

/* The lines of a text, in a. */
struct text_lines line_diff_split(struct arena *a, const char *text);

/* Compares; of the lines that stay only the context is in the result, which lives in a. */
struct line_diff line_diff(struct arena *a, const char *old, const char *new);

#endif
