/* control_signals.h: SIGHUP and SIGUSR1, by which a user asks a running agent for something.
 * The signals that end the agent are in shutdown_signals.h. */
#ifndef AGENT_UTIL_CONTROL_SIGNALS_H
#define AGENT_UTIL_CONTROL_SIGNALS_H

#include "reconcile/base/err.h"

/* From now on SIGHUP and SIGUSR1 only make *fd readable. */
bool control_signals_watch(int *fd, struct err *err);

/* The next signal that arrived; 0: no further signal. */
int control_signals_next(int fd);

#endif
