#include "reconcile/tree/path.h"

#include <string.h>

#include "reconcile/tree/node.h"

const char *path_text(struct arena *a, const struct path *path)
{
	if (!path->up)
		return "";
	const char *above = path_text(a, path->up);
	return path->key ? pointer_add(a, above, path->key) : pointer_add_index(a, above, path->index);
}

/* The part of pattern after path; NULL: the pattern does not begin with path. */
static const char *rest_of_pattern(const char *pattern, const char *path)
{
	while (*pattern == '/' && *path == '/') {
		size_t want = strcspn(++pattern, "/"), have = strcspn(++path, "/");
		bool any = want == 1 && *pattern == '*';
		if (!any && (want != have || strncmp(pattern, path, want) != 0))
			return NULL;
		pattern += want;
		path += have;
	}
	return *path ? NULL : pattern;
}

static bool any_pattern_matches(struct arena *a, const struct path *path, const struct node *patterns, bool more)
{
	if (!patterns || !patterns->count)
		return false;
	const char *text = path_text(a, path);
	for (size_t i = 0; i < patterns->count; i++) {
		const char *rest = rest_of_pattern(patterns->entries[i].value->text, text);
		if (rest && (*rest != '\0') == more)
			return true;
	}
	return false;
}

bool path_matches(struct arena *a, const struct path *path, const struct node *patterns)
{
	return any_pattern_matches(a, path, patterns, false);
}

bool path_leads_to(struct arena *a, const struct path *path, const struct node *patterns)
{
	return any_pattern_matches(a, path, patterns, true);
}
