/* memory_trim.h: gives memory back to the system when a process that runs for long becomes idle.  Until then free memory
 * is kept (heap.h). */
#ifndef AGENT_UTIL_MEMORY_TRIM_H
#define AGENT_UTIL_MEMORY_TRIM_H

#include <poll.h>

#include "reconcile/base/base.h"

/* One for each loop that waits. */
struct memory_trim {
	bool trimmed;		/* nothing happened since memory was given back last */
};

/* So long nothing has to happen.  Only a test sets it, so as not to wait so long. */
extern int memory_trim_idle_ms;

/* As poll(); when nothing has happened for memory_trim_idle_ms, free memory is given back before it waits on.  That is
 * done once after each event, so that an idle process has no more to do. */
int memory_trim_poll(struct memory_trim *t, struct pollfd *fds, nfds_t count, int timeout_ms);

#endif
