#include "tests/test.h"
#include "reconcile/plan/cron_times.h"

#include "reconcile/base/arena.h"

enum { FRIDAY_NOON = 1774612800 };	/* 2026-03-27T12:00:00Z */

/* As in Europe/Berlin, whose clocks go forward on 2026-03-29 at 01:00 UTC. */
static int64_t berlin(int64_t utc)
{
	return utc < 1774746000 ? 3600 : 7200;
}

static const struct cron_clock berlin_clock = { FRIDAY_NOON, "Europe/Berlin", berlin };

/* The times, a line each. */
static const char *times_of(struct arena *a, const struct cron_clock *clock, const char *cron)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	int64_t times[CRON_TIMES];
	size_t count = cron_times(clock, cron, times);

	for (size_t i = 0; i < count; i++) {
		cron_time_add(clock, times[i], &out);
		buf_addc(&out, '\n');
	}
	return arena_strdup(a, buf_str(&out));
}

static void five_times_are_shown_by_both_clocks(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(times_of(&a, &berlin_clock, "0 5 * * *"),
	                    "Sat 2026-03-28 04:00 UTC, Sat 2026-03-28 05:00 Europe/Berlin\n"
	                    "Sun 2026-03-29 03:00 UTC, Sun 2026-03-29 05:00 Europe/Berlin\n"
	                    "Mon 2026-03-30 03:00 UTC, Mon 2026-03-30 05:00 Europe/Berlin\n"
	                    "Tue 2026-03-31 03:00 UTC, Tue 2026-03-31 05:00 Europe/Berlin\n"
	                    "Wed 2026-04-01 03:00 UTC, Wed 2026-04-01 05:00 Europe/Berlin\n");
}

static void what_never_fires_has_no_times(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(times_of(&a, &berlin_clock, "0 0 30 2 *"), "");
	assert_string_equal(times_of(&a, &berlin_clock, "every day"), "");
	assert_string_equal(times_of(&a, &berlin_clock, ""), "");
}

static void without_a_zone_the_times_are_of_utc(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(times_of(&a, &(struct cron_clock){ .now = FRIDAY_NOON }, "0 0 29 2 *"),
	                    "Tue 2028-02-29 00:00 UTC\nSun 2032-02-29 00:00 UTC\nFri 2036-02-29 00:00 UTC\n"
	                    "Wed 2040-02-29 00:00 UTC\nMon 2044-02-29 00:00 UTC\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(five_times_are_shown_by_both_clocks),
		cmocka_unit_test(what_never_fires_has_no_times),
		cmocka_unit_test(without_a_zone_the_times_are_of_utc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
