#include "tests/test.h"
#include "reconcile/schema/normalise.h"

#include <string.h>

#include "tests/tree.h"

#define STEP(text)	"{\"name\":\"n\",\"steps\":{\"s\":{\"type\":\"standard\"," text "}}}"

/* What an answer or a spec becomes for comparing, as it is sent, and as a request that changes nothing. */
static const struct { const char *from, *compare, *declared, *request; } cases[] = {
	/* null goes; but where absent would be unknown it is told apart from it */
	{ "{\"name\":\"n\",\"tags\":null,\"metadata\":null,\"retryOptions\":null,\"steps\":{\"s\":null}}",
	  "{\"name\":\"n\",\"metadata\":null,\"retryOptions\":null,\"steps\":{}}",
	  "{\"name\":\"n\",\"steps\":{}}", "{\"name\":\"n\",\"steps\":{}}" },
	/* the service's own */
	{ "{\"id\":1,\"name\":\"n\",\"createdAt\":\"c\",\"updatedAt\":\"u\",\"status\":\"Paused\",\"lastExecution\":{\"a\":1},"
	  "\"novel\":2,\"watchers\":[{\"user\":\"u\",\"id\":\"w\",\"events\":{\"fail\":true,\"novel\":3}}],\"steps\":{}}",
	  "{\"name\":\"n\",\"watchers\":[{\"user\":\"u\",\"events\":{\"fail\":true}}],\"steps\":{}}",
	  "{\"id\":1,\"name\":\"n\",\"createdAt\":\"c\",\"updatedAt\":\"u\",\"status\":\"Paused\",\"lastExecution\":{\"a\":1},"
	  "\"novel\":2,\"watchers\":[{\"user\":\"u\",\"id\":\"w\",\"events\":{\"fail\":true,\"novel\":3}}],\"steps\":{}}",
	  "{\"name\":\"n\",\"watchers\":[{\"user\":\"u\",\"events\":{\"fail\":true,\"novel\":3}}],\"steps\":{}}" },
	{ STEP("\"imageName\":\"i\",\"imageVersion\":\"v\",\"imageVersionId\":6"), STEP("\"imageVersionId\":6"),
	  STEP("\"imageName\":\"i\",\"imageVersion\":\"v\",\"imageVersionId\":6"), STEP("\"imageVersionId\":6") },
	/* env as a list, numbers as text */
	{ STEP("\"parameters\":{\"env\":[{\"A\":\"1\"},{\"B\":2},{\"A\":\"3\",\"C\":null}]}"),
	  STEP("\"parameters\":{\"env\":{\"A\":\"3\",\"B\":\"2\"}}"), STEP("\"parameters\":{\"env\":{\"A\":\"3\",\"B\":\"2\"}}"),
	  STEP("\"parameters\":{\"env\":{\"A\":\"3\",\"B\":\"2\"}}") },
	{ STEP("\"parameters\":{\"env\":[]}"), STEP("\"parameters\":{\"env\":{}}"), STEP("\"parameters\":{\"env\":{}}"),
	  STEP("\"parameters\":{\"env\":{}}") },
	{ STEP("\"parameters\":{\"env\":[\"A=1\"]}"), STEP("\"parameters\":{\"env\":[\"A=1\"]}"),
	  STEP("\"parameters\":{\"env\":[\"A=1\"]}"), STEP("\"parameters\":{\"env\":[\"A=1\"]}") },
	{ STEP("\"parameters\":{\"env\":{\"A\":true,\"B\":1.50,\"C\":-0.5e3}}"),
	  STEP("\"parameters\":{\"env\":{\"A\":\"true\",\"B\":\"1.50\",\"C\":\"-0.5e3\"}}"),
	  STEP("\"parameters\":{\"env\":{\"A\":\"true\",\"B\":\"1.50\",\"C\":\"-0.5e3\"}}"),
	  STEP("\"parameters\":{\"env\":{\"A\":\"true\",\"B\":\"1.50\",\"C\":\"-0.5e3\"}}") },
	{ STEP("\"executionParameters\":{\"conditional\":[{\"value\":0}]}"),
	  STEP("\"executionParameters\":{\"conditional\":[{\"value\":\"0\"}]}"),
	  STEP("\"executionParameters\":{\"conditional\":[{\"value\":\"0\"}]}"),
	  STEP("\"executionParameters\":{\"conditional\":[{\"value\":\"0\"}]}") },
	/* triggers */
	{ "{\"triggers\":[{\"cron\":\"c\",\"scheduled\":\"s\"},{\"webhook\":\"6f1d\"},{},{\"cron\":null},null]}",
	  "{\"triggers\":[{\"cron\":\"c\"},{\"webhook\":true}]}",
	  "{\"triggers\":[{\"cron\":\"c\",\"scheduled\":\"s\"},{\"webhook\":\"6f1d\"}]}",
	  "{\"triggers\":[{\"cron\":\"c\"},{\"webhook\":true,\"webhookPolicy\":\"preserve\"}]}" },
	/* a block scalar's line break; the digest of the declared form stays what it was */
	{ "{\"triggers\":[{\"cron\":\"0 0 * * *\\n\"}]}", "{\"triggers\":[{\"cron\":\"0 0 * * *\"}]}",
	  "{\"triggers\":[{\"cron\":\"0 0 * * *\\n\"}]}", "{\"triggers\":[{\"cron\":\"0 0 * * *\"}]}" },
	{ "{\"triggers\":[{\"webhook\":true,\"webhookPolicy\":\"preserve\"}]}", "{\"triggers\":[{\"webhook\":true}]}",
	  "{\"triggers\":[{\"webhook\":true,\"webhookPolicy\":\"preserve\"}]}",
	  "{\"triggers\":[{\"webhook\":true,\"webhookPolicy\":\"preserve\"}]}" },
	/* a webhook that is false is none */
	{ "{\"triggers\":[{\"cron\":\"c\",\"webhook\":false},{\"webhook\":false}]}", "{\"triggers\":[{\"cron\":\"c\"}]}",
	  "{\"triggers\":[{\"cron\":\"c\"}]}", "{\"triggers\":[{\"cron\":\"c\"}]}" },
	/* a token that is hidden */
	{ STEP("\"repository\":{\"url\":\"u\",\"token\":\"\"}"), STEP("\"repository\":{\"url\":\"u\"}"),
	  STEP("\"repository\":{\"url\":\"u\",\"token\":\"\"}"), STEP("\"repository\":{\"url\":\"u\"}") },
	{ STEP("\"repository\":{\"url\":\"u\",\"token\":\"t\"}"), STEP("\"repository\":{\"url\":\"u\",\"token\":\"t\"}"),
	  STEP("\"repository\":{\"url\":\"u\",\"token\":\"t\"}"), STEP("\"repository\":{\"url\":\"u\",\"token\":\"t\"}") },
	/* flowsync's own tags */
	{ "{\"tags\":[{\"name\":\"flowsync-a\"},{\"name\":\"b\",\"id\":7},{\"name\":\"flowsyncer\"}]}",
	  "{\"tags\":[{\"name\":\"b\"},{\"name\":\"flowsyncer\"}]}",
	  "{\"tags\":[{\"name\":\"flowsync-a\"},{\"name\":\"b\",\"id\":7},{\"name\":\"flowsyncer\"}]}",
	  "{\"tags\":[{\"name\":\"flowsync-a\"},{\"name\":\"b\",\"id\":7},{\"name\":\"flowsyncer\"}]}" },
	/* the type that is left out, in steps alone */
	{ "{\"steps\":{\"s\":{\"imageId\":1},\"t\":{\"type\":\"sql\"},\"u\":{\"type\":null,\"auth\":{}}}}",
	  "{\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":1},\"t\":{\"type\":\"sql\"},\"u\":{\"type\":\"standard\",\"auth\":{}}}}",
	  "{\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":1},\"t\":{\"type\":\"sql\"},\"u\":{\"type\":\"standard\",\"auth\":{}}}}",
	  "{\"steps\":{\"s\":{\"type\":\"standard\",\"imageId\":1},\"t\":{\"type\":\"sql\"},\"u\":{\"type\":\"standard\",\"auth\":{}}}}" },
	/* what is not as the table says stays */
	{ "{\"steps\":[1],\"triggers\":\"x\",\"tags\":{\"name\":\"flowsync-a\"},\"watchers\":[7]}",
	  "{\"steps\":[1],\"triggers\":\"x\",\"tags\":{\"name\":\"flowsync-a\"},\"watchers\":[7]}",
	  "{\"steps\":[1],\"triggers\":\"x\",\"tags\":{\"name\":\"flowsync-a\"},\"watchers\":[7]}",
	  "{\"steps\":[1],\"triggers\":\"x\",\"tags\":{\"name\":\"flowsync-a\"},\"watchers\":[7]}" },
};

