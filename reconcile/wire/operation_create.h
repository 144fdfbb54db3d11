/* operation_create.h: makes a workflow, and never two of it (design section 6).
 *
 * "Every create first looks its name up exactly": if it is there, nothing is sent.  "A create
 * whose answer was lost is looked up by name before it is sent again." */
#ifndef RECONCILE_WIRE_OPERATION_CREATE_H
#define RECONCILE_WIRE_OPERATION_CREATE_H

#include "reconcile/wire/operation_list.h"

enum { CREATE_SENDINGS = 4 };

struct operation_create {
	struct operation_task op;
	const char *name;
	int64_t id;		/* of the new workflow; 0: none */
	int64_t there;		/* id of the workflow that has the name already (ok is false, nothing was sent); 0: none */
	size_t there_count;	/* how many have it */
	bool held_back;		/* the dispatcher stopped before it was sent at all */
	struct node *answer;	/* of the create; NULL if it was lost and the workflow found by its name */

	/* Kept between requests. */
	struct request request;
	struct operation_list look;
	bool looking;
	unsigned sendings;
};

/* body has a name. */
void operation_create_init(struct operation_create *create, struct arena *a, const struct node *body);

#endif
