#include "tests/test.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reconcile/schema/cron.h"
#include "agent/util/timezone.h"

static int64_t stamp(const char *text)
{
	struct tm tm = { 0 };

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
	return timegm(&tm);
}

static void the_next_firing_is_found(void **state)
{
	static const struct { const char *cron, *after, *next; } cases[] = {
		{ "* * * * *",        "2024-05-31 10:00:00", "2024-05-31 10:01:00" },
		{ "* * * * *",        "2024-05-31 23:59:59", "2024-06-01 00:00:00" },
		{ "0 0 * * *",        "2024-12-31 00:00:00", "2025-01-01 00:00:00" },
		{ "15 6 * * 1-5",     "2024-05-31 06:15:00", "2024-06-03 06:15:00" },
		{ "15 6 * * mon-FRI", "2024-05-31 06:15:00", "2024-06-03 06:15:00" },
		{ "*/20 3 * * *",     "2024-05-31 03:20:01", "2024-05-31 03:40:00" },
		{ "5/30 * * * *",     "2024-05-31 03:05:00", "2024-05-31 03:35:00" },
		{ "0 12 1,15 * *",    "2024-05-31 00:00:00", "2024-06-01 12:00:00" },
		{ "0 0 29 2 *",       "2096-03-01 00:00:00", "2104-02-29 00:00:00" },
		{ "0 0 * * 7",        "2024-05-31 00:00:00", "2024-06-02 00:00:00" },
		{ "0 0 13 * 5",       "2024-05-31 00:00:00", "2024-06-07 00:00:00" },
		{ "0 0 */2 * 5",      "2024-05-31 00:00:00", "2024-06-07 00:00:00" },
		{ "0 9 * jan,JUL-sep mon,thu", "2024-05-31 00:00:00", "2024-07-01 09:00:00" },
		{ "7,10-30/10,59 * * * *", "2024-05-31 03:10:00", "2024-05-31 03:20:00" },
		{ "7,10-30/10,59 * * * *", "2024-05-31 03:30:00", "2024-05-31 03:59:00" },
		{ "0 0 * * 5-7",      "2024-06-01 00:00:00", "2024-06-02 00:00:00" },
		{ "0 0 31 * *",       "2024-05-31 00:00:00", "2024-07-31 00:00:00" },
		{ "@hourly",          "2024-05-31 10:00:00", "2024-05-31 11:00:00" },
		{ " @Daily ",         "2024-05-31 10:00:00", "2024-06-01 00:00:00" },
		{ "@midnight",        "2024-05-31 10:00:00", "2024-06-01 00:00:00" },
		{ "@weekly",          "2024-05-31 10:00:00", "2024-06-02 00:00:00" },
		{ "@monthly",         "2024-06-01 00:00:00", "2024-07-01 00:00:00" },
		{ "@yearly",          "2024-05-31 10:00:00", "2025-01-01 00:00:00" },
		{ "@annually",        "2024-05-31 10:00:00", "2025-01-01 00:00:00" },
		{ " 0\t0 1 JAN *  ",  "2024-05-31 00:00:00", "2025-01-01 00:00:00" },
		{ "0 0 12 * * ?",     "2024-05-31 12:00:00", "2024-06-01 12:00:00" },
		{ "30 0 12 ? * MON-FRI *", "2024-05-31 12:00:29", "2024-05-31 12:00:30" },
		{ "30 0 12 ? * MON-FRI *", "2024-05-31 12:00:30", "2024-06-03 12:00:30" },
		{ "59 59 23 1 1 ?",   "2024-01-01 23:59:58", "2024-01-01 23:59:59" },
		{ "5 * * * * *",      "2024-05-31 10:00:05", "2024-05-31 10:01:05" },
		{ "0 0 * * *\n",      "2024-05-31 10:00:00", "2024-06-01 00:00:00" },
		{ "@daily\n",         "2024-05-31 10:00:00", "2024-06-01 00:00:00" },
		{ "0 0 ? * MON",      "2024-05-31 10:00:00", "2024-06-03 00:00:00" },
		/* 29 February on a Sunday */
		{ "0 0 29 2 */7",     "2032-03-03 12:00:00", "2060-02-29 00:00:00" },
		{ "0 0 29 2 */7",     "2088-03-01 00:00:00", "2128-02-29 00:00:00" },
		{ "0 0 29 2 */7",     "2072-01-01 00:00:00", "2088-02-29 00:00:00" },
		/* ranges past the end of their field */
		{ "0 0 * * FRI-SUN",  "2024-05-31 00:00:00", "2024-06-01 00:00:00" },
		{ "0 0 * * FRI-SUN",  "2024-06-02 00:00:00", "2024-06-07 00:00:00" },
		{ "0 0 * * 5-mon",    "2024-06-02 00:00:00", "2024-06-03 00:00:00" },
		{ "0 0 * * 7-2",      "2024-06-04 00:00:00", "2024-06-09 00:00:00" },
		{ "0 0 * * fri-tue/2", "2024-05-31 00:00:00", "2024-06-02 00:00:00" },
		{ "0 22-2 * * *",     "2024-05-31 23:00:00", "2024-06-01 00:00:00" },
		{ "0 22-2 * * *",     "2024-06-01 02:00:00", "2024-06-01 22:00:00" },
		{ "50-10/10 * * * *", "2024-05-31 10:50:00", "2024-05-31 11:00:00" },
		{ "0 0 1 NOV-FEB *",  "2024-02-01 00:00:00", "2024-11-01 00:00:00" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t next = -1;
		if (!cron_next(cases[i].cron, stamp(cases[i].after), NULL, &next) || next != stamp(cases[i].next))
			fail_msg("%s after %s: %lld", cases[i].cron, cases[i].after, (long long)next);
	}
}

static void what_is_no_five_field_cron_or_never_fires_has_no_next(void **state)
{
	static const char *const cases[] = {
		"", "* * * *", "* * * * * *", "0 0 12 ? * 2", "0 0 12 1 * MON", "0,30 0 12 * * ?", "60 0 12 * * ?",
		"0 0 12 * * ? 2025", "0 0 12 L * ?", "0 0 12 ? * */2", "0 0 12 * * ? * *", "? 0 12 * *", "60 * * * *", "* 24 * * *", "* * 0 * *",
		"* * * 13 *", "* * * * 8", "*/0 * * * *", "1, * * * *", "@reboot", "@", "@dailyy",
		"@daily 1", "1 @daily", "* * * * mon-", "*-5 * * * *", "1/ * * * *",
		/* other dialects: minutes first and a year last, "?" anywhere */
		"0 8 1 * ? *", "0 10 * * ? *", "15 10 ? * * *", "0 ? * * * MON", "? * * * *", "* ? * * *", "* * * ? *", "0 0 ?/2 * *",
		"0 0 ?,1 * *", "99999999999 * * * *", "a * * * *", "1-2-3 * * * *", "0 0 30 2 *",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t next = -1;
		if (cron_next(cases[i], stamp("2024-05-31 00:00:00"), NULL, &next) || next != -1)
			fail_msg("\"%s\" fires at %lld", cases[i], (long long)next);
	}
}

static void a_cron_that_cannot_run_is_named_by_its_field(void **state)
{
	static const struct { const char *cron, *message; } cases[] = {
		{ "61 * * * *", "expected 0 to 59 or \"*\" as the minute, found \"61\"" },
		{ "0 0 30 2 *", "expected a day of the month that one of its months has, found \"30\"" },
		{ "0 0 0 31 2,4 ? *", "expected a day of the month that one of its months has, found \"31\"" },
		{ "* * *\n", "expected five cron fields, or six or seven with seconds first and a year last, found 3" },
		{ "@reboot", "expected five cron fields, or six or seven with seconds first and a year last, found 1" },
		{ "0 8 1 * ? *", "expected 1 to 12 or \"*\" as the month (of six or seven fields the first one is the second), "
		                 "found \"?\"" },
		{ "15 10 ? * * *", "expected 0 to 23 or \"*\" as the hour (of six or seven fields the first one is the second), "
		                   "found \"?\"" },
		{ "* * * * * *", "expected one number from 0 to 59 as the second, which is the first of six or seven fields, "
		                 "found \"*\"" },
		{ "0 0 12 ? * 2", "expected names such as MON as the day of the week (beside seconds some programs count the days "
		                  "from 0 and others from 1), found \"2\"" },
		{ "0 0 12 1 * MON", "expected \"*\" or \"?\" as the day of the month or as the day of the week, found \"1\" and "
		                    "\"MON\"" },
		{ "0 15 10 * * ? 2021", "expected \"*\" as the year, found \"2021\"" },
		{ "0 0 12 L * ?", "expected 1 to 31 or \"*\" as the day of the month (of six or seven fields the first one is the "
		                  "second), found \"L\"" },
	};
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (cron_check(cases[i].cron, &err))
			fail_msg("\"%s\" fires", cases[i].cron);
		assert_string_equal(err.msg, cases[i].message);
	}
	assert_true(cron_check("0 0 29 2 */7\n", &err) && cron_check("@weekly", &err) && cron_check("0 0 0 ? * FRI-SUN", &err));
}

