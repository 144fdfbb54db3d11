/* owner_tags.h: whose a workflow is, as its own tags say (design section 6).
 *
 * 	flowsync-OWNER			who manages it
 * 	flowsync-id-NNNNNNNN-vDDDDDDDD	N of its own name, so that a copy is known as one; vD of what was declared
 * 	flowsync-keep			prune: false, in force when the file is gone
 * 	flowsync-settled-SSSSSSSS	what the service made of the last write, so that nothing is written again
 * 					where there is no state to remember it */
#ifndef RECONCILE_WIRE_OWNER_TAGS_H
#define RECONCILE_WIRE_OWNER_TAGS_H

#include "reconcile/tree/node.h"

struct owner_tags {
	const char *owner;	/* NULL: no owner's tag */
	const char *other;	/* a second owner's tag; NULL: none */
	const char *name;	/* N; NULL: no id tag, or more than one */
	const char *body;	/* vD; NULL with name */
	const char *settled;	/* S; NULL: none */
	bool keep;
};

/* True if text can be an owner: 1 to 40 of a-z 0-9 -, and no other tag of ours. */
bool owner_tags_is_owner(const char *text);

/* Reads tags, a list of {name} or NULL.  Texts are lent from the tags or live in a. */
struct owner_tags owner_tags_read(struct arena *a, const struct node *tags);

/* True if the workflow of this name is its owner's own, and no copy of another: N is of its
 * name. */
bool owner_tags_fit(struct arena *a, const struct owner_tags *m, const char *name);

/* True if it is owner's alone, and of this name. */
bool owner_tags_owned(struct arena *a, const struct owner_tags *m, const char *owner, const char *name);

/* Another owner whose workflow of this name it is, in whatever order the tags stand; NULL: none.
 * "Any other workflow whose N does not fit its name is a copy made by hand: it counts as
 * unmarked" (design, 6), whoever's it was. */
const char *owner_tags_other_owner(struct arena *a, const struct owner_tags *m, const char *owner,
                         const char *name);

/* True if both name the same owner, name and keep: what a service keeps or drops whatever the
 * body is. */
bool owner_tags_equal(const struct owner_tags *x, const struct owner_tags *y);

/* Takes all of our tags out of tags and appends those that m says, m->name being made of the
 * workflow's name. */
void owner_tags_write(struct arena *a, struct node *tags, const struct owner_tags *m);

#endif
