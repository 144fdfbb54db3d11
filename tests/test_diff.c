#include "tests/test.h"
#include "reconcile/diff.h"

#include <string.h>

#include "reconcile/normalise.h"
#include "tests/tree.h"

/* A line for each change: sign, path, line:column of the spec, old value, new value. */
static const char *changes(struct arena *a, const struct diff *diff)
{
	const char *text = "";

	for (size_t i = 0; i < diff->count; i++) {
		const struct change *c = &diff->items[i];
		text = arena_printf(a, "%s%s %s %d:%d %s -> %s\n", text, change_op_word(c->op), c->path, c->at.line,
		                    c->at.col, tree_text(a, c->from), tree_text(a, c->to));
	}
	for (size_t i = 0; i < diff->unseen_count; i++)
		text = arena_printf(a, "%sunseen %s\n", text, diff->unseen[i]);
	return text;
}

static struct diff compared(struct arena *a, const struct node *declared, const struct node *observed,
                            const char *ignore)
{
	struct diff diff;

	diff_workflow(a, normalise(a, normalise_declared(a, declared)), normalise(a, observed),
	              ignore ? tree_json(a, ignore) : NULL, &diff);
	return diff;
}

/* Each case is one key of a workflow, or of a step where key begins with "s/": its value in the spec as YAML (it stands
 * in line 1, the value from column 5 on), and on the service as JSON; NULL: the key is not there. */
struct one {
	const char *key, *declared, *observed, *changes;
};

static struct node *place_in(struct arena *a, const char *key, struct node *value)
{
	struct node *n = node_map(a), *steps = node_put(a, n, "steps", node_map(a));

	if (strncmp(key, "s/", 2) == 0) {
		struct node *step = node_put(a, steps, "s", node_map(a));
		if (value)
			node_put(a, step, key + 2, value);
	} else if (value) {
		node_put(a, n, key, value);
	}
	return n;
}

static const char *one_compared(struct arena *a, const struct one *one)
{
	struct node *declared = one->declared
		? node_get(tree_yaml(a, arena_printf(a, "{x: %s}\n", one->declared)), "x") : NULL;
	struct diff diff = compared(a, place_in(a, one->key, declared),
	                            place_in(a, one->key, one->observed ? tree_json(a, one->observed) : NULL), NULL);

	return changes(a, &diff);
}

static void check_all(const struct one *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const char *got = one_compared(&a, &cases[i]);

		if (strcmp(got, cases[i].changes) != 0)
			fail_msg("%s: %s beside %s\nexpected\n%sgot\n%s", cases[i].key, cases[i].declared,
			         cases[i].observed ? cases[i].observed : "(nothing)", cases[i].changes, got);
	}
}

static void scalars_are_shown_with_place_and_both_values(void **state)
{
	static const struct one cases[] = {
		{ "s/imageId", "7", "7", "" },
		{ "s/imageId", "7", "7.0", "" },
		{ "s/imageId", "7", "8", "replace /steps/s/imageId 1:5 8 -> 7\n" },
		{ "s/imageId", "7", NULL, "add /steps/s/imageId 1:5 null -> 7\n" },
		{ "s/imageId", "7", "null", "add /steps/s/imageId 1:5 null -> 7\n" },
		{ "s/imageId", "7", "\"7\"", "replace /steps/s/imageId 1:5 \"7\" -> 7\n" },
		{ "s/imageId", "7", "{\"a\":1}", "replace /steps/s/imageId 1:5 {} -> 7\n" },
		{ "s/imageId", "~", "7", "" },
		{ "s/imageId", NULL, "7", "" },
		{ "s/command", "\"\"", "\"\"", "" },
		{ "s/command", "\"a b\"", "\"ab\"", "replace /steps/s/command 1:5 \"ab\" -> \"a b\"\n" },
	};
	check_all(cases, ARRAY_LEN(cases));
}

