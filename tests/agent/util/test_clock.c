#include "tests/test.h"

#include <time.h>

#include "agent/util/clock.h"

static void a_time_is_read_with_milliseconds_or_without(void **state)
{
	static const struct { const char *text; int64_t ms; } cases[] = {
		{ "1970-01-01T00:00:00.000Z", 0 },
		{ "1970-01-01T00:00:01Z", 1000 },
		{ "2023-11-14T22:13:20.5Z", 1700000000500 },
		{ "2023-11-14T22:13:20.123456Z", 1700000000123 },
		{ "2020-02-29T23:59:59.999Z", 1583020799999 },
		/* Python's isoformat() */
		{ "2023-11-14T22:13:20", 1700000000000 }, { "2023-11-14T22:13:20.123456", 1700000000123 },
		{ "2023-11-14T22:13:20+00:00", 1700000000000 }, { "2023-11-15T03:43:20.500000+05:30", 1700000000500 },
		{ "2023-11-14T17:13:20-05:00", 1700000000000 }, { "2023-11-14T22:13:35+00:00:15", 1700000000000 },
		{ "2023-11-14T22:13:35.000000+00:00:15.000001", 1700000000000 }, { "2023-11-14 22:13:20", 1700000000000 },
		{ "2023-11-14T22:13", 1699999980000 }, { "2023-11-14T22", 1699999200000 },
		/* `date` with -I, --iso-8601=ns, --rfc-3339=seconds, and +%FT%T%z */
		{ "2023-11-14", 1699920000000 }, { "2023-11-14T23+01:00", 1699999200000 },
		{ "2023-11-14T22:13+00:00", 1699999980000 }, { "2023-11-14T22:13:20,123456789+00:00", 1700000000123 },
		{ "2023-11-14 22:13:20+00:00", 1700000000000 }, { "2023-11-14 22:13:20.123456789+00:00", 1700000000123 },
		{ "2023-11-14T23:13:20+0100", 1700000000000 }, { "2023-11-14T23:13:20+01", 1700000000000 },
		{ "2023-11-14 23:13:20 +0100", 1700000000000 }, { "2023-11-14t22:13:20z", 1700000000000 },
		{ "2023-11-14T23:13:20 01:00", 1700000000000 },	/* a plus that became a blank on the way */
		{ "2000-02-29", 951782400000 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ms = -1;
		assert_true(timestamp_parse(cases[i].text, &ms));
		assert_int_equal(ms, cases[i].ms);
	}
}

static void what_is_no_time_is_not_read(void **state)
{
	static const char *const cases[] = {
		NULL, "", "x", "2023", "2023-11", "2023-11-14T", "2023-11-14x", "2023-11-14T2", "2023-11-14T22:", "2023-11-14T22:13:",
		"2023-13-14T22:13:20Z", "2023-00-14", "2023-11-31", "2023-02-29", "1900-02-29", "2023-11-14T24:00:00Z",
		"2023-11-14T22:60:00Z", "2023-11-14T22:13:61Z", "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20.1x",
		"2023-11-14T22:13:20.000Z ", "2023-11-14T22:13:20+", "2023-11-14T22:13:20+1", "2023-11-14T22:13:20+01:",
		"2023-11-14T22:13:20+01:0", "2023-11-14T22:13:20+24:00", "2023-11-14T22:13:20+01:00x", "2023-11-14T22:13:20 ",
		"2023-11-14T22:13:20 UTC", "Tue Nov 14 22:13:20 UTC 2023", "1700000000", "20231114T221320Z",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ms = -1;
		assert_false(timestamp_parse(cases[i], &ms));
		assert_int_equal(ms, -1);
	}
}

static void what_is_written_reads_back(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	for (int64_t ms = 0; ms < 4000000000000; ms += 39999999987) {
		int64_t back;
		assert_true(timestamp_parse(timestamp_text(&a, ms), &back));
		assert_int_equal(back, ms);
	}
}

static void durations_are_for_people(void **state)
{
	static const struct { int64_t ms; const char *text; } cases[] = {
		{ -5, "0.0s" }, { 0, "0.0s" }, { 440, "0.4s" }, { 9949, "9.9s" }, { 10000, "10s" }, { 59999, "59s" },
		{ 60000, "1m0s" }, { 192000, "3m12s" }, { 3605000, "1h0m5s" }, { 360000000, "100h0m0s" },
	};
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(duration_text(&a, cases[i].ms), cases[i].text);
}

static int64_t read_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void clocks_are_read_in_their_units(void **state)
{
	static const struct { int64_t (*read)(void); clockid_t clock; int unit_us; } cases[] = {
		{ clock_now, CLOCK_REALTIME, 1000 }, { clock_boottime, CLOCK_BOOTTIME, 1000 },
		{ clock_monotonic, CLOCK_MONOTONIC, 1000 }, { clock_monotonic_us, CLOCK_MONOTONIC, 1 },
		{ clock_cpu, CLOCK_PROCESS_CPUTIME_ID, 1000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t before = read_us(cases[i].clock) / cases[i].unit_us, read = cases[i].read();
		assert_in_range(read, before, read_us(cases[i].clock) / cases[i].unit_us);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_read_with_milliseconds_or_without),
		cmocka_unit_test(what_is_no_time_is_not_read),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(durations_are_for_people),
		cmocka_unit_test(clocks_are_read_in_their_units),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
