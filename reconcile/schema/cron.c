#include "reconcile/schema/cron.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "reconcile/base/buf.h"

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELD_COUNT };

struct cron {
	uint64_t on[FIELD_COUNT];	/* a bit for each value that fires */
	bool any[FIELD_COUNT];		/* the field begins with "*" */
	int second;
};

/* Blanks between fields; a block scalar in YAML ends with a line break. */
static const char cron_blanks[] = " \t\r\n";

static const struct { const char *called; int least, most; const char *const *names; } ranges[] = {
	[MINUTE] = { "minute", 0, 59 },
	[HOUR] = { "hour", 0, 23 },
	[DAY] = { "day of the month", 1, 31 },
	[MONTH] = { "month", 1, 12, (const char *const[]){ "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
	                                          "AUG", "SEP", "OCT", "NOV", "DEC", NULL } },
	[WEEKDAY] = { "day of the week", 0, 7, (const char *const[]){ "SUN", "MON", "TUE", "WED", "THU", "FRI",
	                                                              "SAT", NULL } },
};

static bool read_cron_number(const char **s, int *out)
{
	int n = 0, digits = 0;

	for (; **s >= '0' && **s <= '9' && digits < 4; (*s)++, digits++)
		n = n * 10 + (**s - '0');
	if (digits == 0 || digits == 4)
		return false;
	*out = n;
	return true;
}

static bool read_cron_value(const char **s, int field, int *out)
{
	const char *const *names = ranges[field].names;

	for (int i = 0; names && names[i]; i++)
		if (strncasecmp(*s, names[i], 3) == 0) {
			*s += 3;
			*out = ranges[field].least + i;
			return true;
		}
	return read_cron_number(s, out) && *out >= ranges[field].least && *out <= ranges[field].most;
}

/* One part between commas: "*", "5", "1-5", each with an optional "/step". */
static bool read_cron_part(const char **s, int field, uint64_t *on)
{
	int from = ranges[field].least, to = ranges[field].most, step = 1;
	bool open_end = false;

	if (**s == '*') {
		(*s)++;
	} else {
		if (!read_cron_value(s, field, &from))
			return false;
		open_end = **s != '-';
		if (!open_end && (++*s, !read_cron_value(s, field, &to)))
			return false;
	}
	if (**s == '/') {
		++*s;
		if (!read_cron_number(s, &step) || step == 0)
			return false;
	} else if (open_end) {
		to = from;
	}
	/* A range may go past the end of its field: FRI-SUN, 22-2. */
	int values = field == WEEKDAY ? 7 : ranges[field].most - ranges[field].least + 1;
	int length = from <= to ? to - from : to - from + values;
	for (int i = 0; i <= length; i += step)
		*on |= (uint64_t)1 << (ranges[field].least + (from - ranges[field].least + i) % values);
	return true;
}

struct cron_word { const char *text; size_t len; };

static bool cron_word_is(const struct cron_word *w, const char *text)
{
	return strlen(text) == w->len && strncmp(w->text, text, w->len) == 0;
}

static bool read_cron_field(const struct cron_word *w, int field, struct cron *cron)
{
	const char *s = w->text, *end = w->text + w->len;

	if ((field == DAY || field == WEEKDAY) && cron_word_is(w, "?"))
		s = "*", end = s + 1;
	cron->any[field] = *s == '*';
	for (;;) {
		if (!read_cron_part(&s, field, &cron->on[field]))
			return false;
		if (*s != ',')
			return s == end;
		++s;
	}
}

const char *cron_expand(const char *text)
{
	static const struct { const char *name, *fields; } names[] = {
		{ "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" },
		{ "@weekly", "0 0 * * 0" }, { "@daily", "0 0 * * *" }, { "@midnight", "0 0 * * *" },
		{ "@hourly", "0 * * * *" },
	};
	const char *name = text + strspn(text, cron_blanks);
	size_t len = strcspn(name, cron_blanks);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i].name) == len && strncasecmp(name, names[i].name, len) == 0 &&
		    name[len + strspn(name + len, cron_blanks)] == '\0')
			return names[i].fields;
	return text;
}

const char *cron_trim(struct arena *a, const char *text)
{
	size_t len = strlen(text);

	while (len && strchr("\r\n", text[len - 1]))
		len--;
	return arena_strndup(a, text, len);
}

enum { FIVE = 5, SIX = 6, SEVEN = 7 };

static int split_cron(const char *text, struct cron_word words[SEVEN])
{
	int count = 0;

	for (text += strspn(text, cron_blanks); *text; text += strspn(text, cron_blanks)) {
		size_t len = strcspn(text, cron_blanks);
		if (count < SEVEN)
			words[count] = (struct cron_word){ text, len };
		count++;
		text += len;
	}
	return count;
}

