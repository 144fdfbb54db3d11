/* workflow_task.h: what a cycle does about one workflow, as a task that goes from state to state (design, 6.4).
 * Private to the cycle.
 *
 *	OBSERVING -----------------------------------------------------> ENDED    observe: a plan only
 *
 *	CREATING -------accepted-------> VERIFYING -------settled------> ENDED    apply
 *	 |     ^                          |   ^  |
 *	exists gone              differs  |   |  |  resumed
 *	 v     |                          v   |  |
 *	CHECKING -------changed--------> UPDATING|
 *	 |     ^                          |      v
 *	 |     '----------busy------------'      |
 *	 '----------------resumed--------------> PAUSING --------------> ENDED
 *
 *	INSPECTING ----------------------------------------------------> ENDED    inspect: a plan of a delete
 *
 *	CONFIRMING -------ours---------> DELETING ---------------------> ENDED    delete
 *	       ^----------busy------------'
 *
 *	COMPARING ---ours---> WITHDRAWING ---ours---> REMOVING                    resolve duplicates
 *	                           '------gone-----> CHECKING (the lowest id) <--- accepted
 *	AWAITING -------gone--------------------------------------------> ENDED
 *
 * The table in workflow_task.c has every transition; those that are not drawn end the task, and one waits for a
 * description that is not older than the write.  task_event.c says what an answer means, task_plan.c and
 * task_verify.c what follows from a description, task_request.c what is sent, task_record.c what is remembered,
 * task_outcome.c what is reported. */
#ifndef RECONCILE_PLAN_WORKFLOW_TASK_H
#define RECONCILE_PLAN_WORKFLOW_TASK_H

#include "reconcile/plan/cycle.h"
#include "reconcile/plan/settled_differences.h"
#include "reconcile/wire/operation_create.h"

#define TASK_HELD	"the source could not be read"
#define TASK_LIST_CHANGED	"the list of workflows changed each time it was read"
#define TASK_NOT_DESCRIBED	"not described: the cycle was stopped, or its time limit (--timeout) had passed"
#define TASK_NOT_BEGUN	"not started: the cycle was stopped, or its time limit (--timeout) had passed"

/* How long the description of a new workflow may be answered 404. */
enum { TASK_APPEARS_MS = 10000 };
/* How long another run that created the same workflow gets to delete its own. */
enum { TASK_AWAIT_MS = 7500 };

/* What the task waits for. */
enum task_state {
	STATE_OBSERVING,	/* a description, to plan by; nothing is written */
	STATE_CREATING,		/* the create, and the lookups of the name around it */
	STATE_CHECKING,		/* a description right before the update */
	STATE_UPDATING,		/* the answer to the update */
	STATE_VERIFYING,	/* a description after a create or an update */
	STATE_PAUSING,		/* the answer to the pause of a workflow that the update resumed */
	STATE_INSPECTING,	/* a description of the workflow to delete, for a plan; nothing is written */
	STATE_CONFIRMING,	/* a description right before the delete */
	STATE_DELETING,		/* the answer to the delete */
	STATE_COMPARING,	/* a description of the lowest id, after another run created the workflow as well */
	STATE_WITHDRAWING,	/* a description of ours, right before its delete */
	STATE_REMOVING,		/* the answer to that delete */
	STATE_AWAITING,		/* a description of a higher id, until the run that created it deletes it */
	STATE_ENDED,
};

/* Which write of the same body it is.  Differences after the second one are settled; the third only
 * corrects the tag with their digest, so that there is no fourth. */
enum write_round { ROUND_FIRST, ROUND_SECOND, ROUND_CORRECTION };

