/* orphans.h: processes that are left of a run because all that watched over them was killed with them, so that
 * they are below nobody any more who could find them there (process_tree.h).  They are known by a variable
 * of their environment. */
#ifndef AGENT_SERVICE_EXEC_ORPHANS_H
#define AGENT_SERVICE_EXEC_ORPHANS_H

#include <stdbool.h>
#include <stddef.h>

/* Kills all processes that have one of the marks, each "NAME=VALUE", in their environment, until there is none.
 * This process and all below it are left alone.  False: some were killed and have not ended after
 * patience_ms.  Not found is what took the variable out of its environment, or may not be looked at. */
bool orphans_kill(const char *const *marks, size_t count, int patience_ms);

#endif