static void each_form_is_as_its_header_says(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *from = tree_json(&a, cases[i].from);

		assert_string_equal(tree_text(&a, normalise(&a, from)), cases[i].compare);
		assert_string_equal(tree_text(&a, normalise_declared(&a, from)), cases[i].declared);
		assert_string_equal(tree_text(&a, normalise_request(&a, from)), cases[i].request);
		assert_string_equal(tree_text(&a, from), cases[i].from);	/* it is left as it was */
	}
}

static void normalising_twice_is_normalising_once(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *from = tree_json(&a, cases[i].from);
		struct node *compare = normalise(&a, from), *declared = normalise_declared(&a, from);
		struct node *request = normalise_request(&a, from);

		assert_string_equal(tree_text(&a, normalise(&a, compare)), tree_text(&a, compare));
		assert_string_equal(tree_text(&a, normalise_declared(&a, declared)), tree_text(&a, declared));
		assert_string_equal(tree_text(&a, normalise_request(&a, request)), tree_text(&a, request));
	}
}

static void places_stay(void **state)
{
	CLEANUP(arena_free) struct arena a = { 0 };
	struct node *n = normalise_declared(&a, tree_yaml(&a,
		"name: n\nsteps:\n  s:\n    parameters:\n      env: {A: 1, B: x}\n    parents: ~\n    command: c\n"));
	const struct { const char *pointer; int line, col; } places[] = {
		{ "", 1, 1 }, { "/name", 1, 7 }, { "/steps/s", 4, 5 }, { "/steps/s/type", 4, 5 },
		{ "/steps/s/parameters/env", 5, 12 }, { "/steps/s/parameters/env/A", 5, 16 }, { "/steps/s/command", 7, 14 },
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		assert_int_equal(node_at(n, places[i].pointer)->at.line, places[i].line);
		assert_int_equal(node_at(n, places[i].pointer)->at.col, places[i].col);
		assert_string_equal(node_at(n, places[i].pointer)->at.file, "s.yaml");
	}
	assert_int_equal(node_at(n, "/steps/s")->entries[2].at.line, 7);
	assert_int_equal(node_at(n, "/steps/s")->entries[2].at.col, 5);
}

