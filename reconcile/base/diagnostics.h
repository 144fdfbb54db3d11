/* diagnostics.h: what is wrong in what a person wrote, collected so that all of it is
 * shown at once.  A fault lives in the arena that the list was made with. */
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
	size_t count, errors;	/* errors: those that are no warning */
	size_t room, left_out;	/* past DIAGNOSTICS_MAX none is kept, only counted */
};

enum { DIAGNOSTICS_MAX = 1000 };

/* Both keep a copy of the text; diagnostics_add() returns false, so that refusing is one line. */
bool diagnostics_add(struct diagnostics *f, struct pos at, const char *fmt, ...) PRINTF(3, 4);
void diagnostics_warn(struct diagnostics *f, struct pos at, const char *fmt, ...) PRINTF(3, 4);

/* By file, line, column; equal places stay in the order found. */
void diagnostics_sort(struct diagnostics *f);

#endif
