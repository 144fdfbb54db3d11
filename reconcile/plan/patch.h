/* patch.h: the body that a patch by hand sends (contract, 2.7).
 *
 * The service knows no patch: its client describes the workflow, lays the changes over that and
 * updates with the whole.  Here nothing is lost on the way that describe shows. */
#ifndef RECONCILE_PLAN_PATCH_H
#define RECONCILE_PLAN_PATCH_H

#include "reconcile/tree/node.h"

struct patch {
	const struct node *body;	/* of a patch file, as specs_read() gives a partial one; NULL: none */
	const char *name;		/* the new name; NULL: as it is */
	const struct node *step;	/* what is laid over steps in the end, in a step's shape; NULL: nothing */
	const struct node *names;	/* a list of the steps that are meant; NULL: all that can have it */
};

/* "Top-level keys replace, except steps: each named step is merged into the present one, maps
 * recursively, anything else replaced; a new name is a new step.  Arguments win over the body."
 * Webhooks that stay keep their addresses, flowsync's own tags stay, and a step that becomes of
 * another type keeps only what that can have.  described is as describe gave it; the result
 * shares with all of them.  False if a step is named that is not there, or one that cannot have
 * what is laid over it, or if no step can. */
bool patch_body(struct arena *a, const struct patch *patch, const struct node *described,
                struct node **out, struct err *err);

#endif
