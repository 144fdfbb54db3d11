/* control_signals.h: signals by which somebody asks a running agent for something, one after the other.
 * What ends it is shutdown_signals.h's. */
#ifndef AGENT_UTIL_CONTROL_SIGNALS_H
#define AGENT_UTIL_CONTROL_SIGNALS_H

#include "reconcile/base/err.h"

/* From now on SIGHUP and SIGUSR1 only make *fd readable. */
bool control_signals_watch(int *fd, struct err *err);

/* The next that came; 0: no more. */
int control_signals_next(int fd);

#endif
