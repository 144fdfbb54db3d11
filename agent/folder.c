#include "agent/folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "reconcile/arena.h"

static bool make_one(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0 || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return true;
	return err_sys(err, errno, "make the folder \"%s\"", path);
}

static bool make_all(const char *path, mode_t mode, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char *part = arena_strdup(&a, path);

	for (char *slash = part; *slash && (slash = strchr(slash + 1, '/')); ) {
		*slash = '\0';
		if (!make_one(part, mode, err))
			return false;
		*slash = '/';
	}
	return make_one(path, mode, err);
}

bool folder_make(const char *path, struct err *err)
{
	return make_all(path, 0700, err);
}

bool folder_make_open(const char *path, struct err *err)
{
	return make_all(path, 0777, err);
}
