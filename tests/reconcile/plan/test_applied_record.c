#include "tests/test.h"
#include "reconcile/plan/applied_record.h"

#include "tests/tree.h"

static void a_record_is_found_by_its_name(void **state)
{
	struct applied_record items[] = {
		{ "", 1 }, { "a", 2 }, { "a b", 3 }, { "b", 4 }, { "ba", 5 }, { "é", 6 },
	};
	for (size_t count = 0; count <= ARRAY_LEN(items); count++) {
		const struct applied_records records = { .items = items, .count = count };
		for (size_t i = 0; i < ARRAY_LEN(items); i++)
			assert_ptr_equal(applied_records_find(&records, items[i].name), i < count ? &items[i] : NULL);
		assert_null(applied_records_find(&records, "aa"));
		assert_null(applied_records_find(&records, "z"));
	}
}

static void what_is_retained_stands_where_it_stood(void **state)
{
	static const struct { const char *body, *path, *retained; } cases[] = {
		{ "{}", "/a", "{\"a\":1}" },
		{ "{\"b\":{\"z\":0}}", "/b/c~1d", "{\"b\":{\"z\":0,\"c/d\":{\"e\":2,\"f\":3}}}" },
		{ "{}", "/b/c~1d/f", "{\"b\":{\"c/d\":{\"f\":3}}}" },
		/* nothing of the body is lost */
		{ "{\"a\":9}", "/a", "{\"a\":9}" },
		{ "{\"b\":9}", "/b/c~1d", "{\"b\":9}" },
		{ "{}", "/none", "{}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *body = tree_json(&a, cases[i].body);

		applied_record_retain(&a, body,
		              tree_json(&a, "{\"a\":1,\"b\":{\"c/d\":{\"e\":2,\"f\":3}}}"),
		              cases[i].path);
		assert_string_equal(tree_text(&a, body), cases[i].retained);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_found_by_its_name),
		cmocka_unit_test(what_is_retained_stands_where_it_stood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
