#include "tests/test.h"
#include "reconcile/tree/template.h"

#include <stdlib.h>
#include <string.h>

static const struct var items[] = {
	{ .name = "image", .value = "12" }, { .name = "name", .value = "first" },
	{ .name = "schedule", .value = "0 1 * * *" }, { .name = "empty", .value = "" },
	{ .name = "again", .value = "{{ image }}" }, { .name = "lines", .value = "a\nb" }, { .name = "name", .value = "last" },
	{ .name = "regions", .instead = "a list" },
};
static const struct var env[] = { { .name = "TOKEN_NAME", .value = "git" }, { .name = "HOME", .value = "/root" } };
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
	struct template_text filled = { .arena = &a, .text = BUF_TEXT };
	bool ok = template_fill(with, "t.yaml", block, len, &filled, &faults);
	size_t plain_len;
	/* What needs not be filled in comes out as it is, but for its last newline. */
	if (template_is_plain(block, len, &plain_len)) {
		assert_true(ok);
		assert_int_equal(filled.text.len, plain_len);
		assert_memory_equal(buf_str(&filled.text), text, plain_len);
	}
	free(block);
	assert_int_equal(ok, faults.errors == 0);
	for (size_t i = 0; i < filled.count; i++)
		diagnostics_add(&faults, filled.marks[i].at, "%s", filled.marks[i].message);
	if (!faults.count)
		buf_adds(out, buf_str(&filled.text));
	buf_done(&filled.text);
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
		{ "", "" }, { "a: 1\n", "a: 1" }, { "{", "{" }, { "a: {b: {c: 1}}", "a: {b: {c: 1}}" },
		{ "i: {{ image }}\n", "i: 12" }, { "{{image}}", "12" }, { "{{\timage  }}{{image}}", "1212" },
		{ "{{ name }}", "last" },
		{ "[{{ empty }}]", "[]" },
		/* one newline at the end is none of the file */
		{ "a\n\n", "a\n" }, { "a\r\n", "a" }, { "a\r", "a" }, { "\n", "" }, { "a\n ", "a\n " }, { "a\n\r\n", "a\n" },
		{ "{{ lines }}\n", "a\nb" },
		{ "{{ again }}", "{{ image }}" },	/* once, not again */
		{ "{{ lines }}", "a\nb" },
		{ "# {{ image }}", "# 12" },
		{ "{{ os_env.TOKEN_NAME }} {{ os_env['HOME'] }} {{ os_env[\"HOME\"] }}", "git /root /root" },
		{ "d: '{{output}}' {{  output }} {{ data.id }}", "d: '{{output}}' {{  output }} {{ data.id }}" },
		{ "{{ image_url }}", "{{ image_url }}" },
		{ "{}} }} %} #}", "{}} }} %} #}" },
		/* the text of the braces themselves */
		{ "a {{ '{{' }} b {{ \"}}\" }}{{'{%'}}", "a {{ b }}{%" }, { "{{ '{{output}}' }}{{ image }}", "{{output}}12" },
		{ "{{ '' }}|", "|" },
		{ "{% raw %}{{ image }} {% if %} {# x #}{% endraw %} {{ image }}", "{{ image }} {% if %} {# x #} 12" },
		{ "a \n{%- raw -%} \n {{ x }} \t{%- endraw -%} \n b", "a{{ x }}b" },
		{ "{%raw%} {%endraw%}|{{ image }} {%- raw +%} x{% endraw +%} y", " |12 x y" },
		/* Go templates, and the shell */
		{ "docker ps --format '{{.Names}} {{ .State.Status }}'", "docker ps --format '{{.Names}} {{ .State.Status }}'" },
		{ "{{json .}} {{index .Ports 0}} {{ printf \"%s\" .A }} {{ $x := 1 }} {{/* c */}} {{- .x -}}",
		  "{{json .}} {{index .Ports 0}} {{ printf \"%s\" .A }} {{ $x := 1 }} {{/* c */}} {{- .x -}}" },
		{ "{{range $k, $v := .L}}{{if eq .A (len .B)}}{{ image }}{{else}}x{{end}}{{end}}",
		  "{{range $k, $v := .L}}{{if eq .A (len .B)}}12{{else}}x{{end}}{{end}}" },
		{ "${#a[@]} ${#b} {#", "${#a[@]} ${#b} {#" }, { "{%d} ${x%%.*} %{http_code}", "{%d} ${x%%.*} %{http_code}" },
		{ "\xc3\xa9 {{ image }} \xc3\xa9", "\xc3\xa9 12 \xc3\xa9" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_filled(&vars, cases[i].text, cases[i].want);
}

