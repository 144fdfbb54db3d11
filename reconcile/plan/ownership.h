/* ownership.h: finds the workflow of each spec on the service, its owner, and the workflows to delete (design, 6.2).
 * Private to the cycle. */
#ifndef RECONCILE_PLAN_OWNERSHIP_H
#define RECONCILE_PLAN_OWNERSHIP_H

#include "reconcile/plan/workflow_task.h"

/* Matches the list of workflows with the specs: the task of each spec begins to observe its workflow, plans to
 * create it, or is in conflict.  Steps for the workflows to delete are added after those of the specs
 * in the report.  Fills in the facts for the guards that follow from the list. */
void ownership_resolve(struct cycle *cycle, struct guard_facts *facts);

#endif
