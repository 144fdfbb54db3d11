/* diagnostics.h: what is wrong in what a person wrote, collected so that all of it is
 * shown at once.  A fault lives in the arena that the list was made with. */
#ifndef RECONCILE_BASE_DIAGNOSTICS_H
#define RECONCILE_BASE_DIAGNOSTICS_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct fault {
	bool warning;		/* false: the spec is refused */
	struct pos at;
	const char *message;	/* one sentence, no full stop */
};

struct faults {
	struct arena *arena;
	struct fault *items;	/* in the order found; faults_sort() */
	size_t count, errors;	/* errors: those that are no warning */
	size_t room, left_out;	/* past FAULTS_MAX none is kept, only counted */
};

enum { FAULTS_MAX = 1000 };

/* Both keep a copy of the text; fault_add() returns false, so that refusing is one line. */
bool fault_add(struct faults *f, struct pos at, const char *fmt, ...) PRINTF(3, 4);
void fault_warn(struct faults *f, struct pos at, const char *fmt, ...) PRINTF(3, 4);

/* By file, line, column; equal places stay in the order found. */
void faults_sort(struct faults *f);

#endif
