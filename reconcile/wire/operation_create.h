/* operation_create.h: creates a workflow, and never twice (design, 6.4).
 *
 * Every create first looks the exact name up; if a workflow has it, nothing is sent.  A create
 * whose answer was lost is looked up by name before it is sent again. */
#ifndef RECONCILE_WIRE_OPERATION_CREATE_H
#define RECONCILE_WIRE_OPERATION_CREATE_H

#include "reconcile/wire/operation_list.h"

enum { CREATE_SENDINGS = 4 };

struct operation_create {
	struct operation_task op;
	const char *name;
	int64_t id;		/* of the new workflow; 0: none */
	int64_t there;		/* id of a workflow that already has the name (ok is false, nothing was sent); 0: none */
	size_t there_count;	/* number of workflows that have the name */
	bool held_back;		/* the dispatcher stopped before the create was sent */
	struct node *answer;	/* to the create; NULL if it was lost and the workflow was found by its name */

	/* Private: state between requests. */
	struct request request;
	struct operation_list look;
	bool looking;
	unsigned sendings;
};

/* Sets up the create of body, which must have a name.  body has to stay until the operation has ended. */
void operation_create_init(struct operation_create *create, struct arena *a, const struct node *body);

#endif
