/* cron_scheduler.h: what the engine does because it is time: crons that are due begin a run, old runs are
 * forgotten.  For the engine's thread. */
#ifndef AGENT_SERVICE_ENGINE_CRON_SCHEDULER_H
#define AGENT_SERVICE_ENGINE_CRON_SCHEDULER_H

#include "agent/service/engine/execution.h"

/* At the start: gives a time to each cron that has none, and a new one to those in the future, as the
 * zone may be another now.  One whose time has passed keeps it: it is made up for once. */
void due_set(struct engine_world *w);

/* Begins a run for each cron that is due, once however long ago that was, and sets when it is due next.
 * Where as many runs as there may be are under way (execution_start.h) it stays due, and waits for room.
 * *next becomes when to call again, milliseconds since 1970, -1: never.  True if a run was begun. */
bool due_begin(struct engine_world *w, int64_t *next);

/* Forgets a hundred runs that finished before then; called every minute that is more than begin. */
void due_forget_old(struct engine_world *w, int64_t before);

#endif
