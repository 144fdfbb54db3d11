/* task_outcome.h: what the report says of a task: the step's result and sentence, the cycle's warnings and counts.
 * Each function explains what was decided and decides nothing.  Private to the cycle. */
#ifndef RECONCILE_PLAN_TASK_OUTCOME_H
#define RECONCILE_PLAN_TASK_OUTCOME_H

#include "reconcile/plan/workflow_task.h"

/* ---- of a plan ---- */

/* The note on what is done beside the changes: our own tags, and pausing the workflow again.  NULL: nothing. */
const char *task_outcome_note(const struct workflow_task *task, bool changes, bool tags, bool pause);
/* The step fails: the body of the spec cannot be had. */
void task_outcome_unread(struct workflow_task *task, const char *why);
/* The step fails: the value at path is the replacement of a masked one. */
void task_outcome_masked(struct workflow_task *task, const char *path);
/* Of an unmarked workflow that is not written: "dropped" if the service is known to drop our tags, else "none".  NULL:
 * it is marked, or will be. */
const char *task_outcome_tags(struct workflow_task *task);
/* Counts for the cycle's warnings: a workflow with the field `unseen` that the service does not show (NULL: none), and
 * with these task_outcome_tags(). */
void task_outcome_tally(struct workflow_task *task, const char *unseen, const char *tags);
/* Counts what the cycle warns of once for all workflows. */
void task_outcome_observed(struct workflow_task *task);
/* Warns of hidden fields that the planned update may lose. */
void task_outcome_warn_of_loss(struct workflow_task *task);

/* ---- of a task that ends: set the step's result ---- */

void task_outcome_explain(struct workflow_task *task);		/* the result stays; says why if it is a bad one */
void task_outcome_foreign(struct workflow_task *task);		/* not ours to write */
void task_outcome_stale(struct workflow_task *task);		/* not as the saved plan says */
void task_outcome_inspected(struct workflow_task *task);	/* planned: the workflow is still the one to delete */
void task_outcome_vanished(struct workflow_task *task);		/* the workflow to delete is gone: nothing is planned */
void task_outcome_not_deleted(struct workflow_task *task);		/* no longer ours to delete */
void task_outcome_ambiguous(struct workflow_task *task);	/* several workflows have the name */
void task_outcome_lost(struct workflow_task *task);		/* it may or may not have been created */
void task_outcome_not_begun(struct workflow_task *task);	/* the cycle stopped before anything was sent */
void task_outcome_given_up(struct workflow_task *task);		/* the cycle stopped before an answer came */
void task_outcome_busy(struct workflow_task *task);		/* the workflow runs */
void task_outcome_failed(struct workflow_task *task);		/* the request failed */
void task_outcome_unverified(struct workflow_task *task);	/* written, but not described since */
void task_outcome_not_paused(struct workflow_task *task);		/* written, but not paused again */
void task_outcome_deleted(struct workflow_task *task);
void task_outcome_duplicate(struct workflow_task *task);	/* created twice, and both stay */
void task_outcome_duplicates_gone(struct workflow_task *task);	/* created twice, and the others were deleted */

/* The same as task_outcome_stale() for a step without a task; why is not copied. */
void task_outcome_stale_step(struct plan_step *step, const char *why);

/* ---- on the way ---- */

void task_outcome_written(struct workflow_task *task);	/* the service accepted a create or an update */
/* "403 on one workflow fails that step, five in a row stop" (design, 6.4): counts the status of an answer. */
void task_outcome_count_forbidden(struct cycle *cycle, int status);
void task_outcome_settled(struct workflow_task *task);	/* as it should be; task->parts says how near */
void task_outcome_duplicate_deleted(struct workflow_task *task);	/* created twice, and ours was deleted */
void task_outcome_paused(struct workflow_task *task);	/* the workflow was paused again */

#endif
