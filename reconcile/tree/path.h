/* path.h: where a walk over a tree stands, as a chain on the stack; becomes text only when
 * somebody has to read it. */
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

/* True if one of patterns, a list of JSON Pointers in which "*" stands for any one level, names
 * this place; NULL: none does. */
bool path_matches(struct arena *a, const struct path *path, const struct node *patterns);

/* True if one of patterns names a place below this one. */
bool path_leads_to(struct arena *a, const struct path *path, const struct node *patterns);

#endif
