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

int64_t clock_of_timespec(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000 + time->tv_nsec / 1000000;
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

/* Reads a number of exactly `digits` digits from least to most. */
static bool timestamp_number(const char **at, int digits, int least, int most, int *out)
{
	int value = 0;

	for (int i = 0; i < digits; i++, ++*at) {
		if (**at < '0' || **at > '9')
			return false;
		value = value * 10 + (**at - '0');
	}
	*out = value;
	return value >= least && value <= most;
}

static bool timestamp_skip(const char **at, const char *set)
{
	bool found = **at && strchr(set, **at);

	*at += found;
	return found;
}

static int timestamp_days_of_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool timestamp_date(const char **at, struct tm *tm)
{
	if (!timestamp_number(at, 4, 0, 9999, &tm->tm_year) || !timestamp_skip(at, "-") ||
	    !timestamp_number(at, 2, 1, 12, &tm->tm_mon) || !timestamp_skip(at, "-") ||
	    !timestamp_number(at, 2, 1, timestamp_days_of_month(tm->tm_year, tm->tm_mon), &tm->tm_mday))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	return true;
}

/* Reads the digits behind a point or comma, if there are any. */
static bool timestamp_fraction(const char **at, int *ms)
{
	int weight = 100;

	if (!timestamp_skip(at, ".,"))
		return true;
	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; ++*at, weight /= 10)
		*ms += weight * (**at - '0');
	return true;
}

/* "18", "18:00", "18:00:05", "18:00:05.123" */
static bool timestamp_time(const char **at, struct tm *tm, int *ms)
{
	if (!timestamp_number(at, 2, 0, 23, &tm->tm_hour))
		return false;
	if (!timestamp_skip(at, ":"))
		return true;
	if (!timestamp_number(at, 2, 0, 59, &tm->tm_min))
		return false;
	if (!timestamp_skip(at, ":"))
		return true;
	return timestamp_number(at, 2, 0, 60, &tm->tm_sec) && timestamp_fraction(at, ms);
}

/* "Z", "+05:30", "+0530", "+05", "+05:30:15", or nothing for UTC.  A blank before it is skipped; where digits follow, it
 * is the plus of an address that was not encoded. */
static bool timestamp_zone(const char **at, int *seconds)
{
	int sign = 1, hours = 0, part[2] = { 0 }, ignored = 0;

	if (!**at || timestamp_skip(at, "Zz"))
		return true;
	bool blank = timestamp_skip(at, " ");
	if (**at == '-')
		sign = -1;
	if (!timestamp_skip(at, "+-") && !blank)
		return false;
	if (!timestamp_number(at, 2, 0, 23, &hours))
		return false;
	for (int i = 0; i < 2 && (timestamp_skip(at, ":") || **at); i++)
		if (!timestamp_number(at, 2, 0, 59, &part[i]))
			return false;
	*seconds = sign * (hours * 3600 + part[0] * 60 + part[1]);
	return timestamp_fraction(at, &ignored);
}

bool timestamp_parse(const char *text, int64_t *ms)
{
	const char *at = text ? text : "";
	int fraction = 0, zone = 0;
	struct tm tm = { 0 };

	if (!timestamp_date(&at, &tm))
		return false;
	if (*at && !(timestamp_skip(&at, "Tt ") && timestamp_time(&at, &tm, &fraction) && timestamp_zone(&at, &zone)))
		return false;
	if (*at)
		return false;
	*ms = ((int64_t)timegm(&tm) - zone) * 1000 + fraction;
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
