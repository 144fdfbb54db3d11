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
		"* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *", "1, * * * *", "@reboot", "@", "@dailyy",
		"@daily 1", "1 @daily", "* * * * mon-", "* * * * 5-mon", "*-5 * * * *", "1/ * * * *",
		"99999999999 * * * *", "a * * * *", "1-2-3 * * * *", "0 0 30 2 *",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t next = -1;
		if (cron_next(cases[i], stamp("2024-05-31 00:00:00"), NULL, &next) || next != -1)
			fail_msg("\"%s\" fires at %lld", cases[i], (long long)next);
	}
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
		cmocka_unit_test(without_a_choice_the_zone_is_utc),	/* before one is made */
		cmocka_unit_test(a_zone_changes_its_clocks_and_nothing_fires_twice_or_is_lost),
		cmocka_unit_test(every_hour_of_two_years_is_found),
		cmocka_unit_test(a_zone_that_is_none_is_refused_and_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