static void a_default_equals_nothing(void **state)
{
	static const struct one cases[] = {
		{ "s/stepTimeout", "0", NULL, "" },
		{ "s/stepTimeout", "0", "null", "" },
		{ "s/stepTimeout", "1", NULL, "add /steps/s/stepTimeout 1:5 null -> 1\n" },
		{ "s/stepTimeout", "0", "1", "replace /steps/s/stepTimeout 1:5 1 -> 0\n" },
		{ "s/clearImageCache", "false", NULL, "" },
		{ "s/clearImageCache", "true", NULL, "add /steps/s/clearImageCache 1:5 null -> true\n" },
		{ "s/type", "standard", NULL, "" },
		{ "s/type", NULL, "\"http\"", "replace /steps/s/type 0:0 \"http\" -> \"standard\"\n" },
		{ "s/type", "http", NULL, "replace /steps/s/type 1:5 \"standard\" -> \"http\"\n" },
		{ "s/runConfiguration", "{skipConfiguration: {skip: false, skipDAG: false}}", NULL, "" },
		{ "s/runConfiguration", "{skipConfiguration: {skip: false, skipDAG: false}}", "null", "" },
		{ "s/runConfiguration", "{skipConfiguration: {skip: false, skipDAG: false}}", "{}", "" },
		{ "s/runConfiguration", "{skipConfiguration: {skip: true}}", "null",
		  "add /steps/s/runConfiguration 1:5 null -> {\"skipConfiguration\":{\"skip\":true}}\n" },
		{ "s/runConfiguration", "{}", NULL, "" },
		/* to retry with all defaults is another thing than not to retry */
		{ "s/runConfiguration", "{retryOptions: {duration: 5, numberOfRetries: 3}}", "null",
		  "add /steps/s/runConfiguration 1:5 null -> {\"retryOptions\":{\"duration\":5,\"numberOfRetries\":3}}\n" },
		{ "s/runConfiguration", "{retryOptions: {duration: 5, numberOfRetries: 3}}", "{\"retryOptions\":{\"duration\":5}}", "" },
		{ "s/runConfiguration", "{retryOptions: {duration: 5}}", "{\"retryOptions\":null}",
		  "add /steps/s/runConfiguration/retryOptions 1:20 null -> {\"duration\":5}\n" },
		{ "s/parameters", "{env: {}, secrets: []}", NULL, "" },
		{ "s/parameters", "{env: {A: ''}}", NULL, "add /steps/s/parameters 1:5 null -> {\"env\":{\"A\":\"\"}}\n" },
		{ "s/outputParameters", "{}", "null", "" },
	};
	check_all(cases, ARRAY_LEN(cases));
}

