#include "agent/service/exec/cgroup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/service/exec/cgroup_mount.h"
#include "agent/util/fd.h"
#include "agent/util/file.h"
#include "agent/util/process_stat.h"

#define SERVICE		"service"
#define STEP		"step-"

enum {
	FILE_MAX = 1 << 20,	/* bytes read from a kernel file */
	CPU_PERIOD_US = 100 * 1000,
	CPU_QUOTA_MIN_US = 1000,	/* the kernel refuses less */
	PIDS_MAX = 4096,	/* processes of a step */
	MOVES = 8,		/* rounds of moving: a process may start children before it is moved */
	ANCESTORS = 32,
	DEPTH = 16,		/* of cgroups that a step created in its leaf */
	TRIES = 50,
	TRY_MS = 10,
};

struct cgroups {
	struct arena arena;
	const char *folder, *service;
	bool moved, enabled, pids;
};

/* ---- kernel files ---- */

/* "" if the file cannot be read. */
static const char *cgroup_read_file(struct arena *a, const char *folder, const char *name)
{
	const char *text;
	struct err err;
	size_t len;

	return file_read(a, arena_printf(a, "%s/%s", folder, name), FILE_MAX, &text, &len, &err) ? text
	                                                                                        : "";
}

static bool cgroup_has_file(struct arena *a, const char *folder, const char *name)
{
	return access(arena_printf(a, "%s/%s", folder, name), F_OK) == 0;
}

/* In one write, since the kernel takes the whole text or nothing.  If false, errno says why. */
static bool cgroup_write_file(const char *folder, const char *name, const char *text)
{
	CLEANUP(fd_close) int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(fd_close) int fd = dir < 0 ? -1 : openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t wrote = fd < 0 ? -1 : write(fd, text, strlen(text));
	int why = errno;

	fd_close(&fd);
	fd_close(&dir);
	errno = why;
	return wrote >= 0;
}

/* True if word is one of the words, which are separated by spaces and newlines. */
static bool cgroup_list_has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	while (*(words += strspn(words, " \n"))) {
		size_t n = strcspn(words, " \n");
		if (n == len && memcmp(words, word, len) == 0)
			return true;
		words += n;
	}
	return false;
}

/* ---- processes ---- */

static bool cgroup_is_own_process(pid_t pid)
{
	struct process_stat s = { .parent = pid };

	for (int i = 0; i < ANCESTORS && s.parent != getpid(); i++)
		if (s.parent <= 0 || !process_stat_read(s.parent, &s))
			return false;
	return s.parent == getpid();
}

/* Moves the processes of `from` to `to`.  All have to be this process or its descendants; one that ended meanwhile is
 * ignored. */
static bool cgroup_move_processes(const char *from, const char *to, struct err *err)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *list = cgroup_read_file(&a, from, "cgroup.procs");

	for (char *end; *list; list = *end ? end + 1 : end) {
		long pid = strtol(list, &end, 10);
		/* 0 is a process outside of this pid namespace. */
		if (end == list)
			break;
		if (!cgroup_is_own_process((pid_t)pid) && (pid == 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH))
			return err_set(err, "it holds a process of another program (%ld)", pid);
		if (!cgroup_write_file(to, "cgroup.procs", arena_printf(&a, "%ld", pid)) && errno != ESRCH)
			return err_sys(err, errno, "move process %ld to \"%s\"", pid, to);
	}
	return true;
}

/* ---- opening and closing ---- */

static bool cgroup_find_own(struct arena *a, const char **folder, struct err *err)
{
	return cgroup_mount_find(a, cgroup_read_file(a, "/proc/self", "cgroup"),
	                         cgroup_read_file(a, "/proc/self", "mountinfo"), folder, err);
}

static bool cgroup_check_controllers(struct cgroups *c, struct err *err)
{
	static const char *const needed[] = { "cpu", "memory" };
	const char *text;
	struct err why;
	size_t len;

	if (!file_read(&c->arena, arena_printf(&c->arena, "%s/cgroup.controllers", c->folder), FILE_MAX,
	               &text, &len, &why))
		return err_set(err, "no cgroup of version 2: cgroup.controllers %s", why.msg);
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (!cgroup_list_has_word(text, needed[i]))
			return err_set(err, "its controller %s is not available (version 1 may use it, or it "
			               "was not delegated)", needed[i]);
	c->pids = cgroup_list_has_word(text, "pids");
	return access(c->folder, W_OK) == 0 || err_sys(err, errno, "not writable");
}

