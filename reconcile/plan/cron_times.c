#include "reconcile/plan/cron_times.h"

#include <time.h>

#include "reconcile/schema/cron.h"

size_t cron_times(const struct cron_clock *clock, const char *cron, int64_t times[CRON_TIMES])
{
	int64_t at = clock->now;
	size_t count = 0;

	while (count < CRON_TIMES && cron_next(cron, at, clock->offset, &at))
		times[count++] = at;
	return count;
}

static void cron_time_add_local(struct buf *out, int64_t seconds)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	time_t t = (time_t)seconds;
	struct tm tm = { 0 };

	gmtime_r(&t, &tm);
	buf_addf(out, "%s %04d-%02d-%02d %02d:%02d ", days[tm.tm_wday], tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	         tm.tm_hour, tm.tm_min);
}

void cron_time_add(const struct cron_clock *clock, int64_t at, struct buf *out)
{
	cron_time_add_local(out, at);
	buf_adds(out, "UTC");
	if (!clock->offset)
		return;
	buf_adds(out, ", ");
	cron_time_add_local(out, at + clock->offset(at));
	buf_adds(out, clock->zone);
}
