/* orphans.h: kills processes of an execution that have outlived service, runner and supervisor.  They are no longer
 * descendants of any of these (process_tree.h), and are known by a variable of their environment. */
#ifndef AGENT_SERVICE_EXEC_ORPHANS_H
#define AGENT_SERVICE_EXEC_ORPHANS_H

#include <stdbool.h>
#include <stddef.h>

/* Kills all processes that have one of the marks, each "NAME=VALUE", in their environment, until none is left.  This
 * process and its descendants are spared.  False if some have not ended patience_ms after the start.  A process that
 * removed the variable from its environment, or that this user may not inspect, is not found. */
bool orphans_kill(const char *const *marks, size_t count, int patience_ms);

#endif
