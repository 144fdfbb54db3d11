/* memory_limit.h: limits the memory of a child process. */
#ifndef AGENT_UTIL_MEMORY_LIMIT_H
#define AGENT_UTIL_MEMORY_LIMIT_H

#include "reconcile/base/base.h"

/* From now on this process, and what it starts, may take that many more bytes.  What is there already
 * does not count; a file that is mapped never does. */
void memory_limit_set(size_t bytes);

#endif