static void sets_have_no_order_and_a_declared_list_is_the_whole_truth(void **state)
{
	static const struct one cases[] = {
		{ "s/parents", "[a, b]", "[\"b\",\"a\"]", "" },
		{ "s/parents", "[a, b]", "[\"b\"]", "replace /steps/s/parents 1:5 [\"b\"] -> [\"a\",\"b\"]\n" },
		{ "s/parents", "[a]", "[\"b\",\"a\"]", "replace /steps/s/parents 1:5 [\"b\",\"a\"] -> [\"a\"]\n" },
		{ "s/parents", "[]", NULL, "" },
		{ "s/parents", "[]", "null", "" },
		{ "s/parents", "[]", "[]", "" },
		{ "s/parents", "[]", "[\"b\"]", "replace /steps/s/parents 1:5 [\"b\"] -> []\n" },
		{ "s/parents", "[a]", NULL, "add /steps/s/parents 1:5 null -> [\"a\"]\n" },
		{ "s/parents", "[a]", "\"a\"", "replace /steps/s/parents 1:5 \"a\" -> [\"a\"]\n" },
		{ "s/parents", NULL, "[\"a\"]", "" },
		{ "triggers", "[]", NULL, "" },
		{ "triggers", "[]", "[{}]", "" },
		{ "triggers", "[{}]", "null", "" },
		{ "triggers", "[]", "[{\"cron\":\"c\",\"scheduled\":\"s\"}]", "remove /triggers/0 1:5 {\"cron\":\"c\"} -> null\n" },
		{ "triggers", "[{cron: a}, {webhook: true}]", "[{\"webhook\":\"6f1d\"},{\"cron\":\"a\",\"scheduled\":\"s\"}]", "" },
		{ "triggers", "[{webhook: true}]", "[{\"webhook\":\"6f1d\"},{\"webhook\":\"7a2e\"}]",
		  "remove /triggers/1 1:5 {\"webhook\":true} -> null\n" },
		{ "triggers", "[{webhook: true, webhookPolicy: preserve}]", "[{\"webhook\":\"6f1d\"}]", "" },
		{ "triggers", "[{cron: b}]", "[{\"cron\":\"a\"}]",
		  "add /triggers/0 1:6 null -> {\"cron\":\"b\"}\nremove /triggers/0 1:5 {\"cron\":\"a\"} -> null\n" },
		{ "tags", "[{name: a}, {name: b}]", "[{\"name\":\"b\"},{\"name\":\"a\"}]", "" },
		{ "tags", "[{name: a}]", "[{\"name\":\"flowsync-default\"},{\"name\":\"a\",\"id\":7}]", "" },
		{ "tags", "[{name: a}]", "[{\"name\":\"b\"}]",
		  "add /tags/0 1:6 null -> {\"name\":\"a\"}\nremove /tags/0 1:5 {\"name\":\"b\"} -> null\n" },
		{ "tags", "[{name: a}, {name: a}]", "[{\"name\":\"a\"}]", "add /tags/1 1:17 null -> {\"name\":\"a\"}\n" },
		{ "watchers", "[{user: a, events: {fail: true}}, {user: b, events: {}}]",
		  "[{\"user\":\"b\",\"events\":null},{\"user\":\"a\",\"events\":{\"fail\":true,\"success\":false}}]", "" },
		{ "watchers", "[{user: a, events: {fail: true}}]",
		  "[{\"user\":\"b\",\"events\":{\"fail\":true}},{\"user\":\"a\",\"events\":{\"fail\":false}}]",
		  "replace /watchers/0/events/fail 1:31 false -> true\n"
		  "remove /watchers/0 1:5 {\"user\":\"b\",\"events\":{\"fail\":true}} -> null\n" },
		/* a vague item does not take the match of an exact one */
		{ "watchers", "[{user: a, events: {}}, {user: a, events: {fail: true}}]",
		  "[{\"user\":\"a\",\"events\":{\"fail\":true}},{\"user\":\"a\",\"events\":{\"success\":true}}]", "" },
		{ "watchers", "[{email: {name: n, recipients: {to: [b, a]}}, events: {}}]",
		  "[{\"email\":{\"name\":\"n\",\"recipients\":{\"to\":[\"a\",\"b\"]}},\"events\":{}}]", "" },
		{ "retryOptions", "{exitCodes: [75, 1]}", "{\"exitCodes\":[1,75]}", "" },
		{ "retryOptions", "{exitCodes: [1, 1]}", "{\"exitCodes\":[1]}",
		  "replace /retryOptions/exitCodes 1:17 [1] -> [1,1]\n" },
	};
	check_all(cases, ARRAY_LEN(cases));
}

static void lists_that_are_no_sets_have_an_order(void **state)
{
	static const struct one cases[] = {
		{ "s/executionParameters", "{conditional: [{condition: equals, paramName: p, stepName: s, value: 0},"
		  " {condition: equals, paramName: q, stepName: s, value: v}]}",
		  "{\"conditional\":[{\"condition\":\"equals\",\"paramName\":\"q\",\"stepName\":\"s\",\"value\":\"v\"},"
		  "{\"condition\":\"equals\",\"paramName\":\"p\",\"stepName\":\"s\",\"value\":0}]}",
		  "replace /steps/s/executionParameters/conditional/0/paramName 1:51 \"q\" -> \"p\"\n"
		  "replace /steps/s/executionParameters/conditional/0/value 1:74 \"v\" -> \"0\"\n"
		  "replace /steps/s/executionParameters/conditional/1/paramName 1:109 \"p\" -> \"q\"\n"
		  "replace /steps/s/executionParameters/conditional/1/value 1:132 \"0\" -> \"v\"\n" },
		{ "s/executionParameters", "{conditional: [{condition: equals, paramName: p, stepName: s, value: 0}]}",
		  "{\"conditional\":[{\"condition\":\"equals\",\"paramName\":\"p\",\"stepName\":\"s\",\"value\":0},{\"condition\":\"x\"}]}",
		  "remove /steps/s/executionParameters/conditional/1 1:19 {\"condition\":\"x\"} -> null\n" },
		{ "s/executionParameters", "{parentStatus: [{condition: all-of, parents: [a, b], status: [success, failure]}]}",
		  "{\"parentStatus\":[{\"condition\":\"all-of\",\"parents\":[\"b\",\"a\"],\"status\":[\"failure\",\"success\"]}]}", "" },
		{ "s/executionParameters", "{parentStatus: [{condition: all-of, parents: [a], status: [success]}]}", "null",
		  "add /steps/s/executionParameters 1:5 null -> {\"parentStatus\":[{\"condition\":\"all-of\",\"parents\":[\"a\"],"
		  "\"status\":[\"success\"]}]}\n" },
	};
	check_all(cases, ARRAY_LEN(cases));
}

