/* cgroup.h: limits of CPU and memory for steps, by cgroups (version 2), where the machine permits that.
 *
 * The service manages one cgroup.  Each attempt of a step gets a leaf below it, with its limits:
 *
 *	FOLDER			managed; it holds no process itself ("no internal processes")
 *	FOLDER/service		the service and its other processes
 *	FOLDER/step-NAME	the commands of one attempt
 *
 * An attempt that uses up its memory is killed with its whole leaf.  So its supervisor stays outside: only commands
 * enter, by writing themselves to the leaf before they exec. */
#ifndef AGENT_SERVICE_EXEC_CGROUP_H
#define AGENT_SERVICE_EXEC_CGROUP_H

#include <stdint.h>

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

struct cgroups;

/* Takes over the cgroup at the folder `where`, or that of this process for "auto".  The cgroup has to be writable, to
 * offer the controllers cpu and memory, and to hold no process but this one and its children, which move to the leaf
 * "service".  A leaf with limits is created, entered by a child and removed: what would fail at the first attempt fails
 * now.  If false, *err is a sentence for the operator, and nothing has changed.  Starts a process and waits for it: not
 * to be called by a program that waits for any child. */
bool cgroup_open(const char *where, struct cgroups **out, struct err *err);
/* Undoes what cgroup_open() changed, as far as possible.  Takes NULL. */
void cgroup_close(struct cgroups *c);
void cgroup_closep(struct cgroups **c);

/* Creates the leaf "step-NAME" with limits: cpu in processors and memory in bytes (0 or less: no limit of that kind),
 * no swap, and a number of processes that stops a fork bomb.  A name has letters, digits and "-_." only.  A leaf of
 * that name from an earlier service is removed first.  *folder lives in a.  If false, there is no such leaf. */
bool cgroup_make(const struct cgroups *c, struct arena *a, const char *name, double cpu,
                 int64_t memory, const char **folder, struct err *err);

/* Moves this process into the leaf.  Allocates and locks nothing, so it may be called between fork and exec.  If false,
 * errno says why. */
bool cgroup_enter(const char *folder);

/* True if a process of the leaf was killed because the leaf had used up its memory. */
bool cgroup_out_of_memory(const char *folder);

/* Kills all processes of the leaf (Linux 5.14 and later) and removes it, with the cgroups that steps created below it.
 * Waits up to half a second for the killed processes; a leaf that stays is left to cgroup_sweep(). */
void cgroup_remove(const char *folder);
/* cgroup_remove() for the leaf of every step.  To be called at the start, when all of them are from an earlier
 * service. */
void cgroup_sweep(const struct cgroups *c);

#endif
