/* work.h: what a cycle does about one workflow, as a task: look, plan, write, verify.  Private to the cycle. */
#ifndef RECONCILE_WORK_H
#define RECONCILE_WORK_H

#include "reconcile/cycle.h"
#include "reconcile/op_create.h"

#define WORK_NOT_BEGUN "not begun: the cycle was stopped or its time was over"

enum work_state { WORK_LOOK, WORK_CREATE, WORK_DESCRIBE, WORK_WRITE, WORK_VERIFY };

struct work {
	struct task task;		/* first, so that a task is its work */
	struct cycle *cycle;
	const struct spec *spec;
	struct step *step;		/* in the report */
	struct arena arena;		/* of the requests and answers in hand; freed when the task ends */
	enum work_state state;
	int64_t begun;			/* clock of the dispatcher */
	unsigned tries;			/* of a write that was answered 409, or of a verification */
	struct op_call call;
	struct op_create create;
};

/* Describe the workflow step->id and plan what is to be done about it. */
void work_look(struct work *work);
/* Do what is planned. */
void work_apply(struct work *work);

/* Plans the making of the workflow: every declared key is an addition. */
void work_plan_create(struct work *work);

#endif
