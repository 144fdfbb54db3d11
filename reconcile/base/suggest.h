/* suggest.h: did you mean ...? */
#ifndef RECONCILE_BASE_SUGGEST_H
#define RECONCILE_BASE_SUGGEST_H

#include "reconcile/base/base.h"

/* Offers candidates one by one and keeps the one nearest to a misspelt word. */
struct suggestion {
	const char *word;	/* what was found */
	const char *best;	/* NULL: none is near enough; a third of the letters may differ */
	size_t distance;	/* of best */
};

void suggest_offer(struct suggestion *n, const char *candidate);

#endif
