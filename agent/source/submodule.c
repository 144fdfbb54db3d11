#include "agent/source/submodule.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/util/file.h"

enum { MOST_BYTES = 1 << 20 };	/* of a .gitmodules */

static char *skip_config_space(char *text)
{
	return text + strspn(text, " \t\r");
}

/* Takes quotes, escapes, a comment and the space at the end away, in place. */
static const char *unquote_config_value(char *text)
{
	char *out = text, *end = text;
	bool quoted = false;

	for (const char *in = text; *in && (quoted || !strchr("#;", *in)); in++) {
		if (*in == '"') {
			quoted = !quoted;
			continue;
		}
		if (*in == '\\' && in[1])
			in++;
		*out++ = *in;
		if (quoted || !isspace((unsigned char)out[-1]))
			end = out;
	}
	*end = '\0';
	return text;
}

/* The value of a line "path = VALUE"; NULL: another line. */
static const char *submodule_path(char *line)
{
	static const char key[] = "path";
	char *text = skip_config_space(line);

	if (strncasecmp(text, key, strlen(key)) != 0)
		return NULL;
	text = skip_config_space(text + strlen(key));
	return *text == '=' ? unquote_config_value(skip_config_space(text + 1)) : NULL;
}

static bool submodule_is_listed(const char *file, const char *path)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *bytes;
	size_t len;
	struct err err;

	if (!file_read(&a, file, MOST_BYTES, &bytes, &len, &err))
		return false;
	for (char *rest = arena_strdup(&a, bytes), *line; (line = strsep(&rest, "\n")); ) {
		const char *listed = submodule_path(line);
		if (listed && strcmp(listed, path) == 0)
			return true;
	}
	return false;
}

/* A folder is a submodule of the nearest work tree, which may be a submodule itself.  Without a repository, as in an
 * exported tree, that is any folder above. */
bool submodule_is_declared(const char *folder)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char *top = arena_strdup(&a, folder);

	for (char *slash; (slash = strrchr(top, '/')); ) {
		*slash = '\0';
		if (submodule_is_listed(arena_printf(&a, "%s/.gitmodules", top), folder + (slash - top) + 1))
			return true;
		if (access(arena_printf(&a, "%s/.git", top), F_OK) == 0)
			return false;
	}
	return false;
}