#define PASS(name)	", or --passthrough " name " (vars_passthrough:) if the service should get it as it is"
#define GIVE(name)	"ive it with --set or --vars" PASS(name)
#define HOW_TO_GIVE	": g" GIVE("Q")
#define NO_LANGUAGE(c)	": only \"{{ name }}\" is supported, no other template syntax; {{ '{" c "' }} is the text itself"
#define EXPECTED(text, name)	"found \"" text "\": expected the name of a variable between the braces" PASS("'" name "'")
#define UNCLOSED	"found \"{{\" without \"}}\" in the same line; {{ '{{' }} is the text \"{{\""

static void what_cannot_be_filled_in_is_named_with_its_place(void **state)
{
	static const struct { const char *text, *faults; } cases[] = {
		{ "a: {{ imag }}", "1:4 unknown variable \"imag\", did you mean \"image\"? G" GIVE("imag") },
		{ "x\n\xc3\xa9: {{ xyzzy }}", "2:4 unknown variable \"xyzzy\": g" GIVE("xyzzy") },
		{ "{{ Q }}{{ Q }}", "1:1 unknown variable \"Q\"" HOW_TO_GIVE "\n"
		                    "1:8 unknown variable \"Q\"" HOW_TO_GIVE },
		{ "{{ regions }}", "1:1 the variable \"regions\" is a list, which cannot be filled in" },
		{ "{{ os_env.HOMES }}", "1:1 the environment has no variable \"HOMES\", did you mean \"HOME\"? Set it"
		                        PASS("'os_env.HOMES'") },
		{ "{{ os_env['X'] }}", "1:1 the environment has no variable \"X\": set it" PASS("'os_env['X']'") },
		{ "{{ os_env }}", "1:1 unknown variable \"os_env\": g" GIVE("os_env") },
		{ "{{ image | int }}", "1:1 " EXPECTED("{{ image | int }}", "image | int") },
		{ "{{ image | default(.5) }}", "1:1 " EXPECTED("{{ image | default(.5) }}", "image | default(.5)") },
		{ "{{- image }}", "1:1 " EXPECTED("{{- image }}", "- image") },
		{ "{{ image -}}", "1:1 " EXPECTED("{{ image -}}", "image -") },
		{ "{{ 1a }}", "1:1 " EXPECTED("{{ 1a }}", "1a") },
		{ "{{}}", "1:1 " EXPECTED("{{}}", "") },
		{ "{{{ image }}}", "1:1 " EXPECTED("{{{ image }}", "{ image") },
		{ "{{ a.b }}", "1:1 " EXPECTED("{{ a.b }}", "a.b") },
		{ "{{ 'a\\' }}", "1:1 " EXPECTED("{{ 'a\\' }}", "'a\\'") },
		{ "{{ end }}{{ else }}", "1:1 unknown variable \"end\": g" GIVE("end") "\n"
		                         "1:10 unknown variable \"else\": g" GIVE("else") },
		{ "{{ os_env.1 }}", "1:1 " EXPECTED("{{ os_env.1 }}", "os_env.1") },
		{ "{{ os_env['X\"] }}", "1:1 " EXPECTED("{{ os_env['X\"] }}", "os_env['X\"]") },
		{ "{{ os_env[''] }}", "1:1 " EXPECTED("{{ os_env[''] }}", "os_env['']") },
		{ "{{ image\n}}", "1:1 " UNCLOSED },
		{ "a {{ b {{ c\n{{", "1:3 " UNCLOSED "\n2:1 " UNCLOSED },
		{ "a\n  {% if x %}", "2:3 found \"{%\"" NO_LANGUAGE("%") },
		{ "{# x #}{{ Q }}", "1:1 found \"{#\"" NO_LANGUAGE("#") "\n"
		                    "1:8 unknown variable \"Q\"" HOW_TO_GIVE },
		{ "{% include 'x' %}", "1:1 found \"{%\"" NO_LANGUAGE("%") },
		{ "{% raw %} {% end %}", "1:1 found \"{% raw %}\" without \"{% endraw %}\"" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_filled(&vars, cases[i].text, cases[i].faults);
}

static void without_variables_the_environment_is_filled_in_and_nothing_is_forgotten(void **state)
{
	const struct vars only_env = { .env = env, .env_count = ARRAY_LEN(env) };

	assert_filled(&only_env, "{{ os_env.HOME }} ${#a[@]} {{.Names}}", "/root ${#a[@]} {{.Names}}");
	assert_filled(&only_env, "{% x %} {{ Q }} {{ os_env.HOME }} {# {{",
	              "1:1 found \"{%\"" NO_LANGUAGE("%") "\n1:9 unknown variable \"Q\"" HOW_TO_GIVE "\n1:38 " UNCLOSED);
}

static void marks_give_way_to_what_they_stand_for(void **state)
{
	static const char text[] = "a {{ Q }}{{ x['y'] }} {% if \"a\" %}b{# {{ image }} #}";
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct template_text out = { .arena = &a, .text = BUF_TEXT };
	size_t index, len;

	assert_true(template_fill(&vars, "t.yaml", text, strlen(text), &out, &faults));
	assert_int_equal(out.count, 4);
	assert_null(strstr(buf_str(&out.text), "{{ Q }}"));
	assert_non_null(strstr(buf_str(&out.text), "{{ x['y'] }}"));	/* its quotes are YAML's to read */
	assert_string_equal(template_without_marks(&out, buf_str(&out.text)), text);
	assert_null(template_find_mark(&out, template_without_marks(&out, buf_str(&out.text)), &index, &len));
	assert_string_equal(template_without_marks(&out, "\xf3\xb0\xbd\x90" "7\xf3\xb0\xbd\x90"), "\xf3\xb0\xbd\x90" "7\xf3\xb0\xbd\x90");
	assert_true(out.marks[0].placeholder && !out.marks[0].statement && out.marks[2].statement && !out.marks[2].alone);
	buf_done(&out.text);
}

/* The bytes that stand for what text uses of the variables. */
static void values_of(const struct vars *with, const char *text, struct buf *out)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct template_text filled = { .arena = &a, .text = BUF_TEXT };

	template_fill(&vars, "t.yaml", text, strlen(text), &filled, &faults);
	buf_done(&filled.text);
	for (size_t i = 0; i < filled.use_count; i++)
		template_add_value(with, filled.uses[i], out);
}

static void what_a_text_uses_of_the_variables_is_known(void **state)
{
	static const char text[] = "{{ image }} {{image}} {{ regions }} {{ os_env.HOME }} {{ os_env['MISSING'] }} "
	                           "{{ missing }} {{ output }} {{ 'text' }} {{.Names}} {{ a | b }}";
	static const struct var given = { .name = "missing", .value = "" }, other_image = { .name = "image", .value = "13" };
	static const struct var unused = { .name = "unused", .value = "1" }, home = { .name = "HOME", .value = "/" };
	static const struct var in_env = { .name = "MISSING", .value = "" }, regions = { .name = "regions", .value = "a list" };
	struct var more[ARRAY_LEN(items) + 1];
	const struct { const struct var *var; bool env, differs; } cases[] = {
		{ &unused, false, false }, { &other_image, false, true }, { &given, false, true }, { &regions, false, true },
		{ &home, true, true }, { &in_env, true, true }, { &other_image, true, false }, { &home, false, false },
	};
	CLEANUP(buf_done) struct buf before = BUF_TEXT;

	values_of(&vars, text, &before);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_done) struct buf after = BUF_TEXT;
		struct vars changed = vars;
		size_t count = cases[i].env ? ARRAY_LEN(env) : ARRAY_LEN(items);
		memcpy(more, cases[i].env ? env : items, count * sizeof *more);
		more[count] = *cases[i].var;
		if (cases[i].env)
			changed.env = more, changed.env_count = count + 1;
		else
			changed.items = more, changed.count = count + 1;
		values_of(&changed, text, &after);
		bool differs = after.len != before.len || memcmp(buf_str(&after), buf_str(&before), after.len) != 0;
		if (differs != cases[i].differs)
			fail_msg("%s", cases[i].var->name);
	}
}

