/* request_body.h: makes the bodies of creates and updates (contract, 2.7 and 3; design, 6.1): an update loses nothing
 * that the spec does not mention.  Results live in a and share with their inputs, which are untouched. */
#ifndef RECONCILE_PLAN_REQUEST_BODY_H
#define RECONCILE_PLAN_REQUEST_BODY_H

#include "reconcile/plan/diff.h"
#include "reconcile/wire/owner_tags.h"
#include "reconcile/schema/normalise.h"

/* The body of an update: the described workflow, with the declared body laid over it.
 *
 * Maps are merged.  A declared list replaces the described one, but items of tags, triggers and watchers
 * are merged with the items that diff_workflow() compares them with.  Steps that are not declared are removed.
 * Places that ignore matches (as there) stay as described.  Triggers stay unless the spec
 * declares triggers; each declared webhook asks to keep its address if it has one.
 * Fields that the service sets, null and an empty token are left out, env is a map again, false and
 * 0 stay.  Removed are fields that the declared type of a step or auth cannot have, and references to removed
 * steps.  flowsync's own tags stay.  declared is a result of normalise_declared(),
 * described is an answer of the service. */
struct node *request_body_update(struct arena *a, const struct node *declared,
                            const struct node *described, const struct node *ignore);

/* The inputs for the body that a sync writes. */
struct request_body_sides {
	const struct node *declared, *described;	/* as for request_body_update(); described NULL: a create */
	const struct node *ignore;	/* as for request_body_update() */
	const struct diff *diff;	/* its removals are left out of the body; NULL: none */
	const struct owner_tags *marker;	/* flowsync's own tags for the body */
	bool whole;			/* undeclared keys are left out (--undeclared remove) */
};

/* The body of the create or the update. */
struct node *request_body_write(struct arena *a, const struct request_body_sides *sides);

/* The first place at which request_body_write() would send the replacement of a masked value ("(masked #1)") that is not
 * already the service's value: a JSON Pointer; NULL: none. */
const char *request_body_masked(struct arena *a, const struct request_body_sides *sides);

/* The body of an update by hand: declared, and nothing else, except that webhooks
 * keep their addresses and flowsync's own tags stay, which no file can express. */
struct node *request_body_whole(struct arena *a, const struct node *declared,
                           const struct node *described);

/* Fields that an update can lose, because the service may have them without showing them, and declared does
 * not mention them.  Pointers, as one text for a warning ("/retryOptions,
 * /metadata"); NULL: none. */
const char *request_body_may_lose(struct arena *a, const struct node *declared,
                             const struct node *described);

#endif
