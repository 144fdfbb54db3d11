#include "tests/test.h"
#include "agent/util/annotations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/diagnostics_text.h"

static void assert_printed(const struct annotation_output *how, const struct diagnostic *fault, const char *want)
{
	struct annotation_output out = *how;
	char *text = NULL;
	size_t len;

	out.to = open_memstream(&text, &len);
	assert_non_null(out.to);
	annotations_print(&out, &(struct diagnostics){ .items = (struct diagnostic *)fault, .count = 1 });
	fclose(out.to);
	assert_string_equal(text, want);
	free(text);
}

static void what_ends_a_property_or_a_line_is_escaped(void **state)
{
	static const struct { struct diagnostic fault; const char *want; } cases[] = {
		{ { false, { "a.yaml", 3, 7 }, "unknown key \"x\"" }, "::error file=a.yaml,line=3,col=7::unknown key \"x\"\n" },
		{ { true, { "a.yaml", 3, 0 }, "w" }, "::warning file=a.yaml,line=3::w\n" },
		{ { false, { "a.yaml", 0, 0 }, "m" }, "::error file=a.yaml::m\n" },
		{ { false, { NULL, 0, 0 }, "guard rollback: 100%, a: b" }, "::error::guard rollback: 100%25, a: b\n" },
		{ { false, { "<stdin>", 1, 1 }, "m" }, "::error::m\n" },
		{ { false, { "a,b:c%.yaml", 1, 1 }, "m" }, "::error file=a%2Cb%3Ac%25.yaml,line=1,col=1::m\n" },
		/* A new line would begin another command; the runner must not make one of an escape either. */
		{ { false, { "a\n::error::b", 1, 1 }, "x\n::error::y\r%0A\x1b[31m" },
		  "::error file=a\\n%3A%3Aerror%3A%3Ab,line=1,col=1::x\\n::error::y\\r%250A\\x1b[31m\n" },
		{ { false, { NULL, 0, 0 }, "##[error]x" }, "::error::##\\x5berror]x\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_printed(&(struct annotation_output){ 0 }, &cases[i].fault, cases[i].want);
}

static void a_file_is_named_from_the_top_of_the_workspace(void **state)
{
	static const struct diagnostic inside = { false, { "specs/a.yaml", 1, 2 }, "m" };
	static const struct diagnostic missing = { false, { "./none.yaml", 1, 2 }, "m" };
	char top[] = "/tmp/flowsync-annotations-XXXXXX", *here = getcwd(NULL, 0);

	assert_non_null(mkdtemp(top));
	assert_int_equal(chdir(top), 0);
	assert_int_equal(system("mkdir -p work/team/specs other && touch work/team/specs/a.yaml other/b.yaml"), 0);
	assert_int_equal(chdir("work/team"), 0);
	char *work = realpath("..", NULL), *other = realpath("../../other/b.yaml", NULL);
	const struct annotation_output out = { .workspace = work };
	const struct diagnostic outside = { false, { other, 1, 2 }, "m" };
	assert_printed(&out, &inside, "::error file=team/specs/a.yaml,line=1,col=2::m\n");
	assert_printed(&out, &missing, "::error file=none.yaml,line=1,col=2::m\n");
	CLEANUP(arena_free) struct arena a = { 0 };
	assert_printed(&out, &outside, arena_printf(&a, "::error file=%s,line=1,col=2::m\n", other));
	assert_printed(&(struct annotation_output){ .workspace = work, .in_repository = true }, &inside,
	               "::error file=specs/a.yaml,line=1,col=2::m\n");
	assert_int_equal(chdir(here), 0);
	assert_int_equal(system(arena_printf(&a, "rm -rf %s", top)), 0);
	free(work);
	free(other);
	free(here);
}

static void warnings_may_be_left_out(void **state)
{
	static const struct diagnostic warning = { true, { 0 }, "w" }, error = { false, { 0 }, "e" };
	const struct annotation_output out = { .errors_only = true };

	assert_printed(&out, &warning, "");
	assert_printed(&out, &error, "::error::e\n");
}

/* A file may be called like a command; a line with its name must be none. */
static void a_line_of_a_fault_is_no_command(void **state)
{
	static const struct { const char *file, *want; } cases[] = {
		{ "::error::x.yaml", "./::error::x.yaml:1:1: m" }, { " \t::x", "./ \\t::x:1:1: m" },
		{ "\xc2\xa0::x", "./\xc2\xa0::x:1:1: m" }, { "\xc3\xa9.yaml", "\xc3\xa9.yaml:1:1: m" },
		{ "a.yaml", "a.yaml:1:1: m" }, { "##[error]a", "##\\x5berror]a:1:1: m" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct diagnostic fault = { false, { cases[i].file, 1, 1 }, "m" };
		assert_string_equal(diagnostics_text_line(&a, &fault), cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_ends_a_property_or_a_line_is_escaped),
		cmocka_unit_test(a_file_is_named_from_the_top_of_the_workspace),
		cmocka_unit_test(warnings_may_be_left_out),
		cmocka_unit_test(a_line_of_a_fault_is_no_command),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
