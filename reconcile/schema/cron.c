#include "reconcile/schema/cron.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "reconcile/base/buf.h"

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELD_COUNT };

struct cron {
	uint64_t on[FIELD_COUNT];	/* a bit for each value that fires */
	bool any[FIELD_COUNT];		/* the field begins with "*" */
};

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
	if (from > to)
		return false;
	for (int v = from; v <= to; v += step)
		*on |= (uint64_t)1 << v;
	return true;
}

static bool read_cron_field(const char **s, int field, struct cron *cron)
{
	*s += strspn(*s, " \t");
	cron->any[field] = **s == '*';
	for (;;) {
		if (!read_cron_part(s, field, &cron->on[field]))
			return false;
		if (**s != ',')
			break;
		++*s;
	}
	return **s == '\0' || **s == ' ' || **s == '\t';
}

const char *cron_expand(const char *text)
{
	static const struct { const char *name, *fields; } names[] = {
		{ "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" },
		{ "@weekly", "0 0 * * 0" }, { "@daily", "0 0 * * *" }, { "@midnight", "0 0 * * *" },
		{ "@hourly", "0 * * * *" },
	};
	const char *name = text + strspn(text, " \t");
	size_t len = strcspn(name, " \t");

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i].name) == len && strncasecmp(name, names[i].name, len) == 0 &&
		    name[len + strspn(name + len, " \t")] == '\0')
			return names[i].fields;
	return text;
}

static bool read_cron(const char *text, struct cron *cron)
{
	text = cron_expand(text);
	for (int field = 0; field < FIELD_COUNT; field++)
		if (!read_cron_field(&text, field, cron))
			return false;
	/* Both 0 and 7 are Sunday. */
	if (cron->on[WEEKDAY] & 1 << 7)
		cron->on[WEEKDAY] |= 1;
	return text[strspn(text, " \t")] == '\0';
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

static bool fires_at(const struct cron *cron, int minute)
{
	return cron->on[HOUR] >> (minute / 60) & cron->on[MINUTE] >> (minute % 60) & 1;
}

/* ---- local time ---- */

enum { MINUTE_SECONDS = 60, DAY_SECONDS = 24 * 60 * 60, DAY_MINUTES = 24 * 60 };

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
	for (int m = 0; m < DAY_MINUTES; m++) {
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
	time_t t = (time_t)start;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !fires_on(cron, &tm))
		return false;
	d.offset_before = zone_offset_at(offset, start - FURTHEST);
	d.offset_after = zone_offset_at(offset, start + DAY_SECONDS + FURTHEST);
	return cron->any[HOUR] && d.offset_before != d.offset_after ? next_wall_time(&d, next)
	                                                            : next_fixed_time(&d, next);
}

static bool next_of_five_fields(const char *text, int64_t after, int64_t (*offset)(int64_t utc), int64_t *next)
{
	enum { DAYS = 8 * 366 + 2 };	/* 29 February can be eight years off */
	struct cron cron = { 0 };

	if (!read_cron(text, &cron))
		return false;
	/* If the clocks are set back after midnight, a part of the day before is repeated. */
	int64_t local = after + zone_offset_at(offset, after);
	int64_t day = local - local % DAY_SECONDS - DAY_SECONDS;
	for (int i = 0; i < DAYS; i++, day += DAY_SECONDS)
		if (next_in_day(&cron, day, after, offset, next))
			return true;
	return false;
}

bool cron_check(const char *text, struct err *err)
{
	struct cron cron = { 0 };
	const char *rest = cron_expand(text);

	for (int field = 0; field < FIELD_COUNT; field++) {
		const char *word = rest + strspn(rest, " \t");
		if (!read_cron_field(&rest, field, &cron))
			return err_set(err, "\"%s\": expected %d to %d or \"*\" as the %s, found \"%.*s\"", text,
			               ranges[field].least, ranges[field].most, ranges[field].called,
			               (int)strcspn(word, " \t"), word);
	}
	return cron_next(text, 0, NULL, &(int64_t){ 0 }) || err_set(err, "\"%s\" never fires", text);
}

/* ---- six and seven fields ---- */

struct cron_word { const char *text; size_t len; };

enum { SIX = 6, SEVEN = 7 };

static int split_cron(const char *text, struct cron_word *words)
{
	int count = 0;

	for (text += strspn(text, " \t"); *text && count <= SEVEN; text += strspn(text, " \t")) {
		size_t len = strcspn(text, " \t");
		if (count < SEVEN)
			words[count] = (struct cron_word){ text, len };
		count++;
		text += len;
	}
	return count;
}

static bool cron_word_is(const struct cron_word *w, const char *text)
{
	return strlen(text) == w->len && strncmp(w->text, text, w->len) == 0;
}

static bool cron_word_is_any(const struct cron_word *w)
{
	return cron_word_is(w, "*") || cron_word_is(w, "?");
}

static bool read_cron_second(const struct cron_word *w, int *out)
{
	const char *s = w->text;

	return read_cron_number(&s, out) && s == w->text + w->len && *out < MINUTE_SECONDS;
}

/* Appends the five fields in the middle to out, if the cron has only one meaning. */
static bool shorten_to_five_fields(const char *text, struct buf *out, int *second)
{
	struct cron_word words[SEVEN];
	int count = split_cron(text, words);
	const struct cron_word *day = &words[1 + DAY], *weekday = &words[1 + WEEKDAY];

	if ((count != SIX && count != SEVEN) || !read_cron_second(&words[0], second) ||
	    (count == SEVEN && !cron_word_is(&words[SIX], "*")) || !(cron_word_is_any(day) || cron_word_is_any(weekday)))
		return false;
	for (size_t i = 0; i < weekday->len; i++)
		if (weekday->text[i] >= '0' && weekday->text[i] <= '9')
			return false;
	for (int i = 1; i < SIX; i++)
		buf_addf(out, "%.*s ", cron_word_is(&words[i], "?") ? 1 : (int)words[i].len, cron_word_is(&words[i], "?") ? "*" : words[i].text);
	return true;
}

bool cron_next(const char *text, int64_t after, int64_t (*offset)(int64_t utc), int64_t *next)
{
	CLEANUP(buf_done) struct buf five = BUF_TEXT;
	int64_t minute;
	int second;

	if (next_of_five_fields(text, after, offset, next))
		return true;
	if (!shorten_to_five_fields(text, &five, &second) || !next_of_five_fields(buf_str(&five), after - second, offset, &minute))
		return false;
	*next = minute + second;
	return true;
}
