#include "agent/util/clock.h"

#include <string.h>
#include <time.h>

static int64_t clock_read_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now(void)
{
	return clock_read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_monotonic_us(void)
{
	return clock_read_us(CLOCK_MONOTONIC);
}

int64_t clock_monotonic(void)
{
	return clock_monotonic_us() / 1000;
}

int64_t clock_boottime(void)
{
	return clock_read_us(CLOCK_BOOTTIME) / 1000;
}

int64_t clock_cpu(void)
{
	return clock_read_us(CLOCK_PROCESS_CPUTIME_ID) / 1000;
}

void timestamp_add(struct buf *out, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm = { 0 };

	gmtime_r(&seconds, &tm);
	buf_addf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
	         tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

const char *timestamp_text(struct arena *a, int64_t ms)
{
	CLEANUP(buf_done) struct buf text = BUF_TEXT;

	timestamp_add(&text, ms);
	return arena_strdup(a, buf_str(&text));
}

bool timestamp_parse(const char *text, int64_t *ms)
{
	struct tm tm = { 0 };
	const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	int fraction = 0;

	if (!rest)
		return false;
	if (*rest == '.') {
		int weight = 100;
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, weight /= 10)
			fraction += weight * (*rest - '0');
	}
	if (strcmp(rest, "Z") != 0)
		return false;
	*ms = (int64_t)timegm(&tm) * 1000 + fraction;
	return true;
}

const char *duration_text(struct arena *a, int64_t ms)
{
	int64_t s = ms / 1000;

	if (ms < 10000)
		return arena_printf(a, "%.1fs", ms < 0 ? 0.0 : (double)ms / 1000);
	if (s < 60)
		return arena_printf(a, "%llds", (long long)s);
	if (s < 3600)
		return arena_printf(a, "%lldm%llds", (long long)s / 60, (long long)s % 60);
	return arena_printf(a, "%lldh%lldm%llds", (long long)s / 3600, (long long)s / 60 % 60, (long long)s % 60);
}
