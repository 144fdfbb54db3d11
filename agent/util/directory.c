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

static bool make_one(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0 || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return true;
	return err_sys(err, errno, "make the folder \"%s\"", path);
}

/* From the end: mostly all but the last are there. */
static bool make_all(char *path, mode_t mode, struct err *err)
{
	char *slash = strrchr(path, '/');

	if (make_one(path, mode, err))
		return true;
	if (!slash || slash == path)
		return false;
	*slash = '\0';
	bool made = make_all(path, mode, err);
	*slash = '/';
	return made && make_one(path, mode, err);
}

static bool make(const char *path, mode_t mode, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	return make_all(arena_strdup(&a, path), mode, err);
}

bool directory_make(const char *path, struct err *err)
{
	return make(path, 0700, err);
}

bool directory_make_public(const char *path, struct err *err)
{
	return make(path, 0777, err);
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

static void note(struct removal *r, int why)
{
	r->why = r->why ? r->why : why;
}

void directory_close(DIR **stream)
{
	if (*stream)
		closedir(*stream);
}

/* Returns errno; 0: it was moved.  Others may have one of these names already. */
static int move(struct removal *r, int at, const char *name, char fresh[NAME_ROOM])
{
	int failed;

	do {
		snprintf(fresh, NAME_ROOM, "%lu", r->moved++);
		failed = renameat(at, name, r->top, fresh) < 0 ? errno : 0;
	} while (failed == EEXIST || failed == ENOTEMPTY || failed == ENOTDIR);
	return failed;
}

/* The folder `name` gets a name of its own at the top; "" if it does not. */
static void move_up(struct removal *r, int at, const char *name, char fresh[NAME_ROOM])
{
	int failed = move(r, at, name, fresh);

	/* Its ".." changes, which takes leave to write to it. */
	if (failed == EACCES && fchmodat(at, name, 0700, 0) == 0)
		failed = move(r, at, name, fresh);
	/* Not before it is known that nothing is mounted there, whose mode that would be. */
	if (!failed && fchmodat(r->top, fresh, 0700, 0) < 0)
		failed = errno;
	if (failed) {
		note(r, failed);
		*fresh = '\0';
	}
}

static void remove_entry(struct removal *r, int at, const char *name, char fresh[NAME_ROOM])
{
	struct stat st;

	*fresh = '\0';
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		note(r, errno);
	else if (unlinkat(at, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) == 0)
		r->progress = true;
	else if (S_ISDIR(st.st_mode))
		move_up(r, at, name, fresh);
	else
		note(r, errno);
}

static DIR *look_into(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !stream)
		close(fd);
	return stream;
}

/* Empties a folder at the top: its folders go to the top, all else goes. */
static void remove_folder(struct removal *r, const char *name)
{
	CLEANUP(directory_close) DIR *stream = look_into(r->top, name);
	char fresh[NAME_ROOM];

	for (struct dirent *e; stream && (e = readdir(stream)); )
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			remove_entry(r, dirfd(stream), e->d_name, fresh);
			r->progress |= *fresh != '\0';
		}
	if (unlinkat(r->top, name, AT_REMOVEDIR) < 0)
		note(r, errno);
	else
		r->progress = true;
}

/* What is moved to the top while it is read may come up at once or the next time. */
static void remove_round(struct removal *r, DIR *top)
{
	char fresh[NAME_ROOM];

	r->progress = false;
	r->why = 0;
	rewinddir(top);
	for (struct dirent *e; (e = readdir(top)); ) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		remove_entry(r, r->top, e->d_name, fresh);
		if (*fresh)
			remove_folder(r, fresh);
	}
}

bool directory_remove_tree(const char *path, struct err *err)
{
	struct removal r = { 0 };
	struct stat st;

	if (lstat(path, &st) < 0 && errno == ENOENT)
		return true;
	if (S_ISDIR(st.st_mode))
		chmod(path, 0700);
	CLEANUP(directory_close) DIR *top = look_into(AT_FDCWD, path);
	if (!top)
		return err_sys(err, errno, "remove the folder \"%s\"", path);
	r.top = dirfd(top);
	do {
		remove_round(&r, top);
		if (rmdir(path) == 0)
			return true;
		note(&r, errno);
	} while (r.progress);
	return err_sys(err, r.why, "remove the folder \"%s\"", path);
}