static void shapes_are_brought_together(void **state)
{
	static const struct one cases[] = {
		{ "s/parameters", "{env: {A: 1, B: b}}", "{\"env\":[{\"B\":\"b\"},{\"A\":\"1\"}]}", "" },
		{ "s/parameters", "{env: {A: 1, B: b}}", "{\"env\":{\"A\":1,\"B\":\"b\",\"C\":\"c\"}}", "" },
		{ "s/parameters", "{env: {A: 1}}", "{\"env\":[{\"A\":\"2\"}]}", "replace /steps/s/parameters/env/A 1:15 \"2\" -> \"1\"\n" },
		{ "s/parameters", "{env: {A: 1}}", "{\"env\":[\"A=1\"]}",
		  "replace /steps/s/parameters/env 1:11 [\"A=1\"] -> {\"A\":\"1\"}\n" },
		{ "s/parameters", "{env: {TOKEN: a}}", "{\"env\":[{\"TOKEN\":\"b\"}]}",
		  "replace /steps/s/parameters/env/TOKEN 1:19 \"(masked #1)\" -> \"(masked #2)\"\n" },
		{ "s/resources", "{storage: 10GB}", "{\"storage\":\"10 GB\",\"instanceTypeId\":21}", "" },
		{ "s/resources", "{storage: 10GB}", "{\"storage\":\"10Gi\"}", "replace /steps/s/resources/storage 1:15 \"10Gi\" -> \"10GB\"\n" },
		{ "s/resources", NULL, "{\"storage\":\"10GB\"}", "" },
		/* a token is never seen */
		{ "s/repository", "{url: u, branch: b, token: t}", "{\"url\":\"u\",\"branch\":\"b\",\"token\":\"\"}", "" },
		{ "s/repository", "{url: u, branch: b, token: t}", "{\"url\":\"u\",\"branch\":\"b\"}", "" },
		{ "s/repository", "{url: u, branch: b}", "{\"url\":\"u\",\"branch\":\"b\",\"token\":\"t\"}", "" },
		{ "s/repository", "{url: u, branch: b, token: t}", NULL,
		  "add /steps/s/repository 1:5 null -> {\"url\":\"u\",\"branch\":\"b\",\"token\":\"(masked #1)\"}\n" },
	};
	check_all(cases, ARRAY_LEN(cases));
}

/* What comes back though it was taken away: the service's own, and no value that it refused. */
static void what_the_service_fills_in_again_is_not_refused(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	const struct node *declared = place_in(&a, "s/command", tree_json(&a, "\"c\""));
	struct node *observed = tree_json(&a, "{\"steps\":{\"s\":{\"command\":\"c\",\"imageVersionId\":1}}}");
	struct diff diff;

	diff_three_way(&a, &(struct diff_sides){
		.name = "", .declared = normalise(&a, declared), .observed = normalise(&a, observed), .whole = true,
	}, &diff);
	assert_int_equal(diff.count, 1);
	assert_string_equal(diff.items[0].path, "/steps/s/imageVersionId");
	assert_false(diff.items[0].strict);
}

