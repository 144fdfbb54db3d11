#include "agent/folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "reconcile/arena.h"

static bool make_one(const char *path, struct err *err)
{
	struct stat st;

	if (mkdir(path, 0700) == 0 || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return true;
	return err_sys(err, errno, "make the folder \"%s\"", path);
}

bool folder_make(const char *path, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char *part = arena_strdup(&a, path);

	for (char *slash = part; *slash && (slash = strchr(slash + 1, '/')); ) {
		*slash = '\0';
		if (!make_one(part, err))
			return false;
		*slash = '/';
	}
	return make_one(path, err);
}
