#include "agent/stamp.h"

#include <time.h>

int64_t stamp_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
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
