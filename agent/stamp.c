#include "agent/stamp.h"

#include <time.h>

static int64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t stamp_now(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t stamp_boot(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

void stamp_add(struct buf *out, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm = { 0 };

	gmtime_r(&seconds, &tm);
	buf_addf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
	         tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

const char *stamp_text(struct arena *a, int64_t ms)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	stamp_add(&text, ms);
	return arena_strdup(a, buf_str(&text));
}
