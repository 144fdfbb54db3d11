/* diff.h: compares a declared workflow with the observed one (design, 5.1).
 *
 * Maps are open: only declared keys are compared, except that `steps` is closed.  A declared list is
 * complete.  Lists of mappings are compared item by item, where each item is open again; lists
 * of scalars are compared as a whole. */
#ifndef RECONCILE_PLAN_DIFF_H
#define RECONCILE_PLAN_DIFF_H

#include "reconcile/schema/fields.h"

enum change_op { CHANGE_ADD, CHANGE_REMOVE, CHANGE_REPLACE };

enum reason {
	REASON_DECLARED,	/* the spec changed */
	REASON_DRIFT,		/* the service changed */
	REASON_UNDECLARED,	/* was declared before */
	REASON_ADOPTED,		/* no record of an earlier apply */
};

struct change {
	enum change_op op;
	const char *path;		/* a JSON Pointer into the body; of a removed list item: its place in the
					 * observed list */
	const struct node *from, *to;	/* masked copies; NULL for add and remove */
	enum reason reason;
	const char *item;		/* what identifies the item of a list around: "user: ann", masked; NULL: nothing */
	struct pos at;			/* of the declared value; of a removal: of the declared value around it */
	const char *sent, *kept;	/* digests of the declared and the observed value, which identify the pair */
	bool whole;			/* needs a replace: a key or a step is removed, or gets another type */
	bool by_record;			/* a key that is removed because the record has it */
	bool blind;			/* and that the service does not show: the result cannot be checked */
	bool is_item;			/* a whole item of a list */
	bool strict;			/* a number, a boolean or an enumeration: no service stores it in another form */
};

struct diff {
	struct change *items;
	size_t count, room;
	bool removes;			/* a change is whole */
	const char **unseen;		/* pointers of declared fields that this service does not show */
	size_t unseen_count, unseen_room;
};

/* Compares without a record, and without fields that the service hides.  declared and observed are results of
 * normalise().  ignore is a list of JSON Pointers that are
 * not compared, nor anything below them, "*" matching one level; NULL: none.  Everything in *out
 * lives in a. */
void diff_workflow(struct arena *a, const struct node *declared, const struct node *observed,
                   const struct node *ignore, struct diff *out);

/* The inputs of a comparison with a record. */
struct diff_sides {
	const char *name;		/* of the workflow */
	const struct node *declared, *observed;	/* results of normalise() */
	const struct node *ignore;	/* as for diff_workflow() */
	/* The body declared at the last apply, and the one declared now, both from digest_seal()
	 * with one key.  With a record each change has a reason (design, 5.5), a key that only
	 * the record has is removed, and fields that the service hides are compared with the record;
	 * without one, hidden fields are written once. */
	const struct node *record, *sealed;	/* record NULL: not known */
	const struct node *other;	/* the declared body in its other reading, sealed; NULL: the same */
	bool whole;			/* undeclared keys are removed, too (--undeclared remove) */
	const struct node *resources;	/* the service's default resource, which is not removed; NULL: not known */
};

/* Compares; *out lives in a. */
void diff_three_way(struct arena *a, const struct diff_sides *sides, struct diff *out);

/* Pairs the items of two sets of mappings, as the comparison does: for each declared item the index of its observed one,
 * or observed->count if it has none.  list is the set's row. */
const size_t *diff_pair(struct arena *a, const struct field *list, const struct node *declared,
                        const struct node *observed);

/* True if leaving out observed, a value of field (NULL: unknown) of this kind, means the same: it is a default, or equals
 * resources, the service's default resource (NULL: not known). */
bool diff_is_default(struct arena *a, const struct field *field, unsigned kind, const struct node *observed,
                     const struct node *resources);

/* Adds a copy of *change, which shares all texts and trees with it. */
void diff_add(struct arena *a, struct diff *diff, const struct change *change);

/* A copy that shares nothing with diff and lives in a. */
struct diff diff_copy(struct arena *a, const struct diff *diff);

const char *change_op_word(enum change_op op);		/* "add", "remove", "replace" */
const char *reason_word(enum reason reason);		/* "declared", ... */

#endif
