/* path.h: the place that a walk over a tree has reached, as a chain on the stack.  It is turned into text only when a
 * message needs it. */
#ifndef RECONCILE_TREE_PATH_H
#define RECONCILE_TREE_PATH_H

#include "reconcile/base/arena.h"

struct node;

struct path {
	const struct path *up;	/* NULL: the root, "" */
	const char *key;	/* NULL: index counts */
	size_t index;
};

/* The JSON Pointer (RFC 6901): "/steps/train/command". */
const char *path_text(struct arena *a, const struct path *path);

/* True if one of patterns matches this place.  patterns is a list of JSON Pointers in which "*" matches one level;
 * NULL: no pattern. */
bool path_matches(struct arena *a, const struct path *path, const struct node *patterns);

/* True if one of patterns matches a place below this one. */
bool path_leads_to(struct arena *a, const struct path *path, const struct node *patterns);

#endif