/* A list of thousands of workflows computes the next time of each cron. */
static void the_search_of_40_years_is_fast(void **state)
{
	int64_t next = -1;
	clock_t begun = clock();

	for (int i = 0; i < 1000; i++)
		assert_false(cron_next("0 0 31 2,4,6,9,11 *", stamp("2024-05-31 00:00:00"), NULL, &next));
	assert_true(clock() - begun < 5 * CLOCKS_PER_SEC);
}

/* All times are UTC; what the clock on the wall shows stands behind. */
static void a_zone_changes_its_clocks_and_nothing_fires_twice_or_is_lost(void **state)
{
	static const struct { const char *zone, *cron, *after, *next; } cases[] = {
		{ "Europe/Berlin", "15 6 * * 1-5", "2024-01-05 05:15:00", "2024-01-08 05:15:00" },
		{ "Europe/Berlin", "15 6 * * 1-5", "2024-07-05 04:15:00", "2024-07-08 04:15:00" },
		{ "Europe/Berlin", "30 0 * * *",   "2024-07-04 23:00:00", "2024-07-05 22:30:00" },
		{ "America/New_York", "0 20 1 * *", "2024-01-31 12:00:00", "2024-02-02 01:00:00" },
		/* 31 March: 2:00 becomes 3:00 at 1:00 UTC. */
		{ "Europe/Berlin", "30 2 * * *",   "2024-03-30 01:30:00", "2024-03-31 01:00:00" },
		{ "Europe/Berlin", "30 2 * * *",   "2024-03-31 01:00:00", "2024-04-01 00:30:00" },
		{ "Europe/Berlin", "0 3 * * *",    "2024-03-30 12:00:00", "2024-03-31 01:00:00" },
		{ "Europe/Berlin", "0 2,3 * * *",  "2024-03-31 01:00:00", "2024-04-01 00:00:00" },
		{ "Europe/Berlin", "30 1 * * *",   "2024-03-30 12:00:00", "2024-03-31 00:30:00" },
		{ "Europe/Berlin", "30 4 * * *",   "2024-03-30 12:00:00", "2024-03-31 02:30:00" },
		{ "Europe/Berlin", "30 * * * *",   "2024-03-31 00:30:00", "2024-03-31 01:30:00" },
		{ "Europe/Berlin", "* */2 * * *",  "2024-03-31 00:10:00", "2024-03-31 02:00:00" },
		/* 27 October: 3:00 becomes 2:00 at 1:00 UTC. */
		{ "Europe/Berlin", "30 2 * * *",   "2024-10-26 12:00:00", "2024-10-27 00:30:00" },
		{ "Europe/Berlin", "30 2 * * *",   "2024-10-27 00:30:00", "2024-10-28 01:30:00" },
		{ "Europe/Berlin", "30 2 * * *",   "2024-10-27 01:00:00", "2024-10-28 01:30:00" },
		{ "Europe/Berlin", "30 * * * *",   "2024-10-27 00:30:00", "2024-10-27 01:30:00" },
		{ "Europe/Berlin", "30 * * * *",   "2024-10-27 01:30:00", "2024-10-27 02:30:00" },
		{ "Europe/Berlin", "0 3 * * *",    "2024-10-26 12:00:00", "2024-10-27 02:00:00" },
		{ "Europe/Berlin", "@hourly",      "2024-10-27 00:59:59", "2024-10-27 01:00:00" },
		/* 7 April: 2:00 becomes 1:30; 6 October: 2:00 becomes 2:30. */
		{ "Australia/Lord_Howe", "45 1 * * *", "2024-04-06 12:00:00", "2024-04-06 14:45:00" },
		{ "Australia/Lord_Howe", "45 * * * *", "2024-04-06 14:45:00", "2024-04-06 15:15:00" },
		{ "Australia/Lord_Howe", "15 2 * * *", "2024-10-05 12:00:00", "2024-10-05 15:30:00" },
		/* The clocks go on at midnight, and back at midnight: the day before ends twice. */
		{ "Asia/Beirut", "0 0 * * *",      "2024-03-30 12:00:00", "2024-03-30 22:00:00" },
		{ "Asia/Beirut", "30 23 * * *",    "2024-10-26 12:00:00", "2024-10-26 20:30:00" },
		{ "Asia/Beirut", "30 23 * * *",    "2024-10-26 20:30:00", "2024-10-27 21:30:00" },
		{ "Asia/Beirut", "30 * * * *",     "2024-10-26 20:30:00", "2024-10-26 21:30:00" },
		/* 7 November 2010: 0:01 became 23:01 of the day before. */
		{ "America/St_Johns", "30 * * * *", "2010-11-07 02:30:30", "2010-11-07 03:00:00" },
		/* 7 September: 22:00 became 23:00, so the 8th began earlier. */
		{ "Pacific/Easter", "30 * * * *",  "2024-09-08 05:00:00", "2024-09-08 05:30:00" },
		/* There was no 30 December. */
		{ "Pacific/Apia", "0 12 30 12 *",  "2011-12-29 12:00:00", "2011-12-30 10:00:00" },
		{ "Asia/Kathmandu", "0 12 * * *",  "2024-05-31 00:00:00", "2024-05-31 06:15:00" },
		{ "UTC", "30 2 * * *",             "2024-03-30 12:00:00", "2024-03-31 02:30:00" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err;
		int64_t next = -1;
		if (!timezone_use(cases[i].zone, &err))
			fail_msg("%s", err.msg);
		if (!cron_next(cases[i].cron, stamp(cases[i].after), timezone_offset, &next) ||
		    next != stamp(cases[i].next))
			fail_msg("%s, %s after %s: %lld, not %lld", cases[i].zone, cases[i].cron, cases[i].after,
			         (long long)next, (long long)stamp(cases[i].next));
	}
}

/* Whatever fires, fires at a minute that the expression names, as the clock on the wall shows it,
 * and none between was left out. */
static void every_hour_of_two_years_is_found(void **state)
{
	static const char *const zones[] = { "Europe/Berlin", "America/New_York", "Asia/Beirut" };

	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		struct err err;
		int64_t at = stamp("2024-01-01 00:00:00"), next = 0;
		if (!timezone_use(zones[i], &err))
			fail_msg("%s", err.msg);
		for (int hours = 0; hours < 2 * 365 * 24; hours++, at = next) {
			assert_true(cron_next("0 * * * *", at, timezone_offset, &next));
			assert_int_equal(next, at + 3600);
		}
	}
}

