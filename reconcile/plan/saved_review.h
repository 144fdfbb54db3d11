/* saved_review.h: a saved plan is applied: which planned steps are its steps (design, 6.6).  Private to the cycle. */
#ifndef RECONCILE_PLAN_SAVED_REVIEW_H
#define RECONCILE_PLAN_SAVED_REVIEW_H

#include "reconcile/plan/cycle.h"

/* After all workflows were observed, before the guards: of the planned steps only those stay planned that the plan has
 * and that are as it says.  Others become stale, or are left alone; what the plan has beside is added as a stale step.
 * The facts for the guards are those of the steps that stay. */
void saved_review_steps(struct cycle *cycle);

/* True if a create or a rename of the plan is stale: a workflow that looks undeclared may be the one to rename. */
bool saved_review_holds_deletes(const struct cycle *cycle);

/* How many steps saved_review_steps() may add. */
size_t saved_review_room(const struct cycle *cycle);

#endif
