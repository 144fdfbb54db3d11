/* wakeup.h: how the engine of the local service learns that something was written into its file, by a
 * thread beside it or by another process: a FIFO next to that file. */
#ifndef AGENT_SERVICE_ENGINE_WAKEUP_H
#define AGENT_SERVICE_ENGINE_WAKEUP_H

#include "reconcile/base/err.h"

/* Opens that of the database, made if it is not there; for either side. */
bool wakeup_open(const char *database, int *fd, struct err *err);
/* Makes it readable; -1 and a side that nobody listens on are passed over. */
void wakeup_send(int fd);
/* Takes all that is in it. */
void wakeup_take(int fd);

#endif
