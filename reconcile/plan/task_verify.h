/* task_verify.h: what came of a write, by the description after it: "No write is ever repeated without reason"
 * (design, 5.4).  Private to the cycle. */
#ifndef RECONCILE_PLAN_TASK_VERIFY_H
#define RECONCILE_PLAN_TASK_VERIFY_H

#include "reconcile/plan/task_event.h"

/* True if what was just read may be older than the write, and is to be read again.  Counts how often. */
bool task_verify_may_be_late(struct workflow_task *task);

/* Judges the description that was just read: EVENT_LATE, EVENT_DIFFERS, EVENT_OTHER_DIGEST, EVENT_RESUMED or
 * EVENT_SETTLED. */
enum task_event task_verify_description(struct workflow_task *task);

/* What is to be remembered of what the service makes of a write, our tags included. */
const struct node *task_verify_habits(struct workflow_task *task);

#endif
