/* render.h: a report document as text for people (design section 7).  Everything is read from
 * the document, so a stored report renders as the fresh one did. */
#ifndef RECONCILE_PLAN_RENDER_H
#define RECONCILE_PLAN_RENDER_H

#include "reconcile/base/buf.h"
#include "reconcile/tree/node.h"

/* Grouped by workflow: what is (or was) done, old and new values with the spec's line; then one
 * closing line of counts.  Control characters are never passed on to the terminal.  Warnings and
 * errors of the whole are not in it: they go where a command says what is wrong. */
void render_human(const struct node *report, bool colour, struct buf *out);

/* Appends text with control characters shown as escapes ("\n", "\x1b"). */
void render_text(const char *text, struct buf *out);

#endif
