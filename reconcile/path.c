#include "reconcile/path.h"

#include <string.h>

#include "reconcile/node.h"

const char *path_text(struct arena *a, const struct path *path)
{
	if (!path->up)
		return "";
	const char *above = path_text(a, path->up);
	return path->key ? pointer_add(a, above, path->key) : pointer_add_index(a, above, path->index);
}

static bool matches(const char *pattern, const char *path)
{
	while (*pattern == '/' && *path == '/') {
		size_t want = strcspn(++pattern, "/"), have = strcspn(++path, "/");
		bool any = want == 1 && *pattern == '*';
		if (!any && (want != have || strncmp(pattern, path, want) != 0))
			return false;
		pattern += want;
		path += have;
	}
	return !*pattern && !*path;
}

bool path_matches(struct arena *a, const struct path *path, const struct node *patterns)
{
	if (!patterns || !patterns->count)
		return false;
	const char *text = path_text(a, path);
	for (size_t i = 0; i < patterns->count; i++)
		if (matches(patterns->entries[i].value->text, text))
			return true;
	return false;
}
