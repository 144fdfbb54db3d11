/* owner_tags.h: flowsync's own tags on a workflow: its owner, and what was applied last (design, 6.2).
 *
 * 	flowsync-OWNER			who manages the workflow
 * 	flowsync-id-NNNNNNNN-vDDDDDDDD	N: digest of its name, to recognise a copy; vD: digest of the declared body
 * 	flowsync-keep			prune: false, in force when the file is gone
 * 	flowsync-settled-SSSSSSSS	digest of the settled differences of the last write, for a sync without a state */
#ifndef RECONCILE_WIRE_OWNER_TAGS_H
#define RECONCILE_WIRE_OWNER_TAGS_H

#include "reconcile/tree/node.h"

struct owner_tags {
	const char *owner;	/* NULL: no owner tag */
	const char *other;	/* a second owner; NULL: none */
	const char *name;	/* N; NULL: no id tag, or more than one */
	const char *body;	/* vD; NULL with name */
	const char *settled;	/* S; NULL: none */
	bool keep;
};

/* True if text can be an owner: 1 to 40 of a-z 0-9 -, and not like another tag of flowsync. */
bool owner_tags_is_owner(const char *text);

/* Reads tags, a list of {name} or NULL.  The texts live in a. */
struct owner_tags owner_tags_read(struct arena *a, const struct node *tags);

/* True if the workflow has an owner and is not a copy of another workflow: N fits its name. */
bool owner_tags_fit(struct arena *a, const struct owner_tags *m, const char *name);

/* The same, and `owner` is the only owner. */
bool owner_tags_owned(struct arena *a, const struct owner_tags *m, const char *owner, const char *name);

/* An owner of the workflow of this name other than `owner`, whatever the order of the tags; NULL: none.
 * A workflow whose N does not fit its name is a copy made by hand: it counts as having no owner (design, 6.2). */
const char *owner_tags_other_owner(struct arena *a, const struct owner_tags *m, const char *owner,
                         const char *name);

/* True if owner, other, name and keep are equal: those do not depend on the body. */
bool owner_tags_equal(const struct owner_tags *x, const struct owner_tags *y);

/* True if D and S are equal. */
bool owner_tags_equal_digests(const struct owner_tags *x, const struct owner_tags *y);

/* Removes all tags of flowsync from tags, a list, and appends those of m; owner, name and body have to be set. */
void owner_tags_write(struct arena *a, struct node *tags, const struct owner_tags *m);

#endif
