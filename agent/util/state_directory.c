#include "agent/util/state_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/directory.h"
#include "agent/util/fd.h"
#include "reconcile/base/arena.h"

/* What the names of our files begin with; "" is any name. */
static const char *const own_names[] = {
	"approved", "decisions", "git", "local.db", "lock", "reports", "service-token", "service.db", "specs.db", "state.db", NULL,
};
static const char *const any_name[] = { "", NULL };

static bool state_directory_is_own(const char *name, const char *const *begins)
{
	for (; *begins; begins++)
		if (strncmp(name, *begins, strlen(*begins)) == 0)
			return true;
	return false;
}

static bool state_directory_refuse_links(const char *path, const char *const *names, struct err *err)
{
	CLEANUP(directory_close) DIR *stream = opendir(path);
	struct stat st;

	if (!stream)
		return errno == ENOENT || errno == ENOTDIR || err_sys(err, errno, "read the folder \"%s\"", path);
	for (struct dirent *e; (e = readdir(stream)); ) {
		if (!state_directory_is_own(e->d_name, names))
			continue;
		/* NOLINTNEXTLINE(*StdCLibraryFunctions): dirfd() does not fail */
		if (fstatat(dirfd(stream), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
			return err_set(err, "\"%s/%s\" is a symbolic link, and flowsync opens nothing through a link in its "
			               "state directory; to fix it: rm '%s/%s'", path, e->d_name, path, e->d_name);
	}
	return true;
}

static bool state_directory_check_access(const char *path, const struct stat *st, struct err *err)
{
	/* Root can change what any user has; a folder of root's may be there to be read, by a plan. */
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return err_set(err, "the state directory \"%s\" belongs to the user %lu, and this is the user %lu: run flowsync "
		               "as that user, or change the owner: chown -R %lu '%s'", path, (unsigned long)st->st_uid,
		               (unsigned long)geteuid(), (unsigned long)geteuid(), path);
	if (st->st_mode & S_IWOTH)
		return err_set(err, "all users can write to the state directory \"%s\"; to fix it: chmod o-w '%s'", path, path);
	return true;
}

bool state_directory_check(const char *path, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct stat st;

	/* Who opens a file there finds out what is wrong, and says it of that file. */
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return true;
	return state_directory_check_access(path, &st, err) &&
	       state_directory_refuse_links(path, own_names, err) &&
	       state_directory_refuse_links(arena_printf(&a, "%s/reports", path), any_name, err) &&
	       state_directory_refuse_links(arena_printf(&a, "%s/git", path), any_name, err);
}

bool state_directory_make(const char *path, struct err *err)
{
	if (!directory_make(path, err))
		return err_append(err, "; --state-dir names another state directory");
	return state_directory_check(path, err);
}

void state_directory_warn(struct log *log, const char *path)
{
	struct stat st;

	if (path && stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_mode & S_IWGRP && !(st.st_mode & S_IWOTH))
		log_warn(log, "a group can write to the state directory \"%s\"; to fix it: chmod g-w '%s'", path, path);
}

bool state_directory_become_owner(const char **path, struct err *err)
{
	CLEANUP(fd_close) int fd = geteuid() == 0 ? open(*path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid == 0)
		return true;
	if (fchdir(fd) < 0 || setgroups(0, NULL) < 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
	    setresuid(st.st_uid, st.st_uid, st.st_uid) < 0)
		return err_sys(err, errno, "become the user %lu, who owns the state directory \"%s\"",
		               (unsigned long)st.st_uid, *path);
	*path = ".";
	return true;
}
