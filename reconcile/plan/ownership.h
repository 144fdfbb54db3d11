/* ownership.h: which workflow of the service each spec means, whose it is, and which are to go.
 * Private to the cycle. */
#ifndef RECONCILE_PLAN_OWNERSHIP_H
#define RECONCILE_PLAN_OWNERSHIP_H

#include "reconcile/plan/workflow_task.h"

/* Goes through the list that was read: each spec's work begins to look at its workflow, plans to
 * make it, or is in conflict; the steps of workflows that are to be deleted come behind theirs
 * in the report.  Fills in what the guards want to know of the list. */
void ownership_resolve(struct cycle *cycle, struct guard_facts *facts);

#endif
