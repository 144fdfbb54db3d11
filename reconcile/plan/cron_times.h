/* cron_times.h: when a cron fires next, for people. */
#ifndef RECONCILE_PLAN_CRON_TIMES_H
#define RECONCILE_PLAN_CRON_TIMES_H

#include <stdint.h>

#include "reconcile/base/buf.h"

enum { CRON_TIMES = 5 };

/* The time, and the zone that crons are meant in. */
struct cron_clock {
	int64_t now;			/* in seconds since 1970; 0: not known, and no times are shown */
	const char *zone;		/* its name; NULL: UTC */
	int64_t (*offset)(int64_t utc);	/* seconds that its clocks are ahead of UTC; NULL: UTC */
};

/* Sets times to when the cron fires next, in seconds since 1970, and returns how many there are: 0 if it never fires or
 * is no cron. */
size_t cron_times(const struct cron_clock *clock, const char *cron, int64_t times[CRON_TIMES]);

/* Appends a time by the clocks of UTC and of the zone: "Sat 2026-03-28 05:00 UTC, Sat 2026-03-28 06:00 Europe/Berlin". */
void cron_time_add(const struct cron_clock *clock, int64_t at, struct buf *out);

#endif
