#include "tests/test.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "agent/util/table.h"

static const struct table_column columns[] = {
	{ "ID" }, { "NAME", TABLE_CUT }, { "OWNER", TABLE_OPTIONAL }, { "AT", TABLE_TIME }, { "TAGS", TABLE_OPTIONAL },
};

static const char *print(struct arena *a, const struct table *t, size_t width)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	table_print(t, width, out);
	fclose(out);
	const char *copy = arena_strndup(a, text, len);
	free(text);
	return copy;
}

static void fill(struct table *t, struct arena *a)
{
	table_init(t, a, ARRAY_LEN(columns), columns);
	const char **row = table_row(t);
	row[0] = "1";
	row[1] = "night";
	row[2] = "team";
	row[3] = "2026-11-23T02:00:00.000Z";
	row[4] = "";
	row = table_row(t);
	row[0] = "23";
	row[1] = "\u65e5\u672c\u8a9e";	/* three characters, six columns */
	row[3] = "2026-11-23T02:00:01.250Z";
	row[4] = "red, blue";
	row = table_row(t);
	row[1] = "a\nb";
	row[3] = row[4] = "";
}

static void without_a_width_everything_is_shown(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct table t;

	fill(&t, &a);
	assert_string_equal(print(&a, &t, 0),
	                    "ID  NAME    OWNER  AT                        TAGS\n"
	                    "1   night   team   2026-11-23T02:00:00.000Z\n"
	                    "23  \u65e5\u672c\u8a9e  -      2026-11-23T02:00:01.250Z  red, blue\n"
	                    "-   a\\nb    -\n");
}

static void on_a_wide_terminal_times_are_short(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct table t;

	fill(&t, &a);
	assert_string_equal(print(&a, &t, 80),
	                    "ID  NAME    OWNER  AT                    TAGS\n"
	                    "1   night   team   2026-11-23T02:00:00Z\n"
	                    "23  \u65e5\u672c\u8a9e  -      2026-11-23T02:00:01Z  red, blue\n"
	                    "-   a\\nb    -\n");
}

static void what_does_not_fit_is_left_out_from_the_right(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct table t;

	fill(&t, &a);
	assert_string_equal(print(&a, &t, 40),
	                    "ID  NAME    OWNER  AT\n"
	                    "1   night   team   2026-11-23T02:00:00Z\n"
	                    "23  \u65e5\u672c\u8a9e  -      2026-11-23T02:00:01Z\n"
	                    "-   a\\nb    -\n");
	assert_string_equal(print(&a, &t, 34),
	                    "ID  NAME    AT\n"
	                    "1   night   2026-11-23T02:00:00Z\n"
	                    "23  \u65e5\u672c\u8a9e  2026-11-23T02:00:01Z\n"
	                    "-   a\\nb\n");
}

/* How the cut is shared is the library's affair; what counts is that each line fits, and that a character of
 * two columns is not halved. */
static void then_cells_are_cut(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct table t;
	wchar_t wide[200];

	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	fill(&t, &a);
	for (size_t width = 30; width < 32; width++) {
		char *rest = arena_strdup(&a, print(&a, &t, width));
		assert_null(strstr(rest, "\u8a9e"));
		assert_non_null(strstr(rest, "\n23  \u65e5"));
		assert_non_null(strstr(rest, "2026-11-23T02:00:01Z\n"));
		for (char *line; (line = strsep(&rest, "\n")); ) {
			size_t count = mbstowcs(wide, line, ARRAY_LEN(wide));
			assert_true(count != (size_t)-1);
			assert_true(wcswidth(wide, count) <= (int)width);
		}
	}
	setlocale(LC_CTYPE, "C");
}

static void a_heading_stands_alone_too(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct table t;

	table_init(&t, &a, ARRAY_LEN(columns), columns);
	assert_string_equal(print(&a, &t, 0), "ID  NAME  OWNER  AT  TAGS\n");
	assert_string_equal(print(&a, &t, 80), "ID  NAME  OWNER  AT  TAGS\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_width_everything_is_shown),
		cmocka_unit_test(on_a_wide_terminal_times_are_short),
		cmocka_unit_test(what_does_not_fit_is_left_out_from_the_right),
		cmocka_unit_test(then_cells_are_cut),
		cmocka_unit_test(a_heading_stands_alone_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
