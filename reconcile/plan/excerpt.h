/* excerpt.h: an old and a new value as text for people, each on one line and not too long, with what differs. */
#ifndef RECONCILE_PLAN_EXCERPT_H
#define RECONCILE_PLAN_EXCERPT_H

#include "reconcile/base/buf.h"
#include "reconcile/tree/node.h"

/* Appends JSON of both values (already masked); nothing for one that is null or NULL.  Of a long value some bytes are
 * shown: from shortly before the first difference, or from the beginning if there is only one value.  Where the
 * differing parts look alike, their blanks and characters that are not ASCII are shown as escapes.  whole: nothing is
 * left out. */
void excerpt_values(const struct node *old, const struct node *new, bool whole, struct buf *from, struct buf *to);

/* The same for two lines of texts, without quotes and whole. */
void excerpt_lines(const char *old, const char *new, struct buf *from, struct buf *to);

#endif