/* Moves the processes of the managed cgroup to the leaf "service".  Only in the root cgroup, which alone has no type,
 * may processes stay. */
static bool cgroup_empty_root(struct cgroups *c, struct err *err)
{
	if (!cgroup_has_file(&c->arena, c->folder, "cgroup.type") ||
	    !*cgroup_read_file(&c->arena, c->folder, "cgroup.procs"))
		return true;
	if (mkdir(c->service, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make \"%s\"", c->service);
	c->moved = true;
	return cgroup_move_processes(c->folder, c->service, err);
}

static bool cgroup_enable_controllers(struct cgroups *c, struct err *err)
{
	const char *wanted = c->pids ? "+cpu +memory +pids" : "+cpu +memory";

	for (int i = 0; i < MOVES; i++) {
		if (cgroup_write_file(c->folder, "cgroup.subtree_control", wanted))
			return c->enabled = true;
		if (errno != EBUSY)
			break;
		if (!cgroup_empty_root(c, err))
			return false;
	}
	return err_sys(err, errno, "write \"%s\" to cgroup.subtree_control", wanted);
}

/* The exit code of the child is 0, or errno. */
static bool cgroup_try_enter(const char *folder, struct err *err)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(cgroup_enter(folder) ? 0 : errno);
	if (pid < 0)
		return err_sys(err, errno, "start a process");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status))
		return err_set(err, "the process that should enter \"%s\" was killed", folder);
	return WEXITSTATUS(status) == 0 ||
	       err_sys(err, WEXITSTATUS(status), "put a process in \"%s\"", folder);
}

/* Also enters the leaf: permission to set its limits is not permission to move a process there. */
static bool cgroup_try_leaf(struct cgroups *c, struct err *err)
{
	const char *folder;

	if (!cgroup_make(c, &c->arena, "trial", 1, 64 << 20, &folder, err))
		return false;
	bool entered = cgroup_try_enter(folder, err);
	cgroup_remove(folder);
	return entered;
}

/* If false, *err does not name the cgroup. */
static bool cgroup_take_over(struct cgroups *c, struct err *err)
{
	c->service = arena_printf(&c->arena, "%s/" SERVICE, c->folder);
	return cgroup_check_controllers(c, err) && cgroup_empty_root(c, err) && cgroup_enable_controllers(c, err) &&
	       cgroup_try_leaf(c, err);
}

bool cgroup_open(const char *where, struct cgroups **out, struct err *err)
{
	CLEANUP(cgroup_closep) struct cgroups *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	if (strcmp(where, "auto") != 0)
		c->folder = arena_strdup(&c->arena, where);
	else if (!cgroup_find_own(&c->arena, &c->folder, err))
		return false;
	if (!cgroup_take_over(c, err))
		return err_wrap(err, "cgroup \"%s\"", c->folder);
	*out = take(c);
	return true;
}

/* Disables the controllers first: while they are enabled, no process may enter the managed cgroup. */
void cgroup_close(struct cgroups *c)
{
	struct err err;

	if (!c)
		return;
	if (c->enabled)
		cgroup_write_file(c->folder, "cgroup.subtree_control", c->pids ? "-cpu -memory -pids" : "-cpu -memory");
	if (c->moved) {
		cgroup_move_processes(c->service, c->folder, &err);
		rmdir(c->service);
	}
	arena_free(&c->arena);
	free(c);
}

void cgroup_closep(struct cgroups **c)
{
	cgroup_close(*c);
}

/* ---- leaves ---- */

static bool cgroup_is_leaf_name(const char *name)
{
	for (const char *s = name; *s; s++)
		if (!isascii((unsigned char)*s) ||
		    (!isalnum((unsigned char)*s) && !strchr("-_.", *s)))
			return false;
	return *name && strlen(name) <= NAME_MAX - strlen(STEP);
}

