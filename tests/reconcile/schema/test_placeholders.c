#include "tests/test.h"
#include "reconcile/schema/placeholders.h"

#include <string.h>

#include "tests/tree.h"

#define STEP(text)	"name: n\nsteps:\n  s: {imageId: 1, command: \"" text "\"}\n"
#define HTTP(text)	"name: n\nsteps:\n  s: {type: http, method: post, url: u, " text "}\n"
#define GIVE(name)	"unknown variable \"" name "\": give it with --set or --vars, or --passthrough " name \
			" (vars_passthrough:) if the service should get it as it is"
#define NO_LANGUAGE	"found \"{%\": only \"{{ name }}\" is supported, no other template syntax; {{ '{%' }} is the text itself"
#define NO_ENV		"the environment has no variable \"X\": set it, or --passthrough 'os_env.X' (vars_passthrough:) if the " \
			"service should get it as it is"

/* What reading yaml as a file without variables reports; the body goes to *body, "" if there is none. */
static const char *reported(struct arena *a, const char *yaml, const char **body)
{
	static const struct vars none = { 0 };
	struct specs specs = { .arena = a };
	struct diagnostics faults = { .arena = a };

	specs_read(&specs, &none, "s.yaml", yaml, strlen(yaml), &faults);
	*body = specs.count ? tree_text(a, spec_body(a, &specs.items[0])) : "";
	return tree_faults(a, &faults);
}

static void a_forgotten_variable_is_an_error_wherever_the_service_has_no_placeholders(void **state)
{
	static const struct { const char *yaml, *said; } cases[] = {
		{ "name: \"scoring-{{ env }}\"\nsteps: {}\n", "s.yaml:1:16: " GIVE("env") "\n" },
		{ "name: {{ env }}\nsteps: {}\n", "s.yaml:1:7: " GIVE("env") "\n" },
		{ "name: n\nsteps: {s: {imageId: {{ id }}, command: c}}\n", "s.yaml:2:22: " GIVE("id") "\n" },
		{ "name: n\nsteps: {\"{{ s }}\": {imageId: 1, command: c}}\n", "s.yaml:2:10: " GIVE("s") "\n" },
		{ STEP("x {{ os_env.X }}"), "s.yaml:3:31: " NO_ENV "\n" },
		{ STEP("{% if x %}"), "s.yaml:3:29: " NO_LANGUAGE "\n" },
		{ "flowsync: {ignore: [\"/{{ x }}\"]}\n" STEP("c"), "s.yaml:1:23: " GIVE("x") "\n" },
		{ "flowsync: {ignore: [\"/{{ x }}\"]}\nbody: {name: n, steps: {}}\n", "s.yaml:1:23: " GIVE("x") "\n" },
		{ "name: n\nwatchers: [{webhook: {name: w, url: u, payload: \"{{ x }}\"}, events: {fail: true}}]\nsteps: {}\n",
		  "s.yaml:2:50: " GIVE("x") "\n" },
		{ HTTP("auth: {type: bearer-token, bearerToken: \"{{ x }}\"}"), "s.yaml:3:82: " GIVE("x") "\n" },
		{ HTTP("headers: {absolute: {\"{{ x }}\": v}}"), "s.yaml:3:63: " GIVE("x") "\n" },
		/* the rest of the file is read all the same */
		{ "name: \"{{ x }}\"\nsteps: {}\n---\nname: n\nsteps: []\n", "s.yaml:1:8: " GIVE("x") "\n"
		  "s.yaml:5:8: /steps: expected a mapping, found a list\n" },
		/* statements that YAML cannot read are the cause of its errors */
		{ "{% if x %}\nname: a\n{% endif %}\nsteps: {}\n", "s.yaml:1:1: " NO_LANGUAGE "\ns.yaml:3:1: " NO_LANGUAGE "\n" },
		{ "name: [\nsteps: \"{% x %}\"\n", "s.yaml:2:9: " NO_LANGUAGE "\n"
		  "s.yaml:3:1: found something else where \",\" or \"]\" was expected\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *body;

		assert_string_equal(reported(&a, cases[i].yaml, &body), cases[i].said);
	}
}

static void in_an_http_step_a_placeholder_is_the_service_s_own(void **state)
{
	static const struct { const char *yaml, *said, *body; } cases[] = {
		{ "name: n\nsteps:\n  s: {type: http, method: post, url: 'https://h/{{id}}', payload: \"{\\\"a\\\": {{x[\\\"y\\\"]}}}\",\n"
		  "    headers: {absolute: {A: \"{{ t | x }}\"}, secrets: {B: {{ b }}}}}\n", "",
		  "{\"name\":\"n\",\"steps\":{\"s\":{\"type\":\"http\",\"method\":\"post\",\"url\":\"https://h/{{id}}\","
		  "\"payload\":\"{\\\"a\\\": {{x[\\\"y\\\"]}}}\",\"headers\":{\"absolute\":{\"A\":\"{{ t | x }}\"},"
		  "\"secrets\":{\"B\":\"{{ b }}\"}}}}}" },
		{ HTTP("payload: \"{% if a %}{{ os_env.X }}\""), "warning: s.yaml:3:51: " NO_LANGUAGE "; it is sent as it is\n"
		  "warning: s.yaml:3:61: " NO_ENV "; it is sent as it is\n",
		  "{\"name\":\"n\",\"steps\":{\"s\":{\"type\":\"http\",\"method\":\"post\",\"url\":\"u\","
		  "\"payload\":\"{% if a %}{{ os_env.X }}\"}}}" },
		{ "# {{ x }} {% y %} {# z #}\n" STEP("docker ps --format {{.Names}} ${#a[@]} {{ '{{' }}"), "",
		  "{\"name\":\"n\",\"steps\":{\"s\":{\"imageId\":1,\"command\":\"docker ps --format {{.Names}} ${#a[@]} {{\","
		  "\"type\":\"standard\"}}}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *body;

		assert_string_equal(reported(&a, cases[i].yaml, &body), cases[i].said);
		assert_true(node_equal(tree_json(&a, body), tree_json(&a, cases[i].body)));
	}
}

/* Before placeholders were errors they were applied as they were. */
static void an_older_version_was_applied_as_it_was(void **state)
{
	static const char yaml[] = "name: \"scoring-{{ env }}\"\nsteps: {s: {imageId: 1, command: \"{{ os_env.X }} {% if x %}\"}}\n";
	static const struct vars none = { 0 };
	CLEANUP(arena_free) struct arena a = { 0 };
	struct specs specs = { .arena = &a, .older = true };
	struct diagnostics faults = { .arena = &a };

	assert_true(specs_read(&specs, &none, "s.yaml", yaml, strlen(yaml), &faults));
	assert_string_equal(specs.items[0].name, "scoring-{{ env }}");
	assert_string_equal(node_get_text(node_at(spec_body(&a, &specs.items[0]), "/steps/s"), "command"), "{{ os_env.X }} {% if x %}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_forgotten_variable_is_an_error_wherever_the_service_has_no_placeholders),
		cmocka_unit_test(an_older_version_was_applied_as_it_was),
		cmocka_unit_test(in_an_http_step_a_placeholder_is_the_service_s_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
