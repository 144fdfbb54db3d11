/* cron_time.h: when a cron fires next, in the time zone of the service. */
#ifndef AGENT_SERVICE_ENGINE_CRON_TIME_H
#define AGENT_SERVICE_ENGINE_CRON_TIME_H

#include <stdint.h>

struct log;

/* When the cron first fires after now, both in milliseconds since 1970; -1: never, or it is not a cron. */
int64_t cron_time_next(const char *cron, int64_t now);

/* Logs a warning, with the reason, if the cron never fires: its author would wait for an execution in vain. */
void cron_time_warn(struct log *log, int64_t workflow, const char *cron);

#endif
