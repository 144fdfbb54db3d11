#include "tests/test.h"
#include "reconcile/record.h"

static void a_record_is_found_by_its_name(void **state)
{
	struct record items[] = {
		{ "", 1 }, { "a", 2 }, { "a b", 3 }, { "b", 4 }, { "ba", 5 }, { "é", 6 },
	};
	for (size_t count = 0; count <= ARRAY_LEN(items); count++) {
		const struct records records = { .items = items, .count = count };
		for (size_t i = 0; i < ARRAY_LEN(items); i++)
			assert_ptr_equal(records_find(&records, items[i].name), i < count ? &items[i] : NULL);
		assert_null(records_find(&records, "aa"));
		assert_null(records_find(&records, "z"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_found_by_its_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
