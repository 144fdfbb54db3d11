#include "tests/test.h"
#include "agent/cmd/import_names.h"

#include <string.h>

static const char *names_of(struct arena *a, const char *const *of, size_t count)
{
	struct listed items[8] = { 0 };
	const char *names[8], *text = "";

	for (size_t i = 0; i < count; i++)
		items[i] = (struct listed){ .id = (int64_t)i + 1, .name = of[i] };
	import_names(a, items, count, names);
	for (size_t i = 0; i < count; i++)
		text = arena_printf(a, "%s%s%s", text, i ? " " : "", names[i]);
	return text;
}

static void a_file_is_called_as_the_workflow_where_any_file_system_takes_that(void **state)
{
	static const struct { const char *name, *file; } cases[] = {
		{ "nightly_v1.2-a", "nightly_v1.2-a.yaml" },
		{ "../x", "x.yaml" },
		{ "/etc/passwd", "etc-passwd.yaml" },
		{ ".hidden", "hidden.yaml" },
		{ "-rf", "rf.yaml" },
		{ "a/b", "a-b.yaml" },
		{ "a  \xc3\xbc/ b ", "a-b.yaml" },
		{ "\xc3\xbc", "workflow.yaml" },
		{ "..", "workflow.yaml" },
		{ "", "workflow.yaml" },
		{ "x.yaml", "x.yaml.yaml" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		assert_string_equal(names_of(&a, &cases[i].name, 1), cases[i].file);
	}
}

static void a_long_name_is_cut(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char name[301] = { 0 };
	const char *of = name;

	memset(name, 'n', 300);
	assert_int_equal(strlen(names_of(&a, &of, 1)), 100 + strlen(".yaml"));
}

static void those_that_would_be_one_file_get_their_ids(void **state)
{
	static const struct { const char *of[5], *files; } cases[] = {
		{ { "a/b", "c", "a b" }, "a-b-1.yaml c.yaml a-b-3.yaml" },
		{ { "Same", "same" }, "Same-1.yaml same-2.yaml" },
		/* The third is called what the first becomes. */
		{ { "a/b", "a-b", "a-b-1" }, "a-b-1.yaml a-b-2.yaml a-b-1-3.yaml" },
		{ { "\xc3\xbc", "\xc3\xa4" }, "workflow-1.yaml workflow-2.yaml" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		size_t count = 0;
		while (cases[i].of[count])
			count++;
		assert_string_equal(names_of(&a, cases[i].of, count), cases[i].files);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_called_as_the_workflow_where_any_file_system_takes_that),
		cmocka_unit_test(a_long_name_is_cut),
		cmocka_unit_test(those_that_would_be_one_file_get_their_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