bool cron_has_seconds(const char *text)
{
	struct cron_word words[SEVEN];
	int count = split_cron(text, words);

	return count == SIX || count == SEVEN;
}

static bool cron_err(struct err *err, const char *expected, const struct cron_word *found)
{
	return err_set(err, "expected %s, found \"%.*s\"", expected, (int)found->len, found->text);
}

/* The first of six or seven fields. */
static bool read_cron_second(const struct cron_word *w, struct cron *cron, struct err *err)
{
	const char *s = w->text;

	return (read_cron_number(&s, &cron->second) && s == w->text + w->len && cron->second < 60) ||
	       cron_err(err, "one number from 0 to 59 as the second, which is the first of six or seven fields", w);
}

/* What has more than one meaning among six or seven fields. */
static bool check_cron_days(const struct cron_word *day, const struct cron_word *weekday, struct err *err)
{
	bool any = cron_word_is(day, "*") || cron_word_is(day, "?") || cron_word_is(weekday, "*") || cron_word_is(weekday, "?");

	for (size_t i = 0; i < weekday->len; i++)
		if (weekday->text[i] >= '0' && weekday->text[i] <= '9')
			return cron_err(err, "names such as MON as the day of the week (beside seconds some programs count "
			                "the days from 0 and others from 1)", weekday);
	return any || err_set(err, "expected \"*\" or \"?\" as the day of the month or as the day of the week, found "
	                      "\"%.*s\" and \"%.*s\"", (int)day->len, day->text, (int)weekday->len, weekday->text);
}

static bool read_cron(const char *text, struct cron *cron, struct err *err)
{
	struct cron_word words[SEVEN];
	int count = split_cron(cron_expand(text), words), seconds = count > FIVE;

	*cron = (struct cron){ 0 };
	if (count < FIVE || count > SEVEN)
		return err_set(err, "expected five cron fields, or six or seven with seconds first and a year last, found %d",
		               count);
	if (seconds && !read_cron_second(&words[0], cron, err))
		return false;
	for (int field = 0; field < FIELD_COUNT; field++) {
		const struct cron_word *w = &words[seconds + field];
		if (!read_cron_field(w, field, cron))
			return err_set(err, "expected %d to %d or \"*\" as the %s%s, found \"%.*s\"", ranges[field].least,
			               ranges[field].most, ranges[field].called,
			               seconds ? " (of six or seven fields the first one is the second)" : "", (int)w->len, w->text);
	}
	if (seconds && !check_cron_days(&words[seconds + DAY], &words[seconds + WEEKDAY], err))
		return false;
	return count < SEVEN || cron_word_is(&words[SIX], "*") || cron_err(err, "\"*\" as the year", &words[SIX]);
}

/* If both day fields are restricted, a day that fits one of them is enough, as in every cron. */
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

static bool fires_in_hour(const struct cron *cron, int minute)
{
	return cron->on[HOUR] >> (minute / 60) & 1;
}

static bool fires_at(const struct cron *cron, int minute)
{
	return cron->on[HOUR] >> (minute / 60) & cron->on[MINUTE] >> (minute % 60) & 1;
}

/* ---- local time ---- */

enum { HOUR_MINUTES = 60, MINUTE_SECONDS = 60, DAY_SECONDS = 24 * 60 * 60, DAY_MINUTES = 24 * 60 };

/* A local day; `start` is its midnight as if it were UTC. */
struct day {
	const struct cron *cron;
	int64_t start, after;
	int64_t (*offset)(int64_t utc);
	int64_t offset_before, offset_after;	/* from UTC, well before the day begins and well after it ends */
};

static int64_t zone_offset_at(int64_t (*offset)(int64_t utc), int64_t utc)
{
	return offset ? offset(utc) : 0;
}

/* The moment between low and high at which the clocks change. */
static int64_t find_clock_change(const struct day *d, int64_t low, int64_t high)
{
	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;
		if (d->offset(middle) == d->offset_after)
			high = middle;
		else
			low = middle;
	}
	return high;
}

/* UTC of a local time: the first one if it occurs twice; if it is skipped, the moment when the clocks are set forward. */
static int64_t local_to_utc(const struct day *d, int64_t local)
{
	int64_t first = local - d->offset_before, second = local - d->offset_after;

	if (d->offset_before == d->offset_after || d->offset(first) == d->offset_before)
		return first;
	if (d->offset(second) == d->offset_after)
		return second;
	return find_clock_change(d, second, first);
}