static void text_without_doubled_braces_is_plain(void **state)
{
	static const struct { const char *text; bool plain; size_t len; } cases[] = {
		{ "", true, 0 }, { "\n", true, 0 }, { "a: {b: c}\r\n", true, 9 }, { "a\n\n", true, 2 }, { "{", true, 1 },
		{ "x {", true, 3 }, { "{ {", true, 3 }, { "}} %} #}", true, 8 }, { "{{", false }, { "a {{ b }}", false },
		{ "{a{{", false }, { "{%", false }, { "{#", false }, { "${#x}", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = 0;
		assert_int_equal(template_is_plain(cases[i].text, strlen(cases[i].text), &len), cases[i].plain);
		assert_int_equal(len, cases[i].len);
	}
}

static void a_nul_is_left_for_yaml_to_refuse(void **state)
{
	static const struct { const char *text; size_t len; } cases[] = {
#define BYTES(text) { text, sizeof text - 1 }
		BYTES("a\0b"), BYTES("{{ x\0y }} z"), BYTES("{{ Q \0"), BYTES("{{ 'x\0' }}"), BYTES("{{.Names \0}}"),
		BYTES("{% x\0 %}"), BYTES("{# \0 #}\n"), BYTES("{% raw %}\0{% endraw %}"),
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct diagnostics faults = { .arena = &a };
		struct template_text out = { .arena = &a, .text = BUF_TEXT };
		assert_true(template_fill(&vars, "t.yaml", cases[i].text, cases[i].len, &out, &faults));
		assert_non_null(memchr(buf_str(&out.text), '\0', out.text.len));
		buf_done(&out.text);
	}
}

static void what_is_escaped_is_filled_in_as_itself(void **state)
{
	static const char *const texts[] = {
		"", "{", "{{ x }}", "{{{ x }}}", "{{{{", "{{%", "{%raw%}", "${#a}", "{{.Names}} {{ '{{' }} {# x #}", "{{'{%'}}{",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(buf_done) struct buf escaped = BUF_TEXT;
		template_escape(texts[i], &escaped);
		assert_filled(&vars, buf_str(&escaped), texts[i]);
	}
}

static void names_that_pass_through_are_enough_to_look_at_braces(void **state)
{
	const struct vars only_through = { .passthrough = through, .passthrough_count = 1 };

	assert_filled(&only_through, "{{ output }}", "{{ output }}");
	assert_filled(&only_through, "{{ Q }}", "1:1 unknown variable \"Q\"" HOW_TO_GIVE);
}

static void the_places_of_filled_values_are_kept_if_asked_for(void **state)
{
	static const char text[] = "a: {{ image }}\nb: é{{ lines }}{{ os_env.HOME }} {{ output }}\n";
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diagnostics faults = { .arena = &a };
	struct template_text asked = { .arena = &a, .text = BUF_TEXT, .keep_fills = true };
	struct template_text other = { .arena = &a, .text = BUF_TEXT };

	assert_true(template_fill(&vars, "t.yaml", text, strlen(text), &asked, &faults));
	assert_int_equal(asked.fill_count, 3);
	assert_string_equal(asked.fills[0].name, "image");
	assert_string_equal(asked.fills[0].var->value, "12");
	assert_int_equal(asked.fills[0].at, 3);
	assert_int_equal(asked.fills[0].len, 2);
	assert_int_equal(asked.fills[0].from.line, 1);
	assert_string_equal(asked.fills[2].name, "os_env.HOME");
	assert_memory_equal(buf_str(&asked.text) + asked.fills[2].at, "/root", 5);
	assert_int_equal(asked.fills[2].from.line, 2);
	assert_int_equal(asked.fills[2].from.col, 16);
	assert_true(template_fill(&vars, "t.yaml", text, strlen(text), &other, &faults));
	assert_int_equal(other.fill_count, 0);
	buf_done(&asked.text);
	buf_done(&other.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_in_braces_are_filled_in),
		cmocka_unit_test(what_cannot_be_filled_in_is_named_with_its_place),
		cmocka_unit_test(without_variables_the_environment_is_filled_in_and_nothing_is_forgotten),
		cmocka_unit_test(marks_give_way_to_what_they_stand_for),
		cmocka_unit_test(what_a_text_uses_of_the_variables_is_known),
		cmocka_unit_test(text_without_doubled_braces_is_plain),
		cmocka_unit_test(a_nul_is_left_for_yaml_to_refuse),
		cmocka_unit_test(what_is_escaped_is_filled_in_as_itself),
		cmocka_unit_test(names_that_pass_through_are_enough_to_look_at_braces),
		cmocka_unit_test(the_places_of_filled_values_are_kept_if_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
