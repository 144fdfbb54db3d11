#include "tests/test.h"
#include "reconcile/plan/spec.h"

#include <stdlib.h>
#include <string.h>

#include "reconcile/tree/yaml.h"
#include "tests/tree.h"

#define STEPS	"steps: {s: {imageId: 1, command: c}}\n"
#define HELLO	"name: hello\n" STEPS
#define HELLO_JSON	"{\"name\":\"hello\",\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":1,\"command\":\"c\"}}}"

static const struct vars none = { 0 };

static bool read_file(struct specs *specs, const char *name, const char *yaml,
                      struct diagnostics *faults)
{
	return specs_read(specs, &none, name, yaml, strlen(yaml), faults);
}

static void the_body_stands_alone_or_under_body(void **state)
{
	static const struct { const char *yaml, *body; int line, col; } cases[] = {
		{ HELLO, HELLO_JSON, 1, 1 },
		{ "\n\n" HELLO, HELLO_JSON, 3, 1 },
		{ "body:\n  name: hello\n  " STEPS, HELLO_JSON, 2, 3 },
		{ "flowsync: {suspend: false}\n" HELLO, HELLO_JSON, 1, 1 },
		{ "name: hello\nflowsync:\n" STEPS, HELLO_JSON, 1, 1 },
		{ "flowsync: ~\nbody: {name: hello, steps: {s: {imageId: 1, command: c}}}\n", HELLO_JSON, 2, 7 },
		/* null is not declared, wherever it stands; empty triggers are none; env is text */
		{ "name: hello\ntags: ~\ntriggers: [{}, {cron: ~}, {webhook: ~}]\nsteps: {s: {imageId: 1, command: c, parents: ~,"
		  " parameters: {env: {A: 1, B: yes, C: 1.50, D: ~, E: x}}}, t: ~}\n",
		  "{\"name\":\"hello\",\"triggers\":[],\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":1,\"command\":\"c\","
		  "\"parameters\":{\"env\":{\"A\":\"1\",\"B\":\"true\",\"C\":\"1.50\",\"E\":\"x\"}}}}}", 1, 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct specs specs = tree_specs(&a, cases[i].yaml);

		assert_int_equal(specs.count, 1);
		assert_int_equal(specs.files, 1);
		assert_string_equal(specs.items[0].name, "hello");
		assert_string_equal(tree_text(&a, spec_body(&a, &specs.items[0])), cases[i].body);
		assert_string_equal(specs.items[0].at.file, "s.yaml");
		assert_int_equal(specs.items[0].at.line, cases[i].line);
		assert_int_equal(specs.items[0].at.col, cases[i].col);
	}
}

static void the_block_is_read_or_refused_with_its_place(void **state)
{
	static const struct { const char *block, *faults; } cases[] = {
		{ "{}", "" },
		{ "{prune: ~, suspend: ~, ignore: ~, renamed_from: ~}", "" },
		{ "{ignore: []}", "" },
		{ "true", "s.yaml:1:11: flowsync: expected a mapping, found yes or no\n" },
		{ "[]", "s.yaml:1:11: flowsync: expected a mapping, found a list\n" },
		{ "{prume: false}", "s.yaml:1:12: flowsync: unknown field \"prume\"; did you mean \"prune\"?\n" },
		{ "{zebra: 1}", "s.yaml:1:12: flowsync: unknown field \"zebra\"\n" },
		{ "{prune: \"no\"}", "s.yaml:1:19: flowsync/prune: expected true or false, found a text\n" },
		{ "{suspend: 1}", "s.yaml:1:21: flowsync/suspend: expected true or false, found a number\n" },
		{ "{ignore: /steps}", "s.yaml:1:20: flowsync/ignore: expected a list, found a text\n" },
		{ "{ignore: [/a, steps, 3]}", "s.yaml:1:25: flowsync/ignore/1: expected a JSON Pointer, such as /steps/train/command\n"
		  "s.yaml:1:32: flowsync/ignore/2: expected text, found a number; quote it if it is meant as text\n" },
		{ "{renamed_from: 7}", "s.yaml:1:26: flowsync/renamed_from: expected text, found a number; quote it if it is meant as text\n" },
		{ "{renamed_from: \"\"}", "s.yaml:1:26: flowsync/renamed_from: expected a name, found an empty text\n" },
		{ "{suspend: 1, zebra: 2}", "s.yaml:1:21: flowsync/suspend: expected true or false, found a number\n"
		  "s.yaml:1:24: flowsync: unknown field \"zebra\"\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct specs specs = { .arena = &a };
		struct diagnostics faults = { .arena = &a };
		const char *yaml = arena_printf(&a, "flowsync: %s\n" HELLO, cases[i].block);

		assert_int_equal(read_file(&specs, "s.yaml", yaml, &faults), !*cases[i].faults);
		assert_string_equal(tree_faults(&a, &faults), cases[i].faults);
		assert_int_equal(specs.count, !*cases[i].faults);
	}
}

#define SHOWN	": found \"(masked #...)\", which stands for a secret that was not shown; write the secret itself\n"

static void what_was_shown_instead_of_a_secret_is_no_value(void **state)
{
	static const struct { const char *yaml, *faults; } cases[] = {
		{ "name: hello\n" "steps: {s: {imageId: 1, command: c, repository: {url: u, branch: b, token: '(masked #1)'}}}\n",
		  "s.yaml:2:76: /steps/s/repository/token" SHOWN },
		{ "name: hello\n" "steps: {s: {imageId: 1, command: 'curl https://(masked #12)@h/'}}\n",
		  "s.yaml:2:34: /steps/s/command" SHOWN },
		{ "name: hello\nwatchers: [{webhook: {name: n, url: '(masked #2)', payload: '{}'}, events: {}}]\nsteps: {s: {imageId: 1,"
		  " command: c, parameters: {env: {TOKEN: '(masked #1)'}}}}\n",
		  "s.yaml:2:37: /watchers/0/webhook/url" SHOWN "s.yaml:3:63: /steps/s/parameters/env/TOKEN" SHOWN },
		/* beside other faults */
		{ "name: '(masked #1)'\n" "tags: 7\n" STEPS, "s.yaml:1:7: /name" SHOWN "s.yaml:2:7: /tags: expected a list such as [{name: red}], found a number\n" },
		/* ignored it is not sent */
		{ "flowsync: {ignore: [/steps/s/command]}\nname: hello\nsteps: {s: {imageId: 1, command: '(masked #1)'}}\n", "" },
		{ "flowsync: {ignore: [/steps/*]}\nname: hello\nsteps: {s: {imageId: 1, command: '(masked #1)'}}\n", "" },
		{ "flowsync: {ignore: [/steps/t]}\nname: hello\nsteps: {s: {imageId: 1, command: '(masked #1)'}}\n",
		  "s.yaml:3:34: /steps/s/command" SHOWN },
		/* other text */
		{ "name: hello\nsteps: {s: {imageId: 1, command: '(masked #) (masked 1) masked #1 (masked #1'}}\n", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct specs specs = { .arena = &a };
		struct diagnostics faults = { .arena = &a };

		assert_int_equal(read_file(&specs, "s.yaml", cases[i].yaml, &faults), !*cases[i].faults);
		assert_string_equal(tree_faults(&a, &faults), cases[i].faults);
		assert_int_equal(specs.count, !*cases[i].faults);
	}
}

static void the_block_says_what_it_says(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct specs specs = tree_specs(&a, HELLO "---\nflowsync: {prune: no, suspend: yes, ignore: [/tags, /steps/*/command],"
	                                " renamed_from: old}\nbody:\n  name: b\n  " STEPS);

	assert_int_equal(specs.count, 2);
	assert_true(specs.items[0].prune);
	assert_false(specs.items[0].suspend);
	assert_null(specs.items[0].ignore);
	assert_null(specs.items[0].renamed_from);
	assert_false(specs.items[1].prune);
	assert_true(specs.items[1].suspend);
	assert_string_equal(tree_text(&a, specs.items[1].ignore), "[\"/tags\",\"/steps/*/command\"]");
	assert_string_equal(specs.items[1].renamed_from, "old");
}

static void a_file_without_a_workflow_says_so(void **state)
{
	static const struct { const char *yaml, *faults; } cases[] = {
		{ "", "s.yaml: the file is empty: expected a workflow\n" },
		{ "# nothing\n", "s.yaml: the file is empty: expected a workflow\n" },
		{ "---\n---\n", "s.yaml: the file is empty: expected a workflow\n" },
		{ "- a\n", "s.yaml:1:1: expected a workflow, which is a mapping, found a list\n" },
		{ "just text\n", "s.yaml:1:1: expected a workflow, which is a mapping, found a text\n" },
		{ "body: 7\n", "s.yaml:1:7: body: expected a mapping, found a number\n" },
		{ "body:\n", "s.yaml:1:6: body: expected a mapping, found nothing\n" },
		{ "flowsync: {}\n", "s.yaml:1:1: workflow: \"name\" is missing\ns.yaml:1:1: workflow: \"steps\" is missing\n" },
		/* a fault of each document, whatever the others are */
		{ "- a\n---\nname: [\n---\n- b\n", "s.yaml:1:1: expected a workflow, which is a mapping, found a list\n"
		  "s.yaml:4:1: found something else where a value was expected\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct specs specs = { .arena = &a };
		struct diagnostics faults = { .arena = &a };

		assert_false(read_file(&specs, "s.yaml", cases[i].yaml, &faults));
		assert_string_equal(tree_faults(&a, &faults), cases[i].faults);
		assert_int_equal(specs.count, 0);
	}
}

static void what_stands_beside_body_is_warned_of(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct specs specs = { .arena = &a };
	struct diagnostics faults = { .arena = &a };

	assert_true(read_file(&specs, "s.yaml",
	                      "kind: x\nbody:\n  name: hello\n  " STEPS "flowsync: {}\n", &faults));
	assert_string_equal(tree_faults(&a, &faults),
	                    "warning: s.yaml:1:1: \"kind\" is beside body: and is ignored, "
	                    "as the service's own tool ignores it\n");
	assert_int_equal(specs.count, 1);
}

static void one_bad_document_does_not_hide_the_others(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct specs specs = { .arena = &a };
	struct diagnostics faults = { .arena = &a };

	assert_false(read_file(&specs, "s.yaml",
	                       HELLO "---\nname: b\n---\nname: c\nname: d\n" STEPS
	                             "---\nname: e\n" STEPS "x: 1\n---\n---\nname: f\n" STEPS,
	                       &faults));
	assert_string_equal(tree_faults(&a, &faults),
	    "s.yaml:4:1: workflow: \"steps\" is missing\n"
	    "s.yaml:7:1: duplicate key \"name\", given first in line 6, column 1\n"
	    "s.yaml:12:1: workflow: unknown field \"x\"\n");
	assert_int_equal(specs.count, 2);
	assert_string_equal(specs.items[0].name, "hello");
	assert_string_equal(specs.items[1].name, "f");
	assert_int_equal(specs.files, 1);
}

static void a_file_that_is_too_large_is_refused(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct specs specs = { .arena = &a };
	struct diagnostics faults = { .arena = &a };
	size_t len = YAML_MAX_BYTES + 1;
	char *bytes = arena_alloc(&a, len + 1, 1, 1);

	memset(bytes, '#', len);
	memcpy(bytes, HELLO, strlen(HELLO));
	assert_true(specs_read(&specs, &none, "s.yaml", bytes, len - 1, &faults));
	assert_false(specs_read(&specs, &none, "t.yaml", bytes, len, &faults));
	assert_string_equal(tree_faults(&a, &faults),
	                    "t.yaml: the file is too large: 1048577 bytes, at most 1048576 are read\n");
	assert_int_equal(specs.count, 1);
	assert_int_equal(specs.files, 2);
}

static void variables_are_filled_in_and_may_not_blow_the_file_up(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct specs specs = { .arena = &a };
	struct diagnostics faults = { .arena = &a };
	char *large = arena_alloc(&a, YAML_MAX_BYTES + 1, 1, 1);
	const struct var items[] = { { "name", "hello" }, { "large", memset(large, 'x', YAML_MAX_BYTES) } };
	const struct vars vars = { .items = items, .count = 2 };
	static const char one[] = "name: {{ name }}\n" STEPS, two[] = "name: {{ large }}\n" STEPS;

	assert_true(specs_read(&specs, &vars, "s.yaml", one, strlen(one), &faults));
	assert_string_equal(specs.items[0].name, "hello");
	assert_false(specs_read(&specs, &vars, "t.yaml", two, strlen(two), &faults));
	assert_string_equal(tree_faults(&a, &faults),
	                    "t.yaml: with its variables filled in the file is over 1048576 bytes\n");
}

static void names_are_checked_over_all_files(void **state)
{
	static const struct { const char *one, *two, *faults; } cases[] = {
		{ HELLO, "name: b\n" STEPS, "" },
		{ HELLO, "\n" HELLO, "t.yaml:2:1: a workflow \"hello\" is declared already at s.yaml:1:1\n" },
		{ HELLO "---\n" HELLO, HELLO, "s.yaml:4:1: a workflow \"hello\" is declared already at s.yaml:1:1\n"
		  "t.yaml:1:1: a workflow \"hello\" is declared already at s.yaml:4:1\n" },
		{ HELLO, "flowsync: {renamed_from: hello}\nname: b\n" STEPS,
		  "t.yaml:1:1: renamed_from: \"hello\" is still declared at s.yaml:1:1\n" },
		{ "flowsync: {renamed_from: hello}\n" HELLO, "name: b\n" STEPS,
		  "s.yaml:1:1: renamed_from: \"hello\" is the present name of the workflow\n" },
		{ "flowsync: {renamed_from: old}\n" HELLO, "flowsync: {renamed_from: old}\nname: b\n" STEPS,
		  "t.yaml:1:1: renamed_from: \"old\" is claimed already at s.yaml:1:1\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct specs specs = { .arena = &a };
		struct diagnostics faults = { .arena = &a };

		assert_true(read_file(&specs, "s.yaml", cases[i].one, &faults));
		assert_true(read_file(&specs, "t.yaml", cases[i].two, &faults));
		assert_int_equal(specs_check(&specs, &faults), !*cases[i].faults);
		assert_string_equal(tree_faults(&a, &faults), cases[i].faults);
	}
}

static void a_spec_is_found_by_its_name(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct specs specs = tree_specs(&a, HELLO "---\nname: b\n" STEPS);

	assert_ptr_equal(specs_find(&specs, "b"), &specs.items[1]);
	assert_null(specs_find(&specs, "c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_body_stands_alone_or_under_body),
		cmocka_unit_test(the_block_is_read_or_refused_with_its_place),
		cmocka_unit_test(what_was_shown_instead_of_a_secret_is_no_value),
		cmocka_unit_test(the_block_says_what_it_says),
		cmocka_unit_test(a_file_without_a_workflow_says_so),
		cmocka_unit_test(what_stands_beside_body_is_warned_of),
		cmocka_unit_test(one_bad_document_does_not_hide_the_others),
		cmocka_unit_test(a_file_that_is_too_large_is_refused),
		cmocka_unit_test(variables_are_filled_in_and_may_not_blow_the_file_up),
		cmocka_unit_test(names_are_checked_over_all_files),
		cmocka_unit_test(a_spec_is_found_by_its_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