/* The next time of a cron that fires once for each local time, however often that occurs. */
static bool next_fixed_time(const struct day *d, int64_t *next)
{
	/* Without a change of the clocks a day that is over has no time to look for. */
	if (d->offset_before == d->offset_after && d->start + DAY_SECONDS - d->offset_after <= d->after)
		return false;
	for (int m = 0; m < DAY_MINUTES; m++) {
		if (m % HOUR_MINUTES == 0 && !fires_in_hour(d->cron, m)) {
			m += HOUR_MINUTES - 1;
			continue;
		}
		int64_t at = fires_at(d->cron, m) ? local_to_utc(d, d->start + m * MINUTE_SECONDS) : d->after;
		if (at > d->after) {
			*next = at;
			return true;
		}
	}
	return false;
}

/* The next time of a cron that fires whenever the local clock shows the time. */
static bool next_wall_time(const struct day *d, int64_t *next)
{
	bool forth = d->offset_after > d->offset_before;
	int64_t from = d->start - (forth ? d->offset_after : d->offset_before);
	int64_t to = d->start + DAY_SECONDS - (forth ? d->offset_before : d->offset_after);

	if (from <= d->after)
		from = d->after - d->after % MINUTE_SECONDS + MINUTE_SECONDS;
	for (int64_t at = from; at < to; at += MINUTE_SECONDS) {
		int64_t into = at + d->offset(at) - d->start;
		if (into >= 0 && into < DAY_SECONDS &&
		    fires_at(d->cron, (int)(into / MINUTE_SECONDS))) {
			*next = at;
			return true;
		}
	}
	return false;
}

static bool next_in_day(const struct cron *cron, int64_t start, int64_t after,
                        int64_t (*offset)(int64_t utc), int64_t *next)
{
	enum { FURTHEST = 15 * 60 * 60 };	/* seconds; no zone is further from UTC */
	struct day d = { .cron = cron, .start = start, .after = after, .offset = offset };

	d.offset_before = zone_offset_at(offset, start - FURTHEST);
	d.offset_after = zone_offset_at(offset, start + DAY_SECONDS + FURTHEST);
	return cron->any[HOUR] && d.offset_before != d.offset_after ? next_wall_time(&d, next)
	                                                            : next_fixed_time(&d, next);
}

static int days_left_in_month(const struct tm *date)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = date->tm_year + 1900;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[date->tm_mon] + (leap && date->tm_mon == 1) - date->tm_mday;
}

/* Moves on by days, to the first of the next month at most. */
static void move_date(struct tm *date, int days)
{
	date->tm_wday = (date->tm_wday + days) % 7;
	if (days <= days_left_in_month(date)) {
		date->tm_mday += days;
		return;
	}
	date->tm_mday = 1;
	date->tm_year += date->tm_mon == 11;
	date->tm_mon = (date->tm_mon + 1) % 12;
}

static bool next_of_cron(const struct cron *cron, int64_t after, int64_t (*offset)(int64_t utc), int64_t *next)
{
	enum { DAYS = 40 * 366 };	/* 29 February is a Sunday every 28 years, and once after 40 */
	int64_t local = after + zone_offset_at(offset, after);
	/* If the clocks are set back after midnight, a part of the day before is repeated. */
	int64_t start = local - local % DAY_SECONDS - DAY_SECONDS;
	time_t t = (time_t)start;
	struct tm date;

	if (!gmtime_r(&t, &date))
		return false;
	for (int day = 0, days; day < DAYS; day += days) {
		days = cron->on[MONTH] >> (date.tm_mon + 1) & 1 ? 1 : days_left_in_month(&date) + 1;
		if (fires_on(cron, &date) && next_in_day(cron, start + (int64_t)day * DAY_SECONDS, after, offset, next))
			return true;
		move_date(&date, days);
	}
	return false;
}

bool cron_next(const char *text, int64_t after, int64_t (*offset)(int64_t utc), int64_t *next)
{
	struct cron cron;
	struct err err;
	int64_t minute;

	if (!read_cron(text, &cron, &err) || !next_of_cron(&cron, after - cron.second, offset, &minute))
		return false;
	*next = minute + cron.second;
	return true;
}

bool cron_check(const char *text, struct err *err)
{
	struct cron_word words[SEVEN];
	struct cron cron;

	if (!read_cron(text, &cron, err))
		return false;
	if (next_of_cron(&cron, 0, NULL, &(int64_t){ 0 }))
		return true;
	return cron_err(err, "a day of the month that one of its months has",
	                &words[(split_cron(cron_expand(text), words) > FIVE) + DAY]);
}
