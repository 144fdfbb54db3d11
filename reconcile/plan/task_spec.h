/* task_spec.h: the spec of a task in the forms in which it is compared, sent and remembered.  Each is made once, when it is
 * needed first, and valid until the task ends or a new attempt begins.  Private to the cycle. */
#ifndef RECONCILE_PLAN_TASK_SPEC_H
#define RECONCILE_PLAN_TASK_SPEC_H

#include "reconcile/plan/workflow_task.h"

/* The declared body, as it is sent. */
const struct node *task_spec_body(struct workflow_task *task);
/* normalise() of it. */
const struct node *task_spec_normal(struct workflow_task *task);
/* As a record has it: digest_seal() with the state's key. */
const struct node *task_spec_sealed(struct workflow_task *task);
/* The same of normalise_other_reading(); NULL: there is no other reading. */
const struct node *task_spec_sealed_other(struct workflow_task *task);

/* N and vD of the owner tags; they stay as long as the task. */
const char *task_spec_name_digest(struct workflow_task *task);
const char *task_spec_digest(struct workflow_task *task);
/* The sealed body of that reading whose vD is digest; NULL: no reading has it. */
const struct node *task_spec_sealed_reading(struct workflow_task *task, const char *digest);

/* Frees the forms; the digests stay. */
void task_spec_free(struct workflow_task *task);

#endif
