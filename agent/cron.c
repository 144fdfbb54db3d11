#include "agent/cron.h"

#include <string.h>
#include <strings.h>
#include <time.h>

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELD_COUNT };

struct cron {
	uint64_t on[FIELD_COUNT];	/* a bit for each value that fires */
	bool any[FIELD_COUNT];		/* the field begins with "*" */
};

static const struct { int least, most; const char *const *names; } ranges[] = {
	[MINUTE] = { 0, 59 },
	[HOUR] = { 0, 23 },
	[DAY] = { 1, 31 },
	[MONTH] = { 1, 12, (const char *const[]){ "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
	                                          "AUG", "SEP", "OCT", "NOV", "DEC", NULL } },
	[WEEKDAY] = { 0, 7, (const char *const[]){ "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT",
	                                           NULL } },
};

static bool read_number(const char **s, int *out)
{
	int n = 0, digits = 0;

	for (; **s >= '0' && **s <= '9' && digits < 4; (*s)++, digits++)
		n = n * 10 + (**s - '0');
	if (digits == 0 || digits == 4)
		return false;
	*out = n;
	return true;
}

static bool read_value(const char **s, int field, int *out)
{
	const char *const *names = ranges[field].names;

	for (int i = 0; names && names[i]; i++)
		if (strncasecmp(*s, names[i], 3) == 0) {
			*s += 3;
			*out = ranges[field].least + i;
			return true;
		}
	return read_number(s, out) && *out >= ranges[field].least && *out <= ranges[field].most;
}

/* One part between commas: "*", "5", "1-5", each with an optional "/step". */
static bool read_part(const char **s, int field, uint64_t *on)
{
	int from = ranges[field].least, to = ranges[field].most, step = 1;
	bool open_end = false;

	if (**s == '*') {
		(*s)++;
	} else {
		if (!read_value(s, field, &from))
			return false;
		open_end = **s != '-';
		if (!open_end && (++*s, !read_value(s, field, &to)))
			return false;
	}
	if (**s == '/') {
		++*s;
		if (!read_number(s, &step) || step == 0)
			return false;
	} else if (open_end) {
		to = from;
	}
	if (from > to)
		return false;
	for (int v = from; v <= to; v += step)
		*on |= (uint64_t)1 << v;
	return true;
}

static bool read_field(const char **s, int field, struct cron *cron)
{
	*s += strspn(*s, " \t");
	cron->any[field] = **s == '*';
	for (;;) {
		if (!read_part(s, field, &cron->on[field]))
			return false;
		if (**s != ',')
			break;
		++*s;
	}
	return **s == '\0' || **s == ' ' || **s == '\t';
}

static bool read_cron(const char *text, struct cron *cron)
{
	for (int field = 0; field < FIELD_COUNT; field++)
		if (!read_field(&text, field, cron))
			return false;
	/* Both 0 and 7 are Sunday. */
	if (cron->on[WEEKDAY] & 1 << 7)
		cron->on[WEEKDAY] |= 1;
	return text[strspn(text, " \t")] == '\0';
}

/* If both days are restricted, either will do: that is how cron has always read them. */
static bool fires_on(const struct cron *cron, const struct tm *day)
{
	bool of_month = cron->on[DAY] >> day->tm_mday & 1;
	bool of_week = cron->on[WEEKDAY] >> day->tm_wday & 1;

	if (!(cron->on[MONTH] >> (day->tm_mon + 1) & 1))
		return false;
	if (cron->any[DAY] || cron->any[WEEKDAY])
		return of_month && of_week;
	return of_month || of_week;
}

/* The first minute of the day, from `from` on, that fires; -1: none. */
static int minute_of_day(const struct cron *cron, int from)
{
	for (int m = from; m < 24 * 60; m++)
		if (cron->on[HOUR] >> (m / 60) & cron->on[MINUTE] >> (m % 60) & 1)
			return m;
	return -1;
}

bool cron_next(const char *text, int64_t after, int64_t *next)
{
	enum { DAY_SECONDS = 24 * 60 * 60, DAYS = 8 * 366 + 1 };	/* 29 February can be eight years off */
	struct cron cron = { 0 };
	int64_t start = after - after % 60 + 60;
	int64_t day = start - start % DAY_SECONDS;
	int from = (int)(start - day) / 60;

	if (!read_cron(text, &cron))
		return false;
	for (int i = 0; i < DAYS; i++, day += DAY_SECONDS, from = 0) {
		time_t t = (time_t)day;
		struct tm tm;
		int minute = gmtime_r(&t, &tm) && fires_on(&cron, &tm) ? minute_of_day(&cron, from) : -1;
		if (minute >= 0) {
			*next = day + minute * 60;
			return true;
		}
	}
	return false;
}
