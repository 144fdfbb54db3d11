#include "tests/test.h"

#include <string.h>
#include <time.h>

#include "agent/cron.h"

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
		{ " 0\t0 1 JAN *  ",  "2024-05-31 00:00:00", "2025-01-01 00:00:00" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t next = -1;
		if (!cron_next(cases[i].cron, stamp(cases[i].after), &next) || next != stamp(cases[i].next))
			fail_msg("%s after %s: %lld", cases[i].cron, cases[i].after, (long long)next);
	}
}

static void what_is_no_five_field_cron_or_never_fires_has_no_next(void **state)
{
	static const char *const cases[] = {
		"", "* * * *", "0 0 12 * * ?", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *",
		"* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *", "1, * * * *", "@daily",
		"99999999999 * * * *", "a * * * *", "1-2-3 * * * *", "0 0 30 2 *",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t next = -1;
		if (cron_next(cases[i], stamp("2024-05-31 00:00:00"), &next) || next != -1)
			fail_msg("\"%s\" fires at %lld", cases[i], (long long)next);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_firing_is_found),
		cmocka_unit_test(what_is_no_five_field_cron_or_never_fires_has_no_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
