/* render_line.h: one line of a rendering: safe text in spans, broken where the terminal is too narrow.
 *
 * What a value holds can do nothing here: it is escaped (printable.h), and commands of CI systems that read logs
 * ("::error", "##[error]", "##vso[task.setvariable]") are broken up. */
#ifndef RECONCILE_PLAN_RENDER_LINE_H
#define RECONCILE_PLAN_RENDER_LINE_H

#include "reconcile/base/buf.h"

enum tint { PLAIN, GREEN, YELLOW, RED, BOLD, DIM };

/* Appends text of any origin as one line that neither a terminal nor a CI system obeys; "::" may begin it. */
void line_add_safe_text(struct buf *out, const char *text);

/* The parts of one line are added between line_begin() and line_end(). */
struct line_writer {
	struct buf *out;
	bool colour;
	size_t width;		/* columns of the terminal; 0: lines are not broken */
	size_t margin;		/* blanks before the signs of what belongs to a workflow */

	size_t column, indent;	/* of the present line; of those that continue it */
	bool blank;		/* so far it is blank */
};

/* Begins a line of a workflow: the margin, the sign of a change ('+', '-', '~', '|': what stays; ' ': not of a value),
 * and `indent` more blanks.  A line that continues it has the sign '.'. */
void line_begin(struct line_writer *w, char sign, enum tint tint, size_t indent);
/* Begins a line at the left edge. */
void line_begin_heading(struct line_writer *w);
/* Begins a line of a workflow without a sign. */
void line_begin_remark(struct line_writer *w);
/* Adds text of any origin; a line break in it is escaped. */
void line_add(struct line_writer *w, enum tint tint, const char *text);
void line_addf(struct line_writer *w, enum tint tint, const char *fmt, ...) PRINTF(3, 4);
void line_end(struct line_writer *w);

#endif
