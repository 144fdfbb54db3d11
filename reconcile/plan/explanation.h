/* explanation.h: why each field of one workflow is as it is: its value on every side, and the rule that decided
 * (design, 5).  A cycle that plans and does not apply fills it in: cycle_options.explanation. */
#ifndef RECONCILE_PLAN_EXPLANATION_H
#define RECONCILE_PLAN_EXPLANATION_H

#include "reconcile/tree/node.h"

enum rule {
	RULE_NOT_COMPARED,	/* the workflow as a whole was not: the step says why */
	RULE_EQUAL,
	RULE_CREATED,		/* the workflow is not on the service yet */
	RULE_DECLARED,
	RULE_DRIFT,
	RULE_REMOVED,		/* was declared before and no longer is */
	RULE_ADOPTED,		/* no record of an earlier apply */
	RULE_KEPT,		/* it was never declared, and it stays */
	RULE_DEFAULT,		/* leaving it out means the same */
	RULE_SETTLED,
	RULE_REFUSED,
	RULE_IGNORED,
	RULE_HIDDEN,		/* the service does not show it: the record decides */
	RULE_GONE,		/* only the record has it: it is neither declared nor on the service any more */
	RULE_COUNT,
};

struct explained_field {
	/* A JSON Pointer; of an item that only the service has: its place in the service's list. */
	const char *path;
	bool on_service_only;		/* it is in such an item */
	const struct node *declared, *observed, *recorded;	/* masked; NULL: absent */
	const struct node *plain;	/* the declared value as it is, for searches: it may hold a secret */
	struct pos at;			/* of the declared key or item; line 0: flowsync added the value */
	struct pos value_at;		/* of the value; of a list or a map: of the last value in it */
	struct pos next;		/* of what is declared next in the file; line 0: nothing is */
	enum rule rule;
};

struct explanation {
	struct arena *arena;		/* set by the caller */
	bool taken;			/* the cycle came to the workflow */
	bool described, recorded;	/* the service described it; there is a record of an earlier apply */
	const char *changed_by, *changed_at;	/* as the service says; NULL: it does not */
	struct explained_field *fields;
	size_t count, room;
};

const char *rule_word(enum rule rule);		/* "drift" */
const char *rule_text(enum rule rule);		/* one clause for people */
const char *rule_section(enum rule rule);	/* of the design: "5.5" */

struct workflow_task;

/* Fills in task->cycle->options.explanation, if there is one, from what the task knows at the end of its plan. */
void explanation_take(struct workflow_task *task);

#endif
