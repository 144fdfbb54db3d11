/* unlisted.h: the recorded workflows that the list does not show: each is requested by its id before anything is planned
 * (design, 6.2).  A list may lag or omit entries, and a workflow that it omits must not be created again.
 * Private to the cycle. */
#ifndef RECONCILE_PLAN_UNLISTED_H
#define RECONCILE_PLAN_UNLISTED_H

#include "reconcile/plan/cycle.h"

enum unlisted_state {
	UNLISTED_OPEN,		/* no answer yet */
	UNLISTED_FOUND,		/* it exists, and was added to the list */
	UNLISTED_GONE,		/* the service itself says that it does not exist */
	UNLISTED_UNKNOWN,	/* it may exist: it is neither created nor counted */
};

struct unlisted {
	struct task task;	/* first, so that a task is its unlisted workflow */
	struct cycle *cycle;
	const struct applied_record *record;
	enum unlisted_state state;
	bool replaced;		/* the list shows another workflow with its name */
	bool requested;
	bool deferred;		/* UNLISTED_UNKNOWN: the cycle stopped before an answer was received */
	int status;		/* HTTP, of the answer; 0: none */
	const char *error;	/* of UNLISTED_UNKNOWN: one sentence */
	struct arena arena;	/* of the request and its answer; freed when the task ends */
	struct operation_call call;
};

/* Requests recorded workflows that the list does not show; to be called when the dispatcher is idle.  False when all
 * are known that have to be: those that exist are in the list then.  If more than a third of the recorded workflows are
 * missing from the list, twenty of them are requested first; if all of those are gone and the guard on missing workflows
 * blocks, the others count as gone without a request. */
bool unlisted_request(struct cycle *cycle);

/* The unlisted workflow recorded under this name (NULL: none has it); NULL: not found. */
const struct unlisted *unlisted_find(const struct cycle *cycle, const char *name);

/* Sets the step of a workflow that may exist. */
void unlisted_fail_step(const struct unlisted *unlisted, struct plan_step *step);

#endif
