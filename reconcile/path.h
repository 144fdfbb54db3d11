/* path.h: where a walk over a tree stands, as a chain on the stack; becomes text only when
 * somebody has to read it. */
#ifndef RECONCILE_PATH_H
#define RECONCILE_PATH_H

#include "reconcile/arena.h"

struct path {
	const struct path *up;	/* NULL: the root, "" */
	const char *key;	/* NULL: index counts */
	size_t index;
};

/* The JSON Pointer (RFC 6901): "/steps/train/command". */
const char *path_text(struct arena *a, const struct path *path);

#endif
