/* file_lock.h: an exclusive lock on a file, between processes (flock(2)). */
#ifndef AGENT_UTIL_FILE_LOCK_H
#define AGENT_UTIL_FILE_LOCK_H

#include "reconcile/base/err.h"

/* Opens path, which is created for this user alone if it is missing, and locks it.  If another process holds the lock:
 * waits as long as that takes, or without `wait` fails with ERR_CONFLICT.  A symbolic link is refused.
 * The caller closes *fd to release the lock.  If a child process has a copy of the descriptor, the lock stays until
 * that copy is closed too.  *fd is closed on exec; the end of a process closes all its descriptors. */
bool file_lock_take(const char *path, bool wait, int *fd, struct err *err);

#endif
