/* cgroup_mount.h: finds the folder of a process's cgroup (version 2). */
#ifndef AGENT_SERVICE_EXEC_CGROUP_MOUNT_H
#define AGENT_SERVICE_EXEC_CGROUP_MOUNT_H

#include "reconcile/base/arena.h"
#include "reconcile/base/err.h"

/* own is the text of /proc/PID/cgroup, mounts that of /proc/PID/mountinfo.  *folder lives in a; whether it exists, and
 * may be written to, is not checked. */
bool cgroup_mount_find(struct arena *a, const char *own, const char *mounts, const char **folder,
                       struct err *err);

#endif