/* What is judged refused if a second write does not change it either. */
static void a_number_that_is_shown_as_its_text_was_kept(void **state)
{
	static const struct { const char *observed; bool strict; } cases[] = {
		{ "\"7200\"", false }, { "\"3600\"", true }, { "3600", true }, { "null", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct node *declared = place_in(&a, "s/stepTimeout", tree_json(&a, "7200"));
		const struct node *observed = place_in(&a, "s/stepTimeout", tree_json(&a, cases[i].observed));
		struct diff diff = compared(&a, declared, observed, NULL);

		assert_int_equal(diff.count, 1);
		if (diff.items[0].strict != cases[i].strict)
			fail_msg("%s: strict is %d", cases[i].observed, diff.items[0].strict);
	}
}

static void options_that_are_absent_are_unknown_and_null_is_none(void **state)
{
	static const struct one cases[] = {
		{ "retryOptions", "{duration: 10}", NULL, "unseen /retryOptions\n" },
		{ "retryOptions", "{duration: 10}", "null", "add /retryOptions 1:5 null -> {\"duration\":10}\n" },
		{ "retryOptions", "{duration: 5}", "null", "add /retryOptions 1:5 null -> {\"duration\":5}\n" },
		{ "retryOptions", "{duration: 10}", "{}", "add /retryOptions/duration 1:16 null -> 10\n" },
		{ "retryOptions", "{}", NULL, "unseen /retryOptions\n" },
		{ "retryOptions", "~", NULL, "" },
		{ "retryOptions", NULL, "{\"duration\":10}", "" },
		{ "metadata", "{allowConcurrentExecution: false}", NULL, "unseen /metadata\n" },
		{ "metadata", "{allowConcurrentExecution: false}", "{\"allowConcurrentExecution\":true}",
		  "replace /metadata/allowConcurrentExecution 1:32 true -> false\n" },
	};
	check_all(cases, ARRAY_LEN(cases));
}

static void steps_are_closed_and_other_maps_are_open(void **state)
{
	static const struct { const char *ignore, *changes; bool removes; } cases[] = {
		{ NULL, "add /steps/new~1one 6:12 null -> {\"type\":\"standard\",\"imageId\":2,\"command\":\"d\"}\n"
		  "remove /steps/old 3:3 {\"type\":\"standard\",\"command\":\"x\"} -> null\n", true },
		{ "[\"/steps/old\"]", "add /steps/new~1one 6:12 null -> {\"type\":\"standard\",\"imageId\":2,\"command\":\"d\"}\n", false },
		{ "[\"/steps/*\"]", "", false },
		{ "[\"/steps\"]", "", false },
		{ "[\"/steps/new~1one\"]", "remove /steps/old 3:3 {\"type\":\"standard\",\"command\":\"x\"} -> null\n", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct diff diff = compared(&a, tree_yaml(&a, "name: n\nsteps:\n  keep:\n    imageId: 1\n    command: c\n"
		                                              "  new/one: {imageId: 2, command: d}\n"),
			tree_json(&a, "{\"name\":\"n\",\"novel\":1,\"tags\":[{\"name\":\"t\"}],\"steps\":{\"keep\":{\"imageId\":1,"
			              "\"command\":\"c\",\"stepTimeout\":9,\"novel\":true},\"old\":{\"command\":\"x\"}}}"), cases[i].ignore);

		assert_string_equal(changes(&a, &diff), cases[i].changes);
		assert_int_equal(diff.removes, cases[i].removes);
	}
}

static void what_is_ignored_is_not_compared(void **state)
{
	static const struct { const char *ignore, *changes; } cases[] = {
		{ "[]", "add /tags/0 1:18 null -> {\"name\":\"a\"}\nremove /tags/0 1:17 {\"name\":\"b\"} -> null\n"
		  "replace /steps/s/command 1:51 \"d\" -> \"c\"\nreplace /steps/s/resources/storage 1:75 \"2GB\" -> \"1GB\"\n" },
		{ "[\"/tags\",\"/steps/*/command\",\"/steps/s/resources\"]", "" },
		{ "[\"/tags/0\",\"/*/*/command\",\"/steps/s/*/storage\"]", "" },
		{ "[\"/tags\",\"/steps/s\"]", "" },
		{ "[\"/tags\",\"/steps/t\",\"/steps/s/comman\",\"/steps/s/command/x\",\"/step\"]",
		  "replace /steps/s/command 1:51 \"d\" -> \"c\"\nreplace /steps/s/resources/storage 1:75 \"2GB\" -> \"1GB\"\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct diff diff = compared(&a,
			tree_yaml(&a, "{name: n, tags: [{name: a}], steps: {s: {command: c, resources: {storage: 1GB}}}}"),
			tree_json(&a, "{\"name\":\"n\",\"tags\":[{\"name\":\"b\"}],\"steps\":{\"s\":{\"command\":\"d\","
			              "\"resources\":{\"storage\":\"2GB\"}}}}"), cases[i].ignore);

		assert_string_equal(changes(&a, &diff), cases[i].changes);
	}
}

static void a_workflow_does_not_differ_from_itself(void **state)
{
	static const char *const files[] = {
		"tests/specs/contract-8.yaml", "tests/specs/a1-manual.yaml", "tests/specs/a2-nightly-forecast.yaml",
		"tests/specs/a3-notify-http.yaml", "tests/specs/a4-sql-export.yaml",
	};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct specs specs = tree_specs(&a, tree_file(&a, files[i]));

		for (size_t j = 0; j < specs.count; j++) {
			struct diff diff = compared(&a, specs.items[j].body, specs.items[j].body, NULL);
			assert_int_equal(diff.count, 0);
		}
	}
}

static void a_copy_lives_on_alone(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct diff copy;
	{
		CLEANUP(arena_free) struct arena short_lived = { 0 };
		struct diff diff = compared(&short_lived, tree_yaml(&a, "{name: a, metadata: {}, steps: {}}"),
			tree_json(&a, "{\"name\":\"b\",\"steps\":{\"s\":{}}}"), NULL);
		copy = diff_copy(&a, &diff);
	}
	assert_string_equal(changes(&a, &copy), "replace /name 1:8 \"b\" -> \"a\"\n"
		"remove /steps/s 1:32 {\"type\":\"standard\"} -> null\nunseen /metadata\n");
	assert_true(copy.removes);
}

static void large_sets_are_compared_in_reasonable_time(void **state)
{
	enum { COUNT = 3000 };
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *declared = node_map(&a), *observed = node_map(&a), *x = node_list(&a), *y = node_list(&a);

	for (size_t i = 0; i < COUNT; i++) {
		node_put(&a, node_add(&a, x, node_map(&a)), "name", node_text(&a, arena_printf(&a, "tag-%zu", i)));
		node_put(&a, node_add(&a, y, node_map(&a)), "name", node_text(&a, arena_printf(&a, "tag-%zu", COUNT - i)));
	}
	node_put(&a, declared, "tags", x);
	node_put(&a, observed, "tags", y);
	struct diff diff = compared(&a, declared, observed, NULL);
	assert_string_equal(changes(&a, &diff), "add /tags/0 0:0 null -> {\"name\":\"tag-0\"}\n"
	                    "remove /tags/0 0:0 {\"name\":\"tag-3000\"} -> null\n");
}

static void what_was_declared_and_says_as_much_left_out_need_not_go(void **state)
{
	static const struct { const char *was, *removed; } cases[] = {
		{ "\"runConfiguration\":{\"skipConfiguration\":{\"skip\":false,\"skipDAG\":false}}", "" },
		{ "\"runConfiguration\":{\"skipConfiguration\":{\"skip\":true}}", "/steps/s/runConfiguration" },
		{ "\"runConfiguration\":{\"retryOptions\":{\"duration\":5}}", "/steps/s/runConfiguration" },
		{ "\"parameters\":{\"env\":{},\"secrets\":[]}", "" },
		{ "\"parameters\":{\"env\":{\"A\":\"\"}}", "/steps/s/parameters" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		static const char step[] = "{\"name\":\"n\",\"steps\":{\"s\":{\"type\":\"standard\"%s%s}}}";
		struct node *was = tree_json(&a, arena_printf(&a, step, ",", cases[i].was));
		struct node *now = tree_json(&a, arena_printf(&a, step, "", ""));
		struct diff diff;

		diff_three_way(&a, &(struct diff_sides){ .name = "n", .declared = now, .observed = was,
		                                         .record = was, .sealed = now }, &diff);
		assert_int_equal(diff.count, *cases[i].removed != '\0');
		if (diff.count)
			assert_string_equal(diff.items[0].path, cases[i].removed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_are_shown_with_place_and_both_values),
		cmocka_unit_test(a_default_equals_nothing),
		cmocka_unit_test(sets_have_no_order_and_a_declared_list_is_the_whole_truth),
		cmocka_unit_test(lists_that_are_no_sets_have_an_order),
		cmocka_unit_test(shapes_are_brought_together),
		cmocka_unit_test(what_the_service_fills_in_again_is_not_refused),
		cmocka_unit_test(a_number_that_is_shown_as_its_text_was_kept),
		cmocka_unit_test(options_that_are_absent_are_unknown_and_null_is_none),
		cmocka_unit_test(steps_are_closed_and_other_maps_are_open),
		cmocka_unit_test(what_is_ignored_is_not_compared),
		cmocka_unit_test(a_workflow_does_not_differ_from_itself),
		cmocka_unit_test(a_copy_lives_on_alone),
		cmocka_unit_test(large_sets_are_compared_in_reasonable_time),
		cmocka_unit_test(what_was_declared_and_says_as_much_left_out_need_not_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