static bool cgroup_make_directory(const char *folder, struct err *err)
{
	if (mkdir(folder, 0755) == 0)
		return true;
	if (errno == EEXIST) {
		cgroup_remove(folder);
		if (mkdir(folder, 0755) == 0)
			return true;
	}
	return err_sys(err, errno, "make \"%s\"", folder);
}

static const char *cgroup_cpu_limit_text(struct arena *a, double cpu)
{
	double quota = cpu * CPU_PERIOD_US;

	/* More than any machine has, and little below the kernel's own limit. */
	if (!(cpu > 0) || quota > 1e12)
		return arena_printf(a, "max %d", CPU_PERIOD_US);
	return arena_printf(a, "%lld %d", quota < CPU_QUOTA_MIN_US ? CPU_QUOTA_MIN_US : (long long)quota,
	                    CPU_PERIOD_US);
}

struct cgroup_limit {
	const char *file, *text;
	bool optional;		/* left out where the kernel has no such file */
};

static bool cgroup_set_limits(struct arena *a, const char *folder, double cpu, int64_t memory,
                              struct err *err)
{
	const struct cgroup_limit limits[] = {
		{ "cpu.max", cgroup_cpu_limit_text(a, cpu) },
		{ "memory.max", memory > 0 ? arena_printf(a, "%lld", (long long)memory) : "max" },
		{ "memory.swap.max", memory > 0 ? "0" : "max", true },
		{ "memory.oom.group", "1", true },
		{ "pids.max", arena_printf(a, "%d", PIDS_MAX), true },
	};

	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		const struct cgroup_limit *l = &limits[i];
		if (!cgroup_write_file(folder, l->file, l->text) && !(l->optional && errno == ENOENT))
			return err_sys(err, errno, "write \"%s\" to %s", l->text, l->file);
	}
	return true;
}

bool cgroup_make(const struct cgroups *c, struct arena *a, const char *name, double cpu,
                 int64_t memory, const char **folder, struct err *err)
{
	const char *leaf = arena_printf(a, "%s/" STEP "%s", c->folder, name);

	if (!cgroup_is_leaf_name(name))
		return err_set(err, "\"%s\" is not a valid name of a cgroup", name);
	if (!cgroup_make_directory(leaf, err))
		return false;
	if (!cgroup_set_limits(a, leaf, cpu, memory, err)) {
		err_wrap(err, "cgroup \"%s\"", leaf);
		rmdir(leaf);
		return false;
	}
	*folder = leaf;
	return true;
}

bool cgroup_enter(const char *folder)
{
	return cgroup_write_file(folder, "cgroup.procs", "0");
}

bool cgroup_out_of_memory(const char *folder)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *line = cgroup_read_file(&a, folder, "memory.events");

	for (; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, "oom_kill ", 9) == 0)
			return strtoll(line + 9, NULL, 10) > 0;
	return false;
}

/* Calls fn with each cgroup in folder whose name begins with `begins`. */
static void cgroup_for_each_child(const char *folder, const char *begins, void (*fn)(const char *, int),
                                  int depth)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	DIR *dir = opendir(folder);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    strncmp(e->d_name, begins, strlen(begins)) == 0)
			fn(arena_printf(&a, "%s/%s", folder, e->d_name), depth);
	if (dir)
		closedir(dir);
}

static void cgroup_remove_nested(const char *folder, int depth)
{
	if (depth < DEPTH)
		cgroup_for_each_child(folder, "", cgroup_remove_nested, depth + 1);
	rmdir(folder);
}

/* A killed process stays in its cgroup until it is gone, which takes a moment. */
void cgroup_remove(const char *folder)
{
	const struct timespec moment = { .tv_nsec = TRY_MS * 1000000L };

	cgroup_write_file(folder, "cgroup.kill", "1");
	for (int i = 0; i < TRIES; i++) {
		cgroup_for_each_child(folder, "", cgroup_remove_nested, 1);
		if (rmdir(folder) == 0 || errno != EBUSY)
			return;
		nanosleep(&moment, NULL);
	}
}

static void cgroup_remove_leaf(const char *folder, int depth)
{
	cgroup_remove(folder);
}

void cgroup_sweep(const struct cgroups *c)
{
	cgroup_for_each_child(c->folder, STEP, cgroup_remove_leaf, 0);
}
