#include "reconcile/path.h"

#include "reconcile/node.h"

const char *path_text(struct arena *a, const struct path *path)
{
	if (!path->up)
		return "";
	const char *above = path_text(a, path->up);
	return path->key ? pointer_add(a, above, path->key) : pointer_add_index(a, above, path->index);
}
