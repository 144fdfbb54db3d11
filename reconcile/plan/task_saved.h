/* task_saved.h: the digests by which a saved plan recognises the step of a task, and what is stale (design, 6.6).  Private
 * to the cycle. */
#ifndef RECONCILE_PLAN_TASK_SAVED_H
#define RECONCILE_PLAN_TASK_SAVED_H

#include "reconcile/plan/saved_plan.h"
#include "reconcile/plan/workflow_task.h"

/* Sets the digests of the step as it was just planned: by the description that was just read, or to create the workflow.
 * Does nothing if no plan is saved or applied, or if the plan that is applied does not have the step. */
void task_saved_note(struct workflow_task *task);

/* The step of the saved plan that is applied; NULL: it does not have it, or none is applied. */
const struct saved_step *task_saved_step(const struct workflow_task *task);

/* Why the step, with its digests, is not the one of the saved plan; NULL: it is, or no plan is applied. */
const char *task_saved_why_stale(const struct workflow_task *task);

#endif
