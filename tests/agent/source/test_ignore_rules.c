#include "tests/test.h"
#include "agent/source/ignore_rules.h"

#include <string.h>

/* One rule file at the source's top.  Checked against git check-ignore of git 2.39 with the same files. */
static const struct {
	const char *rules, *path;
	bool folder, ignored;
} cases[] = {
	/* a name alone holds at any depth */
	{ "a.yaml", "a.yaml", false, true },
	{ "a.yaml", "x/y/a.yaml", false, true },
	{ "a.yaml", "ba.yaml", false, false },
	{ "*.yml", "x/b.yml", false, true },
	{ "*", "x/b.yml", false, true },
	{ "a?.yaml", "ab.yaml", false, true },
	{ "a?.yaml", "a.yaml", false, false },
	{ "A.yaml", "a.yaml", false, false },
	/* a slash in it binds it to its folder */
	{ "/a.yaml", "a.yaml", false, true },
	{ "/a.yaml", "x/a.yaml", false, false },
	{ "x/a.yaml", "x/a.yaml", false, true },
	{ "x/a.yaml", "y/x/a.yaml", false, false },
	{ "x/*.yaml", "x/a.yaml", false, true },
	{ "x/*.yaml", "x/y/a.yaml", false, false },
	{ "x?a.yaml", "x/a.yaml", false, false },
	{ "x[/]a.yaml", "x/a.yaml", false, false },
	{ "x[^b]a.yaml", "x/a.yaml", false, false },
	/* a slash at its end: folders only */
	{ "x/", "x", true, true },
	{ "x/", "x", false, false },
	{ "x/", "y/x", true, true },
	{ "/x/", "y/x", true, false },
	{ "y/x/", "y/x", true, true },
	{ "x", "x", true, true },
	/* two stars */
	{ "**/x", "x", false, true },
	{ "**/x", "a/b/x", false, true },
	{ "**/x", "a/bx", false, false },
	{ "**/x/y", "a/x/y", false, true },
	{ "**/x/y", "a/x/b/y", false, false },
	{ "x/**", "x", true, false },
	{ "x/**", "x/a/b", false, true },
	{ "x/**", "a/x/b", false, false },
	{ "a/**/b", "a/b", false, true },
	{ "a/**/b", "a/x/y/b", false, true },
	{ "a/**/b", "a/xb", false, false },
	{ "a/**/b", "ab", false, false },
	{ "a**b", "axxb", false, true },
	{ "a**b", "a/b", false, false },
	{ "x/a**b", "x/a/b", false, false },
	{ "x/a**b", "x/acb", false, true },
	{ "/**", "a/b", false, true },
	{ "**", "a/b", false, true },
	{ "***/x", "a/b/x", false, true },
	{ "a/**/**/b", "a/b", false, true },
	{ "a/**/*.yaml", "a/b/c.yaml", false, true },
	{ "a/**/", "a/b", true, true },
	{ "a/**/", "a/b", false, false },
	/* sets */
	{ "[abc].yaml", "b.yaml", false, true },
	{ "[a-c].yaml", "b.yaml", false, true },
	{ "[a-c].yaml", "d.yaml", false, false },
	{ "[!a-c].yaml", "d.yaml", false, true },
	{ "[^a-c].yaml", "b.yaml", false, false },
	{ "[]a].yaml", "].yaml", false, true },
	{ "[!]a].yaml", "].yaml", false, false },
	{ "[a-].yaml", "-.yaml", false, true },
	{ "[\\]].yaml", "].yaml", false, true },
	{ "[\\a-\\c].yaml", "b.yaml", false, true },
	{ "[[:digit:]].yaml", "7.yaml", false, true },
	{ "[[:digit:]].yaml", "d.yaml", false, false },
	{ "[[:digit:]a].yaml", "a.yaml", false, true },
	{ "[[:dig].yaml", "d.yaml", false, true },
	{ "[[:foo:]].yaml", "f.yaml", false, false },
	{ "[a.yaml", "[a.yaml", false, false },
	{ "[z-a].yaml", "b.yaml", false, false },
	/* escapes, spaces, comments */
	{ "\\*.yaml", "*.yaml", false, true },
	{ "\\*.yaml", "a.yaml", false, false },
	{ "\\#a", "#a", false, true },
	{ "#a", "#a", false, false },
	{ "\\!a", "!a", false, true },
	{ "a\\", "a\\", false, false },
	{ "a\\", "a", false, false },
	{ "a.yaml  ", "a.yaml", false, true },
	{ "a\\ ", "a ", false, true },
	{ "a\\  ", "a ", false, true },
	{ "a\\ ", "a", false, false },
	{ " a", "a", false, false },
	{ " a", " a", false, true },
	{ "a\t", "a", false, false },
	{ "a.yaml\r\nb.yaml", "a.yaml", false, true },
	{ "\xef\xbb\xbf" "a.yaml", "a.yaml", false, true },
	{ "\n\n  \n", "a.yaml", false, false },
	{ "/", "a", true, false },
	/* the last one decides */
	{ "*.yaml\n!a.yaml", "a.yaml", false, false },
	{ "*.yaml\n!a.yaml", "b.yaml", false, true },
	{ "!a.yaml\n*.yaml", "a.yaml", false, true },
	{ "*\n!x/\n!x/a.yaml", "x", true, false },
	{ "x/*\n!x/a.yaml", "x/a.yaml", false, false },
	{ "a\n!a\na", "a", false, true },
	{ "!", "a", false, false },
};

