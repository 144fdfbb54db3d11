/* cgroup.h: limits for steps, by the kernel's cgroups (version 2), where the machine lets it.
 *
 * The service has one cgroup to manage, below which each attempt of a step gets a leaf with its
 * limits:
 *
 *	FOLDER			managed; no process stays in it ("no internal processes")
 *	FOLDER/service		the service itself, and what it starts
 *	FOLDER/step-NAME	what one attempt runs
 *
 * Memory that an attempt uses up ends all of its leaf at once.  So who watches over it stays
 * outside: only what it starts goes in, each process by cgroup_enter() before it becomes a command. */
#ifndef AGENT_SERVICE_EXEC_CGROUP_H
#define AGENT_SERVICE_EXEC_CGROUP_H

#include <stdint.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct cgroups;

/* Takes the cgroup at the folder `where` to manage, or that of this process for "auto".  It has to
 * be writable, to offer the controllers cpu and memory, and to be home to no process but this one
 * and its children; these move to the leaf "service".  A limited leaf is made, entered by a child
 * and removed, so that what is true of the first attempt is known now.  If false, *err is one
 * sentence for the person who runs it, and all is as it was before.
 * Starts a process and waits for it: not for a program that waits for any child. */
bool cgroup_open(const char *where, struct cgroups **out, struct err *err);
/* Puts back what cgroup_open() changed, as far as it goes.  Takes NULL. */
void cgroup_close(struct cgroups *c);
void cgroup_closep(struct cgroups **c);

/* Makes the leaf "step-NAME": cpu processors and memory bytes (0 or less: no limit of that kind)
 * without swap, and so many processes that a step without end ends itself alone.  A name has
 * letters, digits and "-_." only.  What an earlier life left under that name is removed first.
 * *folder lives in a.  If false, there is no such leaf. */
bool cgroup_make(const struct cgroups *c, struct arena *a, const char *name, double cpu,
                 int64_t memory, const char **folder, struct err *err);

/* Puts this process into the leaf.  Allocates and locks nothing: may be called between fork and
 * exec.  If false, errno says why. */
bool cgroup_enter(const char *folder);

/* Whether a process of the leaf was killed because the leaf's memory was used up. */
bool cgroup_out_of_memory(const char *folder);

/* Kills what still runs in the leaf (Linux 5.14 and later) and takes it away, with what steps made
 * below it.  The killed are waited for, half a second at most; a leaf that stays after that is
 * cgroup_sweep()'s. */
void cgroup_remove(const char *folder);
/* cgroup_remove() for each leaf of a step, whoever made it: at the start, when none is ours. */
void cgroup_sweep(const struct cgroups *c);

#endif
