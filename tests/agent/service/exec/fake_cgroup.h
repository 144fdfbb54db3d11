/* fake_cgroup.h: a tree of cgroups in a folder, which behaves as the kernel's does where that
 * matters: a folder that is made has its files at once, a process is in one cgroup at a time, a
 * cgroup that has processes neither goes away nor passes controllers on.
 *
 * mkdir, rmdir and write of the whole program are these; outside of the tree they do what they always do. */
#ifndef TESTS_AGENT_SERVICE_EXEC_FAKE_CGROUP_H
#define TESTS_AGENT_SERVICE_EXEC_FAKE_CGROUP_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/util/file.h"
#include "reconcile/base/arena.h"

static char fake_top[] = "/tmp/flowsync-cgroup-XXXXXX";	/* as long as it ends so, there is no tree */
static const char *fake_refused;	/* writes to a file of this name fail with fake_errno */
static int fake_errno;
static int fake_dying;		/* so many rmdirs still find the killed in their cgroup */
static const char *fake_born;	/* a process, as a line, that appears in the top when one leaves it */
static const char *fake_missing;	/* a file that this kernel does not have; NULL: it has all */

static bool fake_holds(const char *path)
{
	size_t len = strlen(fake_top);

	return strncmp(path, fake_top, len) == 0 && (path[len] == '/' || !path[len]);
}

static const char *fake_read(struct arena *a, const char *path)
{
	const char *text;
	struct err err;
	size_t len;

	return file_read(a, path, 1 << 20, &text, &len, &err) ? text : NULL;
}

static void fake_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || syscall(SYS_write, fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

static void fake_fill(const char *folder)
{
	static const char *const files[][2] = {
		{ "cgroup.procs", "" }, { "cgroup.type", "domain\n" }, { "cgroup.kill", "" },
		{ "cgroup.controllers", "" }, { "cgroup.subtree_control", "" }, { "cpu.max", "max 100000\n" },
		{ "memory.max", "max\n" }, { "memory.swap.max", "max\n" }, { "memory.oom.group", "0\n" },
		{ "memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n" }, { "pids.max", "max\n" },
	};
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (!fake_missing || strcmp(files[i][0], fake_missing) != 0)
			fake_write(arena_printf(&a, "%s/%s", folder, files[i][0]), files[i][1]);
}

/* Calls fn with each folder below this one, at every level. */
static void fake_each(const char *folder, void (*fn)(const char *, void *), void *arg)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	DIR *dir = opendir(folder);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_type == DT_DIR && e->d_name[0] != '.') {
			const char *path = arena_printf(&a, "%s/%s", folder, e->d_name);
			fake_each(path, fn, arg);
			fn(path, arg);
		}
	if (dir)
		closedir(dir);
}

static void fake_leave(const char *folder, void *pid_line)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *path = arena_printf(&a, "%s/cgroup.procs", folder), *procs = fake_read(&a, path);
	const char *found = procs ? strstr(procs, pid_line) : NULL;

	if (found && (found == procs || found[-1] == '\n'))
		fake_write(path, arena_printf(&a, "%.*s%s", (int)(found - procs), procs,
		                              found + strlen(pid_line)));
}

static bool fake_enter(struct arena *a, const char *file, const char *text)
{
	pid_t pid = atoi(text) ? atoi(text) : getpid();
	char *line = arena_printf(a, "%d\n", (int)pid);

	fake_leave(fake_top, line);
	fake_each(fake_top, fake_leave, line);
	/* One that has ended is in none. */
	if (kill(pid, 0) < 0)
		return false;
	fake_write(file, arena_printf(a, "%s%s", fake_read(a, file), line));
	if (fake_born)
		fake_write(arena_printf(a, "%s/cgroup.procs", fake_top), take(fake_born));
	return true;
}

static void fake_kill(const char *folder, void *arg)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	fake_write(arena_printf(&a, "%s/cgroup.procs", folder), "");
}

/* Takes "+NAME" and "-NAME" words; all of them or none. */
static bool fake_control(struct arena *a, const char *folder, const char *file, const char *words)
{
	const char *offer = fake_read(a, arena_printf(a, "%s/cgroup.controllers", folder)), *now = "";

	if (*words == '+' && access(arena_printf(a, "%s/cgroup.type", folder), F_OK) == 0 &&
	    *fake_read(a, arena_printf(a, "%s/cgroup.procs", folder))) {
		errno = EBUSY;
		return false;
	}
	for (char *rest = arena_strdup(a, words), *word; (word = strsep(&rest, " ")); ) {
		if (!strstr(offer, word + 1)) {
			errno = ENOENT;
			return false;
		}
		if (*word == '+')
			now = arena_printf(a, "%s%s%s", now, *now ? " " : "", word + 1);
	}
	fake_write(file, *now ? arena_printf(a, "%s\n", now) : "");
	return true;
}

static bool fake_take(const char *file, const char *text)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *name = strrchr(file, '/') + 1, *folder = arena_strndup(&a, file, name - 1 - file);

	if (fake_refused && strcmp(name, fake_refused) == 0) {
		errno = fake_errno;
		return false;
	}
	if (strcmp(name, "cgroup.subtree_control") == 0)
		return fake_control(&a, folder, file, text);
	if (strcmp(name, "cgroup.procs") == 0)
		return fake_enter(&a, file, text);
	fake_write(file, arena_printf(&a, "%s\n", text));
	if (strcmp(name, "cgroup.kill") == 0) {
		fake_kill(folder, NULL);
		fake_each(folder, fake_kill, NULL);
	}
	return true;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char *link = arena_new(&a, char, 4096);

	if (readlink(arena_printf(&a, "/proc/self/fd/%d", fd), link, 4095) <= 0 || !fake_holds(link))
		return syscall(SYS_write, fd, bytes, len);
	return fake_take(link, arena_strndup(&a, bytes, len)) ? (ssize_t)len : -1;
}

int mkdir(const char *path, mode_t mode)
{
	int rc = (int)syscall(SYS_mkdir, path, mode);

	if (rc == 0 && fake_holds(path))
		fake_fill(path);
	return rc;
}

static void fake_count(const char *folder, void *count)
{
	++*(int *)count;
}

static void fake_unlink_files(const char *folder)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	DIR *dir = opendir(folder);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		unlink(arena_printf(&a, "%s/%s", folder, e->d_name));
	if (dir)
		closedir(dir);
}

int rmdir(const char *path)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int below = 0;

	if (!fake_holds(path))
		return (int)syscall(SYS_rmdir, path);
	const char *procs = fake_read(&a, arena_printf(&a, "%s/cgroup.procs", path));
	fake_each(path, fake_count, &below);
	if (below > 0 || (procs && *procs) || (procs && fake_dying > 0 && fake_dying--)) {
		errno = EBUSY;
		return -1;
	}
	fake_unlink_files(path);
	return (int)syscall(SYS_rmdir, path);
}

#endif
