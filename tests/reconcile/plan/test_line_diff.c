#include "tests/test.h"
#include "reconcile/plan/line_diff.h"

#include "reconcile/base/buf.h"

/* The comparison of two texts: a sign and a line each. */
static const char *compared(struct arena *a, const char *old, const char *new)
{
	static const char signs[] = { [LINE_STAYS] = ' ', [LINE_GOES] = '-', [LINE_COMES] = '+' };
	CLEANUP(buf_done) struct buf out = BUF_TEXT;
	const struct line_diff diff = line_diff(a, old, new);

	for (size_t i = 0; i < diff.count; i++) {
		const struct line_change *c = &diff.items[i];
		if (c->sign == LINE_SKIPPED)
			buf_addf(&out, "@%zu\n", c->skipped);
		else
			buf_addf(&out, "%c%s%s\n", signs[c->sign], c->line->text, c->line->open ? "$" : "");
	}
	return arena_strdup(a, buf_str(&out));
}

static void lines_go_come_and_stay(void **state)
{
	static const struct { const char *old, *new, *expected; } cases[] = {
		{ "a\nb\nc\n", "a\nx\nc\n", " a\n-b\n+x\n c\n" },
		{ "a\nb\n", "a\nb\nc\n", " a\n b\n+c\n" },
		{ "a\nb\n", "b\n", "-a\n b\n" },
		{ "", "a\nb\n", "+a\n+b\n" },
		{ "a\n", "", "-a\n" },
		{ "a\nb\n", "c\nd\n", "-a\n-b\n+c\n+d\n" },
		{ "a\nb", "a\nb\n", " a\n-b$\n+b\n" },
		{ "a\nb\nc\nd\n", "a\nc\nd\nb\n", " a\n-b\n c\n d\n+b\n" },
		{ "a\n\n\nb\n", "a\n\nb\n", " a\n \n-\n b\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		assert_string_equal(compared(&a, cases[i].old, cases[i].new), cases[i].expected);
	}
}

static void two_lines_around_a_change_are_shown(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_string_equal(compared(&a, "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n"),
	                    "@2\n 3\n 4\n-5\n+x\n 6\n 7\n@2\n");
	assert_string_equal(compared(&a, "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "x\n2\n3\n4\n5\n6\n7\n8\ny\n"),
	                    "-1\n+x\n 2\n 3\n@3\n 7\n 8\n-9\n+y\n");
}

static const char *many_lines(struct arena *a, size_t count, const char *each)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	for (size_t i = 0; i < count; i++)
		buf_addf(&out, "%s %zu\n", each, i);
	return arena_strdup(a, buf_str(&out));
}

/* Each text has a million bytes at most, of which each may be a line. */
static void texts_with_too_many_lines_are_one_change(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct line_diff diff = line_diff(&a, many_lines(&a, 100000, "old"), many_lines(&a, 100000, "new"));

	assert_int_equal(diff.count, 200000);
	assert_int_equal(diff.items[0].sign, LINE_GOES);
	assert_int_equal(diff.items[199999].sign, LINE_COMES);
}

static void a_line_knows_the_one_that_it_replaces(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct line_diff diff = line_diff(&a, "a\nb\nc\n", "a\nx\n");

	assert_int_equal(diff.count, 4);
	assert_string_equal(diff.items[1].other->text, "x");
	assert_null(diff.items[2].other);
	assert_string_equal(diff.items[3].other->text, "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_go_come_and_stay),
		cmocka_unit_test(two_lines_around_a_change_are_shown),
		cmocka_unit_test(texts_with_too_many_lines_are_one_change),
		cmocka_unit_test(a_line_knows_the_one_that_it_replaces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
