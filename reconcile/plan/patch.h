/* patch.h: makes the body for `flowsync workflow patch` (contract, 2.7).
 *
 * The service has no patch: its client describes the workflow, lays the changes over the description and
 * sends an update with the whole body.  Nothing that describe shows is lost. */
#ifndef RECONCILE_PLAN_PATCH_H
#define RECONCILE_PLAN_PATCH_H

#include "reconcile/base/diagnostics.h"
#include "reconcile/tree/node.h"

struct patch {
	const struct node *body;	/* of a patch file, read with specs.partial; NULL: none */
	const char *name;		/* the new name; NULL: no change */
	const struct node *step;	/* keys that are laid over steps after body; NULL: none */
	const struct node *names;	/* a list of the steps that get them; NULL: all steps that can have the key */
	struct diagnostics *faults;	/* gets a warning for each key that is left out; NULL: nothing is reported */
};

/* Sets *out to the body.  Top-level keys replace, except steps: each named step is merged into the present one, maps
 * recursively, anything else replaced; a new name is a new step.  Name and step win over the body.
 * Webhooks that stay keep their addresses, flowsync's own tags stay, and a step that gets another type keeps only the
 * keys of that type; keys of other types are left out of every step.  described is an answer of the service; the result
 * lives in a and shares with all inputs.  False, with *err, if a named step does not exist or cannot have a key of
 * patch->step, or if no step can have it. */
bool patch_body(struct arena *a, const struct patch *patch, const struct node *described,
                struct node **out, struct err *err);

#endif
