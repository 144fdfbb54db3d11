#include "tests/test.h"
#include "reconcile/base/arena.h"

#include <string.h>

static void memory_comes_zeroed_and_aligned(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	for (int i = 0; i < 1000; i++) {
		char *odd = arena_new(&a, char, 1 + i % 7);
		double *reals = arena_new(&a, double, 3);
		assert_int_equal((uintptr_t)reals % alignof(double), 0);
		assert_true(odd[0] == 0 && reals[0] == 0 && reals[2] == 0);
		memset(odd, 0xff, 1 + i % 7);
		memset(reals, 0xff, 3 * sizeof *reals);
	}
}

static void more_than_a_page_can_be_had(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char *small = arena_strdup(&a, "small");
	char *large = arena_new(&a, char, 1 << 20);

	memset(large, 'x', 1 << 20);
	assert_string_equal(small, "small");
	assert_string_equal(arena_strdup(&a, "after"), "after");
}

static void nothing_at_all_is_not_null(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	assert_non_null(arena_new(&a, int, 0));
}

static void what_is_joined_lives_as_long_as_the_other(void **state)
{
	for (int filled = 0; filled < 4; filled++) {
		CLEANUP(arena_free) struct arena a = { 0 }, b = { 0 };
		const char *x = filled & 1 ? arena_strdup(&a, "x") : "", *y = filled & 2 ? arena_strdup(&b, "y") : "";
		memset(arena_new(&b, char, filled << 16), 'b', filled << 16);
		arena_join(&a, &b);
		arena_free(&b);
		assert_string_equal(arena_printf(&a, "%s%s", x, y), ((const char *[]){ "", "x", "y", "xy" })[filled]);
		assert_string_equal(arena_strdup(&b, "again"), "again");
	}
}

static void texts_are_copied(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char text[] = "abc";
	char *copy = arena_strdup(&a, text), *part = arena_strndup(&a, text, 2);

	text[0] = 'x';
	assert_string_equal(copy, "abc");
	assert_string_equal(part, "ab");
	assert_string_equal(arena_printf(&a, "%s-%d", copy, 7), "abc-7");
}

static void a_growing_array_keeps_what_it_has(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	int *items = NULL, *before = NULL;
	size_t count = 0, room = 0;

	for (int i = 0; i < 100; i++) {
		arena_grow(&a, items, count, room);
		items[count++] = i;
		if (i == 7)
			before = items;
	}
	assert_true(room >= count);
	for (int i = 0; i < 100; i++)
		assert_int_equal(items[i], i);
	assert_ptr_not_equal(before, items);
	assert_int_equal(before[7], 7);	/* the old one stays valid */
}

static void it_can_be_used_again_after_it_was_freed(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	arena_strdup(&a, "abc");
	arena_free(&a);
	assert_null(a.pages);
	assert_string_equal(arena_strdup(&a, "def"), "def");
}

static void a_reset_leaves_zeros_to_be_used_again(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };

	for (size_t pass = 0; pass < 3; pass++) {
		size_t kept = a.kept_count;
		for (size_t size = 1; size < 200 * 1024; size = size * 3 + pass) {
			char *bytes = arena_new(&a, char, size);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(bytes[i], 0);
			memset(bytes, 'x', size);
		}
		assert_true(a.kept_count <= kept);
		arena_reset(&a);
		assert_null(a.pages);
	}
}

/* With sanitizers nothing is kept, so that a use after a reset is found. */
static void a_reset_keeps_pages_but_not_many(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char *first = arena_new(&a, char, 1);
	size_t kept = 0;

	arena_reset(&a);
	if (a.kept_count)
		assert_ptr_equal(arena_new(&a, char, 1), first);
	for (size_t i = 0; i < 1000; i++)
		arena_new(&a, char, 10000);
	arena_new(&a, char, 1 << 20);
	arena_reset(&a);
	for (kept = 0; a.kept; kept++)
		arena_new(&a, char, 4096 - 1);
	assert_true(kept <= 16 * 16);
	assert_int_equal(a.kept_count, 0);
}

static void reserved_memory_is_one_piece(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char *last = arena_new(&a, char, 1);

	arena_reserve(&a, 1 << 20);
	const struct arena_page *page = a.pages;
	for (size_t i = 0; i < 1 << 10; i++) {
		char *next = arena_new(&a, char, 1 << 10);
		assert_true(!i || next == last + (1 << 10));
		last = next;
	}
	assert_ptr_equal(a.pages, page);
	arena_reserve(&a, 0);
	assert_ptr_equal(a.pages, page);
}

static void what_is_joined_ends_with_a_reset(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 }, b = { 0 };

	memset(arena_new(&a, char, 100), 'a', 100);
	memset(arena_new(&b, char, 100), 'b', 100);
	arena_join(&a, &b);
	memset(arena_new(&a, char, 100), 'a', 100);
	arena_reset(&a);
	for (size_t i = 0; i < 100; i++)
		assert_string_equal(arena_new(&a, char, 100), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_comes_zeroed_and_aligned),
		cmocka_unit_test(more_than_a_page_can_be_had),
		cmocka_unit_test(nothing_at_all_is_not_null),
		cmocka_unit_test(what_is_joined_lives_as_long_as_the_other),
		cmocka_unit_test(texts_are_copied),
		cmocka_unit_test(a_growing_array_keeps_what_it_has),
		cmocka_unit_test(it_can_be_used_again_after_it_was_freed),
		cmocka_unit_test(a_reset_leaves_zeros_to_be_used_again),
		cmocka_unit_test(a_reset_keeps_pages_but_not_many),
		cmocka_unit_test(reserved_memory_is_one_piece),
		cmocka_unit_test(what_is_joined_ends_with_a_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
