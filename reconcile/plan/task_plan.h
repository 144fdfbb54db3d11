/* task_plan.h: plans the step of a workflow, by its spec, its record and its description (design, 5 and 6).  Sends
 * nothing.  Private to the cycle. */
#ifndef RECONCILE_PLAN_TASK_PLAN_H
#define RECONCILE_PLAN_TASK_PLAN_H

#include "reconcile/plan/workflow_task.h"

enum task_plan {
	PLAN_NOTHING,	/* nothing to write, or nothing that may be written: the step's result says which */
	PLAN_PAUSE,	/* nothing to write, but the workflow has to be paused again */
	PLAN_UPDATE,
};

/* Plans to create the workflow: every declared key is an addition.  Where the cycle creates nothing, the step is
 * deferred. */
void task_plan_create(struct workflow_task *task);

/* Plans by the description that was just read. */
enum task_plan task_plan_update(struct workflow_task *task);

/* Why the workflow called name, with tags m, is not the task's to write; NULL: it is. */
const char *task_plan_ownership_conflict(struct arena *a, const struct workflow_task *task, const struct owner_tags *m,
                                         const char *name);
/* The same of the workflow that was just described. */
const char *task_plan_conflict(struct workflow_task *task);

/* True if the workflow that was just described is still the one that is to be deleted. */
bool task_plan_may_delete(struct workflow_task *task);

/* Makes the step's changes removals of all that was just described: what a delete takes away. */
void task_plan_removal(struct workflow_task *task);

/* True if --mark writes the present digest, as there is no record of the one on the workflow: it accepts what is there. */
bool task_plan_renews_tags(const struct workflow_task *task);

/* Compares the spec with what describe gave.  Returns the latter as it was compared. */
const struct node *task_plan_compare(struct workflow_task *task, const struct node *record, struct diff *out);

/* The body for the next record: the declared one, with the settled keys that only the record has, as they would be
 * forgotten otherwise.  NULL: there are no such keys. */
const struct node *task_plan_retained(struct workflow_task *task, const struct diff *settled);

/* True if describe gave this status ("Paused"). */
bool task_plan_has_status(const struct node *described, const char *status);

#endif
