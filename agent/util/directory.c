#include "agent/util/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reconcile/base/arena.h"

enum { NAME_ROOM = 32 };

static bool directory_make_one(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return true;
	int why = errno;
	return (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) || err_sys(err, why, "make the folder \"%s\"", path);
}

/* From the end: mostly all but the last are there. */
static bool directory_make_with_parents(char *path, mode_t mode, struct err *err)
{
	char *slash = strrchr(path, '/');

	if (directory_make_one(path, mode, err))
		return true;
	if (!slash || slash == path)
		return false;
	*slash = '\0';
	bool made = directory_make_with_parents(path, mode, err);
	*slash = '/';
	return made && directory_make_one(path, mode, err);
}

static bool directory_make_with_mode(const char *path, mode_t mode, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return directory_make_with_parents(arena_strdup(&a, path), mode, err);
}

bool directory_make(const char *path, struct err *err)
{
	return directory_make_with_mode(path, 0700, err);
}

bool directory_make_public(const char *path, struct err *err)
{
	return directory_make_with_mode(path, 0777, err);
}

/* ---- removing ----
 *
 * Whoever made the tree may have made it deeper than a path can be long or descriptors can be open.
 * So a folder inside of a folder is moved to the top before it is looked into, and two of them are
 * open at most.  The kernel moves no mount point: what is mounted is never looked into. */

struct removal {
	int top;
	unsigned long moved;	/* numbers that were tried as names */
	int why;		/* errno of what first could not be removed; 0: nothing yet */
	bool progress;
};

static void removal_note_failure(struct removal *r, int why)
{
	r->why = r->why ? r->why : why;
}

void directory_close(DIR **stream)
{
	if (*stream)
		closedir(*stream);
}

/* Returns errno; 0: it was moved.  Others may have one of these names already. */
static int removal_move_to_top(struct removal *r, int at, const char *name, char fresh[NAME_ROOM])
{
	int failed;

	do {
		snprintf(fresh, NAME_ROOM, "%lu", r->moved++);
		failed = renameat(at, name, r->top, fresh) < 0 ? errno : 0;
	} while (failed == EEXIST || failed == ENOTEMPTY || failed == ENOTDIR);
	return failed;
}

/* The folder `name` gets a name of its own at the top; "" if it does not. */
static void removal_open_up(struct removal *r, int at, const char *name, char fresh[NAME_ROOM])
{
	int failed = removal_move_to_top(r, at, name, fresh);

	/* Its ".." changes, which takes leave to write to it. */
	if (failed == EACCES && fchmodat(at, name, 0700, 0) == 0)
		failed = removal_move_to_top(r, at, name, fresh);
	/* Not before it is known that nothing is mounted there, whose mode that would be. */
	if (!failed && fchmodat(r->top, fresh, 0700, 0) < 0)
		failed = errno;
	if (failed) {
		removal_note_failure(r, failed);
		*fresh = '\0';
	}
}

static void removal_remove_entry(struct removal *r, int at, const char *name, char fresh[NAME_ROOM])
{
	struct stat st;

	*fresh = '\0';
	/* NOLINTNEXTLINE(*StdCLibraryFunctions): dirfd() does not fail */
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		removal_note_failure(r, errno);
	else if (unlinkat(at, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) == 0)
		r->progress = true;
	else if (S_ISDIR(st.st_mode))
		removal_open_up(r, at, name, fresh);
	else
		removal_note_failure(r, errno);
}

static DIR *directory_open_at(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !stream)
		close(fd);
	return stream;
}

/* Empties a folder at the top: its folders go to the top, all else goes. */
static void removal_empty_folder(struct removal *r, const char *name)
{
	CLEANUP(directory_close) DIR *stream = directory_open_at(r->top, name);
	char fresh[NAME_ROOM];

	for (struct dirent *e; stream && (e = readdir(stream)); )
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			removal_remove_entry(r, dirfd(stream), e->d_name, fresh);
			r->progress |= *fresh != '\0';
		}
	if (unlinkat(r->top, name, AT_REMOVEDIR) < 0)
		removal_note_failure(r, errno);
	else
		r->progress = true;
}

/* What is moved to the top while it is read may come up at once or the next time. */
static void removal_remove_round(struct removal *r, DIR *top)
{
	char fresh[NAME_ROOM];

	r->progress = false;
	r->why = 0;
	rewinddir(top);
	for (struct dirent *e; (e = readdir(top)); ) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		removal_remove_entry(r, r->top, e->d_name, fresh);
		if (*fresh)
			removal_empty_folder(r, fresh);
	}
}

/* Returns errno of what could not be removed; 0: the folder is empty. */
static int removal_empty_tree(const char *path)
{
	CLEANUP(directory_close) DIR *top = directory_open_at(AT_FDCWD, path);
	struct removal r = { 0 };

	if (!top)
		return errno;
	r.top = dirfd(top);
	do {
		removal_remove_round(&r, top);
	} while (r.progress);
	return r.why;
}

bool directory_empty(const char *path, struct err *err)
{
	int why = removal_empty_tree(path);

	return !why || err_sys(err, why, "empty the folder \"%s\"", path);
}

bool directory_remove_tree(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0 && errno == ENOENT)
		return true;
	if (S_ISDIR(st.st_mode))
		chmod(path, 0700);
	int why = removal_empty_tree(path);
	if (!why && rmdir(path) < 0)
		why = errno;
	return !why || err_sys(err, why, "remove the folder \"%s\"", path);
}