struct workflow_task {
	struct task task;		/* first, so that a task is its workflow_task */
	struct cycle *cycle;
	const struct spec *spec;	/* NULL: the workflow is to be deleted */
	struct plan_step *step;		/* in the report */
	bool marked;			/* the workflow has our tags, for its name */
	const char *old_name;		/* its name on the service; NULL: as the spec says */
	char name_digest[9], digest[10];	/* of the spec, for the owner tags; "": not computed yet */
	struct {			/* by this cycle; zero: it was not */
		int64_t id;
		bool answered;		/* the id is from the answer to the create, not found by name */
		struct owner_tags tags;	/* as they were written last */
	} created;
	struct {			/* other workflows with its name, by id */
		int64_t *ids;
		size_t count, next;
		const char *why;	/* why nothing is deleted */
		enum result result;	/* of the step, and its error, before they were found */
		const char *error;
	} duplicates;
	/* Nothing but its spec changed since an earlier look: it is described right before it is written, and not to plan. */
	bool postponed;
	const struct listed *listed;	/* its entry in the list; NULL: no looks are held */
	unsigned char inputs[LOOK_DIGEST];	/* of what decides the outcome of a description */

	/* From here on: zero when the task is handed to the dispatcher. */
	struct arena arena;		/* of the requests and answers of this attempt; freed when the task ends */
	struct {			/* of the spec: task_spec.h */
		struct arena arena;
		const struct node *body, *normal, *canonical, *sealed, *other, *sealed_other;
		bool other_known;
	} forms;
	struct arena planned;		/* of what the step says of the last plan; the cycle's when the task ends */
	enum task_state state;
	int64_t begun;			/* clock of the dispatcher */
	int64_t wait_ms;		/* before the next request is sent */
	int64_t described;		/* the service's Date of the last answer, microseconds since 1970; 0: not known */
	bool recorded;			/* this task wrote or dropped a record */
	unsigned tries;			/* updates that were answered 409, or descriptions that were too early */
	unsigned absences;		/* descriptions that were answered 404 though the workflow was written or listed */
	enum write_round round;
	bool was_paused, was_draft;	/* before the update */
	struct {			/* by the last comparison; zero: nothing is known, as of a new workflow */
		const struct node *record;	/* what was declared at the last apply, sealed; NULL: not known */
		bool passing;		/* the record, or that there is none, follows from an intent or from the history of the file */
		const struct node *observed;	/* as described when it was planned */
		const struct node *retained;	/* the body for the next record: the spec, with keys that were removed from
						 * it and that the service keeps; NULL: the spec alone */
		const char *settled_tag;	/* S as the last write says it; NULL: none */
		const char *settled;		/* S of the differences that are known to be settled; NULL: none */
	} known;
	struct settlement parts;	/* the difference, split; open is empty at the end */
	const struct diff *removals;	/* keys that the next update removes; NULL: none */
	const struct applied_record *kept;	/* what the task remembered last of the workflow; NULL: nothing yet */
	const struct node *habits;	/* the settled differences for the record, while the workflow is paused again */
	struct operation_task *op;			/* whose answer is waited for: call's or create's */
	/* In arena; NULL as long as no request of that kind was made: waiting tasks are many, and these are large. */
	struct operation_call *call;
	struct operation_create *create;
};

/* Describe the workflow step->id and plan what is to be done about it. */
void workflow_task_observe(struct workflow_task *task);
/* The same later, in workflow_task_apply(): until then the step counts as planned. */
void workflow_task_postpone(struct workflow_task *task);
/* Do what is planned. */
void workflow_task_apply(struct workflow_task *task);
/* Another run created the workflow as well, with the ids in task->duplicates: the lowest id stays. strangers: not all of them
 * are ours. */
void workflow_task_resolve_duplicates(struct workflow_task *task, bool strangers);
/* Forgets all that an earlier plan of the step says, for a new one. */
void workflow_task_plan_anew(struct workflow_task *task);
/* Hands what the plan says to the cycle, and frees the forms of the spec; for a plan that is made without a request. */
void workflow_task_end_plan(struct workflow_task *task);
/* Describe the workflow to delete, for the report of a plan: the step is planned if it is still as it was when it was
 * listed. */
void workflow_task_inspect(struct workflow_task *task);
/* Delete the workflow, if it is still what it was when it was listed. */
void workflow_task_delete(struct workflow_task *task);

#endif
