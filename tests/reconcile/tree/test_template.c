#include "tests/test.h"
#include "reconcile/tree/template.h"

#include <stdlib.h>
#include <string.h>

static const struct var items[] = {
	{ "image", "12" }, { "name", "first" }, { "schedule", "0 1 * * *" }, { "empty", "" },
	{ "again", "{{ image }}" }, { "lines", "a\nb" }, { "name", "last" },
};
static const struct var env[] = { { "TOKEN_NAME", "git" }, { "HOME", "/root" } };
static const char *const through[] = { "output", "data.id", "image_url" };
static const struct vars vars = {
	items, ARRAY_LEN(items), env, ARRAY_LEN(env), through, ARRAY_LEN(through)
};

/* Fills text in from a block of exactly its size; faults go to out as lines after what came out. */
static void filled(const struct vars *with, const char *text, struct buf *out)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	size_t len = strlen(text);
	char *block = malloc(len ? len : 1);

	memcpy(block, text, len);
	bool ok = template_fill(with, "t.yaml", block, len, out, &faults);
	free(block);
	assert_int_equal(ok, faults.errors == 0);
	if (!ok)
		buf_reset(out);
	for (size_t i = 0; i < faults.count; i++) {
		const struct diagnostic *f = &faults.items[i];
		assert_string_equal(f->at.file, "t.yaml");
		buf_addf(out, "%s%d:%d %s", i ? "\n" : "", f->at.line, f->at.col, f->message);
	}
}

static void assert_filled(const struct vars *with, const char *text, const char *want)
{
	CLEANUP(buf_done) struct buf out = BUF_TEXT;

	filled(with, text, &out);
	assert_string_equal(buf_str(&out), want);
}

static void names_in_braces_are_filled_in(void **state)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "", "" }, { "a: 1\n", "a: 1\n" }, { "{", "{" }, { "a: {b: {c: 1}}", "a: {b: {c: 1}}" },
		{ "i: {{ image }}\n", "i: 12\n" }, { "{{image}}", "12" }, { "{{\timage  }}{{image}}", "1212" },
		{ "{{ name }}", "last" },
		{ "[{{ empty }}]", "[]" },
		{ "{{ again }}", "{{ image }}" },	/* once, not again */
		{ "{{ lines }}", "a\nb" },
		{ "# {{ image }}", "# 12" },
		{ "{{ os_env.TOKEN_NAME }} {{ os_env['HOME'] }} {{ os_env[\"HOME\"] }}", "git /root /root" },
		{ "d: '{{output}}' {{  output }} {{ data.id }}", "d: '{{output}}' {{  output }} {{ data.id }}" },
		{ "{{ image_url }}", "{{ image_url }}" },
		{ "{}} }} %} #}", "{}} }} %} #}" },
		{ "\xc3\xa9 {{ image }} \xc3\xa9", "\xc3\xa9 12 \xc3\xa9" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_filled(&vars, cases[i].text, cases[i].want);
}

#define HOW_TO_GIVE	": give it with --set or --vars, " \
			"or list it under vars_passthrough if the service should get it as it is"
#define NO_LANGUAGE	": only \"{{ name }}\" is supported, no other template syntax"

static void what_cannot_be_filled_in_is_named_with_its_place(void **state)
{
	static const struct { const char *text, *faults; } cases[] = {
		{ "a: {{ imag }}", "1:4 unknown variable \"imag\", did you mean \"image\"?" },
		{ "x\n\xc3\xa9: {{ xyzzy }}", "2:4 unknown variable \"xyzzy\"" HOW_TO_GIVE },
		{ "{{ Q }}{{ Q }}", "1:1 unknown variable \"Q\"" HOW_TO_GIVE "\n"
		                    "1:8 unknown variable \"Q\"" HOW_TO_GIVE },
		{ "{{ os_env.HOMES }}", "1:1 the environment has no variable \"HOMES\", did you mean \"HOME\"?" },
		{ "{{ os_env['X'] }}", "1:1 the environment has no variable \"X\"" },
		{ "{{ os_env }}", "1:1 unknown variable \"os_env\"" HOW_TO_GIVE },
		{ "{{ image | int }}", "1:1 found \"{{ image | int }}\": expected the name of a variable between the braces" },
		{ "{{- image }}", "1:1 found \"{{- image }}\": expected the name of a variable between the braces" },
		{ "{{ image -}}", "1:1 found \"{{ image -}}\": expected the name of a variable between the braces" },
		{ "{{ 1a }}", "1:1 found \"{{ 1a }}\": expected the name of a variable between the braces" },
		{ "{{}}", "1:1 found \"{{}}\": expected the name of a variable between the braces" },
		{ "{{{ image }}}", "1:1 found \"{{{ image }}\": expected the name of a variable between the braces" },
		{ "{{ a.b }}", "1:1 found \"{{ a.b }}\": expected the name of a variable between the braces" },
		{ "{{ os_env.1 }}", "1:1 found \"{{ os_env.1 }}\": expected the name of a variable between the braces" },
		{ "{{ os_env['X\"] }}", "1:1 found \"{{ os_env['X\"] }}\": expected the name of a variable between the braces" },
		{ "{{ os_env[''] }}", "1:1 found \"{{ os_env[''] }}\": expected the name of a variable between the braces" },
		{ "{{ image\n}}", "1:1 found \"{{\" without \"}}\" in the same line" },
		{ "a {{ b {{ c\n{{", "1:3 found \"{{\" without \"}}\" in the same line\n"
		                     "2:1 found \"{{\" without \"}}\" in the same line" },
		{ "a\n  {% if x %}", "2:3 found \"{%\"" NO_LANGUAGE },
		{ "{# x #}{{ Q }}", "1:1 found \"{#\"" NO_LANGUAGE "\n"
		                    "1:8 unknown variable \"Q\"" HOW_TO_GIVE },
		{ "{% include 'x' %}", "1:1 found \"{%\"" NO_LANGUAGE },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_filled(&vars, cases[i].text, cases[i].faults);
}

static void without_variables_text_stays_as_it_is(void **state)
{
	const struct vars only_env = { .env = env, .env_count = ARRAY_LEN(env) };
	static const char text[] = "{% x %} {{ a }} {{ os_env.HOME }} {# {{";

	assert_filled(&only_env, text, text);
}

static void names_that_pass_through_are_enough_to_look_at_braces(void **state)
{
	const struct vars only_through = { .passthrough = through, .passthrough_count = 1 };

	assert_filled(&only_through, "{{ output }}", "{{ output }}");
	assert_filled(&only_through, "{{ x }}", "1:1 unknown variable \"x\"" HOW_TO_GIVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_in_braces_are_filled_in),
		cmocka_unit_test(what_cannot_be_filled_in_is_named_with_its_place),
		cmocka_unit_test(without_variables_text_stays_as_it_is),
		cmocka_unit_test(names_that_pass_through_are_enough_to_look_at_braces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
