#include "tests/test.h"
#include "reconcile/plan/patch.h"

#include <string.h>

#include "reconcile/plan/spec.h"
#include "tests/tree.h"

/* What describe says of a workflow with every kind of step, a webhook beside a cron, a tag of
 * flowsync's own, and what the service adds. */
#define DESCRIBED \
	"{\"id\":7,\"name\":\"w\",\"status\":\"Available\",\"createdAt\":\"c\",\"updatedAt\":\"u\",\"lastExecution\":null," \
	"\"triggers\":[{\"cron\":\"0 0 * * *\",\"scheduled\":\"s\"},{\"webhook\":\"6f1d\"}],\"watchers\":[]," \
	"\"tags\":[{\"name\":\"t\"},{\"name\":\"flowsync-default\"}],\"retryOptions\":{\"duration\":9},\"steps\":{" \
	"\"a\":{\"type\":\"standard\",\"imageId\":1,\"imageName\":\"i\",\"command\":\"c\",\"repository\":{\"url\":\"u\"," \
	"\"branch\":\"b\",\"token\":\"\"},\"parameters\":{\"env\":[{\"X\":\"1\"},{\"Y\":\"2\"}]},\"outputParameters\":null}," \
	"\"h\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"https://x\",\"parents\":[\"a\"]}}}"

#define TRIGGERS	"\"triggers\":[{\"cron\":\"0 0 * * *\"},{\"webhook\":true,\"webhookPolicy\":\"preserve\"}]"
#define OWN		"{\"name\":\"flowsync-default\"}"
#define TOP		TRIGGERS ",\"watchers\":[],\"tags\":[{\"name\":\"t\"}," OWN "],\"retryOptions\":{\"duration\":9}"
#define REPOSITORY	"\"repository\":{\"url\":\"u\",\"branch\":\"b\"}"
#define ENV		"\"parameters\":{\"env\":{\"X\":\"1\",\"Y\":\"2\"}}"
#define A		"\"a\":{\"type\":\"standard\",\"imageId\":1,\"command\":\"c\"," REPOSITORY "," ENV "}"
#define H		"\"h\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"https://x\",\"parents\":[\"a\"]}"

static const struct {
	const char *why, *file, *name, *step, *names, *sent;
} cases[] = {
	{ "a new name, and all else as it is", NULL, "v", NULL, NULL,
	  "{\"name\":\"v\"," TOP ",\"steps\":{" A "," H "}}" },
	{ "a step's value and a new variable; maps merge", "steps: {a: {command: d, parameters: {env: {Z: '3'}}}}\n",
	  NULL, NULL, NULL,
	  "{\"name\":\"w\"," TOP ",\"steps\":{\"a\":{\"type\":\"standard\",\"imageId\":1,\"command\":\"d\"," REPOSITORY ","
	  "\"parameters\":{\"env\":{\"X\":\"1\",\"Y\":\"2\",\"Z\":\"3\"}}}," H "}}" },
	{ "a list is replaced, and a step without type stays of its own", "body: {steps: {h: {parents: []}}}\n",
	  NULL, NULL, NULL,
	  "{\"name\":\"w\"," TOP ",\"steps\":{" A ",\"h\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"https://x\","
	  "\"parents\":[]}}}" },
	{ "a new name of a step is a new step", "steps: {n: {imageId: 3, command: e, parents: [a]}}\n", NULL, NULL, NULL,
	  "{\"name\":\"w\"," TOP ",\"steps\":{" A "," H ",\"n\":{\"imageId\":3,\"command\":\"e\",\"parents\":[\"a\"]}}}" },
	{ "keys at the top are replaced as wholes; a webhook that stays keeps its address, our tag stays",
	  "name: x\ntriggers: [{webhook: true}]\ntags: [{name: z}]\nretryOptions: {numberOfRetries: 1}\n"
	  "metadata: {allowConcurrentExecution: true}\n", NULL, NULL, NULL,
	  "{\"name\":\"x\",\"triggers\":[{\"webhook\":true,\"webhookPolicy\":\"preserve\"}],\"watchers\":[],"
	  "\"tags\":[{\"name\":\"z\"}," OWN "],\"retryOptions\":{\"numberOfRetries\":1},"
	  "\"metadata\":{\"allowConcurrentExecution\":true},\"steps\":{" A "," H "}}" },
	{ "an empty list takes the triggers away", "triggers: []\n", NULL, NULL, NULL,
	  "{\"name\":\"w\",\"triggers\":[],\"watchers\":[],\"tags\":[{\"name\":\"t\"}," OWN "],\"retryOptions\":{\"duration\":9},"
	  "\"steps\":{" A "," H "}}" },
	{ "arguments go to every step that can have them, and win over the file; false and 0 are values",
	  "name: x\nsteps: {a: {command: d}, n: {imageId: 3, command: e}}\n", "y",
	  "{\"command\":\"f\",\"stepTimeout\":0,\"clearImageCache\":false,\"repository\":{\"branch\":\"k\",\"token\":\"g\"}}", NULL,
	  "{\"name\":\"y\"," TOP ",\"steps\":{\"a\":{\"type\":\"standard\",\"imageId\":1,\"command\":\"f\","
	  "\"repository\":{\"url\":\"u\",\"branch\":\"k\",\"token\":\"g\"}," ENV ",\"stepTimeout\":0,\"clearImageCache\":false}," H ","
	  "\"n\":{\"imageId\":3,\"command\":\"f\",\"stepTimeout\":0,\"clearImageCache\":false,\"repository\":{\"branch\":\"k\","
	  "\"token\":\"g\"}}}}" },
	{ "arguments for a named step, be it one that the file adds", "steps: {n: {imageId: 3, command: e}}\n", NULL,
	  "{\"imageId\":5,\"resources\":{\"storage\":\"20GB\"}}", "[\"n\"]",
	  "{\"name\":\"w\"," TOP ",\"steps\":{" A "," H ",\"n\":{\"imageId\":5,\"command\":\"e\",\"resources\":{\"storage\":\"20GB\"}}}}" },
	{ "keys that a step's type cannot have are left out, and what the SDK's patch writes by mistake",
	  "steps: {h: {imageId: 5, url: https://y, workflowId: 7}, a: {imageId: 6, workflowId: 7}}\n", NULL, NULL, NULL,
	  "{\"name\":\"w\"," TOP ",\"steps\":{\"a\":{\"type\":\"standard\",\"imageId\":6,\"command\":\"c\"," REPOSITORY "," ENV "},"
	  "\"h\":{\"type\":\"http\",\"method\":\"get\",\"url\":\"https://y\",\"parents\":[\"a\"]}}}" },
	{ "a step that becomes of another type keeps what that can have beside what is given",
	  "steps: {a: {type: sql, sqlQueryPath: q.sql}}\n", NULL, NULL, NULL,
	  "{\"name\":\"w\"," TOP ",\"steps\":{\"a\":{\"type\":\"sql\"," ENV ",\"sqlQueryPath\":\"q.sql\"}," H "}}" },
};

