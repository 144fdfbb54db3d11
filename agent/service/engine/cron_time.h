/* cron_time.h: when a cron fires next, in the time zone of the service. */
#ifndef AGENT_SERVICE_ENGINE_CRON_TIME_H
#define AGENT_SERVICE_ENGINE_CRON_TIME_H

#include <stddef.h>
#include <stdint.h>

struct log;

/* When the cron first fires after now, both in milliseconds since 1970; -1: never, or it is not a cron. */
int64_t cron_time_next(const char *cron, int64_t now);

enum { CRON_TIMES_KEPT = 4096 };

/* The next times of some crons, each computed once and valid until it has come.  A zeroed one keeps none; there is
 * nothing to free.  For one thread. */
struct cron_times {
	struct kept_cron_time {
		int64_t from, until;	/* the answer is the same at each time from `from` on, before `until` */
		char cron[48];
		char text[32];
	} kept[CRON_TIMES_KEPT];
	size_t computed;		/* how often a time was computed */
};

/* The time of cron_time_next() as a timestamp; "" for never.  cron has len bytes.  Valid until the next call. */
const char *cron_times_next(struct cron_times *times, const char *cron, size_t len, int64_t now);

/* Logs a warning, with the reason, if the cron never fires: its author would wait for an execution in vain. */
void cron_time_warn(struct log *log, int64_t workflow, const char *cron);

#endif
