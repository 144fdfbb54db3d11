#include "tests/test.h"
#include "agent/util/diagnostics_text.h"
#include "agent/config/template_vars.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *write_file(struct arena *a, const char *text)
{
	char *path = arena_strdup(a, "/tmp/flowsync-vars-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

/* What name stands for, the last one holding; NULL if for nothing. */
static const char *meaning(const struct vars *vars, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < vars->count; i++)
		if (strcmp(vars->items[i].name, name) == 0)
			value = vars->items[i].value;
	return value;
}

static void set_beats_the_file_and_that_the_sync(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics f = { .arena = &a };
	struct var sync[] = { { .name = "a", .value = "sync" }, { .name = "b", .value = "sync" }, { .name = "c", .value = "sync" } };
	const char *set[] = { "a=set", "d=x=y=", "e=" };
	char *env[] = { (char *)"HOME=/h=i", (char *)"EMPTY=", NULL };
	struct settings s = { .vars = { sync, 3, 3 }, .set = { set, 3, 3 } };
	struct vars vars;

	s.vars_file = write_file(&a, "a: file\nb: file\ng: 12\nh: 1.50\ni: true\nj: null\nk: 2024-01-31\n");
	assert_true(template_vars_build(&a, &s, env, &vars, &f));
	unlink(s.vars_file);
	assert_string_equal(meaning(&vars, "a"), "set");
	assert_string_equal(meaning(&vars, "b"), "file");
	assert_string_equal(meaning(&vars, "c"), "sync");
	assert_string_equal(meaning(&vars, "d"), "x=y=");
	assert_string_equal(meaning(&vars, "e"), "");
	assert_string_equal(meaning(&vars, "g"), "12");
	assert_string_equal(meaning(&vars, "h"), "1.50");
	assert_string_equal(meaning(&vars, "i"), "True");
	assert_null(meaning(&vars, "j"));
	assert_string_equal(meaning(&vars, "k"), "2024-01-31");
	assert_int_equal(vars.env_count, 2);
	assert_string_equal(vars.env[0].name, "HOME");
	assert_string_equal(vars.env[0].value, "/h=i");
	assert_string_equal(vars.env[1].value, "");
}

static void a_wrong_file_is_refused_with_its_place(void **state)
{
	static const struct { const char *text, *fault; } cases[] = {
		{ "- a\n", ":1:1: --vars: expected a mapping of names to texts, found a list" },
		{ "a: b\n---\nc: d\n", ":3:1: --vars: expected one document, found 2" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct diagnostics f = { .arena = &a };
		struct settings s = { .vars_file = write_file(&a, cases[i].text) };
		char *env[] = { NULL };
		struct vars vars;
		assert_false(template_vars_build(&a, &s, env, &vars, &f));
		unlink(s.vars_file);
		assert_int_equal(f.count, 1);
		assert_string_equal(diagnostics_text_line(&a, &f.items[0]),
		                    arena_printf(&a, "%s%s", s.vars_file, cases[i].fault));
	}
}

static void what_cannot_be_filled_in_matters_only_where_it_is_used(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics f = { .arena = &a };
	const char *set[] = { "c=set" };
	struct settings s = { .set = { set, 1, 1 } };
	char *env[] = { NULL };
	struct vars vars;

	s.vars_file = write_file(&a, "a: [x]\nb: {c: d}\nc: ~\nd: ~\ne: 123456789012345678901234567890\nf: 1.0e+999\n");
	assert_true(template_vars_build(&a, &s, env, &vars, &f));
	unlink(s.vars_file);
	assert_int_equal(f.count, 0);
	assert_string_equal(vars.items[0].instead, "a list");
	assert_string_equal(vars.items[1].instead, "a mapping");
	assert_string_equal(meaning(&vars, "c"), "set");
	assert_string_equal(vars.items[3].instead, "null");
	assert_string_equal(meaning(&vars, "e"), "123456789012345678901234567890");
	assert_string_equal(meaning(&vars, "f"), "1.0e+999");
}

static void an_empty_file_has_no_variables(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics f = { .arena = &a };
	struct settings s = { .vars_file = write_file(&a, "# none\n") };
	char *env[] = { NULL };
	struct vars vars;

	assert_true(template_vars_build(&a, &s, env, &vars, &f));
	unlink(s.vars_file);
	assert_int_equal(vars.count, 0);
}

static void each_value_knows_where_it_was_given(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics f = { .arena = &a };
	const char *set[] = { "c=set" };
	struct settings s = { .set = { set, 1, 1 } };
	char entry[] = "E=x", *env[] = { entry, NULL };
	struct vars vars;

	for (const struct option *o = option_table; o->name || o->key; o++)
		if (o->name && strcmp(o->name, "set") == 0)
			s.origins[o - option_table] = (struct origin){ ORIGIN_OPTION, "--set", { 0 } };
	s.vars_file = write_file(&a, "# x\na: 1\n");
	assert_true(template_vars_build(&a, &s, env, &vars, &f));
	unlink(s.vars_file);
	assert_string_equal(vars.items[0].origin, "--vars");
	assert_string_equal(vars.items[0].at.file, s.vars_file);
	assert_int_equal(vars.items[0].at.line, 2);
	assert_string_equal(vars.items[1].origin, "--set");
	assert_null(vars.items[1].at.file);
	assert_null(vars.env[0].origin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_beats_the_file_and_that_the_sync),
		cmocka_unit_test(a_wrong_file_is_refused_with_its_place),
		cmocka_unit_test(what_cannot_be_filled_in_matters_only_where_it_is_used),
		cmocka_unit_test(an_empty_file_has_no_variables),
		cmocka_unit_test(each_value_knows_where_it_was_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
