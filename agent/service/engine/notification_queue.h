/* notification_queue.h: sends the notifications that executions have written into the store, and retries those that
 * fail.  A failure never affects the execution.  For the engine's thread alone. */
#ifndef AGENT_SERVICE_ENGINE_NOTIFICATION_QUEUE_H
#define AGENT_SERVICE_ENGINE_NOTIFICATION_QUEUE_H

#include "agent/service/engine/execution.h"

enum { NOTIFICATIONS_AT_A_TIME = 4, NOTIFICATION_ATTEMPTS = 6 };

/* The JSON document that the store keeps of a notification: the execution as it is now, and the event of dag_run.h
 * that it is about.  In a. */
const char *notification_queue_document(struct arena *a, const struct execution *x, const char *event);

/* Starts to send the notifications that are due; *next becomes when to call again, milliseconds since 1970,
 * -1: never. */
void notification_queue_send_due(struct engine_state *es, int64_t *next);
/* The attempt to send one has ended, or could not be started (why): removes the notification from the store, or sets
 * when it is sent again.  Frees at. */
void notification_queue_attempt_ended(struct engine_state *es, struct active_attempt *at, const char *why);
/* For an engine that begins: removes the notifications that the last engine has sent, and makes all others due. */
void notification_queue_recover(struct engine_state *es);

#endif
