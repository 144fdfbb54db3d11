/* diff.h: how a declared workflow differs from the observed one (design section 5).
 *
 * Maps are open: only declared keys count, except that `steps` is closed.  A declared list is
 * the whole truth.  Lists of mappings are compared item by item, an item being open again; lists
 * of scalars as wholes. */
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
	struct pos at;			/* of the declared value; for a removal of what it was taken out of */
	const char *sent, *kept;	/* digests of the declared and the observed value, by which a pair is known again */
	bool whole;			/* a patch cannot say it: a key or a step goes, or becomes of another kind */
	bool by_record;			/* a key that goes only as the record has it */
	bool blind;			/* … and that cannot be seen: nor whether it went */
	bool is_item;			/* of a list, as a whole */
	bool strict;			/* a number, a boolean or of an enumeration: no service writes that in another way */
};

struct diff {
	struct change *items;
	size_t count, room;
	bool removes;			/* some change is whole */
	const char **unseen;		/* pointers of declared fields that this service does not give back */
	size_t unseen_count, unseen_room;
};

/* declared and observed as normalise() makes them.  ignore is a list of JSON Pointers that are
 * not compared, with what is below them, "*" matching one level; NULL: none.  Everything in *out
 * lives in a, texts and copies too. */
/* This is without a record, and what the service hides is left out. */
void diff_workflow(struct arena *a, const struct node *declared, const struct node *observed,
                   const struct node *ignore, struct diff *out);

/* All that is known of a workflow when it is compared. */
struct diff_sides {
	const char *name;		/* of the workflow */
	const struct node *declared, *observed;	/* as normalise() makes them */
	const struct node *ignore;	/* as for diff_workflow() */
	/* What was declared at the last apply, and what is declared now, both as digest_seal()
	 * makes them with one key.  With a record each change has its reason, a key that only
	 * the record has must go, and what the service hides is compared with the record;
	 * without one what it hides is written once. */
	const struct node *record, *sealed;	/* record NULL: there is none */
	bool whole;			/* the spec is the whole truth: undeclared keys go too (--undeclared remove) */
	const struct node *resources;	/* the service's default resource, which is no undeclared one; NULL: not known */
};

void diff_three_way(struct arena *a, const struct diff_sides *sides, struct diff *out);

/* Which observed item each declared one of a set of mappings is compared with: an index for each
 * declared one, observed->count where it is none. */
const size_t *diff_pair(struct arena *a, const struct field *list, const struct node *declared,
                        const struct node *observed);

/* Adds a change that shares with the one it is made from. */
void diff_add(struct arena *a, struct diff *diff, const struct change *change);

/* A copy that lives in a alone. */
struct diff diff_copy(struct arena *a, const struct diff *diff);

const char *change_op_word(enum change_op op);		/* "add", "remove", "replace" */
const char *reason_word(enum reason reason);		/* "declared", ... */

#endif
