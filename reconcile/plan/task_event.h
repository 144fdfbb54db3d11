/* task_event.h: what an answer means to a task in its state (design, 6.4).  Private to the cycle. */
#ifndef RECONCILE_PLAN_TASK_EVENT_H
#define RECONCILE_PLAN_TASK_EVENT_H

#include "reconcile/plan/workflow_task.h"

enum task_event {
	EVENT_BEGIN,		/* no answer yet: the dispatcher begins the task */
	EVENT_FAILED,		/* the request failed for good */
	EVENT_GIVEN_UP,		/* the cycle stops and did not wait for the answer to a read */
	EVENT_GONE,		/* the workflow is not on the service */
	EVENT_FOREIGN,		/* the workflow is not ours to write or to delete */
	EVENT_STALE,		/* the step is not as the saved plan says that is applied */
	EVENT_OURS,		/* the workflow is still the one that is to be deleted */
	EVENT_NOTHING,		/* there is nothing to write, or nothing that may be written */
	EVENT_CHANGED,		/* the workflow differs from the spec */
	EVENT_RESUMED,		/* the workflow is as the spec says, but an update of ours resumed it */
	EVENT_ACCEPTED,		/* the service carried out the write */
	EVENT_REJECTED,		/* the service refused the write (4xx): it carried out nothing of it */
	EVENT_BUSY,		/* the workflow runs (409), and there is time to try again */
	EVENT_OUT_OF_TIME,	/* the workflow runs (409), and the cycle does not wait for it */
	EVENT_EXISTS,		/* a workflow of the name to be created is there, and this task did not create it */
	EVENT_AMBIGUOUS,	/* several workflows have the name to be created */
	EVENT_NOT_SENT,		/* the cycle stopped before the create was sent */
	EVENT_LOST,		/* the answer to the create was lost, and the workflow is not found: it may appear later */
	EVENT_LATE,		/* the description may be older than the write */
	EVENT_ABSENT,		/* the workflow was just created, and cannot be described yet (404) */
	EVENT_DIFFERS,		/* the workflow differs from what was sent */
	EVENT_OTHER_DIGEST,	/* the tag flowsync-settled does not fit the result of the write */
	EVENT_SETTLED,		/* the workflow is as the spec says, except for differences that the service makes */
};

/* What the final answer to the task's request means in its state.  A description is also used to plan. */
enum task_event task_event_read(struct workflow_task *task, const struct answer *answer);

#endif
