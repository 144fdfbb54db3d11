/* wakeup.h: a FIFO beside the database, by which any thread and any process tells the engine that it has written
 * into the database. */
#ifndef AGENT_SERVICE_ENGINE_WAKEUP_H
#define AGENT_SERVICE_ENGINE_WAKEUP_H

#include "reconcile/base/err.h"

/* Opens the FIFO of the database, for either side; creates it if missing.  The caller closes *fd. */
bool wakeup_open(const char *database, int *fd, struct err *err);
/* Makes the FIFO readable for the engine.  Does nothing if fd is -1 or if no engine reads. */
void wakeup_send(int fd);
/* Reads all that is in the FIFO. */
void wakeup_take(int fd);

#endif
