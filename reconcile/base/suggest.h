/* suggest.h: finds the known word that is nearest to a misspelt one, for "did you mean ...?". */
#ifndef RECONCILE_BASE_SUGGEST_H
#define RECONCILE_BASE_SUGGEST_H

#include "reconcile/base/base.h"

/* Set word, and the rest to zero. */
struct suggestion {
	const char *word;	/* the misspelt word */
	const char *best;	/* the nearest candidate so far; NULL: none is near enough (a third of the letters may differ) */
	size_t distance;	/* edits from word to best */
};

/* Keeps candidate, as a pointer, if it is nearer than the best one so far. */
void suggest_offer(struct suggestion *n, const char *candidate);

#endif
