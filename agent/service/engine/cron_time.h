/* cron_time.h: when a cron fires next, in the time zone of the service. */
#ifndef AGENT_SERVICE_ENGINE_CRON_TIME_H
#define AGENT_SERVICE_ENGINE_CRON_TIME_H

#include <stdint.h>

/* When the cron first fires after now, both in milliseconds since 1970; -1: never, or it is not a cron. */
int64_t cron_time_next(const char *cron, int64_t now);

#endif
