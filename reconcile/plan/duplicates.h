/* duplicates.h: workflows that this cycle created and that another run created at the same time (design, 6.4).  After
 * the creates the list is read once more, for all of them together.  Private to the cycle. */
#ifndef RECONCILE_PLAN_DUPLICATES_H
#define RECONCILE_PLAN_DUPLICATES_H

#include "reconcile/plan/cycle.h"

/* Starts to read the list again; to be called when the dispatcher is idle.  False: this cycle created nothing, or the list
 * was read, and shows all that was created or will not in time: a list that lags is read again with growing pauses. */
bool duplicates_request(struct cycle *cycle);

/* Starts a task for each workflow that this list shows twice. */
void duplicates_resolve(struct cycle *cycle);

#endif
