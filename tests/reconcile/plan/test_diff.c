#include "tests/test.h"
#include "reconcile/plan/diff.h"

#include <string.h>

#include "reconcile/schema/digest.h"
#include "reconcile/schema/normalise.h"
#include "tests/tree.h"

/* A line for each change: sign, path, line:column of the spec, old value, new value. */
static const char *changes(struct arena *a, const struct diff *diff)
{
	const char *text = "";

	for (size_t i = 0; i < diff->count; i++) {
		const struct change *c = &diff->items[i];
		text = arena_printf(a, "%s%s %s %d:%d %s -> %s\n", text, change_op_word(c->op),
		                    c->path, c->at.line, c->at.col, tree_text(a, c->from),
		                    tree_text(a, c->to));
	}
	for (size_t i = 0; i < diff->unseen_count; i++)
		text = arena_printf(a, "%sunseen %s\n", text, diff->unseen[i]);
	return text;
}

static struct diff compared(struct arena *a, const struct node *declared,
                            const struct node *observed, const char *ignore)
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
		{ "watchers", "[{user: a, events: {}}, {user: a, events: {fail: true}}]",
		  "[{\"user\":\"a\",\"events\":{\"fail\":true,\"success\":true}},{\"user\":\"a\",\"events\":{\"success\":true}}]", "" },
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
			struct diff diff = compared(&a, spec_body(&a, &specs.items[j]), spec_body(&a, &specs.items[j]), NULL);
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
		node_put(&a, node_add(&a, x, node_map(&a)), "name",
		         node_text(&a, arena_printf(&a, "tag-%zu", i)));
		node_put(&a, node_add(&a, y, node_map(&a)), "name",
		         node_text(&a, arena_printf(&a, "tag-%zu", COUNT - i)));
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

/* ---- beside a record ---- */

static const unsigned char key[DIGEST_KEY_SIZE];

/* Of each side, as JSON without braces: what step "s" has, and behind "|" what the workflow has.  record NULL: none. */
struct three {
	const char *record, *declared, *observed, *ignore;
	bool whole;
	const char *changes;
};

static struct node *side(struct arena *a, const char *text)
{
	const char *bar = strchr(text, '|');
	const char *step = bar ? arena_strndup(a, text, (size_t)(bar - text)) : text;
	struct node *body = tree_json(a, arena_printf(a, "{\"name\":\"n\",\"steps\":{\"s\":{\"imageId\":1%s}}}", step));

	if (bar && bar[1]) {
		struct node *more = tree_json(a, arena_printf(a, "{%s}", bar + 1));
		for (size_t i = 0; i < more->count; i++)
			node_put(a, body, more->entries[i].key, more->entries[i].value);
	}
	return body;
}

static const char *reasons(struct arena *a, const struct three *t, struct diff *diff)
{
	const struct node *declared = side(a, t->declared), *observed = side(a, t->observed);
	const char *text = "";

	diff_three_way(a, &(struct diff_sides){
		.name = "n", .declared = normalise(a, declared), .observed = normalise(a, observed),
		.ignore = t->ignore ? tree_json(a, t->ignore) : NULL, .whole = t->whole,
		.record = t->record ? digest_seal(a, key, side(a, t->record)) : NULL,
		.sealed = digest_seal(a, key, declared),
	}, diff);
	for (size_t i = 0; i < diff->count; i++)
		text = arena_printf(a, "%s%s %s %s%s\n", text, change_op_word(diff->items[i].op),
		                    diff->items[i].path, reason_word(diff->items[i].reason),
		                    diff->items[i].whole ? " whole" : "");
	return text;
}

static void check_three(const struct three *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct diff diff;
		const char *got = reasons(&a, &cases[i], &diff);

		if (strcmp(got, cases[i].changes) != 0)
			fail_msg("record %s, declared %s, observed %s\nexpected\n%sgot\n%s",
			         cases[i].record ? cases[i].record : "(none)", cases[i].declared,
			         cases[i].observed, cases[i].changes, got);
		assert_int_equal(diff.removes, strstr(got, " whole") != NULL);
	}
}

