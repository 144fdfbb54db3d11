/* notification_queue.h: watchers that are to be told of a run: what of, when again if it could not be done, and when
 * not any more.  It never matters to the run.  For the engine's thread. */
#ifndef AGENT_SERVICE_ENGINE_NOTIFICATION_QUEUE_H
#define AGENT_SERVICE_ENGINE_NOTIFICATION_QUEUE_H

#include "agent/service/engine/execution.h"

enum { NOTIFICATIONS_AT_A_TIME = 4, NOTIFICATION_ATTEMPTS = 6 };

/* What is written down for one that is to be told of the run, as it stands now; in a. */
const char *notification_queue_describe(struct arena *a, const struct execution *live, const char *event);

/* Begins with those that are due; *next becomes when to call again, milliseconds since 1970, -1: never. */
void notification_queue_send_due(struct engine_state *w, int64_t *next);
/* That has ended, or could not be begun (why). */
void notification_queue_attempt_ended(struct engine_state *w, struct active_attempt *active, const char *why);
/* After another engine: those that it had told are done with, the others are due, also if it had begun to. */
void notification_queue_recover(struct engine_state *w);

#endif
