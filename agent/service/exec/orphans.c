#include "agent/service/exec/orphans.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/directory.h"
#include "agent/util/clock.h"
#include "agent/util/file.h"
#include "agent/service/exec/process_tree.h"

enum { ENVIRONMENT_MAX = 8 << 20, AGAIN_MS = 20 };

static bool orphans_environment_has(const char *environment, size_t len, const char *mark)
{
	for (const char *at = environment, *end = at + len; at < end; at += strnlen(at, (size_t)(end - at)) + 1)
		if (strcmp(at, mark) == 0)
			return true;
	return false;
}

static bool orphans_is_marked(pid_t pid, const char *const *marks, size_t count)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const char *text;
	struct err err;
	size_t len;

	if (!file_read(&a, arena_printf(&a, "/proc/%d/environ", (int)pid), ENVIRONMENT_MAX, &text, &len, &err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (orphans_environment_has(text, len, marks[i]))
			return true;
	return false;
}

static bool orphans_is_descendant(const struct process_tree *ours, pid_t pid)
{
	for (size_t i = 0; i < ours->count; i++)
		if (ours->items[i].pid == pid)
			return true;
	return pid == getpid();
}

/* Returns true if a process was killed.  A process that has ended has no environment, so it is not found again. */
static bool orphans_kill_once(const char *const *marks, size_t count)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	CLEANUP(directory_close) DIR *proc = opendir("/proc");
	struct process_tree ours;
	bool any = false;

	process_tree_list(&a, &ours);
	for (struct dirent *e; proc && (e = readdir(proc)); ) {
		pid_t pid = *e->d_name >= '0' && *e->d_name <= '9' ? (pid_t)strtol(e->d_name, NULL, 10) : 0;
		if (pid && !orphans_is_descendant(&ours, pid) && orphans_is_marked(pid, marks, count) &&
		    kill(pid, SIGKILL) == 0)
			any = true;
	}
	return any;
}

/* A process that is started during one look is found by the next.  But while a process is in exec it has no
 * environment: so two looks in a row have to find none. */
bool orphans_kill(const char *const *marks, size_t count, int patience_ms)
{
	enum { TIMES = 2 };
	int64_t until = clock_monotonic() + patience_ms;

	for (int none = 0; count && none < TIMES; ) {
		none = orphans_kill_once(marks, count) ? 0 : none + 1;
		if (!none && clock_monotonic() >= until)
			return false;
		if (none < TIMES)
			usleep(AGAIN_MS * 1000);
	}
	return true;
}