#define C(text)	",\"command\":\"" text "\""
#define TIME(n)	",\"stepTimeout\":" n
#define RETRY(n)	"\"retryOptions\":{\"duration\":" n "}"
#define TAGS(n)	"\"tags\":[{\"name\":\"" n "\"}]"

static void each_change_has_its_reason(void **state)
{
	static const struct three cases[] = {
		{ C("c"), C("c"), C("c"), NULL, false, "" },
		{ C("c"), C("d"), C("c"), NULL, false, "replace /steps/s/command declared\n" },
		{ C("c"), C("c"), C("d"), NULL, false, "replace /steps/s/command drift\n" },
		{ C("c"), C("c"), "", NULL, false, "add /steps/s/command drift\n" },
		{ C("c"), C("d"), C("e"), NULL, false, "replace /steps/s/command declared\n" },
		{ C("c"), C("d"), C("d"), NULL, false, "" },
		{ "", C("c"), "", NULL, false, "add /steps/s/command declared\n" },
		{ NULL, C("c"), C("d"), NULL, false, "replace /steps/s/command adopted\n" },
		/* a list is one thing, whatever of it changed */
		{ "|" TAGS("a"), "|" TAGS("a"), "|" TAGS("b"), NULL, false, "add /tags/0 drift\nremove /tags/0 drift\n" },
		{ "|" TAGS("b"), "|" TAGS("a"), "|" TAGS("b"), NULL, false, "add /tags/0 declared\nremove /tags/0 declared\n" },
		{ NULL, "|" TAGS("a"), "|" TAGS("b"), NULL, false, "add /tags/0 adopted\nremove /tags/0 adopted\n" },
		/* a step that is too many was declared before, or was not */
		{ "|\"steps\":{\"s\":{\"imageId\":1},\"t\":{\"imageId\":1}}", "", "|\"steps\":{\"s\":{\"imageId\":1},\"t\":{"
		  "\"imageId\":1}}", NULL, false, "remove /steps/t undeclared whole\n" },
		{ "", "", "|\"steps\":{\"s\":{\"imageId\":1},\"t\":{\"imageId\":1}}", NULL, false, "remove /steps/t drift whole\n" },
		{ NULL, "", "|\"steps\":{\"s\":{\"imageId\":1},\"t\":{\"imageId\":1}}", NULL, false,
		  "remove /steps/t adopted whole\n" },
	};
	check_three(cases, ARRAY_LEN(cases));
}

static void what_only_the_record_has_must_go(void **state)
{
	static const struct three cases[] = {
		{ TIME("9"), "", TIME("9"), NULL, false, "remove /steps/s/stepTimeout undeclared whole\n" },
		{ TIME("9"), "", TIME("8"), NULL, false, "remove /steps/s/stepTimeout undeclared whole\n" },
		/* it is gone already, or as good as gone */
		{ TIME("9"), "", "", NULL, false, "" },
		{ TIME("9"), "", TIME("0"), NULL, false, "" },
		{ TIME("9"), "", ",\"stepTimeout\":null", NULL, false, "" },
		/* the service's own, and what nobody knows of */
		{ "", "", TIME("9"), NULL, false, "" },
		{ NULL, "", TIME("9"), NULL, false, "" },
		{ TIME("9"), "", TIME("9"), "[\"/steps/s/stepTimeout\"]", false, "" },
		{ TIME("9"), "", TIME("9"), "[\"/steps/*\"]", false, "" },
		/* in any depth, as far as it was declared */
		{ ",\"parameters\":{\"env\":{\"A\":\"1\",\"B\":\"1\"}}", ",\"parameters\":{\"env\":{\"A\":\"1\"}}",
		  ",\"parameters\":{\"env\":{\"A\":\"1\",\"B\":\"1\",\"C\":\"1\"}}", NULL, false,
		  "remove /steps/s/parameters/env/B undeclared whole\n" },
		{ ",\"parameters\":{\"env\":{\"A\":\"1\"}}", "", ",\"parameters\":{\"env\":{\"A\":\"1\",\"B\":\"1\"}}", NULL, false,
		  "remove /steps/s/parameters undeclared whole\n" },
		{ ",\"parameters\":{\"env\":{\"A\":\"1\"}}", "", ",\"parameters\":{\"env\":{\"A\":\"1\",\"B\":\"1\"}}",
		  "[\"/steps/s/parameters/env/B\"]", false, "remove /steps/s/parameters/env/A undeclared whole\n" },
		{ "|" TAGS("a"), "", "|" TAGS("a"), NULL, false, "remove /tags undeclared whole\n" },
		/* but not inside of a list, which is declared as a whole */
		{ "|\"watchers\":[{\"user\":\"u\",\"events\":{\"fail\":true,\"success\":true}}]",
		  "|\"watchers\":[{\"user\":\"u\",\"events\":{\"fail\":true}}]",
		  "|\"watchers\":[{\"user\":\"u\",\"events\":{\"fail\":true,\"success\":true}}]", NULL, false, "" },
		/* a step of another kind cannot keep what the old one had */
		{ C("c"), ",\"type\":\"http\",\"method\":\"get\",\"url\":\"u\",\"imageId\":null", C("c"), NULL, false,
		  "replace /steps/s/type declared whole\nadd /steps/s/method declared\nadd /steps/s/url declared\n"
		  "remove /steps/s/imageId undeclared whole\nremove /steps/s/command undeclared whole\n" },
	};
	check_three(cases, ARRAY_LEN(cases));
}