static const struct node *read_patch(struct arena *a, const char *yaml)
{
	static const struct vars none = { 0 };
	struct specs specs = { .arena = a, .partial = true };
	struct diagnostics faults = { .arena = a };

	assert_true(specs_read(&specs, &none, "p.yaml", yaml, strlen(yaml), &faults));
	assert_int_equal(specs.count, 1);
	return spec_body(a, &specs.items[0]);
}

static void a_patch_is_laid_over_what_is_there(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *described = tree_json(&a, DESCRIBED), *sent;
		struct err err;

		assert_true(patch_body(&a, &(struct patch){
			.body = cases[i].file ? read_patch(&a, cases[i].file) : NULL, .name = cases[i].name,
			.step = cases[i].step ? tree_json(&a, cases[i].step) : NULL,
			.names = cases[i].names ? tree_json(&a, cases[i].names) : NULL,
		}, described, &sent, &err));
		if (!node_equal(sent, tree_json(&a, cases[i].sent)))
			fail_msg("%s\n%s\n%s", cases[i].why, tree_text(&a, sent), cases[i].sent);
		assert_string_equal(tree_text(&a, described), DESCRIBED);
	}
}

static void what_no_step_can_have_is_refused(void **state)
{
	static const struct { const char *step, *names, *said; } refused[] = {
		{ "{\"command\":\"c\"}", "[\"a\",\"x\"]", "the workflow has no step \"x\"" },
		{ "{\"command\":\"c\"}", "[\"a\",\"h\"]", "step \"h\" is of type http, which takes no \"command\"" },
		{ "{\"table\":\"c\"}", NULL, "the workflow has no step that takes \"table\"" },
	};
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct node *sent = NULL;
		struct err err;

		assert_false(patch_body(&a, &(struct patch){
			.step = tree_json(&a, refused[i].step),
			.names = refused[i].names ? tree_json(&a, refused[i].names) : NULL,
		}, tree_json(&a, DESCRIBED), &sent, &err));
		assert_string_equal(err.msg, refused[i].said);
		assert_null(sent);
	}
}

static void a_patch_file_needs_nothing_but_what_stands_in_it_has_to_be_right(void **state)
{
	static const struct { const char *yaml, *said; } wrong[] = {
		{ "body: {}\n", "" },
		{ "steps: {h: {url: https://y, parents: [not-here]}}\n", "" },
		{ "steps: {h: {urk: https://y}}\n", "p.yaml:1:13: /steps/h: unknown field \"urk\"; did you mean \"url\"?\n" },
		{ "steps: {h: {type: sql, url: y}}\n",
		  "p.yaml:1:24: /steps/h: \"url\" is not allowed in a step of type sql, only in http\n" },
		{ "watchers: [{user: u}]\n", "p.yaml:1:12: /watchers/0: \"events\" is missing\n" },
		{ "tags: [{name: flowsync-x}]\n",
		  "p.yaml:1:8: /tags/0: tags that begin with \"flowsync-\" are reserved for flowsync\n" },
		{ "name: 7\n", "p.yaml:1:7: /name: expected text, found a number; quote it if it is meant as text\n" },
	};
	static const struct vars none = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CLEANUP(arena_free) struct arena a = { 0 };
		struct specs specs = { .arena = &a, .partial = true };
		struct diagnostics faults = { .arena = &a };

		assert_int_equal(specs_read(&specs, &none, "p.yaml", wrong[i].yaml, strlen(wrong[i].yaml), &faults),
		                 !*wrong[i].said);
		assert_string_equal(tree_faults(&a, &faults), wrong[i].said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_patch_is_laid_over_what_is_there),
		cmocka_unit_test(what_no_step_can_have_is_refused),
		cmocka_unit_test(a_patch_file_needs_nothing_but_what_stands_in_it_has_to_be_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
