/* workflow_task.h: what a cycle does about one workflow, as a task: look, plan, write, verify.  Private
 * to the cycle. */
#ifndef RECONCILE_PLAN_WORKFLOW_TASK_H
#define RECONCILE_PLAN_WORKFLOW_TASK_H

#include "reconcile/plan/cycle.h"
#include "reconcile/wire/operation_create.h"
#include "reconcile/plan/settled_differences.h"

#define TASK_HELD	"the source could not be read anew"
#define TASK_NOT_BEGUN	"not begun: the cycle was stopped or its time was over"

enum task_state { WORK_LOOK, WORK_CREATE, WORK_DESCRIBE, WORK_WRITE, WORK_VERIFY, WORK_PAUSE, WORK_DELETE };

struct workflow_task {
	struct task task;		/* first, so that a task is its workflow_task */
	struct cycle *cycle;
	const struct spec *spec;	/* NULL: the workflow is to go */
	struct plan_step *step;		/* in the report */
	bool marked;			/* the workflow bears our marker, for its name */
	const char *old_name;		/* what it is called on the service; NULL: as the spec says */

	/* From here on: while it is at work. */
	struct arena arena;		/* of the requests and answers in hand; freed when the task ends */
	enum task_state state;
	int64_t begun;			/* clock of the dispatcher */
	unsigned tries;			/* of a write that was answered 409, or of a verification */
	bool given_up;			/* all is to stop, and its last read was not waited for */
	bool written_twice;
	const char *settled_tag;	/* S of the last write; NULL: none */
	const char *judged;		/* S of what is known to be a habit; NULL: nothing is */
	bool corrected;			/* it was written once more as S was not what came of it */
	bool to_pause;			/* an earlier cycle set it going and did not come to pause it */
	bool body_differs;		/* not only its being paused */
	bool was_paused, was_draft;	/* before the update */
	const struct node *record;	/* what was declared at the last apply, sealed; NULL: not known */
	const struct node *observed, *before;	/* as it was compared last, and when it was planned */
	const struct node *left;	/* keys taken out of the spec that are there all the same, and the spec: to
					 * be remembered; NULL: the spec alone */
	const struct node *habits;	/* to be remembered when it was paused again */
	struct operation_call call;
	struct operation_create create;
};

/* Describe the workflow step->id and plan what is to be done about it. */
void workflow_task_observe(struct workflow_task *task);
/* Do what is planned. */
void workflow_task_apply(struct workflow_task *task);
/* Delete the workflow, if it is still what it was when it was listed. */
void workflow_task_delete(struct workflow_task *task);

/* Why the workflow called name, with marker m, is not w's to write; NULL: it is. */
const char *workflow_task_ownership_conflict(struct arena *a, const struct workflow_task *task, const struct owner_tags *m,
                          const char *name);

/* Plans the making of the workflow: every declared key is an addition.  Where the cycle holds back,
 * the step waits. */
void workflow_task_plan_create(struct workflow_task *task);

#endif