#define REPO(token)	",\"repository\":{\"url\":\"u\",\"branch\":\"b\"" token "}"
#define TOKEN(t)	",\"token\":\"" t "\""

static void what_the_service_hides_is_compared_with_the_record(void **state)
{
	static const struct three cases[] = {
		{ REPO(TOKEN("t")), REPO(TOKEN("t")), REPO(TOKEN("")), NULL, false, "" },
		{ REPO(TOKEN("t")), REPO(TOKEN("x")), REPO(TOKEN("")), NULL, false, "add /steps/s/repository/token declared\n" },
		{ REPO(""), REPO(TOKEN("x")), REPO(""), NULL, false, "add /steps/s/repository/token declared\n" },
		{ NULL, REPO(TOKEN("t")), REPO(TOKEN("")), NULL, false, "add /steps/s/repository/token adopted\n" },
		{ REPO(TOKEN("t")), REPO(""), REPO(TOKEN("")), NULL, false,
		  "remove /steps/s/repository/token undeclared whole\n" },
		{ NULL, REPO(""), REPO(TOKEN("")), NULL, false, "" },
		{ REPO(TOKEN("t")), REPO(""), REPO(TOKEN("")), "[\"/steps/s/repository/token\"]", false, "" },
		{ REPO(TOKEN("t")), REPO(""), REPO(TOKEN("")), "[\"/steps/s/repository\"]", false, "" },
		{ REPO(TOKEN("t")), REPO(""), REPO(TOKEN("")), "[\"/steps/*\"]", false, "" },
		{ REPO(TOKEN("t")), REPO(TOKEN("x")), REPO(TOKEN("")), "[\"/steps/s/repository\"]", false, "" },
		/* a service may show it all the same, or stars */
		{ NULL, REPO(TOKEN("t")), REPO(TOKEN("t")), NULL, false, "" },
		{ REPO(TOKEN("t")), REPO(TOKEN("x")), REPO(TOKEN("x")), NULL, false, "" },
		{ REPO(TOKEN("t")), REPO(TOKEN("t")), REPO(TOKEN("***")), NULL, false, "" },
		{ NULL, REPO(TOKEN("t")), REPO(TOKEN("***")), NULL, false, "add /steps/s/repository/token adopted\n" },
		{ REPO(TOKEN("t")), REPO(""), REPO(TOKEN("t")), NULL, false,
		  "remove /steps/s/repository/token undeclared whole\n" },
		/* all of it goes, or comes */
		{ REPO(TOKEN("t")), "", REPO(TOKEN("")), NULL, false, "remove /steps/s/repository undeclared whole\n" },
		{ "", REPO(TOKEN("t")), "", NULL, false, "add /steps/s/repository declared\n" },
		{ REPO(TOKEN("t")), REPO(TOKEN("t")), "", NULL, false, "add /steps/s/repository drift\n" },
		{ "", "|\"steps\":{\"s\":{\"imageId\":1},\"t\":{\"imageId\":1" REPO(TOKEN("t")) "}}", "", NULL, false,
		  "add /steps/t declared\n" },
		/* absent is not shown, null is none */
		{ "|" RETRY("9"), "|" RETRY("9"), "", NULL, false, "" },
		{ "|" RETRY("9"), "|" RETRY("8"), "", NULL, false, "add /retryOptions declared\n" },
		{ "|" RETRY("9"), "|" RETRY("9"), "|\"retryOptions\":null", NULL, false, "add /retryOptions drift\n" },
		{ NULL, "|" RETRY("9"), "", NULL, false, "add /retryOptions adopted\n" },
		{ "|" RETRY("9"), "", "", NULL, false, "remove /retryOptions undeclared whole\n" },
		{ "|" RETRY("9"), "", "|\"retryOptions\":null", NULL, false, "" },
		{ "|" RETRY("9"), "", "", "[\"/retryOptions\"]", false, "" },
		/* a secret that can be read is compared with what is read */
		{ "|\"watchers\":[{\"webhook\":{\"name\":\"n\",\"url\":\"one\",\"payload\":\"1\"}}]",
		  "|\"watchers\":[{\"webhook\":{\"name\":\"n\",\"url\":\"two\",\"payload\":\"1\"}}]",
		  "|\"watchers\":[{\"webhook\":{\"name\":\"n\",\"url\":\"one\",\"payload\":\"1\"}}]", NULL, false,
		  "replace /watchers/0/webhook/url declared\n" },
		{ "|\"watchers\":[{\"webhook\":{\"name\":\"n\",\"url\":\"one\",\"payload\":\"1\"}}]",
		  "|\"watchers\":[{\"webhook\":{\"name\":\"n\",\"url\":\"one\",\"payload\":\"1\"}}]",
		  "|\"watchers\":[{\"webhook\":{\"name\":\"n\",\"url\":\"two\",\"payload\":\"1\"}}]", NULL, false,
		  "replace /watchers/0/webhook/url drift\n" },
	};
	check_three(cases, ARRAY_LEN(cases));
}

