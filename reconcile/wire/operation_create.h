/* operation_create.h: creates a workflow, and never twice (design, 6.4).
 *
 * Every create first looks the exact name up; if a workflow has it, nothing is sent.  A create whose answer was lost is
 * never sent again: its name is looked up with growing pauses, as the service may show the workflow late.  The pauses are
 * waits of the dispatcher, so no connection is held meanwhile. */
#ifndef RECONCILE_WIRE_OPERATION_CREATE_H
#define RECONCILE_WIRE_OPERATION_CREATE_H

#include "reconcile/wire/operation_list.h"

/* How long a workflow may be missing from the list after its create. */
enum { CREATE_LOOK_MS = 15000 };

struct operation_create {
	struct operation_task op;
	const char *name;
	int64_t id;		/* of the new workflow; 0: none */
	int64_t there;		/* id of a workflow that already has the name (ok is false); 0: none */
	size_t there_count;	/* number of workflows that have the name */
	bool held_back;		/* the dispatcher stopped, or hurried the lookups, before the create was sent */
	bool lost;		/* its answer was lost, and it was not found: it may have been created (ok is false) */
	struct node *answer;	/* to the create; NULL if it was lost and the workflow was found by its name */
	unsigned sendings;	/* how often the create was sent */

	/* Set by the caller, after operation_create_init(). */
	bool attempted;		/* an earlier create may still appear: CREATE_LOOK_MS are over before this one is sent */
	void (*announce)(void *context);	/* called right before the create is sent; NULL: not called */
	void *context;

	/* Private: state between requests. */
	struct request request;
	struct operation_list look;
	bool looking;
	unsigned looks;		/* lookups with a pause before them, since the last request of another kind */
};

/* Sets up the create of body, which must have a name.  body has to stay until the operation has ended. */
void operation_create_init(struct operation_create *create, struct arena *a, const struct node *body);

#endif
