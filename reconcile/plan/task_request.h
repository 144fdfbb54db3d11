/* task_request.h: the requests that a task sends for its workflow.  Each function prepares the next one and sends
 * nothing.  Private to the cycle. */
#ifndef RECONCILE_PLAN_TASK_REQUEST_H
#define RECONCILE_PLAN_TASK_REQUEST_H

#include "reconcile/plan/workflow_task.h"

/* Describe the workflow, wait_ms from now. */
void task_request_description(struct workflow_task *task, int64_t wait_ms);
/* The same of another workflow. */
void task_request_description_of(struct workflow_task *task, int64_t id, int64_t wait_ms);
void task_request_create(struct workflow_task *task);
/* Write the spec over what was described, without task->removals. */
void task_request_update(struct workflow_task *task);
void task_request_pause(struct workflow_task *task);
void task_request_delete(struct workflow_task *task);

/* The tags of ours that a write puts on the workflow. */
struct owner_tags task_request_tags(struct workflow_task *task);

/* Where the body of an update, or of a create with described NULL, would hold a value that only stands for a masked
 * one: a JSON Pointer; NULL: nowhere. */
const char *task_request_masked(struct workflow_task *task, const struct node *described);

#endif
