#include "agent/service/exec/process_tree.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/util/directory.h"

/* Not from /proc/PID/task/TID/children, which not every kernel has. */
static void process_tree_read_all(struct arena *a, struct process_tree *out)
{
	CLEANUP(directory_close) DIR *proc = opendir("/proc");
	size_t room = 0;

	for (struct dirent *e; proc && (e = readdir(proc)); ) {
		struct process_stat p;
		if (*e->d_name < '0' || *e->d_name > '9' || !process_stat_read((pid_t)strtol(e->d_name, NULL, 10), &p))
			continue;
		arena_grow(a, out->items, out->count, room);
		out->items[out->count++] = p;
	}
}

static int process_tree_compare_parents(const void *a, const void *b)
{
	pid_t one = ((const struct process_stat *)a)->parent, other = ((const struct process_stat *)b)->parent;

	return one < other ? -1 : one > other;
}

/* Index of the first child of parent in *all, which is sorted by parent; all->count if parent has no child. */
static size_t process_tree_first_child(const struct process_tree *all, pid_t parent)
{
	size_t low = 0, high = all->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (all->items[middle].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low < all->count && all->items[low].parent == parent ? low : all->count;
}

static bool process_tree_has_pid(pid_t pid, const pid_t *pids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/* A pid may have been reused while processes were read, and form a cycle: the loop ends because it takes at most as
 * many processes as were read. */
void process_tree_list_except(struct arena *a, const pid_t *except, size_t count, struct process_tree *out)
{
	struct process_tree all = { 0 }, below = { 0 };
	pid_t parent = getpid();

	process_tree_read_all(a, &all);
	if (all.count)
		qsort(all.items, all.count, sizeof *all.items, process_tree_compare_parents);
	below.items = arena_new(a, struct process_stat, all.count + 1);
	for (size_t next = 0; ; parent = below.items[next++].pid) {
		for (size_t i = process_tree_first_child(&all, parent);
		     i < all.count && all.items[i].parent == parent; i++)
			if (below.count < all.count && !process_tree_has_pid(all.items[i].pid, except, count))
				below.items[below.count++] = all.items[i];
		if (next == below.count)
			break;
	}
	*out = below;
}

void process_tree_list(struct arena *a, struct process_tree *out)
{
	process_tree_list_except(a, NULL, 0, out);
}

static bool process_tree_is_own_group(pid_t group)
{
	return group <= 1 || group == getpgrp();
}

void process_tree_signal(const struct process_tree *all, int number)
{
	for (size_t i = 0; number == SIGKILL && i < all->count; i++)
		if (!process_tree_is_own_group(all->items[i].group))
			kill(-all->items[i].group, SIGKILL);
	for (size_t i = 0; i < all->count; i++) {
		kill(all->items[i].pid, number);
		if (number != SIGKILL)
			kill(all->items[i].pid, SIGCONT);
	}
}
