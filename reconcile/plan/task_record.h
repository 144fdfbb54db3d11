/* task_record.h: what is remembered of a workflow between cycles: what a task reads of it, and when it writes it
 * (design, 5.3).  What a task learns is on disk before anything is sent that follows from it, so that a crash loses nothing;
 * the dispatcher sees to that.  Private to the cycle. */
#ifndef RECONCILE_PLAN_TASK_RECORD_H
#define RECONCILE_PLAN_TASK_RECORD_H

#include "reconcile/plan/workflow_task.h"

/* The record of the workflow, under its name or under the one that it still has on the service; NULL: not found. */
const struct applied_record *task_record_find(const struct workflow_task *task);
/* What the service is known to make of what it is sent; NULL: nothing is known. */
const struct node *task_record_habits(const struct workflow_task *task);
/* True if the record says that an update of ours may have resumed the workflow. */
bool task_record_says_paused(const struct workflow_task *task);

/* What was declared at the last apply, for a workflow with these tags; NULL: not known. */
const struct node *task_record_body(struct workflow_task *task, const struct owner_tags *marker);

/* True if a create of this name was sent not long ago and its result is not known. */
bool task_record_attempted(const struct cycle *cycle, const char *name);
/* The spec is about to be written; refused: it was not. */
void task_record_intend(struct workflow_task *task);
void task_record_refused(struct workflow_task *task);

/* The spec was applied, or is found applied. */
void task_record_write(struct workflow_task *task, const struct node *habits, bool paused);
/* The spec is found applied: a lost or an older record begins again, and one of a pause is over. */
void task_record_refresh(struct workflow_task *task);
/* The workflow is paused and will be updated; undo: the update was not carried out. */
void task_record_pause(struct workflow_task *task);
void task_record_undo_pause(struct workflow_task *task);
/* The workflow was deleted. */
void task_record_drop(struct workflow_task *task);

#endif
