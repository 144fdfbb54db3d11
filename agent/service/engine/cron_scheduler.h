/* cron_scheduler.h: starts the executions of crons when their time has come.  For the engine's thread alone. */
#ifndef AGENT_SERVICE_ENGINE_CRON_SCHEDULER_H
#define AGENT_SERVICE_ENGINE_CRON_SCHEDULER_H

#include "agent/service/engine/engine_state.h"

/* Sets the next time of each cron that has none, and of each whose time is in the future, as the time zone may have
 * changed.  A cron whose time has passed keeps its time: it fires once, late.  Call it when the engine begins, and
 * when the clock was set back. */
void cron_scheduler_set_times(struct engine_state *es);

/* Starts one execution for each cron whose time has passed, however long ago, and sets its next time.  If too many
 * executions are open (execution_start.h), the cron keeps its time and waits.  Sets *next to when to call again,
 * milliseconds since 1970, -1: never.  True if an execution was started. */
bool cron_scheduler_run(struct engine_state *es, int64_t *next);

#endif
