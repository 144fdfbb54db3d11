/* state_lock.h: one writer per state directory (design section 3: a held lock is a conflict, exit 5). */
#ifndef AGENT_UTIL_STATE_LOCK_H
#define AGENT_UTIL_STATE_LOCK_H

#include "reconcile/base/err.h"

/* Takes the lock of state directory dir, which is made if it is not there.  It goes with the
 * process, however that ends.  Held by another process: ERR_CONFLICT, and *err names the process
 * that holds it and since when.  *fd is to be closed to give it up. */
bool state_lock_take(const char *dir, int *fd, struct err *err);

#endif