static const struct ignore_rules *read_rules(struct arena *a, const struct ignore_rules *outer, const char *folder,
                                             const char *text)
{
	const char *why = "?";
	const struct ignore_rules *rules = ignore_rules_read(a, outer, folder, text, strlen(text), &why);

	assert_non_null(rules);
	assert_null(why);
	return rules;
}

/* Read as text, such a file would leave nothing out. */
static void a_file_that_is_no_text_is_refused(void **state)
{
	static const struct { const char *bytes; size_t len; const char *why; } files[] = {
		{ "\xff\xfe*\0", 4, "this is UTF-16, not UTF-8" }, { "\xfe\xff\0*", 4, "this is UTF-16, not UTF-8" },
		{ "*\0", 2, "this is not text: found a NUL character" },
		{ "version https://git-lfs.github.com/spec/v1\n", 43, "this is a pointer of Git LFS, not the file itself: run "
		  "git lfs pull, or keep the file out of LFS" },
	};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *why = NULL;
		assert_null(ignore_rules_read(&a, NULL, "", files[i].bytes, files[i].len, &why));
		assert_string_equal(why, files[i].why);
	}
}

static void a_rule_means_what_git_says(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct ignore_rules *ig = read_rules(&a, NULL, "", cases[i].rules);
		if (ignore_rules_match(ig, cases[i].path, cases[i].folder) != cases[i].ignored)
			fail_msg("\"%s\" and \"%s\"", cases[i].rules, cases[i].path);
	}
}

static void a_deeper_file_goes_before_those_around_it(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct ignore_rules *top = read_rules(&a, NULL, "", "*.yaml\n/c.yml");
	const struct ignore_rules *deep = read_rules(&a, top, "x/y", "!a.yaml\n/c.yml");

	assert_false(ignore_rules_match(deep, "x/y/a.yaml", false));
	assert_false(ignore_rules_match(deep, "x/y/z/a.yaml", false));
	assert_true(ignore_rules_match(deep, "x/y/b.yaml", false));
	assert_true(ignore_rules_match(deep, "x/y/c.yml", false));
	assert_false(ignore_rules_match(deep, "x/y/z/c.yml", false));
	assert_true(ignore_rules_match(top, "x/y/a.yaml", false));
}

static void many_stars_take_no_time(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	char rule[201] = { 0 }, path[251] = { 0 };

	for (size_t i = 0; i < 200; i += 2) {
		rule[i] = 'a';
		rule[i + 1] = '*';
	}
	rule[199] = 'b';
	for (size_t i = 0; i < 250; i++)
		path[i] = 'a';
	assert_false(ignore_rules_match(read_rules(&a, NULL, "", rule), path, false));
}

static void no_file_leaves_nothing_out(void **state)
{
	assert_false(ignore_rules_match(NULL, "a.yaml", false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_that_is_no_text_is_refused),
		cmocka_unit_test(a_rule_means_what_git_says),
		cmocka_unit_test(a_deeper_file_goes_before_those_around_it),
		cmocka_unit_test(many_stars_take_no_time),
		cmocka_unit_test(no_file_leaves_nothing_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