static void a_spec_may_be_the_whole_truth(void **state)
{
	static const struct three cases[] = {
		{ NULL, "", TIME("9"), NULL, true, "remove /steps/s/stepTimeout adopted whole\n" },
		{ "", "", TIME("9"), NULL, true, "remove /steps/s/stepTimeout drift whole\n" },
		{ TIME("9"), "", TIME("9"), NULL, true, "remove /steps/s/stepTimeout undeclared whole\n" },
		{ "", "", TIME("0") ",\"parents\":[]|\"tags\":[],\"id\":7,\"novel\":1", NULL, true, "" },
		{ "", "", "|" TAGS("a"), NULL, true, "remove /tags drift whole\n" },
		{ "", "", "|\"tags\":[{\"name\":\"flowsync-default\"}]", NULL, true, "" },
		{ "", "", TIME("9") "|" TAGS("a"), "[\"/tags\",\"/steps/s\"]", true, "" },
		{ "", "", ",\"parameters\":{\"env\":{\"A\":\"1\",\"B\":\"1\"}}", "[\"/steps/s/parameters/env/A\"]", true,
		  "remove /steps/s/parameters/env/B drift whole\n" },
		/* a step goes as a whole: what is left of it would be none */
		{ "", "", "|\"steps\":{\"s\":{\"imageId\":1},\"t\":{\"imageId\":1,\"command\":\"c\"}}", "[\"/steps/t/command\"]", true,
		  "remove /steps/t drift whole\n" },
	};
	check_three(cases, ARRAY_LEN(cases));
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
		cmocka_unit_test(each_change_has_its_reason),
		cmocka_unit_test(what_only_the_record_has_must_go),
		cmocka_unit_test(what_the_service_hides_is_compared_with_the_record),
		cmocka_unit_test(a_spec_may_be_the_whole_truth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
