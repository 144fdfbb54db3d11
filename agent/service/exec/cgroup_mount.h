/* cgroup_mount.h: where the cgroup of a process (version 2) is found as a folder. */
#ifndef AGENT_SERVICE_EXEC_CGROUP_MOUNT_H
#define AGENT_SERVICE_EXEC_CGROUP_MOUNT_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

/* own is the process's /proc/PID/cgroup, mounts its /proc/PID/mountinfo.  *folder lives in a; whether
 * it is there, and what may be done in it, is not looked at. */
bool cgroup_mount_find(struct arena *a, const char *own, const char *mounts, const char **folder,
                       struct err *err);

#endif
