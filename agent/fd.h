/* fd.h: the few things that are done with a descriptor everywhere. */
#ifndef AGENT_FD_H
#define AGENT_FD_H

#include "reconcile/base.h"

/* For CLEANUP, and to close one before that: takes -1, leaves -1 behind. */
void fd_close(int *fd);

/* True if it can be read from, or has come to its end, without waiting.  False for -1. */
bool fd_readable(int fd);

#endif
