/* cron_scheduler.h: what the engine does because it is time: crons that are due begin a run, old runs are
 * forgotten.  For the engine's thread. */
#ifndef AGENT_SERVICE_ENGINE_CRON_SCHEDULER_H
#define AGENT_SERVICE_ENGINE_CRON_SCHEDULER_H

#include "agent/service/engine/execution.h"

/* At the start: gives a time to each cron that has none, and a new one to those in the future, as the
 * zone may be another now.  One whose time has passed keeps it: it is made up for once. */
void cron_scheduler_init(struct engine_state *w);

/* Begins a run for each cron that is due, once however long ago that was, and sets when it is due next.
 * Where as many runs as there may be are under way (execution_start.h) it stays due, and waits for room.
 * *next becomes when to call again, milliseconds since 1970, -1: never.  True if a run was begun. */
bool cron_scheduler_start_due(struct engine_state *w, int64_t *next);

/* Forgets a hundred runs that finished before then; called every minute that is more than begin. */
void cron_scheduler_forget_old_executions(struct engine_state *w, int64_t before);

#endif
