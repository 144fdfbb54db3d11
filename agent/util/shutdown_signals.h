/* shutdown_signals.h: SIGINT and SIGTERM as something that can be waited for, so that the step in flight can
 * be finished; and SIGUSR2, by which the agent tells a cycle to hurry. */
#ifndef AGENT_UTIL_SHUTDOWN_SIGNALS_H
#define AGENT_UTIL_SHUTDOWN_SIGNALS_H

#include "reconcile/base/err.h"

/* From now on both signals only make *fd readable, for ever; never read from it. */
bool shutdown_signals_watch(int *fd, struct err *err);

/* From now on SIGUSR2 only makes *fd readable, for ever; never read from it. */
bool shutdown_signals_watch_hurry(int *fd, struct err *err);

/* The signal that came first; 0: none came yet. */
int shutdown_signals_received(void);

/* From now on a write to a closed pipe or socket fails with EPIPE, and one past the limit on the size of files with EFBIG,
 * instead of ending the process. */
void shutdown_signals_ignore_write_signals(void);

#endif
