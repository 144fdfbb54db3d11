/* request_body.h: the bodies that are sent (contract sections 2 and 3, with the design's corrections in
 * section 6: nothing is lost that the spec does not speak of). */
#ifndef RECONCILE_PLAN_REQUEST_BODY_H
#define RECONCILE_PLAN_REQUEST_BODY_H

#include "reconcile/plan/diff.h"
#include "reconcile/wire/owner_tags.h"
#include "reconcile/schema/normalise.h"

/* The body of an update: what describe gave, with the declared laid over it.
 *
 * Maps merge; of a declared list only its items stay, those of tags, triggers and watchers
 * merged with what diff_workflow() compares them with; steps that are not declared go.  What
 * ignore names (as there) stays as described.  All triggers are carried over unless the spec
 * declares triggers; each declared webhook asks to keep its address where there is one to keep.
 * What the service fills in, null and an empty token are left out, env is a map again, false and
 * 0 stay; a field goes that the declared kind of step or auth cannot have, and a mention of a
 * step that goes.  flowsync's own tags stay.  declared is as normalise_declared() makes it,
 * described as describe gave it; both are untouched, the result shares with them. */
struct node *request_body_update(struct arena *a, const struct node *declared,
                            const struct node *described, const struct node *ignore);

/* What a sync writes. */
struct request_body_sides {
	const struct node *declared, *described;	/* as for request_body_update(); described NULL: a create */
	const struct node *ignore;	/* as for request_body_update() */
	const struct diff *diff;	/* its removals are carried out; NULL: none */
	const struct owner_tags *marker;	/* the tags of ours that it gets */
	bool whole;			/* nothing undeclared is carried over (--undeclared remove) */
};

struct node *request_body_write(struct arena *a, const struct request_body_sides *sides);

/* The first place at which request_body_write() would send a value that only stands for a masked one
 * ("(masked #1)") and that the service does not have so already: a JSON Pointer; NULL: none. */
const char *request_body_masked(struct arena *a, const struct request_body_sides *sides);

/* The body of an update by hand: declared as it is, and what it leaves out goes; but webhooks
 * keep their addresses and flowsync's own tags stay, which no file can say. */
struct node *request_body_whole(struct arena *a, const struct node *declared,
                           const struct node *described);

/* Fields of described that this service may hold without showing them, and that declared does
 * not speak of: an update can lose them.  Pointers, as one text for a warning ("/retryOptions,
 * /metadata"); NULL: none. */
const char *request_body_may_lose(struct arena *a, const struct node *declared,
                             const struct node *described);

#endif