static void scalars_are_equal_as_their_field_says(void **state)
{
	static const struct { unsigned flags; const char *x, *y; bool equal; } pairs[] = {
		{ 0, "10", "10", true }, { 0, "10", "11", false }, { 0, "10", "10.0", true }, { 0, "10", "10.5", false },
		{ 0, "10.50", "10.5", true }, { 0, "\"10\"", "10", false }, { 0, "true", "true", true },
		{ 0, "true", "\"true\"", false }, { 0, "\"a b\"", "\"ab\"", false }, { 0, "null", "null", true },
		{ FIELD_SIZE, "\"10GB\"", "\"10 GB\"", true }, { FIELD_SIZE, "\"10GB\"", "\" 10  GB \"", true },
		{ FIELD_SIZE, "\"10GB\"", "\"10Gi\"", false }, { FIELD_SIZE, "\"10GB\"", "\"10gb\"", false },
		{ FIELD_SIZE, "\"10GB\"", "\"100GB\"", false }, { FIELD_SIZE, "\"10GB\"", "10", false },
		{ FIELD_SIZE, "\"\"", "\" \"", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct field f = { "x", FIELD_TEXT, pairs[i].flags };
		struct node *x = tree_json(&a, pairs[i].x), *y = tree_json(&a, pairs[i].y);

		assert_int_equal(normal_scalars_equal(&f, x, y), pairs[i].equal);
		assert_int_equal(normal_scalars_equal(&f, y, x), pairs[i].equal);
	}
}

/* The SDK's patch puts its arguments into every step. */
static void an_update_loses_what_its_steps_cannot_have(void **state)
{
#define MORE	"\"imageId\":1,\"command\":\"c\",\"repository\":{\"branch\":\"b\"},\"resources\":{\"storage\":\"1GB\"}," \
		"\"clearImageCache\":true,\"workflowId\":7"
	static const struct { const char *from, *to, *said; } drops[] = {
		{ "{\"steps\":{\"s\":{\"imageId\":1,\"workflowId\":7,\"novel\":1,\"repository\":{\"filePath\":\"f\"}}},\"novel\":1}",
		  "{\"steps\":{\"s\":{\"imageId\":1,\"novel\":1,\"repository\":{}}},\"novel\":1}",
		  "warning: /steps/s/workflowId is left out: this step cannot have it\n"
		  "warning: /steps/s/repository/filePath is left out: this step cannot have it\n" },
		{ "{\"steps\":{\"h\":{\"type\":\"http\",\"url\":\"u\",\"auth\":{\"type\":\"basic\",\"apiKey\":\"k\"}," MORE "}}}",
		  "{\"steps\":{\"h\":{\"type\":\"http\",\"url\":\"u\",\"auth\":{\"type\":\"basic\"}}}}", NULL },
		{ "{\"steps\":{\"e\":{\"type\":\"export\",\"parameters\":{}," MORE "}}}",
		  "{\"steps\":{\"e\":{\"type\":\"export\"}}}", NULL },
		{ "{\"steps\":{\"q\":{\"type\":\"sql\",\"sqlQueryPath\":\"p\"," MORE "}}}",
		  "{\"steps\":{\"q\":{\"type\":\"sql\",\"sqlQueryPath\":\"p\"}}}", NULL },
		{ "{\"steps\":{\"q\":{\"type\":\"sql\",\"sqlQueryPath\":null,\"repository\":{\"branch\":\"b\"}}}}",
		  "{\"steps\":{\"q\":{\"type\":\"sql\",\"sqlQueryPath\":null,\"repository\":{\"branch\":\"b\"}}}}", "" },
		{ "{\"steps\":{\"q\":{\"type\":\"none\",\"imageId\":1},\"l\":[1]},\"id\":[{}]}",
		  "{\"steps\":{\"q\":{\"type\":\"none\",\"imageId\":1},\"l\":[1]},\"id\":[{}]}", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(drops); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct diagnostics faults = { .arena = &a };
		struct node *body = tree_json(&a, drops[i].from);

		assert_string_equal(tree_text(&a, normalise_own_fields(&a, body, &faults)), drops[i].to);
		assert_string_equal(tree_text(&a, body), drops[i].from);
		if (drops[i].said)
			assert_string_equal(tree_faults(&a, &faults), drops[i].said);
	}
}

static void where_a_text_ends_its_file_one_newline_does_not_count(void **state)
{
	static const struct { const char *x, *y; bool equal; } pairs[] = {
		{ "\"a\"", "\"a\\n\"", true }, { "\"a\\n\"", "\"a\\n\\n\"", true }, { "\"\"", "\"\\n\"", true },
		{ "\"a\"", "\"a\\n\\n\"", false }, { "\"a\"", "\"b\\n\"", false }, { "\"a\"", "\"a \"", false },
		{ "\"a\"", "\"\\na\"", false }, { "\"1\"", "1", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		const struct field text = { "x", FIELD_TEXT };
		struct node *x = tree_json(&a, pairs[i].x), *y = tree_json(&a, pairs[i].y);

		assert_false(normal_scalars_equal(&text, x, y));
		x->ends_file = true;
		assert_int_equal(normal_scalars_equal(&text, x, y), pairs[i].equal);
		assert_int_equal(normal_scalars_equal(&text, y, x), pairs[i].equal);
		assert_true(normal_scalars_equal(&text, x, x));
		assert_false(normal_scalars_equal(NULL, x, y));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_a_text_ends_its_file_one_newline_does_not_count),
		cmocka_unit_test(an_update_loses_what_its_steps_cannot_have),
		cmocka_unit_test(each_form_is_as_its_header_says),
		cmocka_unit_test(normalising_twice_is_normalising_once),
		cmocka_unit_test(places_stay),
		cmocka_unit_test(scalars_are_equal_as_their_field_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
