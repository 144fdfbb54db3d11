/* task_verify.h: checks the result of a write by the description after it, and learns the differences that the service
 * makes (design, 5.4).  Private to the cycle. */
#ifndef RECONCILE_PLAN_TASK_VERIFY_H
#define RECONCILE_PLAN_TASK_VERIFY_H

#include "reconcile/plan/task_event.h"

/* True if what was just read may be older than the write, and is to be read again.  Counts how often. */
bool task_verify_may_be_late(struct workflow_task *task);

/* Judges the description that was just read: EVENT_LATE, EVENT_DIFFERS, EVENT_OTHER_DIGEST, EVENT_RESUMED or
 * EVENT_SETTLED. */
enum task_event task_verify_description(struct workflow_task *task);

/* The settled differences of the write for the record, our tags included. */
const struct node *task_verify_habits(struct workflow_task *task);

#endif
