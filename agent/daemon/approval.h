/* approval.h: how a running agent learns that somebody approved something: by the stamp of a file
 * in the state directory.  A signal would end whatever else holds the lock, and does not reach out
 * of a container. */
#ifndef AGENT_DAEMON_APPROVAL_H
#define AGENT_DAEMON_APPROVAL_H

#include <time.h>

#include "reconcile/base/err.h"

bool approval_announce(const char *state_dir, struct err *err);

/* True if one was announced since *last, which is kept up; zeroed: since the first call. */
bool approval_arrived(const char *state_dir, struct timespec *last);

#endif
