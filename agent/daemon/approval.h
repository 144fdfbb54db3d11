/* approval.h: how `flowsync approve` reaches a running agent: by the modification time of a file in the state
 * directory.  A signal would kill another process that holds the lock, and does not cross the border of a container. */
#ifndef AGENT_DAEMON_APPROVAL_H
#define AGENT_DAEMON_APPROVAL_H

#include <time.h>

#include "reconcile/base/err.h"

/* Sets the file's modification time to now. */
bool approval_announce(const char *state_dir, struct err *err);

/* True if an approval was announced since the last call with this *last, which is updated; the first call, with a
 * zeroed *last, gives false. */
bool approval_arrived(const char *state_dir, struct timespec *last);

#endif
