#include "tests/test.h"
#include "reconcile/base/diagnostics.h"

#include <string.h>

static void they_are_kept_in_the_order_found(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics f = { .arena = &a };

	assert_false(diagnostics_add(&f, (struct pos){ "b", 2, 1 }, "%s", "one"));
	diagnostics_warn(&f, (struct pos){ "a", 1, 1 }, "two");
	assert_int_equal(f.count, 2);
	assert_int_equal(f.errors, 1);
	assert_string_equal(f.items[0].message, "one");
	assert_true(f.items[1].warning);
}

static void sorting_goes_by_file_line_and_column(void **state)
{
	static const struct pos found[] = {
		{ "b", 1, 1 }, { "a", 10, 1 }, { "a", 2, 7 }, { "a", 2, 3 }, { NULL, 0, 0 }, { "a", 2, 7 },
		{ "a", 0, 0 },
	};
	static const char order[] = "4632510";
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics f = { .arena = &a };

	for (size_t i = 0; i < ARRAY_LEN(found); i++)
		diagnostics_add(&f, found[i], "%zu", i);
	diagnostics_sort(&f);
	for (size_t i = 0; i < f.count; i++)
		assert_int_equal(f.items[i].message[0], order[i]);
}

static void there_is_a_limit(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics f = { .arena = &a };

	for (int i = 0; i < DIAGNOSTICS_MAX + 5; i++)
		diagnostics_add(&f, (struct pos){ "a", i, 1 }, "x");
	assert_int_equal(f.count, DIAGNOSTICS_MAX);
	assert_int_equal(f.left_out, 5);
	assert_int_equal(f.errors, DIAGNOSTICS_MAX + 5);
}

static void warnings_never_crowd_out_an_error(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics f = { .arena = &a };

	for (int i = 0; i < 2 * DIAGNOSTICS_MAX; i++)
		diagnostics_warn(&f, (struct pos){ "a", i, 1 }, "w");
	diagnostics_add(&f, (struct pos){ "a", 1, 1 }, "the error");
	assert_int_equal(f.errors, 1);
	assert_string_equal(f.items[f.count - 1].message, "the error");
}

static void a_long_message_is_cut(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics f = { .arena = &a };
	char text[3000];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	diagnostics_add(&f, (struct pos){ 0 }, "%s", text);
	assert_int_equal(strlen(f.items[0].message), sizeof ((struct err *)0)->msg - 1);
}

static void what_was_found_alone_is_added_with_its_counts(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 }, scratch = { 0 };
	struct diagnostics f = { .arena = &a }, found = { .arena = &scratch };

	diagnostics_warn(&f, (struct pos){ "a", 1, 1 }, "first");
	diagnostics_warn(&found, (struct pos){ "b", 1, 1 }, "100 %%s");
	for (size_t i = 0; i < DIAGNOSTICS_MAX; i++)
		diagnostics_add(&found, (struct pos){ "b", 2, 3 }, "%zu", i);
	assert_int_equal(found.left_out, 1);
	diagnostics_append(&f, &found);
	arena_free(&scratch);
	assert_int_equal(f.count, DIAGNOSTICS_MAX);
	assert_int_equal(f.errors, DIAGNOSTICS_MAX);
	assert_int_equal(f.left_out, 2);
	assert_string_equal(f.items[1].message, "100 %s");
	assert_true(f.items[1].warning);
	assert_string_equal(f.items[2].message, "0");
	assert_false(f.items[2].warning);
	assert_int_equal(f.items[2].at.col, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_kept_in_the_order_found),
		cmocka_unit_test(sorting_goes_by_file_line_and_column),
		cmocka_unit_test(there_is_a_limit),
		cmocka_unit_test(warnings_never_crowd_out_an_error),
		cmocka_unit_test(a_long_message_is_cut),
		cmocka_unit_test(what_was_found_alone_is_added_with_its_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