static void a_zone_that_is_none_is_refused_and_changes_nothing(void **state)
{
	static const struct { const char *name, *msg; } cases[] = {
		{ "Europe/Nowhere", "time zone \"Europe/Nowhere\" is not known: /usr/share/zoneinfo has no such "
		                    "file" },
		{ "Europe", "time zone \"Europe\" is not known: /usr/share/zoneinfo has no such file" },
		{ "", "expected the name of a time zone such as Europe/Berlin, found \"\"" },
		{ "../../../etc/passwd", "expected the name of a time zone such as Europe/Berlin, found "
		                         "\"../../../etc/passwd\"" },
		{ "/etc/localtime", "expected the name of a time zone such as Europe/Berlin, found "
		                    "\"/etc/localtime\"" },
		{ "EST5EDT,M3.2.0,M11.1.0", "expected the name of a time zone such as Europe/Berlin, found "
		                            "\"EST5EDT,M3.2.0,M11.1.0\"" },
	};
	struct err err;

	assert_true(timezone_use("Asia/Tokyo", &err));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(timezone_use(cases[i].name, &err));
		assert_string_equal(err.msg, cases[i].msg);
		assert_int_equal(err.kind, ERR_USAGE);
		assert_int_equal(timezone_offset(0), 9 * 3600);
	}
}

static void without_a_choice_the_zone_is_utc(void **state)
{
	assert_int_equal(setenv("TZ", "JST-9", 1), 0);
	assert_int_equal(timezone_offset(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_firing_is_found),
		cmocka_unit_test(what_is_no_five_field_cron_or_never_fires_has_no_next),
		cmocka_unit_test(a_cron_that_cannot_run_is_named_by_its_field),
		cmocka_unit_test(the_search_of_40_years_is_fast),
		cmocka_unit_test(without_a_choice_the_zone_is_utc),	/* before one is made */
		cmocka_unit_test(a_zone_changes_its_clocks_and_nothing_fires_twice_or_is_lost),
		cmocka_unit_test(every_hour_of_two_years_is_found),
		cmocka_unit_test(a_zone_that_is_none_is_refused_and_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
