/* diagnostics.h: errors and warnings about the files of a person, each with its place, collected so that all of them
 * are shown at once.  They live in the arena that the list was made with. */
#ifndef RECONCILE_BASE_DIAGNOSTICS_H
#define RECONCILE_BASE_DIAGNOSTICS_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct diagnostic {
	bool warning;		/* false: the spec is refused */
	struct pos at;
	const char *message;	/* one sentence, no full stop */
};

struct diagnostics {
	struct arena *arena;
	struct diagnostic *items;	/* in the order found; diagnostics_sort() */
	size_t count, errors;	/* errors: all that were added and are not warnings */
	size_t room, left_out;	/* left_out: those beyond DIAGNOSTICS_MAX, which are counted and not kept */
};

enum { DIAGNOSTICS_MAX = 1000 };

/* Add an error or a warning; the text is copied.  diagnostics_add() returns false, so that a failure is one line. */
bool diagnostics_add(struct diagnostics *f, struct pos at, const char *fmt, ...) PRINTF(3, 4);
void diagnostics_warn(struct diagnostics *f, struct pos at, const char *fmt, ...) PRINTF(3, 4);

/* Adds all of `from`, whose texts are copied, and counts what it left out. */
void diagnostics_append(struct diagnostics *f, const struct diagnostics *from);

/* Sorts by file, line and column; those of one place stay in the order in which they were added. */
void diagnostics_sort(struct diagnostics *f);

#endif
