/* process_tree.h: the processes that a process started, and those that they started, however far away from
 * it they put themselves; it has to be their subreaper, so that none of them is adopted by another. */
#ifndef AGENT_SERVICE_EXEC_PROCESS_TREE_H
#define AGENT_SERVICE_EXEC_PROCESS_TREE_H

#include <sys/types.h>

#include "reconcile/base/arena.h"

struct process { pid_t pid, parent, group; };

struct process_tree {
	struct process *items;	/* parents before their children; those that nobody waited for yet too */
	size_t count;
};

/* All below this process.  What is started meanwhile may be missed: whoever has to be sure asks again
 * until there is none, which is never said wrongly. */
void process_tree_list(struct arena *a, struct process_tree *out);

/* The same, but without what is at or below one of `except` (pids, in any order). */
void process_tree_list_except(struct arena *a, const pid_t *except, size_t count, struct process_tree *out);

/* SIGKILL goes to their process groups too, at once, so that none of them can go on starting others.
 * With any other signal they are told to go on, if they were stopped: it would not reach them. */
void process_tree_signal(const struct process_tree *all, int number);

#endif
