/* process_tree.h: all descendants of this process, also those in other sessions and process groups.  This process has
 * to be a subreaper: otherwise orphans among them go to another parent. */
#ifndef AGENT_SERVICE_EXEC_PROCESS_TREE_H
#define AGENT_SERVICE_EXEC_PROCESS_TREE_H

#include <sys/types.h>

#include "agent/util/process_stat.h"
#include "reconcile/base/arena.h"

struct process_tree {
	struct process_stat *items;	/* parents before their children; zombies too */
	size_t count;
};

/* Lists all descendants of this process, in a.  Processes that are started meanwhile may be missed.  To be sure, ask
 * again until the list is empty: that answer is always right. */
void process_tree_list(struct arena *a, struct process_tree *out);

/* The same without the processes in `except` (pids, in any order) and their descendants. */
void process_tree_list_except(struct arena *a, const pid_t *except, size_t count, struct process_tree *out);

/* Sends a signal to all of them.  SIGKILL goes to their process groups too, so that a whole group dies at once and
 * cannot start others.  Any other signal is followed by SIGCONT: a stopped process would not receive it. */
void process_tree_signal(const struct process_tree *all, int number);

#endif
