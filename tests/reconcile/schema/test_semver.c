#include "tests/test.h"
#include "reconcile/schema/semver.h"

#include <string.h>

static void which_versions_fit_a_range(void **state)
{
	static const struct { const char *range, *fit, *not; } cases[] = {
		{ "1.2.3", "1.2.3 v1.2.3 1.2.3+build", "1.2.4 1.2.2 1.2.3-a" },
		{ "=v1.2.3", "1.2.3", "1.2.4" },
		{ "*", "0.0.0 1.2.3 99.0.0", "1.0.0-a" },
		{ "x", "3.0.0", "3.0.0-x" },
		{ "1", "1.0.0 1.99.99", "0.9.9 2.0.0 2.0.0-a" },
		{ "1.x", "1.0.0 1.9.0", "2.0.0 0.1.0" },
		{ "1.X.*", "1.5.0", "2.0.0" },
		{ "1.2", "1.2.0 1.2.9", "1.3.0 1.1.9" },
		{ "1.2.*", "1.2.0 1.2.9", "1.3.0" },
		{ "^1.2.3", "1.2.3 1.9.0", "1.2.2 2.0.0 2.0.0-a" },
		{ "^1.2", "1.2.0 1.9.0", "1.1.9 2.0.0" },
		{ "^1", "1.0.0 1.9.9", "0.9.9 2.0.0" },
		{ "^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2" },
		{ "^0.0.3", "0.0.3", "0.0.4 0.0.2" },
		{ "^0.0", "0.0.0 0.0.9", "0.1.0" },
		{ "^0", "0.0.1 0.9.0", "1.0.0" },
		{ "^0.0.0", "0.0.0", "0.0.1" },
		{ "^*", "7.0.0", "7.0.0-a" },
		{ "~1.4.2", "1.4.2 1.4.9", "1.5.0 1.4.1" },
		{ "~>1.4", "1.4.0 1.4.9", "1.5.0 1.3.9" },
		{ "~1", "1.0.0 1.9.9", "2.0.0" },
		{ ">1.2.3", "1.2.4 2.0.0", "1.2.3" },
		{ ">1.2", "1.3.0", "1.2.9 1.2.0" },
		{ ">1", "2.0.0", "1.9.9" },
		{ ">=1.2", "1.2.0 9.0.0", "1.1.9" },
		{ "<1.2", "1.1.9 0.0.1", "1.2.0 1.2.0-a" },
		{ "<=1.2", "1.2.9 1.0.0", "1.3.0" },
		{ "<=1.2.3", "1.2.3", "1.2.4 1.2.3-rc 1.0.0-rc" },
		{ "<1.2.3", "1.2.2", "1.2.3-rc 1.2.3" },
		{ "<2", "1.9.9", "2.0.0 2.0.0-a" },
		{ ">*", "", "0.0.0 1.0.0" },
		{ "<*", "", "0.0.0 1.0.0" },
		{ "<=* >=1", "1.0.0", "0.9.0" },
		{ ">=1.2 <2", "1.2.0 1.9.9", "1.1.9 2.0.0" },
		{ ">=1.0.0 <2.0.0", "1.0.0 1.9.9", "1.0.0-rc.1 1.5.0-rc.1 2.0.0-rc.1 2.0.0" },
		{ ">= 1.2\t< 2", "1.2.0", "2.0.0" },
		{ "1.2 - 1.4", "1.2.0 1.4.9", "1.5.0 1.1.9" },
		{ "1.2.3 - 1.4.5", "1.2.3 1.4.5", "1.4.6 1.2.2" },
		{ "1.2.3 - 2", "2.9.9", "3.0.0" },
		{ "1.x || >=3.1", "1.0.0 3.1.0 4.0.0", "2.0.0 3.0.0" },
		{ "1||3", "1.0.0 3.0.0", "2.0.0" },
		{ "1.0.0 ||", "5.0.0", "5.0.0-a" },	/* nothing means everything, as in npm */
		{ ">=1.2.3-beta.2", "1.2.3-beta.2 1.2.3-beta.11 1.2.3-gamma 1.2.3 1.3.0", "1.2.3-beta.1 1.3.0-beta.3" },
		{ "^1.2.3-1", "1.2.3-2 1.2.3-a 1.5.0", "1.2.3-0 2.0.0-0" },
		{ "1.2.3-a - 1.2.3-c", "1.2.3-b", "1.2.3-d 1.2.3" },
		{ "<1.0.0-b.2.0", "1.0.0-a 1.0.0-b 1.0.0-b.2 1.0.0-b.1.9 0.9.0", "1.0.0-b.2.0 1.0.0-b.10" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct semver_range *range;
		struct err err;
		if (!semver_read(&a, cases[i].range, &range, &err))
			fail_msg("%s: %s", cases[i].range, err.msg);
		for (char *rest = arena_strdup(&a, cases[i].fit), *name; (name = strsep(&rest, " ")); )
			if (*name && !semver_fits(range, name))
				fail_msg("%s does not fit \"%s\"", name, cases[i].range);
		for (char *rest = arena_strdup(&a, cases[i].not), *name; (name = strsep(&rest, " ")); )
			if (*name && semver_fits(range, name))
				fail_msg("%s fits \"%s\"", name, cases[i].range);
	}
}

static void what_is_no_version_fits_nothing(void **state)
{
	static const char *const names[] = {
		"", "v", "1", "1.2", "1.2.x", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3+",
		"release-1.2.3", "V1.2.3", "vv1.2.3", "1.2.3 ", " 1.2.3", "1.2.3-a_b", "1.2.1234567890123456", "-1.2.3", "*",
	};
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct semver_range *range;
	struct err err;

	assert_true(semver_read(&a, ">=0.0.0-0 || *", &range, &err));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (semver_fits(range, names[i]))
			fail_msg("\"%s\" fits", names[i]);
}

static void the_highest_is_chosen(void **state)
{
	static const struct { const char *range, *names, *best; } cases[] = {
		{ "*", "v1.9.0 v1.10.0 v1.2.0", "v1.10.0" },
		{ "1.x", "v2.0.0 v1.0.0 main 1.0.1 v1.0.0-rc.1", "1.0.1" },
		{ "*", "1.0.0 v1.0.0", "v1.0.0" },
		{ "*", "v1.0.0 1.0.0", "v1.0.0" },
		{ "*", "1.0.0+a 1.0.0+b", "1.0.0+b" },
		{ ">=1.0.0-a", "1.0.0-a.2 1.0.0-a.10 1.0.0-a", "1.0.0-a.10" },
		{ ">=1.0.0-a", "1.0.0-1 1.0.0-z 1.0.0", "1.0.0" },
		{ "2", "1.0.0 latest", NULL },
		{ "2", "", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct semver_range *range;
		const char *names[8];
		size_t count = 0;
		struct err err;
		assert_true(semver_read(&a, cases[i].range, &range, &err));
		for (char *rest = arena_strdup(&a, cases[i].names), *name; (name = strsep(&rest, " ")); )
			names[count++] = name;
		const char *best = semver_highest(range, names, count);
		if (cases[i].best ? !best || strcmp(best, cases[i].best) != 0 : best != NULL)
			fail_msg("\"%s\" of %s: %s", cases[i].range, cases[i].names, best ? best : "none");
	}
}

static void what_is_no_range_says_what_was_found(void **state)
{
	static const struct { const char *text, *msg; } cases[] = {
		{ "", "an empty range of versions; expected one such as 1.x, ^1.2 or \">=1.2 <2\"" },
		{ " \t", "an empty range of versions; expected one such as 1.x, ^1.2 or \">=1.2 <2\"" },
		{ "1.y", "\"1.y\" is not a range of versions, such as 1.x, ^1.2 or \">=1.2 <2\": expected a version, found "
		         "\"1.y\"" },
		{ "1.x.2", "\"1.x.2\" is not a range of versions, such as 1.x, ^1.2 or \">=1.2 <2\": expected a version, found "
		           "\"1.x.2\"" },
		{ ">=1 <", "\">=1 <\" is not a range of versions, such as 1.x, ^1.2 or \">=1.2 <2\": expected a version, found "
		           "nothing" },
		{ "1 -", "\"1 -\" is not a range of versions, such as 1.x, ^1.2 or \">=1.2 <2\": expected a version, found "
		         "\"-\"" },
		{ "1 - ", "\"1 - \" is not a range of versions, such as 1.x, ^1.2 or \">=1.2 <2\": expected a version, found "
		          "nothing" },
		{ "1 | 2", "\"1 | 2\" is not a range of versions, such as 1.x, ^1.2 or \">=1.2 <2\": expected a version, found "
		           "nothing" },
		{ "^main", "\"^main\" is not a range of versions, such as 1.x, ^1.2 or \">=1.2 <2\": expected a version, found "
		           "\"main\"" },
		{ "1.2-beta", "\"1.2-beta\" is not a range of versions, such as 1.x, ^1.2 or \">=1.2 <2\": expected a version, "
		              "found \"1.2-beta\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct semver_range *range;
		struct err err;
		assert_false(semver_read(&a, cases[i].text, &range, &err));
		assert_string_equal(err.msg, cases[i].msg);
		assert_int_equal(err.kind, ERR_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_versions_fit_a_range),
		cmocka_unit_test(what_is_no_version_fits_nothing),
		cmocka_unit_test(the_highest_is_chosen),
		cmocka_unit_test(what_is_no_range_says_what_was_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
