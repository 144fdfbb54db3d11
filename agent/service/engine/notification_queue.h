/* notification_queue.h: watchers that are to be told of a run: what of, when again if it could not be done, and when
 * not any more.  It never matters to the run.  For the engine's thread. */
#ifndef AGENT_SERVICE_ENGINE_NOTIFICATION_QUEUE_H
#define AGENT_SERVICE_ENGINE_NOTIFICATION_QUEUE_H

#include "agent/service/engine/execution.h"

enum { TELLS_AT_A_TIME = 4, TELL_ATTEMPTS = 6 };

/* What is written down for one that is to be told of the run, as it stands now; in a. */
const char *tell_news(struct arena *a, const struct live *live, const char *event);

/* Begins with those that are due; *next becomes when to call again, milliseconds since 1970, -1: never. */
void tell_due(struct engine_world *w, int64_t *next);
/* That has ended, or could not be begun (why). */
void tell_ended(struct engine_world *w, struct active *active, const char *why);
/* After another engine: those that it had told are done with, the others are due, also if it had begun to. */
void tell_recover(struct engine_world *w);

#endif
